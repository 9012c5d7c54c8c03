"""What every verb shares: its common options, a progress bar, and the rule that stdout is data and stderr is talk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from catalens.core.config import Preset, Settings
    from catalens.core.progress import Progress

    T = TypeVar("T", bound=Settings)

Command = TypeVar("Command", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
PATH = click.Path(path_type=Path)


class BundleFolder(click.Path):
    """The folder of a bundle, or a name in MLflow's registry (`models:/shirts@champion`), which is downloaded."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or not value.startswith("models:/"):
            return super().convert(value, param, ctx)
        from catalens.track.registry import resolve

        folder = resolve(value)
        say(f"catalens: {value} is {folder}")
        return folder


BUNDLE = BundleFolder()


def configurable(command: Command) -> Command:
    """Add --config and --set."""
    command = click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="VERB.KEY=VALUE",
        help="Override one setting; may be repeated.",
    )(command)
    return click.option("--config", type=FILE, help="A TOML file with a table for this verb.")(command)


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print data for machines on stdout.")(command)


def settings(
    model: type[T],
    section: str,
    config: Path | None,
    assignments: tuple[str, ...],
    flags: Mapping[str, Any],
    *,
    presets: Mapping[str, Preset] | None = None,
) -> T:
    """The verb's settings; later wins: defaults, a preset, --config, the verb's own flags, --set."""
    from catalens.core.config import load, parse_assignments

    overrides = {**flags, **parse_assignments(assignments, section=section)}
    return load(config, model, overrides, section=section, presets=presets)


def emit(values: Any) -> None:
    """One JSON object on one line of stdout, in UTF-8 whatever the locale; bytes of file names that are no text are
    escaped."""
    click.echo(json.dumps(values, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def say(text: str = "") -> None:
    """Talk, on stderr."""
    click.echo(text, err=True)


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """A bar on stderr: done, total, time passed and left.  Where stderr is no terminal, a line every half minute."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(label)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task(label, total=None, note="")

        def report(done: int, total: int | None = None, note: str = "") -> None:
            bar.update(task, completed=done, total=total, note=note)

        yield report


def _lines(label: str, *, every_s: float = 30.0) -> Progress:
    """Progress for a log: one line at most every `every_s` seconds, none for a job shorter than that."""
    said = time.monotonic()

    def report(done: int, total: int | None = None, note: str = "") -> None:
        nonlocal said
        if time.monotonic() - said >= every_s:
            said = time.monotonic()
            say(f"{label}: {done:,}{f' of {total:,}' if total else ''}{f', {note}' if note else ''}")

    return report
