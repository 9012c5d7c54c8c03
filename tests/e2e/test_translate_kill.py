"""`kill -9` in the middle of a translation: what was answered is kept, and the next run asks only for the rest."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.builders.translators import FakeProvider, fake_provider

from catalens.core.taxonomy import Taxonomy

NAMES, BATCH, KILLS = 400, 50, 2


def translate(names: Path, server: FakeProvider, out: Path) -> subprocess.Popen[bytes]:
    arguments = [names, "--from", "fr", "--to", "en", "--provider", "libretranslate", "--url", server.url, "--out", out]
    command = [sys.executable, "-m", "catalens", "taxonomy", "translate", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})


def slow(text: str) -> str:
    time.sleep(0.002)
    return f"the {text}"


def test_a_killed_translation_goes_on_where_it_was(tmp_path: Path) -> None:
    names, out = tmp_path / "names.csv", tmp_path / "taxonomy.parquet"
    names.write_text("id,name\n" + "".join(f"{n},catégorie {n}\n" for n in range(NAMES)), encoding="utf-8")
    chance = random.Random(7)
    with fake_provider(say=slow) as server:
        for _ in range(KILLS):
            running = translate(names, server, out)
            goal = len(server.texts) + chance.randrange(1, 3 * BATCH)
            deadline = time.monotonic() + 60
            while len(server.texts) < goal:
                assert time.monotonic() < deadline
                assert running.poll() is None
                time.sleep(chance.uniform(0.001, 0.05))
            running.send_signal(signal.SIGKILL)
            running.wait()
            assert not out.exists()
        assert translate(names, server, out).wait(60) == 0
        # a batch that was on its way when the kill came was paid for twice, and no other
        assert NAMES <= len(server.texts) <= NAMES + KILLS * BATCH
        assert len(set(server.texts)) == NAMES
        asked = len(server.texts)
        assert translate(names, server, tmp_path / "again.parquet").wait(60) == 0
        assert len(server.texts) == asked
    tree = Taxonomy.read(out)
    assert all(tree[str(n)].name("en") == f"the catégorie {n}" for n in range(NAMES))
    assert (tmp_path / "again.parquet").read_bytes() == out.read_bytes()
