"""Does an ingest that is killed at a random moment and run again give the catalog of an undisturbed one?

    python benchmarks/ingest_kill.py SOURCE [--kills 10] [--seed 0]

Every round starts an ingest of its own, kills it with SIGKILL at a random moment of the undisturbed run's time, runs it
again to the end, and compares digests; then one ingest is killed again and again until it is done.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FINISHED = "finished"


def main() -> int:
    """Print one line a kill; 1 if any digest differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = measure(arguments.source, Path(folder), kills=arguments.kills, seed=arguments.seed)
    print(json.dumps({key: value for key, value in outcome.items() if key != "rounds"}))
    return 0 if outcome["same"] else 1


def measure(source: Path, folder: Path, *, kills: int, seed: int) -> dict[str, Any]:
    """Undisturbed run, `kills` rounds of one kill each, then one ingest killed up to as often until it is done."""
    generator = random.Random(seed)
    started = time.monotonic()
    expected = finish(source, folder / "undisturbed.catalog")
    whole = time.monotonic() - started
    print(f"undisturbed: {expected['products']:,} products, digest {expected['digest'][:12]}, {whole:.1f} s")
    rounds = []
    for number in range(kills):
        catalog = folder / f"killed-{number}.catalog"
        after, left = kill(source, catalog, generator, whole)
        started = time.monotonic()
        same = finish(source, catalog)["digest"] == expected["digest"]
        again = time.monotonic() - started
        rounds.append({"after_s": after, "left": left, "again_s": again, "same": same})
        shutil.rmtree(catalog)
        print(f"killed after {after:4.1f} s ({left}), again {again:4.1f} s: {_verdict(same)}", flush=True)
    chain = folder / "chain.catalog"
    tries = (_kill_if_it_runs(source, chain, generator.uniform(0, whole / 2)) for _ in range(kills))
    survived = list(itertools.takewhile(lambda left: left != FINISHED, tries))
    same = finish(source, chain)["digest"] == expected["digest"]
    print(f"one ingest, {len(survived)} kills ({'; '.join(survived)}): {_verdict(same)}")
    everything = same and all(done["same"] for done in rounds)
    return {
        "same": everything,
        "seconds": round(whole, 1),
        "kills": kills + len(survived),
        "digest": expected["digest"],
        "rounds": rounds,
    }


def kill(source: Path, catalog: Path, generator: random.Random, whole_s: float) -> tuple[float, str]:
    """Start an ingest and kill it at a random moment: (seconds, what it left).  One that was faster is begun afresh."""
    while True:
        after = generator.uniform(0, whole_s)
        left = _kill_if_it_runs(source, catalog, after)
        if left != FINISHED:
            return after, left
        shutil.rmtree(catalog)


def _kill_if_it_runs(source: Path, catalog: Path, after_s: float) -> str:
    process = subprocess.Popen(command(source, catalog), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    if (catalog / "catalog.json").exists():
        return FINISHED
    return f"{len(list((catalog / 'journal').glob('part-*.json')))} parts sealed" if catalog.exists() else "nothing yet"


def finish(source: Path, catalog: Path) -> dict[str, Any]:
    """Run an ingest to its end; its report."""
    done = subprocess.run(command(source, catalog), check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def command(source: Path, catalog: Path) -> list[str]:
    """The public command line."""
    return [sys.executable, "-m", "catalens", "ingest", str(source), str(catalog), "--json"]


def _verdict(same: bool) -> str:
    return "same digest" if same else "ANOTHER DIGEST"


if __name__ == "__main__":
    sys.exit(main())
