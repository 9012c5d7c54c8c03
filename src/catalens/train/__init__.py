"""Training.  The only package, with `export`, that imports torch."""

from catalens.train.torchvision_ops import ensure_torchvision

ensure_torchvision()  # before any module of this package imports timm or Lightning
