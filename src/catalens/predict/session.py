"""The only file that opens a graph: ONNX Runtime on the CPU, checked against the manifest when it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from catalens.core.attributes import head
from catalens.core.bundle import Bundle
from catalens.core.errors import BundleIncompatible
from catalens.core.preprocess import Preprocess
from catalens.core.scores import Floats

CHUNK = 32  # photos a graph call: larger ones cost memory and gain no speed on a CPU
OPSET = 17  # of the operators that graphs are written in
INPUT = "pixels"
OUTPUTS = ("logits", "embedding")


class Session:
    """A graph ready to run: uint8 [N, S, S, 3] -> logits float32 [N, C], embeddings float32 [N, D], and for each of
    `attributes` (name -> number of values V) logits float32 [N, V].  Thread safe.

    Raises BundleIncompatible if the graph's inputs and outputs are not those the manifest promises.
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None) -> None:
        self._open(
            bundle.model_path,
            preprocess=bundle.preprocess,
            classes=bundle.manifest.classes,
            embedding_dim=bundle.manifest.embedding_dim,
            attributes={name: len(values) for name, values in bundle.manifest.attributes.items()},
            threads=threads,
        )

    @classmethod
    def of_graph(
        cls,
        model: Path,
        *,
        preprocess: Preprocess,
        classes: int,
        embedding_dim: int,
        attributes: Mapping[str, int] | None = None,
        threads: int | None = None,
    ) -> Session:
        """A session over a graph that is not in a bundle yet: what export checks before it writes one."""
        session = cls.__new__(cls)
        session._open(
            model,
            preprocess=preprocess,
            classes=classes,
            embedding_dim=embedding_dim,
            attributes=attributes or {},
            threads=threads,
        )
        return session

    def _open(
        self,
        model: Path,
        *,
        preprocess: Preprocess,
        classes: int,
        embedding_dim: int,
        attributes: Mapping[str, int],
        threads: int | None,
    ) -> None:
        self._graph = open_graph(model, threads=threads)
        self.preprocess, self.classes, self.embedding_dim = preprocess, classes, embedding_dim
        size = preprocess.size
        _check(self._graph.get_inputs(), {INPUT: ("tensor(uint8)", [size, size, 3])}, model)
        self.attributes = tuple(attributes)
        heads = {head(name): width for name, width in attributes.items()}
        self._widths = {**dict(zip(OUTPUTS, (classes, embedding_dim), strict=True)), **heads}
        expected = {name: ("tensor(float)", [width]) for name, width in self._widths.items()}
        _check(self._graph.get_outputs(), expected, model)

    def run(self, pixels: npt.NDArray[np.uint8]) -> tuple[Floats, ...]:
        """uint8 [N, S, S, 3], any N -> (logits float32 [N, C], embeddings float32 [N, D], L2-normalised).

        Behind them come the logits float32 [N, V] of each attribute, in the order of `attributes`.
        """
        size = self.preprocess.size
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (size, size, 3):
            raise BundleIncompatible(
                f"expected pixels uint8 [N, {size}, {size}, 3], got {pixels.dtype} {list(pixels.shape)}"
            )
        outputs = tuple(np.empty((len(pixels), width), np.float32) for width in self._widths.values())
        for start in range(0, len(pixels), CHUNK):
            rows = slice(start, start + CHUNK)
            found = self._graph.run(list(self._widths), {INPUT: pixels[rows]})
            for output, values in zip(outputs, found, strict=True):
                output[rows] = values
        return outputs


def open_graph(model: Path, *, threads: int | None = None) -> ort.InferenceSession:
    """A file in ONNX Runtime.  Raises BundleIncompatible."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0: as many as there are cores
    options.log_severity_level = 3
    # else its threads spin on after a run and take the cores from what comes next: a run and a search among
    # 22,000 products took 17 ms, with this 6 ms
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no public base class
        cause = " ".join(str(error).split())[:200]
        message = f"ONNX Runtime {ort.__version__} does not open it ({cause})"
        raise BundleIncompatible(message, source=str(model)) from error


def _check(nodes: list[Any], expected: dict[str, tuple[str, list[int]]], model: Path) -> None:
    """Names, types and all axes but the first, which has to be free."""
    found = {node.name: node for node in nodes}
    if set(found) != set(expected):
        raise BundleIncompatible(
            f"expected the graph to have {sorted(expected)}, got {sorted(found)}", source=str(model)
        )
    for name, (kind, axes) in expected.items():
        node = found[name]
        if node.type != kind or list(node.shape[1:]) != axes or isinstance(node.shape[0], int):
            raise BundleIncompatible(
                f"expected {name} to be {kind} {['N', *axes]}, got {node.type} {list(node.shape)}",
                source=str(model),
                key=name,
            )
