"""What the README and the docs show has to run: Python blocks are executed, commands must exist with their options."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from tests.builders.bundles import photo_of, tiny_bundle
from tests.docs.pages import PAGES, blocks, commands, name

from catalens.cli.main import VERBS, catalens

WITH_PYTHON = [page for page in PAGES if any(blocks(page, "python"))]
WITH_COMMANDS = [page for page in PAGES if any(commands(page))]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like the one `make demo` leaves: what the blocks of a page take for granted."""
    tiny_bundle(tmp_path / "demo" / "shop.bundle")
    (tmp_path / "photo.jpg").write_bytes(photo_of("sneaker"))
    (tmp_path / "back.jpg").write_bytes(photo_of("sneaker"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_python_blocks_run(page: Path, shop: Path) -> None:
    """All blocks of a page, in order, in one namespace."""
    namespace: dict[str, object] = {"__name__": "page"}
    for line, code in blocks(page, "python"):
        exec(compile("\n" * (line - 1) + code, name(page), "exec"), namespace)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name)
def test_commands_exist_with_their_options(page: Path) -> None:
    context = click.Context(catalens, info_name="catalens")
    for words in commands(page):
        if not words or words[0].startswith("-"):
            continue
        command = catalens.get_command(context, words[0])
        assert command is not None, f"{name(page)}: no verb {words[0]!r} in {' '.join(words)!r}"
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.partition("=")[0] for word in words[1:] if word.startswith("-") and word != "-"}
        assert used <= known | {"--help", "-h"}, f"{name(page)}: {words[0]} has no {sorted(used - known)}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_json_blocks_are_json(page: Path) -> None:
    for _, code in blocks(page, "json"):
        json.loads(code)


def test_every_verb_is_shown_on_a_page_for_people() -> None:
    """The reference is generated; a verb must also stand in a how-to, a tutorial or the README."""
    shown = {words[0] for page in WITH_COMMANDS if page.name != "cli.md" for words in commands(page) if words}
    assert set(VERBS) <= shown
