"""From what the demo's commands printed to the page that shows it: chooses examples, fetches their photos."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalens import __version__
from catalens.core.catalog import Catalog
from catalens.core.page import Shown, Verdict
from catalens.core.taxonomy import SEPARATOR
from catalens.demo.settings import DemoSettings
from catalens.evaluate.report import Confused, Epoch, ReportData, write

PAIRS, CATEGORIES, EACH, STRANGERS = 6, 6, 4, 10  # how many of each are shown


@dataclass(frozen=True, slots=True)
class Answer:
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
    photos = _Photos(catalog)
    known = [
        Answer(product, leaf, said)
        for said in answers
        if (leaf := catalog.categories.get(product := Path(said["id"]).name)) and said["labels"]
    ]
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
            confused=tuple(_confused(photos, evaluation["confusions"], known)),
            best=tuple(_categories(photos, sorted(evaluation["per_class"], key=_strength, reverse=True), known)),
            worst=tuple(_categories(photos, evaluation["per_class"], known)),
            examples=tuple(_examples(catalog, photos, known)),
            query=Shown(photos.first(query), "Asked with", (_name(catalog, query), query)),
            neighbours=tuple(
                Shown(photos.first(one["id"]), _name(catalog, one["id"]), (f"cosine {one['score']:.3f}", one["id"]))
                for one in neighbours
            ),
            set_aside=ingest["set_aside"],
            strangers=tuple(_stranger(said) for said in strangers[:: max(1, len(strangers) // STRANGERS)]),
            commands=tuple(commands),
        ),
    )


class _Photos:
    """The first photo of each product, out of the catalog's shards."""

    def __init__(self, catalog: Catalog) -> None:
        table = catalog.images
        rows = zip(*(table[name].to_pylist() for name in ("product_id", "position", "shard", "row")), strict=True)
        self._place = {product: (shard, row) for product, position, shard, row in rows if position == 0}
        self._reader = catalog.photos
        self._by_leaf: dict[str, str] = {}
        for product, leaf in catalog.categories.items():
            if leaf is not None and catalog.split.get(product) == "train":
                self._by_leaf.setdefault(leaf, product)

    def first(self, product: str) -> bytes:
        return self._reader.read(*self._place[product])

    def of_leaf(self, leaf: str) -> bytes:
        """A product that the model was shown as an example of the category."""
        return self.first(self._by_leaf[leaf])


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


def _confused(photos: _Photos, confusions: Sequence[Mapping[str, Any]], known: Sequence[Answer]) -> Iterator[Confused]:
    for pair in confusions[:PAIRS]:
        example = next((a for a in known if a.truth == pair["truth"] and a.best == pair["predicted"]), None)
        if example is not None:
            yield Confused(
                photos.first(example.product),
                photos.of_leaf(pair["predicted"]),
                pair["truth_path"][-1],
                pair["predicted_path"][-1],
                pair["count"],
            )


def _categories(photos: _Photos, rows: Iterable[Mapping[str, Any]], known: Sequence[Answer]) -> Iterator[Shown]:
    shown = [row for row in rows if row["support"]][:CATEGORIES]
    for row in shown:
        example = next(answer for answer in known if answer.truth == row["id"])
        precision = "" if row["precision"] is None else f"precision {row['precision']:.0%}"
        lines = (f"recall {row['recall']:.0%} of {row['support']:,} products", precision)
        yield Shown(photos.first(example.product), row["path"][-1], tuple(line for line in lines if line))


def _strength(row: Mapping[str, Any]) -> float:
    """How well a category does: recall and precision together."""
    return (row["recall"] or 0.0) + (row["precision"] or 0.0)


def _examples(catalog: Catalog, photos: _Photos, known: Sequence[Answer]) -> Iterator[Shown]:
    """Some that were right, some that were left to a person or filed higher up, some that were wrong."""
    for wanted in ("right", "doubtful", "wrong"):
        chosen = [a for a in known if a.verdict(catalog.taxonomy.path_names(a.truth)) == wanted]
        for answer in chosen[:: max(1, len(chosen) // EACH)][:EACH]:
            truth = catalog.taxonomy[answer.truth].name()
            yield Shown(photos.first(answer.product), truth, (answer.said["decision"]["reason"],), wanted)


def _stranger(said: Mapping[str, Any]) -> Shown:
    file = Path(said["id"])
    return Shown(file.read_bytes(), file.stem, (said["decision"]["reason"],))


def _name(catalog: Catalog, product: str) -> str:
    leaf = catalog.categories[product]
    return "no category" if leaf is None else SEPARATOR.join(catalog.taxonomy.path_names(leaf)[1:])
