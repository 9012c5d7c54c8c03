"""Submissions: one line a product, the same after a kill at any moment, nothing mixed with another dump or bundle."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.builders.bundles import TAXONOMY, photo_of, tiny_bundle

from catalens.core.bundle import Bundle
from catalens.core.errors import ConfigError, UnreadableImage
from catalens.core.lock import lock
from catalens.predict import submit as module
from catalens.predict.predictor import Photo, Predictor
from catalens.predict.submit import Dump, DumpPhoto, DumpRow, submit

LEAVES = TAXONOMY.leaves


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny.bundle")


@pytest.fixture(scope="module")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor(bundle)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three rows, each noted."""
    monkeypatch.setattr(module, "BATCH_ROWS", 3)
    monkeypatch.setattr(module, "NOTED_EVERY_S", -1.0)


def photo(leaf: str) -> DumpPhoto:
    return DumpPhoto(f"{leaf}.png", lambda: photo_of(leaf))


def unreadable() -> DumpPhoto:
    def read() -> bytes:
        raise UnreadableImage("cannot be read", source="gone.jpg")

    return DumpPhoto("gone.jpg", read)


ROWS = [
    *(DumpRow(number + 1, f"p{number}", [photo(LEAVES[number % len(LEAVES)])]) for number in range(8)),
    DumpRow(9, "two photos", [photo("boot"), photo("boot")]),
    DumpRow(10, "one of two", [unreadable(), photo("lamp")]),
    DumpRow(11, "none", [unreadable()]),
    DumpRow(12, "no photos", []),
    DumpRow(13, None, []),
    DumpRow(14, "p3", [photo("apple")]),
    DumpRow(15, 'a "quoted", id', [DumpPhoto("x.jpg", lambda: b"no picture"), photo("dress")]),
]


def dump_of(rows: list[DumpRow], **key: object) -> Dump:
    return Dump({"dump": "test", **key}, len(rows), lambda cursor: (row for row in rows if row.cursor > cursor))


def lines(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["_id", "category_id"]
    assert len({row[0] for row in rows}) == len(rows)
    return dict(rows[1:])


def test_every_product_has_one_line(predictor: Predictor, tmp_path: Path) -> None:
    report = submit(predictor, dump_of(ROWS), tmp_path / "out.csv")
    assert lines(tmp_path / "out.csv") == {
        **{f"p{number}": LEAVES[number % len(LEAVES)] for number in range(8)},
        "two photos": "boot",
        "one of two": "lamp",
        "none": LEAVES[0],
        "no photos": LEAVES[0],
        'a "quoted", id': "dress",
    }
    assert (report.products, report.photos, report.unreadable) == (13, 15, 3)
    assert (report.guessed, report.repeated, report.nameless, report.resumed) == (2, 1, 1, 0)
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


def test_the_category_is_that_of_predict(predictor: Predictor, tmp_path: Path) -> None:
    leaves = ["sneaker", "boot", "apple"]
    submit(predictor, dump_of([DumpRow(1, "p", [photo(leaf) for leaf in leaves])]), tmp_path / "out.csv")
    labels = predictor.predict([Photo(leaf, photo_of(leaf)) for leaf in leaves]).labels
    assert lines(tmp_path / "out.csv") == {"p": labels[0].id}


class Killed(BaseException):
    """What a test raises in the middle."""


def kill_at(monkeypatch: pytest.MonkeyPatch, what: object, name: str, call: int) -> None:
    """Let that call of a function raise `Killed`."""
    function, calls = getattr(what, name), 0

    def killing(*values: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Killed
        return function(*values, **more)

    monkeypatch.setattr(what, name, killing)


# in the graph: the batches before are noted; at the note: its lines are written and do not count
@pytest.mark.parametrize("place", ["graph", "note"])
def test_killed_at_any_batch_and_run_again_it_is_the_same_file(
    predictor: Predictor, tmp_path: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    whole = tmp_path / "whole.csv"
    expected = submit(predictor, dump_of(ROWS), whole)
    resumed = []
    for call in range(1, 6):
        out = tmp_path / f"{call}.csv"
        with monkeypatch.context() as patch:
            kill_at(patch, *((predictor.session, "run") if place == "graph" else (module, "write_json")), call)
            with pytest.raises(Killed):
                submit(predictor, dump_of(ROWS), out)
        assert not out.exists()
        with out.with_name(f"{out.name}.partial").open("ab") as partial:
            partial.write(b"p99,sne")  # half a line
        report = submit(predictor, dump_of(ROWS), out)
        assert out.read_bytes() == whole.read_bytes()
        assert report.to_json() | {"seconds": 0, "resumed": 0} == expected.to_json() | {"seconds": 0}
        resumed.append(report.resumed)
    assert resumed == [0, 3, 6, 9, 12]


def test_batches_are_the_same_from_every_place_that_is_noted(
    predictor: Predictor, tmp_path: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(predictor, tmp_path / "out.csv", monkeypatch)
    sizes: list[int] = []
    run = predictor.session.run
    monkeypatch.setattr(predictor.session, "run", lambda pixels: sizes.append(len(pixels)) or run(pixels))
    submit(predictor, dump_of(ROWS), tmp_path / "whole.csv")
    whole = sizes.copy()
    sizes.clear()
    submit(predictor, dump_of(ROWS), tmp_path / "out.csv")
    assert sizes == whole[2:]


def begun(predictor: Predictor, out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A submission that was killed after two batches; its note."""
    with monkeypatch.context() as patch:
        kill_at(patch, predictor.session, "run", 3)
        with pytest.raises(Killed):
            submit(predictor, dump_of(ROWS), out)
    return out.with_name(f"{out.name}.partial.json")


def test_ids_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    """Else a product would have a second line after a kill."""
    ids = ["p1", "a\rb", "\r\n", "c\nd", 'e"f', "g,h", "", " "]
    data = module._lines([module.HEADER, *((product, "boot") for product in ids)])
    (tmp_path / "out.csv.partial").write_bytes(data)
    assert list(module._ids(tmp_path / "out.csv.partial", len(data))) == ids


def test_another_dump_is_not_mixed_in(
    predictor: Predictor, tmp_path: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.csv"
    begun(predictor, out, monkeypatch)
    with pytest.raises(ConfigError, match="begun with another dump; pass --restart"):
        submit(predictor, dump_of(ROWS, fingerprint="other"), out)
    assert submit(predictor, dump_of(ROWS, fingerprint="other"), out, restart=True).resumed == 0


def test_another_bundle_is_not_mixed_in(
    predictor: Predictor, tmp_path: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(predictor, tmp_path / "out.csv", monkeypatch)
    other = Predictor(tiny_bundle(tmp_path / "other.bundle", name="other"))
    with pytest.raises(ConfigError, match="begun with another bundle; pass --restart"):
        submit(other, dump_of(ROWS), tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda note: note.write_text("{"), "is not the note of a submission"),
        (lambda note: note.with_suffix("").write_bytes(b"_id,"), "has 4 bytes, of which"),
    ],
    ids=["note", "lines"],
)
def test_what_is_damaged_is_not_gone_on_with(
    predictor: Predictor,
    tmp_path: Path,
    small_steps: None,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], object],
    message: str,
) -> None:
    damage(begun(predictor, tmp_path / "out.csv", monkeypatch))
    with pytest.raises(ConfigError, match=f"{message}.*--restart"):
        submit(predictor, dump_of(ROWS), tmp_path / "out.csv")


def test_a_finished_file_is_replaced_only_if_told_to(predictor: Predictor, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine")
    with pytest.raises(ConfigError, match=r"already exists.*--overwrite"):
        submit(predictor, dump_of(ROWS), out)
    assert out.read_text() == "mine"
    submit(predictor, dump_of(ROWS), out, overwrite=True)
    assert len(lines(out)) == 13


def test_a_note_that_outlived_its_lines_is_no_obstacle(
    predictor: Predictor, tmp_path: Path, small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between giving the file its name and deleting the note."""
    out = tmp_path / "out.csv"
    begun(predictor, out, monkeypatch)
    (tmp_path / "out.csv.partial").replace(out)
    submit(predictor, dump_of(ROWS), out, overwrite=True)
    assert len(lines(out)) == 13
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


def test_two_processes_do_not_write_one_file(predictor: Predictor, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    held = lock(tmp_path / "out.csv.partial")
    assert held is not None
    with held, pytest.raises(ConfigError, match="another process is writing"):
        submit(predictor, dump_of(ROWS), tmp_path / "out.csv")


def test_the_guess_is_the_most_frequent_in_training(tmp_path: Path) -> None:
    counts = {"sneaker": 3, "lamp": 9, "not a leaf": 99}
    bundle = tiny_bundle(tmp_path / "t.bundle", training={"train_counts": counts})
    report = submit(Predictor(bundle), dump_of([DumpRow(1, "p", [])]), tmp_path / "out.csv")
    assert lines(tmp_path / "out.csv") == {"p": "lamp"}
    assert (report.guess, report.guess_is) == ("lamp", "the most frequent in training")


def test_a_dump_without_rows_is_a_header(predictor: Predictor, tmp_path: Path) -> None:
    assert submit(predictor, dump_of([]), tmp_path / "out.csv").products == 0
    assert (tmp_path / "out.csv").read_bytes() == b"_id,category_id\n"
