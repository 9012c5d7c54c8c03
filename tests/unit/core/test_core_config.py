from __future__ import annotations

from pathlib import Path

import pytest

from catalens.core.config import Settings, load, parse_assignments
from catalens.core.errors import ConfigError


class Optimiser(Settings):
    name: str = "adamw"
    lr: float = 1e-3


class Training(Settings):
    epochs: int = 10
    model: str = "lightweight_cnn"
    optimiser: Optimiser = Optimiser()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text('[train]\nepochs = 3\noptimiser.lr = 0.1\n\n[export]\nname = "shirts"\n')
    return path


def test_later_wins(file: Path) -> None:
    assert load(None, Training, section="train") == Training()
    assert load(file, Training, section="train") == Training(epochs=3, optimiser=Optimiser(lr=0.1))
    overrides = {"epochs": 7, "optimiser.lr": None, "optimiser.name": "sgd"}
    assert load(file, Training, overrides, section="train") == Training(
        epochs=7, optimiser=Optimiser(lr=0.1, name="sgd")
    )


def test_a_file_without_the_table_gives_the_defaults(file: Path) -> None:
    assert load(file, Training, section="predict") == Training()


@pytest.mark.parametrize(
    ("content", "key", "words"),
    [
        ("[train]\nepoch = 3", "train.epoch", "unknown setting 'train.epoch'; did you mean 'epochs'?"),
        ("[train]\nzzz = 3", "train.zzz", "known: epochs, model, optimiser"),
        ("[train.optimiser]\nlrr = 3", "train.optimiser.lrr", "did you mean 'lr'?"),
        ("[train]\nepochs = 'many'", "train.epochs", "got 'many'"),
        ("[train]\nepochs = 1.5", "train.epochs", "got 1.5"),
        ("epochs = 3", "epochs", "'epochs' stands outside a table; put it under [train]"),
        ("[trian]\nepochs = 3", "trian", "unknown table [trian]; did you mean [train]?"),
        ("train = 3", "train", "'train' stands outside a table"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, content: str, key: str, words: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load(path, Training, section="train")
    assert caught.value.key == key
    assert caught.value.source == str(path)
    assert words in str(caught.value)


def test_where_a_wrong_value_stands_is_told(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file, Training, {"epochs": "many"}, section="train")
    assert caught.value.source is None, "it was the command line's, not the file's"
    with pytest.raises(ConfigError) as caught:
        load(file, Training, {"epochs": 4, "optimiser.name": 3}, section="train")
    assert caught.value.source is None
    file.write_text("[train]\noptimiser.lr = 'low'")
    with pytest.raises(ConfigError) as caught:
        load(file, Training, {"epochs": 4, "optimiser.name": "sgd"}, section="train")
    assert caught.value.source == str(file)


KINDS: dict[str, dict[str, object]] = {
    "long": {"epochs": 90, "optimiser": {"lr": 0.5, "name": "sgd"}},
    "wrong": {"epoch": 90},
}


class Preset(Training):
    kind: str | None = None


def kind(name: str) -> dict[str, object]:
    if name not in KINDS:
        raise ConfigError(f"unknown kind {name!r}", key=name)
    return KINDS[name]


@pytest.mark.parametrize("where", ["file", "override"])
def test_a_preset_lies_between_defaults_and_file(file: Path, where: str) -> None:
    overrides: dict[str, object] = {"optimiser.name": "lion"}
    if where == "override":
        overrides["kind"] = "long"
    else:
        file.write_text(file.read_text().replace("[train]", '[train]\nkind = "long"'))
    found = load(file, Preset, overrides, section="train", presets={"kind": kind})
    assert found == Preset(kind="long", epochs=3, optimiser=Optimiser(lr=0.1, name="lion"))
    alone = load(None, Preset, {"kind": "long"}, section="train", presets={"kind": kind})
    assert alone == Preset(kind="long", epochs=90, optimiser=Optimiser(lr=0.5, name="sgd"))
    assert KINDS["long"] == {"epochs": 90, "optimiser": {"lr": 0.5, "name": "sgd"}}, "the preset is as it was"


def test_the_last_preset_named_is_taken(file: Path) -> None:
    file.write_text('[train]\nkind = "wrong"')
    found = load(file, Preset, {"kind": "long"}, section="train", presets={"kind": kind})
    assert (found.kind, found.epochs) == ("long", 90)


def test_an_error_in_a_preset_names_it(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'train\.epoch'; did you mean 'epochs'") as caught:
        load(file, Preset, {"kind": "wrong"}, section="train", presets={"kind": kind})
    assert caught.value.source == "kind wrong"
    with pytest.raises(ConfigError, match="unknown kind 'x'"):
        load(None, Preset, {"kind": "x"}, section="train", presets={"kind": kind})
    with pytest.raises(ConfigError, match=r"train\.kind: Input should be a valid string, got 3"):
        load(None, Preset, {"kind": 3}, section="train", presets={"kind": kind})


@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot be read"), (b"[train", "is not TOML"), (b"\xff", "is not TOML")]
)
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        load(path, Training, section="train")


def test_assignments_are_toml_and_bare_words_are_strings() -> None:
    given = ["train.epochs=3", "train.optimiser.lr = 1e-4", "train.model=resnet50", 'train.tags=["a", "b"]', "train.e="]
    assert parse_assignments(given, section="train") == {
        "epochs": 3,
        "optimiser.lr": 1e-4,
        "model": "resnet50",
        "tags": ["a", "b"],
        "e": "",
    }


@pytest.mark.parametrize("assignment", ["epochs=3", "train.epochs", "export.name=x", "=3", ""])
def test_an_assignment_of_another_form(assignment: str) -> None:
    with pytest.raises(ConfigError, match=r"expected --set train\.KEY=VALUE, got"):
        parse_assignments([assignment], section="train")


def test_a_table_under_a_value() -> None:
    with pytest.raises(ConfigError, match="'epochs' is a value, not a table"):
        load(None, Training, {"epochs": 3, "epochs.first": 1}, section="train")


def test_an_unknown_override_is_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'train\.modle'; did you mean 'model'\?"):
        load(None, Training, {"modle": "x"}, section="train")
