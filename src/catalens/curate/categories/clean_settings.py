"""The settings of cleaning, which `catalens ingest` and `catalens clean` share."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from catalens.core.config import Settings


class CleanSettings(Settings):
    """What to clean."""

    require: tuple[str, ...] = Field(
        default=(), description="what every product must have: category, seller, group, split, or an attribute"
    )
    min_products: int = Field(default=0, ge=0, description="a category with fewer is small")
    small_categories: Literal["keep", "drop", "merge"] = Field(
        default="keep", description="keep them, set their products aside, or merge them into their parent"
    )
    other_name: str = Field(
        default="Other {parent}", min_length=1, description="what several small siblings are called then"
    )

    @field_validator("require", mode="before")
    @classmethod
    def _one_field(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _minimum_is_said(self) -> CleanSettings:
        if self.small_categories != "keep" and not self.min_products:
            raise ValueError(f"small_categories = {self.small_categories!r} needs min_products")
        return self


class IngestCleanSettings(CleanSettings):
    """What to clean in a dump, whose products may say a category that is no leaf of the taxonomy."""

    unknown_category: Literal["keep", "set_aside"] = Field(
        default="keep", description="keep its products without a category, or set them aside"
    )
