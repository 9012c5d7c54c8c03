"""How large a bundle is, and how long a photo takes on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from catalens.core.bundle import Bundle
from catalens.export.hostile import hostile_image
from catalens.predict.predictor import Photo, Predictor

TIMES = 20


@dataclass(frozen=True, slots=True)
class Speed:
    """`bytes` of model.onnx; medians over 20 predictions of one 401 x 533 JPEG, in milliseconds."""

    bytes: int
    decode_ms: float
    model_ms: float


def measure(bundle: Bundle) -> Speed:
    predictor = Predictor(bundle)
    image = hostile_image("plain.jpg")
    photos = [Photo(image.name, image.data)]
    predictor.predict(photos)  # the first one sets up memory
    timings = [predictor.predict(photos).timings_ms for _ in range(TIMES)]
    decode, model = (median(timing[step] for timing in timings) for step in ("decode_ms", "model_ms"))
    return Speed(bundle.model_path.stat().st_size, decode, model)
