"""From what the demo's commands printed to the page that shows it: chooses examples, fetches their photos."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalens import __version__
from catalens.cli.report_parts import Answer, Filed, Photos, cards, confused
from catalens.core.catalog import Catalog
from catalens.core.page import Shown, Verdict
from catalens.core.taxonomy import SEPARATOR
from catalens.demo.settings import DemoSettings
from catalens.evaluate.report import Epoch, ReportData, write

EACH, STRANGERS = 4, 10  # how many of each are shown


@dataclass(frozen=True, slots=True)
class Said:
    """What a test product was, and what `predict --json` said of it."""

    product: str
    truth: str
    said: Mapping[str, Any]

    @property
    def best(self) -> str:
        return str(self.said["labels"][0]["id"])

    def verdict(self, path: Sequence[str]) -> Verdict:
        """Right: filed at its own category.  Doubtful: filed above that, or not filed.  Wrong: filed elsewhere."""
        decision = self.said["decision"]
        if decision["action"] != "file":
            return "doubtful"
        filed = list(decision["path"])
        if filed != list(path)[: len(filed)]:
            return "wrong"
        return "right" if len(filed) == len(path) else "doubtful"

    def answer(self, path: Sequence[str]) -> Answer:
        """As cards and confusions want it."""
        best, under = self.said["labels"][0], list(self.said["decision"]["path"])
        filed: Filed = "no"
        if self.said["decision"]["action"] == "file":
            filed = "here" if len(under) == len(best["path"]) else "above"
        right = filed != "no" and under == list(path)[: len(under)]
        return Answer(self.product, self.truth, self.best, best["score"], filed, right)


def choose_query(catalog: Catalog) -> str:
    """A test product to ask neighbours for: the first with several photos, else the first."""
    counts: dict[str, int] = {}
    for product in catalog.images_of("test")["product_id"].to_pylist():
        counts[product] = counts.get(product, 0) + 1
    return next((product for product, count in counts.items() if count > 1), next(iter(counts)))


def write_report(
    path: Path,
    *,
    catalog: Catalog,
    metrics: Path,
    ingest: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    answers: Iterable[Mapping[str, Any]],
    strangers: Sequence[Mapping[str, Any]],
    query: str,
    neighbours: Sequence[Mapping[str, Any]],
    commands: Sequence[str],
    settings: DemoSettings,
) -> None:
    """Collect values and photos, and write the page."""
    photos, tree = Photos(catalog, "test"), catalog.taxonomy
    known = [
        Said(product, leaf, said)
        for said in answers
        if (leaf := catalog.categories.get(product := Path(said["id"]).name)) and said["labels"]
    ]
    plain = [said.answer(tree.path_names(said.truth)) for said in known]
    shown, left_out = cards(photos, evaluation["per_class"], plain)
    made_by = (
        f"Made by catalens {__version__} demo: {settings.model} at {settings.size} px, {settings.epochs} epochs, "
        f"seed {settings.seed}; bundle {evaluation['digests']['bundle'][:12]}, catalog {catalog.digest[:12]}. "
        "All products are drawn; none exists."
    )
    write(
        path,
        ReportData(
            title="Catalens demo: a shop that was drawn",
            made_by=made_by,
            evaluation=evaluation,
            epochs=tuple(_epochs(metrics)),
            confused=tuple(confused(photos, evaluation["confusions"], plain, catalog, tree)),
            cards=shown,
            cards_left_out=left_out,
            open_world=evaluation["open_world"],
            examples=tuple(_examples(catalog, photos, known)),
            query=next(iter(photos.shown(query, "Asked with", (_name(catalog, query), query))), None),
            neighbours=tuple(
                found
                for one in neighbours
                for found in photos.shown(
                    one["id"], _name(catalog, one["id"]), (f"cosine {one['score']:.3f}", one["id"])
                )
            ),
            set_aside=ingest["set_aside"],
            strangers=tuple(_stranger(said) for said in strangers[:: max(1, len(strangers) // STRANGERS)]),
            commands=tuple(commands),
        ),
    )


def _epochs(metrics: Path) -> Iterator[Epoch]:
    with metrics.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Epoch(
                number=int(row["epoch"]),
                train_loss=float(row["train_loss"]),
                val_loss=float(row["val_loss"]),
                train_top1=float(row["train_top1"]),
                val_top1=float(row["val_top1"]),
            )


def _examples(catalog: Catalog, photos: Photos, known: Sequence[Said]) -> Iterator[Shown]:
    """Some that were right, some that were left to a person or filed higher up, some that were wrong."""
    for wanted in ("right", "doubtful", "wrong"):
        chosen = [a for a in known if a.verdict(catalog.taxonomy.path_names(a.truth)) == wanted]
        for answer in chosen[:: max(1, len(chosen) // EACH)][:EACH]:
            truth = catalog.taxonomy[answer.truth].name()
            yield from photos.shown(answer.product, truth, (answer.said["decision"]["reason"],), wanted)


def _stranger(said: Mapping[str, Any]) -> Shown:
    file = Path(said["id"])
    return Shown(file.read_bytes(), file.stem, (said["decision"]["reason"],))


def _name(catalog: Catalog, product: str) -> str:
    leaf = catalog.categories[product]
    return "no category" if leaf is None else SEPARATOR.join(catalog.taxonomy.path_names(leaf)[1:])
