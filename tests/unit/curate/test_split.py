"""Nothing straddles, every leaf is measured, and the same catalog splits the same way anywhere."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders.split_catalogs import catalog_of, product

from catalens.cli.split import command
from catalens.core.catalog import Catalog
from catalens.core.config import load
from catalens.core.errors import ConfigError, SourceError
from catalens.curate.split import SplitSettings, run


def shop(sizes: dict[str, int]) -> list[dict[str, object]]:
    """{leaf: number of products}, without copies."""
    return [product(f"{leaf}-{number}", leaf) for leaf, size in sizes.items() for number in range(size)]


def parts_of_leaves(catalog: Catalog) -> dict[str, Counter[str]]:
    """leaf -> how many products in each part."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for product_id, part in catalog.split.items():
        found[str(catalog.categories[product_id])][part] += 1
    return found


# a handful of leaves, photos and groups, so that copies, chains of copies and contradictions are common
PRODUCTS = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.lists(st.integers(0, 25), max_size=2), st.one_of(st.none(), st.sampled_from("xyz"))
    ),
    min_size=1,
    max_size=40,
)


def listing(drawn: list[tuple[str, list[int], str | None]]) -> list[dict[str, object]]:
    return [
        product(f"p{number}", leaf, photos=[f"i{image}" for image in images], group=group)
        for number, (leaf, images, group) in enumerate(drawn)
    ]


@given(PRODUCTS, st.integers(0, 5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_photo_and_no_group_straddles(tmp_path: Path, drawn: list[tuple[str, list[int], str | None]], seed: int):
    products = listing(drawn)
    catalog = catalog_of(tmp_path, products)
    report = run(catalog, SplitSettings(seed=seed))
    holders: dict[object, set[str]] = defaultdict(set)
    for row in products:
        for key in (*row["photos"], *([("group", row["group"])] if row["group"] else [])):
            holders[key].add(catalog.split[row["product_id"]])
    assert all(len(parts) == 1 for parts in holders.values())
    assert set(report.leaks.values()) <= {0}
    assert sorted(catalog.split) == sorted(row["product_id"] for row in products)


@given(st.lists(st.integers(1, 14), min_size=1, max_size=12), st.integers(0, 5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_leaf_of_two_groups_is_in_train_and_elsewhere(tmp_path: Path, sizes: list[int], seed: int):
    catalog = catalog_of(tmp_path, shop({f"leaf{index}": size for index, size in enumerate(sizes)}))
    report = run(catalog, SplitSettings(seed=seed))
    for parts in parts_of_leaves(catalog).values():
        assert parts["train"] >= 1
        if parts.total() >= 2:
            assert parts.total() > parts["train"]
    assert report.singletons == sizes.count(1)


@given(PRODUCTS, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_rows_does_not_matter(
    tmp_path: Path, drawn: list[tuple[str, list[int], str | None]], order: random.Random
):
    products = listing(drawn)
    first = catalog_of(tmp_path / "first", products)
    run(first, SplitSettings())
    order.shuffle(products)
    second = catalog_of(tmp_path / "second", products)
    run(second, SplitSettings())
    assert first.split == second.split


def test_the_same_split_on_every_machine(tmp_path: Path):
    # written down once: a change of this line is a change of every user's split
    catalog = catalog_of(tmp_path, shop({"a": 7, "b": 3}))
    run(catalog, SplitSettings(seed=1))
    parts = " ".join(part for _, part in sorted(catalog.split.items()))
    assert parts == "train train train test calib train train train train val"


def test_another_seed_is_another_split(tmp_path: Path):
    catalog = catalog_of(tmp_path, shop({"a": 50}))
    splits = []
    for seed in (0, 1):
        run(catalog, SplitSettings(seed=seed))
        splits.append(Catalog(tmp_path).split)
    assert splits[0] != splits[1]


@pytest.mark.parametrize(
    "sizes",
    [
        {f"{index:03}": 10 for index in range(60)},
        {f"{index:03}": 12 for index in range(60)},
        {f"{index:03}": 2 + index % 8 for index in range(80)} | {"large": 500},
        {f"{index:03}": 3 * index + 1 for index in range(40)},
    ],
    ids=["tens", "twelves: no leaf divides evenly", "small leaves evened out by a large one", "all sizes"],
)
def test_ratios_hold_overall_and_in_every_leaf(tmp_path: Path, sizes: dict[str, int]):
    catalog = catalog_of(tmp_path, shop(sizes))
    report = run(catalog, SplitSettings())
    total = sum(sizes.values())
    for part, ratio in zip(("train", "val", "calib", "test"), (0.7, 0.1, 0.1, 0.1), strict=True):
        assert report.parts[part].products / total == pytest.approx(ratio, abs=0.01)
        for leaf, parts in parts_of_leaves(catalog).items():
            if sizes[leaf] >= 10:
                assert abs(parts[part] - ratio * sizes[leaf]) < 1.0 + 1e-9


def test_large_groups_do_not_break_the_ratios(tmp_path: Path):
    sellers = [product(f"{s}-{n}", "a", group=f"seller{s}") for s in range(60) for n in range(1 + s % 12)]
    report = run(catalog_of(tmp_path, sellers), SplitSettings())
    for part, ratio in (("train", 0.7), ("val", 0.1), ("calib", 0.1), ("test", 0.1)):
        assert report.parts[part].products / len(sellers) == pytest.approx(ratio, abs=0.03)


def test_parts_of_ratio_zero_stay_empty(tmp_path: Path):
    report = run(catalog_of(tmp_path, shop({"a": 2, "b": 30})), SplitSettings(ratios=(1, 0, 0, 0)))
    assert {name: part.products for name, part in report.parts.items()} == {"train": 32}


def test_contradictory_copies_stay_together_and_are_counted(tmp_path: Path):
    catalog = catalog_of(
        tmp_path, [*shop({"a": 9, "b": 9}), product("x", "a", photos=["i"]), product("y", "b", photos=["i"])]
    )
    report = run(catalog, SplitSettings())
    assert catalog.split["x"] == catalog.split["y"]
    assert report.contradictory == 1
    assert report.groups == 19


def test_given_parts_are_kept_and_their_leaks_counted(tmp_path: Path):
    products = [
        product("a", given_split="train", photos=["copy"]),
        product("b", given_split="test", photos=["copy"]),
        product("c", given_split="test"),
        product("d", given_split="val", photos=["own", "copy"]),
    ]
    catalog = catalog_of(tmp_path, products)
    report = run(catalog, SplitSettings())
    assert catalog.split == {"a": "train", "b": "test", "c": "test", "d": "val"}
    assert report.leaks == {"test": 1, "val": 1}
    assert report.given == 4


def test_a_product_without_a_given_part_follows_its_copies(tmp_path: Path):
    products = [
        product("a", given_split="test", photos=["1"]),
        product("b", photos=["1"]),
        product("c", given_split="test", photos=["2"]),
        product("d", given_split="train", photos=["2"]),
        product("e", photos=["2"]),
        product("f", given_split="test", photos=["3"]),
        product("g", given_split="val", photos=["3"]),
        product("h", photos=["3"]),
    ]
    catalog = catalog_of(tmp_path, products)
    report = run(catalog, SplitSettings())
    assert catalog.split["b"] == "test"
    assert catalog.split["e"] == "train", "it leaks no more there than the dump does"
    assert catalog.split["h"] != "train", "train would leak into both"
    assert report.leaks == {"test": 1, "val": 0}


@pytest.mark.parametrize(("only", "used"), [(False, 20), (True, 8)], ids=["the rest is divided", "given only"])
def test_the_rest_of_a_given_split(tmp_path: Path, only: bool, used: int):
    given_rows = [product(f"given{n}", given_split="train" if n else "test") for n in range(8)]
    catalog = catalog_of(tmp_path, [*given_rows, *(product(f"free{n}") for n in range(12))])
    report = run(catalog, SplitSettings(given_only=only))
    assert sum(part.products for name, part in report.parts.items() if name != "unused") == used
    assert report.not_given == 12


def test_carve_takes_from_train_by_group_and_leaves_every_leaf_there(tmp_path: Path):
    products = [
        product(f"{leaf}{n}", leaf, given_split="train") for leaf, size in (("a", 30), ("b", 1)) for n in range(size)
    ]
    products += [product("copy1", "a", photos=["i"], given_split="train"), product("copy2", "a", photos=["i"])]
    catalog = catalog_of(tmp_path, [*products, product("t", "a", given_split="test")])
    report = run(catalog, SplitSettings(carve={"calib": 0.2}))
    assert report.parts["calib"].products == pytest.approx(0.2 * 33, abs=1)
    assert report.parts["test"].products == 1
    assert catalog.split["b0"] == "train"
    assert catalog.split["copy1"] == catalog.split["copy2"]
    assert report.leaks == {"calib": 0, "test": 0}


def test_carve_refuses_a_part_that_is_there(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot carve 'val' out of train: it already holds 1 products"):
        run(catalog_of(tmp_path, [product("a", given_split="val")]), SplitSettings(carve={"val": 0.1}))


def test_small_leaves_and_unknown_categories_are_unused_and_said(tmp_path: Path):
    rows = [*shop({"a": 12, "b": 3}), product("n", None), product("m", None, given_split="test")]
    catalog = catalog_of(tmp_path, rows)
    report = run(catalog, SplitSettings(min_products=5))
    unused = {product_id for product_id, part in catalog.split.items() if part == "unused"}
    assert unused == {"b-0", "b-1", "b-2", "n", "m"}
    assert (report.small, report.small_products, report.without_category) == (1, 3, 2)
    assert report.parts["unused"].products == 5


def test_counts_of_a_part(tmp_path: Path):
    products = [product("a", "x", photos=["1", "2"], given_split="train"), product("b", "y", given_split="train")]
    report = run(catalog_of(tmp_path, products), SplitSettings())
    assert report.to_json()["parts"] == {"train": {"products": 2, "images": 3, "categories": 2}}


# --by FILE


def csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_binds_products(tmp_path: Path, suffix: str):
    catalog = catalog_of(tmp_path / "shop", shop({"a": 40}))
    ids, groups = [f"a-{n}" for n in range(40)], [str(n % 4).zfill(3) for n in range(40)]
    path = tmp_path / f"groups.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.table({"product_id": ids, "group": groups}), path)
    else:
        csv(path, "product_id,group", *(f"{product_id},{group}" for product_id, group in zip(ids, groups, strict=True)))
    report = run(catalog, SplitSettings(by=path))
    assert report.groups == 4
    assert all(len({catalog.split[f"a-{n}"] for n in range(first, 40, 4)}) == 1 for first in range(4))


def test_a_file_places_products_and_wins_over_the_dump(tmp_path: Path):
    rows = [product("007", given_split="train"), product("b"), product("c", given_split="val")]
    catalog = catalog_of(tmp_path / "shop", rows)
    run(catalog, SplitSettings(by=csv(tmp_path / "by.csv", "product_id,part", "007,test", "b,unused", "c,")))
    assert catalog.split == {"007": "test", "b": "unused", "c": "val"}


def test_a_file_as_a_spreadsheet_writes_it(tmp_path: Path):
    catalog = catalog_of(tmp_path / "shop", [product("007"), product("NA")])
    (tmp_path / "by.csv").write_bytes(b'\xef\xbb\xbf"product_id","part"\r\n"007","test"\r\n"NA","val"\r\n')
    run(catalog, SplitSettings(by=tmp_path / "by.csv"))
    assert catalog.split == {"007": "test", "NA": "val"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["id,group", "a,1"], "expected columns product_id and group or part, got id, group"),
        (["product_id,part", "a,tset"], "row 1: unknown part 'tset'; did you mean 'test'"),
        (["product_id,part", "a,test", "zz,test"], "row 2: product 'zz' is not in the catalog"),
        (["product_id,part", "a,test", "a,val"], "row 2: product 'a' stands in 'test' and in 'val'"),
        (["product_id,part", "a,test,val,x"], "row 1: expected 2 columns, got 4"),
    ],
    ids=["columns", "part", "unknown product", "two parts", "columns of a row"],
)
def test_a_wrong_file_says_which_row(tmp_path: Path, lines: list[str], message: str):
    catalog = catalog_of(tmp_path / "shop", [product("a")])
    with pytest.raises(SourceError, match=message):
        run(catalog, SplitSettings(by=csv(tmp_path / "by.csv", *lines)))


# settings and the verb


@pytest.mark.parametrize("ratios", ["0.7,0.1", "0.7,0.1,0.1,0.2", "0,0.5,0.25,0.25", "1.2,-0.2,0,0", "a,b,c,d"])
def test_wrong_ratios_are_a_config_error(ratios: str):
    with pytest.raises(ConfigError, match=r"split\.ratios"):
        load(None, SplitSettings, {"ratios": ratios}, section="split")


@pytest.mark.parametrize("carve", [{"train": 0.1}, {"calbi": 0.1}, {"calib": 0}, {"calib": 0.6, "val": 0.6}])
def test_wrong_carving_is_a_config_error(carve: dict[str, float]):
    with pytest.raises(ConfigError, match=r"split\.carve"):
        load(None, SplitSettings, {"carve": carve}, section="split")


def test_the_verb_prints_data_on_stdout_and_talk_on_stderr(tmp_path: Path):
    rows = [*shop({"a": 20, "b": 1}), product("n", None)]
    catalog_of(tmp_path, rows)
    result = CliRunner().invoke(command, [str(tmp_path), "--seed", "3", "--json"])
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert sum(part["products"] for part in values["parts"].values()) == 22
    assert values["leaks"] == {"calib": 0, "test": 0, "val": 0}
    assert "1 categories consist of one group" in result.stderr
    assert "1 products have no category: unused." in result.stderr
