"""Make `import torchvision` work beside a torch build without its compiled operators.

PyPI's torchvision is built for CUDA.  Beside a CPU build of torch its C++ library does not load, and the import
fails while registering a Python function for the operator `torchvision::nms`, which then does not exist.
Declaring the operators' schemas is enough for the import; transforms and models are plain Python.  Decoding and
`ops.nms` stay unusable, and are not used here.  Where torchvision loads, this does nothing.
"""

from __future__ import annotations

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library: torch.library.Library | None = None  # operators live as long as their library


def ensure_torchvision() -> None:
    """Import torchvision, declaring its missing operators if that is what stops it."""
    global _library
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        _library = torch.library.Library("torchvision", "DEF")
        for schema in _SCHEMAS:
            _library.define(schema)
        import torchvision  # noqa: F401
