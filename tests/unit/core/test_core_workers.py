"""Worker processes end with their parent, even one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from catalens.core.workers import worker_pool

SAY = "import os; print(os.environ['CATALENS_BEGUN'])"

PARENT = """
import time
from catalens.core.workers import worker_pool
if __name__ == "__main__":
    pool = worker_pool(2)
    print(pool.submit(abs, -1).result(), flush=True)
    time.sleep(60)
"""

STOPPED = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins deaf to it
from catalens.core.workers import worker_pool
if __name__ == "__main__":
    try:
        with worker_pool(2) as pool:
            print(max(pool.map(abs, [-1] * 20)), flush=True)
            time.sleep(60)
    except KeyboardInterrupt:
        print("stopped")
"""


def test_each_worker_begins_as_told() -> None:
    with worker_pool(1, os.putenv, "CATALENS_BEGUN", "yes") as pool:
        said = pool.submit(subprocess.check_output, [sys.executable, "-c", SAY]).result()
    assert said == b"yes\n"
    assert "CATALENS_BEGUN" not in os.environ


def test_workers_of_a_killed_process_end() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "1\n"
    workers = [child for child in psutil.Process(parent.pid).children() if "spawn_main" in " ".join(child.cmdline())]
    assert workers
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    waited = time.monotonic() + 20
    while any(worker.is_running() for worker in workers) and time.monotonic() < waited:
        time.sleep(0.05)
    assert [worker.pid for worker in workers if worker.is_running()] == []


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches processes in another way there")
def test_ctrl_c_ends_the_parent_and_its_workers_without_a_word_of_theirs() -> None:
    asked = [sys.executable, "-c", STOPPED]
    pipe = subprocess.PIPE
    parent = subprocess.Popen(asked, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "1\n"
    os.killpg(parent.pid, signal.SIGINT)
    out, err = parent.communicate(timeout=20)
    assert (parent.returncode, out, err) == (0, "stopped\n", "")
