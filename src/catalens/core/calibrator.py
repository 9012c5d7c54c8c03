"""From logits to probabilities that mean what they say: one rule, carried by the bundle, for evaluation and serving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from catalens.core.errors import BundleCorrupt
from catalens.core.scores import softmax

Kind = Literal["temperature", "vector"]
FILE = "calibrator.npz"  # in a bundle that has more to say than a temperature
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Isotonic:
    """A rising map of confidences in [0, 1], through the points (`said` [K], `meant` [K]) and straight between them."""

    said: Doubles
    meant: Doubles

    def __post_init__(self) -> None:
        ordered = (np.diff(self.said) > 0).all() and (np.diff(self.meant) >= 0).all()
        if self.said.ndim != 1 or self.said.shape != self.meant.shape or not len(self.said) or not ordered:
            raise ValueError("expected two rising lists of the same length")

    def __call__(self, confidence: npt.NDArray[np.floating]) -> Doubles:
        return np.interp(confidence, self.said, self.meant)


@dataclass(frozen=True, slots=True, eq=False)
class Calibrator:
    """`temperature` divides the logits (Guo et al., 2017).

    With vector scaling, each class has a `scale` and a `shift` of its own behind it, float64 [C]: its logit is
    `scale * (logit - the row's mean) / temperature + shift`.  `levels` maps a level to what its confidences mean, where
    raw ones mislead; being rising, such a map changes what is stated and never which node is chosen.
    """

    temperature: float = 1.0
    scale: Doubles | None = field(default=None, repr=False)
    shift: Doubles | None = field(default=None, repr=False)
    levels: Mapping[int, Isotonic] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"expected a temperature above 0, got {self.temperature}")
        if (self.scale is None) != (self.shift is None):
            raise ValueError("expected a scale and a shift, or neither")

    @property
    def kind(self) -> Kind:
        return "temperature" if self.scale is None else "vector"

    def logits(self, logits: npt.NDArray[np.floating]) -> Doubles:
        """float [N, C] -> float64 [N, C], whose softmax are the probabilities."""
        scaled = np.asarray(logits, dtype=np.float64) / self.temperature
        if self.scale is not None and self.shift is not None:
            # logits are known up to a constant a row, which no class's factor may turn into a difference
            scaled -= scaled.mean(axis=1, keepdims=True)
            scaled *= self.scale
            scaled += self.shift
        return scaled

    def probabilities(self, logits: npt.NDArray[np.floating]) -> Doubles:
        """float [N, C] -> float64 [N, C], rows sum to 1."""
        return softmax(self.logits(logits))

    def confidence(self, level: int, probability: npt.NDArray[np.floating]) -> Doubles:
        """How often a node at `level` of such a probability is right: float [N] -> float64 [N]."""
        said = np.asarray(probability, dtype=np.float64)
        return self.levels[level](said) if level in self.levels else said

    def write(self, folder: Path) -> None:
        """calibrator.npz in `folder`, where there is anything to write; the same values give the same bytes."""
        arrays: dict[str, Doubles] = {}
        if self.scale is not None and self.shift is not None:
            arrays |= {"scale": self.scale, "shift": self.shift}
        for level, curve in sorted(self.levels.items()):
            arrays |= {f"said_{level}": curve.said, f"meant_{level}": curve.meant}
        if arrays:
            np.savez(folder / FILE, **arrays)  # type: ignore[arg-type]  # numpy's stub takes them for its own flags


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """The probabilities of N rows of logits, made where they are asked for: `rows[a:b]` is float64 [b - a, C].

    So the memory for 200,000 rows of 5,000 classes is that of their logits, which may lie in a file.
    """

    calibrator: Calibrator
    of: npt.NDArray[np.floating]

    @property
    def shape(self) -> tuple[int, int]:
        return self.of.shape[0], self.of.shape[1]

    def __len__(self) -> int:
        return len(self.of)

    def __getitem__(self, rows: slice | npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Doubles:
        return self.calibrator.probabilities(self.of[rows])


def read_calibrator(temperature: float, folder: Path, *, classes: int, listed: bool) -> Calibrator:
    """The calibrator of a bundle; `listed`: its manifest names the file.  Raises BundleCorrupt naming the file."""
    if not listed:
        return Calibrator(temperature)
    path = folder / FILE
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name].astype(np.float64) for name in file.files}
        levels = {
            int(name.removeprefix("said_")): Isotonic(values[name], values[name.replace("said_", "meant_")])
            for name in values
            if name.startswith("said_")
        }
        read = Calibrator(temperature, values.get("scale"), values.get("shift"), levels)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise BundleCorrupt(f"does not hold a calibrator ({error})", source=str(path), key=FILE) from None
    for vector in (read.scale, read.shift):
        if vector is not None and not (vector.shape == (classes,) and np.isfinite(vector).all()):
            raise BundleCorrupt(f"expected {classes} finite numbers", source=str(path), key=FILE)
    return read
