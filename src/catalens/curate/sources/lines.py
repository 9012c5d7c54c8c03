"""Text files of a dump."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from catalens.core.errors import SourceError


@contextmanager
def text_file(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file, with or without a byte order mark, as the csv module wants it.

    Raises SourceError naming the file, also for what goes wrong while it is being read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise SourceError(f"is not UTF-8 ({error.reason}); save it as UTF-8", source=str(path)) from None
    except csv.Error as error:
        raise SourceError(f"cannot be read as a table ({error})", source=str(path)) from None
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})", source=str(path)) from None
