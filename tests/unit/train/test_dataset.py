"""Photos in, batches out: the same for the same (seed, epoch, photo), with or without worker processes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from tests.builders.catalogs import striped_catalog

from catalens.core.errors import CatalogError
from catalens.core.preprocess import Preprocess
from catalens.core.shards import ShardReader
from catalens.train.augment import AUGMENTS, Augment
from catalens.train.batches import EpochBatches, Plan, loader
from catalens.train.dataset import PhotoDataset, Photos, photos_of, windowed_order

PREPROCESS = Preprocess(size=32)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return striped_catalog(tmp_path_factory.mktemp("train") / "striped.catalog")


def loaded(dataset: PhotoDataset, *, workers: int, epoch: int):
    """Batches of 8 of one epoch, shuffled."""
    plan = Plan(len(dataset), (32,) * 9, (8,) * 9, accumulate=1)
    order = lambda epoch: np.random.default_rng(epoch).permutation(len(dataset))  # noqa: E731
    return loader(dataset, EpochBatches(plan, order, start=(epoch, 0)), workers=workers)


def batches(catalog, *, workers: int, epoch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    photos = photos_of(catalog, "train", catalog.taxonomy)
    return list(loaded(PhotoDataset(photos, PREPROCESS, Augment("light", 32, seed=1)), workers=workers, epoch=epoch))


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


def shards_of(shards: int, rows: int) -> Photos:
    names = [f"part-{shard:05}.arrow" for shard in range(shards) for _ in range(rows)]
    numbers = list(range(rows)) * shards
    mixed = np.random.default_rng(5).permutation(len(names))  # the catalog's order is by product, not by shard
    ids = tuple(f"{names[place]} {numbers[place]}" for place in mixed)
    picked = tuple(names[place] for place in mixed), tuple(numbers[place] for place in mixed)
    return Photos(ShardReader(Path()), ids, *picked, np.zeros(len(names), np.int64))


def test_a_windowed_order_is_near_the_order_on_disk() -> None:
    photos, window = shards_of(5, 200), 50
    order = windowed_order(photos, window, seed=1, epoch=0)
    assert sorted(order) == list(range(1000))
    names = list(dict.fromkeys(photos.shards[photo] for photo in order[::100]))
    stream = sorted(range(1000), key=lambda photo: (names.index(photos.shards[photo]), photos.rows[photo]))
    moved = np.abs(np.argsort(order) - np.argsort(stream))
    assert moved.max() < window
    assert moved.mean() > window / 8, "and it is shuffled"
    assert names != sorted(names), "shards come in random order"


def test_a_windowed_order_follows_from_seed_and_epoch() -> None:
    photos = shards_of(5, 40)
    orders = [windowed_order(photos, 30, seed=seed, epoch=epoch) for seed, epoch in ((1, 0), (1, 0), (1, 1), (2, 0))]
    assert np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    assert not np.array_equal(orders[0], orders[3])


def test_what_fits_in_the_window_is_shuffled_as_a_whole() -> None:
    order = windowed_order(shards_of(2, 50), 100, seed=1, epoch=0)
    assert sorted(order) == list(range(100))
    assert np.abs(order - np.arange(100)).max() > 80


def test_attributes_stand_behind_the_category(catalog) -> None:
    photos = photos_of(catalog, "train", catalog.taxonomy)
    photos = dataclasses.replace(photos, attributes=np.arange(2 * len(photos)).reshape(-1, 2)).without({photos.ids[0]})
    dataset = PhotoDataset(photos, PREPROCESS)
    pixels, labels = dataset.__getitems__([(0, 3), (0, 1)])
    assert pixels.shape == (2, 32, 32, 3)
    assert labels.tolist() == [[photos.labels[3], 8, 9], [photos.labels[1], 4, 5]]
    assert torch.equal(dataset[0, 1][1], labels[1])
    assert torch.equal(dataset[0, 1][0], pixels[1])


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
    batches = loaded(dataset, workers=0, epoch=0)
    sizes = []
    for _ in range(6):
        decoded = sum(pixels.nbytes for pixels, _ in batches)
        sizes.append(psutil.Process().memory_info().rss)
    assert sizes[-1] - sizes[1] < decoded / 2, "an epoch's decoded photos are not kept"
