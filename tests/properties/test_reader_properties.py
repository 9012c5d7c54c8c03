"""Whatever bytes stand in a dump or a taxonomy, the readers account for them or say what is wrong.

benchmarks/fuzz_readers.py goes on with this for as long as one likes.
"""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders.dumps import document, photo
from tests.builders.readers import (
    check_bson,
    check_taxonomy_csv,
    check_taxonomy_table,
    fuzzed_bson,
    fuzzed_csv,
    fuzzed_table,
)

MANY = settings(max_examples=150, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


@MANY
@given(seed=seeds)
def test_damaged_dumps_are_accounted_for(seed: int) -> None:
    chance = random.Random(seed)
    with TemporaryDirectory() as folder:
        check_bson(fuzzed_bson(chance), Path(folder), chance)


@MANY
@given(before=st.binary(max_size=60), after=st.binary(max_size=60), seed=seeds)
def test_any_bytes_around_a_document(before: bytes, after: bytes, seed: int) -> None:
    with TemporaryDirectory() as folder:
        check_bson(before + document(1, 1, photo(1)) + after, Path(folder), random.Random(seed))


@MANY
@given(seed=seeds)
def test_damaged_lists_of_categories(seed: int) -> None:
    with TemporaryDirectory() as folder:
        check_taxonomy_csv(fuzzed_csv(random.Random(seed)), Path(folder))


@MANY
@given(text=st.text(alphabet='ab",\n\r;>\0É 1\ud800', max_size=60))
def test_any_text_as_a_list_of_categories(text: str) -> None:
    with TemporaryDirectory() as folder:
        check_taxonomy_csv(b"id,one,two\n" + text.encode("utf-8", "surrogatepass"), Path(folder))


@MANY
@given(seed=seeds)
def test_any_table_as_a_taxonomy(seed: int) -> None:
    chance = random.Random(seed)
    with TemporaryDirectory() as folder:
        check_taxonomy_table(fuzzed_table(chance, Path(folder)), Path(folder))
