"""DeepL: https://developers.deepl.com/api-reference/translate"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from catalens.core.errors import ConfigError
from catalens.curate.translators.http import checked_url, post_json
from catalens.curate.translators.protocol import AUTO, Refused, TranslatorOptions

PAID, FREE = "https://api.deepl.com", "https://api-free.deepl.com"


class DeepL:
    """Needs a key; one that ends in ":fx" belongs to the free service, which has an address of its own."""

    key_variable: ClassVar[str | None] = "DEEPL_API_KEY"
    batch: ClassVar[int] = 50

    def __init__(self, options: TranslatorOptions) -> None:
        if not options.key:
            raise ConfigError(f"deepl needs a key: set the environment variable {self.key_variable}", key="api_key")
        self._options = options
        self._url = checked_url(options.url or (FREE if options.key.endswith(":fx") else PAID)) + "/v2/translate"

    def translate(self, texts: Sequence[str]) -> Sequence[object]:
        options = self._options
        values: dict[str, object] = {"text": list(texts), "target_lang": options.target.upper()}
        if options.source != AUTO:
            values["source_lang"] = options.source.partition("-")[0].upper()  # DeepL reads no regions here
        headers = {"Authorization": f"DeepL-Auth-Key {options.key}"}
        answer = post_json(self._url, values, headers=headers, timeout_s=options.timeout_s, secret=options.key)
        try:
            return [row["text"] for row in answer["translations"]]
        except (TypeError, KeyError):
            raise Refused("the answer has no list 'translations' of texts") from None
