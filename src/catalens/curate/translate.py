"""`catalens taxonomy translate`: the names of categories in one more language.

A name comes from, in this order: the glossary, the names that are there, the cache, the provider.  What none of them
has stays missing, and is named.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator

from catalens.core.config import Settings
from catalens.core.errors import ConfigError
from catalens.core.progress import Progress, silent
from catalens.core.taxonomy import Category
from catalens.curate.sources.encoding import TextEncoding
from catalens.curate.sources.lines import UTF8
from catalens.curate.translation.glossary import Entry, Glossary, read_glossary
from catalens.curate.translation.named import DELIVERED, Name, Named, check_out, open_named, write_out
from catalens.curate.translation.translation_cache import TranslationCache
from catalens.curate.translators import TRANSLATORS, Translator, TranslatorOptions, TranslatorTrouble
from catalens.curate.translators.answers import has_words, plain
from catalens.curate.translators.asking import Patience, ask
from catalens.curate.translators.protocol import AUTO

GLOSSARY, KEPT, CACHE, NO_WORDS = "glossary", "kept", "cache", "no words"  # beside the provider's name
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class TranslateSettings(Settings):
    """`[taxonomy-translate]` of a TOML file, or `--set taxonomy-translate.KEY=VALUE`."""

    # not without a default: what pydantic says of a missing field would show the key
    to: str = Field("", description="the language to fill, such as en or pt-BR")
    source: str = Field(AUTO, description="the language of the names; auto: the provider guesses, name by name")
    provider: str | None = Field(None, description="who is asked; none where not given")
    url: str | None = Field(None, description="the provider's address, where it is one's own server")
    api_key: SecretStr | None = Field(None, description="better in the environment; it is neither logged nor stored")
    region: str | None = Field(None, pattern=r"^[a-z0-9-]+$", description="microsoft: of the resource")
    glossary: Path | None = Field(
        None, description="table with columns source, target, category_id; wins over all else"
    )
    encoding: TextEncoding = Field(UTF8, description="of the glossary")
    cache: Path | None = Field(None, description="what was answered; NAME.translations.jsonl beside it where not given")
    again: bool = Field(False, description="pass over the names that are there in the language, but for the glossary's")
    overwrite: bool = Field(False, description="replace the file that is written to, if there is one")
    dry_run: bool = Field(False, description="say what would be asked; ask and write nothing")
    retries: int = Field(5, ge=0, description="of one request, with waits of 1, 2, 4, ... s, or what the server says")
    timeout_s: float = Field(30, gt=0, description="for one request")
    time_limit_s: float = Field(3600, gt=0, description="for all requests together")

    @field_validator("to", "source")
    @classmethod
    def _language(cls, value: str) -> str:
        if not _LANGUAGE.fullmatch(value) and value != AUTO:
            raise ValueError("expected a language such as en or pt-BR")
        first, *rest = value.split("-")
        return "-".join([first.lower(), *(part.upper() if len(part) == 2 else part.title() for part in rest)])

    @field_validator("provider", mode="before")
    @classmethod
    def _none_is_nobody(cls, value: Any) -> Any:
        return None if value == "none" else value

    @field_validator("api_key", mode="before")
    @classmethod
    def _a_number_is_a_key(cls, value: Any) -> Any:  # an error message would show it
        return value if value is None or isinstance(value, SecretStr) else str(value)


@dataclass(frozen=True, slots=True)
class Missing:
    """A category without a name in the language, and why."""

    category_id: str
    path: tuple[str, ...]
    name: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {"id": self.category_id, "path": list(self.path), "name": self.name, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class TranslateReport:
    """What was found, and what is missing.

    `translated` counts categories by where their name came from; `to_ask` are the different names that only a provider
    could give, with their `characters`; `asked` those it answered; `failure` is why asking ended early, or None.
    """

    language: str
    categories: int
    translated: dict[str, int]
    missing: tuple[Missing, ...]
    asked: int
    to_ask: int
    characters: int
    unused_glossary: tuple[Entry, ...]
    failure: str | None
    written: tuple[Path, ...]
    cache: Path
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {
            "language": self.language,
            "categories": self.categories,
            "translated": self.translated,
            "missing": [one.to_json() for one in self.missing],
            "asked": self.asked,
            "to_ask": self.to_ask,
            "characters": self.characters,
            "unused_glossary": [
                {"row": one.row, "id": one.category_id, "source": one.source} for one in self.unused_glossary
            ],
            "failure": self.failure,
            "written": [str(path) for path in self.written],
            "cache": str(self.cache),
            "seconds": round(self.seconds, 2),
        }


@dataclass
class _Work:
    """Names found so far, by category id, with where each came from; and what is still to be asked."""

    names: dict[str, Name] = field(default_factory=dict)
    came: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, list[str]] = field(default_factory=dict)  # text -> the categories called so; each is asked once

    def take(self, category_id: str, name: Name, came: str) -> None:
        self.names[category_id] = name
        self.came[category_id] = came


def run(
    target: Path,
    settings: TranslateSettings,
    *,
    out: Path | None = None,
    progress: Progress = silent,
    environment: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> TranslateReport:
    """Fill a language of a catalog, a taxonomy.parquet or a CSV of names.

    Of a catalog, the names go into its table `names`, which its digest does not cover; with `out`, or of a file, into a
    taxonomy.parquet or a CSV that can be corrected and given back as a glossary.  What was found is written and cached
    also where the provider failed: see `failure` of the report.
    Raises ConfigError, MissingExtra, SourceError, TaxonomyError or CatalogError before anything is asked.
    """
    start = clock()
    if not settings.to:
        raise ConfigError("say the language to fill: --to en", key="to")
    if settings.to in (settings.source, AUTO):
        raise ConfigError(f"expected another language than {settings.source!r} to translate to", key="to")
    named = open_named(target)
    check_out(named, out, overwrite=settings.overwrite, dry_run=settings.dry_run)
    glossary = read_glossary(settings.glossary, settings.encoding) if settings.glossary else Glossary()
    cache = TranslationCache(settings.cache or _beside(target))
    translator = _open_translator(settings, environment)

    work = _look_up(named, settings, glossary, cache)
    to_ask, characters = len(work.waiting), sum(map(len, work.waiting))
    asked, failure = 0, None
    if translator and not settings.dry_run:
        patience = Patience(settings.timeout_s, settings.retries, clock() + settings.time_limit_s, clock, sleep)
        asked, failure = _ask(translator, settings, work, cache, patience, progress)
    elif work.waiting:
        reason = "dry run" if translator else "no provider was named, and neither glossary nor cache has it"
        work.reasons |= {id: reason for ids in work.waiting.values() for id in ids}
    _fall_back(named, settings.to, work)

    written = () if settings.dry_run else _write(named, settings.to, out, work)
    return TranslateReport(
        language=settings.to,
        categories=len(named.taxonomy),
        translated=dict(Counter(work.came.values()).most_common()),
        missing=tuple(
            Missing(c.id, named.taxonomy.path_names(c.id), c.name(), work.reasons[c.id])
            for c in named.taxonomy.categories
            if c.id not in work.names
        ),
        asked=asked,
        to_ask=to_ask,
        characters=characters,
        unused_glossary=glossary.unused,
        failure=failure,
        written=written,
        cache=cache.path,
        seconds=clock() - start,
    )


def _look_up(named: Named, settings: TranslateSettings, glossary: Glossary, cache: TranslationCache) -> _Work:
    """Everything that can be known without asking anybody."""
    work = _Work()
    for category in named.taxonomy.categories:
        text = _text(category, settings.source)
        kept = named.kept(category.id, settings.to, text)
        if (chosen := glossary.find(category.id, text)) is not None:
            work.take(category.id, Name(chosen, text, GLOSSARY), GLOSSARY)
        elif kept and not settings.again:
            work.take(category.id, kept, KEPT)
        elif not text:
            work.reasons[category.id] = "it has no name to translate"
        elif not has_words(text):
            work.take(category.id, Name(text, text, NO_WORDS), NO_WORDS)
        elif found := cache.find(text, provider=settings.provider, source=settings.source, target=settings.to):
            work.take(category.id, Name(found[0], text, found[1]), CACHE)
        else:
            work.waiting.setdefault(text, []).append(category.id)
    return work


def _ask(
    translator: Translator,
    settings: TranslateSettings,
    work: _Work,
    cache: TranslationCache,
    patience: Patience,
    progress: Progress,
) -> tuple[int, str | None]:
    """(names answered, why asking ended early or None); every answer is in the cache before the next is asked for."""
    provider = settings.provider or ""
    answered = 0
    work.reasons |= {id: "the provider was not reached" for ids in work.waiting.values() for id in ids}
    try:
        for answers in ask(translator, list(work.waiting), settings.to, patience):
            good = [(answer.text, answer.name) for answer in answers if answer.name is not None]
            cache.add(good, provider=provider, source=settings.source, target=settings.to)
            for text, name in good:
                for category_id in work.waiting[text]:
                    work.take(category_id, Name(name, text, provider), provider)
            for answer in answers:
                if answer.name is None:
                    work.reasons |= dict.fromkeys(work.waiting[answer.text], answer.reason)
            answered += len(answers)
            progress(answered, len(work.waiting), "names")
    except TranslatorTrouble as error:
        return answered, str(error)
    return answered, None


def _fall_back(named: Named, language: str, work: _Work) -> None:
    """A name that is there and was to be replaced stays where nothing came for it."""
    for category in named.taxonomy.categories:
        if category.id not in work.names and (kept := named.kept(category.id, language, None)):
            work.take(category.id, kept, KEPT)


def _write(named: Named, language: str, out: Path | None, work: _Work) -> tuple[Path, ...]:
    written = []
    new = {id: name for id, name in work.names.items() if name.origin != DELIVERED}
    if named.catalog is not None and new:
        written.append(named.save(language, new))
    if out is not None:
        write_out(named.taxonomy, language, work.names, out)
        written.append(out)
    return tuple(written)


def _text(category: Category, source: str) -> str:
    """What is to be translated: the name in the source language if there is one, else as delivered."""
    return plain(category.names.get(source) or category.names.get("") or "")


def _beside(target: Path) -> Path:
    whole = target.resolve()
    return whole.with_name(f"{whole.name}.translations.jsonl")


def _open_translator(settings: TranslateSettings, environment: Mapping[str, str]) -> Translator | None:
    if settings.provider is None:
        return None
    provider = TRANSLATORS.load(settings.provider)
    given = settings.api_key.get_secret_value() if settings.api_key else None
    key = (given or environment.get(provider.key_variable or "") or "").strip() or None
    if key and not (key.isascii() and key.isprintable()):  # the error of the HTTP library would show it
        raise ConfigError("the key holds a line break or a character that is not ASCII", key="api_key")
    options = TranslatorOptions(settings.source, settings.to, settings.url, key, settings.region, settings.timeout_s)
    translator: Translator = provider(options)
    return translator
