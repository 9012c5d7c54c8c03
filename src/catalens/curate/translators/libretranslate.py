"""LibreTranslate, one's own server or another's: https://docs.libretranslate.com/api/operations/translate/"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from catalens.core.errors import ConfigError
from catalens.curate.translators.http import checked_url, post_json
from catalens.curate.translators.protocol import Refused, TranslatorOptions


class LibreTranslate:
    """Needs `url`; a key only where the server wants one."""

    key_variable: ClassVar[str | None] = "LIBRE_API_KEY"
    batch: ClassVar[int] = 50

    def __init__(self, options: TranslatorOptions) -> None:
        if options.url is None:
            raise ConfigError("libretranslate needs the address of a server: --url http://127.0.0.1:5000", key="url")
        self._options = options
        self._url = f"{checked_url(options.url)}/translate"

    def translate(self, texts: Sequence[str]) -> Sequence[object]:
        options = self._options
        values = {"q": list(texts), "source": options.source, "target": options.target, "format": "text"}
        if options.key:
            values["api_key"] = options.key
        answer = post_json(self._url, values, timeout_s=options.timeout_s, secret=options.key)
        translated = answer.get("translatedText") if isinstance(answer, dict) else None
        if not isinstance(translated, list):
            raise Refused("the answer has no list 'translatedText'")
        return translated
