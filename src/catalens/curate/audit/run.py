"""What is wrong with a catalog, and what is fine: every finding of the curating stages in one value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from catalens.core.catalog import Catalog
from catalens.core.progress import Progress, silent
from catalens.core.tail import Band
from catalens.core.taxonomy import SEPARATOR
from catalens.curate import duplicates, label_noise, leaks, quality
from catalens.curate.audit.readiness import Readiness, Verdict, judge
from catalens.curate.audit.settings import AuditSettings
from catalens.curate.audit.sizes import Sizes, measure
from catalens.curate.copies.duplicates_report import DuplicatesReport
from catalens.curate.copies.hashes import HashMeasure
from catalens.curate.label_noise import LabelReport
from catalens.curate.labels.category_names import suspicious_names
from catalens.curate.labels.features import FeatureMeasure
from catalens.curate.leaks import LeakReport
from catalens.curate.making.findings import Tally, tally
from catalens.curate.quality import QualityMeasure, QualityReport
from catalens.curate.scan import Measure, scan

Floats = npt.NDArray[np.float32]
WEAK = 0.6  # share of labels agreed with, below which a judge's doubts are doubtful themselves


@dataclass(frozen=True, slots=True)
class Vectors:
    """What a bundle sees in the catalog: vectors float32 [M, D] of photos and [P, D] of products, L2-normalised."""

    image_ids: Sequence[str]
    photos: Floats
    product_ids: Sequence[str]
    products: Floats


@dataclass(frozen=True, slots=True)
class StrangeName:
    """A category whose name is no kind of product, why, how many products are filed under it, and what is `above`."""

    id: str
    above: tuple[str, ...]
    path: str
    reason: str
    products: int


@dataclass(frozen=True, slots=True)
class Audit:
    """All that is known.

    `copied` photos stand there once more, in whatever form; `leaks` is None where the catalog is not divided;
    `judged_by` says who judged the labels.
    """

    name: str
    digest: str
    rows_read: int
    sizes: Sizes
    dump: Tally
    quality: QualityReport
    copies: DuplicatesReport
    copied: int
    leaks: LeakReport | None
    labels: LabelReport
    judged_by: str
    strange: tuple[StrangeName, ...]
    readiness: tuple[Readiness, ...]

    @property
    def verdicts(self) -> dict[str, int]:
        """Verdict on readiness -> categories."""
        counts = Counter(one.verdict for one in self.readiness)
        return {verdict: counts[verdict] for verdict in get_args(Verdict)}

    @property
    def leaked(self) -> int:
        """Products outside train that have a copy in train."""
        return sum(part.copy for part in self.leaks.parts.values()) if self.leaks else 0

    @property
    def doubtful(self) -> int | None:
        """Products whose label seems to have nothing to do with their photos; None where the judge is too weak."""
        believed = self.labels.accuracy is not None and self.labels.accuracy >= WEAK
        return self.labels.stray if believed else None

    def to_json(self) -> dict[str, Any]:
        """The object that `audit --json` prints."""
        return {
            "name": self.name,
            "digest": self.digest,
            "products": self.sizes.products,
            "images": self.sizes.photos,
            "levels": list(self.sizes.levels),
            **{name: _band(self.sizes, name) for name in get_args(Band)},
            "imbalance": None if self.sizes.imbalance is None else asdict(self.sizes.imbalance),
            "rows_read": self.rows_read,
            "set_aside": self.dump.set_aside,
            "findings": self.dump.noted | self.quality.counts,
            "quality": self.quality.to_json(),
            "duplicates": {"photos": self.copied, **self.copies.to_json()},
            "leaks": None if self.leaks is None else self.leaks.to_json(),
            "labels": {"judged_by": self.judged_by, **self.labels.to_json()},
            "strange_names": [asdict(name) for name in self.strange],
            "readiness": {"verdicts": self.verdicts, "categories": [asdict(one) for one in self.readiness]},
            "sizes": asdict(self.sizes),
        }


def run(
    catalog: Catalog,
    settings: AuditSettings | None = None,
    *,
    vectors: Vectors | None = None,
    judged_by: str = "plain features of the pixels",
    progress: Progress = silent,
) -> Audit:
    """Look at every photo once, then at what the tables say together.

    What a stage finds is also its side table.  `vectors` are those of a bundle, `judged_by` its name; without them,
    labels are judged by plain features of the pixels.  Raises CatalogError.
    """
    settings = settings or AuditSettings()
    workers = settings.workers
    measures: list[Measure] = [QualityMeasure(), HashMeasure(), FeatureMeasure()]
    scan(catalog, measures, workers=workers, progress=progress)
    photos = (vectors.image_ids, vectors.photos) if vectors else None
    products = (vectors.product_ids, vectors.products) if vectors else None
    copies = duplicates.run(catalog, settings.copies, vectors=photos, progress=progress)
    near = duplicates.near_groups(catalog)
    groups = dict(zip(near["image_id"].to_pylist(), near["group"].to_pylist(), strict=True))
    strange = _strange(catalog)
    return Audit(
        name=catalog.info.name,
        digest=catalog.digest,
        rows_read=catalog.info.rows_read,
        sizes=measure(catalog),
        dump=tally([catalog.table("findings")] if catalog.has_table("findings") else []),
        quality=quality.run(catalog, workers=workers),
        copies=copies,
        copied=sum(photo in groups for photo in catalog.images["image_id"].to_pylist()),
        leaks=leaks.audit(catalog) if _is_divided(catalog) else None,
        labels=label_noise.run(catalog, products, settings.labels, workers=workers, progress=progress),
        judged_by=judged_by,
        strange=strange,
        readiness=judge(catalog, groups, {one.id for one in strange}),
    )


def _is_divided(catalog: Catalog) -> bool:
    return catalog.has_table("splits") or catalog.products["given_split"].null_count < len(catalog.products)


def _strange(catalog: Catalog) -> tuple[StrangeName, ...]:
    under: Counter[str] = Counter()
    for leaf, number in Counter(catalog.categories.values()).items():
        under.update(dict.fromkeys(catalog.taxonomy.path(leaf), number) if leaf is not None else {})
    found = [(one, under[one.category_id]) for one in suspicious_names(catalog.taxonomy) if under[one.category_id]]
    taxonomy = catalog.taxonomy
    return tuple(
        StrangeName(
            id=one.category_id,
            above=tuple(taxonomy.path(one.category_id))[:-1],
            path=SEPARATOR.join(taxonomy.path_names(one.category_id)),
            reason=one.reason,
            products=products,
        )
        for one, products in found
    )


def _band(sizes: Sizes, name: Band) -> dict[str, int]:
    found = sizes.band(name)
    return {"categories": len(found), "products": sum(category.products for category in found)}
