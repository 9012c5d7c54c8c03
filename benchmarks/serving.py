"""What does HTTP cost?  p50 and p95 of the service against the same work in this process, taken in turns in one run.

    python benchmarks/serving.py shirts.bundle --index shop.index
    python benchmarks/serving.py shirts.bundle --photo shoe.jpg --requests 500

The service runs in a process of its own on 127.0.0.1; requests go one after another over one connection, by turns with
the same decode + fit + ONNX Runtime call (and matrix product) made here.  The ratios are the result: both sides meet
the same noise of the machine.
"""

from __future__ import annotations

import argparse
import http.client
import io
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
from PIL import Image

from catalens.core.bundle import Bundle
from catalens.predict.predictor import Photo, Predictor
from catalens.predict.session import Session
from catalens.search.exact import ExactIndex

LIMITS = {"classify": 1.3, "similar": 1.5}  # times the same work in the process
BOUNDARY = "catalens-benchmark"
PAUSE_S = 0.03


def main() -> int:
    arguments = parse()
    bundle = Bundle(arguments.bundle)
    index = ExactIndex.read(arguments.index, space=bundle.digest) if arguments.index else None
    photo = arguments.photo.read_bytes() if arguments.photo else product_photo(400, 533)
    service, address = start_service(arguments.bundle, arguments.index)
    try:
        connection = http.client.HTTPConnection(address, timeout=60)
        here = work_here(bundle, index, photo)
        there = requests(connection, photo, with_index=index is not None)
        times = measure({**here, **there}, rounds=arguments.requests, warm_up=arguments.warm_up)
    finally:
        service.terminate()
        service.wait()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{bundle.name}, {len(photo):,} bytes a photo, {arguments.requests} rounds, concurrency 1")
    return report(times, index)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--photo", type=Path, help="a photo of your own instead of a drawn 400x533 JPEG")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--warm-up", type=int, default=5)
    return parser.parse_args()


def product_photo(width: int, height: int) -> bytes:
    """A JPEG of that size with soft shapes and fine grain, so that it is as heavy to decode as a photo."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 9, 3), dtype=np.uint8)).resize((width, height), 3)
    pixels = np.asarray(coarse, np.float32) + rng.normal(0, 6, (height, width, 3))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def start_service(bundle: Path, index: Path | None) -> tuple[subprocess.Popen[str], str]:
    """The running process, and "host:port" once it has said so."""
    command = [sys.executable, "-m", "catalens", "serve", str(bundle), "--port", "0"]
    command += ["--index", str(index)] if index else []
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://(\S+)", line):
            return process, found[1]
    raise SystemExit("the service did not start")


def work_here(bundle: Bundle, index: ExactIndex | None, photo: bytes) -> dict[str, Callable[[], object]]:
    """The same work without HTTP: the bare calls, and the predictor that the service uses."""
    session = Session(bundle)
    predictor = Predictor(bundle, session)

    def classify() -> object:
        return session.run(bundle.preprocess.square(photo)[None])

    def similar() -> object:
        _, embeddings = session.run(bundle.preprocess.square(photo)[None])
        scores = embeddings @ vectors.T
        return np.argpartition(-scores[0], 5)[:5]

    work: dict[str, Callable[[], object]] = {
        "classify here": classify,
        "predictor here": lambda: predictor.predict([Photo("photo", photo)]),
    }
    if index is not None:
        vectors = np.array(index.vectors)
        work["similar here"] = similar
    return work


def requests(
    connection: http.client.HTTPConnection, photo: bytes, *, with_index: bool
) -> dict[str, Callable[[], object]]:
    raw = {"content-type": "image/jpeg"}
    form = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    part = 'Content-Disposition: form-data; name="photos"; filename="a.jpg"\r\nContent-Type: image/jpeg'
    body = f"--{BOUNDARY}\r\n{part}\r\n\r\n".encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()

    def post(path: str, data: bytes, headers: dict[str, str]) -> Callable[[], object]:
        def send() -> object:
            connection.request("POST", path, data, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200:
                raise SystemExit(f"{path}: {response.status} {answer.decode()}")
            return answer

        return send

    def health() -> object:
        connection.request("GET", "/healthz")
        return connection.getresponse().read()

    work = {
        "healthz": health,
        "classify": post("/v1/classify", photo, raw),
        "classify, form": post("/v1/classify", body, form),
    }
    if with_index:
        work["similar"] = post("/v1/similar?k=5", photo, raw)
        work["similar, form"] = post("/v1/similar?k=5", body, form)
    return work


def measure(work: dict[str, Callable[[], object]], *, rounds: int, warm_up: int) -> dict[str, np.ndarray]:
    """Milliseconds of each piece of work, taken in turns, each after a pause.

    The pause lets threads go to sleep that spin for some 25 ms after a matrix product, in this process and in the
    service: on two cores they would be measured with whatever comes next.  It also gives both sides cold caches.
    """
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(warm_up + rounds):
        for name, call in work.items():
            sleep(PAUSE_S)
            start = perf_counter()
            call()
            if turn >= warm_up:
                times[name].append((perf_counter() - start) * 1000)
    return {name: np.array(milliseconds) for name, milliseconds in times.items()}


def report(times: dict[str, np.ndarray], index: ExactIndex | None) -> int:
    """Print the table; 0 if the service keeps its limits, else 1."""
    print(f"{'':18}{'p50 ms':>9}{'p95 ms':>9}")
    for name, values in times.items():
        print(f"{name:18}{np.percentile(values, 50):9.2f}{np.percentile(values, 95):9.2f}")
    kept = True
    for name, limit in LIMITS.items():
        for kind in (name, f"{name}, form"):
            if kind in times:
                ratio = np.median(times[kind]) / np.median(times[f"{name} here"])
                kept &= bool(ratio <= limit)
                over = f" over {len(index.products):,} products" if index is not None and name == "similar" else ""
                print(f"{kind}{over}: {ratio:.2f} x the same work here (at most {limit})")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
