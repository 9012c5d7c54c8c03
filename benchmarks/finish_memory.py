"""Does the end of an ingest, which joins all parts, need more memory for a longer dump?

    python benchmarks/finish_memory.py [--parts 50 100 200 400]

Writes the sealed parts of an ingest that never was (4,680 products, 8,192 photos each, as Cdiscount's would be; no
photo bytes, which the end does not open), then finishes it in a process of its own, cleaning included: a third of the
categories is below the minimum and merged.  One line a length: products, seconds, peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from catalens.core.catalog import IMAGES, PRODUCTS, write_json, write_parquet
from catalens.core.taxonomy import Taxonomy
from catalens.curate.making.contents import FINDINGS
from catalens.curate.making.finish import finish
from catalens.curate.making.journal import Journal
from catalens.curate.sources import IngestSettings

PRODUCTS_A_PART, PHOTOS_A_PART = 4_680, 8_192
LEAVES = 5_270


def main() -> None:
    """Print one line a length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # of the process that is measured
    arguments = parser.parse_args()
    if arguments.folder:
        print(json.dumps(measure(arguments.folder)))
        return
    for parts in arguments.parts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "shop.catalog"
            write_parts(folder, parts)
            command = [sys.executable, __file__, "--folder", str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{parts:5} parts: {json.dumps(json.loads(done.stdout))}", flush=True)


def tree() -> Taxonomy:
    """5,270 leaves in three levels."""
    return Taxonomy.from_paths(
        {str(leaf): (f"top {leaf % 49}", f"group {leaf % 483}", f"kind {leaf}") for leaf in range(LEAVES)}
    )


def write_parts(catalog: Path, parts: int) -> None:
    """The journal of an ingest that has read everything.  Leaf n has a share of about 1 / (n + 1)."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, LEAVES + 1)
    with Journal(catalog, {}) as journal:
        for part in range(parts):
            ids = [str(part * PRODUCTS_A_PART + number) for number in range(PRODUCTS_A_PART)]
            leaves = rng.choice(LEAVES, PRODUCTS_A_PART, p=share / share.sum()).astype(str).tolist()
            name = f"part-{part:05}"
            products = {
                "product_id": ids,
                "category_id": leaves,
                "seller": [f"seller {number % 97}" for number in range(PRODUCTS_A_PART)],
                "group": [None] * PRODUCTS_A_PART,
                "attributes": [[("colour", "red"), ("size", "XL")]] * PRODUCTS_A_PART,
                "source": [
                    f"train.bson: byte {part * 10_000_000 + number * 4_000}" for number in range(PRODUCTS_A_PART)
                ],
                "given_split": [None] * PRODUCTS_A_PART,
            }
            owners = np.sort(
                np.concatenate(
                    [np.arange(PRODUCTS_A_PART), rng.integers(0, PRODUCTS_A_PART, PHOTOS_A_PART - PRODUCTS_A_PART)]
                )
            )
            images = {
                "image_id": [f"{part:032x}{row:032x}" for row in range(PHOTOS_A_PART)],
                "product_id": [ids[owner] for owner in owners],
                "position": (np.arange(PHOTOS_A_PART) - np.searchsorted(owners, owners)).tolist(),
                "shard": [f"{name}.arrow"] * PHOTOS_A_PART,
                "row": list(range(PHOTOS_A_PART)),
                "width": [180] * PHOTOS_A_PART,
                "height": [180] * PHOTOS_A_PART,
                "format": ["jpeg"] * PHOTOS_A_PART,
            }
            for table, columns, schema in (("products", products, PRODUCTS), ("images", images, IMAGES)):
                write_parquet(pa.table(columns, schema), journal.folder / f"{name}.{table}.parquet")
            write_parquet(FINDINGS.empty_table(), journal.folder / f"{name}.findings.parquet")
            entry = {"cursor": part + 1, "done": part + 1 == parts, "shard": None, "categories": {}}
            write_json({**entry, "rows_read": PRODUCTS_A_PART, "rows_merged": 0}, journal.folder / f"{name}.json")


def measure(catalog: Path) -> dict[str, float]:
    """Finish the ingest in this process."""
    with Journal(catalog, {}) as journal:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()
        settings = IngestSettings(min_products=20, small_categories="merge")
        reader = SimpleNamespace(taxonomy=tree(), level_names=())
        info = finish(catalog, journal, reader, settings, {"source": "none", "key": {"format": "bson"}}).info
        seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "products": info.products,
        "refiled": info.made_by["refiled"],
        "seconds": round(seconds, 1),
        "before_mb": round(before / 1024),
        "peak_mb": round(peak / 1024),
    }


if __name__ == "__main__":
    main()
