from fastapi import FastAPI
from fastapi.testclient import TestClient

from catalens.core import errors
from catalens.core.errors import CatalensError
from catalens.serve.errors import HTTP_STATUS, http_status, install


def leaves(kind: type[CatalensError]) -> list[type[CatalensError]]:
    below = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [leaf for child in below for leaf in leaves(child)] or [kind]


def test_every_error_has_a_status() -> None:
    assert set(HTTP_STATUS) == set(leaves(CatalensError))


def test_a_class_without_a_row_answers_as_ours() -> None:
    assert http_status(errors.BundleError("x")) == 500


def test_a_special_case_answers_as_its_class() -> None:
    class Torn(errors.UnreadableImage):
        pass

    assert http_status(Torn("x")) == 422


def test_a_fault_of_the_server_names_no_path_of_it() -> None:
    app = FastAPI()
    install(app)

    @app.get("/{part}")
    def fail(part: str) -> None:
        kind = errors.CatalogError if part == "shard" else errors.UnreadableImage
        raise kind("is missing", source="/srv/shop.catalog/part-00000.arrow")

    with TestClient(app) as client:
        ours, theirs = (client.get(path) for path in ("/shard", "/photo"))
    assert (ours.status_code, ours.json()["error"]["source"], "/srv" in ours.text) == (500, None, False)
    assert (theirs.status_code, theirs.json()["error"]["source"]) == (422, "/srv/shop.catalog/part-00000.arrow")
