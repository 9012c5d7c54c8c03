"""A product's photos to one prediction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.builders.bundles import brightness_gate, colour_of, colour_photo, photo_of, tiny_bundle

from catalens.core.bundle import Bundle
from catalens.core.errors import PromiseError, UnreadableImage
from catalens.core.scores import softmax
from catalens.predict.predictor import DEFAULT_PROMISE, Photo, Predictor


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("predictor") / "tiny.bundle")


@pytest.fixture(scope="module")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor(bundle)


def _photo(leaf: str) -> Photo:
    return Photo(f"{leaf}.png", photo_of(leaf))


def _between(first: str, second: str) -> bytes:
    red, green, blue = ((a + b) // 2 for a, b in zip(colour_of(first), colour_of(second), strict=True))
    return colour_photo((red, green, blue))


def test_one_photo_is_filed_with_its_path(predictor: Predictor, bundle: Bundle) -> None:
    prediction = predictor.predict([_photo("banana")], id="sku-1")
    assert (prediction.id, prediction.model) == ("sku-1", bundle.name)
    assert (prediction.decision.action, prediction.decision.node) == ("file", "banana")
    assert prediction.decision.promise == DEFAULT_PROMISE
    assert prediction.labels[0].path == ("Grocery", "Fruit", "Banana")
    assert len(prediction.labels) == 5
    assert set(prediction.timings_ms) == {"decode_ms", "model_ms", "decide_ms"}
    assert min(prediction.timings_ms.values()) > 0


def test_between_two_kinds_of_a_family_it_climbs(predictor: Predictor) -> None:
    decision = predictor.predict([Photo("mix", _between("sneaker", "boot"))]).decision
    assert (decision.action, decision.node) == ("file", "Fashion > Footwear")


def test_photos_are_averaged_as_log_probabilities_with_the_temperature(predictor: Predictor, bundle: Bundle) -> None:
    photos = [Photo("a", _between("sneaker", "boot")), _photo("sneaker")]
    squares = predictor.read(photos)
    logits = predictor.session.run(squares.pixels)[0].astype(np.float64)
    expected = softmax(logits.mean(axis=0, keepdims=True), bundle.manifest.temperature)[0]
    got = predictor.predict(photos, top=99).labels
    assert [label.score for label in got] == pytest.approx(sorted(expected, reverse=True))


def test_photos_that_show_different_things_go_to_a_person(predictor: Predictor) -> None:
    decision = predictor.predict([_photo("sneaker"), _photo("lamp")]).decision
    assert (decision.action, decision.node, decision.promise) == ("review", None, None)
    assert "sneaker.png looks like Sneaker" in decision.reason
    assert "lamp.png looks like Lamp" in decision.reason


def test_a_bad_photo_is_a_finding_and_the_others_decide(predictor: Predictor) -> None:
    prediction = predictor.predict([Photo("broken.jpg", b"nothing"), _photo("apple")])
    assert prediction.decision.node == "apple"
    assert [(finding.source, finding.cause) for finding in prediction.findings] == [("broken.jpg", "unreadable")]
    assert "7 bytes" in prediction.findings[0].detail


def test_no_usable_photo_is_rejected_with_the_cause(predictor: Predictor) -> None:
    look = predictor.look([Photo("empty.jpg", b"")])
    assert look.embedding is None
    assert look.prediction.decision.action == "reject"
    assert "0 bytes" in look.prediction.decision.reason
    assert look.prediction.labels == ()
    assert predictor.predict([]).decision.reason == "No photo of the product could be used: it has none."


def test_a_bomb_is_a_finding_called_too_large(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr(predictor.bundle, "preprocess", replace(predictor.bundle.preprocess, max_pixels=100))
    prediction = predictor.predict([_photo("apple")])
    assert prediction.decision.action == "reject"
    assert prediction.findings[0].cause == "too large"


def test_look_runs_the_graph_once_and_embed_agrees(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [_photo("shirt"), Photo("b", colour_photo(colour_of("shirt"), size=(80, 20)))]
    calls: list[int] = []
    run = predictor.session.run
    monkeypatch.setattr(predictor.session, "run", lambda pixels: calls.append(len(pixels)) or run(pixels))
    look = predictor.look(photos)
    assert calls == [2]
    assert look.embedding is not None
    assert np.linalg.norm(look.embedding) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(predictor.embed(photos), look.embedding, atol=1e-6)


def test_embed_raises_on_a_bad_photo_by_name(predictor: Predictor) -> None:
    with pytest.raises(UnreadableImage, match=r"^bad\.png: "):
        predictor.embed([_photo("shirt"), Photo("bad.png", b"x")])


def test_a_promise_the_bundle_does_not_make_is_an_error_even_for_a_bad_photo(predictor: Predictor) -> None:
    with pytest.raises(PromiseError, match=r"no promise of 0\.97; this bundle makes 0\.9, 0\.95, 0\.98, 0\.99"):
        predictor.predict([Photo("x", b"")], promise=0.97)


def test_a_bundle_without_promises_suggests(tmp_path: Path) -> None:
    decision = Predictor(tiny_bundle(tmp_path / "b", promises=())).predict([_photo("apple")]).decision
    assert decision.action == "suggest"
    assert decision.reason.startswith("This bundle makes no promises: ask a person; best guesses Apple")


def test_json_has_the_keys_machines_read(predictor: Predictor) -> None:
    values = json.loads(json.dumps(predictor.predict([_photo("apple")], id="7").to_json()))
    assert {"id", "decision", "labels", "open_world", "findings", "model"} <= set(values)
    assert {"action", "node", "path", "level", "confidence", "promise"} <= set(values["decision"])
    assert set(values["labels"][0]) == {"id", "path", "score"}


def test_a_gate_weighs_the_photos(tmp_path: Path, predictor: Predictor) -> None:
    """A dark photo makes an apple of a sneaker by the mean; the gate hardly looks at it."""
    gated = Predictor(tiny_bundle(tmp_path / "gated.bundle", fusion=brightness_gate()))
    photos = [_photo("sneaker"), Photo("dark.png", colour_photo((0, 0, 150)))]
    alone = gated.predict(photos[:1])
    assert alone.labels == predictor.predict(photos[:1]).labels
    assert predictor.predict(photos).labels[0].id != "sneaker"
    together = gated.predict(photos)
    assert together.labels[0].id == "sneaker"
    assert gated.predict(photos[::-1]).labels[0].score == pytest.approx(together.labels[0].score, rel=1e-6)


def test_a_gate_does_not_silence_a_disagreement(tmp_path: Path) -> None:
    gated = Predictor(tiny_bundle(tmp_path / "gated.bundle", fusion=brightness_gate()))
    assert gated.predict([_photo("sneaker"), _photo("lamp")]).decision.action == "review"
