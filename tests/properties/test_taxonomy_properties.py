"""What holds of every category tree, and of everything that claims to be one."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalens.core.errors import SourceError, TaxonomyError
from catalens.core.taxonomy import ROOT, Taxonomy, compose, path_id
from catalens.curate.sources.listed import read_taxonomy

FEW = settings(max_examples=80, deadline=None, derandomize=True)
# what paths are joined with, escaped with and told apart by; accents in both forms; what CSV and C trip over
PIECES = [*">\\ '\"\n\0,;", "é", "e\u0301", "Œ", "œ", "\u0301", "10", "2", "a"]
AWKWARD = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
NAMES = st.one_of(st.sampled_from("xyz"), AWKWARD, st.text(min_size=1, max_size=5), st.just("n" * 3000))
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map(tuple), min_size=1, max_size=12)
Path_ = tuple[str, ...]


def leaves_of(paths: Sequence[Path_]) -> list[Path_]:
    """The composed paths, each once, without those that another goes on from: a tree whose leaves they are."""
    whole = set(map(compose, paths))
    return sorted(path for path in whole if not any(other[: len(path)] == path and other != path for other in whole))


def in_form(form: str, paths: Sequence[Path_]) -> dict[str, Path_]:
    return {f"#{n}": tuple(unicodedata.normalize(form, name) for name in path) for n, path in enumerate(paths)}


@FEW
@given(one=st.lists(NAMES, min_size=1, max_size=4), other=st.lists(NAMES, min_size=1, max_size=4))
def test_paths_have_the_same_id_only_where_they_read_the_same(one: list[str], other: list[str]) -> None:
    assert (path_id(one) == path_id(other)) == (compose(one) == compose(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("A", "B > C", "x"), ("A > B", "C", "x")),
        (("A > B",), ("A", "B")),
        (("A >", "B"), ("A", "> B")),
        (("A\\", "B"), ("A\\ > B",)),
        ((">",), ("\\>",)),
        (("\\", ">"), ("\\ > \\>",)),
    ],
)
def test_names_with_the_separator_in_them(one: Path_, other: Path_) -> None:
    """Joined as they are, each of these pairs has one id, or one inner node, for two places."""
    tree = Taxonomy.from_paths({path_id(path): path for path in (one, other)})
    assert sorted(map(tree.path_names, tree.leaves)) == sorted((one, other))
    assert path_id(("Fruit", "Apple")) == "Fruit > Apple"


@FEW
@given(paths=PATHS, seed=st.integers(0, 99))
def test_every_path_is_kept_whatever_its_names_and_its_place(paths: list[Path_], seed: int) -> None:
    leaves = leaves_of(paths)
    tree = Taxonomy.from_paths({path_id(path): path for path in leaves})
    assert {tree.path_names(leaf) for leaf in tree.leaves} == set(leaves)
    prefixes = {path[:length] for path in leaves for length in range(1, len(path) + 1)}
    assert {tree.path_names(category.id) for category in tree.categories} == prefixes
    assert len(tree) == len(prefixes)
    shuffled = np.random.default_rng(seed).permutation(len(leaves))
    assert Taxonomy.from_paths({path_id(leaves[n]): leaves[n] for n in shuffled}).digest == tree.digest


@FEW
@given(paths=PATHS)
def test_forms_of_accents_make_no_second_category(paths: list[Path_]) -> None:
    composed, taken_apart = (Taxonomy.from_paths(in_form(form, paths)) for form in ("NFC", "NFD"))
    assert composed == taken_apart
    assert composed.digest == taken_apart.digest
    mixed = Taxonomy.from_paths(in_form("NFC", paths) | {f"*{n}": path for n, path in in_form("NFD", paths).items()})
    inner = [{c.id for c in tree.categories if c.id not in tree.leaves} for tree in (mixed, composed)]
    assert inner[0] == inner[1]


@FEW
@given(paths=PATHS, language=st.sampled_from(["fr", "pt-BR"]), data=st.data())
def test_a_tree_survives_its_file_in_every_language(paths: list[Path_], language: str, data: st.DataObject) -> None:
    tree = Taxonomy.from_paths(in_form("NFC", paths), level_names=["é > \0", *"bcd"])
    named = data.draw(st.lists(st.sampled_from([c.id for c in tree.categories]), unique=True))
    tree = tree.with_names({id: {language: data.draw(NAMES)} for id in named})
    with tempfile.TemporaryDirectory() as folder:
        tree.write(Path(folder) / "taxonomy.parquet")
        back = Taxonomy.read(Path(folder) / "taxonomy.parquet")
    assert back == tree
    assert back.digest == tree.digest
    assert back.languages == ((language,) if named else ())


@FEW
@given(paths=PATHS, seed=st.integers(0, 99))
def test_a_translation_moves_no_leaf_and_no_probability(paths: list[Path_], seed: int) -> None:
    tree = Taxonomy.from_paths(in_form("NFC", paths))
    # names whose order is another, and one name for all
    named = {c.id: {"fr": f"{9999 - n}", "de": "x"} for n, c in enumerate(tree.categories)}
    chances = np.random.default_rng(seed).dirichlet(np.ones(len(tree.leaves)), size=3)
    for spoken in map(tree.with_names(named).speaking, ("fr", "de")):
        assert spoken.leaves == tree.leaves
        assert all(spoken.path(leaf) == tree.path(leaf) for leaf in tree.leaves)
        for level in range(tree.depth):
            np.testing.assert_array_equal(
                spoken.level_probabilities(chances, level), tree.level_probabilities(chances, level)
            )


@FEW
@given(paths=PATHS, seed=st.integers(0, 99))
def test_probabilities_of_a_level_are_the_sums_over_the_leaves_below(paths: list[Path_], seed: int) -> None:
    tree = Taxonomy.from_paths(in_form("NFC", paths))
    chances = np.random.default_rng(seed).dirichlet(np.ones(len(tree.leaves)), size=2)
    for level in range(tree.depth):
        sums = tree.level_probabilities(chances, level)
        for column, node in enumerate(tree.level_nodes[level]):
            below = [index for index, leaf in enumerate(tree.leaves) if node in tree.path(leaf)]
            np.testing.assert_allclose(sums[:, column], chances[:, below].sum(axis=1))


@FEW
@given(paths=PATHS, data=st.data())
def test_a_subset_of_a_subset_is_a_subset(paths: list[Path_], data: st.DataObject) -> None:
    tree = Taxonomy.from_paths(in_form("NFC", paths))
    some = data.draw(st.lists(st.sampled_from(tree.leaves), min_size=1, unique=True))
    fewer = data.draw(st.lists(st.sampled_from(some), min_size=1, unique=True))
    assert tree.subset(some).subset(fewer).digest == tree.subset(fewer).digest
    assert set(tree.subset(fewer).leaves) == set(fewer)


IDS = st.sampled_from(["", "a", "b", "c", "d", "é", None])
ROWS = st.lists(st.tuples(IDS, IDS, st.sampled_from([0, 1, 2, -1, 2**31 - 1, None]), IDS, IDS), max_size=7)


@settings(FEW, max_examples=300)
@given(rows=ROWS)
def test_rows_are_a_tree_or_an_error(rows: list[tuple[Any, ...]]) -> None:
    """Cycles, orphans, ids that stand twice, wrong levels: what is taken can be walked from every node to the top."""
    columns = list(zip(*rows, strict=True)) or [[]] * 5
    types = [pa.string(), pa.string(), pa.int32(), pa.string(), pa.string()]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    table = pa.table(dict(zip(["id", "parent", "level", "name", "name.fr"], arrays, strict=True)))
    try:
        tree = Taxonomy.from_table(table)
    except TaxonomyError:
        return
    assert len(tree) == len(rows)
    for category in tree.categories:
        assert len(tree.path(category.id)) == category.level + 1
        assert tree.path(category.id)[0] in {c.id for c in tree.categories if c.parent == ROOT}
    assert Taxonomy.from_table(tree.to_table()).digest == tree.digest


GOOD = {"id": ["a"], "parent": [""], "level": [0], "name": ["A"]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": [7]}, "expected column 'id' to be string, got int64"),
        ({"level": [0.5]}, "expected column 'level' to be int32, got double"),
        ({"level": ["0"]}, "expected column 'level' to be int32, got string"),
        ({"level": [2**40]}, "cannot be read as a taxonomy"),
        ({"level": [None]}, "says level None, but stands at 0"),
        ({"name": [["A"]]}, "expected column 'name' to be string"),
        ({"name.fr": [b"A"]}, "expected column 'name.fr' to be string, got binary"),
        ({"id": [None]}, "empty id"),
        ({"parent": ["a"]}, "parent 'a', which is not listed before it"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_columns_of_another_type(change: dict[str, list[Any]], words: str) -> None:
    with pytest.raises(TaxonomyError, match=words):
        Taxonomy.from_table(pa.table(GOOD | change))


@pytest.mark.parametrize("value", [b"{", b"{}", b"[1]", b"\xff", b"[" * 100_000], ids=lambda value: str(value[:9]))
def test_level_names_that_are_none(value: bytes) -> None:
    with pytest.raises(TaxonomyError, match=r"level_names|taxonomy"):
        Taxonomy.from_table(pa.table(GOOD).replace_schema_metadata({"level_names": value}))


def test_other_spellings_of_text_are_read() -> None:
    table = pa.table(GOOD)
    strange = table.set_column(0, "id", table["id"].dictionary_encode()).set_column(
        3, "name", table["name"].cast(pa.large_string())
    )
    assert Taxonomy.from_table(strange) == Taxonomy.from_table(table)
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    with pytest.raises(TaxonomyError, match="cannot be read as a taxonomy"):
        Taxonomy.from_table(table.set_column(3, "name", broken))


def read_or_error(path: Path) -> None:
    try:
        tree = read_taxonomy(path)
    except (SourceError, TaxonomyError):
        return
    assert all(tree.path_names(leaf) for leaf in tree.leaves)
    assert Taxonomy.from_table(tree.to_table()).digest == tree.digest


CELLS = st.one_of(NAMES, st.sampled_from(["", " ", "1", "2", '"', 'a"b', "1\n2"]))
LINES = st.lists(st.lists(CELLS, max_size=4).map(",".join), max_size=6)


@settings(FEW, max_examples=150)
@given(text=st.one_of(st.binary(max_size=80), LINES.map(lambda lines: "\n".join(["id,a,b", *lines]).encode())))
def test_a_csv_is_a_tree_or_an_error(text: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.csv"
        path.write_bytes(text)
        read_or_error(path)


@settings(FEW, max_examples=150)
@given(place=st.integers(0, 2000), patch=st.binary(max_size=6), cut=st.booleans())
def test_a_damaged_parquet_is_a_tree_or_an_error(place: int, patch: bytes, cut: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "taxonomy.parquet"
        pq.write_table(Taxonomy.from_paths({"1": ("Fruit", "Été"), "2": ("Drinks",)}).to_table(), path)
        data = path.read_bytes()
        place %= len(data)
        path.write_bytes(data[:place] if cut else data[:place] + patch + data[place + len(patch) :])
        read_or_error(path)


def test_a_column_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.parquet"
    pq.write_table(pa.table(GOOD | {"name.fr": ["A"]}), path, compression="none", store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"name.fr", b"name.\xff\xfe"))
    with pytest.raises(TaxonomyError, match="cannot be read as a Parquet table"):
        Taxonomy.read(path)
