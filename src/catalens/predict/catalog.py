"""A whole catalog through a bundle, in bounded memory: decode in threads, run in batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from catalens.core.catalog import Catalog
from catalens.core.errors import ImageError
from catalens.core.image import RgbImage
from catalens.core.prediction import Finding
from catalens.core.progress import Progress, silent
from catalens.core.scores import Scores
from catalens.predict.ahead import ahead
from catalens.predict.predictor import photo_finding
from catalens.predict.session import CHUNK, Session

ROWS = 4096  # rows of the image table that are Python objects at a time


def score(
    session: Session, catalog: Catalog, *, part: str | None = None, progress: Progress = silent
) -> tuple[Scores, list[Finding]]:
    """The bundle's outputs on the photos of `part` (all where None), in the catalog's order.

    A photo that cannot be read is a finding, and stands in no row.  Raises CatalogError.
    """
    return score_images(session, catalog, catalog.images_of(part), progress=progress)


def score_images(
    session: Session, catalog: Catalog, images: pa.Table, *, progress: Progress = silent
) -> tuple[Scores, list[Finding]]:
    """The bundle's outputs on some rows of `catalog.images`."""
    image_ids: list[str] = []
    product_ids: list[str] = []
    findings: list[Finding] = []
    outputs = [session.run(_stack([], session.preprocess.size))]  # so that no photo at all has the right shape too
    squares: list[RgbImage] = []
    total = images.num_rows

    def square(row: dict[str, str | int]) -> tuple[dict[str, str | int], RgbImage | ImageError]:
        try:
            data = catalog.photos.read(str(row["shard"]), int(row["row"]))
            return row, session.preprocess.square(data, source=f"product {row['product_id']}, photo {row['position']}")
        except ImageError as error:
            return row, error

    progress(0, total)
    for done, (row, result) in enumerate(ahead(square, _rows(images)), start=1):
        if isinstance(result, ImageError):
            findings.append(photo_finding(result, result.source or str(row["image_id"])))
        else:
            image_ids.append(str(row["image_id"]))
            product_ids.append(str(row["product_id"]))
            squares.append(result)
        if len(squares) == CHUNK or (done == total and squares):
            outputs.append(session.run(_stack(squares, session.preprocess.size)))
            squares.clear()
            progress(done, total)
    progress(total, total)
    logits, embeddings, *attributes = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
    return Scores(tuple(image_ids), tuple(product_ids), logits, embeddings, tuple(attributes)), findings


def _rows(images: pa.Table) -> Iterator[dict[str, str | int]]:
    columns = images.select(["image_id", "product_id", "position", "shard", "row"])
    for batch in columns.to_batches(max_chunksize=ROWS):
        yield from batch.to_pylist()


def _stack(squares: list[RgbImage], size: int) -> RgbImage:
    return np.stack(squares) if squares else np.empty((0, size, size, 3), np.uint8)
