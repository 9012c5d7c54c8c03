"""What `catalens split` can be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from catalens.core.config import Settings
from catalens.core.registry import hint
from catalens.curate.parts.bonds import ATTRIBUTE, CHOICES
from catalens.curate.parts.by_time import PRODUCT_ID
from catalens.curate.parts.split_file import PARTS


class SplitSettings(Settings):
    """How to divide a catalog.

    `ratios` are the shares of train, val, calib and test.  `by` is a CSV or Parquet file with `product_id` and `group`
    (these products stay together) or `part` (this product goes there), or both.  `together` binds products by more than
    exact copies and the dump's group: "pixel", "near", "seller", "attribute:NAME".  `time` puts older products into
    earlier parts, by "attribute:NAME" or "product_id".  `given_only` leaves products without a given part unused,
    `anew` takes no notice of the dump's parts.  Leaves with fewer than `min_products` products are unused.  `carve`
    takes shares of train for parts that do not exist yet: {"calib": 0.1}.
    """

    ratios: tuple[float, ...] = (0.7, 0.1, 0.1, 0.1)
    by: Path | None = None
    together: tuple[str, ...] = ()
    time: str | None = None
    seed: int = 0
    given_only: bool = False
    anew: bool = False
    min_products: int = Field(default=1, ge=1)
    carve: dict[str, float] = Field(default_factory=dict)

    @property
    def mixed(self) -> bool:
        """Whether groups hold many leaves, as those of sellers do; copies are of one leaf nearly always."""
        return not set(self.together) <= {"near", "pixel"}

    @field_validator("ratios", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value

    @field_validator("ratios")
    @classmethod
    def _sum_to_one(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        right = len(value) == len(PARTS) and value[0] > 0 and all(0 <= ratio <= 1 for ratio in value)
        if not right or abs(sum(value) - 1) > 1e-6:
            raise ValueError("expected four shares, of train, val, calib and test, summing to 1, train above 0")
        return value

    @field_validator("together")
    @classmethod
    def _known_bonds(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for kind in value:
            if kind not in CHOICES[:-1] and not _is_attribute(kind):
                raise ValueError(f"unknown bond {kind!r}{hint(kind, CHOICES)}")
        return value

    @field_validator("time")
    @classmethod
    def _known_time(cls, value: str | None) -> str | None:
        if value is not None and value != PRODUCT_ID and not _is_attribute(value):
            raise ValueError(f"expected {ATTRIBUTE}NAME, such as {ATTRIBUTE}year, or {PRODUCT_ID}")
        return value

    @field_validator("carve")
    @classmethod
    def _known_parts(cls, value: dict[str, float]) -> dict[str, float]:
        wrong = [part for part, share in value.items() if part not in PARTS[1:] or not 0 < share < 1]
        if wrong or sum(value.values()) >= 1:
            raise ValueError("expected shares of train for val, calib or test, together below 1")
        return value

    @model_validator(mode="after")
    def _no_contradiction(self) -> SplitSettings:
        if self.anew and self.given_only:
            raise ValueError("given_only uses the parts of the dump, and anew takes no notice of them")
        if self.time and self.carve:
            raise ValueError("carve takes from all of train, which is not in the order of time; use ratios instead")
        return self


def _is_attribute(text: str) -> bool:
    return text.startswith(ATTRIBUTE) and text != ATTRIBUTE
