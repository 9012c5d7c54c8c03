"""`run` counts what it should per product and per photo, and `catalens evaluate` says it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.builders.bundles import brightness_gate, colour_photo, photo_of, tiny_bundle
from tests.builders.catalogs import striped_catalog

from catalens.cli.evaluate import command
from catalens.core.calibrator import Calibrator
from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError, ConfigError, GateFailed
from catalens.core.fusion import Fusion
from catalens.core.promise import LevelRule, Promise
from catalens.core.rules import Rules
from catalens.core.scores import Scores
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import Evaluation, gate, outcomes, run
from catalens.predict.predictor import Photo, Predictor
from catalens.predict.submit import Dump, DumpPhoto, DumpRow, submit

FRUIT = Taxonomy.from_paths(
    {"apple": ["Fruit", "Apple"], "pear": ["Fruit", "Pear"], "milk": ["Dairy", "Milk"]}, level_names=("group", "kind")
)
# in output order: milk, apple, pear
DESIGN_KEYS = {
    *("top1", "top5", "macro_recall", "levels", "products", "images", "ece", "nll", "coverage", "per_class"),
    *("confusions", "many", "medium", "few", "digests"),
}


def scores_of(photos: Sequence[tuple[str, Sequence[float]]]) -> Scores:
    """(product, probabilities of milk, apple, pear) a photo."""
    names = tuple(product for product, _ in photos)
    logits = np.log(np.array([values for _, values in photos])).astype(np.float32)
    return Scores(tuple(f"i{n}" for n in range(len(photos))), names, logits, np.zeros((len(photos), 2), np.float32))


PHOTOS = [
    ("p", (0.1, 0.6, 0.3)),  # apple, and so it is
    ("q", (0.2, 0.5, 0.3)),  # one photo says apple ...
    ("s", (0.7, 0.2, 0.1)),  # of no category: outside
    ("q", (0.1, 0.1, 0.8)),  # ... the other surely pear: together pear
    ("r", (0.5, 0.3, 0.2)),  # milk, but it is a pear
    ("t", (0.7, 0.2, 0.1)),  # of a category the model does not know: outside
    ("u", (0.8, 0.1, 0.1)),  # milk
]
TRUTH = {"p": "apple", "q": "pear", "r": "pear", "s": None, "t": "cheese", "u": "milk", "other": "apple"}
# milk at least 0.7 sure, else the group at least 0.8 sure
PROMISE = Promise(0.9, 0.05, (LevelRule(1, 0.7), LevelRule(0, 0.8)))


def evaluated(**more: object) -> Evaluation:
    return run(scores_of(PHOTOS), TRUTH, FRUIT, rules=Rules(Calibrator(1.0), (PROMISE,)), **more)  # type: ignore[arg-type]


def test_counts_by_hand():
    result = evaluated()
    assert (result.products, result.images, result.outside) == (4, 5, 2)
    assert result.top1 == pytest.approx(3 / 4)
    assert result.top5 == 1.0
    assert result.macro_recall == pytest.approx((1 + 0.5 + 1) / 3)
    assert result.levels == [{"level": "group", "top1": 0.75}, {"level": "kind", "top1": 0.75}]
    assert result.per_image["top1"] == pytest.approx(3 / 5)
    assert [(row["truth"], row["predicted"], row["count"]) for row in result.confusions] == [("pear", "milk", 1)]
    assert result.confusions[0]["truth_path"] == ["Fruit", "Pear"]


def test_a_product_is_the_geometric_mean_of_its_photos():
    together = np.sqrt(np.array([0.2 * 0.1, 0.5 * 0.1, 0.3 * 0.8]))
    place = evaluated().outcomes.product_ids.index("q")
    assert evaluated().outcomes.confidence[place] == pytest.approx((together / together.sum()).max(), rel=1e-6)


def test_nll_and_temperature():
    q = np.sqrt(np.array([0.2 * 0.1, 0.5 * 0.1, 0.3 * 0.8]))
    expected = -np.mean(np.log([0.6, (q / q.sum())[2], 0.2, 0.8]))
    assert evaluated().nll == pytest.approx(expected, rel=1e-5)
    warm = run(scores_of(PHOTOS), TRUTH, FRUIT, rules=Rules(Calibrator(2.0)))
    assert warm.before_temperature["nll"] == pytest.approx(expected, rel=1e-5)
    assert warm.nll != pytest.approx(expected, rel=1e-3)
    assert warm.top1 == evaluated().top1


def test_coverage_by_hand():
    # u: milk at 0.8, so at its kind; p: fruit at 0.9, q: fruit at 0.83, so at their group; r: unsure at both
    (one,) = evaluated().coverage
    assert one.filed == pytest.approx(3 / 4)
    assert one.precision == 1.0
    assert [(level.level, level.filed, level.precision) for level in one.by_level] == [
        ("kind", 0.25, 1.0),
        ("group", 0.5, 1.0),
    ]


def test_per_class_worst_first_and_training_counts():
    result = evaluated(train_counts={"apple": 200, "pear": 50, "milk": 3})
    assert [(row["id"], row["recall"], row["precision"], row["train"]) for row in result.per_class] == [
        ("pear", 0.5, 1.0, 50),
        ("milk", 1.0, 0.5, 3),
        ("apple", 1.0, 1.0, 200),
    ]
    assert result.many is not None
    assert result.medium is not None
    assert (result.many.top1, result.medium.top1) == (1.0, 0.5)
    assert evaluated().many is None


def test_json_has_the_keys_that_machines_read():
    values = evaluated(digests={"bundle": "abc"}).to_json()
    assert set(values) >= DESIGN_KEYS
    assert set(values["coverage"]) == {"0.9"}
    assert set(values["coverage"]["0.9"]) >= {"filed", "precision", "by_level"}
    assert values["digests"] == {"bundle": "abc"}
    assert json.loads(json.dumps(values, allow_nan=False)) == json.loads(json.dumps(values))


def test_blocks_and_the_order_of_photos_change_nothing(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    photos = [(f"p{n % 13}", rng.dirichlet(np.ones(3))) for n in range(40)]
    truth = {f"p{n}": ("apple", "pear", "milk")[n % 3] for n in range(13)}

    def figures() -> dict[str, object]:
        values = run(scores_of(photos), truth, FRUIT, rules=Rules(Calibrator(1.3), (PROMISE,))).to_json()
        return {key: values[key] for key in ("top1", "per_image", "coverage", "per_class", "confusions")}

    whole = figures()
    monkeypatch.setattr(outcomes, "BLOCK", 4)
    assert figures() == whole
    photos.reverse()
    assert figures() == whole


def test_no_product_that_the_model_knows():
    with pytest.raises(CatalogError, match="none of the 6 products is of a category that the model knows"):
        run(scores_of(PHOTOS), {"p": "cheese"}, FRUIT, rules=Rules(Calibrator(1.0)))


@pytest.mark.parametrize("require", [{}, {"top1": 0.75, "filed@0.9": 0.7, "precision@0.9": 1.0, "top1@group": 0.5}])
def test_a_gate_that_is_passed(require: dict[str, float]):
    gate.check(evaluated(), require)


def test_a_gate_that_is_not_passed_names_every_figure():
    with pytest.raises(GateFailed, match=r"top1 0\.7500, required 0\.8; macro_recall 0\.8333, required 0\.9"):
        gate.check(evaluated(), {"top1": 0.8, "top5": 0.5, "macro_recall": 0.9})


def test_a_gate_on_an_unknown_figure():
    with pytest.raises(ConfigError, match="cannot require 'top2'; did you mean 'top"):
        gate.check(evaluated(), {"top2": 0.8})


def split_anew(folder: Path, catalog: Catalog) -> Path:
    """A bundle that says it was trained on this catalog, but on other photos than its part train holds now."""
    trained = {"catalog": {"digest": catalog.digest}, "train_digest": "0" * 64}
    return tiny_bundle(folder, taxonomy=catalog.taxonomy, training=trained).path


def test_the_verb(tmp_path: Path):
    catalog = striped_catalog(tmp_path / "shop.catalog")
    trained = {"train_counts": dict.fromkeys(catalog.taxonomy.leaves, 20)}
    tiny_bundle(tmp_path / "tiny.bundle", taxonomy=catalog.taxonomy, training=trained)
    arguments = [str(tmp_path / "tiny.bundle"), str(tmp_path / "shop.catalog"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    values = json.loads(result.stdout)
    assert (values["split"], values["products"], values["images"], values["unreadable"]) == ("test", 8, 16, 0)
    assert set(values) >= DESIGN_KEYS
    assert [values[size]["categories"] for size in ("many", "medium", "few")] == [0, 4, 0], "what the bundle says"
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8")) == values
    assert result.stderr.startswith("At 98 % promised precision, ")

    anew_bundle = split_anew(tmp_path / "anew.bundle", catalog)
    anew = CliRunner().invoke(command, [str(anew_bundle), str(tmp_path / "shop.catalog")])
    assert isinstance(anew.exception, CatalogError)
    assert "is not what the model was trained on" in str(anew.exception)

    refused = CliRunner().invoke(command, [*arguments, "--split", "val", "--require", "top1=1.01"])
    assert isinstance(refused.exception, GateFailed)
    missing = CliRunner().invoke(command, [*arguments, "--split", "tset"])
    assert isinstance(missing.exception, CatalogError)


def gated_photos() -> tuple[Scores, Fusion]:
    """`PHOTOS`, where the gate believes the first photo of product q, which says apple."""
    scores = scores_of(PHOTOS)
    scores.embeddings[1, 0] = 1.0
    return scores, Fusion("gated", np.array([10.0, 0.0], np.float32))


def test_the_fusion_puts_photos_together_and_the_mean_is_told_beside_it():
    scores, gate = gated_photos()
    result = run(scores, TRUTH, FRUIT, rules=Rules(Calibrator(1.0), (PROMISE,)), fusion=gate)
    assert result.fusion == "gated"
    assert result.top1 == pytest.approx(2 / 4)
    assert result.several == {"products": 1, "top1": 0.0, "mean_top1": 1.0}
    assert result.per_image == evaluated().per_image
    assert evaluated().several == {"products": 1, "top1": 1.0, "mean_top1": 1.0}
    assert evaluated().fusion == "mean"


def test_the_same_product_answer_by_evaluate_predict_and_submit(tmp_path: Path):
    """A gated bundle; two photos a product, one of them darkened, so that the gate and the mean differ."""
    bundle = tiny_bundle(tmp_path / "gated.bundle", fusion=brightness_gate())
    mean = tiny_bundle(tmp_path / "mean.bundle")
    rng = np.random.default_rng(3)
    leaves = bundle.taxonomy.leaves
    photos = {
        f"p{number}": [photo_of(leaves[number % len(leaves)]), colour_photo(tuple(rng.integers(0, 160, 3).tolist()))]
        for number in range(20)
    }
    predictor, averaging = Predictor(bundle), Predictor(mean)
    predicted, averaged = (
        {
            product: one.predict([Photo(str(n), data) for n, data in enumerate(files)]).labels[0]
            for product, files in photos.items()
        }
        for one in (predictor, averaging)
    )
    assert [predicted[product].id for product in photos] != [averaged[product].id for product in photos]

    files = [(product, data) for product, several in photos.items() for data in several]
    squares = np.stack([bundle.preprocess.square(data) for _, data in files])
    scores = Scores(
        tuple(str(n) for n in range(len(files))),
        tuple(product for product, _ in files),
        *predictor.session.run(squares)[:2],
    )
    truth = {product: leaves[number % len(leaves)] for number, product in enumerate(photos)}
    temperature = bundle.manifest.temperature
    outcomes = run(scores, truth, bundle.taxonomy, rules=Rules(Calibrator(temperature)), fusion=bundle.fusion).outcomes
    assert {product: leaves[top] for product, top in zip(outcomes.product_ids, outcomes.top[:, 0], strict=True)} == {
        product: label.id for product, label in predicted.items()
    }
    for product, confidence in zip(outcomes.product_ids, outcomes.confidence, strict=True):
        assert confidence == pytest.approx(predicted[product].score, abs=1e-6)

    rows = [
        DumpRow(number + 1, product, [DumpPhoto(str(n), lambda data=data: data) for n, data in enumerate(several)])
        for number, (product, several) in enumerate(photos.items())
    ]
    submit(predictor, Dump({"dump": "test"}, len(rows), lambda cursor: rows[cursor:]), tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()[1:]
    assert lines == [f"{product},{predicted[product].id}" for product in photos]
