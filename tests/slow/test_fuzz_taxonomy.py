"""Files that claim to hold categories, for as long as one likes: CATALENS_FUZZ_S=600 is ten minutes (20 s else)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.properties.test_taxonomy_properties import LINES, read_or_error

from catalens.core.errors import SourceError
from catalens.core.taxonomy import Taxonomy
from catalens.curate.translation.glossary import read_glossary
from catalens.curate.translation.translation_cache import TranslationCache

SECONDS = float(os.environ.get("CATALENS_FUZZ_S", "20"))
ANY = settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
TREES = [
    Taxonomy.from_paths({"1": ("Fruit", "Été"), "2": ("Drinks",)}, level_names=("a", "b")),
    Taxonomy.from_paths({str(n): (f"n{n % 7}", f"n{n % 40}", f"n{n}") for n in range(400)}).with_names(
        {"7": {"fr": "sept"}}
    ),
]
PATCHES = st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)


def for_a_while(body: Callable[..., None], share: float) -> None:
    """Run a property with one seed after another."""
    end = time.monotonic() + SECONDS * share
    for number in count():
        seed(number)(body)()
        if time.monotonic() > end:
            return


@pytest.mark.timeout(SECONDS + 120)
def test_csv(tmp_path: Path) -> None:
    header = st.sampled_from(
        ["id,a,b", "id;a;b", "id,name", "source,target", "category_id,source,target", "\ufeffid,a"]
    )
    tables = st.tuples(header, LINES).map(lambda pair: "\n".join([pair[0], *pair[1]]).encode())

    @ANY
    @given(data=st.one_of(st.binary(), tables, st.tuples(tables, st.binary(max_size=4)).map(b"".join)))
    def body(data: bytes) -> None:
        path = tmp_path / "names.csv"
        path.write_bytes(data)
        read_or_error(path)
        try:
            read_glossary(path)
        except SourceError:
            return

    for_a_while(body, 0.4)


@pytest.mark.timeout(SECONDS + 120)
def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.parquet"
    files = []
    for number, tree in enumerate(TREES):
        for compression in ("none", "zstd"):
            pq.write_table(tree.to_table(), path, compression=compression, use_dictionary=bool(number))
            files.append(path.read_bytes())
    table = pa.table({"id": [1], "parent": [None], "level": [0.0], "name": [b"a"]})
    pq.write_table(table, path)
    files.append(path.read_bytes())

    @ANY
    @given(which=st.sampled_from(range(len(files))), patches=PATCHES, cut=st.none() | st.integers(0, 10**6))
    def body(which: int, patches: list[tuple[int, bytes]], cut: int | None) -> None:
        data = bytearray(files[which])
        for place, patch in patches:
            place %= len(data)
            data[place : place + len(patch)] = patch
        path.write_bytes(data[: cut % len(data)] if cut is not None else data)
        read_or_error(path)

    for_a_while(body, 0.4)


@pytest.mark.timeout(SECONDS + 120)
def test_cache(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    TranslationCache(whole).add([("é", "e"), ("a", "b")], provider="deepl", source="fr", target="en")
    good = whole.read_bytes()

    @ANY
    @given(place=st.integers(0, len(good)), patch=st.binary(max_size=6), cut=st.integers(0, len(good)))
    def body(place: int, patch: bytes, cut: int) -> None:
        path = tmp_path / "cache.jsonl"
        path.write_bytes((good[:place] + patch + good[place + len(patch) :])[:cut])
        try:
            cache = TranslationCache(path)
        except SourceError:
            return
        cache.add([("new", "neu")], provider="deepl", source="fr", target="en")
        again = TranslationCache(path)
        assert again.find("new", provider="deepl", source="fr", target="en") == ("neu", "deepl")

    for_a_while(body, 0.2)
