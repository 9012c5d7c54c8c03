"""Who can be asked for a translation, one a file.  Register a provider here and the conformance suite tests it."""

from __future__ import annotations

from catalens.core.registry import Registry
from catalens.curate.translators.protocol import Busy, Denied, Refused, Translator, TranslatorOptions, TranslatorTrouble

TRANSLATORS = Registry(
    "translation provider",
    {
        "deepl": "catalens.curate.translators.deepl:DeepL",
        "google": "catalens.curate.translators.google:Google",
        "libretranslate": "catalens.curate.translators.libretranslate:LibreTranslate",
        "microsoft": "catalens.curate.translators.microsoft:Microsoft",
    },
)

__all__ = ["TRANSLATORS", "Busy", "Denied", "Refused", "Translator", "TranslatorOptions", "TranslatorTrouble"]
