"""Splits in the order of time: nothing in a part is newer than the next part begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders.split_catalogs import catalog_of, product

from catalens.cli.split import command
from catalens.core.config import load
from catalens.core.errors import ConfigError
from catalens.curate.split import SplitSettings, run

BY_YEAR = SplitSettings(time="attribute:year")
ORDER = ("train", "val", "calib", "test")


def dated(years: list[str | None], **more: Any) -> list[dict[str, Any]]:
    return [
        product(f"p{number}", attributes={} if year is None else {"year": year}, **more)
        for number, year in enumerate(years)
    ]


def test_older_products_are_in_earlier_parts(tmp_path: Path):
    catalog = catalog_of(tmp_path, dated([str(2000 + n) for n in range(20)]))
    report = run(catalog, BY_YEAR)
    parts = [catalog.split[f"p{n}"] for n in range(20)]
    assert parts == ["train"] * 14 + ["val"] * 2 + ["calib"] * 2 + ["test"] * 2
    assert report.order is not None
    assert report.order.begins == {"train": "2000", "val": "2014", "calib": "2016", "test": "2018"}
    assert report.off == dict.fromkeys(ORDER, 0)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.lists(st.integers(0, 8), min_size=60, max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_newer_than_the_next_part_begins(tmp_path: Path, years: list[int], groups: list[int]):
    rows = [
        product(f"p{n}", attributes={"year": str(year)}, group=f"g{groups[n]}" if groups[n] else None)
        for n, year in enumerate(years)
    ]
    catalog = catalog_of(tmp_path, rows)
    report = run(catalog, BY_YEAR)
    assert report.order is not None
    begins = [int(report.order.begins[part]) for part in ORDER if part in report.order.begins]
    assert begins == sorted(begins)
    assert "train" in report.order.begins
    assert len(set(begins)) == len(begins)
    filled = [part for part in ORDER if part in report.order.begins]
    for part, limit in zip(filled, begins[1:], strict=False):
        assert all(int(y) < limit for n, y in enumerate(years) if catalog.split[f"p{n}"] == part)
    assert set(report.leaks.values()) <= {0}


def test_ties_stay_together_and_the_shares_that_follow_are_said(tmp_path: Path):
    catalog = catalog_of(tmp_path, dated(["2012"] * 6 + ["2013"] * 94))
    report = run(catalog, BY_YEAR)
    assert {name: part.products for name, part in report.parts.items()} == {"train": 100}
    assert report.off["train"] == pytest.approx(0.3), "both years: 100 is nearer to 70 than 6 is"


def test_a_group_is_as_new_as_its_newest_product(tmp_path: Path):
    rows = dated([str(2000 + n) for n in range(20)])
    rows[0]["photos"] = rows[19]["photos"] = ("the same",)
    catalog = catalog_of(tmp_path, rows)
    report = run(catalog, BY_YEAR)
    assert catalog.split["p0"] == catalog.split["p19"] == "test"
    assert report.order is not None
    assert report.order.older == 1


def test_products_without_a_time_are_unused_unless_a_copy_has_one(tmp_path: Path):
    rows = [*dated(["2001", "2002", "2003", None, "unknown", ""]), product("copy", photos=["photo of p2"])]
    catalog = catalog_of(tmp_path, rows)
    report = run(catalog, BY_YEAR)
    assert {product_id for product_id, part in catalog.split.items() if part == "unused"} == {"p3", "p4", "p5"}
    assert catalog.split["copy"] == catalog.split["p2"]
    assert report.order is not None
    assert report.order.without_time == 3


@pytest.mark.parametrize(
    "values",
    [
        ["9", "10", "11", "100"],
        ["2012-05", "2012-05-02", "2012-10-01T08:00", "2012-10-01T09:00:00+00:00"],
        ["1e3", "1001", "1002.5", "20000"],
        # one day before in the zone of the clock, later in UTC
        ["2012-10-01T08:00:00+05:00", "2012-10-01T04:00:00+00:00", "2012-10-01T00:00:00-08:00", "2013-01-01"],
    ],
    ids=["numbers are no text", "dates of all lengths", "forms of numbers", "zones"],
)
def test_forms_of_time(tmp_path: Path, values: list[str]):
    catalog = catalog_of(tmp_path, dated(values))
    run(catalog, SplitSettings(time="attribute:year", ratios=(0.25, 0.25, 0.25, 0.25)))
    assert [catalog.split[f"p{n}"] for n in range(4)] == list(ORDER)


def test_ids_that_count_up_are_a_time(tmp_path: Path):
    catalog = catalog_of(tmp_path, [product(str(n)) for n in range(1, 41)])
    run(catalog, SplitSettings(time="product_id"))
    assert {int(product_id) for product_id, part in catalog.split.items() if part == "train"} == set(range(1, 29))


@pytest.mark.parametrize(
    ("years", "time", "message"),
    [
        (["2012", "2013"], "attribute:yaer", "no product of this catalog has an attribute 'yaer'; did you mean 'year'"),
        (["old", "new"], "attribute:year", "expected numbers or dates such as 2012-05-31 in attribute:year, got 'old'"),
        (
            ["2012", "2012-05"],
            "attribute:year",
            "expected numbers or dates in attribute:year, got '2012' and '2012-05'",
        ),
        (["2012"], "product_id", "in product_id, got 'p0'"),
    ],
    ids=["no such attribute", "no time", "mixed", "ids that are no numbers"],
)
def test_what_is_no_time_is_an_error(tmp_path: Path, years: list[str | None], time: str, message: str):
    with pytest.raises(ConfigError, match=message):
        run(catalog_of(tmp_path, dated(years)), SplitSettings(time=time))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"time": "year"}, "expected attribute:NAME, such as attribute:year, or product_id"),
        ({"time": "attribute:year", "carve": {"val": 0.1}}, "not in the order of time"),
        ({"anew": True, "given_only": True}, "anew takes no notice"),
    ],
)
def test_settings_that_contradict_each_other(values: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        load(None, SplitSettings, values, section="split")


def test_leaves_that_train_has_nothing_of_are_counted(tmp_path: Path):
    rows = [product(f"a{n}", "a", attributes={"year": str(n)}) for n in range(10)]
    rows += [product(f"b{n}", "b", attributes={"year": str(20 + n)}) for n in range(4)]
    assert run(catalog_of(tmp_path, rows), BY_YEAR).not_in_train == 1


def test_parts_that_whole_moments_leave_empty_are_named(tmp_path: Path):
    catalog_of(tmp_path, dated(["2012"] * 6 + ["2013"] * 94))
    said = CliRunner().invoke(command, [str(tmp_path), "--time", "attribute:year"])
    assert said.exit_code == 0
    assert "no product is in val, calib, test." in said.stderr
