"""How the text of a file is written, as a setting."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def _of_text(value: str) -> str:
    try:
        "".encode(value)
    except LookupError:
        raise ValueError("expected the name of a text encoding, such as cp1252 or utf-16") from None
    return value.lower()


TextEncoding = Annotated[str, AfterValidator(_of_text)]
