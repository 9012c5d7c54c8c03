"""The whole way on a tiny catalog: rows, reuse, a kill in mid-run, a member that fails, the page and the verb."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests.unit.compare.conftest import QUICK, Compared, quick

from catalens.cli.main import catalens
from catalens.compare import member as member_module
from catalens.compare.member import kept_answers
from catalens.compare.page import heading, page
from catalens.compare.rows import advise
from catalens.compare.run import Clock, run
from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.scores import log_softmax
from catalens.train.history import History


def test_a_row_says_what_the_bundle_does(compared: Compared) -> None:
    rows = {row.name: row for row in compared.found.rows}
    row = rows["lightweight_cnn seed=0"]
    own = compared.folder / row.folder
    bundle = Bundle(own / f"{own.name}.bundle")
    answers = kept_answers(own)
    for part, said in (("train", row.train), ("val", row.val), ("test", row.test)):
        truth = [bundle.taxonomy.leaf_index[compared.catalog.categories[one]] for one in answers[part].product_ids]
        assert said == pytest.approx(np.mean(answers[part].logits.argmax(axis=1) == truth))
    assert len(answers["train"].product_ids) == 24
    assert row.bytes == bundle.model_path.stat().st_size
    assert row.params > 90_000
    assert row.model_ms > 0
    assert len(row.curve) == QUICK["epochs"]


def test_a_member_that_fails_is_a_row_and_the_others_go_on(compared: Compared) -> None:
    failed = compared.found.rows[-1]
    assert (failed.name, failed.kind) == ("<i>none</i>", "failed")
    assert "unknown model 'no_such_network'" in failed.cause
    assert compared.found.failed == 1
    values = json.loads((compared.folder / "compare.json").read_text())
    assert values["failed"] == 1
    assert values["rows"][-1]["cause"] == failed.cause


def test_the_page_escapes_what_is_text_and_names_the_winner(compared: Compared) -> None:
    html = (compared.folder / "compare.html").read_text()
    assert "<i>none</i>" not in html
    assert "&lt;i&gt;none&lt;/i&gt;" in html
    best = advise(compared.found.rows)
    assert best is not None
    assert heading(compared.found, best) in html.replace("&#x27;", "'")
    assert html.count("<svg") == 4
    assert page(compared.found) == html


def test_what_is_finished_is_taken_as_it_is(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(member_module, "train", never)
    monkeypatch.setattr(member_module, "measure", never)
    said: list[str] = []
    settings = compared.settings.model_copy(update={"entries": compared.settings.entries[:2]})
    again = run(compared.catalog, compared.folder, settings, say=said.append)
    assert again.failed == 0
    assert [row for row in again.rows if row.kind == "model"] == [
        row for row in compared.found.rows if row.kind == "model"
    ]
    assert "lightweight_cnn seed=0: is there already" in said


class KilledError(BaseException):
    """Stands for a kill: nothing catches it."""


def test_after_a_kill_it_goes_on(shop: Catalog, compared: Compared, tmp_path: Path) -> None:
    settings = quick(train={"epochs": 3})
    with pytest.MonkeyPatch.context() as patch:
        after = History.on_train_epoch_start

        def killed(self: History, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == 2:
                raise KilledError
            after(self, trainer, module)

        patch.setattr(History, "on_train_epoch_start", killed)
        with pytest.raises(KilledError):
            run(shop, tmp_path / "a", settings)
    said: list[str] = []
    row = run(shop, tmp_path / "a", settings, say=said.append).rows[0]
    assert "lightweight_cnn: goes on" in said
    whole = run(shop, tmp_path / "b", settings).rows[0]
    assert row.curve == whole.curve
    assert (row.test, row.val, row.nll) == pytest.approx((whole.test, whole.val, whole.nll))


def test_a_failure_that_nobody_foresaw_leaves_its_traceback(
    shop: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any, **__: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nmore")

    monkeypatch.setattr(member_module, "train", out_of_memory)
    found = run(shop, tmp_path, quick())
    assert found.rows[0].cause.startswith("RuntimeError: DefaultCPUAllocator: can't allocate memory (")
    assert "out_of_memory" in (tmp_path / found.rows[0].folder / "error.txt").read_text()
    assert heading(found, advise(found.rows)) == "No model could be measured."


def test_an_ensemble_is_the_geometric_mean_of_the_members(compared: Compared) -> None:
    """Whether or not it pays on this catalog, its row follows from the kept answers."""
    from catalens.compare.ensemble import Voice, _measured
    from catalens.compare.measure import parts_of

    rows = [row for row in compared.found.rows if row.kind == "model"]
    bundles = [Bundle(compared.folder / row.folder / f"{row.folder}.bundle") for row in rows]
    voices = [
        Voice(row, kept_answers(compared.folder / row.folder), bundle.calibrator, bundle.taxonomy)
        for row, bundle in zip(rows, bundles, strict=True)
    ]
    found = _measured(voices, compared.catalog, parts_of(compared.catalog, compared.settings), compared.settings)
    said = [log_softmax(one.calibrator.logits(one.answers["test"].logits)) for one in voices]
    truth = [
        voices[0].taxonomy.leaf_index[compared.catalog.categories[p]] for p in voices[0].answers["test"].product_ids
    ]
    assert found.test == pytest.approx(np.mean(np.mean(said, axis=0).argmax(axis=1) == truth))
    assert found.bytes == sum(row.bytes for row in rows)
    assert found.ms == pytest.approx(sum(row.ms for row in rows))
    assert found.of == tuple(row.name for row in rows)


def test_no_soup_of_what_was_trained_from_scratch(compared: Compared) -> None:
    assert any(note.startswith("No soup of lightweight_cnn: only members of the same") for note in compared.found.notes)


def test_time_left_counts_only_what_took_time_in_this_run() -> None:
    now, told = [0.0], []
    clock = Clock([1.0, 1.0, 2.0], lambda done, total=None, note="": told.append((done, note)), now=lambda: now[0])
    clock.done(0)  # was there already
    second = clock.of(1, "b")
    second(0, 100)
    now[0] = 60.0
    second(50, 100, "epoch 5 of 10")
    assert told[-1] == (375, "b, epoch 5 of 10, 5 min left of all")
    clock.done(1)
    assert told[-1][0] == 500


def test_the_verb(compared: Compared) -> None:
    sets = [word for key, value in QUICK.items() for word in ("--set", f"train.{key}={value}")]
    command = ["compare", str(compared.catalog.path), "--out", str(compared.folder), "--models", "lightweight_cnn"]
    done = CliRunner().invoke(catalens, [*command, "--vary", "train.seed=0,1", *sets, "--json"])
    assert done.exception is None, done.output
    values = json.loads(done.stdout)
    assert {row["name"] for row in values["rows"]} >= {"lightweight_cnn seed=0", "lightweight_cnn seed=1"}
    assert values["choose"]["single"].startswith("lightweight_cnn")
    assert re.search(r"^lightweight_cnn seed=0 +\d", done.stderr, re.MULTILINE)
    failing = CliRunner().invoke(catalens, [*command, "--models", "resnet5", *sets], standalone_mode=False)
    assert failing.return_value == 1
