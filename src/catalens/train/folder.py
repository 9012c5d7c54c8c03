"""run.json: what a run folder says of its run, and whether a run that goes on is the same run."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError
from catalens.core.preprocess import Preprocess
from catalens.core.taxonomy import Taxonomy
from catalens.train.backbones import Backbone
from catalens.train.epochs import CHECKPOINTS, INFO, LAST, TAXONOMY, read_info, write_info
from catalens.train.parts import Parts
from catalens.train.settings import TrainSettings
from catalens.train.weights import content_digest

# what may change between a run and its going on: nothing that the weights depend on
FREE = ("workers", "cache", "cache_gb", "cache_dir", "checkpoint_s", "tracking", "experiment")


def describe(
    catalog: Catalog, data: Parts, settings: TrainSettings, preprocess: Preprocess, backbone: Backbone
) -> dict[str, Any]:
    """What run.json says at the start."""
    taxonomy = data.taxonomy
    return {
        "settings": settings.model_dump(mode="json"),
        "preprocess": preprocess.to_json(),
        "backbone": backbone.options,
        "weights_digest": content_digest(settings.weights),  # of what it began with
        "catalog": {"path": str(catalog.path.resolve()), "name": catalog.info.name, "digest": catalog.digest},
        "train_digest": data.part.digest,  # of the whole part: by it, a catalog that was split anew is told
        "trained_digest": data.train.digest,
        "train_photos": len(data.train),
        "skipped_photos": len(data.part) - len(data.train),
        "train_counts": {leaf: data.products[leaf] for leaf in taxonomy.leaves},
        "attributes": data.vocabulary.to_json(),
        "left_out": {leaf: count for leaf, count in data.products.items() if leaf not in taxonomy},
        "libraries": {name: version(name) for name in ("torch", "timm", "lightning", "pillow", "numpy")},
        "status": "running",
    }


def open_folder(folder: Path, info: dict[str, Any], taxonomy: Taxonomy, *, resume: bool) -> None:
    """Write run.json and the taxonomy, or see that a resumed run is the same run."""
    if not resume:
        if (folder / INFO).exists():
            raise ConfigError(
                "already holds a run; pass --resume to go on, or choose another folder", source=str(folder)
            )
        folder.mkdir(parents=True, exist_ok=True)
        taxonomy.write(folder / TAXONOMY)
        write_info(folder, info)
        return
    before, now = read_info(folder), json.loads(json.dumps(info))
    for free in FREE:
        before.get("settings", {}).pop(free, None)
        now["settings"].pop(free)
    for key in ("settings", "preprocess", "train_digest", "trained_digest"):
        if before.get(key) != now[key]:
            changed = _changed(before.get(key), now[key])
            raise ConfigError(
                f"cannot be resumed: {key} changed{changed} since it was started", source=str(folder), key=key
            )
    _same_weights(folder, before, now)
    info["weights_digest"] = before.get("weights_digest", info["weights_digest"])


def _same_weights(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """A run that goes on has all weights in its checkpoint; but a trunk that is computed once is that of the start."""
    needed = now["settings"]["views"] or not (folder / CHECKPOINTS / LAST).exists()
    if needed and before.get("weights_digest", now["weights_digest"]) != now["weights_digest"]:
        weights = now["settings"]["weights"]
        message = f"cannot be resumed: {weights} does not hold the weights it began with; put them back, or train anew"
        raise ConfigError(message, source=str(folder), key="weights")


def _changed(before: Any, now: Any) -> str:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return ""
    keys = sorted(key for key in {**before, **now} if before.get(key) != now.get(key))
    return f" ({', '.join(f'{key}: {before.get(key)} -> {now.get(key)}' for key in keys)})"
