"""Writes docs/reference/cli.md from the click commands and their settings; a test compares the two.

Run it after a change of an option: `python docs/generate_cli.py`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from catalens.cli.main import catalens

SETTINGS = {
    "demo": "catalens.demo.settings:DemoSettings",
    "ingest": "catalens.curate.sources:IngestSettings",
    "clean": "catalens.curate.categories.clean_settings:CleanSettings",
    "sample": "catalens.curate.sample:SampleSettings",
    "taxonomy edit": "catalens.curate.edit_taxonomy:EditSettings",
    "duplicates": "catalens.curate.duplicates:DuplicatesSettings",
    "audit": "catalens.curate.audit.settings:AuditSettings",
    "split": "catalens.curate.split:SplitSettings",
    "taxonomy translate": "catalens.curate.translate:TranslateSettings",
    "train": "catalens.train.settings:TrainSettings",
    "compare": "catalens.compare.settings:CompareSettings",
    "export": "catalens.export.run:ExportSettings",
    "evaluate": "catalens.evaluate:EvaluateSettings",
    "calibrate": "catalens.export.recalibrate:RecalibrateSettings",
    "gallery add": "catalens.export.gallery:GallerySettings",
    "gallery remove": "catalens.export.gallery:GallerySettings",
    "predict": "catalens.predict.predictor:PredictSettings",
    "serve": "catalens.serve.settings:ServeSettings",
}
READ_AS = {"submit": "ingest"}  # verbs that read another verb's settings
PAGE = Path(__file__).parent / "reference" / "cli.md"
HEAD = """\
# Command line

<!-- Written by docs/generate_cli.py: change the commands, not this page. -->

`catalens VERB --help` says the same in the terminal. Data goes to standard output, talk and progress to standard error.

| exit code | means |
|---|---|
| 0 | done |
| 1 | something was wrong with the data, a bundle or an index; the message names it |
| 2 | the command line or a setting was wrong |
| 3 | a gate was not passed (for example the export parity gate) |

Verbs with `--config` read a TOML file with a table of the verb's name, and `--set VERB.KEY=VALUE` overrides one key.
Later wins: defaults, `--config`, the verb's own options, `--set`. An unknown key is an error that
names the nearest one.

| verb | |
|---|---|
"""


def page() -> str:
    """The whole page, as Markdown."""
    verbs = [(" ".join(words), summary, command) for words, summary, command in catalens.walk()]
    table = "".join(f"| [`{verb}`](#{verb.replace(' ', '-')}) | {summary} |\n" for verb, summary, _ in verbs)
    return HEAD + table + "".join(section(verb, command) for verb, _, command in verbs)


def section(verb: str, command: click.Command) -> str:
    """One verb: its help, its usage and its options."""
    usage = " ".join(command.collect_usage_pieces(click.Context(command, info_name=verb)))
    lines = [f"\n## {verb}\n", prose(command.help), f"```text\ncatalens {verb} {usage}\n```\n"]
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    if options:
        lines += ["| option | takes | |\n|---|---|---|", *(row(option) for option in options), ""]
    if command.epilog:
        lines.append(prose(command.epilog))
    if verb in READ_AS:
        lines.append(f"Its settings are those of [{READ_AS[verb]}](#{READ_AS[verb]}).\n")
    elif any(option.name == "config" for option in options):
        table = verb.replace(" ", "-")
        lines += [f"Settings, in a table `[{table}]` or as `--set {table}.KEY=VALUE`:\n", settings(verb)]
    return "\n".join(lines)


def settings(verb: str) -> str:
    """Every key of the verb's settings with its default."""
    module, _, name = SETTINGS[verb].partition(":")
    fields = keys(getattr(import_module(module), name))
    rows = (f"| `{key}` | {default(field)} | {cell(field.description)} |" for key, field in fields)
    return "\n".join(["| key | default | |\n|---|---|---|", *rows, ""])


def keys(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Dotted keys with their fields; settings within settings are gone through."""
    for key, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from keys(type(field.default), f"{above}{key}.")
        else:
            yield f"{above}{key}", field


def default(field: FieldInfo) -> str:
    """As JSON; what is made at run time depends on the machine, and this page must not."""
    if field.default_factory is not None:
        return "by the machine"
    return "" if field.default in (None, (), {}) else f"`{json.dumps(field.default, default=str)}`"


def cell(text: str | None) -> str:
    return (text or "").replace("|", r"\|")


def row(option: click.Option) -> str:
    """One option as a line of a table."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    return f"| {names} | {'' if option.is_flag else value(option)} | {cell(option.help)} |"


def value(option: click.Option) -> str:
    """What the option takes: its metavar, its choices, or the name of its type."""
    if option.metavar:
        return f"`{option.metavar}`"
    if isinstance(option.type, click.Choice):
        return ", ".join(f"`{choice}`" for choice in option.type.choices)
    return option.type.name.split()[0]


def prose(text: str | None) -> str:
    """Help text as Markdown: a paragraph that click keeps as it is (after \\b) becomes a code block."""
    return "\n".join(_paragraphs(inspect.cleandoc(text or "")))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        if not paragraph.startswith("\b"):
            yield paragraph + "\n"
            continue
        lines = paragraph.removeprefix("\b").strip("\n").splitlines()
        if lines and lines[0].rstrip().endswith(":"):
            yield lines.pop(0).strip() + "\n"
        yield "```console\n" + inspect.cleandoc("\n".join(["", *lines])) + "\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
