"""How fast and how robust is the decoder?  Draft against full decoding of a 12-megapixel JPEG, bombs, damaged files.

    python benchmarks/decoder.py [--files 2000] [--seed 20]

Everything is made by code.  Both ways of decoding are measured in turn in one run; the ratio is of the medians.
"""

from __future__ import annotations

import argparse
import io
import platform
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.builders.damage import damaged
from tests.builders.images import CASES, Bad

from catalens.core.errors import ImageError
from catalens.core.image import decode
from catalens.core.preprocess import Preprocess

ROUNDS = 9


def photo(width: int = 4000, height: int = 3000) -> bytes:
    """A JPEG with the statistics of a photo: detail whose strength falls with its size, and sensor noise."""
    chance = np.random.default_rng(0)
    pixels = np.full((height, width, 3), 128.0, np.float32)
    for cells in (4, 16, 64, 256, 1024):
        layer = chance.integers(0, 256, (max(2, cells * height // width), cells, 3), dtype=np.uint8)
        resized = Image.fromarray(layer).resize((width, height), Image.Resampling.BICUBIC)
        pixels += (np.asarray(resized, np.float32) - 128) * (2 / cells**0.5)
    pixels += chance.normal(0, 3, pixels.shape)
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def draft_against_full(data: bytes, size: int) -> str:
    """One line: bytes -> a square of `size`, with and without the JPEG decoder's own scaling."""
    preprocess = Preprocess(size=size)
    times: dict[str, list[float]] = {"full": [], "draft": []}
    for _ in range(ROUNDS):
        times["full"].append(milliseconds(lambda: preprocess.fit(decode(data))))
        times["draft"].append(milliseconds(lambda: preprocess.square(data)))
    full, draft = (statistics.median(times[way]) for way in ("full", "draft"))
    apart = np.abs(preprocess.square(data).astype(int) - preprocess.fit(decode(data)))
    return f"{size:>6} {full:>9.1f} {draft:>9.1f} {full / draft:>6.2f}x {apart.mean():>10.2f} {apart.max():>5}"


def slowest_bomb_ms() -> tuple[float, str]:
    """The refusal that takes longest in the corpus of tests/builders/images.py."""
    found = (0.0, "")
    for name, case in CASES.items():
        if isinstance(case, Bad) and "declares" in name:
            data = case.build()
            started = time.perf_counter()
            try:
                decode(data)
            except ImageError:
                found = max(found, (1000 * (time.perf_counter() - started), name))
    return found


def fuzz(count: int, seed: int) -> str:
    """Decode damaged files; a crash would end the process, a hang shows as the slowest."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for data in damaged(count, seed):
        started = time.perf_counter()
        try:
            decode(data)
            outcomes["decoded"] += 1
        except ImageError as error:
            outcomes[type(error).__name__] += 1
        slowest = max(slowest, time.perf_counter() - started)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return f"{count:,} damaged files: {dict(outcomes)}, slowest {slowest * 1000:.0f} ms, peak memory +{grown:.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="damaged files to decode")
    parser.add_argument("--seed", type=int, default=20, help="of the damage")
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, Pillow {PIL.__version__}")
    print(fuzz(options.files, options.seed))
    slowest, name = slowest_bomb_ms()
    print(f"slowest refusal by declared size: {slowest:.1f} ms ({name})")
    data = photo()
    print(f"\n4,000 x 3,000 JPEG of {len(data) / 1e6:.1f} MB to a square, median of {ROUNDS}")
    print("  size   full ms  draft ms   ratio  mean diff   max")
    for size in (64, 160, 224, 384):
        print(draft_against_full(data, size))


if __name__ == "__main__":
    main()
