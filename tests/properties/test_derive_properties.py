"""Whatever is done to a catalog, in whatever order: every product is in the new one, or counted as set aside."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.builders.shops import assert_whole, shop

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalensError, TaxonomyError
from catalens.core.taxonomy import Taxonomy
from catalens.curate import clean, edit_taxonomy, sample
from catalens.curate.categories.clean_settings import CleanSettings
from catalens.curate.categories.filing import ORIGINAL
from catalens.curate.derive import DeriveReport
from catalens.curate.edit_taxonomy import EditSettings
from catalens.curate.making import contents
from catalens.curate.sample import NOT_SAMPLED, SampleSettings

# the same name in two forms of Unicode, signs that paths and CSV files are made of, what merging calls its categories
NAMES = st.sampled_from(["a", "b", "Café", "Cafe\u0301", "x > y", "x \\> y", 'q"q', "x,y=z", "Other", "Other a", "1"])
EDIT = st.tuples(st.sampled_from(["merge", "drop", "move", "rename"]), st.integers(0, 30), st.integers(-1, 30), NAMES)
STEP = st.one_of(
    st.builds(
        dict,
        edits=st.lists(EDIT, max_size=4),
        roll_up=st.sampled_from([None, "1", "2"]),
        dropped=st.sampled_from(["unfile", "set_aside"]),
    ),
    st.builds(
        dict,
        require=st.sampled_from([(), ("seller",), ("category",)]),
        min_products=st.integers(1, 5),
        small_categories=st.sampled_from(["keep", "drop", "merge"]),
    ),
    st.builds(dict, min_class=st.integers(1, 3), cap=st.none() | st.integers(1, 3), products=st.integers(1, 10)),
    st.builds(dict, balanced=st.integers(1, 3)),
)


@pytest.fixture(autouse=True)
def _pieces_of_a_few_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece holds three products at most; the digest, which has slices of its own, is not touched."""
    whole = contents.pieces_of

    def small(catalog: Catalog) -> Iterator[contents.Piece]:
        for piece in whole(catalog):
            for start in range(0, len(piece.products), 3):
                yield piece.of(piece.products.slice(start, 3))

    monkeypatch.setattr("catalens.curate.derive.pieces_of", small)


@st.composite
def shops(draw: Any) -> tuple[dict[str, tuple[str, ...]], list[dict[str, Any]]]:
    """A ragged tree of up to four levels, leaves with numbers as ids; and up to 15 products, some unfiled."""
    names = draw(st.lists(st.lists(NAMES, min_size=1, max_size=4).map(tuple), min_size=1, max_size=8, unique=True))
    paths = {str(number): path for number, path in enumerate(names)}
    try:
        leaves = Taxonomy.from_paths(paths).leaves
    except TaxonomyError:
        assume(False)
    filed = draw(st.lists(st.tuples(st.sampled_from([*leaves, None]), st.sampled_from([None, "anna"])), min_size=1))
    products = [{"product_id": f"p{n}", "category_id": leaf, "seller": s} for n, (leaf, s) in enumerate(filed[:15])]
    return paths, products


def do(catalog: Catalog, out: Path, step: dict[str, Any]) -> DeriveReport:
    """One step, as its verb does it."""
    if "require" in step:
        return clean.run(catalog, out, CleanSettings(**step))
    if "edits" not in step:
        return sample.run(catalog, out, SampleSettings(**step)).catalog
    nodes = [category.id for category in catalog.taxonomy.categories]
    file = out.with_suffix(".csv")
    with file.open("w", encoding="utf-8", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["action", "category", "target"])
        for action, first, second, name in step["edits"]:
            other = "" if second < 0 else nodes[second % len(nodes)]
            rows.writerow([action, nodes[first % len(nodes)], name if action == "rename" else other])
    return edit_taxonomy.run(catalog, out, EditSettings(**{**step, "edits": file})).catalog


@settings(max_examples=60, deadline=None)
@given(given_shop=shops(), steps=st.lists(STEP, min_size=1, max_size=3))
def test_every_product_is_there_once_or_accounted_for(
    given_shop: tuple[dict[str, tuple[str, ...]], list[dict[str, Any]]], steps: list[dict[str, Any]]
) -> None:
    paths, products = given_shop
    with TemporaryDirectory() as folder:
        before = shop(Path(folder) / "0.catalog", products, paths=paths, per_shard=4)
        for number, step in enumerate(steps, start=1):
            out = Path(folder) / f"{number}.catalog"
            try:
                report = do(before, out, step)
            except CatalensError as error:
                if "fault of catalens" in error.message:
                    raise
                assert not out.exists()
                assert not list(Path(folder).glob(".*")), "nothing is left of what was refused"
                continue
            after = Catalog(out)
            assert_whole(after)
            kept = after.products["product_id"].to_pylist()
            findings = after.table("findings").to_pylist()
            aside = [row["product_id"] for row in findings if row["set_aside"]]
            assert len({*kept, *aside}) == len(kept) + len(aside), "in one place, once"
            assert len(kept) + len(aside) + report.set_aside.get(NOT_SAMPLED, 0) == len(before.products)
            assert len(aside) + report.set_aside.get(NOT_SAMPLED, 0) == sum(report.set_aside.values())
            assert kept == [product for product in before.categories if product in set(kept)], "in the order they had"
            for row in after.products.to_pylist():
                moved = row["category_id"] != before.categories[row["product_id"]]
                assert not moved or ORIGINAL in dict(row["attributes"])
            before = after
