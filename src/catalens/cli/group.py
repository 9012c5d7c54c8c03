"""A group of verbs, each in a file of its own that is imported when the verb is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import click

# verb -> (module with a `command`, what the group's help says of it)
VerbTable = Mapping[str, tuple[str, str]]


class VerbGroup(click.Group):
    """Loads one verb's module at a time, so that `--help` answers at once."""

    def __init__(self, *arguments: Any, table: VerbTable, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self.load(cmd_name) if cmd_name in self.table else None

    def load(self, verb: str) -> click.Command:
        """Import the verb's module and return its command."""
        from importlib import import_module

        command: click.Command = import_module(self.table[verb][0]).command
        return command

    def walk(self) -> Iterator[tuple[tuple[str, ...], str, click.Command]]:
        """(words such as ("taxonomy", "show"), summary, command) of every verb, a group before its own verbs."""
        for verb, (_, summary) in self.table.items():
            command = self.load(verb)
            yield (verb,), summary, command
            if isinstance(command, VerbGroup):
                yield from (((verb, *words), text, below) for words, text, below in command.walk())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.table:
            near = get_close_matches(args[0], self.table, n=1)
            ctx.fail(f"unknown verb {args[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.table.items()])
