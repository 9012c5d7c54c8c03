"""Named choices in one visible table, imported only when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from catalens.core.errors import ConfigError


class Registry:
    """A table name -> "package.module:attribute".  A clash of names is an error; an unknown name gets the nearest."""

    def __init__(self, kind: str, entries: Mapping[str, str]) -> None:
        self.kind = kind
        self._entries: dict[str, str] = {}
        for name, target in entries.items():
            self.add(name, target)

    def add(self, name: str, target: str) -> None:
        """Raises ConfigError if the name is taken."""
        if name in self._entries:
            raise ConfigError(f"{self.kind} {name!r} is already {self._entries[name]}", key=name)
        self._entries[name] = target

    def load(self, name: str) -> Any:
        """Import and return what the name stands for.  Raises ConfigError if it is unknown."""
        if name not in self._entries:
            raise ConfigError(f"unknown {self.kind} {name!r}{hint(name, self._entries)}", key=name)
        module, _, attribute = self._entries[name].partition(":")
        return getattr(import_module(module), attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries


def hint(name: str, known: Iterable[str]) -> str:
    """'; did you mean 'resnet50'?' or, where nothing is near, the choices."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    shown = ", ".join(names[:12])
    return f"; known: {shown}{', ...' if len(names) > 12 else ''}" if names else ""
