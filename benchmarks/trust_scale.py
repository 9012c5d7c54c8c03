"""Does calibration of 5,000 categories on 200,000 products stay within 4 GB and 2 minutes?  Generated logits.

    python benchmarks/trust_scale.py [--classes 5000] [--rows 200000] [--dim 128] [--folder FOLDER]

Logits lie in a float16 file that is mapped into memory.  Timed are the calibrator, promises at four precisions (by
level and by branch), suggestion sets, the limits of strangers, and the estimate of another mix.  The memory is the
largest resident set of the process, pages of the mapped file included.  Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from catalens.core.calibrator import Calibrated
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import calibrators, openworld, prior, promise, sets
from catalens.evaluate.openworld import Outputs

TARGET_S, TARGET_GB = 120, 4.0
BRANCH, FAMILY = 100, 10  # leaves of a branch of the top level, and of a node below it
PROMISES = (0.90, 0.95, 0.98, 0.99)
BLOCK = 2048


def make(folder: Path, classes: int, rows: int, dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits float16 [rows, classes] in a file, embeddings float32 [rows, dim], truth int64 [rows]."""
    rng = np.random.default_rng(0)
    truth = rng.zipf(1.3, rows) % classes
    centres = rng.normal(size=(classes, dim)).astype(np.float32)
    logits = np.lib.format.open_memmap(folder / "logits.npy", "w+", np.float16, (rows, classes))
    embeddings = np.empty((rows, dim), np.float32)
    for start in range(0, rows, BLOCK):
        label = truth[start : start + BLOCK]
        noise = rng.normal(size=(len(label), dim)).astype(np.float32)
        block = centres[label] + noise
        embeddings[start : start + BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
        scores = rng.standard_normal((len(label), classes), dtype=np.float32)
        scores[np.arange(len(label)), label] += rng.uniform(2, 12, len(label))
        logits[start : start + BLOCK] = scores
    logits.flush()
    return np.load(folder / "logits.npy", mmap_mode="r"), embeddings, truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=5000)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--folder", type=Path, default=None, help="where the logits lie for the time")
    given = parser.parse_args()
    paths = {
        f"{leaf}": [f"branch {leaf // BRANCH}", f"family {leaf // FAMILY}", f"leaf {leaf}"]
        for leaf in range(given.classes)
    }
    taxonomy = Taxonomy.from_paths(paths)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        logits, embeddings, truth = make(Path(folder), given.classes, given.rows, given.dim)
        print("generated", file=sys.stderr)
        seconds: dict[str, float] = {}

        def timed(name: str, work: Callable[[], Any]) -> Any:
            started = time.perf_counter()
            value = work()
            seconds[name] = round(time.perf_counter() - started, 1)
            print(f"{name}: {seconds[name]} s, {peak():.2f} GB", file=sys.stderr)
            return value

        calibrator, trials = timed("calibrator", lambda: calibrators.fit_leaves(logits, truth))
        said = Calibrated(calibrator, logits)
        found = timed("answers", lambda: promise.answers(taxonomy, said, truth))
        timed("curves", lambda: calibrators.with_curves(calibrator, trials, found, taxonomy))
        for by_branch in (False, True):
            timed(
                f"promises{' by branch' if by_branch else ''}",
                lambda by_branch=by_branch: [
                    promise.fit_on(found, taxonomy, precision=one, by_branch=by_branch) for one in PROMISES
                ],
            )
        timed("sets", lambda: sets.fit(said, truth, taxonomy.leaves))
        bank = timed("bank", lambda: openworld.make_bank(embeddings, truth, seed=0))
        timed("strangers", lambda: openworld.fit(bank, Outputs(logits, embeddings), truth, seed=0))
        sample = said[:20_000].astype(np.float32)
        reference = timed("reference of the mix", lambda: prior.Reference.of(sample, truth[:20_000]))
        timed("mix", lambda: prior.estimate(sample, reference))
    total, gigabytes = sum(seconds.values()), peak()
    result = {
        "question": "calibration at scale",
        "classes": given.classes,
        "rows": given.rows,
        "seconds": seconds,
        "total_s": round(total, 1),
        "peak_gb": round(gigabytes, 2),
        "targets": {"seconds": TARGET_S, "gigabytes": TARGET_GB},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    print(json.dumps(result, indent=1))


def peak() -> float:
    """Largest resident set so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
