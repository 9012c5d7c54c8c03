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
