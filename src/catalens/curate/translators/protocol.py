"""What a provider of translations is: texts in, as many texts out, or one of three kinds of trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

AUTO = "auto"  # the provider finds out the language by itself


class TranslatorTrouble(Exception):
    """A request brought no translation.  Never leaves `curate/translate.py`: it ends up in the report."""


class Busy(TranslatorTrouble):
    """Try again later: too many requests, a fault of the server, no connection.  `after_s`: when the server says so."""

    def __init__(self, message: str, *, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Refused(TranslatorTrouble):
    """These texts are not taken together; fewer of them, or others, may be."""


class Denied(TranslatorTrouble):
    """No text will be translated: the key, the quota, the address or the language is wrong."""


@dataclass(frozen=True, slots=True)
class TranslatorOptions:
    """`source` is a language or `AUTO`; `url` None is the provider's own address; `key` is never shown."""

    source: str
    target: str
    url: str | None = None
    key: str | None = None
    region: str | None = None
    timeout_s: float = 30.0

    def __repr__(self) -> str:
        return f"TranslatorOptions({self.source!r}, {self.target!r}, url={self.url!r})"


class Translator(Protocol):
    """A provider.  It sees each text by itself: no provider here is told what stands above a name."""

    key_variable: ClassVar[str | None]  # the environment variable with its key; None: it takes none
    batch: ClassVar[int]  # texts a request takes

    def __init__(self, options: TranslatorOptions) -> None:
        """Raises ConfigError if an option is missing or wrong, MissingExtra if a package is."""

    def translate(self, texts: Sequence[str]) -> Sequence[object]:
        """The translations, in the order of the texts, as the provider gave them: nothing is checked yet.

        One request, no retries.  Raises TranslatorTrouble.
        """
        ...
