"""Text files of a dump."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from catalens.core.errors import SourceError
from catalens.curate.sources.files import DumpPath

UTF8 = "utf-8"
ANY = "any"  # where only ASCII names are looked for: nothing is refused, what is not ASCII may come out wrong
# a photo of 64 MiB as base64 is one cell of 86 MiB; the csv module's own limit is 128 kB, and one for the whole process
LONGEST_LINE = 96 * 2**20
csv.field_size_limit(LONGEST_LINE)
_OTHERS = ("cp1252", "cp850", "mac_roman")  # of files that older programs write: Windows, DOS and its zips, old Macs
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def text_file(path: DumpPath, encoding: str = UTF8) -> Iterator[Iterator[str]]:
    """Its lines with their ends, as the csv module wants them; of UTF-8, with or without a byte order mark.

    Raises SourceError naming the file, also for what goes wrong while it is being read.
    """
    try:
        codec = "utf-8-sig" if encoding in (UTF8, ANY) else encoding
        with path.open(encoding=codec, errors="replace" if encoding == ANY else "strict", newline="") as file:
            yield _lines(file)
    except UnicodeError as error:
        raise SourceError(_not_in(encoding, error), source=str(path)) from None
    except csv.Error as error:
        raise SourceError(f"cannot be read as a table ({error})", source=str(path)) from None
    except (OSError, EOFError) as error:
        cause = getattr(error, "strerror", None) or error
        raise SourceError(f"cannot be read ({cause})", source=str(path)) from None


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:  # whatever it is, it would be held in memory whole
            raise csv.Error(f"a line is longer than {LONGEST_LINE:,} characters")
        yield line


def _not_in(encoding: str, error: UnicodeError) -> str:
    """What to do, with the first words that are not UTF-8 as the usual other encodings read them."""
    if not isinstance(error, UnicodeDecodeError):
        return f"is not {encoding} ({error})"
    said = f"is not {'UTF-8' if encoding == UTF8 else encoding} ({error.reason})"
    if encoding != UTF8:
        return said
    if error.object[:2] in _UTF16_MARKS:
        return f"{said}; it begins like UTF-16: pass --encoding utf-16, or save it as UTF-8"
    piece = bytes(error.object[max(0, error.start - 12) : error.start + 12])
    readings = [f"{other} reads {_one_line(piece.decode(other, 'replace'))!r}" for other in _OTHERS]
    return f"{said}; {', '.join(readings)}: pass --encoding with the one that is right, or save it as UTF-8"


def _one_line(text: str) -> str:
    """The part of a cut-out piece that stands around its middle, on one line."""
    before, after = text[:12].rsplit("\n", 1)[-1], text[12:].split("\n", 1)[0]
    return (before + after).strip()
