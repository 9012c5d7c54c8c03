"""The service as people run it: a process that says where it listens, answers, and ends when told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.builders.bundles import photo_of

from catalens.core.errors import ConfigError
from catalens.serve.run import bind

COMMAND = [sys.executable, "-m", "catalens", "serve"]


@pytest.fixture
def service(served_folders: tuple[Path, Path]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    bundle, index = served_folders
    command = [*COMMAND, str(bundle), "--index", str(index), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "24 products in the index" in line
        yield process, re.search(r"http://[\d.:]+", line)[0]
    finally:
        process.kill()
        process.wait()


def test_serves_until_it_is_told_to_end(service: tuple[subprocess.Popen[str], str]) -> None:
    process, url = service
    with httpx.Client(base_url=url) as client:
        assert client.get("/readyz").json() == {"ready": True}
        found = client.post("/v1/classify", files={"photos": photo_of("banana")}).json()
        assert found["decision"]["node"] == "banana"
        neighbour = client.post("/v1/similar?k=1", files={"photos": photo_of("banana")}).json()["neighbours"][0]
        # the catalog was found where it lay when the index was built
        assert client.get(neighbour["photo"]).headers["content-type"] == "image/png"
        # refused while it is being sent, and the service goes on
        assert client.post("/v1/classify", content=b"x" * 40_000_000, headers={"content-type": "image/png"}).is_error
        assert client.get("/healthz").status_code == 200

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) in (0, -signal.SIGTERM)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz")


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port} .*choose another with --port"):
            bind("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 203\.0\.113\.1:0"):
        bind("203.0.113.1", 0)
