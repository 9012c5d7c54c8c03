"""Google Translate's page for people, through deep-translator: no key, one name a request, no promise that it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from catalens.core.errors import ConfigError, MissingExtra
from catalens.curate.translators.protocol import Busy, Refused, TranslatorOptions


class Google:
    """Takes no key and no address.  deep-translator sets no time limit: the caller has to."""

    key_variable: ClassVar[str | None] = None
    batch: ClassVar[int] = 1

    def __init__(self, options: TranslatorOptions) -> None:
        try:
            from deep_translator import GoogleTranslator
            from deep_translator.exceptions import LanguageNotSupportedException
        except ImportError:
            raise MissingExtra("the provider google", "translate") from None
        if options.url is not None:
            raise ConfigError("google takes no --url", key="url")
        try:
            self._translator = GoogleTranslator(source=options.source, target=options.target)
        except LanguageNotSupportedException as error:
            raise ConfigError(f"google does not know the language {error.val!r}", key="to") from None

    def translate(self, texts: Sequence[str]) -> Sequence[object]:
        from deep_translator.exceptions import RequestError, TooManyRequests
        from requests import RequestException

        try:
            return [self._translator.translate(text) for text in texts]
        except TooManyRequests:
            raise Busy("google answers 429: too many requests") from None
        except (RequestError, RequestException) as error:
            raise Busy(f"google cannot be reached ({type(error).__name__})") from None
        except Exception as error:  # it reads a page made for people, which may change
            raise Refused(f"google's page gives no translation ({type(error).__name__})") from None
