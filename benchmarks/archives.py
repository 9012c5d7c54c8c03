"""What does it cost to read a dump in an archive, and would reading a compressed tar in its own order be cheaper?

    python benchmarks/archives.py PHOTOS [--photos 4000]

PHOTOS is a folder of photos.  They are packed as a folder per class into a folder, a zip and tars; each of these is
ingested then, everything decoded.  `open` is until the members are known: a compressed tar is unpacked in it.  `stream`
is the least that any reader of that tar has to do: go through it once in its own order and drop the bytes.  Both are in
seconds on the processor, which tell the same on a busy machine; `ingest` is by the clock.  The memory of the index is
measured on zips of empty members.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from catalens.core.formats import EXTENSIONS
from catalens.curate.ingest import run
from catalens.curate.sources import IngestSettings
from catalens.curate.sources.files import open_dump

CLASSES = 50
TARS = {"photos.tar": "w", "photos.tar.gz": "w:gz", "photos.tar.bz2": "w:bz2", "photos.tar.xz": "w:xz"}
MEMBERS = (100_000, 400_000)


def main() -> None:
    """Print a table and a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--photos", dest="count", type=int, default=4000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        packed = pack(arguments.photos, Path(folder), arguments.count)
        figures = {path.name: measure(path, Path(folder)) for path in packed}
        figures["index"] = {"kB a member": round(kilobytes_a_member(Path(folder)), 2)}
    print(json.dumps(figures))


def pack(photos: Path, folder: Path, count: int) -> list[Path]:
    """The same photos in a folder, a zip and four tars."""
    found = (file for file in sorted(photos.rglob("*")) if file.suffix.lower() in EXTENSIONS)
    files = {f"{number % CLASSES}/{number}.jpg": file for number, file in enumerate(itertools.islice(found, count))}
    print(f"{len(files):,} photos, {sum(file.stat().st_size for file in files.values()) / 1e6:,.0f} MB")
    tree = folder / "photos"
    for name, file in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, tree / name)
    with zipfile.ZipFile(folder / "photos.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files:
            archive.write(tree / name, name)
    for name, mode in TARS.items():
        with tarfile.open(folder / name, mode) as tar:
            tar.add(tree, ".")
    return [tree, folder / "photos.zip", *(folder / name for name in TARS)]


def measure(path: Path, folder: Path) -> dict[str, Any]:
    """Seconds for each step, and the catalog's digest."""
    figures: dict[str, Any] = {}
    figures["open"] = seconds(lambda: open_dump(path), time.process_time)
    if path.name in TARS:
        figures["stream"] = seconds(lambda: stream(path), time.process_time)
    catalog = folder / "made.catalog"
    figures["ingest"] = seconds(lambda: run(path, catalog, IngestSettings()), time.perf_counter)
    figures["digest"] = run(path, catalog, IngestSettings()).digest[:12]
    shutil.rmtree(catalog)
    print(f"{path.name:15}", ", ".join(f"{name} {value}" for name, value in figures.items()), flush=True)
    return figures


def stream(path: Path) -> None:
    """Every member in its order, its bytes read and dropped."""
    with tarfile.open(path, "r|*") as tar:
        for member in tar:
            if file := tar.extractfile(member):
                file.read()


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return round(clock() - started, 2)


def kilobytes_a_member(folder: Path) -> float:
    """How much a process grows for each member of a zip that it opens."""
    grown = []
    for members in MEMBERS:
        path = folder / f"{members}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(members):
                archive.writestr(f"category-{number % 1000}/photo-{number:08}.jpg", b"")
        code = (
            "import sys, resource; from pathlib import Path; from catalens.curate.sources.files import open_dump; "
            "dump = open_dump(Path(sys.argv[1])); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
        grown.append(int(done.stdout))
    return (grown[1] - grown[0]) / (MEMBERS[1] - MEMBERS[0])


if __name__ == "__main__":
    main()
