"""Samples: the numbers asked for, the same products whatever the order of rows, another seed another sample."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError
from tests.builders.shops import assert_whole, products_of, shop

from catalens.core import slices
from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.curate.sample import NOT_SAMPLED, SampleSettings, Step, choose, run

COUNTS = {"apple": 40, "pear": 20, "kiwi": 10, "milk": 3, "sock": 1, None: 6}


def table(counts: dict[str | None, int] = COUNTS) -> pa.Table:
    rows = products_of(counts)
    schema = pa.schema([("product_id", pa.string()), ("category_id", pa.string())])
    return pa.Table.from_pylist(rows, schema)


def chosen(products: pa.Table, /, **settings: Any) -> list[str]:
    choice = choose([products], SampleSettings(**settings))
    return sorted(products.filter(pa.array(choice.keep))["product_id"].to_pylist())


def sizes(products: list[str]) -> dict[str, int]:
    return dict(Counter(product.partition("-")[0] for product in products))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"cap": 10}, {"apple": 10, "pear": 10, "kiwi": 10, "milk": 3, "sock": 1}),
        ({"balanced": 10}, {"apple": 10, "pear": 10, "kiwi": 10}),
        ({"min_class": 3}, {"apple": 40, "pear": 20, "kiwi": 10, "milk": 3}),
        ({"max_class": 10}, {"kiwi": 10, "milk": 3, "sock": 1}),
        ({"min_class": 3, "max_class": 20}, {"pear": 20, "kiwi": 10, "milk": 3}),
        ({"max_class": 20, "balanced": 5}, {"pear": 5, "kiwi": 5}),
        ({"min_class": 3, "cap": 5}, {"apple": 5, "pear": 5, "kiwi": 5, "milk": 3}),
        ({"products": 1000}, {"apple": 40, "pear": 20, "kiwi": 10, "milk": 3, "sock": 1, "None": 6}),
    ],
    ids=str,
)
def test_categories_have_the_number_asked_for(settings: dict[str, int], expected: dict[str, int]) -> None:
    assert sizes(chosen(table(), **settings)) == expected


@pytest.mark.parametrize("settings", [{"products": 30}, {"cap": 7}, {"balanced": 9, "products": 20}], ids=str)
def test_neither_the_order_of_rows_nor_their_cuts_matter(settings: dict[str, int]) -> None:
    products = table()
    expected = chosen(products, **settings)
    backwards = products.take(pa.array(range(len(products) - 1, -1, -1)))
    assert chosen(backwards, **settings) == expected
    pieces = [products.slice(start, 7) for start in range(0, len(products), 7)]
    keep = choose(pieces, SampleSettings(**settings)).keep
    assert sorted(products.filter(pa.array(keep))["product_id"].to_pylist()) == expected


def test_a_seed_is_a_sample_and_more_products_hold_the_fewer() -> None:
    samples = {seed: chosen(table(), products=20, seed=seed) for seed in range(4)}
    assert len({tuple(sample) for sample in samples.values()}) == 4
    assert set(samples[0]) < set(chosen(table(), products=21))


def test_products_are_taken_in_the_order_that_is_promised() -> None:
    ids = table()["product_id"].to_pylist()
    order = sorted(ids, key=lambda product: hashlib.sha256(f"7\0{product}".encode()).hexdigest())
    assert chosen(table(), products=9, seed=7) == sorted(order[:9])


def test_every_product_has_the_same_chance() -> None:
    """Mean and spread over 400 seeds of 20 in 80: each product is in 100 of them, give or take 4 deviations."""
    drawn = Counter(product for seed in range(400) for product in chosen(table(), products=20, seed=seed))
    assert len(drawn) == 80
    assert all(abs(count - 100) < 4 * (400 * 0.25 * 0.75) ** 0.5 for count in drawn.values())


def test_steps_say_what_each_of_them_left() -> None:
    settings = SampleSettings(min_class=3, max_class=20, balanced=5, products=7)
    steps = choose([table()], settings).steps
    assert steps[:4] == (
        Step("all", 80, 5),
        Step("with a category", 74, 5),
        Step("categories of 3 to 20 products", 33, 3),
        Step("5 of each category", 10, 2),
    )
    assert (steps[4].step, steps[4].products) == ("7 of these", 7)


def test_a_sample_is_a_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = shop(tmp_path / "a.catalog", products_of(COUNTS))
    monkeypatch.setattr(slices, "SLICE", 7)
    report = run(Catalog(parent.path), tmp_path / "b.catalog", SampleSettings(balanced=10))
    made = Catalog(tmp_path / "b.catalog")
    assert_whole(made)
    assert made.taxonomy.leaves == ("apple", "kiwi", "pear")
    assert sorted(made.products["product_id"].to_pylist()) == chosen(table(), balanced=10)
    assert report.catalog.set_aside == {NOT_SAMPLED: 50}
    assert report.to_json()["steps"][-1] == {"step": "10 of each category", "products": 30, "categories": 3}


def test_a_uniform_sample_keeps_the_tree(tmp_path: Path) -> None:
    parent = shop(tmp_path / "a.catalog", products_of(COUNTS))
    run(parent, tmp_path / "b.catalog", SampleSettings(products=2))
    assert Catalog(tmp_path / "b.catalog").taxonomy.digest == parent.taxonomy.digest


@pytest.mark.parametrize("settings", [{"balanced": 100}, {"min_class": 41}, {"min_class": 4, "max_class": 9}], ids=str)
def test_a_sample_of_nothing_is_an_error(tmp_path: Path, settings: dict[str, int]) -> None:
    parent = shop(tmp_path / "a.catalog", products_of(COUNTS))
    with pytest.raises(CatalogError, match=r"no product would be left: not in the sample \(80\)"):
        run(parent, tmp_path / "b.catalog", SampleSettings(**settings))
    assert not (tmp_path / "b.catalog").exists()


def test_products_without_any_category_can_be_sampled() -> None:
    assert len(chosen(table({None: 9}), products=4)) == 4
    assert chosen(table({None: 9}), cap=4) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "at least one of"),
        ({"cap": 1, "balanced": 1}, "exclude each other"),
        ({"min_class": 5, "max_class": 4}, "no category has 5 products or more and 4 or fewer"),
        ({"products": 0}, "greater than or equal to 1"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_met_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SampleSettings(**settings)
