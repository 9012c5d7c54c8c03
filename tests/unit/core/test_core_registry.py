from __future__ import annotations

import sys

import pytest

from catalens.core.errors import ConfigError
from catalens.core.registry import Registry, hint


def test_loads_only_when_asked() -> None:
    sys.modules.pop("this", None)
    registry = Registry("poem", {"zen": "this:s", "digest": "hashlib:sha256"})
    assert "this" not in sys.modules
    assert registry.load("digest")(b"").hexdigest().startswith("e3b0c442")
    assert "this" not in sys.modules


def test_a_clash_is_an_error() -> None:
    registry = Registry("source", {"bson": "a:b"})
    with pytest.raises(ConfigError, match="source 'bson' is already a:b") as caught:
        registry.add("bson", "c:d")
    assert caught.value.key == "bson"


def test_an_unknown_name_gets_the_nearest() -> None:
    registry = Registry("model", {"resnet50": "a:b", "resnet18": "a:c"})
    with pytest.raises(ConfigError, match=r"unknown model 'resnet5'; did you mean 'resnet50'\?"):
        registry.load("resnet5")


def test_it_is_a_table() -> None:
    registry = Registry("source", {"bson": "a:b", "folder": "c:d"})
    assert list(registry) == ["bson", "folder"]
    assert len(registry) == 2
    assert "bson" in registry
    assert "tar" not in registry


def test_hints() -> None:
    assert hint("bsn", ["bson", "folder"]) == "; did you mean 'bson'?"
    assert hint("xyz", ["folder", "bson"]) == "; known: bson, folder"
    assert hint("xyz", [f"n{n:02}" for n in range(20)]).endswith("n11, ...")
    assert hint("xyz", []) == ""
