"""Azure AI Translator: https://learn.microsoft.com/azure/ai-services/translator/text-translation/reference/v3/translate"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlencode

from catalens.core.errors import ConfigError
from catalens.curate.translators.http import checked_url, post_json
from catalens.curate.translators.protocol import AUTO, Refused, TranslatorOptions

HOME = "https://api.cognitive.microsofttranslator.com"


class Microsoft:
    """Needs a key, and the resource's `region` unless the resource is a global one."""

    key_variable: ClassVar[str | None] = "MICROSOFT_API_KEY"
    batch: ClassVar[int] = 100

    def __init__(self, options: TranslatorOptions) -> None:
        if not options.key:
            raise ConfigError(f"microsoft needs a key: set the environment variable {self.key_variable}", key="api_key")
        self._options = options
        languages = {"to": options.target} | ({} if options.source == AUTO else {"from": options.source})
        query = urlencode({"api-version": "3.0", "textType": "plain", **languages})
        self._url = f"{checked_url(options.url or HOME)}/translate?{query}"
        self._headers = {"Ocp-Apim-Subscription-Key": options.key}
        if options.region:
            self._headers["Ocp-Apim-Subscription-Region"] = options.region

    def translate(self, texts: Sequence[str]) -> Sequence[object]:
        options = self._options
        values = [{"Text": text} for text in texts]
        answer = post_json(self._url, values, headers=self._headers, timeout_s=options.timeout_s, secret=options.key)
        try:
            return [row["translations"][0]["text"] for row in answer]
        except (TypeError, KeyError, IndexError):
            raise Refused("the answer is no list of 'translations'") from None
