"""What a run trains on: the photos of train and val, the categories that have enough of them, and their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass

import numpy as np

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError, ConfigError
from catalens.core.flagged import flagged
from catalens.core.taxonomy import Taxonomy
from catalens.train.attributes import Vocabulary, learn
from catalens.train.dataset import Photos, photos_of
from catalens.train.settings import TrainSettings
from catalens.train.tail import check_val


@dataclass(frozen=True)
class Parts:
    """`part` is all of train, `train` what is trained on; `products` counts the products of each category in
    train, those that are left out included; `vocabulary` are the values of the attributes that are trained.
    """

    taxonomy: Taxonomy
    part: Photos
    train: Photos
    val: Photos | None
    products: Counter[str]
    vocabulary: Vocabulary

    @property
    def counts(self) -> np.ndarray:
        """int64 [C]: photos of each leaf in train."""
        return np.bincount(self.train.labels, minlength=len(self.taxonomy.leaves))


def read_parts(catalog: Catalog, settings: TrainSettings) -> Parts:
    """Raises CatalogError or ConfigError."""
    skipped = flagged(catalog, settings.skip_flags) if settings.skip_flags else set()
    tree = tree_of(catalog, settings.level)
    products = train_counts(catalog, tree, skipped)
    taxonomy = trained_taxonomy(catalog, tree, products, settings.min_products)
    vocabulary = learn(catalog, settings)
    has_val = "val" in catalog.split.values()
    if not has_val and (settings.keep == "best" or settings.patience):
        raise ConfigError("the catalog has no part 'val' to choose an epoch by; set train.keep=last, train.patience=0")
    check_val(settings, has_val=has_val)  # before the work, not after
    part = photos_of(catalog, "train", taxonomy, vocabulary)
    val = photos_of(catalog, "val", taxonomy, vocabulary) if has_val else None
    return Parts(taxonomy, part, part.without(skipped), val, products, vocabulary)


def tree_of(catalog: Catalog, level: str | None) -> Taxonomy:
    """The catalog's categories, cut at a level where one is set: its name or its number.  Raises TaxonomyError."""
    return catalog.taxonomy if level is None else catalog.taxonomy.cut(catalog.taxonomy.level(level))


def trained_taxonomy(catalog: Catalog, tree: Taxonomy, counts: Counter[str], min_products: int) -> Taxonomy:
    """The tree over the leaves with `min_products` products in train.  Raises CatalogError if there are none."""
    leaves = [leaf for leaf in tree.leaves if counts[leaf] >= min_products]
    if not leaves:
        message = f"no category has {min_products} products in part 'train'"
        raise CatalogError(message, source=str(catalog.path))
    return tree.subset(leaves)


def train_counts(catalog: Catalog, tree: Taxonomy, skipped: Set[str] = frozenset()) -> Counter[str]:
    """Leaf of `tree` -> number of products in train, but for those all of whose photos are skipped."""
    categories = catalog.categories_in(tree)
    products = [product for product, part in catalog.split.items() if part == "train"]
    if skipped:
        images = catalog.images_of("train")
        owners = zip(images["product_id"].to_pylist(), images["image_id"].to_pylist(), strict=True)
        seen = {product for product, photo in owners if photo not in skipped}
        products = [product for product in products if product in seen]
    return Counter(leaf for product in products if (leaf := categories[product]) is not None)
