"""How surely are near copies told from other photos of the same category?

    python benchmarks/near_copies.py fashion.catalog clothing.catalog grocery.catalog [--pairs 2000] [--seed 0]

Copies are made from photos of each catalog: JPEG of quality 50, half the size, 5 % trimmed off (somewhere), 10 %
brighter or darker, and mirrored, which is looked for on its own.  All but the first are saved as JPEG of quality 90.
The others are pairs of different photos of one leaf that are not the same pixels.  A pair goes the way of `catalens
duplicates`: hashes must propose it, then it is compared closely; the score is minus the difference.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from catalens.cli.console import progress_bar
from catalens.core.catalog import Catalog
from catalens.core.fingerprint import VIEWS, Signatures, coefficients, fingerprint, hashes
from catalens.core.image import RgbImage, decode
from catalens.core.likeness import APART, MOVED, apart, apart_moved, frames
from catalens.core.progress import Progress
from catalens.curate.copies.hash_pairs import distance
from catalens.curate.copies.near import Photos, Proposals, differences
from catalens.curate.duplicates import DuplicatesSettings

RADIUS = DuplicatesSettings().radius
LIMITS = (0.5, 0.75, 1.0, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0, 3.0)
POOLED = ("JPEG 50", "half the size", "5 % trimmed", "brightness")
Pair = tuple[RgbImage, RgbImage]


def main() -> None:
    arguments = parse()
    everything: dict[str, list[np.ndarray]] = {}
    for path in arguments.catalogs:
        catalog = Catalog(path)
        with progress_bar(catalog.info.name) as progress:
            found = measure(catalog, arguments.pairs, np.random.default_rng(arguments.seed), progress)
        show(catalog.info.name, found)
        for kind, values in found.items():
            everything.setdefault(kind, []).append(values)
    if len(arguments.catalogs) > 1:
        show("all", {kind: np.concatenate(values) for kind, values in everything.items()})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalogs", type=Path, nargs="+")
    parser.add_argument("--pairs", type=int, default=2000, help="Photos to copy, and pairs that are no copies.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def measure(catalog: Catalog, count: int, generator: np.random.Generator, progress: Progress) -> dict[str, np.ndarray]:
    """Kind of pair -> the difference of each of its pairs, infinite where nothing proposes it."""
    images, seen = [], set()
    for row in catalog.images.select(["image_id", "product_id", "shard", "row"]).to_pylist():
        if row["image_id"] not in seen:
            images.append(row)
            seen.add(row["image_id"])
    photos = [images[place] for place in generator.permutation(len(images))[:count]]
    found: dict[str, list[float]] = {}

    def read(row: dict) -> RgbImage:
        return decode(catalog.photos.read(row["shard"], row["row"]))

    for number, row in enumerate(photos):
        photo = read(row)
        for kind, change in CHANGES.items():
            copy = change(photo, generator)
            found.setdefault(kind, []).append(difference(photo, copy[:, ::-1] if kind == "mirrored" else copy))
        progress(number + 1, 2 * count)
    found["no copies"] = []
    for number, (one, two) in enumerate(strangers(catalog, images, generator, count)):
        found["no copies"].append(difference(read(one), read(two)))
        progress(len(photos) + number + 1, 2 * count)
    return {kind: np.array(values) for kind, values in found.items()}


def strangers(catalog: Catalog, images: Sequence[dict], generator: np.random.Generator, count: int) -> list[tuple]:
    """Pairs of different files of one leaf, the leaf drawn as often as it has photos."""
    leaves: dict[str, list[dict]] = {}
    for row in images:
        leaves.setdefault(catalog.categories[row["product_id"]] or "", []).append(row)
    pairs: list[tuple] = []
    while len(pairs) < count:
        row = images[generator.integers(len(images))]
        members = leaves[catalog.categories[row["product_id"]] or ""]
        other = members[generator.integers(len(members))]
        if other is not row:
            pairs.append((row, other))
    return pairs


def difference(first: RgbImage, second: RgbImage) -> float:
    """As `catalens duplicates` sees the pair; 0 for equal pixels, which make no near copy of their own."""
    known = fingerprint(first), fingerprint(second)
    if known[0].pixel_digest == known[1].pixel_digest:
        return 0.0
    one, two = (Signatures.from_bytes([each.signature]) for each in known)
    sides = [Photos(one, lambda _: first), Photos(two, lambda _: second)]
    best = np.inf
    for outer, inner in (sides, sides[::-1]):
        whole = coefficients(inner.signatures)
        ways = []
        for number, view in enumerate(VIEWS):
            part = coefficients(outer.signatures, view)
            if distance(hashes(part), hashes(whole))[0] <= RADIUS:
                ways.append((float(apart(part, whole)[0]), number))
        if not ways or min(ways)[0] > APART:
            continue
        nearest = min(ways)[1]
        if apart_moved(outer.signatures, whole, VIEWS[nearest])[0] <= MOVED:
            zero = np.zeros(1, dtype=np.int64)
            frame = frames(VIEWS)[[nearest]]
            best = min(best, float(differences(outer, inner, Proposals(zero, zero, frame))[0]))
    return best


def show(name: str, found: dict[str, np.ndarray]) -> None:
    others = found["no copies"]
    copies = np.concatenate([found[kind] for kind in POOLED])
    print(f"\n{name}: {len(copies):,} copies, {len(others):,} pairs of one leaf; AUROC {auroc(copies, others):.5f}")
    titles = ("up to", "precision", "recall", *CHANGES, "false")
    print("".join(f"{title:>15}" for title in titles))
    for limit in LIMITS:
        hits, false = (copies <= limit).sum(), (others <= limit).sum()
        # as many copies as strangers: precision does not hang on how many kinds of copy there are
        rate = hits / len(copies)
        precision = rate / (rate + false / len(others)) if hits else 0
        row = [precision, rate, *((found[kind] <= limit).mean() for kind in CHANGES)]
        print(f"{limit:15.2f}" + "".join(f"{value:15.4f}" for value in row) + f"{false:15,}")


def auroc(copies: np.ndarray, others: np.ndarray) -> float:
    """The share of (copy, stranger) pairs in which the copy differs less; ties count half."""
    order = np.sort(others)
    below, upto = np.searchsorted(order, copies, side="left"), np.searchsorted(order, copies, side="right")
    return float(1 - (below + upto).mean() / (2 * len(others)))


def saved(photo: RgbImage, quality: int = 90) -> RgbImage:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality)
    return decode(file.getvalue())


def halved(photo: RgbImage, _: np.random.Generator) -> RgbImage:
    height, width = photo.shape[:2]
    smaller = Image.fromarray(photo).resize((max(1, width // 2), max(1, height // 2)), Image.Resampling.BICUBIC)
    return saved(np.asarray(smaller))


def trimmed(photo: RgbImage, generator: np.random.Generator) -> RgbImage:
    height, width = photo.shape[:2]
    top, left = (round(size * 0.05 * share) for size, share in zip((height, width), generator.random(2), strict=True))
    return saved(photo[top : top + round(height * 0.95), left : left + round(width * 0.95)])


def lit(photo: RgbImage, generator: np.random.Generator) -> RgbImage:
    return saved(np.clip(photo * generator.choice([0.9, 1.1]), 0, 255).astype(np.uint8))


CHANGES: dict[str, Callable[[RgbImage, np.random.Generator], RgbImage]] = {
    "JPEG 50": lambda photo, _: saved(photo, 50),
    "half the size": halved,
    "5 % trimmed": trimmed,
    "brightness": lit,
    "mirrored": lambda photo, _: saved(photo[:, ::-1]),
}


if __name__ == "__main__":
    main()
