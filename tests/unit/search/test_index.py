import pyarrow as pa
import pytest

from catalens.core.errors import ConfigError, NotFound
from catalens.core.taxonomy import Taxonomy
from catalens.search.index import COLUMNS, IndexedProducts, parse_attributes

TAXONOMY = Taxonomy.from_paths(
    {
        "mug": ("Kitchen", "Cups", "Mug"),
        "glass": ("Kitchen", "Cups", "Glass"),
        "pan": ("Kitchen", "Pan"),
        "lamp": ("Home", "Lamp"),
        "sofa": ("Home", "Sofa"),
    }
)
ROWS = [
    ("a", "mug", {"colour": "red", "for": "Men"}),
    ("b", "glass", {"colour": "blue"}),
    ("c", "pan", {}),
    ("d", "lamp", {"colour": "red", "for": "NA"}),
    ("e", None, None),
    ("f", "outside", {"for": "red"}),
]


@pytest.fixture(params=[6, 2], ids=["one chunk", "three chunks"])
def products(request: pytest.FixtureRequest) -> IndexedProducts:
    rows = [dict(zip(COLUMNS.names, row, strict=True)) for row in ROWS]
    batches = [rows[start : start + request.param] for start in range(0, len(rows), request.param)]
    return IndexedProducts(pa.concat_tables([pa.Table.from_pylist(batch, COLUMNS) for batch in batches]), TAXONOMY)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"category": "Kitchen"}, "abc"),
        ({"category": "Kitchen > Cups"}, "ab"),
        ({"category": "pan"}, "c"),
        ({"category": "sofa"}, ""),
        ({"attributes": {"colour": "red"}}, "ad"),
        ({"attributes": {"colour": "red", "for": "NA"}}, "d"),
        ({"attributes": {"colour": "red"}, "category": "Kitchen"}, "a"),
        ({"without": ["a", "e", "nobody"]}, "bcdf"),
        ({"category": "Kitchen", "without": ["b"]}, "ac"),
    ],
    ids=str,
)
def test_filters(products: IndexedProducts, filters: dict, expected: str) -> None:
    for _ in range(2):  # a second time from the cache, which a caller's `without` must not have changed
        allow = products.allow(**filters)
        assert "".join(product for product, ok in zip(products.ids, allow, strict=True) if ok) == expected


def test_nothing_asked_is_no_mask(products: IndexedProducts) -> None:
    assert products.allow() is None


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ({"category": "Kitchn"}, "unknown category 'Kitchn'; did you mean 'Kitchen'"),
        ({"attributes": {"color": "red"}}, "no product has the attribute 'color'; did you mean 'colour'"),
        ({"attributes": {"for": "men"}}, "no product has for 'men'; did you mean 'Men'"),
    ],
    ids=["category", "attribute", "value"],
)
def test_a_filter_that_nothing_can_pass_is_an_error(products: IndexedProducts, filters: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        products.allow(**filters)


def test_what_is_known_of_a_product(products: IndexedProducts) -> None:
    row = products.row("d")

    assert products.category(row) == "lamp"
    assert products.path(row) == ("Home", "Lamp")
    assert products.attributes(row) == {"colour": "red", "for": "NA"}
    assert products.path(products.row("e")) == ()
    assert products.path(products.row("f")) == ()
    assert products.attributes(products.row("e")) == {}
    with pytest.raises(NotFound, match="no product 'z'"):
        products.row("z")


def test_attributes_are_named_pairs() -> None:
    assert parse_attributes(["for:Men", "ratio:16:9"]) == {"for": "Men", "ratio": "16:9"}


@pytest.mark.parametrize("pairs", [["Men"], [":Men"], ["for:Men", "for:Women"]], ids=["no name", "empty name", "twice"])
def test_other_attributes_are_refused(pairs: list[str]) -> None:
    with pytest.raises(ConfigError, match="attribute"):
        parse_attributes(pairs)
