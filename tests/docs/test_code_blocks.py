"""What the README and the docs show has to run: Python blocks are executed, commands must exist with their options."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from tests.builders.bundles import photo_of, tiny_bundle
from tests.docs.pages import PAGES, blocks, commands, name

from catalens.cli.group import VerbGroup
from catalens.cli.main import catalens

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
    for words in commands(page):
        if not words or words[0].startswith("-"):
            continue
        verb, command = verb_of(words)
        if isinstance(command, VerbGroup):
            assert len(words) == len(verb) or words[len(verb)].startswith("-"), f"{name(page)}: no verb {words!r}"
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.partition("=")[0] for word in words[len(verb) :] if word.startswith("-") and word != "-"}
        assert used <= known | {"--help", "-h"}, f"{name(page)}: {' '.join(verb)} has no {sorted(used - known)}"


def verb_of(words: list[str]) -> tuple[tuple[str, ...], click.Command]:
    """The longest verb that the words begin with: ("taxonomy", "show")."""
    found = [(verb, command) for verb, _, command in catalens.walk() if verb == tuple(words[: len(verb)])]
    assert found, f"no verb {words[0]!r} in {' '.join(words)!r}"
    return max(found, key=lambda pair: len(pair[0]))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_json_blocks_are_json(page: Path) -> None:
    for _, code in blocks(page, "json"):
        json.loads(code)


def test_every_verb_is_shown_on_a_page_for_people() -> None:
    """The reference is generated; a verb must also stand in a how-to, a tutorial or the README."""
    shown = {verb_of(words)[0] for page in WITH_COMMANDS if page.name != "cli.md" for words in commands(page) if words}
    verbs = {verb for verb, _, command in catalens.walk() if not isinstance(command, VerbGroup)}
    assert verbs <= shown
