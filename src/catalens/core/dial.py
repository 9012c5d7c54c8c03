"""Connections to addresses that were checked: a name is looked up once, and what was checked is what is called.

To check a URL first and to let the HTTP library look the name up again would leave a gap: a name server may give a
public address to the check and a private one to the call (DNS rebinding).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore

from catalens.core.address import Allowance, why_refused
from catalens.core.errors import FetchError

Resolver = Callable[[str, int], Sequence[str]]


def look_up(host: str, port: int) -> list[str]:
    """All addresses of a name, as the system gives them: also of "2130706433", "0x7f.1" and others it takes for one.

    Raises OSError.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Deadline(threading.local):
    """When the request that a thread is making has to be over, in `time.monotonic` seconds."""

    at = float("inf")

    def left(self, timeout_s: float | None) -> float:
        """Seconds that the next step may take.  Raises httpcore.ReadTimeout if there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole request took too long")
        return left if timeout_s is None else min(left, timeout_s)


class GuardedBackend(httpcore.NetworkBackend):
    """Dials for httpcore.  A name with any address that may not be called is refused, whatever its others are."""

    def __init__(
        self, allowed: Iterable[Allowance], deadline: Deadline, resolve: Resolver, dial: httpcore.NetworkBackend
    ) -> None:
        self._allowed = tuple(allowed)
        self._deadline = deadline
        self._resolve = resolve
        self._dial = dial
        self._streams: weakref.WeakSet[_TimedStream] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """End what other threads wait for, and make no more connections."""
        with self._lock:
            self._stopped = True
            for stream in self._streams:
                stream.hang_up()

    def keep(self, stream: httpcore.NetworkStream) -> httpcore.NetworkStream:
        """A connection that `stop` will end.  Raises httpcore.ConnectError if it was called."""
        timed = _TimedStream(stream, self._deadline, self.keep)
        with self._lock:
            if self._stopped:
                stream.close()
                raise httpcore.ConnectError("stopped")
            self._streams.add(timed)
        return timed

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Raises FetchError if the address may not be called, httpcore.ConnectError if none of them answers."""
        failure: Exception | None = None
        for address in self._addresses(host, port):
            try:
                left = self._deadline.left(timeout)
                stream = self._dial.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return self.keep(stream)
        raise failure or httpcore.ConnectError(f"{host} has no address")

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            cause = "fetch failed: no such host"
            raise FetchError(f"{host} has no address ({error})", cause=cause, again="later") from None
        for address in addresses:
            reason = why_refused(host, port, address, self._allowed)
            if reason is not None:
                place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                message = f"{reason}; if it is yours, allow {place} in allow_private"
                raise FetchError(message, cause="address not allowed", again="later")
        return addresses


class _TimedStream(httpcore.NetworkStream):
    """A connection none of whose steps outlasts the request: a server that sends a byte now and then is cut off."""

    def __init__(
        self,
        stream: httpcore.NetworkStream,
        deadline: Deadline,
        keep: Callable[[httpcore.NetworkStream], httpcore.NetworkStream],
    ) -> None:
        self._stream = stream
        self._deadline = deadline
        self._keep = keep
        self._hung_up = False

    def hang_up(self) -> None:
        """Wake up whoever reads: to close a socket would leave a thread waiting for it."""
        self._hung_up = True
        opened = self._stream.get_extra_info("socket")
        with contextlib.suppress(OSError):
            socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._deadline.left(timeout))
        if self._hung_up:  # to a body without a length this would look like its end
            raise httpcore.ReadError("stopped")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return self._keep(inner)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
