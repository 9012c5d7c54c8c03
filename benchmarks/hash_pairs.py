"""How long do all pairs of a million 64-bit hashes within 6 bits take, and are they all there?

    python benchmarks/hash_pairs.py [--count 1000000] [--radius 6] [--seed 0]

Two sets: hashes drawn evenly, and hashes as photos have them: a third of the photos share a few thousand hashes (blank
and placeholder pictures), and another third lie near one another.  Into both, neighbours are planted at each distance
up to the radius and one beyond.  Every planted pair within the radius must be found and none beyond; all pairs of a
part are compared one by one as well, and the rival, faiss' binary index, is measured where it is installed.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from catalens.core.fingerprint import Hashes
from catalens.curate.copies.hash_pairs import distance, members_of, pairs_within

PLANTED = 2_000  # pairs at each distance
CHECKED = 20_000  # hashes of which all pairs are compared one by one


def main() -> None:
    arguments = parse()
    for name, make in (("even", even), ("as photos have them", skewed)):
        generator = np.random.default_rng(arguments.seed)
        photos, planted = plant(make(generator, arguments.count), generator, arguments.radius)
        started = time.perf_counter()
        values, holders = members_of(photos)
        blocks = list(pairs_within(values, arguments.radius))
        seconds = time.perf_counter() - started
        found = keys(*(np.concatenate(column) for column in zip(*blocks, strict=True)))
        largest = int(np.diff(holders.edges).max())
        check_planted(values, found, planted, arguments.radius)
        check_part(generator.choice(values, min(CHECKED, len(values)), replace=False), arguments.radius)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{name}: {len(photos):,} photos, {len(values):,} distinct hashes, {largest:,} photos of one hash; "
            f"{len(found):,} pairs of hashes in {seconds:.1f} s, peak {memory:.2f} GB"
        )
        rival(values, arguments.radius, seconds)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--radius", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def even(generator: np.random.Generator, count: int) -> Hashes:
    return generator.integers(0, 2**64, count, dtype=np.uint64)


def skewed(generator: np.random.Generator, count: int) -> Hashes:
    """A third share 3,000 hashes by Zipf's law, a third are 4 bits from one of 50,000 others, a third are anything."""
    hashes = even(generator, count)
    third = count // 3
    hashes[:third] = hashes[-3_000:][np.minimum(generator.zipf(1.3, third), 3_000) - 1]
    hashes[third : 2 * third] = flip(hashes[-50_000:][generator.integers(0, 50_000, third)], 4, generator)
    return hashes


def flip(hashes: Hashes, bits: int, generator: np.random.Generator) -> Hashes:
    """The hashes with `bits` different bits changed in each."""
    chosen = np.argpartition(generator.random((len(hashes), 64), dtype=np.float32), bits, axis=1)[:, :bits]
    masks = np.left_shift(np.uint64(1), chosen.astype(np.uint64)).sum(axis=1, dtype=np.uint64)
    return hashes ^ masks


def plant(
    hashes: Hashes, generator: np.random.Generator, radius: int
) -> tuple[Hashes, dict[int, tuple[Hashes, Hashes]]]:
    """(the hashes in another order, {distance: pairs among them})."""
    planted = {}
    added = []
    for bits in range(1, radius + 2):
        origin = generator.choice(hashes, PLANTED)
        planted[bits] = (origin, flip(origin, bits, generator))
        added.append(planted[bits][1])
    everything = np.concatenate([hashes[: len(hashes) - PLANTED * len(added)], *(pair[0] for pair in planted.values())])
    everything = np.concatenate([everything, *added])
    return generator.permutation(everything), planted


def keys(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One number a pair, in order."""
    return np.sort(first.astype(np.uint64) << np.uint64(32) | second.astype(np.uint64))


def check_planted(values: Hashes, found: np.ndarray, planted: dict[int, tuple[Hashes, Hashes]], radius: int) -> None:
    if len(np.unique(found)) != len(found):
        raise SystemExit("a pair was given twice")
    for bits, pair in planted.items():
        first, second = np.sort(np.searchsorted(values, np.stack(pair)), axis=0)
        inside = np.isin(keys(first, second), found)
        if not (inside.all() if bits <= radius else not inside.any()):
            raise SystemExit(f"planted at {bits} bits: {inside.sum():,} of {len(inside):,} found")


def check_part(part: Hashes, radius: int) -> None:
    """All pairs of some hashes, compared one by one, are those found."""
    part = np.unique(np.concatenate([part, flip(part[:500], radius, np.random.default_rng(1))]))
    blocks = list(pairs_within(part, radius))
    found = keys(*(np.concatenate(column) for column in zip(*blocks, strict=True)))
    expected = [
        (np.uint64(row) << np.uint64(32))
        | (np.flatnonzero(distance(part[row], part[row + 1 :]) <= radius) + row + 1).astype(np.uint64)
        for row in range(len(part))
    ]
    if not np.array_equal(found, np.sort(np.concatenate(expected))):
        raise SystemExit("not the pairs that comparing one by one gives")


def rival(values: Hashes, radius: int, seconds: float) -> None:
    """Range search of faiss' multi-index hashing, on a part, for it answers one query at a time."""
    try:
        import faiss
    except ImportError:
        print("  faiss is not installed: no rival measured (pip install faiss-cpu)")
        return
    index = faiss.IndexBinaryMultiHash(64, 4, 16)
    vectors = values.view(np.uint8).reshape(-1, 8)
    started = time.perf_counter()
    index.add(vectors)
    index.nflip = 1  # of 4 bands of 16 bits, one differs in at most one bit where 6 bits differ
    queries = vectors[:: max(1, len(vectors) // 10_000)]
    index.range_search(queries, radius + 1)
    other = (time.perf_counter() - started) * len(vectors) / len(queries)
    print(
        f"  faiss IndexBinaryMultiHash, by {len(queries):,} queries: {other:.1f} s, {other / seconds:.1f} times as long"
    )


if __name__ == "__main__":
    main()
