"""What to compare, and on what.  The only place of the defaults."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from catalens.core.config import Settings


class Entry(Settings):
    """`[[compare.entries]]`: one model with settings of its own.  `name` is its row; made of what it is where not set.

    Without a `recipe` it goes with each of `compare.recipes`.
    """

    model: str
    name: str | None = None
    recipe: str | None = None
    train: dict[str, Any] = Field(default_factory=dict)


class CompareSettings(Settings):
    """`[compare]` of a TOML file, or `--set compare.KEY=VALUE`.

    Each model goes with each recipe and with each combination of `vary`.  Of a model's settings, later wins: the
    defaults, the recipe, `train`, its own (`own`, or those of its entry), `vary`.
    """

    models: tuple[str, ...] = Field((), description="ours or any timm name: `--models a,b`")
    recipes: tuple[str, ...] = Field((), description="names or TOML files; the defaults of training where empty")
    entries: tuple[Entry, ...] = Field((), description="models with settings of their own, beside `models`")
    train: dict[str, Any] = Field(default_factory=dict, description="settings of training for all")
    own: dict[str, dict[str, Any]] = Field(default_factory=dict, description="model -> its own settings: `--for`")
    vary: dict[str, list[Any]] = Field(default_factory=dict, description="setting -> its values, each trained")
    split: str = Field("test", description="the part to measure on; val where the catalog has no such part")
    train_products: int = Field(2000, ge=1, description="products of train, at most, that train top-1 is measured on")
    promise: float = Field(0.98, gt=0, lt=1, description="the promise whose coverage is compared")
    ensemble: int = Field(3, ge=0, description="most members of the ensemble; 0 or 1: none")
    soup: Literal["greedy", "uniform", "none"] = Field(
        "greedy", description="how weights are averaged where they can be"
    )
    soup_photos: int = Field(2000, ge=1, description="photos at most: of val to choose by, of train for batch norm")

    @field_validator("vary")
    @classmethod
    def _some_values(cls, value: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for key, values in value.items():
            if not values:
                raise ValueError(f"expected values for {key!r}, got none")
        return value
