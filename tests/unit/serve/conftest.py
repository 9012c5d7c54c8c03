"""A service over the tiny bundle and an index of the striped catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.builders.bundles import tiny_bundle
from tests.builders.catalogs import striped_catalog

from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.predict.catalog import score_images
from catalens.predict.session import Session
from catalens.search import exact, vectors
from catalens.search.exact import ExactIndex
from catalens.serve.app import create_app
from catalens.serve.settings import ServeSettings

SETTINGS = ServeSettings(max_bytes=2_000_000, max_photos=4)


@pytest.fixture(scope="session")
def served_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("served") / "tiny.bundle")


@pytest.fixture(scope="session")
def served_catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return striped_catalog(tmp_path_factory.mktemp("served") / "striped.catalog", products=24, split=False)


@pytest.fixture(scope="session")
def served_index(served_bundle: Bundle, served_catalog: Catalog) -> ExactIndex:
    session = Session(served_bundle)
    vectors.run(
        lambda images, progress: score_images(session, served_catalog, images, progress=progress),
        served_catalog,
        space=served_bundle.digest,
    )
    return exact.build(served_catalog, space=served_bundle.digest, model=served_bundle.name)


@pytest.fixture(scope="session")
def client(served_bundle: Bundle, served_index: ExactIndex, served_catalog: Catalog) -> Iterator[TestClient]:
    app = create_app(served_bundle, index=served_index, catalog=served_catalog, settings=SETTINGS)
    with TestClient(app) as client:
        yield client


@pytest.fixture(scope="session")
def bare_client(served_bundle: Bundle) -> Iterator[TestClient]:
    """Without an index."""
    with TestClient(create_app(served_bundle, settings=SETTINGS)) as client:
        yield client


@pytest.fixture(scope="session")
def served_folders(
    tmp_path_factory: pytest.TempPathFactory, served_bundle: Bundle, served_index: ExactIndex
) -> tuple[Path, Path]:
    """The bundle and the index as folders, for a service in a process of its own."""
    folder = tmp_path_factory.mktemp("folders") / "striped.index"
    served_index.write(folder)
    return served_bundle.path, folder
