"""Batches, halves, waits and time limits, with a provider that does as it is told and a clock that nobody waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from catalens.curate.translators.answers import NoName, name_of
from catalens.curate.translators.asking import Answer, Patience, ask
from catalens.curate.translators.protocol import Busy, Denied, Refused, TranslatorTrouble


class Scripted:
    """`say` translates a batch; every batch it was asked is in `batches`."""

    key_variable = None

    def __init__(self, say: Callable[[Sequence[str]], Sequence[object]], batch: int = 4) -> None:
        self.say, self.batch = say, batch
        self.batches: list[list[str]] = []

    def translate(self, texts: Sequence[str]) -> Sequence[object]:
        self.batches.append(list(texts))
        return self.say(texts)


class Watch:
    """A clock that stands still but for sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, *, timeout_s: float = 5, retries: int = 3, limit_s: float = 1000) -> Patience:
        return Patience(timeout_s, retries, limit_s, lambda: self.now, self.sleep)


def shout(texts: Sequence[str]) -> list[object]:
    return [f"{text}!" for text in texts]


def first_fail(errors: list[TranslatorTrouble]) -> Callable[[Sequence[str]], Sequence[object]]:
    def say(texts: Sequence[str]) -> Sequence[object]:
        if errors:
            raise errors.pop(0)
        return shout(texts)

    return say


def everything(translator: Scripted, texts: Sequence[str], patience: Patience) -> list[Answer]:
    return [answer for answers in ask(translator, texts, "en", patience) for answer in answers]


def test_batches_in_order() -> None:
    translator = Scripted(shout, batch=3)
    texts = [f"n{n}" for n in range(8)]
    assert everything(translator, texts, Watch().patience()) == [Answer(text, f"{text}!") for text in texts]
    assert [len(batch) for batch in translator.batches] == [3, 3, 2]


def test_a_busy_provider_is_asked_again_after_growing_waits_or_when_it_says() -> None:
    watch = Watch()
    errors: list[TranslatorTrouble] = [Busy("a"), Busy("b"), Busy("c", after_s=7)]
    assert everything(Scripted(first_fail(errors)), ["x"], watch.patience()) == [Answer("x", "x!")]
    assert watch.slept == [1, 2, 7]


def test_a_provider_that_says_an_hour_is_asked_after_a_minute() -> None:
    watch = Watch()
    everything(Scripted(first_fail([Busy("a", after_s=3600)])), ["x"], watch.patience())
    assert watch.slept == [60]


def test_patience_ends() -> None:
    watch = Watch()
    translator = Scripted(first_fail([Busy("one"), Busy("two"), Busy("three")]))
    with pytest.raises(Busy, match="three"):
        everything(translator, ["x"], watch.patience(retries=2))
    assert len(translator.batches) == 3


def test_the_time_for_the_whole_job_ends() -> None:
    watch = Watch()

    def slow(texts: Sequence[str]) -> Sequence[object]:
        watch.now += 10
        return shout(texts)

    translator = Scripted(slow, batch=1)
    found = []
    with pytest.raises(Busy, match="the time for the whole job is over"):
        found += [
            answer for answers in ask(translator, list("abcde"), "en", watch.patience(limit_s=25)) for answer in answers
        ]
    assert len(translator.batches) == 3
    with pytest.raises(Busy, match="no time"):  # no wait that would end after the deadline
        everything(Scripted(first_fail([Busy("no time", after_s=50)])), ["x"], watch.patience(limit_s=watch.now + 20))


def test_a_provider_that_never_answers() -> None:
    stuck = threading.Event()
    translator = Scripted(lambda texts: [stuck.wait(20)])
    start = time.monotonic()
    with pytest.raises(Busy, match=r"no answer within 0.1 s"):
        everything(translator, ["x"], Watch().patience(timeout_s=0.1, retries=1))
    assert time.monotonic() - start < 5
    stuck.set()


def test_a_name_that_is_refused_costs_no_other() -> None:
    def say(texts: Sequence[str]) -> Sequence[object]:
        if "bad" in texts:
            raise Refused("not that")
        return shout(texts)

    texts = ["a", "b", "bad", "c", "d", "e"]
    answers = everything(Scripted(say, batch=4), texts, Watch().patience())
    assert answers == [Answer(t, None, "not that") if t == "bad" else Answer(t, f"{t}!") for t in texts]


def test_answers_of_another_number_are_not_matched_to_names() -> None:
    """A provider that leaves one out of each batch: names one off would be worse than none."""
    translator = Scripted(lambda texts: shout(texts)[1:] if len(texts) > 1 else shout(texts))
    assert everything(translator, list("abcd"), Watch().patience()) == [Answer(t, f"{t}!") for t in "abcd"]
    twice = Scripted(lambda texts: shout(texts) * 2)
    with pytest.raises(Denied, match="1 names were asked for, 2 came"):
        everything(twice, list("abcd"), Watch().patience())


def test_a_provider_that_refuses_everything_is_not_asked_everything() -> None:
    translator = Scripted(first_fail([Refused("no such language") for _ in range(1000)]), batch=50)
    with pytest.raises(Denied, match="every name is refused: no such language"):
        everything(translator, [str(n) for n in range(500)], Watch().patience())
    assert len(translator.batches) < 12


def test_an_error_of_the_provider_s_own_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        everything(Scripted(lambda texts: [1 / 0]), ["x"], Watch().patience())


def test_odd_answers_are_named_and_the_others_kept() -> None:
    answers = everything(Scripted(lambda texts: ["", "Shoe"]), ["vide", "chaussure"], Watch().patience())
    assert answers == [Answer("vide", None, "the answer is empty"), Answer("chaussure", "Shoe")]


@pytest.mark.parametrize(
    ("text", "answer", "language", "name"),
    [
        ("chaussure", "  shoe\n of\u00a0leather ", "en", "shoe of leather"),
        ("ete", "e\u0301te\u0301", "fr", "été"),
        ("œuf", "œuf", "fr", "œuf"),
        ("L'ete", "L&#39;été", "fr", "L'été"),
        ("A&amp;B", "A&amp;B", "en", "A&amp;B"),
        ("<b> gras", "<b> fat", "en", "<b> fat"),
        ("ABRI VELO", "bike shelter", "en", "BIKE SHELTER"),
        ("TV", "television", "en", "Television"),
        ("Chaussure", "shoe", "en", "Shoe"),
        ("chaussure", "Schuh", "de", "Schuh"),
        ("ÉTAGÈRE", "regal für bücher", "de", "REGAL FÜR BÜCHER"),
        ("SHIRTS", "işlik", "tr", "işlik"),
        ("shoe", "鞋", "zh-CN", "鞋"),
        ("shoe", "\u200bSchuh\ufeff", "de", "Schuh"),
    ],
)
def test_a_name_in_one_form(text: str, answer: str, language: str, name: str) -> None:
    assert name_of(answer, text, language) == name


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "no text but NoneType"),
        (7, "no text but int"),
        ("", "empty"),
        (" \u200b\n", "empty"),
        ("a\x00b", "characters that are no text"),
        ("caf\ufffd", "characters that are no text"),
        ("caf" + chr(0xD83D), "characters that are no text"),  # half a pair: UTF-8 cannot hold it
        ("You have used all free translations for today. " * 3, "141 characters|140 characters"),
        ("<span>shoe</span>", "markup"),
        ("&lt;script&gt;", "markup"),
    ],
)
def test_an_answer_that_is_no_name(answer: object, words: str) -> None:
    with pytest.raises(NoName, match=words):
        name_of(answer, "chaussure", "en")
