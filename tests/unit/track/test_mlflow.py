"""Against a real MLflow server process: runs, the registry, and a server that goes away."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.builders.bundles import photo_of, tiny_bundle
from tests.builders.catalogs import striped_catalog
from tests.unit.track.mlflow_server import MlflowServer, free_port

from catalens.cli.main import catalens
from catalens.core.bundle import Bundle
from catalens.core.errors import BundleCorrupt, ConfigError, NotFound, Overloaded
from catalens.track import client as client_module
from catalens.track import registry, sender
from catalens.track.client import connect
from catalens.track.outbox import EVENTS, STATE, read_state
from catalens.track.sync import sync
from catalens.track.tracker import Tracker, open_run

pytest.importorskip("mlflow", reason="MLflow is not installed (extra track)")
pytest.importorskip("flask_cors", reason="MLflow's server is not installed (extra dev)")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends the server by its process group")

PARAMS = {"model": "residual_cnn", "lr": 0.001, "sizes": [96, 128], **{f"p{number}": number for number in range(120)}}
TAGS = {"catalog.digest": "c" * 64, "train.digest": "t" * 64}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded store with nothing in it, made once: its tables take seconds."""
    folder = tmp_path_factory.mktemp("tables")
    uri = client_module.embedded(folder)
    connect(uri).search_experiments()
    return folder / "mlruns" / "mlflow.db"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    shutil.copy(tables, server.folder / "server.db")
    server.start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def at_the_server(server: MlflowServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setenv("CATALENS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sender, "FIRST_WAIT_S", 0.2)
    monkeypatch.setattr(sender, "LONGEST_WAIT_S", 0.2)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def begin(tmp_path: Path, said: list[str]) -> Callable[[], Tracker]:
    """Starts, or goes on with, the run of a folder."""
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    for name in ("curves.png", "metrics.csv"):
        (folder / name).write_text(name)
    return lambda: open_run(folder, experiment="shop", params=PARAMS, tags=TAGS, say=said.append)


def row(epoch: int) -> dict[str, float]:
    return {"epoch": float(epoch), "train_loss": 1 / epoch, "val_top1": epoch / 10, "val_loss": float("nan")}


def run_of(folder: Path) -> Any:
    state = read_state(folder)
    assert state is not None
    assert state.run_id is not None
    return connect(state.uri).get_run(state.run_id)


def history(folder: Path, key: str = "train_loss") -> list[tuple[int, float]]:
    state = read_state(folder)
    assert state is not None
    assert state.run_id is not None
    return [(point.step, point.value) for point in connect(state.uri).get_metric_history(state.run_id, key)]


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_run_is_all_there(begin: Callable[[], Tracker], said: list[str], server: MlflowServer) -> None:
    run = begin()
    run.rows([row(1)])
    run.rows([row(1), row(2)])
    assert run.finish({"best": {"epoch": 2, "val_top1": 0.2}})
    found = run_of(run.outbox.folder)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "first"
    assert found.data.params["sizes"] == "[96, 128]"
    assert len(found.data.params) == len(PARAMS)
    assert TAGS.items() <= found.data.tags.items()
    assert found.data.tags["best.epoch"] == "2"
    assert found.data.metrics == {"train_loss": 0.5, "val_top1": 0.2}
    assert [file.path for file in connect(server.uri).list_artifacts(found.info.run_id)] == [
        "curves.png",
        "metrics.csv",
    ]
    assert said == [f"tracking: experiment 'shop' of MLflow at {server.uri}"]


def test_a_resumed_run_goes_on_in_the_same_one(begin: Callable[[], Tracker]) -> None:
    run = begin()
    run.rows([row(1), row(2)])
    run.fail(KeyboardInterrupt())
    folder = run.outbox.folder
    before = run_of(folder)
    assert before.info.status == "KILLED"
    again = begin()
    again.rows([row(1), row(2), row(3)])
    assert again.finish({})
    after = run_of(folder)
    assert (after.info.run_id, after.info.status) == (before.info.run_id, "FINISHED")
    assert history(folder) == [(1, 1.0), (2, 0.5), (3, 1 / 3)]


def test_what_arrived_without_being_counted_is_not_doubled(begin: Callable[[], Tracker]) -> None:
    """A kill between the server's answer and the line in tracking.json; the worst is at the very start."""
    run = begin()
    run.rows([row(1), row(2)])
    run.finish({})
    folder = run.outbox.folder
    run_id = run_of(folder).info.run_id
    state = json.loads((folder / STATE).read_text())
    (folder / STATE).write_text(json.dumps(state | {"sent": 0, "run_id": None}))
    assert sync(folder).sent == 5
    assert run_of(folder).info.run_id == run_id
    assert history(folder) == [(1, 1.0), (2, 0.5)]


def test_a_server_killed_in_mid_run(begin: Callable[[], Tracker], said: list[str], server: MlflowServer) -> None:
    run = begin()
    run.rows([row(1)])
    wait_until(lambda: run.outbox.pending == 0)
    server.kill()
    try:
        began = time.monotonic()
        for epoch in (2, 3):
            run.rows([row(epoch)])
        assert time.monotonic() - began < 1, "the run does not wait for a server that is gone"
        wait_until(lambda: len(said) > 1)
        kept = [json.loads(line) for line in (run.outbox.folder / EVENTS).read_text().splitlines()]
        assert [event["step"] for event in kept if event["kind"] == "metrics"] == [1, 2, 3]
    finally:
        server.start()
    wait_until(lambda: run.outbox.pending == 0)
    run.rows([row(4)])
    assert run.finish({})
    assert history(run.outbox.folder) == [(epoch, 1 / epoch) for epoch in (1, 2, 3, 4)]
    assert len(said) == 3, said
    assert "cannot be reached" in said[1]
    assert "the run goes on" in said[1]
    assert re.search(r"back; \d entries that were kept were sent", said[2])


def test_a_server_down_from_start_to_end(
    begin: Callable[[], Tracker], said: list[str], server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    run = begin()
    folder = run.outbox.folder
    run.rows([row(1), row(2)])
    began = time.monotonic()
    assert not run.finish({})
    assert time.monotonic() - began < sender.SERVER_GRACE_S + 1
    assert f"catalens track {folder}" in said[-1]
    with pytest.raises(Overloaded, match="nothing is lost"):
        sync(folder)
    state = json.loads((folder / STATE).read_text())
    (folder / STATE).write_text(json.dumps(state | {"uri": server.uri}))  # the server comes up at its address
    result = CliRunner().invoke(catalens, ["track", str(folder), "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["sent"] == 5
    assert history(folder) == [(1, 1.0), (2, 0.5)]


def test_a_run_that_was_deleted_is_told(begin: Callable[[], Tracker], said: list[str], server: MlflowServer) -> None:
    run = begin()
    wait_until(lambda: run.outbox.pending == 0)
    connect(server.uri).delete_run(run_of(run.outbox.folder).info.run_id)
    run.rows([row(1)])
    assert not run.finish({})
    assert "refuses this run" in said[1]
    with pytest.raises(ConfigError, match="refuses it"):
        sync(run.outbox.folder)


def test_a_bundle_through_the_registry(begin: Callable[[], Tracker], tmp_path: Path) -> None:
    """Registered from its run, promoted, listed, named where a bundle is expected, and downloaded."""
    run = begin()
    run.finish({})
    first = tiny_bundle(tmp_path / "first.bundle")
    second = tiny_bundle(tmp_path / "second.bundle", size=64)
    folder = str(run.outbox.folder)

    def catalens_json(*words: str) -> Any:
        result = CliRunner().invoke(catalens, [*words, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    made = catalens_json("models", "register", str(first.path), "shirts", "--run", folder, "--alias", "champion")
    assert made["uri"] == "models:/shirts/1"
    assert made["run_id"] == run.outbox.state.run_id
    again = catalens_json("models", "register", str(first.path), "shirts")
    assert again == made, "the same bundle is not put there twice"
    catalens_json("models", "register", str(second.path), "shirts", "--alias", "challenger")
    assert [(each["version"], each["aliases"]) for each in catalens_json("models", "list", "shirts")] == [
        (2, ["challenger"]),
        (1, ["champion"]),
    ]
    assert registry.resolve("models:/shirts/1") == registry.resolve("models:/shirts@champion")
    assert Bundle(registry.resolve("models:/shirts@champion")).digest == first.digest
    assert catalens_json("models", "promote", "shirts", "2")["aliases"] == ["challenger", "champion"]
    photo = tmp_path / "shoe.png"
    photo.write_bytes(photo_of("sneaker"))
    answer = catalens_json("predict", "models:/shirts@champion", str(photo))
    assert answer["model"] == second.name
    assert answer["decision"]["node"] == "sneaker"
    assert catalens_json("models", "download", "models:/shirts/1", str(tmp_path / "got"))["digest"] == first.digest
    with pytest.raises(ConfigError, match="already exists"):
        registry.fetch("models:/shirts/1", tmp_path / "got")


def test_a_training_is_in_mlflow(tmp_path: Path, server: MlflowServer) -> None:
    pytest.importorskip("torch")
    from catalens.train.run import run
    from catalens.train.settings import TrainSettings

    catalog = striped_catalog(tmp_path / "striped.catalog", products=24, photos=1)
    settings = TrainSettings(
        model="lightweight_cnn", size=32, epochs=2, batch=8, workers=0, augment="none", cache="none", tracking="mlflow"
    )
    info = run(catalog, tmp_path / "second", settings)
    found = run_of(tmp_path / "second")
    assert (found.info.status, found.info.run_name) == ("FINISHED", "second")
    assert connect(server.uri).get_experiment(found.info.experiment_id).name == "striped"
    assert found.data.params["model"] == "lightweight_cnn"
    assert found.data.tags["catalog.digest"] == catalog.digest
    assert [step for step, _ in history(tmp_path / "second")] == [1, 2]
    assert float(found.data.tags["best.val_top1"]) == info["best"]["val_top1"]
    kept = {file.path for file in connect(server.uri).list_artifacts(found.info.run_id)}
    assert {"curves.png", "metrics.csv", "run.json"} <= kept


def test_a_service_of_the_champion(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "a.bundle")
    registry.register(bundle, "served", aliases=["champion"])
    command = [sys.executable, "-m", "catalens", "serve", "models:/served@champion", "--port", "0"]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert service.stderr is not None
        lines = [service.stderr.readline(), service.stderr.readline()]
    finally:
        service.kill()
        service.wait()
    assert lines[0].startswith("catalens: models:/served@champion is ")
    assert f"serving {bundle.name} on http://127.0.0.1:" in lines[1]


def test_mlflow_loads_it_as_a_function(tmp_path: Path, server: MlflowServer) -> None:
    pandas = pytest.importorskip("pandas")
    import mlflow

    registry.register(tiny_bundle(tmp_path / "a.bundle"), "coats", aliases=["champion"])
    mlflow.set_tracking_uri(server.uri)
    try:
        model = mlflow.pyfunc.load_model("models:/coats@champion")
    finally:
        mlflow.set_tracking_uri(None)
    (tmp_path / "boot.png").write_bytes(photo_of("boot"))
    answers = model.predict([photo_of("sneaker"), str(tmp_path / "boot.png")])
    assert [answer["category"] for answer in answers] == ["sneaker", "boot"]
    assert answers[0]["path"] == ["Fashion", "Footwear", "Sneaker"]
    assert answers[0]["score"] > 0.9
    assert answers[0]["decision"]["action"] == "file"
    table = model.predict(pandas.DataFrame({"photo": [photo_of("dress")]}))
    assert table["category"].tolist() == ["dress"]


def test_what_is_damaged_on_the_way_is_refused(tmp_path: Path, server: MlflowServer) -> None:
    bundle = tiny_bundle(tmp_path / "a.bundle")
    registry.register(bundle, "hats")
    folder = registry.resolve("models:/hats/1")
    (folder / "model.onnx").write_bytes(b"changed in the cache")
    assert Bundle(registry.resolve("models:/hats/1")).digest == bundle.digest, "fetched anew"
    run_id = registry.find("models:/hats/1").run_id
    (stored,) = (path for path in (server.folder / "files").rglob("model.onnx") if run_id in path.parts)
    stored.write_bytes(b"changed at the server")
    with pytest.raises(BundleCorrupt, match=r"model\.onnx"):
        registry.fetch("models:/hats/1", tmp_path / "got")
    assert not (tmp_path / "got").exists()


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("models:/shirts", ConfigError, "expected models:/NAME@ALIAS or models:/NAME/VERSION"),
        ("models:/nothing/1", NotFound, "not in MLflow at"),
        ("models:/nothing@champion", NotFound, "not in MLflow at"),
    ],
    ids=["no version", "no such version", "no such alias"],
)
def test_a_name_that_names_nothing(name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        registry.resolve(name)


def test_a_registry_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Overloaded, match="does not answer"):
        registry.resolve("models:/shirts@champion")


def test_the_embedded_store(
    begin: Callable[[], Tracker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str], tables: Path
) -> None:
    """No server: a file beside the runs; runs and models are in it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (tmp_path / "runs" / "mlruns").mkdir(parents=True)
    shutil.copy(tables, tmp_path / "runs" / "mlruns" / "mlflow.db")
    run = begin()
    run.rows([row(1)])
    assert run.finish({}), said
    folder = run.outbox.folder
    assert history(folder) == [(1, 1.0)]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["first", "mlruns"]
    uri = client_module.embedded(folder.parent)
    bundle = tiny_bundle(tmp_path / "a.bundle")
    registry.register(bundle, "shirts", uri=uri, run_id=run.outbox.state.run_id, aliases=["champion"])
    monkeypatch.chdir(tmp_path)
    assert Bundle(registry.resolve("models:/shirts@champion")).digest == bundle.digest
