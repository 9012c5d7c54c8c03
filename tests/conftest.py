"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("CATALENS_TRACKING", "none")  # tests of tracking ask for it


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, or a skip that says where it was looked for."""
    folder = Path(os.environ.get("CATALENS_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set CATALENS_REAL_DATA)")
    return folder


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """The folder of pretrained weights, or a skip that says where it was looked for."""
    folder = Path(os.environ.get("CATALENS_REAL_WEIGHTS", ROOT.parent / "shared" / "weights"))
    if not folder.is_dir():
        pytest.skip(f"no pretrained weights at {folder} (set CATALENS_REAL_WEIGHTS)")
    return folder
