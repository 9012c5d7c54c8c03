"""Photos in, batches out: the same for the same (seed, epoch, photo), with or without worker processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from tests.builders.catalogs import striped_catalog

from catalens.core.errors import CatalogError
from catalens.core.preprocess import Preprocess
from catalens.train.augment import AUGMENTS, Augment
from catalens.train.dataset import EpochSampler, PhotoDataset, loader, photos_of

PREPROCESS = Preprocess(size=32)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return striped_catalog(tmp_path_factory.mktemp("train") / "striped.catalog")


def batches(catalog, *, workers: int, epoch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    photos = photos_of(catalog, "train", catalog.taxonomy)
    dataset = PhotoDataset(photos, PREPROCESS, Augment("light", 32, seed=1))
    return list(loader(dataset, batch=8, workers=workers, seed=1, epoch=epoch))


def test_photos_carry_the_leaf_of_their_product(catalog) -> None:
    photos = photos_of(catalog, "train", catalog.taxonomy)
    leaves = {
        image: catalog.categories[product]
        for image, product in zip(
            catalog.images["image_id"].to_pylist(), catalog.images["product_id"].to_pylist(), strict=True
        )
    }
    assert [catalog.taxonomy.leaves[label] for label in photos.labels] == [leaves[image] for image in photos.ids]


def test_leaves_outside_the_taxonomy_are_left_out(catalog) -> None:
    taxonomy = catalog.taxonomy.subset(["mug", "sofa"])
    photos = photos_of(catalog, "train", taxonomy)
    assert len(photos) == 24
    assert set(photos.labels) == {0, 1}


def test_an_unknown_part_is_named(catalog) -> None:
    with pytest.raises(CatalogError, match="no products in part 'validation'"):
        photos_of(catalog, "validation", catalog.taxonomy)


def test_workers_change_nothing(catalog) -> None:
    for (pixels, labels), (pixels_2, labels_2) in zip(
        batches(catalog, workers=0, epoch=3), batches(catalog, workers=2, epoch=3), strict=True
    ):
        assert torch.equal(pixels, pixels_2)
        assert torch.equal(labels, labels_2)


def test_epochs_differ_and_repeat(catalog) -> None:
    first, again, second = (batches(catalog, workers=0, epoch=epoch)[0][0] for epoch in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_the_sampler_visits_every_photo_once() -> None:
    sampler = EpochSampler(50, seed=4, epoch=2)
    places = list(sampler)
    assert sorted(photo for _, photo in places) == list(range(50))
    assert {epoch for epoch, _ in places} == {2}
    assert [photo for _, photo in places] != list(range(50))
    sampler.set_epoch(3)
    assert next(iter(sampler))[0] == 3


@pytest.mark.parametrize("name", AUGMENTS)
def test_augmentation_is_a_function_of_seed_epoch_and_photo(name: str) -> None:
    square = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    augment = Augment(name, 32, seed=1)
    torch.manual_seed(77)
    result = augment(square, epoch=1, photo=2)
    drawn = torch.rand(1)
    torch.manual_seed(77)
    assert torch.equal(drawn, torch.rand(1)), "the global generator is left as it was"
    assert result.shape == (32, 32, 3)
    assert result.dtype == np.uint8
    assert np.array_equal(result, Augment(name, 32, seed=1)(square, epoch=1, photo=2))
    if name == "none":
        assert np.array_equal(result, square)
    else:
        assert not np.array_equal(result, augment(square, epoch=2, photo=2))
        assert not np.array_equal(result, Augment(name, 32, seed=2)(square, epoch=1, photo=2))


def test_memory_does_not_grow_over_epochs(tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "c.catalog", products=96)
    dataset = PhotoDataset(photos_of(catalog, "train", catalog.taxonomy), Preprocess(size=256))
    batches = loader(dataset, batch=8, workers=0, seed=0)
    sizes = []
    for _ in range(6):
        decoded = sum(pixels.nbytes for pixels, _ in batches)
        sizes.append(psutil.Process().memory_info().rss)
    assert sizes[-1] - sizes[1] < decoded / 2, "an epoch's decoded photos are not kept"
