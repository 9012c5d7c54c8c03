"""Weights from a local file or an earlier run: no code in it is run, and every key is checked before it is used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor, nn

from catalens.core.errors import ConfigError
from catalens.core.preprocess import Preprocess
from catalens.train.epochs import epoch_path, load_torch, read_epoch, read_info, settings_of

WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")  # where training scripts put the weights, best first
PREFIX = "module."  # of a network that was trained by DataParallel
# a zip, and the pickle that torch wrote before 1.6; a safetensors file begins with its header's length, far below these
TORCH_STARTS = (b"PK\x03\x04", b"\x80\x02\x8a\n")
COUNTER = "num_batches_tracked"  # of batch norm: older files lack it, and nothing reads it


@dataclass(frozen=True)
class WeightsFile:
    """A state dict and what its file says about it.

    `arch` is timm's name of the network, `options` the keyword arguments it was built with, `identity` names of modules
    that were left out, `mean` and `std` the pixel statistics; None or empty where the file does not say.
    """

    path: Path
    state: dict[str, Tensor] = field(repr=False)
    arch: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def read_weights(path: Path) -> WeightsFile:
    """A file of safetensors, with or without `arch`, `kw`, `identity`, `mean`, `std` in its metadata, or one of torch.

    Files of torch are read with `weights_only`: no code in them is run.  Raises ConfigError.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"is no run folder, and cannot be read as safetensors ({reason})"
        raise ConfigError(message, source=str(path), key="weights") from None
    if start in TORCH_STARTS:
        return WeightsFile(path, _read_torch(path))
    return _read_safetensors(path)


def read_run_weights(folder: Path) -> WeightsFile:
    """The network of an earlier run, of the epoch that it keeps, without its classifier.  Raises ConfigError."""
    info = read_info(folder)
    settings = settings_of(info, folder)
    preprocess = Preprocess.from_json(info["preprocess"])
    prefix = "backbone."
    state = {
        key.removeprefix(prefix): value for key, value in read_epoch(folder, settings).items() if key.startswith(prefix)
    }
    return WeightsFile(folder, state, settings.model, dict(info["backbone"]), mean=preprocess.mean, std=preprocess.std)


def load_state(network: nn.Module, file: WeightsFile, name: str) -> None:
    """Load the weights, cast to the network's types; those of its classifier, which `network` is without, are left out.

    Position embeddings of another size are resampled.  Raises ConfigError naming the keys that do not fit.
    """
    expected = network.state_dict()
    given = {key: value for key, value in file.state.items() if not key.startswith(_classifier(network))}
    given = _resampled(network, expected, given)
    missing = sorted(key for key in set(expected) - set(given) if not key.endswith(COUNTER))
    surplus = sorted(set(given) - set(expected))
    unequal = sorted(key for key in set(expected) & set(given) if expected[key].shape != given[key].shape)
    for what, keys in (("lacks", missing), ("has unknown", surplus), ("has another shape of", unequal)):
        if keys:
            shown = ", ".join(keys[:5]) + (", ..." if len(keys) > 5 else "")
            raise ConfigError(f"{what} {len(keys)} keys of {name!r}: {shown}", source=str(file.path), key="weights")
    bad = next((key for key, value in given.items() if value.is_floating_point() and not value.isfinite().all()), None)
    if bad is not None:
        raise ConfigError(f"holds values that are no numbers, in {bad}", source=str(file.path), key="weights")
    network.load_state_dict({**expected, **{key: value.to(expected[key].dtype) for key, value in given.items()}})


def content_digest(weights: str) -> str | None:
    """sha256 of the file that `weights` names, or of the epoch that the run keeps which it names; None for neither."""
    path = Path(weights)
    if path.is_dir():
        path = epoch_path(path, settings_of(read_info(path), path))
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _classifier(network: nn.Module) -> tuple[str, ...]:
    """What the keys of the classifier begin with; distilled networks have two."""
    names = getattr(network, "pretrained_cfg", {}).get("classifier") or "fc"
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def _resampled(network: nn.Module, expected: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Position embeddings [1, T, D] of a transformer, for the number of patches that it was built for."""
    key, patches = "pos_embed", getattr(network, "patch_embed", None)
    fits = key not in given or key not in expected or given[key].shape == expected[key].shape
    if fits or patches is None or given[key].ndim != 3 or given[key].shape[-1] != expected[key].shape[-1]:
        return given
    prefix = 0 if getattr(network, "no_embed_class", False) else getattr(network, "num_prefix_tokens", 1)
    if round((given[key].shape[1] - prefix) ** 0.5) ** 2 != given[key].shape[1] - prefix:
        return given  # not of a square: refused as another shape
    resampled = resample_abs_pos_embed(given[key].float(), new_size=list(patches.grid_size), num_prefix_tokens=prefix)
    return {**given, key: resampled}


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        content = load_torch(path)
    except ValueError as error:
        raise _not_torch(path, str(error)) from None
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    if not isinstance(content, dict) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise _not_torch(path, "expected names and tensors")
    return {str(key).removeprefix(PREFIX): value for key, value in content.items()}


def _not_torch(path: Path, cause: str) -> ConfigError:
    message = f"cannot be read as a state dict of torch ({cause}); safetensors files are read as well"
    return ConfigError(message, source=str(path), key="weights")


def _read_safetensors(path: Path) -> WeightsFile:
    try:
        with safe_open(path, "pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"cannot be read as safetensors ({error})", source=str(path), key="weights") from None
    values = {key: _json(path, metadata, key, kind) for key, kind in (("kw", dict), ("identity", list))}
    options = {key: value for key, value in (values["kw"] or {}).items() if key != "num_classes"}
    mean, std = (_statistics(path, metadata, key) for key in ("mean", "std"))
    return WeightsFile(path, state, metadata.get("arch"), options, tuple(values["identity"] or ()), mean, std)


def _json(path: Path, metadata: dict[str, str], key: str, kind: type) -> Any:
    if key not in metadata:
        return None
    try:
        value = json.loads(metadata[key])
    except ValueError:
        value = None
    if not isinstance(value, kind):
        what = "a JSON object" if kind is dict else "a JSON list"
        raise ConfigError(f"expected {what} as {key!r} of its metadata, got {metadata[key]!r}", source=str(path))
    return value


def _statistics(path: Path, metadata: dict[str, str], key: str) -> tuple[float, ...] | None:
    """Three numbers in [0, 1]."""
    values = _json(path, metadata, key, list)
    if values is not None and not (len(values) == 3 and all(isinstance(v, (int, float)) for v in values)):
        raise ConfigError(f"expected three numbers as {key!r} of its metadata, got {values}", source=str(path))
    return None if values is None else tuple(values)
