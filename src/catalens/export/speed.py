"""How large a bundle is, and how long a photo takes on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from catalens.core.bundle import MODEL, Bundle
from catalens.export.hostile import hostile_image
from catalens.export.onnx import export_onnx
from catalens.predict.predictor import Photo, Predictor
from catalens.predict.session import Session
from catalens.train.checkpoint import TrainedRun

TIMES = 20


@dataclass(frozen=True, slots=True)
class Speed:
    """`bytes` of model.onnx; medians over 20 predictions of one 401 x 533 JPEG, in milliseconds."""

    bytes: int
    decode_ms: float
    model_ms: float


def alone_ms(run: TrainedRun) -> float:
    """Milliseconds of the run's own network for one photo: what an average is to be compared with."""
    pixels = np.zeros((1, run.preprocess.size, run.preprocess.size, 3), np.uint8)
    with TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        shapes = export_onnx(run.model, run.preprocess, path)
        session = Session.of_graph(
            path,
            preprocess=run.preprocess,
            classes=shapes.classes,
            embedding_dim=shapes.embedding_dim,
            attributes=shapes.attributes,
        )
        session.run(pixels)
        times = []
        for _ in range(TIMES):
            started = perf_counter()
            session.run(pixels)
            times.append(1000 * (perf_counter() - started))
    return median(times)


def measure(bundle: Bundle) -> Speed:
    predictor = Predictor(bundle)
    image = hostile_image("plain.jpg")
    photos = [Photo(image.name, image.data)]
    predictor.predict(photos)  # the first one sets up memory
    timings = [predictor.predict(photos).timings_ms for _ in range(TIMES)]
    decode, model = (median(timing[step] for timing in timings) for step in ("decode_ms", "model_ms"))
    return Speed(bundle.model_path.stat().st_size, decode, model)
