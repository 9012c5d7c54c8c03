"""What a training run tells its tracker, and the confusion picture."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from catalens.track import tracker as tracker_module
from catalens.track.outbox import Outbox, read_state
from catalens.train import tracking
from catalens.train.confusion import PICTURE, TABLE, Confusion, draw_confusion, most_confused
from catalens.train.history import History
from catalens.train.settings import TrainSettings
from catalens.train.tracking import SendEpochs, open_tracker

SETTINGS = TrainSettings(tracking="mlflow", sizes=(96, 128))
INFO = {
    "settings": SETTINGS.model_dump(mode="json"),
    "catalog": {"name": "shop", "digest": "c" * 64, "path": "/home/someone/shop.catalog"},
    "train_digest": "t" * 64,
    "train_photos": 48,
    "libraries": {"torch": "2.6.0"},
}


class Silent:
    """A sender that leaves everything in the outbox."""

    def __init__(self, outbox: Outbox, **_: Any) -> None:
        pass

    def start(self) -> None:
        pass

    def wake(self) -> None:
        pass

    def close(self, grace_s: float | None = None) -> bool:
        return True


@pytest.fixture(autouse=True)
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "Sender", Silent)
    monkeypatch.setattr(tracker_module, "installed", lambda: True)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_run_is_described_without_paths_of_the_machine(tmp_path: Path) -> None:
    run = open_tracker(SETTINGS, INFO, tmp_path / "first", say=lambda line: None)
    assert run is not None
    (start,) = run.outbox.events
    assert start["params"]["sizes"] == [96, 128]
    assert start["params"].keys() == TrainSettings.model_fields.keys() - tracking.NOT_LOGGED
    assert start["tags"]["catalog.digest"] == "c" * 64
    assert start["tags"]["library.torch"] == "2.6.0"
    assert "/home/someone" not in str(start)
    state = read_state(tmp_path / "first")
    assert state is not None
    assert (state.experiment, state.uri) == ("shop", f"sqlite:///{tmp_path}/mlruns/mlflow.db")


def test_the_experiment_can_be_named(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"experiment": "autumn"})
    run = open_tracker(settings, INFO, tmp_path / "first", say=lambda line: None)
    assert run is not None
    assert run.outbox.state.experiment == "autumn"


@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        (SETTINGS.model_copy(update={"tracking": "none"}), {}),
        (SETTINGS, {"RANK": "1"}),
        (SETTINGS, {"LOCAL_RANK": "1"}),
    ],
    ids=["switched off", "another rank", "another process here"],
)
def test_not_tracked(
    settings: TrainSettings, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    assert open_tracker(settings, INFO, tmp_path / "first", say=print) is None
    assert not (tmp_path / "first").exists()


class Rows(History):
    """A history of which only the rows matter."""

    def __init__(self) -> None:
        self.rows = []


def test_rows_of_the_history_are_sent_once(tmp_path: Path) -> None:
    run = open_tracker(SETTINGS, INFO, tmp_path / "first", say=lambda line: None)
    assert run is not None
    history = Rows()
    trainer: Any = SimpleNamespace(callbacks=[history])
    callback = SendEpochs(run)
    history.rows = [{"epoch": 1.0, "train_loss": 2.0, "val_loss": math.nan}]
    callback.on_train_start(trainer, None)  # a resumed run has rows already
    history.rows.append({"epoch": 2.0, "train_loss": 1.0, "val_loss": 1.5})
    callback.on_train_epoch_end(trainer, None)
    callback.on_fit_end(trainer, None)
    sent = [(event["step"], event["values"]) for event in run.outbox.events if event["kind"] == "metrics"]
    assert sent == [(1, {"train_loss": 2.0}), (2, {"train_loss": 1.0, "val_loss": 1.5})]


class Guess(L.LightningModule):
    """Says class 1 in the first epoch, what is right but for class 2 in the second, and class 0 in the third."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return self.weight.sum()

    def validation_step(self, batch: Any, index: int) -> dict[str, torch.Tensor]:
        (truth,) = batch
        guesses = (torch.ones_like(truth), truth.clamp(max=1), torch.zeros_like(truth))
        return {"truth": truth, "predicted": guesses[self.current_epoch]}

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_the_best_epoch_is_counted_and_drawn(tmp_path: Path) -> None:
    photos = DataLoader(TensorDataset(torch.tensor([0, 0, 1, 2, 2])), batch_size=2)
    trainer = L.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Confusion(tmp_path, ["cup", "plate", "lamp"])],
    )
    trainer.fit(Guess(), photos, photos)
    assert np.load(tmp_path / TABLE).tolist() == [[2, 0, 0], [0, 1, 0], [0, 2, 0]]
    assert Image.open(tmp_path / PICTURE).size[0] > 200


def test_of_many_categories_the_most_confused_are_drawn(tmp_path: Path) -> None:
    counts = np.diag(np.full(100, 5))
    counts[7, 90] = 3
    assert most_confused(counts, 2).tolist() == [7, 90]
    draw_confusion(counts, [f"category {index}" for index in range(100)], tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").size[0] < 2000
