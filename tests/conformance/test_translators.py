"""Every registered provider of translations, against a server on 127.0.0.1 that speaks its language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.builders.translators import KEY, FakeProvider, Trouble, fake_provider

from catalens.cli.taxonomy_translate import PROVIDERS
from catalens.core.errors import ConfigError, MissingExtra
from catalens.curate.translators import TRANSLATORS, Busy, Denied, Refused, Translator, TranslatorOptions
from catalens.curate.translators.protocol import AUTO

NAMES = ["HOUSSE D'ÉTÉ", "Œufs & crème brûlée", "Abri vélo - abri moto", "Chaussures 10 à 12 ans"]
POSTED = [name for name in TRANSLATORS if name != "google"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    monkeypatch.delenv("http_proxy", raising=False)
    with fake_provider() as provider:
        yield provider


def opened(name: str, server: FakeProvider, monkeypatch: pytest.MonkeyPatch, source: str = "fr") -> Translator:
    if name == "google":
        constants = pytest.importorskip("deep_translator.constants")
        monkeypatch.setitem(constants.BASE_URLS, "GOOGLE_TRANSLATE", f"{server.url}/m")
        return TRANSLATORS.load(name)(TranslatorOptions(source, "en"))
    return TRANSLATORS.load(name)(TranslatorOptions(source, "en", server.url, KEY, "westeurope"))


def test_every_provider_can_be_asked_for() -> None:
    assert set(PROVIDERS) == {"none", *TRANSLATORS}


@pytest.mark.parametrize("name", TRANSLATORS)
@pytest.mark.parametrize("source", ["fr", AUTO])
def test_as_many_names_in_the_same_order(
    name: str, source: str, server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = opened(name, server, monkeypatch, source)
    batch = NAMES[: translator.batch]
    assert [str(answer) for answer in translator.translate(batch)] == [f"the {text.lower()}" for text in batch]
    assert server.texts == batch
    said = str(server.requests[0][0]) + str(server.requests[0][2]).lower()
    assert ("'fr'" in said or "=fr" in said) == (source == "fr")


@pytest.mark.parametrize("name", POSTED)
def test_the_key_is_sent_but_not_in_the_address(
    name: str, server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(name, server, monkeypatch).translate(NAMES)
    path, headers, body = server.requests[0]
    assert KEY not in path
    assert KEY in str(headers) + str(body)


@pytest.mark.parametrize("name", POSTED)
@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        (Trouble(401, b'{"message": "unknown key"}'), Denied, "the key is missing or wrong"),
        (Trouble(456), Denied, "the quota is used up"),
        (Trouble(404, b"<html>not here</html>"), Denied, "answers 404"),
        (Trouble(302, headers={"Location": "http://127.0.0.1:1/"}), Denied, "sends one on to http://127.0.0.1:1/"),
        (Trouble(200, b"<html>hello</html>"), Denied, "not JSON"),
        (Trouble(400, b'{"error": "en is not supported"}'), Refused, "answers 400: en is not supported"),
        (Trouble(400, b'{"error": {"code": 400036, "message": "target language"}}'), Refused, "400: target language"),
        (Trouble(413), Refused, "answers 413"),
        (Trouble(200, b'{"odd": 1}'), Refused, "the answer"),
        (Trouble(200, b"[[]]"), Refused, "the answer"),
        (Trouble(429, headers={"Retry-After": "7"}), Busy, "answers 429"),
        (Trouble(429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), Busy, "answers 429"),
        (Trouble(429, headers={"Retry-After": "\xb2"}), Busy, "answers 429"),
        (Trouble(503, b'["odd"]'), Busy, "answers 503"),
        (Trouble(403, b'{"message": "\\u001b[2Jno\\u202eway"}'), Denied, r"\): \?\[2Jno\?way$"),
        (Trouble(302, headers={"Location": f"http://x/\x1b[2J?key={KEY}"}), Denied, r"on to http://x/\?\[2J; name"),
    ],
    ids=lambda value: value.body.decode() + str(value.status) if isinstance(value, Trouble) else None,
)
def test_trouble_is_of_the_right_kind(
    name: str,
    trouble: Trouble,
    kind: type[Exception],
    words: str,
    server: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.troubles.append(trouble)
    with pytest.raises(kind, match=words) as caught:
        opened(name, server, monkeypatch).translate(NAMES)
    assert len(server.requests) == 1  # a redirect is not followed
    if isinstance(caught.value, Busy):
        assert caught.value.after_s == (7 if trouble.headers.get("Retry-After") == "7" else None)


@pytest.mark.parametrize("name", POSTED)
def test_a_key_that_the_server_repeats_is_not_shown(
    name: str, server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.troubles.append(Trouble(403, f'{{"error": "bad key {KEY}!"}}'.encode()))
    with pytest.raises(Denied, match=r"bad key \*\*\*!") as caught:
        opened(name, server, monkeypatch).translate(NAMES)
    assert KEY not in repr(caught.value)
    assert KEY not in repr(TranslatorOptions("fr", "en", key=KEY))


@pytest.mark.parametrize("name", POSTED)
def test_nobody_listens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Busy, match=r"127.0.0.1:1 cannot be reached \(.*refused"):
        opened(name, FakeProvider("http://127.0.0.1:1"), monkeypatch).translate(NAMES)


@pytest.mark.parametrize("name", POSTED)
@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example"])
def test_a_host_that_cannot_be(name: str, host: str) -> None:
    with pytest.raises((Busy, Denied), match=rf"{host} (is no host|cannot be reached)"):
        TRANSLATORS.load(name)(TranslatorOptions("fr", "en", f"http://{host}", KEY)).translate(NAMES)


@pytest.mark.parametrize("name", POSTED)
@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org",
        "file:///etc/passwd",
        "example.org",
        "http://",
        "http://x/?key=pw",
        "http://me:pw@x",
        "http://x:99999",
        "http://x:port",
        "http://[::1",
        "http://x y",
        "http://x/ü",
        "http://a\nb",
    ],
)
def test_an_address_that_is_none(name: str, url: str) -> None:
    with pytest.raises(ConfigError, match="address") as caught:
        TRANSLATORS.load(name)(TranslatorOptions("fr", "en", url, KEY))
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(("name", "needs"), [("deepl", "DEEPL_API_KEY"), ("microsoft", "MICROSOFT_API_KEY")])
def test_a_key_that_is_missing_is_named(name: str, needs: str) -> None:
    with pytest.raises(ConfigError, match=needs):
        TRANSLATORS.load(name)(TranslatorOptions("fr", "en"))


def test_libretranslate_needs_an_address_but_no_key(server: FakeProvider) -> None:
    libretranslate = TRANSLATORS.load("libretranslate")
    with pytest.raises(ConfigError, match="--url"):
        libretranslate(TranslatorOptions("fr", "en"))
    libretranslate(TranslatorOptions("fr", "en", f"{server.url}/")).translate(["a"])
    assert server.requests[0][0] == "/translate"
    assert "api_key" not in server.requests[0][2]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [(429, b"", Busy), (500, b"", Busy), (200, b"<html>another page</html>", Refused)],
    ids=["too many", "down", "another page"],
)
def test_google(
    status: int, body: bytes, kind: type[Exception], server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = opened("google", server, monkeypatch)
    server.troubles.append(Trouble(status, body))
    with pytest.raises(kind, match="google"):
        translator.translate(["abri"])


def test_google_and_what_it_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("deep_translator")
    google = TRANSLATORS.load("google")
    with pytest.raises(ConfigError, match="takes no --url"):
        google(TranslatorOptions("fr", "en", "http://127.0.0.1:1"))
    with pytest.raises(ConfigError, match="does not know the language 'xx'"):
        google(TranslatorOptions("fr", "xx"))
    monkeypatch.setitem(__import__("sys").modules, "deep_translator", None)
    with pytest.raises(MissingExtra, match=r"catalens\[translate\]"):
        google(TranslatorOptions("fr", "en"))
