"""The routes over an index: neighbours by photo, and the products as the page shows them."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from tests.builders.bundles import photo_of, tiny_bundle

from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.errors import IndexMismatch
from catalens.predict.predictor import Photo, Predictor
from catalens.search.exact import ExactIndex
from catalens.serve.app import create_app
from catalens.serve.schemas import ProductOut, Similar

RAW = {"content-type": "image/png"}


def first_photo(catalog: Catalog, product: str) -> bytes:
    row = next(row for row in catalog.images.to_pylist() if (row["product_id"], row["position"]) == (product, 0))
    return catalog.photos.read(row["shard"], row["row"])


def test_neighbours_are_those_of_the_index(
    client: TestClient, served_bundle: Bundle, served_catalog: Catalog, served_index: ExactIndex
) -> None:
    photo = first_photo(served_catalog, "p005")

    response = client.post("/v1/similar?k=4", content=photo, headers=RAW)

    found = Similar.model_validate(response.json())
    vector = Predictor(served_bundle).embed([Photo("photo", photo)])
    (expected,) = served_index.search(vector[None], 4)
    assert [(neighbour.id, neighbour.score) for neighbour in found.neighbours] == [(n.id, n.score) for n in expected]
    row = served_index.products.row(expected[0].id)
    assert found.neighbours[0].path == list(served_index.products.path(row))
    assert found.neighbours[0].category == served_index.products.category(row)
    assert "search_ms" in found.timings_ms
    assert "search;dur=" in response.headers["server-timing"]


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("category=Kitchen", {"mug", "plate"}),
        ("category=sofa", {"sofa"}),
        ("attribute=colour:warm", {"mug", "plate"}),
        ("attribute=colour:warm&category=mug", {"mug"}),
    ],
)
def test_filters(client: TestClient, query: str, allowed: set[str]) -> None:
    found = client.post(f"/v1/similar?k=100&{query}", content=photo_of("boot"), headers=RAW).json()["neighbours"]
    assert {neighbour["category"] for neighbour in found} == allowed
    assert len(found) == 6 * len(allowed)


def test_a_product_can_be_left_out(client: TestClient) -> None:
    everyone = client.post("/v1/similar?k=100", content=photo_of("boot"), headers=RAW).json()["neighbours"]
    others = client.post("/v1/similar?k=100&exclude=p001&exclude=p002", content=photo_of("boot"), headers=RAW).json()[
        "neighbours"
    ]
    left_out = {neighbour["id"] for neighbour in everyone} - {neighbour["id"] for neighbour in others}
    assert left_out == {"p001", "p002"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("category=Kitchn", "did you mean 'Kitchen'"),
        ("attribute=color:warm", "did you mean 'colour'"),
        ("attribute=warm", "NAME:VALUE"),
        ("k=0", "k: "),
    ],
)
def test_bad_filters(client: TestClient, query: str, names: str) -> None:
    response = client.post(f"/v1/similar?{query}", content=photo_of("boot"), headers=RAW)
    assert response.status_code == 422
    assert names in response.json()["error"]["message"]


def test_photos_that_cannot_be_used(client: TestClient) -> None:
    some = client.post("/v1/similar", files=[("photos", ("a", photo_of("boot"))), ("photos", ("b", b"torn"))])
    none = client.post("/v1/similar", content=b"torn", headers=RAW)

    assert [finding["source"] for finding in some.json()["findings"]] == ["b"]
    assert (none.status_code, none.json()["error"]["type"]) == (422, "UnreadableImage")


def test_product_and_its_photos(client: TestClient, served_catalog: Catalog) -> None:
    product = ProductOut.model_validate(client.get("/v1/products/p005").json())

    assert (product.category, product.path, product.attributes) == ("plate", ["Kitchen", "Plate"], {"colour": "warm"})
    rows = [row for row in served_catalog.images.to_pylist() if row["product_id"] == "p005"]
    assert len(product.photos) == len(rows) == 2
    for photo, row in zip(product.photos, rows, strict=True):
        response = client.get(photo.url)
        assert response.headers["content-type"] == "image/png"
        assert response.headers["etag"] == f'"{row["image_id"]}"'
        assert response.content == served_catalog.photos.read(row["shard"], row["row"])


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/products/nobody", "no product 'nobody'"),
        ("/v1/products/nobody/photo", "no product 'nobody'"),
        ("/v1/products/p005/photo?position=2", "has 2 photos, none at position 2"),
        ("/v1/products/a%2Fb", "no product 'a/b'"),
    ],
)
def test_what_is_not_there(client: TestClient, path: str, names: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()["error"]["type"]) == (404, "NotFound")
    assert names in response.json()["error"]["message"]


def test_random_product(client: TestClient) -> None:
    drawn = [ProductOut.model_validate(client.get("/v1/products/random").json()).id for _ in range(20)]
    assert len(set(drawn)) > 1
    kitchen = [client.get("/v1/products/random?category=Kitchen").json() for _ in range(20)]
    assert {product["path"][0] for product in kitchen} == {"Kitchen"}


def test_without_an_index(bare_client: TestClient) -> None:
    for response in (
        bare_client.post("/v1/similar", content=photo_of("boot"), headers=RAW),
        bare_client.get("/v1/products/random"),
        bare_client.get("/v1/products/p001"),
        bare_client.get("/v1/products/p001/photo"),
    ):
        assert response.status_code == 404
        assert "--index INDEX" in response.json()["error"]["message"]


def test_without_a_catalog(served_bundle: Bundle, served_index: ExactIndex) -> None:
    with TestClient(create_app(served_bundle, index=served_index)) as client:
        neighbours = client.post("/v1/similar", content=photo_of("boot"), headers=RAW).json()["neighbours"]
        assert {neighbour["photo"] for neighbour in neighbours} == {None}
        assert client.get("/v1/products/p001").json()["photos"] == []
        response = client.get("/v1/products/p001/photo")
        assert response.status_code == 404
        assert "--catalog CATALOG" in response.json()["error"]["message"]


def test_index_of_another_bundle_is_refused(tmp_path, served_index: ExactIndex) -> None:
    with pytest.raises(IndexMismatch, match="the index is of bundle"):
        create_app(tiny_bundle(tmp_path / "other.bundle", name="other"), index=served_index)
