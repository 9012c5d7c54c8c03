"""`catalens demo`: a drawn shop, and every verb run on it as a user would type it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from catalens.cli.console import FOLDER, configurable, emit, json_option, progress_bar, say, settings

if TYPE_CHECKING:
    from catalens.demo.settings import DemoSettings

MARK = "demo.json"  # a folder with this file is ours to clear
MADE = (
    "dump", "shop.catalog", "audit.html", "audit.json", "run", "shop.bundle", "shop.index", "test-photos.txt",
    "report.html", MARK,
)  # fmt: skip


@click.command()
@click.option(
    "--out", type=FOLDER, default=Path("demo"), show_default=True, help="The folder that everything goes into."
)
@click.option("--seed", type=int, help="Another number, another shop.")
@click.option("--products", type=int, help="How many products to draw.")
@click.option("--epochs", type=int, help="How long to train.")
@configurable
@json_option
def command(out: Path, config: Path | None, assignments: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Draw a shop, run the whole way on it, and leave a report to look at.

    Every command is printed before it runs, so that it can be repeated by hand.  A demo that was stopped starts afresh.

    \b
    Example:
      catalens demo
      catalens demo --out /tmp/shop --products 400 --epochs 8
    """
    from catalens.demo.dump import draw_dump
    from catalens.demo.settings import DemoSettings

    chosen = settings(DemoSettings, "demo", config, assignments, flags)
    began = perf_counter()
    _clear(out)
    (out / MARK).write_text(chosen.model_dump_json(indent=1) + "\n", encoding="utf-8")
    with progress_bar("drawing the shop") as progress:
        dump = draw_dump(
            out / "dump",
            products=chosen.products,
            seed=chosen.seed,
            strangers=chosen.strangers,
            workers=chosen.workers,
            progress=progress,
        )
    say(f"drew {dump.photos:,} photos of {dump.products:,} products in {perf_counter() - began:,.0f} s: {dump.folder}")
    summary = _whole_way(out, chosen) | {"seconds": round(perf_counter() - began, 1)}
    _close(summary)
    if as_json:
        emit(summary)


def _whole_way(out: Path, chosen: DemoSettings) -> dict[str, Any]:
    """Every verb from the dump to the report; what `demo --json` says."""
    from catalens.cli.demo_report import choose_query, write_report
    from catalens.core.catalog import Catalog

    steps = Steps()
    dump, shop, run, bundle, index = (
        str(out / name) for name in ("dump", "shop.catalog", "run", "shop.bundle", "shop.index")
    )
    ratios = ",".join(f"{share:g}" for share in chosen.ratios)
    levels = [word for level in ("department", "family", "kind") for word in ("--category-column", level)]
    ingest = steps.run("ingest", f"{dump}/products.csv", shop, *levels)
    audit = out / "audit.html"
    steps.run("audit", shop, "--out", audit)
    split = steps.run("split", shop, "--together", "near", "--ratios", ratios)
    network = ["--model", chosen.model, "--size", chosen.size, "--seed", chosen.seed]
    schedule = ["--epochs", chosen.epochs, "--batch", chosen.batch, "--lr", chosen.lr]
    recipe = ["--set", "train.augment=mild", "--set", "train.label_smoothing=0.05", "--set", "train.keep=last"]
    steps.run("train", shop, run, *network, *schedule, *recipe)
    steps.run("export", run, bundle)
    evaluation = steps.run("evaluate", bundle, shop)
    steps.run("embed", bundle, shop)
    steps.run("index", bundle, shop, index)
    catalog = Catalog(out / "shop.catalog")
    query = choose_query(catalog)
    search = steps.run("search", "--product", query, "--index", index, "-k", 5)
    photos = out / "test-photos.txt"
    listed = [str(path) for path in _test_photos(catalog, out / "dump")]
    photos.write_text("\n".join(listed) + "\n", encoding="utf-8")
    answers = steps.lines("predict", bundle, "-", "--group", "folder", feed=photos)
    strangers = steps.lines("predict", bundle, f"{dump}/strangers") if chosen.strangers else []
    report = out / "report.html"
    write_report(
        report,
        catalog=catalog,
        metrics=out / "run" / "metrics.csv",
        ingest=ingest,
        evaluation=evaluation,
        answers=answers,
        strangers=strangers,
        query=query,
        neighbours=search["neighbours"],
        commands=steps.said,
        settings=chosen,
    )
    promised = evaluation["coverage"].get("0.98", {})
    return {
        "report": str(report),
        "audit": str(audit),
        "products": ingest["products"],
        "images": ingest["images"],
        "set_aside": ingest["set_aside"],
        "parts": split["parts"],
        "top1": evaluation["top1"],
        "levels": evaluation["levels"],
        "filed": promised.get("filed"),
        "precision": promised.get("precision"),
    }


class Steps:
    """Runs verbs as the user would, in processes of their own; `said` are the command lines so far."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def run(self, verb: str, *arguments: object) -> Any:
        """The one JSON object that the verb prints."""
        return self.lines(verb, *arguments)[-1]

    def lines(self, verb: str, *arguments: object, feed: Path | None = None) -> list[Any]:
        """Every JSON line that the verb prints, with a file as its standard input.  Ends the demo where it fails."""
        words = [verb, *(str(argument) for argument in arguments), "--json"]
        line = shlex.join(["catalens", *words]) + (f" < {shlex.quote(str(feed))}" if feed else "")
        self.said.append(line)
        say(f"\n$ {line}")
        with (feed or Path("/dev/null")).open("rb") as source:
            command = [sys.executable, "-m", "catalens", *words]
            # nobody looks for the demo in MLflow
            environment = {**os.environ, "CATALENS_TRACKING": "none"}
            done = subprocess.run(command, stdin=source, stdout=subprocess.PIPE, env=environment, check=False)
        if done.returncode:
            say(f"\nThe demo stops: this command ended with {done.returncode}.")
            raise click.exceptions.Exit(done.returncode)
        return [json.loads(text) for text in done.stdout.decode().splitlines() if text.strip()]


def _clear(out: Path) -> None:
    """Take away what an earlier demo left, whole or half.  A folder that is somebody else's is left alone."""
    from catalens.core.errors import ConfigError

    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise ConfigError(
            "is not empty and holds no earlier demo; choose another with --out", source=str(out), key="out"
        )
    out.mkdir(parents=True, exist_ok=True)
    for name in MADE[:-1]:
        for path in (out / name, out / f".{name}.partial"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _test_photos(catalog: Any, dump: Path) -> Iterable[Path]:
    """The photos, in the dump, of the products that were kept for testing."""
    for product, part in sorted(catalog.split.items()):
        if part == "test":
            yield from sorted((dump / "photos" / product).iterdir())


def _close(summary: dict[str, Any]) -> None:
    """The short table, the promise, and where to look."""
    say()
    rows = [("products in the catalog", f"{summary['products']:,}"), ("photos", f"{summary['images']:,}")]
    rows.append(("set aside", f"{sum(summary['set_aside'].values()):,}"))
    rows.append(("best answer right (test)", f"{summary['top1']:.1%}"))
    rows += [(f"  {level['level']}", f"{level['top1']:.1%}") for level in summary["levels"]]
    rows.append(("whole demo", f"{summary['seconds']:,.0f} s"))
    for name, value in rows:
        say(f"{name:28} {value:>10}")
    if summary["filed"]:
        say(
            f"\nAt 98 % promised precision, {summary['filed']:.0%} of listings file themselves"
            f" ({summary['precision']:.1%} of them right)."
        )
    else:
        say("\nAt 98 % promised precision, no listing files itself: there are too few products to promise so much.")
    say(f"Look at {summary['report']}, and at {summary['audit']} for what is wrong with the photos.")
