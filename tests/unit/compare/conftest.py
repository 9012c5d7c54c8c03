"""A comparison of two small networks, made once, and the settings of one that takes a second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.builders.catalogs import striped_catalog

import catalens.train  # noqa: F401  (before timm)
from catalens.compare.run import Comparison, run
from catalens.compare.settings import CompareSettings
from catalens.core.catalog import Catalog

QUICK: dict[str, Any] = {"size": 32, "epochs": 2, "batch": 8, "workers": 0, "augment": "none", "tracking": "none"}


def quick(**values: Any) -> CompareSettings:
    """Settings with small trainings; `train` is put on top of them."""
    train = {**QUICK, **values.pop("train", {})}
    return CompareSettings.model_validate({"models": ("lightweight_cnn",), "train": train, **values})


@dataclass(frozen=True)
class Compared:
    catalog: Catalog
    folder: Path
    settings: CompareSettings
    found: Comparison


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return striped_catalog(tmp_path_factory.mktemp("compare") / "shop.catalog", products=48, photos=1)


@pytest.fixture(scope="session")
def compared(shop: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Two seeds of one network, and a network that does not exist."""
    folder = tmp_path_factory.mktemp("compared")
    model = "lightweight_cnn"
    seeds = [{"model": model, "name": f"{model} seed={seed}", "train": {"seed": seed}} for seed in (0, 1)]
    entries = [*seeds, {"model": "no_such_network", "name": "<i>none</i>"}]
    settings = quick(models=(), entries=entries, ensemble=2)
    return Compared(shop, folder, settings, run(shop, folder, settings))
