"""Does the width of edges tell blur better than the variance of the Laplacian, or the measure of Crete et al. (2007)?

    python benchmarks/quality_sharpness.py [--data ../shared/data] [--photos 200]

AUROC on the same reduced copies of real photos, untouched against blurred.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from catalens.core.image import decode
from catalens.core.quality_sharpness import edge_width
from catalens.core.quality_windows import luma, reduced
from quality import DATA, auroc, chosen, files, read
from quality_damage import enlarged, jpeg, out_of_focus, shaken

Plane = np.ndarray[Any, Any]
BLURS = [(out_of_focus, 0.004), (out_of_focus, 0.008), (shaken, 0.015), (shaken, 0.03), (enlarged, 2), (enlarged, 4)]


def main() -> int:
    """A line for each blur, data set and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--photos", type=int, default=200)
    arguments = parser.parse_args()
    measures = {"edge width": width, "Crete": crete, "Laplacian": laplacian}
    print("data, blur, severity | " + " | ".join(measures))
    for name in ("fashion", "clothing", "grocery"):
        images = [decode(read(place)) for place in chosen(list(files(arguments.data, name)), arguments.photos)]
        clean = [luma(reduced(image)) for image in images]
        for blur, severity in BLURS:
            random = np.random.default_rng(0)
            worse = [luma(reduced(decode(jpeg(blur(image, severity, random))))) for image in images]
            cells = []
            for measure in measures.values():
                bad, good = (np.array([measure(plane) for plane in planes]) for planes in (worse, clean))
                cells.append(f"{auroc(bad, good):.3f}")
            print(f"{name}: {blur.__name__}, {severity} | " + " | ".join(cells), flush=True)
    return 0


def width(plane: Plane) -> float:
    """Ours; no edge at all is the widest."""
    told = edge_width(plane)
    return 9.0 if told is None else told


def crete(plane: Plane) -> float:
    """Blur in [0, 1]: how little a mean over nine pixels takes away from the steps between neighbours."""
    grey, found = plane.astype(np.float32), []
    for values in (grey, grey.T):
        wide = np.pad(values, ((0, 0), (5, 4)), mode="edge").cumsum(axis=1)
        steps, smooth = np.abs(np.diff(values, axis=1)), np.abs(np.diff((wide[:, 9:] - wide[:, :-9]) / 9, axis=1))
        taken = np.maximum(0, steps - smooth).sum()
        found.append((steps.sum() - taken) / max(float(steps.sum()), 1e-9))
    return float(max(found))


def laplacian(plane: Plane) -> float:
    """Minus the variance of the Laplacian."""
    grey = plane.astype(np.float32)
    around = grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1]
    return -float((around - 4 * grey[1:-1, 1:-1]).var())


if __name__ == "__main__":
    sys.exit(main())
