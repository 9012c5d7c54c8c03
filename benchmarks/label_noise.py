"""Which wrong labels are found, how many that are right are suspected, and does it fit into memory?

    python benchmarks/label_noise.py noise CATALOG [--bundle BUNDLE]
    python benchmarks/label_noise.py scale [--items 200000] [--classes 5000] [--dim 1664]
    python benchmarks/label_noise.py rival

`noise` gives a share of a catalog's products another category, any one ("anywhere") or one of the same parent
("sibling"), and asks for them.  Labels that were wrong before count as right, so that precision is a lower bound.
With a bundle, the vectors of `catalens embed` are used beside the features of the pixels.
`scale` judges generated items and tells time and peak memory: from a float16 .npy file of probabilities, then from
vectors.  `rival` compares with cleanlab, if it is installed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.taxonomy import Taxonomy
from catalens.curate import label_noise
from catalens.curate.labels import confident, folds
from catalens.search.vectors import product_vectors


def main() -> None:
    arguments = parse()
    if arguments.question == "noise":
        noise(Catalog(arguments.catalog), arguments.bundle, arguments.seed)
    elif arguments.question == "scale":
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            scale(Path(folder), arguments.items, arguments.classes, arguments.dim)
    elif arguments.question == "rival":
        rival()
    else:
        judge(arguments)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    questions = parser.add_subparsers(dest="question", required=True)
    asked = questions.add_parser("noise")
    asked.add_argument("catalog", type=Path)
    asked.add_argument("--bundle", type=Path)
    asked.add_argument("--seed", type=int, default=0)
    asked = questions.add_parser("scale")
    asked.add_argument("--items", type=int, default=200_000)
    asked.add_argument("--classes", type=int, default=5_000)
    asked.add_argument("--dim", type=int, default=1_664, help="Of the vectors: 1,280 of MobileNetV2 and 384 of pixels.")
    asked.add_argument("--folder", type=Path, help="Where there is room for items x classes x 2 bytes.")
    questions.add_parser("rival")
    asked = questions.add_parser("judge", help="One measurement of `scale`, in a process of its own.")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--classes", type=int)
    asked.add_argument("--dim", type=int)
    return parser.parse_args()


# noise


def noise(catalog: Catalog, bundle: Path | None, seed: int) -> None:
    vectors = product_vectors(catalog, space=Bundle(bundle).digest) if bundle else None
    print(f"{catalog.info.name}: {'pixels' if vectors is None else 'vectors and pixels'}")
    titles = (
        "wrong",
        "agrees",
        "share found",
        "stray n",
        "prec.",
        "recall",
        "issues n",
        "prec.",
        "recall",
        "P@50",
        "P@n",
    )
    print(f"{'':>14}" + "".join(f"{title:>12}" for title in titles))
    for kind, share in (("none", 0.0), *((kind, share) for kind in ("anywhere", "sibling") for share in (0.05, 0.1))):
        wrong = wrong_labels(catalog, kind, share, seed)
        if wrong is None:
            print(f"{kind:>9} {share:4.0%}  no two categories have a parent in common")
            continue
        with tempfile.TemporaryDirectory() as folder:
            noisy = relabelled(catalog, Path(folder) / "noisy.catalog", wrong)
            report = label_noise.run(noisy, vectors)
            table = noisy.table("label_noise")
        hit = np.array([product in wrong for product in table["product_id"].to_pylist()])
        first = np.argsort(table["self_confidence"].to_numpy(), kind="stable")
        cells = [f"{hit.sum():,}", f"{report.accuracy:.3f}", f"{report.stray_share:.3f}"]
        for found in (table["stray"].to_numpy() > 0.5, table["issue"].to_numpy()):
            both = (found & hit).sum()
            cells += [
                f"{found.sum():,}",
                *(f"{both / count:.3f}" if hit.any() else "" for count in (found.sum(), hit.sum())),
            ]
        cells += [f"{hit[first[:count]].mean():.3f}" if hit.any() else "" for count in (50, hit.sum())]
        print(f"{kind:>9} {share:4.0%}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


def wrong_labels(catalog: Catalog, kind: str, share: float, seed: int) -> dict[str, str] | None:
    """product -> another category, for a share of the products; None where no category has a sibling."""
    rng = np.random.default_rng(seed)
    used = sorted({leaf for leaf in catalog.categories.values() if leaf is not None})
    others = {leaf: choices(catalog.taxonomy, used, leaf, kind) for leaf in used}
    if kind == "sibling" and catalog.taxonomy.depth == 1:
        return None
    found = {}
    for product, leaf in sorted(catalog.categories.items()):
        if leaf is not None and rng.random() < share and others[leaf]:
            found[product] = others[leaf][rng.integers(len(others[leaf]))]
    return found


def choices(taxonomy: Taxonomy, used: list[str], leaf: str, kind: str) -> list[str]:
    """The categories that a product of this one may get."""
    return [
        other
        for other in used
        if other != leaf and (kind != "sibling" or taxonomy[other].parent == taxonomy[leaf].parent)
    ]


def relabelled(catalog: Catalog, folder: Path, categories: dict[str, str]) -> Catalog:
    """The same photos and what was measured of them, under other categories."""
    folder.mkdir()
    for name in ("catalog.json", "taxonomy.parquet", "images.parquet"):
        shutil.copy(catalog.path / name, folder / name)
    (folder / "images").symlink_to((catalog.path / "images").resolve())
    (folder / "tables").mkdir()
    for table in ("features", "duplicates"):
        if catalog.has_table(table):
            shutil.copy(catalog.path / "tables" / f"{table}.parquet", folder / "tables")
    rows = catalog.products.to_pylist()
    for row in rows:
        row["category_id"] = categories.get(row["product_id"], row["category_id"])
    pq.write_table(pa.Table.from_pylist(rows, catalog.products.schema), folder / "products.parquet")
    return Catalog(folder)


# scale


def scale(folder: Path, items: int, classes: int, dim: int) -> None:
    print(f"{items:,} items, {classes:,} classes, 5 % wrong labels")
    generate(folder, items, classes, dim)
    for what, more in (("probabilities", []), (f"vectors of {dim:,}", ["--dim", str(dim)])):
        command = [sys.executable, __file__, "judge", str(folder), "--classes", str(classes), *more]
        said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"{what:>20}: " + ", ".join(f"{name} {value}" for name, value in said.items()), flush=True)


def generate(folder: Path, items: int, classes: int, dim: int) -> None:
    """labels.npy, true.npy, p.npy float16 [M, C] (a model that is sure of some items and not of others), v.npy."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, classes, items)
    labels = np.where(rng.random(items) < 0.05, rng.integers(0, classes, items), true)
    np.save(folder / "true.npy", true)
    np.save(folder / "labels.npy", labels)
    p = np.lib.format.open_memmap(folder / "p.npy", mode="w+", dtype=np.float16, shape=(items, classes))
    v = np.lib.format.open_memmap(folder / "v.npy", mode="w+", dtype=np.float32, shape=(items, dim))
    means = rng.standard_normal((classes, dim), dtype=np.float32)
    for start in range(0, items, 1_000):
        rows = np.arange(start, min(start + 1_000, items))
        weights = rng.random((len(rows), classes), dtype=np.float32) ** 8
        weights[np.arange(len(rows)), true[rows]] += classes * rng.random(len(rows), dtype=np.float32)
        p[rows] = weights / weights.sum(axis=1, keepdims=True)
        v[rows] = means[true[rows]] + dim**0.5 / 10 * rng.standard_normal((len(rows), dim), dtype=np.float32)
    p.flush()
    v.flush()


def judge(arguments: argparse.Namespace) -> None:
    labels, true = np.load(arguments.folder / "labels.npy"), np.load(arguments.folder / "true.npy")
    start = time.perf_counter()
    if arguments.dim:
        vectors = np.load(arguments.folder / "v.npy")
        names, leaves = [str(row) for row in range(len(labels))], [str(label) for label in labels]
        fold = folds.deal(names, leaves, np.arange(len(labels)), folds=5, seed=0)
        blocks = folds.probabilities(vectors, labels, fold, classes=arguments.classes)
    else:
        blocks = confident.blocks_of(arguments.folder / "p.npy")
    found = confident.find(labels, blocks, classes=arguments.classes, prune="both")
    wrong = labels != true
    said = {
        "seconds": round(time.perf_counter() - start, 1),
        "of processor": round(time.process_time(), 1),
        "peak GB": round(peak_memory() / 2**30, 2),
        "issues": int(found.issue.sum()),
        "precision": round(float(wrong[found.issue].mean()), 3),
        "recall": round(float(found.issue[wrong].mean()), 3),
    }
    print(json.dumps(said))


def peak_memory() -> int:
    """Bytes of this process at most; getrusage would also count what its parent held when it was started (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


# rival


def rival() -> None:
    from cleanlab.filter import find_label_issues

    titles = f"{'theirs':>9}{'ours':>9}{'in both':>9}{'their s':>9}{'our s':>9}{'wrong of theirs, ours':>24}"
    print(f"{'items, classes':>16}{titles}")
    for items, classes, noisy in ((5_000, 10, 0.1), (20_000, 100, 0.05), (20_000, 1_000, 0.05)):
        rng = np.random.default_rng(classes)
        true = rng.integers(0, classes, items)
        labels = np.where(rng.random(items) < noisy, rng.integers(0, classes, items), true)
        logits = rng.normal(0, 1, (items, classes)).astype(np.float32)
        logits[np.arange(items), true] += 10 * rng.random(items, dtype=np.float32)
        p = np.exp(logits)
        p /= p.sum(axis=1, keepdims=True)
        start = time.perf_counter()
        theirs = find_label_issues(labels, p, filter_by="prune_by_noise_rate", n_jobs=1)
        between = time.perf_counter()
        ours = confident.find(labels, in_blocks(p), classes=classes, prune="noise_rate").issue
        end = time.perf_counter()
        right = f"{(labels != true)[theirs].mean():.3f}, {(labels != true)[ours].mean():.3f}"
        both = (theirs & ours).sum()
        counts = f"{items:>9,}, {classes:>5,}{theirs.sum():>9,}{ours.sum():>9,}{both:>9,}"
        print(f"{counts}{between - start:>9.1f}{end - between:>9.1f}{right:>24}", flush=True)


def in_blocks(p: np.ndarray, size: int = 1_000) -> confident.Blocks:
    return lambda: (
        (np.arange(start, min(start + size, len(p))), p[start : start + size]) for start in range(0, len(p), size)
    )


if __name__ == "__main__":
    main()
