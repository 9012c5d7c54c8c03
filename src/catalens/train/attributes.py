"""Attributes such as colour or season, which get heads of their own and are trained together with the category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from catalens.core.attributes import known
from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError
from catalens.core.registry import hint
from catalens.train.settings import TrainSettings

UNKNOWN = -1  # a product without a value: in no loss and no figure


@dataclass(frozen=True)
class Vocabulary:
    """The attributes that are trained and, for each, its values in the order of its head's outputs."""

    names: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Attribute -> width of its head, in order."""
        return {name: len(values) for name, values in self.to_json().items()}

    def to_json(self) -> dict[str, list[str]]:
        """As run.json and a bundle's manifest have it; the order counts."""
        return {name: list(values) for name, values in zip(self.names, self.values, strict=True)}

    @classmethod
    def from_json(cls, values: Mapping[str, Sequence[str]]) -> Vocabulary:
        return cls(tuple(values), tuple(tuple(each) for each in values.values()))

    def labels(self, catalog: Catalog, product_ids: Iterable[str]) -> npt.NDArray[np.int64]:
        """int64 [M, A]: for each product the index of its value of each attribute, -1 where it has none of them."""
        places = [{value: index for index, value in enumerate(values)} for values in self.values]
        attributes = catalog.attributes
        rows = [
            [
                place.get(attributes[product].get(name, ""), UNKNOWN)
                for name, place in zip(self.names, places, strict=True)
            ]
            for product in product_ids
        ]
        return np.array(rows, np.int64).reshape(len(rows), len(self.names))


def learn(catalog: Catalog, settings: TrainSettings) -> Vocabulary:
    """The values of `settings.attributes` that have `min_products` products in train, in alphabetical order.

    Raises ConfigError if the catalog has no such attribute, there are not two values to tell apart, or all batches are
    mixed, so that the heads would never be trained.
    """
    if not settings.attributes:
        return Vocabulary()
    mixed = settings.mix_share == 1 and (settings.mixup > 0 or settings.cutmix > 0)
    if mixed:
        message = "attributes are not trained on mixed photos, and all are mixed; set train.mix_share=0.5"
        raise ConfigError(message, key="mix_share")
    train = [product for product, part in catalog.split.items() if part == "train"]
    there = sorted({name for attributes in catalog.attributes.values() for name in attributes})
    values = []
    for name in settings.attributes:
        if name not in there:
            listed = f"it has {', '.join(there)}" if there else "its products have none"
            message = f"the catalog has no attribute {name!r}{hint(name, there)}; {listed}"
            raise ConfigError(message, source=str(catalog.path), key="attributes")
        given = (catalog.attributes[product].get(name, "") for product in train)
        counts = Counter(value for value in given if known(value))
        kept = sorted(value for value, count in counts.items() if count >= settings.min_products)
        if len(kept) < 2:
            message = f"attribute {name!r} has {len(kept)} values with {settings.min_products} products in train"
            raise ConfigError(f"{message}; there is nothing to tell apart", source=str(catalog.path), key="attributes")
        values.append(tuple(kept))
    return Vocabulary(tuple(settings.attributes), tuple(values))


def loss(outputs: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Sum over attributes of the mean cross-entropy of the products that have a value.

    `outputs` hold float [N, V] for each of A attributes, `labels` int64 [N, A] with -1 where nothing is known; 0 for a
    batch in which nothing is.
    """
    total = torch.zeros((), device=labels.device)
    for logits, values in zip(outputs, labels.unbind(dim=1), strict=True):
        summed = F.cross_entropy(logits.float(), values, ignore_index=UNKNOWN, reduction="sum")
        total = total + summed / (values != UNKNOWN).sum().clamp(min=1)
    return total
