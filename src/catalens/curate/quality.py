"""The quality of every photo of a catalog: the table `quality`, how often each flag is raised, and the worst photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catalens.core.catalog import Catalog
from catalens.core.flagged import TABLE
from catalens.core.progress import Progress, silent
from catalens.core.quality import DEFAULT, FLAGS, VERSION, Thresholds, measure
from catalens.curate.scan import DecodedPhoto, scan, unreadable

SHOWN = 24  # photos a flag
SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("short_side_px", pa.int32()),
        ("aspect", pa.float32()),
        ("edge_width_px", pa.float32()),
        ("brightness", pa.float32()),
        ("burnt", pa.float32()),
        ("contrast", pa.float32()),
        ("chroma", pa.float32()),
        ("detail", pa.float32()),
        ("two_tone", pa.float32()),
        ("border", pa.float32()),
        ("busy", pa.float32()),
        ("subject", pa.float32()),
        ("text", pa.float32()),
        ("missing", pa.float32()),
        ("flags", pa.list_(pa.string())),
    ]
)


class QualityMeasure:
    """Scores and flags of a photo, for `scan`.  Other thresholds are another version of the table."""

    table = TABLE
    schema = SCHEMA

    def __init__(self, thresholds: Thresholds = DEFAULT) -> None:
        self.thresholds = thresholds
        self.version = f"{VERSION}-{thresholds.digest[:16]}"

    def __call__(self, photo: DecodedPhoto) -> Mapping[str, object]:
        return asdict(measure(photo.image, data=photo.data, thresholds=self.thresholds))


@dataclass(frozen=True, slots=True)
class Flagged:
    """A photo, and the score that its flag was raised for."""

    image_id: str
    score: float


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Of `photos` distinct photos, `flagged` have a flag.

    `counts` is per flag, of those that were raised at all, most frequent first; `worst` has up to `SHOWN` photos of
    each, worst first; `unreadable` maps photos that did not decode to the cause.
    """

    photos: int
    flagged: int
    counts: dict[str, int]
    worst: dict[str, list[Flagged]]
    unreadable: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run(
    catalog: Catalog, *, thresholds: Thresholds = DEFAULT, workers: int = 2, progress: Progress = silent
) -> QualityReport:
    """Measure every distinct photo, unless the table `quality` is there, and report.  Raises CatalogError."""
    return report(scan(catalog, [QualityMeasure(thresholds)], workers=workers, progress=progress)[TABLE])


def report(table: pa.Table) -> QualityReport:
    """What the table `quality` says."""
    counts = Counter(table["flags"].combine_chunks().flatten().to_pylist())
    return QualityReport(
        photos=len(table),
        flagged=pc.sum(pc.greater(pc.list_value_length(table["flags"]), 0)).as_py() or 0,
        counts=dict(counts.most_common()),
        worst={flag: _worst(table, flag) for flag, _ in counts.most_common()},
        unreadable=unreadable(table),
    )


def _worst(table: pa.Table, flag: str) -> list[Flagged]:
    """Ties are broken by image_id, so that a report does not depend on the order of the dump."""
    rule = FLAGS[flag]
    with_flag = pa.array([flag in flags for flags in table["flags"].to_pylist()], pa.bool_())
    order = [(rule.score, "descending" if rule.above else "ascending"), ("image_id", "ascending")]
    rows = table.filter(with_flag).select(["image_id", rule.score]).sort_by(order).slice(0, SHOWN)
    return [Flagged(row["image_id"], row[rule.score]) for row in rows.to_pylist()]
