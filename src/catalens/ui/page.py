"""The page: drop a product's photos, see what would be done with it.  Streamlit runs this file from top to bottom."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from catalens.predict.decide import percent
from catalens.ui import blocks
from catalens.ui.client import Answer, Client, NamedPhoto, Refused, ServiceDown
from catalens.ui.pictures import picture

NEIGHBOURS = 5
UNUSABLE = ("UnreadableImage", "ImageTooLarge")  # refusals that speak of the photos, not of the service


@dataclass(frozen=True, slots=True)
class Product:
    """What is looked at: its photos and, where it is the catalog's, its id there and its path."""

    photos: tuple[NamedPhoto, ...]
    id: str | None = None
    path: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        digest = hashlib.sha256()
        for name, data in self.photos:
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Result:
    """The service's two answers about a product; `similar` is None where it has no index."""

    classified: Answer
    similar: Answer | None

    @property
    def decision(self) -> dict[str, Any]:
        found: dict[str, Any] = self.classified.body["decision"]
        return found

    @property
    def labels(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.classified.body["labels"]
        return found


@st.cache_resource
def connect(service: str) -> Client:
    return Client(service)


def main(service: str) -> None:
    """The whole page, each time something on it changes."""
    st.set_page_config(page_title="Catalens", page_icon="🏷️", layout="wide")
    st.html(f"<style>{(Path(__file__).parent / 'page.css').read_text(encoding='utf-8')}</style>")
    client = connect(service)
    try:
        model = client.model()
    except (ServiceDown, Refused) as error:
        st.html(blocks.header(None))
        st.html(blocks.down(service, str(error)))
        st.button("Try again", type="primary")
        return
    st.html(blocks.header(model))
    left, right = st.columns([5, 8], gap="large")
    with left:
        promise = choose_promise(model)
        product = choose_product(client, model)
    with right:
        result = show_answer(client, model, product, promise)
    if result is not None and result.similar is not None:
        show_similar(client, result.similar)
    with st.sidebar:
        show_tried()


def choose_promise(model: dict[str, Any]) -> float | None:
    """One of the promises the bundle makes."""
    made = sorted(model["promises"])
    if not made:
        st.caption("This bundle makes no promises: every product is a suggestion.")
        return None
    chosen: float = st.selectbox(
        "Promise",
        made,
        index=made.index(model["default_promise"]) if model["default_promise"] in made else 0,
        format_func=lambda promise: f"What is filed is right at least {promise * 100:g} % of the time",
        help="A product is filed at the deepest category for which this holds, else higher up, else a person is asked.",
    )
    return chosen


def choose_product(client: Client, model: dict[str, Any]) -> Product | None:
    """Uploaded photos, or a random product of the catalog; whichever came last."""
    state = st.session_state
    files = st.file_uploader(
        "Photos of one product",
        accept_multiple_files=True,
        key=f"upload-{state.setdefault('round', 0)}",
    )
    has_photos = bool(model["index"] and model["index"]["photos"])
    if has_photos and st.button("Take a random product of the catalog", width="stretch"):
        try:
            state.product = from_catalog(client)
        except (ServiceDown, Refused) as error:
            st.error(str(error))
        else:
            state.round += 1  # a new, empty uploader
            st.rerun()
    if files:
        state.product = Product(tuple((file.name, file.getvalue()) for file in files))
    elif state.get("product") and state.product.id is None:
        state.product = None  # its photos were taken away again
    product: Product | None = state.get("product")
    if product is not None:
        st.html(blocks.photos((name, picture(data)) for name, data in product.photos))
        if product.path:
            st.html("<div class='ct-heading'>In the catalog</div>" + blocks.breadcrumbs(product.path))
    return product


def from_catalog(client: Client) -> Product:
    """A random product with the bytes of its photos."""
    found = client.random_product()
    photos = tuple(
        (f"{found['id']} ({photo['position'] + 1})", client.photo(photo["url"])) for photo in found["photos"]
    )
    return Product(photos, found["id"], tuple(found["path"]))


def show_answer(client: Client, model: dict[str, Any], product: Product | None, promise: float | None) -> Result | None:
    """The decision about a product, or why there is none."""
    if product is None:
        st.html(
            "<div class='ct-empty'><b>Drop one or several photos of one product</b><br>"
            "and see where it would be filed, how sure that is, and which products look like it.</div>"
        )
        return None
    try:
        result = remembered(client, model, product, promise)
    except ServiceDown as error:
        st.html(blocks.down(client.service, str(error)))
        return None
    except Refused as error:
        if error.kind in UNUSABLE:
            keep(product, "reject", product.photos[0][0], "")
            st.html(blocks.rejected(str(error)))
        else:
            st.error(f"The service could not answer: {error}")
        return None
    answer, decision, labels = result.classified, result.decision, result.labels
    name = decision["path"][-1] if decision["path"] else labels[0]["path"][-1]
    keep(product, decision["action"], name, percent(decision["confidence"]))
    st.html(blocks.decision(answer.body) + blocks.findings(answer.body["findings"]))
    st.html(
        f"<div class='ct-heading'>{blocks.how_sure(answer.body)}</div>{blocks.bars(labels)}"
        + blocks.timings(answer.body, server_ms=answer.server_ms, round_trip_ms=answer.round_trip_ms)
    )
    return result


def remembered(client: Client, model: dict[str, Any], product: Product, promise: float | None) -> Result:
    """The service's answers, asked for once a product and promise: Streamlit runs the page again for every click."""
    answers: dict[Any, Result] = st.session_state.setdefault("answers", {})
    key = (product.key, promise)
    if key not in answers:
        classified = client.classify(product.photos, promise=promise)
        similar = client.similar(product.photos, k=NEIGHBOURS, exclude=product.id) if model["index"] else None
        answers[key] = Result(classified, similar)
    return answers[key]


def show_similar(client: Client, similar: Answer) -> None:
    """Products of the catalog as pictures, best first."""
    pictures = [(found, neighbour_picture(client, found)) for found in similar.body["neighbours"]]
    st.html(
        f"<div class='ct-heading'>Looks like</div>{blocks.neighbours(pictures)}"
        + blocks.timings(similar.body, server_ms=similar.server_ms, round_trip_ms=similar.round_trip_ms)
    )


def neighbour_picture(client: Client, neighbour: dict[str, Any]) -> str | None:
    """A neighbour without a photo still has a name and a score to show."""
    if neighbour["photo"] is None:
        return None
    try:
        return picture(catalog_photo(client.service, neighbour["photo"]), 220)
    except (ServiceDown, Refused):
        return None


@st.cache_data(max_entries=512, show_spinner=False)
def catalog_photo(service: str, path: str) -> bytes:
    return connect(service).photo(path)


def keep(product: Product, action: str, answer: str, confidence: str) -> None:
    """Put the product into the session's list, once, with its latest answer."""
    tried: dict[str, tuple[str | None, str, str, str]] = st.session_state.setdefault("tried", {})
    thumbnail = next((uri for _, data in product.photos if (uri := picture(data, 104))), None)
    tried[product.key] = (thumbnail, action, answer, confidence)


def show_tried() -> None:
    tried = list(st.session_state.get("tried", {}).values())
    st.html(f"<div class='ct-heading'>Tried in this session ({len(tried)})</div>" + blocks.tried(reversed(tried)))


if __name__ == "__main__":
    main(sys.argv[1])
