"""Does an ingest from URLs that is killed and run again give the undisturbed catalog, and fetch nothing twice?

    python benchmarks/urls_kill.py [--photos 600] [--kills 10] [--seed 0]

Photos come from four servers on 127.0.0.1, which answer late, some with 503 at first, some with 404.  Every round is an
ingest of its own with a folder of downloads of its own: it is killed with SIGKILL at a random moment of the undisturbed
run's time, every photo on disk is compared with its record, the ingest is run again to the end, digests compared, and
photos that were served twice counted.  What was under way at the kill may be: at most one for a connection.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.builders.webserver import LocalServer, Reply

SERVERS, CONNECTIONS, PER_HOST = 4, 8, 2
LATE_S = 0.03


def main() -> int:
    """Print one line a kill; 1 if a digest differs, a file is not whole, or photos were served twice for no reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = measure(Path(folder), photos=arguments.photos, kills=arguments.kills, seed=arguments.seed)
    print(json.dumps({key: value for key, value in outcome.items() if key != "rounds"}))
    return 0 if outcome["same"] and outcome["whole"] and outcome["twice"] <= CONNECTIONS else 1


def measure(folder: Path, *, photos: int, kills: int, seed: int) -> dict[str, Any]:
    """An undisturbed run, then `kills` rounds of one kill each."""
    generator = random.Random(seed)
    with ExitStack() as stack:
        shops = [stack.enter_context(LocalServer(_routes(photos // SERVERS, number))) for number in range(SERVERS)]
        source = _list(folder / "list.csv", shops, photos // SERVERS)
        started = time.monotonic()
        expected = _finish(source, folder / "undisturbed.catalog", folder / "undisturbed", shops)
        whole_s = time.monotonic() - started
        print(f"undisturbed: {expected['products']:,} products, digest {expected['digest'][:12]}, {whole_s:.1f} s")
        rounds: list[dict[str, Any]] = []
        while len(rounds) < kills:
            for shop in shops:
                shop.asked.clear()
            catalog, downloads = folder / "killed.catalog", folder / "killed"
            after = generator.uniform(0, whole_s)
            if _kill(source, catalog, downloads, shops, after):
                fetched, broken = _on_disk(downloads)
                same = _finish(source, catalog, downloads, shops)["digest"] == expected["digest"]
                twice = sum(map(_served_twice, shops))
                rounds.append({"after_s": after, "fetched": fetched, "broken": broken, "same": same, "twice": twice})
                verdict = "same digest" if same else "ANOTHER DIGEST"
                print(
                    f"killed after {after:4.1f} s, {fetched} on disk, {broken} broken, {twice} served twice: {verdict}"
                )
            shutil.rmtree(catalog, ignore_errors=True)
            shutil.rmtree(downloads, ignore_errors=True)
    return {
        "same": all(done["same"] for done in rounds),
        "whole": not any(done["broken"] for done in rounds),
        "twice": max((done["twice"] for done in rounds), default=0),
        "kills": len(rounds),
        "seconds": round(whole_s, 1),
        "digest": expected["digest"],
        "rounds": rounds,
    }


def _routes(photos: int, seed: int) -> dict[str, Sequence[Reply]]:
    """Every tenth photo is not there, every seventh only when it is asked for again."""
    routes = {}
    for number in range(photos):
        replies = [Reply(_photo(seed * photos + number), pause_s=LATE_S)]
        if number % 7 == 3:
            replies.insert(0, Reply(status=503, pause_s=LATE_S))
        if number % 10 != 9:
            routes[f"/{number}.jpg"] = replies
    return routes


def _served_twice(shop: LocalServer) -> int:
    asked = Counter(shop.paths())
    return sum(asked[path] > len(replies) for path, replies in shop.routes.items())


def _list(path: Path, shops: list[LocalServer], photos: int) -> Path:
    lines = ["sku,image_url,category,licence"]
    for number in range(photos):
        lines += [f"{shop.address}/{number},{shop.url}/{number}.jpg,c{number % 5},CC0" for shop in shops]
    path.write_text("\n".join(lines))
    return path


def _kill(source: Path, catalog: Path, downloads: Path, shops: list[LocalServer], after_s: float) -> bool:
    """Start an ingest and kill it; False if it was faster."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(_command(source, catalog, downloads, shops), **quiet)
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return not (catalog / "catalog.json").exists()


def _finish(source: Path, catalog: Path, downloads: Path, shops: list[LocalServer]) -> dict[str, Any]:
    done = subprocess.run(_command(source, catalog, downloads, shops), check=True, capture_output=True, text=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _command(source: Path, catalog: Path, downloads: Path, shops: list[LocalServer]) -> list[str]:
    """The public command line."""
    words = [sys.executable, "-m", "catalens", "ingest", str(source), str(catalog), "--format", "urls", "--json"]
    words += ["--downloads", str(downloads)]
    for shop in shops:
        words += ["--allow-private", shop.address]
    for setting in (f"connections={CONNECTIONS}", f"per_host={PER_HOST}", "delay_s=0"):
        words += ["--set", f"ingest.web.{setting}"]
    return words


def _on_disk(downloads: Path) -> tuple[int, int]:
    """(photos with a record, those of them that are not what the record says)."""
    fetched = broken = 0
    for file in downloads.glob("*/*.json"):
        record = json.loads(file.read_bytes())
        if record["outcome"] == "fetched":
            fetched += 1
            data = file.with_suffix(".photo").read_bytes()
            broken += hashlib.sha256(data).hexdigest() != record["sha256"]
    return fetched, broken


def _photo(number: int) -> bytes:
    target = io.BytesIO()
    noise = random.Random(number).randbytes(64 * 64 * 3)
    Image.frombytes("RGB", (64, 64), noise).save(target, "JPEG", quality=90)
    return target.getvalue()


if __name__ == "__main__":
    sys.exit(main())
