"""Heads for attributes: what they learn, what they leave alone, and that they come through to the report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tests.builders.catalogs import striped_catalog
from torch.nn import functional as F

from catalens.cli.main import catalens as cli
from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.errors import BundleCorrupt, BundleIncompatible, ConfigError
from catalens.core.preprocess import Preprocess
from catalens.core.scores import Scores
from catalens.evaluate.attributes import attribute_figures
from catalens.export.run import ExportSettings
from catalens.export.run import run as export
from catalens.predict.doctor import examine
from catalens.predict.predictor import Photo, Predictor
from catalens.predict.session import Session
from catalens.train.attributes import Vocabulary, learn, loss
from catalens.train.backbones import create
from catalens.train.checkpoint import load_run
from catalens.train.dataset import photos_of
from catalens.train.model import build
from catalens.train.run import run
from catalens.train.settings import TrainSettings

SETTINGS = TrainSettings(
    model="lightweight_cnn", size=32, epochs=8, batch=8, workers=0, attributes=("colour",), augment="none", seed=1,
    tracking="none", ema=0, dropout=0, lr=3e-3, warmup_epochs=0, attribute_weight=1.0, keep="last",
)  # fmt: skip


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return striped_catalog(tmp_path_factory.mktemp("attributes") / "c.catalog")


@pytest.fixture(scope="module")
def bundle(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("attributes")
    run(catalog, folder / "run", SETTINGS)
    return export(folder / "run", folder / "b.bundle", ExportSettings())


def given(catalog: Catalog, attributes: dict[str, dict[str, str]]) -> Catalog:
    """The catalog, opened anew, with these attributes; none for the other products."""
    other = Catalog(catalog.path)
    other.__dict__["attributes"] = {product: attributes.get(product, {}) for product in catalog.categories}
    return other


@pytest.mark.parametrize("given", ["a, b", ["a", "b"]], ids=["text", "list"])
def test_names_are_a_list_or_text(given: object) -> None:
    assert TrainSettings.model_validate({"attributes": given}).attributes == ("a", "b")


def test_values_are_learnt_from_train(catalog: Catalog) -> None:
    vocabulary = learn(catalog, SETTINGS)
    assert vocabulary.to_json() == {"colour": ["cold", "warm"]}
    assert vocabulary.sizes == {"colour": 2}
    assert Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json()))) == vocabulary


def test_rare_values_and_those_that_say_nothing_are_not_known(catalog: Catalog) -> None:
    train = [product for product, part in catalog.split.items() if part == "train"]
    said = ["red"] * 3 + ["blue"] * 3 + ["odd"] + ["NA"] * 5 + [""] * 5
    changed = given(catalog, {product: {"colour": value} for product, value in zip(train, said, strict=False)})
    vocabulary = learn(changed, SETTINGS.model_copy(update={"min_products": 2}))
    assert vocabulary.values == (("blue", "red"),)
    labels = vocabulary.labels(changed, [train[0], train[3], train[6], train[7], train[12], train[-1]])
    assert labels.tolist() == [[1], [0], [-1], [-1], [-1], [-1]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attributes": ("color",)}, "no attribute 'color'; did you mean 'colour'.*it has colour"),
        ({"min_products": 13}, "has 0 values with 13 products in train; there is nothing to tell apart"),
        ({"mixup": 0.2}, "all are mixed; set train.mix_share=0.5"),
    ],
    ids=["unknown", "nothing to tell apart", "all mixed"],
)
def test_what_cannot_be_trained_is_said(catalog: Catalog, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        learn(catalog, SETTINGS.model_copy(update=changes))


def test_no_attributes_are_no_column(catalog: Catalog) -> None:
    vocabulary = learn(catalog, TrainSettings())
    assert photos_of(catalog, "train", catalog.taxonomy, vocabulary).targets.ndim == 1
    targets = photos_of(catalog, "train", catalog.taxonomy, learn(catalog, SETTINGS)).targets
    assert targets.shape == (48, 2)
    assert set(targets[:, 1].tolist()) == {0, 1}


def test_the_loss_is_that_of_what_is_known() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(4, 3, generator=generator), torch.randn(4, 2, generator=generator)
    labels = torch.tensor([[0, -1], [2, 1], [-1, -1], [1, -1]])
    expected = F.cross_entropy(first[[0, 1, 3]], torch.tensor([0, 2, 1])) + F.cross_entropy(
        second[[1]], torch.tensor([1])
    )
    assert torch.allclose(loss((first, second), labels), expected)


def test_a_batch_that_knows_nothing_is_no_loss_and_no_nan() -> None:
    logits = torch.randn(3, 2, requires_grad=True)
    nothing = loss((logits,), torch.full((3, 1), -1))
    nothing.backward()
    assert nothing.item() == 0
    assert torch.equal(logits.grad, torch.zeros(3, 2))


def test_heads_change_nothing_of_the_category() -> None:
    pixels = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    made = []
    for attributes in (None, {"colour": 4, "a.b": 2}):
        torch.manual_seed(3)
        backbone = create("lightweight_cnn", size=32)
        made.append(build(backbone, Preprocess(size=32), classes=5, dropout=0.0, attributes=attributes).eval())
    with torch.no_grad():
        plain, several = made[0](pixels), made[1](pixels)
    assert [output.shape[1] for output in several] == [5, 128, 4, 2]
    assert torch.equal(plain[1], several[1])
    assert set(made[0].state_dict()) < set(made[1].state_dict()), "an older run's weights still load"


def test_a_run_learns_them_and_is_opened_with_them(bundle: Bundle, catalog: Catalog) -> None:
    assert bundle.manifest.heads == ["category", "attribute.colour"]
    assert bundle.manifest.attributes == {"colour": ["cold", "warm"]}
    trained = load_run(bundle.path.parent / "run")
    with (bundle.path.parent / "run" / "metrics.csv").open() as file:
        assert float(list(csv.DictReader(file))[-1]["val_colour_top1"]) == 1.0
    assert trained.model.attributes == ("colour",)
    logits, embedding, colour = Session(bundle).run(np.zeros((3, 32, 32, 3), np.uint8))
    assert (logits.shape, embedding.shape[0], colour.shape) == ((3, 4), 3, (3, 2))


def test_a_product_gets_its_value(bundle: Bundle, catalog: Catalog) -> None:
    images = catalog.images_of("test").slice(0, 2).to_pylist()
    photos = [Photo(row["image_id"], catalog.photos.read(row["shard"], row["row"])) for row in images]
    said = Predictor(bundle).predict(photos).to_json()
    assert list(said["attributes"]) == ["colour"]
    assert said["attributes"]["colour"]["value"] == catalog.attributes[images[0]["product_id"]]["colour"]
    assert 0.5 <= said["attributes"]["colour"]["score"] <= 1
    assert Predictor(bundle).predict([Photo("bad", b"nothing")]).to_json()["attributes"] == {}


def test_the_report_has_them_and_the_doctor_agrees(bundle: Bundle, catalog: Catalog) -> None:
    result = CliRunner().invoke(cli, ["evaluate", str(bundle.path), str(catalog.path), "--json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["attributes"]
    assert (row["attribute"], row["products"], row["untrained"]) == ("colour", 8, 0)
    assert row["top1"] >= 0.9 > row["majority"]
    assert all(check.ok for check in examine(bundle.path))


def test_only_products_with_a_value_are_measured() -> None:
    logits = np.array([[2, 0], [0, 1], [0, 3], [1, 0]], np.float32)
    scores = Scores(("1", "2", "3", "4"), ("a", "a", "b", "c"), np.zeros((4, 1)), np.zeros((4, 1)), (logits,))
    truth = {"a": {"colour": "red"}, "b": {"colour": "green"}, "c": {"colour": "NA"}}
    assert attribute_figures(scores, {"colour": ["red", "blue"]}, truth) == [
        {"attribute": "colour", "products": 1, "top1": 1.0, "majority": 1.0, "untrained": 1}
    ]


def test_a_graph_without_the_head_is_refused(bundle: Bundle) -> None:
    sizes = {"classes": 4, "embedding_dim": bundle.manifest.embedding_dim}
    with pytest.raises(BundleIncompatible, match=r"expected the graph to have .*got .*attribute\.colour"):
        Session.of_graph(bundle.model_path, preprocess=bundle.preprocess, **sizes)
    with pytest.raises(BundleIncompatible, match=r"expected attribute\.colour to be"):
        Session.of_graph(bundle.model_path, preprocess=bundle.preprocess, attributes={"colour": 3}, **sizes)


def test_heads_that_are_not_those_of_the_values_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    import shutil

    from catalens.core import bundle as module

    shutil.copytree(bundle.path, tmp_path / "b.bundle")
    path = tmp_path / "b.bundle" / "manifest.json"
    values = json.loads(path.read_text())
    values["heads"] = ["category"]
    values["version"] = module._version(values)
    path.write_text(json.dumps(values))
    with pytest.raises(BundleCorrupt, match="expected heads"):
        Bundle(tmp_path / "b.bundle")
