"""How fast is ingest on a large BSON dump, and does its memory grow?  Against the plain loop that everyone writes.

    python benchmarks/ingest_scale.py [--megabytes 250 1000] [--rounds 3] [--folder FOLDER]

The plain loop, in one process: `bson.decode_file_iter`, Pillow's `Image.open(...).load()` and `convert("RGB")`, one
file a photo.  Ingest by its public command, with its default settings.  Both decode every photo; they run by turns, and
medians are compared.  Memory is the sum over the processes of each, looked at ten times a second.  Dumps are made by
`bson_dump.py` and deleted at the end.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import bson
import psutil
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bson_dump import write_dump

CDISCOUNT_PHOTOS = 12_371_293  # in train.bson: 7,069,896 products, 58 GB
LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Run:
    """One run of either: wall and processor time, and the highest memory."""

    seconds: float
    processor_s: float
    peak_mb: float


def main() -> None:
    if sys.argv[1:2] == ["plain"]:
        plain_loop(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[250, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where dumps and results are put for a while")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("   MB  photos  round   plain: s   cpu s  peak MB   ingest: s   cpu s  peak MB   ratio   cpu ratio")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for megabytes in options.megabytes:
            measure(Path(folder), megabytes, options.rounds)


def measure(folder: Path, megabytes: int, rounds: int) -> None:
    """Print a line a round, then the medians and what they mean for the whole of Cdiscount."""
    dump = write_dump(folder / f"dump-{megabytes}", megabytes=megabytes)
    with dump.open("rb") as file:
        photos = sum(len(document["imgs"]) for document in bson.decode_file_iter(file))
    runs: list[tuple[Run, Run]] = []
    for number in range(1, rounds + 1):
        files, catalog = folder / "files", folder / "shop.catalog"
        plain = watched([sys.executable, __file__, "plain", str(dump), str(files)])
        shutil.rmtree(files)
        ours = watched([sys.executable, "-m", "catalens", "ingest", str(dump), str(catalog)])
        shutil.rmtree(catalog)
        runs.append((plain, ours))
        print(_line(megabytes, photos, str(number), plain, ours), flush=True)
    plain, ours = (_median([pair[place] for pair in runs]) for place in (0, 1))
    print(_line(megabytes, photos, "median", plain, ours))
    hours = ours.seconds / photos * CDISCOUNT_PHOTOS / 3600
    print(
        f"{photos / ours.seconds:,.0f} photos a second: {CDISCOUNT_PHOTOS:,} photos of Cdiscount in {hours:.1f} hours"
    )
    shutil.rmtree(dump.parent)


def plain_loop(dump: Path, folder: Path) -> None:
    """What is compared with."""
    folder.mkdir(parents=True)
    with dump.open("rb") as file:
        for document in bson.decode_file_iter(file):
            for position, image in enumerate(document["imgs"]):
                picture = Image.open(io.BytesIO(image["picture"]))
                picture.load()
                picture.convert("RGB")
                (folder / f"{document['_id']}-{position}.jpg").write_bytes(image["picture"])


def watched(command: list[str]) -> Run:
    """Run a command to its end, looking at its memory and that of the processes it starts."""
    before, started = _children_s(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _memory(process.pid))
        time.sleep(LOOK_EVERY_S)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{command}: {process.stderr.read().decode()}")
    return Run(seconds, _children_s() - before, peak / 2**20)


def _memory(pid: int) -> int:
    """Bytes of a process and those below it."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:  # one ended between two looks
        pass
    return total


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _median(runs: list[Run]) -> Run:
    return Run(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.processor_s for run in runs),
        statistics.median(run.peak_mb for run in runs),
    )


def _line(megabytes: int, photos: int, label: str, plain: Run, ours: Run) -> str:
    sides = "".join(f"{run.seconds:>12.1f} {run.processor_s:>7.1f} {run.peak_mb:>8,.0f}" for run in (plain, ours))
    ratios = f"{plain.seconds / ours.seconds:>7.2f} {plain.processor_s / ours.processor_s:>11.2f}"
    return f"{megabytes:>5,} {photos:>7,} {label:>6} {sides} {ratios}"


if __name__ == "__main__":
    main()
