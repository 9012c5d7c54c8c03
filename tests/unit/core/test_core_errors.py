from __future__ import annotations

import pickle

import pytest

from catalens.core import errors
from catalens.core.errors import CatalensError, MissingExtra, SourceError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CatalensError)]


def test_an_error_says_where() -> None:
    error = SourceError("expected 3 columns, got 2", source="styles.csv", row=12_017, key="id")
    assert str(error) == "styles.csv: row 12,017: expected 3 columns, got 2"
    assert str(SourceError("no rows")) == "no rows"
    assert str(SourceError("no rows", row=0)) == "row 0: no rows"


def test_a_missing_extra_says_what_to_install() -> None:
    error = MissingExtra("Spark jobs", "spark")
    assert str(error) == "Spark jobs needs an optional part: pip install 'catalens[spark]'"
    assert error.key == "spark"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_comes_back_from_a_worker(kind: type[CatalensError]) -> None:
    error = kind("a", "b") if kind is MissingExtra else kind("a", source="b", row=3, key="c")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert str(back) == str(error)
    assert (back.source, back.row, back.key) == (error.source, error.row, error.key)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_says_what_it_is_for(kind: type[CatalensError]) -> None:
    assert kind.__doc__
    assert kind.__doc__ != kind.__mro__[1].__doc__
