"""`catalens evaluate --report`: from figures to a page, and the same figures as JSON beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from catalens import __version__
from catalens.cli.evaluating import Measured
from catalens.cli.report_parts import Answer, Filed, Photos, cards, confused
from catalens.core.catalog import Catalog, write_json
from catalens.core.page import Shown, percent
from catalens.evaluate.report import ReportData, write
from catalens.evaluate.sections import headline

LOSSES = 12  # products that went wrong, of which photos are shown


def write_report(path: Path, new: Measured, shop: Catalog, values: Mapping[str, Any]) -> Path:
    """Write the page at `path` and `values` beside it; the name of the latter."""
    part = values["split"]
    photos, answers = Photos(shop, part), list(_answers(new))
    shown, left_out = cards(photos, values["per_class"], answers)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(
        path,
        ReportData(
            title=f"{new.bundle.name} on part “{part}” of {shop.info.name}",
            made_by=(
                f"Made by catalens {__version__} evaluate; bundle {new.bundle.digest[:12]}, "
                f"catalog {shop.digest[:12]}. All figures are in {path.with_suffix('.json').name} beside this page."
            ),
            evaluation=values,
            confused=tuple(confused(photos, values["confusions"], answers, shop, new.taxonomy)),
            cards=shown,
            cards_left_out=left_out,
            losses=tuple(_losses(photos, values["against"])),
            open_world=values["open_world"],
            robustness=values["robustness"],
        ),
    )
    write_json(values, path.with_suffix(".json"))
    return path.with_suffix(".json")


def _answers(new: Measured) -> Iterator[Answer]:
    """What became of each product at the promise that the first sentence is about."""
    outcomes, leaves = new.evaluation.outcomes, new.taxonomy.leaves
    place = headline([promise.precision for promise in new.rules.promises])
    for row, product in enumerate(outcomes.product_ids):
        truth, best = leaves[outcomes.truth[row]], leaves[outcomes.top[row, 0]]
        filed: Filed | None = None
        if place is not None:
            level = outcomes.filed_level[place, row]
            filed = "no" if level < 0 else "here" if level >= new.taxonomy[best].level else "above"
        right = place is not None and bool(outcomes.filed_right[place, row])
        yield Answer(product, truth, best, float(outcomes.confidence[row]), filed, right)


def _losses(photos: Photos, against: Mapping[str, Any] | None) -> Iterator[Shown]:
    for one in against["losses"][:LOSSES] if against else ():
        lines = (f"taken for {one['answer_path'][-1]}", f"{percent(one['confidence'])} sure", one["product"])
        yield from photos.shown(one["product"], one["truth_path"][-1], lines)
