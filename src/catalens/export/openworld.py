"""A bundle learns what it does not know: the bank of training products, and limits for strangers of two kinds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError, ImageError
from catalens.core.fusion import Fusion
from catalens.core.openworld import Bank
from catalens.core.progress import Progress, silent
from catalens.core.scores import Scores, product_embeddings
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import openworld
from catalens.evaluate.openworld import Outputs
from catalens.predict.catalog import score, score_images
from catalens.predict.session import CHUNK, Session

TRAIN = "train"
BANK_PHOTOS, BANK_A_LEAF = 20_000, 200  # photos that the bank is made of: in all, and of one leaf
FEWEST_UNKNOWN = 30  # products of unknown categories, to choose by them; with fewer, known ones are masked
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")


def make_bank(
    session: Session,
    catalog: Catalog,
    taxonomy: Taxonomy,
    *,
    fusion: Fusion,
    seed: int = 0,
    progress: Progress = silent,
) -> Bank | None:
    """The bank of the catalog's training products; None where it has none of a category that the model knows."""
    if TRAIN not in set(catalog.split.values()):
        return None
    scores, labels = training_photos(session, catalog, taxonomy, seed=seed, progress=progress)
    if not len(labels):
        return None
    leaf_of = dict(zip(scores.product_ids, labels.tolist(), strict=True))
    ids, embeddings = product_embeddings(scores.product_ids, scores.embeddings)
    return openworld.make_bank(embeddings, np.array([leaf_of[product] for product in ids], np.int64), seed=seed)


def training_photos(
    session: Session, catalog: Catalog, taxonomy: Taxonomy, *, seed: int, progress: Progress = silent
) -> tuple[Scores, npt.NDArray[np.int64]]:
    """What the graph says of training photos, so many of each leaf by `seed` and so many in all, and their leaves int64
    [N].  Raises CatalogError if there is no part to train on."""
    images, leaves = catalog.labelled(TRAIN, taxonomy)
    mixed = np.random.default_rng(seed).permutation(len(leaves))
    mixed = mixed[np.argsort(leaves[mixed], kind="stable")]
    _, starts, counts = np.unique(leaves[mixed], return_index=True, return_counts=True)
    most = min(BANK_A_LEAF, max(2, BANK_PHOTOS // max(1, len(starts))))
    rows = np.sort(mixed[np.arange(len(mixed)) - np.repeat(starts, counts) < most])
    scores, _ = score_images(session, catalog, images.take(pa.array(rows)), progress=progress)
    index, known = taxonomy.leaf_index, catalog.categories_in(taxonomy)
    return scores, np.array([index[known[product] or ""] for product in scores.product_ids], np.int64)


def fit(
    bank: Bank,
    products: Outputs,
    truth: np.ndarray,
    unknown: Outputs,
    strangers: Outputs | None,
    *,
    keep: float,
    seed: int = 0,
) -> openworld.Fitted:
    """The rule from calibration products; `unknown` ones are used where there are enough of them."""
    enough = len(unknown.logits) >= FEWEST_UNKNOWN
    bank = replace(bank, trash=None) if strangers is not None else bank
    return openworld.fit(
        bank,
        products,
        truth,
        strangers=strangers,
        unknown=unknown if enough else None,
        keep=keep,
        seed=seed,
    )


def strangers_in(session: Session, path: Path, *, fusion: Fusion, progress: Progress = silent) -> Outputs:
    """What the graph says of pictures of nothing that the shop sells: a catalog, or a folder of photos.

    Photos that cannot be read are passed over.  Raises CatalogError where fewer than two can.
    """
    if (path / "catalog.json").is_file():
        scores, _ = score(session, Catalog(path), progress=progress)
        return outputs(scores, fusion)[1]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES)
    squares, found = [], []
    for done, file in enumerate(files, start=1):
        try:
            squares.append(session.preprocess.square(file.read_bytes(), source=str(file)))
        except (ImageError, OSError):
            continue
        finally:
            progress(done, len(files), "strangers")
        if len(squares) == CHUNK:
            found.append(session.run(np.stack(squares))[:2])
            squares.clear()
    if squares:
        found.append(session.run(np.stack(squares))[:2])
    if sum(len(logits) for logits, _ in found) < 2:
        raise CatalogError("expected a catalog, or a folder with two photos or more of strangers", source=str(path))
    logits, embeddings = (np.concatenate(parts) for parts in zip(*found, strict=True))
    ids = tuple(str(number) for number in range(len(logits)))
    return outputs(Scores(ids, ids, logits, embeddings), fusion)[1]


def outputs(scores: Scores, fusion: Fusion) -> tuple[tuple[str, ...], Outputs]:
    """The products of some photos, and what the graph says of each."""
    ids, logits = fusion.fuse(scores.product_ids, scores.logits, scores.embeddings)
    return ids, Outputs(logits, product_embeddings(scores.product_ids, scores.embeddings)[1])
