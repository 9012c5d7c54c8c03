"""`doctor` on bundles that were damaged, and on machines that answer otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests.builders.bundles import TAXONOMY, photo_of, tiny_bundle

from catalens.cli.doctor import command
from catalens.core.bundle import Bundle, write_bundle
from catalens.core.preprocess import Preprocess
from catalens.predict import doctor
from catalens.predict.doctor import Check, examine
from catalens.predict.examples import read_examples, write_examples
from catalens.predict.session import Session

FILES = [(f"{leaf}.png", photo_of(leaf)) for leaf in TAXONOMY.leaves]


def _with_examples(folder: Path, alter: Callable[[list[dict[str, Any]]], None] = lambda rows: None) -> Path:
    """The tiny bundle with an example a leaf; `alter` changes what is expected of them before digests are taken."""
    tiny = tiny_bundle(folder / "plain.bundle")

    def fill(partial: Path) -> dict[str, Any]:
        for name in ("model.onnx", "taxonomy.parquet"):
            (partial / name).write_bytes((tiny.path / name).read_bytes())
        squares = [tiny.preprocess.square(data) for _, data in FILES]
        write_examples(partial, FILES, squares, Session(tiny).run(np.stack(squares))[0], TAXONOMY.leaves)
        expected = partial / "examples" / "expected.json"
        rows = json.loads(expected.read_text())
        alter(rows)
        expected.write_text(json.dumps(rows))
        return tiny.manifest.model_dump(exclude={"files", "version", "format_version"})

    return write_bundle(folder / "tiny.bundle", fill).path


def _failed(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.ok]


def test_a_sound_bundle_passes(tmp_path: Path) -> None:
    checks = examine(_with_examples(tmp_path))
    assert _failed(checks) == []
    assert [check.name for check in checks] == ["digests", "graph", "decoder", "examples", "batches"]


def test_examples_come_back_as_written(tmp_path: Path) -> None:
    examples = read_examples(_with_examples(tmp_path))
    assert [example.file for example in examples] == [name for name, _ in FILES]
    assert [example.top1 for example in examples] == list(TAXONOMY.leaves)
    assert len(examples[0].logits) == len(TAXONOMY.leaves)


def test_changed_bytes_are_broken_and_named(tmp_path: Path) -> None:
    path = _with_examples(tmp_path)
    (path / "model.onnx").write_bytes((path / "model.onnx").read_bytes()[:-1] + b"?")
    (check,) = examine(path)
    assert (check.name, check.ok, check.broken) == ("digests", False, True)
    assert "model.onnx" in check.detail


def test_a_graph_that_does_not_fit_its_manifest_is_broken(tmp_path: Path) -> None:
    tiny = tiny_bundle(tmp_path / "plain.bundle")

    def fill(partial: Path) -> dict[str, Any]:
        for name in ("model.onnx", "taxonomy.parquet"):
            (partial / name).write_bytes((tiny.path / name).read_bytes())
        fields = tiny.manifest.model_dump(exclude={"files", "version", "format_version"})
        return {**fields, "preprocess": Preprocess(size=64).to_json()}

    checks = examine(write_bundle(tmp_path / "odd.bundle", fill).path)
    assert [(check.name, check.ok, check.broken) for check in checks][1:] == [("graph", False, True)]


def test_no_examples_is_a_failed_check(tmp_path: Path) -> None:
    checks = examine(tiny_bundle(tmp_path / "b").path)
    assert _failed(checks) == ["examples"]
    assert not any(check.broken for check in checks)


def test_other_logits_from_the_same_pixels_fail(tmp_path: Path) -> None:
    def alter(rows: list[dict[str, Any]]) -> None:
        rows[2]["logits"][0] += 0.002

    checks = examine(_with_examples(tmp_path, alter))
    assert _failed(checks) == ["examples"]
    assert rows_named(checks, "examples") == FILES[2][0]


def rows_named(checks: list[Check], name: str) -> str:
    """The example that a failed check is about."""
    return next(check.detail.split(":")[0] for check in checks if check.name == name)


@pytest.mark.parametrize(("delta", "failed"), [(0.05, []), (0.2, ["decoder"])], ids=["a little", "too much"])
def test_another_decoder_may_differ_a_little(tmp_path: Path, delta: float, failed: list[str]) -> None:
    def alter(rows: list[dict[str, Any]]) -> None:
        rows[3]["square"] = "0" * 64
        rows[3]["logits"][0] += delta

    checks = examine(_with_examples(tmp_path, alter))
    assert _failed(checks) == failed
    assert FILES[3][0] in next(check.detail for check in checks if check.name == "decoder")


def test_answers_that_depend_on_the_batch_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _with_examples(tmp_path)
    monkeypatch.setattr(doctor, "batch_delta", lambda session, pixels: 2e-4)
    assert _failed(examine(path)) == ["batches"]


def _invoke(path: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, [str(path), *options], standalone_mode=False, catch_exceptions=False)
    return result.return_value, result.stdout


def test_the_verbs_exit_codes_and_object(tmp_path: Path) -> None:
    path = _with_examples(tmp_path)
    code, text = _invoke(path, "--json")
    assert (code, json.loads(text)["ok"]) == (0, True)
    assert {"name", "ok", "detail"} <= set(json.loads(text)["checks"][0])

    code, text = _invoke(Bundle(tmp_path / "plain.bundle").path, "--json")
    assert (code, json.loads(text)["ok"]) == (3, False)

    (path / "taxonomy.parquet").unlink()
    code, text = _invoke(path)
    assert code == 1
    assert "FAIL  digests" in text
