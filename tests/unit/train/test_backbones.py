"""Weights from a file, from timm's cache, or refused: never silently absent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

import catalens.train
from catalens.core.errors import ConfigError
from catalens.train.backbones import create

NAME = "mobilenetv3_small_050"


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return {key: value.clone() for key, value in timm.create_model(NAME, num_classes=10).state_dict().items()}


def test_a_file_is_loaded_whole_and_brings_its_statistics(tmp_path: Path) -> None:
    given = {key: value.half() if value.is_floating_point() else value for key, value in state().items()}
    save_file(given, tmp_path / "w.safetensors", {"arch": NAME, "mean": "[0.5, 0.4, 0.3]", "std": "[0.2, 0.2, 0.1]"})
    backbone = create(NAME, weights=str(tmp_path / "w.safetensors"), size=64)
    loaded = backbone.network.state_dict()
    assert loaded["conv_stem.weight"].dtype == torch.float32
    assert all(torch.equal(loaded[key], given[key].to(loaded[key].dtype)) for key in loaded)
    assert (backbone.mean, backbone.std) == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))


def test_keyword_arguments_in_the_file_build_the_network(tmp_path: Path) -> None:
    weights = timm.create_model("mobilenetv2_100", pad_type="same").state_dict()
    save_file(weights, tmp_path / "w.safetensors", {"arch": "mobilenetv2_100", "kw": '{"pad_type": "same"}'})
    backbone = create("mobilenetv2_100", weights=str(tmp_path / "w.safetensors"), size=64)
    assert backbone.options == {"pad_type": "same"}
    assert type(backbone.network.conv_stem).__name__ == "Conv2dSame"


@pytest.mark.parametrize(
    ("change", "metadata", "said"),
    [
        (lambda s: s.pop("conv_stem.weight"), {}, "lacks 1 keys of .*conv_stem.weight"),
        (lambda s: s.update(extra=torch.zeros(1)), {}, "has unknown 1 keys of .*extra"),
        (lambda s: s.update({"conv_stem.weight": torch.zeros(1)}), {}, "another shape of 1 keys.*conv_stem.weight"),
        (lambda s: None, {"arch": "resnet18"}, "holds weights of 'resnet18'"),
    ],
    ids=["missing key", "unknown key", "other shape", "other network"],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, change, metadata, said) -> None:
    weights = state()
    change(weights)
    save_file(weights, tmp_path / "w.safetensors", metadata)
    with pytest.raises(ConfigError, match=said):
        create(NAME, weights=str(tmp_path / "w.safetensors"), size=64)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"], ids=["plain", "state_dict", "model"])
@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_a_file_of_torch_is_loaded(tmp_path: Path, wrapper: str | None, suffix: str) -> None:
    given = state()
    prefixed = {f"module.{key}": value for key, value in given.items() if "num_batches_tracked" not in key}
    torch.save({wrapper: prefixed, "epoch": 3} if wrapper else prefixed, tmp_path / f"w{suffix}")
    backbone = create(NAME, weights=str(tmp_path / f"w{suffix}"), size=64)
    assert torch.equal(backbone.network.state_dict()["conv_stem.weight"], given["conv_stem.weight"])
    assert backbone.mean == timm.models.get_pretrained_cfg(NAME).mean, "timm's where the file does not say"


class Trap:
    """Unpickled by a careless reader, it would run."""

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, ("trapped",))


def test_a_file_of_an_old_torch_is_loaded(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    assert create(NAME, weights=str(tmp_path / "w.pth"), size=64).features == 1024


def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"conv_stem.weight": Trap()}, tmp_path / "w.pt")
    with pytest.raises(ConfigError, match="more than weights, or damaged"):
        create(NAME, weights=str(tmp_path / "w.pt"), size=64)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_that_was_cut_short_is_named(tmp_path: Path, share: float, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    torch.save(state(), path) if suffix == ".pt" else save_file(state(), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ConfigError, match="cannot be read as") as caught:
        create(NAME, weights=str(path), size=64)
    assert caught.value.source == str(path)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"kw": "pad_type=same"}, "expected a JSON object as 'kw'"),
        ({"kw": '{"pads": 1}'}, "does not take"),
        ({"mean": "[0.5, 0.5]"}, "expected three numbers as 'mean'"),
        ({"identity": '"act"'}, "expected a JSON list as 'identity'"),
        ({"identity": '["blocks.9.act"]'}, "has no module 'blocks.9.act'"),
    ],
    ids=["no JSON", "unknown argument", "two numbers", "no list", "no such module"],
)
def test_metadata_that_makes_no_sense_is_refused(tmp_path: Path, metadata: dict[str, str], said: str) -> None:
    save_file(state(), tmp_path / "w.safetensors", metadata)
    with pytest.raises(ConfigError, match=said):
        create(NAME, weights=str(tmp_path / "w.safetensors"), size=64)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    weights = state()
    weights["conv_stem.weight"][0] = float("nan")
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(ConfigError, match=r"no numbers, in conv_stem\.weight"):
        create(NAME, weights=str(tmp_path / "w.safetensors"), size=64)


def test_modules_that_the_weights_do_without_are_left_out(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "w.safetensors", {"arch": NAME, "identity": '["blocks.0.0.bn1.act"]'})
    backbone = create(NAME, weights=str(tmp_path / "w.safetensors"), size=64)
    assert isinstance(backbone.network.get_submodule("blocks.0.0.bn1.act"), torch.nn.Identity)
    again = create(NAME, size=64, options=backbone.options)  # as a run is opened: by what run.json keeps
    assert isinstance(again.network.get_submodule("blocks.0.0.bn1.act"), torch.nn.Identity)


def test_positions_are_resampled_to_the_size(tmp_path: Path) -> None:
    name = "vit_tiny_patch16_224"
    weights = timm.create_model(name, num_classes=0, depth=1, img_size=64).state_dict()
    save_file(weights, tmp_path / "w.safetensors", {"arch": name, "kw": '{"depth": 1}'})
    loaded = create(name, weights=str(tmp_path / "w.safetensors"), size=96).network.pos_embed
    assert loaded.shape == (1, 1 + 36, 192)
    assert torch.equal(loaded[:, 0], weights["pos_embed"][:, 0])


@pytest.mark.parametrize("content", [None, b"", b"not weights"], ids=["absent", "empty", "text"])
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read as safetensors") as caught:
        create(NAME, weights=str(path), size=64)
    assert caught.value.source == str(path)


def test_timm_without_weights_for_the_name_says_so() -> None:
    with pytest.raises(ConfigError, match="timm has no pretrained weights for 'lightweight_cnn'"):
        create("lightweight_cnn", weights="timm", size=64)


def ask_timm(home: Path) -> subprocess.CompletedProcess[str]:
    """Ask for timm's weights where only `home` can have them; the hub's settings are read at its import."""
    code = (
        "from catalens.train.backbones import create\n"
        "from catalens.core.errors import ConfigError\n"
        f"try: print(float(create({NAME!r}, weights='timm', size=64).network.conv_stem.weight.sum()))\n"
        "except ConfigError as error: print('refused:', error)"
    )
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)


def test_timm_weights_come_from_its_cache(tmp_path: Path) -> None:
    hub_id = timm.models.get_pretrained_cfg(NAME).hf_hub_id
    folder = tmp_path / "hub" / f"models--{hub_id.replace('/', '--')}"
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    torch.manual_seed(9)
    weights = timm.create_model(NAME).state_dict()
    save_file(weights, snapshot / "model.safetensors")
    assert float(ask_timm(tmp_path).stdout) == pytest.approx(float(weights["conv_stem.weight"].sum()), abs=1e-4)


def test_timm_weights_that_cannot_be_fetched_are_an_error(tmp_path: Path) -> None:
    assert "could not be fetched" in ask_timm(tmp_path).stdout


def test_the_package_makes_torchvision_importable() -> None:
    assert catalens.train.ensure_torchvision() is None
    from torchvision.transforms import v2

    assert v2.functional.horizontal_flip(torch.tensor([[[1, 2]]])).tolist() == [[[2, 1]]]
