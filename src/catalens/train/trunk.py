"""The frozen trunk, computed as fast as the machine does it: pictures and graph calls on all cores side by side.

On a CPU the trunk runs in ONNX Runtime, one photo and one thread a call.  Measured on two cores, ms a photo at 224
pixels: MobileNetV2 1.6 so, 2.7 as a frozen TorchScript graph on both cores, 3.9 in PyTorch; MobileNetEdgeTPU 4.1, 4.9
and 6.1.
"""

from __future__ import annotations

import tempfile
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from catalens.core.workers import side_by_side
from catalens.predict.session import INPUT, OPSET, open_graph
from catalens.train.dataset import PhotoDataset, Place
from catalens.train.model import Classifier
from catalens.train.split import Split, evaluated, example

BATCH = 16  # photos that PyTorch computes at once: faster than 8 or 32, whose arrays no longer fit the caches
OUTPUT = "activation"
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trunk:
    """`run` maps uint8 [N, S, S, 3] to float32 [N, ...] from any thread, best for `batch` photos at once."""

    run: Callable[[npt.NDArray[np.uint8]], Floats]
    batch: int


def computed(
    trunk: Trunk, dataset: PhotoDataset, places: Sequence[Place], threads: int
) -> Generator[Floats, None, None]:
    """The activation float32 [...] of each place, in order.  Raises what reading a photo raises."""
    chunks = [places[first : first + trunk.batch] for first in range(0, len(places), trunk.batch)]

    def compute(chunk: Sequence[Place]) -> Floats:
        return trunk.run(dataset.__getitems__(chunk)[0].numpy())

    for rows in side_by_side(compute, chunks, threads, name="frozen"):
        yield from rows


def in_torch(parts: Split, device: torch.device) -> Trunk:
    """The trunk as it is, one call at a time: its cut is no matter of one thread."""
    alone = threading.Lock()

    def run(pixels: npt.NDArray[np.uint8]) -> Floats:
        with alone:
            return parts.trunk(torch.from_numpy(pixels).to(device)).float().cpu().numpy()

    return Trunk(run, BATCH)


def fast(model: Classifier, parts: Split, size: int) -> Trunk | None:
    """The trunk in ONNX Runtime; None where it cannot be traced or gives other values."""

    class Traced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixels: Tensor) -> Tensor:
            return parts.trunk(pixels)

    with warnings.catch_warnings(), torch.no_grad(), evaluated(model), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # of tracing: what it warns of is compared below
        path = Path(folder) / "trunk.onnx"
        try:
            torch.onnx.export(
                Traced().eval(),
                (example(size, 2),),
                str(path),
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "N"}, OUTPUT: {0: "N"}},
            )
            graph = open_graph(path, threads=1)
        except Exception:  # tracing raises whatever the network's own code does on it
            return None
        pixels = example(size, 3)
        expected = parts.trunk(pixels).float().numpy()

    def run(pixels: npt.NDArray[np.uint8]) -> Floats:
        found: Floats = graph.run([OUTPUT], {INPUT: pixels})[0]
        return found

    try:
        found = run(pixels.numpy())
    except Exception:  # ONNX Runtime's errors have no public base class
        return None
    same = found.shape == expected.shape and np.allclose(found, expected, rtol=1e-3, atol=1e-3)
    return Trunk(run, 1) if same else None
