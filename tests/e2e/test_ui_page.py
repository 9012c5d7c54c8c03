"""The page in a real browser, over a real service with a tiny bundle and a tiny index."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.builders.bundles import TAXONOMY, colour_of, photo_of, tiny_bundle

from catalens.cli.main import catalens
from catalens.cli.ui import streamlit

CHROMIUM = Path(os.environ.get("CATALENS_CHROMIUM", "/usr/bin/chromium"))
START_TIMEOUT_S = 60
WAIT_MS = 30_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bundle, catalog and index of 21 products: three of each class, in its colour."""
    folder = tmp_path_factory.mktemp("shop")
    tiny_bundle(folder / "shop.bundle")
    for leaf in TAXONOMY.leaves:
        place = folder.joinpath("photos", *TAXONOMY.path_names(leaf))
        place.mkdir(parents=True)
        for number in range(3):
            drawn(leaf, number).save(place / f"{leaf}-{number}.jpg", quality=92)
    bundle, catalog, index = (str(folder / f"shop.{kind}") for kind in ("bundle", "catalog", "index"))
    verb("ingest", str(folder / "photos"), catalog)
    verb("embed", bundle, catalog)
    verb("index", bundle, catalog, index)
    return folder


@pytest.fixture(scope="module")
def service(shop: Path) -> Iterator[str]:
    """The URL of a running `catalens serve`."""
    options = ["--index", str(shop / "shop.index"), "--port", "0"]
    command = [sys.executable, "-m", "catalens.cli.main", "serve", str(shop / "shop.bundle"), *options]
    with running(command, shop / "serve.log") as log:
        yield wait_for(lambda: re.search(r"on (http://\S+)", log.read_text()), "the service", log)[1]


@pytest.fixture(scope="module")
def page_url(shop: Path, service: str) -> Iterator[str]:
    """The URL of a running `catalens ui`."""
    port = free_port()
    with running(streamlit(service, port), shop / "ui.log") as log:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{url}/_stcore/health"), "the page", log)
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.is_file():
        pytest.skip(f"no browser at {CHROMIUM} (set CATALENS_CHROMIUM)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        opened = engine.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, page_url: str) -> Iterator[Any]:
    """The page in a new session; a request to anywhere else than this machine fails the test."""
    opened = browser.new_page(viewport={"width": 1360, "height": 950})
    opened.set_default_timeout(WAIT_MS)
    elsewhere: list[str] = []
    opened.on("request", lambda request: elsewhere.append(request.url))
    opened.goto(page_url)
    opened.get_by_text("Drop one or several photos of one product").wait_for()
    yield opened
    opened.close()
    own = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
    assert [url for url in elsewhere if not url.startswith(own)] == []


def test_uploaded_photos_are_decided_and_compared(page: Any) -> None:
    upload(page, {"front.png": photo_of("sneaker"), "broken.jpg": b"not a photo"})
    page.locator(".ct-card.ct-file h2", has_text="Sneaker").wait_for()
    assert crumbs(page) == ["Fashion", "Footwear", "Sneaker"]
    assert "right at least 98 % of the time" in page.locator(".ct-card p").inner_text()
    assert "broken.jpg was not used: it is unreadable" in page.locator(".ct-findings").inner_text()
    assert page.locator(".ct-bar b").first.inner_text() == "Sneaker"
    page.locator(".ct-neighbour").nth(4).wait_for()
    assert page.locator(".ct-neighbour img").count() == 5
    assert page.locator(".ct-neighbour b").all_inner_texts()[:3] == ["Sneaker"] * 3
    assert re.search(r"\d+ ms there and back", page.locator(".ct-time").first.inner_text())


def test_a_random_product_is_not_its_own_neighbour_and_is_kept_in_the_list(page: Any) -> None:
    page.get_by_text("Take a random product").click()
    page.locator(".ct-card.ct-file").wait_for()
    page.get_by_text("In the catalog").wait_for()
    assert page.locator(".ct-path").count() == 2  # where the catalog has it, and where it would be filed
    own = page.locator(".ct-photos figcaption").inner_text().removesuffix(" (1)")
    page.locator(".ct-neighbour").nth(4).wait_for()
    names = page.locator(".ct-neighbour small:last-child").all_inner_texts()
    assert len(names) == 5
    assert own not in names
    assert page.locator(".ct-tried").count() == 1


def test_a_weaker_answer_is_a_suggestion(page: Any) -> None:
    """A colour between two classes of different departments is sure of nothing."""
    upload(page, {"between.png": between("dress", "lamp")})
    page.locator(".ct-card.ct-suggest").wait_for()
    assert page.locator(".ct-action").inner_text().lower() == "ask a person"
    assert "best guess, not filed" in page.locator(".ct-path").inner_text()


def test_the_promise_can_be_chosen(page: Any) -> None:
    upload(page, {"front.png": photo_of("boot")})
    page.locator(".ct-card.ct-file").wait_for()
    page.get_by_test_id("stSelectbox").locator("input").click()
    page.get_by_role("option", name="at least 99 %").click()
    page.locator(".ct-card.ct-suggest").wait_for()
    assert "99.9 %" in page.locator(".ct-sure").inner_text()  # as sure as before, but nobody may promise so much


def test_only_bad_photos_say_why(page: Any) -> None:
    upload(page, {"empty.png": b"nothing of a photo"})
    page.locator(".ct-card.ct-reject").wait_for()
    assert page.locator(".ct-card p").inner_text().startswith("empty.png: 18 bytes")


def test_without_a_service_the_page_says_how_to_start_one(browser: Any, tmp_path: Path) -> None:
    nobody, port = free_port(), free_port()
    with running(streamlit(f"http://127.0.0.1:{nobody}", port), tmp_path / "ui.log") as log:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/_stcore/health"), "the page", log)
        opened = browser.new_page()
        opened.goto(f"http://127.0.0.1:{port}")
        opened.get_by_text(f"Nothing listens at http://127.0.0.1:{nobody}").wait_for(timeout=WAIT_MS)
        assert "catalens serve" in opened.locator(".ct-card pre").first.inner_text()
        opened.close()


def upload(page: Any, files: dict[str, bytes]) -> None:
    payload = [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files.items()]
    page.locator("input[type=file]").set_input_files(payload)


def crumbs(page: Any) -> list[str]:
    return page.locator(".ct-card .ct-crumb").all_inner_texts()


def drawn(leaf: str, number: int) -> Image.Image:
    """A photo in the class's colour with a thing on it, another one for each number."""
    photo = Image.new("RGB", (160, 120), colour_of(leaf))
    draw = ImageDraw.Draw(photo)
    draw.ellipse((20 + 30 * number, 30, 50 + 30 * number, 60), fill=(250, 250, 250))
    return photo


def between(one: str, other: str) -> bytes:
    middle = np.mean([colour_of(one), colour_of(other)], axis=0).round().astype(int)
    buffer = io.BytesIO()
    Image.new("RGB", (48, 48), tuple(middle)).save(buffer, "PNG")
    return buffer.getvalue()


def verb(*arguments: str) -> None:
    catalens.main(list(arguments), prog_name="catalens", standalone_mode=False)


@contextmanager
def running(command: list[str], log: Path) -> Iterator[Path]:
    """A process in the background whose output goes to a file."""
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
    try:
        yield log
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(check: Any, what: str, log: Path) -> Any:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.1)
    pytest.fail(f"{what} did not start within {START_TIMEOUT_S} s:\n{log.read_text()}")


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
