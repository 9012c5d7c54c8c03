"""2,000 randomly damaged JPEG, PNG and WebP files: pixels or an ImageError, each in time, in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# a process of its own: a crash of a C library is an exit code here, and its peak memory is its own
SCRIPT = """
    import json, resource, time
    from catalens.core.errors import ImageError
    from catalens.core.image import decode
    from tests.builders.damage import damaged, whole_files

    for data in whole_files():
        decode(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    decoded = refused = 0
    slowest = 0.0
    for data in damaged(2000):
        started = time.perf_counter()
        try:
            pixels = decode(data)
        except ImageError:
            refused += 1
        else:
            decoded += 1
            assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == "uint8"
        slowest = max(slowest, time.perf_counter() - started)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"decoded": decoded, "refused": refused, "slowest_s": slowest, "grown_mb": grown}))
"""


@pytest.fixture(scope="module")
def outcome() -> dict[str, object]:
    script = textwrap.dedent(SCRIPT)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=200)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-2000:]}"
    result: dict[str, object] = json.loads(done.stdout)
    print(result)
    return result


def test_every_file_is_answered(outcome: dict[str, int]) -> None:
    assert outcome["decoded"] + outcome["refused"] == 2000
    assert outcome["decoded"] > 100, "the damage is too heavy to reach the decoders"
    assert outcome["refused"] > 500, "the damage is too light to hurt"


def test_none_hangs(outcome: dict[str, float]) -> None:
    assert outcome["slowest_s"] < 2


def test_memory_is_bounded(outcome: dict[str, float]) -> None:
    """The largest photo allowed takes 300 MB as RGB and 400 MB inside Pillow; these are small ones."""
    assert outcome["grown_mb"] < 700
