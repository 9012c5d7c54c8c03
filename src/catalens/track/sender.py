"""A thread that sends an outbox while the run goes on, tries again when the server is away, and never stops the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from catalens.track.client import shown, store_folder
from catalens.track.outbox import Outbox
from catalens.track.send import Refused, deliver

FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0  # between tries, doubling
SERVER_GRACE_S = 5.0  # what the end of a run waits for a server
EMBEDDED_GRACE_S = 20.0  # and for the embedded store, which a first run has to make


class Sender:
    """Sends `outbox` in the background.  `say` gets at most one line each time the server goes or comes back."""

    def __init__(self, outbox: Outbox, *, say: Callable[[str], None], send: Callable[[Outbox], int] = deliver) -> None:
        self._outbox = outbox
        self._say = say
        self._send = send
        self._changed = threading.Condition()
        self._closing = False
        self._away = False  # the user was told so
        self._refused = False
        self._tried = 0
        self._thread = threading.Thread(target=self._loop, name="catalens-track", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something new to send."""
        with self._changed:
            self._changed.notify_all()

    def close(self, grace_s: float | None = None) -> bool:
        """Wait for what is pending, but no longer than the grace; True if all of it arrived."""
        if grace_s is None:
            grace_s = EMBEDDED_GRACE_S if store_folder(self._outbox.state.uri) else SERVER_GRACE_S
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(grace_s)
        return not self._outbox.pending

    def _loop(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._refused:
            last = self._closing  # read before the try: what is added later wakes the next one
            if self._outbox.pending:
                wait_s = FIRST_WAIT_S if self._try() else min(2 * wait_s, LONGEST_WAIT_S)
            if last:
                return
            with self._changed:
                if self._closing:
                    continue
                if self._away:
                    deadline = time.monotonic() + wait_s
                    while not self._closing and (left := deadline - time.monotonic()) > 0:
                        self._changed.wait(left)
                elif not self._outbox.pending:
                    self._changed.wait()

    def _try(self) -> bool:
        try:
            sent = self._send(self._outbox)
        except Refused as error:
            self._refused = True
            self._say(f"tracking: MLflow at {self._where} refuses this run ({error}); the run goes on without it")
        except Exception as error:  # whatever it is, it is no reason to stop a training
            if not self._away:
                self._away = True
                self._say(
                    f"tracking: MLflow at {self._where} cannot be reached ({_reason(error)}); the run goes on, and "
                    f"what it measures is kept in {self._outbox.folder} and sent when MLflow is back"
                )
            return False
        if self._away and not self._refused:
            self._away = False
            self._say(f"tracking: MLflow is back; {sent} entries that were kept were sent")
        return True

    @property
    def _where(self) -> str:
        return shown(self._outbox.state.uri)


def _reason(error: BaseException) -> str:
    """The innermost cause in a few words."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return f"{type(error).__name__}: {error}".splitlines()[0][:160]
