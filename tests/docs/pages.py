"""Code blocks of the README and the docs, as tests read them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> Iterator[tuple[int, str]]:
    """(line of the page, code) of every block in that language."""
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        if match[1] == language:
            yield text.count("\n", 0, match.start()) + 2, match[2]


def commands(page: Path) -> Iterator[list[str]]:
    """The words after `catalens` of every command in console and bash blocks; of a pipe, each part."""
    for language in ("console", "bash"):
        for _, code in blocks(page, language):
            for line in code.replace("\\\n", " ").splitlines():
                words = shlex.split(line.strip().removeprefix("$ "), comments=True)
                for part in _parts(words):
                    if "catalens" in part:
                        yield part[part.index("catalens") + 1 :]


def _parts(words: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word in ("|", "&&", ";", "&", ">", "<"):
            yield part
            part = []
        else:
            part.append(word)
    yield part
