"""Asking a provider for many texts: in batches, with patience, within time, and believing nothing unchecked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from catalens.curate.translators.answers import NoName, name_of
from catalens.curate.translators.protocol import Busy, Denied, Refused, Translator

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
HOPELESS = 3  # texts refused one by one, with none taken, after which no other is tried


@dataclass(frozen=True, slots=True)
class Answer:
    """`name` translates `text`; where it is None, `reason` says why there is none."""

    text: str
    name: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """`timeout_s` for one request; `retries` of a request with doubling waits; `deadline` is a time of `clock`."""

    timeout_s: float
    retries: int
    deadline: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]


def ask(translator: Translator, texts: Sequence[str], language: str, patience: Patience) -> Iterator[list[Answer]]:
    """The answers of one request after another, as they come, each text's once.

    A batch that is refused, or answered with another number of texts, is asked again in halves: one text that a
    provider does not take costs no other.  Raises Busy when patience is at an end, Denied when asking on is no use.
    """
    size = translator.batch
    waiting = deque(list(texts[start : start + size]) for start in range(0, len(texts), size))
    taken, refused = False, 0
    while waiting:
        batch = waiting.popleft()
        try:
            answers = _patiently(translator, batch, patience)
        except Refused as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                waiting.extendleft([batch[middle:], batch[:middle]])
                continue
            refused += 1
            if refused == HOPELESS and not taken:
                raise Denied(f"every name is refused: {error}") from None
            yield [Answer(batch[0], None, str(error))]
            continue
        taken = True
        yield [_checked(text, answer, language) for text, answer in zip(batch, answers, strict=True)]


def _checked(text: str, answer: object, language: str) -> Answer:
    try:
        return Answer(text, name_of(answer, text, language))
    except NoName as error:
        return Answer(text, None, str(error))


def _patiently(translator: Translator, batch: list[str], patience: Patience) -> Sequence[object]:
    """One batch, asked again while the provider is busy.  Raises Busy, Denied, Refused."""
    for attempt in range(patience.retries + 1):
        left = patience.deadline - patience.clock()
        if left <= 0:
            raise Busy("the time for the whole job is over")
        try:
            answers = _within(min(patience.timeout_s, left), lambda: translator.translate(batch))
        except Busy as error:
            wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt if error.after_s is None else error.after_s)
            if attempt == patience.retries or patience.clock() + wait > patience.deadline:
                raise
            patience.sleep(wait)
            continue
        if len(answers) != len(batch):
            raise Refused(f"{len(batch)} names were asked for, {len(answers)} came")
        return answers
    raise AssertionError("the last attempt returns or raises")


def _within(seconds: float, call: Callable[[], Sequence[object]]) -> Sequence[object]:
    """What `call` gives, or Busy after `seconds`.

    A thread that nobody waits for: the time limit of a socket starts anew with every byte, and some packages have none.
    """
    box: SimpleQueue[Sequence[object] | Exception] = SimpleQueue()

    def run() -> None:
        try:
            box.put(call())
        except Exception as error:
            box.put(error)

    Thread(target=run, daemon=True).start()
    try:
        result = box.get(timeout=seconds)
    except Empty:
        raise Busy(f"no answer within {seconds:g} s") from None
    if isinstance(result, Exception):
        raise result
    return result
