"""What a host's robots.txt asks of us (RFC 9309).

Python's `urllib.robotparser` takes "*" and "$" in a path literally and the first rule that fits instead of the longest:
it would fetch what `Disallow: /*.jpg$` asks to leave alone.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from urllib.parse import unquote

AGENT = "catalens"
_LETTERS = f"{string.ascii_letters}_-"


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules for us: (path pattern, whether it may be fetched).  `delay_s` is what `Crawl-delay` asks for."""

    rules: tuple[tuple[str, bool], ...] = ()
    delay_s: float = 0.0

    @classmethod
    def parse(cls, text: str, agent: str = AGENT) -> Robots:
        """The groups that name `agent`, else those for everybody."""
        ours: dict[str, list[tuple[str, str]]] = {agent: [], "*": []}
        named = False
        group: set[str] = set()
        begun = False  # the group has rules: the next user-agent line begins another
        for line in text.lstrip("\ufeff").splitlines():
            key, colon, value = line.partition("#")[0].partition(":")
            key, value = key.strip().lower(), value.strip()
            if not colon:
                continue
            if key == "user-agent":
                group = set() if begun else group
                begun = False
                name = _product(value)
                group.add(name)
                named |= name == agent
            elif key in ("allow", "disallow", "crawl-delay"):
                begun = True
                for name in group & ours.keys():
                    ours[name].append((key, value))
        lines = ours[agent if named else "*"]
        rules = tuple((unquote(value), key == "allow") for key, value in lines if key != "crawl-delay" and value)
        return cls(rules, max((_seconds(value) for key, value in lines if key == "crawl-delay"), default=0.0))

    def allows(self, path: str) -> bool:
        """Of a path with its query: the longest pattern that fits decides, of equal ones the kinder."""
        path = unquote(path)
        fitting = [(len(pattern), allowed) for pattern, allowed in self.rules if _fits(pattern, path)]
        return max(fitting, default=(0, True))[1]


def _product(value: str) -> str:
    """Whom a user-agent line names (RFC 9309, 2.2.1): "Catalens/1.0 (+https://...)" of a log is us as well."""
    return value if value == "*" else value.removesuffix(value.lstrip(_LETTERS)).lower()


def _fits(pattern: str, path: str) -> bool:
    """ "*" stands for anything, "$" at the end for the end.  Not by a regular expression, which a long row of "*" could
    keep busy for hours."""
    whole = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not others:
        return not whole or at == len(path)
    *middle, last = others
    for part in middle:
        at = path.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return path.endswith(last) and len(path) - len(last) >= at if whole else path.find(last, at) >= 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < float("inf") else 0.0
