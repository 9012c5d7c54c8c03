"""Every answer carries an `x-request-id` (the caller's own, or a new one) and `server-timing`."""

from __future__ import annotations

import re
from time import perf_counter
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PLAIN = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestHeaders:
    """Plain ASGI: the framework's own middleware class costs a task and two queues a request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = perf_counter()
        given = Headers(scope=scope).get("x-request-id", "")
        state = scope.setdefault("state", {})
        state["request_id"] = given if _PLAIN.fullmatch(given) else uuid4().hex
        state["timings_ms"] = {}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = state["request_id"]
                timings = {**state["timings_ms"], "total": (perf_counter() - start) * 1000}
                headers["server-timing"] = ", ".join(
                    f"{name.removesuffix('_ms')};dur={ms:.2f}" for name, ms in timings.items()
                )
            await send(message)

        await self.app(scope, receive, send_with_headers)
