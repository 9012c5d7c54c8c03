"""Small trained-looking networks and runs for the tests of export, made in milliseconds."""

from __future__ import annotations

import torch
from torch import nn

from catalens.core.catalog import Catalog
from catalens.core.preprocess import Preprocess
from catalens.core.taxonomy import Taxonomy
from catalens.train.checkpoint import TrainedRun
from catalens.train.dataset import photos_of
from catalens.train.model import Classifier


def small_network(preprocess: Preprocess, classes: int, *, seed: int = 0, spread: float = 8.0) -> Classifier:
    """Two convolutions with batch norm whose statistics are not the initial ones, so that folding them wrongly shows.

    `spread` scales the classifier, so that classes differ by whole logits as a trained network's do.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        for layer in backbone:
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean = torch.randn(layer.num_features) * 0.2
                layer.running_var = torch.rand(layer.num_features) + 0.5
        model = Classifier(preprocess, backbone, features=16, classes=classes)
        nn.init.normal_(model.head.weight, std=spread)
    return model.eval()


def small_run(catalog: Catalog, taxonomy: Taxonomy | None = None, *, size: int = 32) -> TrainedRun:
    """What `load_run` gives of a run on `catalog`, without a folder; `taxonomy` where fewer leaves were trained."""
    taxonomy = taxonomy or catalog.taxonomy
    train = photos_of(catalog, "train", taxonomy)
    preprocess = Preprocess(size=size)
    info = {
        "settings": {
            "model": "small",
            "weights": "/home/someone/w.safetensors",
            "mode": "full",
            "seed": 0,
            "keep": "best",
        },
        "epochs": 2,
        "best": {"epoch": 1, "val_top1": 0.5},
        "train_photos": len(train),
        "train_digest": train.digest,
        "train_counts": dict.fromkeys(taxonomy.leaves, 6),
        "left_out": {},
        "catalog": {"path": str(catalog.path), "name": catalog.info.name, "digest": catalog.digest},
    }
    return TrainedRun(small_network(preprocess, len(taxonomy.leaves)), preprocess, taxonomy, info)
