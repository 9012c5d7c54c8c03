"""Several networks and views in one graph: the geometric mean, refused where it would mix what does not belong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.builders.catalogs import striped_catalog
from tests.builders.networks import small_network, small_run

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError
from catalens.core.preprocess import Preprocess
from catalens.core.scores import log_softmax
from catalens.export import run as export
from catalens.export.averaged import Averaged, average
from catalens.export.run import ExportSettings
from catalens.export.speed import alone_ms
from catalens.predict.session import Session

PREPROCESS = Preprocess(size=64)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return striped_catalog(tmp_path / "shop.catalog", products=48, photos=1)


def _pixels(count: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def _said(model: torch.nn.Module, pixels: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        logits, embedding, *_ = model(pixels)
    return log_softmax(logits.numpy()), embedding.numpy()


def test_two_networks_and_a_mirror_are_the_mean_of_four_log_probabilities() -> None:
    networks = [small_network(PREPROCESS, 5, seed=seed) for seed in (0, 1)]
    pixels = _pixels()
    views = [pixels, pixels.flip(2)]
    expected = np.mean([_said(network, view)[0] for network in networks for view in views], axis=0)
    model = Averaged(networks, flip=True).eval()
    got, embedding = _said(model, pixels)
    assert model.passes == 4
    np.testing.assert_allclose(got, log_softmax(expected), atol=1e-4)
    assert embedding.shape == (3, 32)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)


def test_a_mirror_image_gets_the_same_answer() -> None:
    model = Averaged([small_network(PREPROCESS, 5)], flip=True).eval()
    pixels = _pixels()
    for one, other in zip(_said(model, pixels), _said(model, pixels.flip(2)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_scales_are_looked_at_too() -> None:
    network = small_network(PREPROCESS, 5)
    plain, scaled = (_said(Averaged([network], flip=False, scales=scales), _pixels())[0] for scales in ((1,), (1, 2)))
    assert np.abs(plain - scaled).max() > 1e-3


def test_one_run_and_one_view_stay_as_they_are(catalog: Catalog) -> None:
    run = small_run(catalog)
    assert average([run], flip=False, scales=(1.0,)) is run.model


def test_the_bundle_answers_as_the_average_does(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {"a": small_run(catalog), "b": small_run(catalog)}
    runs["b"] = replace(runs["b"], model=small_network(runs["b"].preprocess, 4, seed=9))
    monkeypatch.setattr(export, "load_run", lambda folder, weights: runs[folder.name])
    settings = ExportSettings(members=(tmp_path / "b",), flip=True, scales=(1.0, 2.0))
    bundle = export.run(tmp_path / "a", tmp_path / "two.bundle", settings)
    averaging = bundle.manifest.training["export"]["averaging"]
    assert averaging == {"networks": 2, "flip": True, "scales": [1.0, 2.0], "passes": 8}
    assert bundle.manifest.embedding_dim == 32
    pixels = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    model = average(list(runs.values()), flip=True, scales=(1.0, 2.0))
    np.testing.assert_allclose(Session(bundle).run(pixels.numpy())[0], model(pixels)[0].detach().numpy(), atol=1e-3)
    assert "8 passes" in (bundle.path / "card.md").read_text()
    assert alone_ms(runs["a"]) > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("taxonomy", "different categories"),
        ("train_digest", "trained on different products"),
        ("preprocess", "see photos differently: 32 px"),
        ("attributes", "heads for different attributes"),
    ],
)
def test_runs_that_do_not_fit_are_refused(catalog: Catalog, change: str, words: str) -> None:
    first, other = small_run(catalog), small_run(catalog)
    if change == "taxonomy":
        other = replace(other, taxonomy=other.taxonomy.subset(other.taxonomy.leaves[:2]))
    elif change == "preprocess":
        other = replace(other, preprocess=Preprocess(size=48))
    else:
        other.info[change] = {"colour": ["red"]} if change == "attributes" else "other"
    with pytest.raises(ConfigError, match=words):
        average([first, other], flip=False, scales=(1.0,))


def test_a_network_of_one_size_takes_no_scales(catalog: Catalog) -> None:
    run = small_run(catalog)
    run.model.register_buffer("pos_embed", torch.zeros(1))
    with pytest.raises(ConfigError, match="one size"):
        average([run], flip=False, scales=(1.0, 2.0))
    assert average([run], flip=True, scales=(1.0,)) is not run.model
