"""`catalens train`: from a split catalog to a run folder.  `run` is the whole story; the rest is its detail."""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections import Counter
from collections.abc import Callable, Set
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError, ConfigError
from catalens.core.flagged import flagged
from catalens.core.preprocess import Preprocess
from catalens.core.progress import Progress, silent
from catalens.core.taxonomy import Taxonomy
from catalens.train.augment import Augment
from catalens.train.backbones import Backbone, create
from catalens.train.checkpoint import CHECKPOINTS, INFO, TAXONOMY, read_info, write_info
from catalens.train.dataset import PhotoDataset, Photos, loader, photos_of
from catalens.train.history import History
from catalens.train.model import build
from catalens.train.module import TrainModule
from catalens.train.settings import TrainSettings


def run(
    catalog: Catalog,
    folder: Path,
    settings: TrainSettings,
    *,
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train a model on the catalog's `train` part, watched on its `val` part; what run.json says at the end.

    The same catalog, settings, seed and number of threads give the same run.  With `resume`, a run that was stopped
    goes on after its last finished epoch as if it had not been.  `say` gets a line an epoch.
    Raises ConfigError or CatalogError.
    """
    skipped = flagged(catalog, settings.skip_flags) if settings.skip_flags else set()
    counts = train_counts(catalog, skipped)
    taxonomy = trained_taxonomy(catalog, counts, settings.min_products)
    has_val = "val" in catalog.split.values()
    if not has_val and (settings.keep == "best" or settings.patience):
        raise ConfigError("the catalog has no part 'val' to choose an epoch by; set train.keep=last, train.patience=0")
    L.seed_everything(settings.seed, verbose=False)
    backbone = create(settings.model, weights=settings.weights, size=settings.size)
    preprocess = _preprocess(settings, backbone)
    part = photos_of(catalog, "train", taxonomy)
    train = part.without(skipped)
    val = photos_of(catalog, "val", taxonomy) if has_val else None

    info = _describe(catalog, counts, settings, preprocess, backbone, taxonomy, part)
    info |= {"train_photos": len(train), "skipped_photos": len(part) - len(train), "trained_digest": train.digest}
    _open_folder(folder, info, taxonomy, resume=resume)
    model = build(backbone, preprocess, classes=len(taxonomy.leaves), dropout=settings.dropout)
    history = History(folder, say=say, progress=progress)
    checkpoint = _last_checkpoint(folder) if resume else None
    trainer = _trainer(folder, settings, history, watched=val is not None)
    trainer.fit(
        TrainModule(model, settings),
        loader(
            PhotoDataset(train, preprocess, Augment(settings.augment, settings.size, seed=settings.seed)),
            batch=settings.batch,
            workers=settings.workers,
            seed=settings.seed,
            epoch=_epochs_done(checkpoint),
        ),
        loader(PhotoDataset(val, preprocess), batch=2 * settings.batch, workers=settings.workers, seed=None)
        if val is not None
        else None,
        ckpt_path=checkpoint,
        weights_only=True,
    )
    info |= _outcome(history)
    write_info(folder, info)
    return info


def trained_taxonomy(catalog: Catalog, counts: Counter[str], min_products: int) -> Taxonomy:
    """The tree over the leaves with `min_products` products in train.  Raises CatalogError if there are none."""
    leaves = [leaf for leaf in catalog.taxonomy.leaves if counts[leaf] >= min_products]
    if not leaves:
        message = f"no category has {min_products} products in part 'train'"
        raise CatalogError(message, source=str(catalog.path))
    return catalog.taxonomy.subset(leaves)


def train_counts(catalog: Catalog, skipped: Set[str] = frozenset()) -> Counter[str]:
    """Leaf id -> number of products in train, but for those all of whose photos are skipped."""
    categories = catalog.categories
    products = [product for product, part in catalog.split.items() if part == "train"]
    if skipped:
        images = catalog.images_of("train")
        owners = zip(images["product_id"].to_pylist(), images["image_id"].to_pylist(), strict=True)
        seen = {product for product, photo in owners if photo not in skipped}
        products = [product for product in products if product in seen]
    return Counter(leaf for product in products if (leaf := categories[product]) is not None)


def _preprocess(settings: TrainSettings, backbone: Backbone) -> Preprocess:
    return Preprocess(
        size=settings.size,
        resize=settings.resize,
        interpolation=settings.interpolation,
        mean=backbone.mean,
        std=backbone.std,
    )


def _describe(
    catalog: Catalog,
    counts: Counter[str],
    settings: TrainSettings,
    preprocess: Preprocess,
    backbone: Backbone,
    taxonomy: Taxonomy,
    part: Photos,
) -> dict[str, Any]:
    return {
        "settings": settings.model_dump(mode="json"),
        "preprocess": preprocess.to_json(),
        "backbone": backbone.options,
        "catalog": {"path": str(catalog.path.resolve()), "name": catalog.info.name, "digest": catalog.digest},
        "train_digest": part.digest,  # of the whole part: by it, a catalog that was split anew is told
        "train_counts": {leaf: counts[leaf] for leaf in taxonomy.leaves},
        "left_out": {leaf: count for leaf, count in counts.items() if leaf not in taxonomy},
        "libraries": {name: version(name) for name in ("torch", "timm", "lightning", "pillow", "numpy")},
        "status": "running",
    }


def _open_folder(folder: Path, info: dict[str, Any], taxonomy: Taxonomy, *, resume: bool) -> None:
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
    before, info = read_info(folder), json.loads(json.dumps(info))
    for key in ("settings", "preprocess", "train_digest", "trained_digest"):
        if before.get(key) != info[key]:
            changed = _changed(before.get(key), info[key])
            raise ConfigError(
                f"cannot be resumed: {key} changed{changed} since it was started", source=str(folder), key=key
            )


def _changed(before: Any, now: Any) -> str:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return ""
    keys = sorted(key for key in {**before, **now} if before.get(key) != now.get(key))
    return f" ({', '.join(f'{key}: {before.get(key)} -> {now.get(key)}' for key in keys)})"


def _last_checkpoint(folder: Path) -> Path | None:
    """None where the run was stopped before its first epoch was finished: it starts again."""
    path = folder / CHECKPOINTS / "last.ckpt"
    return path if path.exists() else None


def _epochs_done(checkpoint: Path | None) -> int:
    if checkpoint is None:
        return 0
    done: int = torch.load(checkpoint, map_location="cpu", weights_only=True)["epoch"] + 1
    return done


def _trainer(folder: Path, settings: TrainSettings, history: History, *, watched: bool) -> L.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    # two cores: the hint to use more loader workers does not apply, and resuming at an epoch border is what is meant
    warnings.filterwarnings("ignore", module="lightning")
    kept: dict[str, Any] = {
        "dirpath": folder / CHECKPOINTS,
        "save_on_train_epoch_end": True,
        "enable_version_counter": False,
    }
    callbacks: list[Callback] = [history]
    if watched:
        callbacks.append(ModelCheckpoint(filename="best", monitor="val_top1", mode="max", **kept))
    if settings.patience:
        callbacks.append(
            EarlyStopping("val_top1", mode="max", patience=settings.patience, check_on_train_epoch_end=True)
        )
    callbacks.append(ModelCheckpoint(filename="last", **kept))
    return L.Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=settings.epochs,
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def _outcome(history: History) -> dict[str, Any]:
    """`seconds` is that of all epochs, those before a resumption included."""
    watched = [row for row in history.rows if not math.isnan(row["val_top1"])]
    best = max(watched, key=lambda row: row["val_top1"], default=None)
    return {
        "status": "finished",
        "epochs": len(history.rows),
        "best": {"epoch": int(best["epoch"]), "val_top1": best["val_top1"]} if best else None,
        "seconds": round(sum(row["seconds"] for row in history.rows), 1),
    }
