"""Training.  The only package, with `export`, that imports torch."""

import os

# Read by OpenMP when torch is loaded.  Threads that wait by spinning take the core from the one they wait for: on two
# cores with one other busy process a step of MobileNetV2 was 1.7 times as fast with short spins, and 4 % slower alone.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from catalens.train.allocator import keep_freed_memory
from catalens.train.torchvision_ops import ensure_torchvision

keep_freed_memory()
ensure_torchvision()  # before any module of this package imports timm or Lightning
