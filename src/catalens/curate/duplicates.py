"""Copies in a catalog: the same bytes, the same pixels, the same picture; and where they contradict each other."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from pydantic import Field

from catalens.core.catalog import Catalog, is_marked
from catalens.core.config import Settings
from catalens.core.errors import CatalogError
from catalens.core.fingerprint import Floats, Signatures
from catalens.core.progress import Progress, silent
from catalens.curate.copies.duplicates_report import KINDS, DuplicatesReport, report
from catalens.curate.copies.hash_pairs import Ints
from catalens.curate.copies.hashes import HashMeasure
from catalens.curate.copies.near import Photos, group_copies
from catalens.curate.copies.photo_reader import PhotoReader
from catalens.curate.copies.vector_pairs import pairs_of_vectors
from catalens.curate.scan import scan, unreadable

TABLE = "duplicates"
VERSION = "2"  # changes when the same catalog and settings would give other groups
SCHEMA = pa.schema(
    [("kind", pa.string()), ("group", pa.int64()), ("image_id", pa.string()), ("product_id", pa.string())]
)
Images = list[tuple[str, str]]  # (image_id, product_id)


class DuplicatesSettings(Settings):
    """What counts as a copy.

    `max_difference` is how much two photos may differ where they differ most, in units of what compression and resizing
    do (`core.likeness.closely`); `radius` how many of 64 bits of the hash, for the pair to be compared at all.
    `mirrored` looks for copies with left and right exchanged as well.  `min_cosine` is of embeddings, where given.
    `brand` and `price` name attributes.  `listed` groups stand in the report, the most important; the table has all.
    """

    max_difference: float = Field(default=1.3, gt=0, le=10)
    radius: int = Field(default=7, ge=0, le=12)
    mirrored: bool = False
    min_cosine: float = Field(default=0.9, gt=0, le=1)
    brand: str = "brand"
    price: str = "price"
    listed: int = Field(default=1000, ge=0)
    workers: int = Field(default=2, ge=1)


def run(
    catalog: Catalog,
    settings: DuplicatesSettings,
    *,
    vectors: tuple[Sequence[str], Floats] | None = None,
    progress: Progress = silent,
) -> DuplicatesReport:
    """Find the copies, write the tables `hashes` and `duplicates`, and tell what matters.

    `vectors` are image ids and their embeddings, float32 [N, D], L2-normalised: near neighbours among them are compared
    too, which finds copies that were trimmed by up to a third.  Groups that are there for this catalog and these
    settings are kept.  Raises CatalogError if the catalog is damaged.
    """
    table = scan(catalog, [HashMeasure()], workers=settings.workers, progress=progress)[HashMeasure.table]
    marks = _marks(catalog, settings, vectors)
    if not is_marked(catalog.path / "tables" / f"{TABLE}.parquet", marks):
        groups = _groups(catalog, table, settings, vectors, progress)
        catalog.write_table(TABLE, _table(groups).replace_schema_metadata(marks))
    return report(
        catalog,
        _read(catalog),
        brand=settings.brand,
        price=settings.price,
        listed=settings.listed,
        unreadable=len(unreadable(table)),
    )


def near_groups(catalog: Catalog) -> pa.Table:
    """(image_id, group) of every photo that shows the same picture as another file, each once.

    Raises CatalogError if `catalens duplicates` was not run on this catalog.
    """
    rows = groups_of(catalog, "near")
    return pa.table({"image_id": pa.array(rows, pa.string()), "group": pa.array(rows.values(), pa.int64())})


def groups_of(catalog: Catalog, kind: str) -> dict[str, int]:
    """image_id -> group: "exact" is every photo that stands there twice, "pixel" those and files of the same pixels,
    "near" those and files of the same picture.

    Raises CatalogError if `catalens duplicates` was not run on this catalog.
    """
    if not is_marked(catalog.path / "tables" / f"{TABLE}.parquet", made_by(catalog)):
        raise CatalogError(
            f"has no table {TABLE!r} of its photos as they are; run `catalens duplicates {catalog.path}` first",
            source=str(catalog.path),
            key=TABLE,
        )
    members, found = _read(catalog), dict[str, int]()
    groups = [group for name in reversed(KINDS[: KINDS.index(kind) + 1]) for group in members[name]]
    for number, group in enumerate(groups):
        for image, _ in group:
            found.setdefault(image, number)
    return found


def _groups(
    catalog: Catalog,
    table: pa.Table,
    settings: DuplicatesSettings,
    vectors: tuple[Sequence[str], Floats] | None,
    progress: Progress,
) -> dict[str, list[Images]]:
    """The groups of each kind, as the columns of `images` that are in them."""
    rows_of: dict[str, Images] = defaultdict(list)
    for image, product in zip(*(catalog.images[name].to_pylist() for name in ("image_id", "product_id")), strict=True):
        rows_of[image].append((image, product))
    ids = table["image_id"].to_pylist()
    digests = table["pixel_digest"].combine_chunks().dictionary_encode()
    pixels = np.asarray(digests.indices, dtype=np.int64)
    # one photo for each distinct picture is compared with the others
    _, firsts = np.unique(pixels, return_index=True)
    photos = Photos(
        Signatures.from_bytes(table["signature"].take(pa.array(firsts)).to_pylist()),
        PhotoReader(catalog, [ids[first] for first in firsts]),
    )
    also = None
    if vectors is not None:
        number = {image: int(pixel) for image, pixel in zip(ids, pixels, strict=True)}
        known = [place for place, image in enumerate(vectors[0]) if image in number]
        pixel_of = np.array([number[vectors[0][place]] for place in known], dtype=np.int64)
        first, second = pairs_of_vectors(vectors[1][known], min_cosine=settings.min_cosine)
        also = (pixel_of[first], pixel_of[second])
    near = group_copies(
        photos,
        radius=settings.radius,
        limit=settings.max_difference,
        mirrored=settings.mirrored,
        also=also,
        progress=progress,
    )
    return {
        "exact": [rows for rows in rows_of.values() if len(rows) > 1],
        "pixel": _gather(rows_of, ids, pixels, np.arange(len(ids))),
        "near": _gather(rows_of, ids, near[pixels], pixels),
    }


def _gather(rows_of: Mapping[str, Images], ids: Sequence[str], groups: Ints, members: Ints) -> list[Images]:
    """The rows of each group that has more than one of `members`; `groups` and `members` are int64 [len(ids)]."""
    images: dict[int, Images] = defaultdict(list)
    distinct: dict[int, set[int]] = defaultdict(set)
    for image, group, member in zip(ids, groups.tolist(), members.tolist(), strict=True):
        images[group] += rows_of[image]
        distinct[group].add(member)
    return [rows for group, rows in images.items() if len(distinct[group]) > 1]


def _table(groups: Mapping[str, Sequence[Images]]) -> pa.Table:
    rows = [
        (kind, number, image, product)
        for kind in KINDS
        for number, group in enumerate(groups[kind])
        for image, product in group
    ]
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)


def _read(catalog: Catalog) -> dict[str, list[Images]]:
    found: dict[str, dict[int, Images]] = {kind: defaultdict(list) for kind in KINDS}
    columns = [column.to_pylist() for column in catalog.table(TABLE).select(SCHEMA.names).columns]
    for kind, number, image, product in zip(*columns, strict=True):
        found[kind][number].append((image, product))
    return {kind: list(groups.values()) for kind, groups in found.items()}


def _marks(
    catalog: Catalog, settings: DuplicatesSettings, vectors: tuple[Sequence[str], Floats] | None
) -> dict[str, str]:
    """What the groups depend on."""
    chosen = settings.model_dump(mode="json", include={"max_difference", "radius", "mirrored", "min_cosine"})
    made_with = "none"
    if vectors is not None:
        digest = hashlib.sha256("\n".join(vectors[0]).encode())
        digest.update(np.ascontiguousarray(vectors[1]).data)
        made_with = digest.hexdigest()
    return {**made_by(catalog), "settings": json.dumps(chosen), "vectors": made_with}


def made_by(catalog: Catalog) -> dict[str, str]:
    """What the metadata of the table `duplicates` says where it is of this catalog and this version."""
    return {"catalog": catalog.digest, "version": f"{VERSION} of hashes {HashMeasure.version}"}
