"""One POST of JSON to a provider: no redirects, a limit to its answer, and the key in no message."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import urlsplit

from catalens.core.errors import ConfigError
from catalens.curate.translators.protocol import Busy, Denied, Refused

MAX_ANSWER = 16 * 2**20  # bytes
SHOWN = 200  # characters of what a server says
_DENIED = {
    401: "the key is missing or wrong",
    402: "it wants payment",
    403: "the key may not do this",
    456: "the quota is used up",  # DeepL's own number
}
_REFUSED = (400, 413, 414, 422)


def checked_url(url: str) -> str:
    """An http or https address without a slash at its end.  Raises ConfigError."""
    if "@" in url:  # not repeated here: it would be in the log
        message = "the address holds a user or a password; a provider's key goes into the environment"
        raise ConfigError(message, key="url")
    shown = url.partition("?")[0]  # what follows may be a key
    wrong = ConfigError(
        f"expected an address such as http://127.0.0.1:5000, in ASCII and without a query, got {shown!r}", key="url"
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    whole = (
        parts.scheme in ("http", "https") and parts.hostname and port != 0 and not parts.query and not parts.fragment
    )
    if not whole or not url.isascii() or not url.isprintable() or " " in url:
        raise wrong
    return url.rstrip("/")


def post_json(
    url: str, values: object, *, headers: Mapping[str, str] | None = None, timeout_s: float, secret: str | None
) -> Any:
    """The answer, parsed.  `secret` is blotted out of whatever the server says.  Raises TranslatorTrouble."""
    request = urllib.request.Request(
        url,
        data=json.dumps(values).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json", **(headers or {})},
    )
    place = urlsplit(url).netloc
    try:
        with _OPENER.open(request, timeout=timeout_s) as response:
            content = response.read(MAX_ANSWER + 1)
    except urllib.error.HTTPError as error:
        with error:
            said = _said(error, secret)
            if error.code in _REFUSED:
                raise Refused(f"{place} answers {error.code}{said}") from None
            if error.code == 429 or error.code >= 500:
                raise Busy(f"{place} answers {error.code}{said}", after_s=_after_s(error)) from None
            reason = f" ({_DENIED[error.code]})" if error.code in _DENIED else ""
            raise Denied(f"{place} answers {error.code}{reason}{said}") from None
    except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise Busy(f"{place} cannot be reached ({_shown(str(reason), secret)})") from None
    except UnicodeError:  # from the encoding of names of hosts
        raise Denied(f"{place} is no host") from None
    if len(content) > MAX_ANSWER:
        raise Refused(f"{place} answers with more than {MAX_ANSWER:,} bytes")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Denied(f"{place} answers with something that is not JSON; is it the right --url?") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key and the names to a place nobody named."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _said(error: urllib.error.HTTPError, secret: str | None) -> str:
    """What the server says of the reason, as ": text", or ""."""
    if error.code < 400:
        elsewhere = _shown(error.headers.get("Location", "nowhere").partition("?")[0], secret)
        return f": it sends one on to {elsewhere}; name that address with --url"
    try:
        text = error.read(MAX_ANSWER).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""
    try:
        values: Any = json.loads(text)
    except (ValueError, RecursionError):
        return ""  # a page for people
    for key in ("error", "message"):  # {"error": "..."}, {"message": "..."}, {"error": {"message": "..."}}
        values = values.get(key, values) if isinstance(values, dict) else values
    words = _shown(values, secret) if isinstance(values, str) else ""
    return f": {words}" if words else ""


def _shown(text: str, secret: str | None) -> str:
    """What a server says, as a terminal may show it: on one line, without the key and without commands to it."""
    if secret:
        text = text.replace(secret, "***")
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))[:SHOWN]


def _after_s(error: urllib.error.HTTPError) -> float | None:
    """Retry-After in seconds; its other form, a date, is passed over."""
    value = error.headers.get("Retry-After", "")
    return float(value) if value.strip().isdecimal() else None
