"""Does any damage to a BSON dump or a taxonomy make its reader fail in a way of its own?

    python benchmarks/fuzz_readers.py [--minutes 10] [--seed 0] [--of bson csv table]

The time is divided equally: BSON, taxonomies as CSV, taxonomies as Parquet tables.  Every input is made of a number,
which is told when what tests/builders/readers.py asks of a reader does not hold.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.builders.readers import (
    check_bson,
    check_taxonomy_csv,
    check_taxonomy_table,
    fuzzed_bson,
    fuzzed_csv,
    fuzzed_table,
)

KINDS = ("bson", "csv", "table")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in options.of:
            failures += fuzz(name, options.minutes * 60 / len(options.of), options.seed, Path(folder))
    return 1 if failures else 0


def fuzz(name: str, seconds: float, seed: int, folder: Path) -> int:
    """How many inputs of one kind failed; a line for each of the first ten."""
    end, failed, slowest = time.monotonic() + seconds, 0, 0.0
    for number in itertools.count(seed):
        started = time.monotonic()
        if started > end:
            break
        try:
            attempt(name, random.Random(number), folder)
        except Exception as error:
            failed += 1
            if failed <= 10:
                print(f"{name} {number}: {type(error).__name__}: {str(error)[:300]}", flush=True)
        slowest = max(slowest, time.monotonic() - started)
    print(f"{name}: {number - seed:,} inputs, {failed:,} failed, slowest {slowest * 1000:.0f} ms", flush=True)
    return failed


def attempt(name: str, chance: random.Random, folder: Path) -> None:
    """Make one input and have it read."""
    if name == "bson":
        check_bson(fuzzed_bson(chance), folder, chance)
    elif name == "csv":
        check_taxonomy_csv(fuzzed_csv(chance), folder)
    else:
        check_taxonomy_table(fuzzed_table(chance, folder), folder)


if __name__ == "__main__":
    sys.exit(main())
