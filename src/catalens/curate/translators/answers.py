"""Is an answer a name?  What a provider gives is not believed before it has been here."""

from __future__ import annotations

import html
import re
import unicodedata

_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>")
_UNSEEN = str.maketrans("", "", "\u200b\u2060\ufeff")  # spaces of no width, which some pages put between words
# a longer answer is an explanation or a message, not the name: "TV" may become a word of 40 letters, not a sentence
LONGER, LONGER_BY = 4, 40
CAPITALS = 5  # letters from which a word in capitals is taken for a style, not an abbreviation


class NoName(ValueError):
    """The answer is not a name; the message says why."""


def plain(text: str) -> str:
    """One form for what reads the same: composed accents (NFC), single spaces, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def has_words(text: str) -> bool:
    """False for "2010" or "-": there is nothing to translate."""
    return any(character.isalpha() for character in text)


def name_of(answer: object, text: str, language: str) -> str:
    """The name that an answer to `text` gives, in one form and in the text's capitals.  Raises NoName."""
    if not isinstance(answer, str):
        raise NoName(f"the answer is no text but {type(answer).__name__}")
    if _ENTITY.search(answer) and not _ENTITY.search(text):
        answer = html.unescape(answer)
    name = plain(answer.translate(_UNSEEN))
    if not name:
        raise NoName("the answer is empty")
    if any(unicodedata.category(character) in ("Cc", "Cs") or character == "\ufffd" for character in name):
        raise NoName("the answer holds characters that are no text")
    if len(name) > LONGER * len(text) + LONGER_BY:
        raise NoName(f"the answer has {len(name):,} characters")
    if _TAG.search(name) and not _TAG.search(text):
        raise NoName("the answer holds markup")
    return _in_capitals_of(text, name, language)


def _in_capitals_of(text: str, name: str, language: str) -> str:
    """Capitals throughout, or at the start, where the text has them, so that a list of names looks like one list."""
    if language.partition("-")[0] in ("tr", "az"):  # their capital of "i" is not the one Python knows
        return name
    if text.isupper() and sum(character.isalpha() for character in text) >= CAPITALS:
        return name.upper()
    return name[0].upper() + name[1:] if text[0].isupper() else name
