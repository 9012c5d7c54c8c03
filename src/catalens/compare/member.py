"""One member from its settings to its row.  Each step is kept on disk, so that a run that was stopped goes on there."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from catalens.compare.measure import Answers, Parts, measure, read_answers, write_answers
from catalens.compare.plan import Member, digest_of
from catalens.compare.rows import Row
from catalens.compare.settings import CompareSettings
from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog, write_json
from catalens.core.errors import CatalensError
from catalens.core.progress import Progress, silent
from catalens.export.run import ExportSettings
from catalens.export.run import run as export
from catalens.train.checkpoint import load_run
from catalens.train.epochs import INFO, read_info
from catalens.train.run import run as train

RUN, RESULT, ANSWERS, ERROR = "run", "result.json", "answers.npz", "error.txt"


def finish(
    catalog: Catalog,
    folder: Path,
    member: Member,
    parts: Parts,
    settings: CompareSettings,
    *,
    say: Callable[[str], None],
    progress: Progress = silent,
) -> Row:
    """Train, export and measure what is not done yet; the row, which is also in result.json.

    Raises what training and export raise.
    """
    row = kept_row(folder, measured_on(parts, settings))
    if row is not None:
        say(f"{member.name}: is there already")
        return replace(row, name=member.name)
    folder.mkdir(parents=True, exist_ok=True)
    info = _trained(catalog, folder / RUN, member, say=say, progress=progress)
    progress(1, 1, "export")
    row = replace(
        from_run(catalog, folder, parts, settings, name=member.name, progress=_measuring(progress)),
        seconds=info["seconds"],
        curve=curve(folder / RUN / "metrics.csv"),
    )
    write_row(folder, row, measured_on(parts, settings))
    return row


def _measuring(progress: Progress) -> Progress:
    """Of scoring, only in words: the bar is of training."""
    return lambda done, total=None, note="": progress(1, 1, f"measuring, photo {done:,} of {total or 0:,}")


def from_run(
    catalog: Catalog, folder: Path, parts: Parts, settings: CompareSettings, *, name: str, progress: Progress = silent
) -> Row:
    """Export `folder`/run and measure the bundle; its answers are kept beside it."""
    bundle = _exported(catalog, folder)
    row, answers = measure(bundle, catalog, parts, settings, progress=progress)
    write_answers(folder / ANSWERS, answers)
    trained = load_run(folder / RUN)
    params = sum(parameter.numel() for parameter in trained.model.parameters())
    return replace(row, name=name, model=trained.info["settings"]["model"], params=params, folder=folder.name)


def measured_on(parts: Parts, settings: CompareSettings) -> str:
    """A digest of all that a row depends on besides its model."""
    ids = {part: images["image_id"].to_pylist() for part, images in parts.images.items()}
    return digest_of({"parts": ids, "test": parts.test, "fit": parts.fit, "promise": settings.promise})


def kept_row(folder: Path, measured: str) -> Row | None:
    """The row in a member's folder; None where it is not finished, or was measured on something else."""
    try:
        values = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        if values["measured"] != measured or not (folder / ANSWERS).is_file():
            return None
        return Row.from_json(values["row"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_row(folder: Path, row: Row, measured: str) -> None:
    """The last step: what has a result.json is finished."""
    write_json({"measured": measured, "row": row.to_json()}, folder / RESULT)
    (folder / ERROR).unlink(missing_ok=True)


def kept_answers(folder: Path) -> dict[str, Answers]:
    return read_answers(folder / ANSWERS)


def bundle_path(folder: Path) -> Path:
    return folder / f"{folder.name}.bundle"


def curve(path: Path) -> tuple[tuple[float, float | None, float | None], ...]:
    """(epoch, train top-1, val top-1) of metrics.csv, None where a share was not measured."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return ()
    return tuple((float(row["epoch"]), _share(row, "train_top1"), _share(row, "val_top1")) for row in rows)


def _share(row: dict[str, str], column: str) -> float | None:
    try:
        value = float(row.get(column) or "nan")
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _trained(
    catalog: Catalog, folder: Path, member: Member, *, say: Callable[[str], None], progress: Progress
) -> dict[str, Any]:
    """run.json of the finished training."""
    begun = (folder / INFO).is_file()
    if begun:
        info = read_info(folder)
        if info.get("status") == "finished":
            say(f"{member.name}: is trained already")
            return info
        say(f"{member.name}: goes on")
    return train(catalog, folder, member.settings, resume=begun, say=say, progress=progress)


def _exported(catalog: Catalog, folder: Path) -> Bundle:
    path = bundle_path(folder)
    if path.exists():
        try:
            return Bundle(path)
        except CatalensError:  # damaged: it is made again
            shutil.rmtree(path)
    return export(folder / RUN, path, ExportSettings.model_validate({}), catalog=catalog)
