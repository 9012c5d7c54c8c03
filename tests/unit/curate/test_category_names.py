"""Names that are no kind of product, and names that only look like one."""

from __future__ import annotations

import pytest

from catalens.core.taxonomy import Category, Taxonomy
from catalens.curate.labels.category_names import folded, reason_against, suspicious_names


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Not sure", "undecided"),
        ("NOT_SURE", "undecided"),
        ("I don't know", None),
        ("Don’t know", "undecided"),
        ("À définir", "undecided"),
        ("Unbekannt", "undecided"),
        ("Skip", "left out"),
        ("löschen", "left out"),
        ("N/A", "empty"),
        ("nan", "empty"),
        ("  ", "empty"),
        ("???", "empty"),
        ("Sans catégorie", "empty"),
        ("Other", "the rest"),
        ("Misc.", "the rest"),
        ("AUTRES LEGUMES EN CONSERVE", "the rest"),
        ("Shoes - other", "the rest"),
        ("Sonstiges", "the rest"),
    ],
)
def test_names_against_which_there_is_a_reason(name: str, reason: str | None):
    assert reason_against(name) == reason


@pytest.mark.parametrize(
    "name",
    ["Mother and child", "Skipping ropes", "Test tubes", "Otter", "Nan bread", "Motherboards", "Default settings",
     "T-Shirt", "Brothers", "Nappies", "Unknown Pleasures (LP)"],
)  # fmt: skip
def test_names_of_products(name: str):
    assert reason_against(name) is None


def test_every_node_and_language_is_looked_at():
    taxonomy = Taxonomy(
        (
            Category("1", "", 0, {"": "Autres", "en": "Other things"}),
            Category("2", "1", 1, {"": "Gants", "de": "Handschuhe"}),
            Category("3", "1", 1, {"": "X17", "en": "Not sure"}),
            Category("skip", "", 0, {}),
        )
    )
    found = [(name.category_id, name.name, name.reason) for name in suspicious_names(taxonomy)]
    assert found == [("1", "Autres", "the rest"), ("3", "Not sure", "undecided"), ("skip", "skip", "left out")]


@pytest.mark.parametrize(
    ("name", "plain"), [("Chaussures d'été", "chaussures dete"), ("N/A", "n a"), ("  ÅÄÖ_ß ", "aao ss"), ("!", "")]
)
def test_folding(name: str, plain: str):
    assert folded(name) == plain
