"""The service as the page sees it: HTTP and nothing else, every call with a time limit and a plain error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import httpx

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 30.0
_TOTAL = re.compile(r"\btotal;dur=([\d.]+)")

NamedPhoto = tuple[str, bytes]  # what to call it in findings, and the file's bytes


class ServiceDown(Exception):
    """Nothing answers where the service should be, or not in time."""


class Refused(Exception):
    """The service said no; `status` is HTTP's, `kind` the error's class, the text says why."""

    def __init__(self, message: str, *, status: int, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said (a form of `serve/schemas.py`), and how long it took there and there and back."""

    body: dict[str, Any]
    server_ms: float
    round_trip_ms: float


class Client:
    """Calls one service.  Every method raises ServiceDown or Refused."""

    def __init__(self, service: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.service = service.rstrip("/")
        timeout = httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        # trust_env: a proxy of the environment has no business between the page and its service
        self._http = httpx.Client(base_url=self.service, timeout=timeout, transport=transport, trust_env=False)

    def model(self) -> dict[str, Any]:
        """What answers there: its name, its promises, its index."""
        return self._call("GET", "/v1/model").body

    def classify(self, photos: Sequence[NamedPhoto], *, promise: float | None = None) -> Answer:
        """The category of one product, from 1..n photos of it."""
        return self._call("POST", "/v1/classify", files=_form(photos), params=_given(promise=promise))

    def similar(self, photos: Sequence[NamedPhoto], *, k: int, exclude: str | None = None) -> Answer:
        """The `k` products that look most alike."""
        return self._call("POST", "/v1/similar", files=_form(photos), params=_given(k=k, exclude=exclude))

    def random_product(self) -> dict[str, Any]:
        """Some product of the catalog that is served beside the index."""
        return self._call("GET", "/v1/products/random").body

    def photo(self, path: str) -> bytes:
        """The bytes of a catalog photo, by the path that an answer named."""
        return self._send("GET", path)[0].content

    def _call(self, method: str, path: str, **request: Any) -> Answer:
        response, round_trip_ms = self._send(method, path, **request)
        total = _TOTAL.search(response.headers.get("server-timing", ""))
        return Answer(response.json(), float(total[1]) if total else round_trip_ms, round_trip_ms)

    def _send(self, method: str, path: str, **request: Any) -> tuple[httpx.Response, float]:
        start = perf_counter()
        try:
            response = self._http.request(method, path, **request)
        except httpx.ConnectError:
            raise ServiceDown(f"nothing listens at {self.service}") from None
        except httpx.TimeoutException:
            raise ServiceDown(f"{self.service} did not answer within {ANSWER_TIMEOUT_S:g} s") from None
        except httpx.TransportError as error:
            raise ServiceDown(f"{self.service} broke off ({error})") from None
        if response.is_error:
            raise _refusal(response)
        return response, (perf_counter() - start) * 1000


def _form(photos: Sequence[NamedPhoto]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("photos", photo) for photo in photos]


def _given(**parameters: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _refusal(response: httpx.Response) -> Refused:
    try:
        error = response.json()["error"]
        source = f"{error['source']}: " if error.get("source") else ""
        return Refused(source + error["message"], status=response.status_code, kind=error["type"])
    except (ValueError, KeyError, TypeError):
        return Refused(
            f"expected an answer of `catalens serve`, got HTTP {response.status_code}",
            status=response.status_code,
            kind="HTTPError",
        )
