"""A bundle as MLflow's `python_function`: `mlflow.pyfunc.load_model("models:/shirts@champion").predict([photo])`.

MLflow imports this module by name; the graph runs on ONNX Runtime, as everywhere.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from catalens.core.bundle import Bundle
from catalens.core.errors import ConfigError
from catalens.predict.predictor import DEFAULT_PROMISE, DEFAULT_TOP, Photo, Predictor

COLUMN = "photo"  # of a table


class BundleModel:
    """`predict` takes photos and answers for each as `catalens predict --json` does."""

    def __init__(self, bundle: Bundle) -> None:
        self.predictor = Predictor(bundle)

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Photos -> one answer each; a table (DataFrame) for a table, a list of dicts else.

        A photo is bytes, the path of a file, or "data:image/...;base64,...", in a list, or in a column `photo`.  A list
        in the place of a photo is the photos of one product.  `params`: `promise` and `top`.
        Raises PromiseError, or ConfigError where the input is none of these.
        """
        chosen = params or {}
        table = hasattr(model_input, "columns")
        products = _column(model_input) if table else [model_input] if _is_photo(model_input) else list(model_input)
        answers = [
            self.predictor.predict(
                [_photo(each) for each in ([product] if _is_photo(product) else product)],
                promise=float(chosen.get("promise", DEFAULT_PROMISE)),
                top=int(chosen.get("top", DEFAULT_TOP)),
            ).to_json()
            for product in products
        ]
        rows = [
            {
                "category": answer["labels"][0]["id"] if answer["labels"] else None,
                "path": list(answer["labels"][0]["path"]) if answer["labels"] else [],
                "score": answer["labels"][0]["score"] if answer["labels"] else 0.0,
                "decision": answer["decision"],
                "labels": answer["labels"],
                "findings": answer["findings"],
                "model": answer["model"],
            }
            for answer in answers
        ]
        return type(model_input)(rows) if table else rows


def _load_pyfunc(path: str) -> BundleModel:
    """What MLflow calls with the model's `data`, the folder of the bundle.  Raises BundleError."""
    return BundleModel(Bundle(Path(path)))


def _is_photo(value: Any) -> bool:
    return isinstance(value, str | bytes | bytearray | Path)


def _column(table: Any) -> Sequence[Any]:
    if COLUMN not in table.columns:
        raise ConfigError(f"expected a column {COLUMN!r}, got {', '.join(map(str, table.columns))}", key=COLUMN)
    column: Sequence[Any] = table[COLUMN].tolist()
    return column


def _photo(value: Any) -> Photo:
    if isinstance(value, bytes | bytearray):
        return Photo("photo", bytes(value))
    if isinstance(value, str) and value.startswith("data:"):
        try:
            return Photo("photo", base64.b64decode(value.partition(",")[2], validate=True))
        except binascii.Error as error:
            raise ConfigError(f"expected base64 after the comma of a data: URL ({error})", key=COLUMN) from None
    if isinstance(value, str | Path):
        try:
            return Photo(str(value), Path(value).read_bytes())
        except OSError as error:
            raise ConfigError(f"cannot be read ({error.strerror})", source=str(value), key=COLUMN) from None
    raise ConfigError(f"expected bytes, a path or a data: URL as a photo, got {type(value).__name__}", key=COLUMN)
