"""Makes torchvision importable before a test imports timm."""

import catalens.train  # noqa: F401
