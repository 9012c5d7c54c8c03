"""What the tables promise is there: an exit code and an HTTP status for every error, a module for every verb."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from catalens.cli.exits import DONE, ERROR, EXIT_CODES, GATE, USAGE, exit_code
from catalens.cli.main import catalens
from catalens.core.errors import CatalensError, GateFailed, ImageError


def leaves(kind: type[CatalensError] = CatalensError) -> Iterator[type[CatalensError]]:
    """The errors of `core/errors.py` that no other of them specialises."""
    below = [error for error in kind.__subclasses__() if error.__module__ == "catalens.core.errors"]
    for error in below:
        yield from leaves(error)
    if not below:
        yield kind


LEAVES = sorted(set(leaves()), key=lambda kind: kind.__name__)


def test_there_is_a_tree() -> None:
    assert len(LEAVES) >= 15


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: error.__name__)
def test_every_error_has_an_exit_code(error: type[CatalensError]) -> None:
    assert error in EXIT_CODES, f"add {error.__name__} to EXIT_CODES in cli/exits.py"
    assert EXIT_CODES[error] in (ERROR, USAGE, GATE)


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: error.__name__)
def test_every_error_has_an_http_status(error: type[CatalensError]) -> None:
    statuses = import_module("catalens.serve.errors").HTTP_STATUS
    assert error in statuses, f"add {error.__name__} to HTTP_STATUS in serve/errors.py"
    assert 400 <= statuses[error] < 600


def test_codes_of_a_class_between_and_of_a_new_leaf() -> None:
    class Stricter(GateFailed):
        pass

    assert exit_code(Stricter("x")) == GATE
    assert exit_code(ImageError("x")) == ERROR
    assert DONE == 0


VERBS = {" ".join(words): (summary, command) for words, summary, command in catalens.walk()}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_documented(verb: str) -> None:
    summary, command = VERBS[verb]
    assert isinstance(command, click.Command), f"`catalens {verb}` is not a click command"
    assert summary.endswith(".")
    result = CliRunner().invoke(catalens, [*verb.split(), "--help"], prog_name="catalens")
    assert result.exit_code == 0, result.output
    text = command.help or ""
    first = " ".join(text.strip().split("\n\n")[0].split())
    assert first == summary, f"the help of `catalens {verb}` and the table that names it differ"
    assert re.search(rf"catalens {verb}\b", result.output.split("\n", 1)[1]), (
        f"`catalens {verb} --help` shows no example"
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_says_what_it_is_for(verb: str) -> None:
    _, command = VERBS[verb]
    silent = [option.name for option in command.params if isinstance(option, click.Option) and not option.help]
    assert silent == [], f"options of `catalens {verb}` without help"
