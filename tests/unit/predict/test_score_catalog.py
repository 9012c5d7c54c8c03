"""A whole catalog through a bundle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tests.builders.bundles import tiny_bundle
from tests.builders.catalogs import striped_catalog

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.predict.catalog import score, score_images
from catalens.predict.session import CHUNK, Session


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return striped_catalog(tmp_path_factory.mktemp("score") / "shop.catalog")  # 48 products, 96 photos


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(tiny_bundle(tmp_path_factory.mktemp("score") / "tiny.bundle"), threads=1)


def test_every_photo_has_its_own_row_in_the_catalogs_order(session: Session, catalog: Catalog) -> None:
    scores, findings = score(session, catalog)
    assert findings == []
    assert list(scores.image_ids) == catalog.images["image_id"].to_pylist()
    assert list(scores.product_ids) == catalog.images["product_id"].to_pylist()
    for row in (0, CHUNK, len(scores.image_ids) - 1):
        place = catalog.images.slice(row, 1).to_pylist()[0]
        square = session.preprocess.square(catalog.photos.read(place["shard"], place["row"]))
        logits, embeddings = session.run(square[None])
        np.testing.assert_allclose(scores.logits[row], logits[0], atol=1e-4)
        np.testing.assert_allclose(scores.embeddings[row], embeddings[0], atol=1e-5)


def test_a_part_holds_its_own_products_only(session: Session, catalog: Catalog) -> None:
    scores, _ = score(session, catalog, part="calib")
    expected = {product for product, part in catalog.split.items() if part == "calib"}
    assert set(scores.product_ids) == expected
    assert len(scores.product_ids) == 2 * len(expected)


def test_an_unknown_part_is_an_error_naming_those_there_are(session: Session, catalog: Catalog) -> None:
    with pytest.raises(
        CatalogError, match=r"no products in part 'holdout'; it has \['calib', 'test', 'train', 'val'\]"
    ):
        score(session, catalog, part="holdout")


def test_a_bad_photo_is_a_finding_and_no_row(
    session: Session, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = catalog.photos.read
    monkeypatch.setattr(
        catalog.photos, "read", lambda shard, row: b"broken" if row in (0, 40, 95) else read(shard, row)
    )
    scores, findings = score(session, catalog)
    assert len(scores.image_ids) == len(scores.logits) == len(scores.embeddings) == 93
    kept = [value for row, value in enumerate(catalog.images["image_id"].to_pylist()) if row not in (0, 40, 95)]
    assert list(scores.image_ids) == kept
    assert [finding.source for finding in findings] == [
        "product p000, photo 0",
        "product p020, photo 0",
        "product p047, photo 1",
    ]


def test_nothing_readable_has_the_right_shape(
    session: Session, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog.photos, "read", lambda shard, row: b"broken")
    scores, findings = score_images(session, catalog, catalog.images.slice(0, 3))
    assert (scores.logits.shape, scores.embeddings.shape, len(findings)) == ((0, 7), (0, 49), 3)


def test_progress_reaches_the_end_and_batches_stay_small(
    session: Session, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int | None]] = []
    sizes: list[int] = []
    run = session.run

    def watched(pixels: np.ndarray) -> Sequence[np.ndarray]:
        sizes.append(len(pixels))
        return run(pixels)

    monkeypatch.setattr(session, "run", watched)
    score(session, catalog, progress=lambda done, total=None, note="": seen.append((done, total)))
    assert seen[0] == (0, 96)
    assert seen[-1] == (96, 96)
    assert max(sizes) == CHUNK
