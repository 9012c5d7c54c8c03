"""From a training run to a bundle: graph, parity gate, calibration, promises.  A bundle that fails is not written."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from catalens.core.attributes import head
from catalens.core.bundle import MODEL, TAXONOMY, Bundle, write_bundle
from catalens.core.catalog import Catalog
from catalens.core.errors import BundleError, CatalogError
from catalens.core.progress import Progress, silent
from catalens.export.averaged import Averaged, average
from catalens.export.calibration import CalibrationSettings, calibrate_on, fields_of
from catalens.export.card import card
from catalens.export.fusion import fusion_on
from catalens.export.hostile import hostile_images
from catalens.export.onnx import export_onnx
from catalens.export.parity import ParityReport, check_parity
from catalens.predict.examples import write_examples
from catalens.predict.session import OPSET, Session
from catalens.train.checkpoint import TrainedRun, load_run
from catalens.train.fusion import How
from catalens.train.model import Classifier

LIBRARIES = ("torch", "timm", "onnx", "onnxruntime", "numpy", "pillow")
FROM_RUN = ("settings", "epochs", "best", "seconds", "train_photos", "train_digest", "train_counts")


class ExportSettings(CalibrationSettings):
    """`[export]` of a TOML file, or `--set export.KEY=VALUE`."""

    name: str | None = Field(None, description="of the bundle; its folder's name where not given")
    weights: Literal["best", "last"] | None = Field(None, description="the epoch; the one the run kept where not given")
    fusion: How | None = Field(
        None, description="how a product's photos are put together; as the run was told where not given"
    )
    members: tuple[Path, ...] = Field((), description="more runs, whose answers are averaged with the first one's")
    flip: bool = Field(False, description="average each photo with its mirror image")
    scales: tuple[float, ...] = Field((1.0,), min_length=1, description="sizes of a photo to average, 1 its own")
    overwrite: bool = Field(False, description="replace a bundle that is there")

    @field_validator("members", mode="before")
    @classmethod
    def _paths_from_text(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("scales")
    @classmethod
    def _usable(cls, scales: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0.25 <= scale <= 4 for scale in scales) or len(set(scales)) < len(scales):
            raise ValueError("expected different scales between 0.25 and 4")
        return scales


def run(
    run_folder: Path,
    bundle_path: Path,
    settings: ExportSettings,
    *,
    catalog: Catalog | None = None,
    progress: Progress = silent,
) -> Bundle:
    """Export a run; the catalog is the run's own where none is given.

    Raises ParityError if the graph does not answer as the checkpoint does, CatalogError if there is nothing to
    calibrate on or it was split anew since training, BundleError if the name is taken; nothing is written then.
    """
    if bundle_path.exists() and not settings.overwrite:  # said before the work, not after
        raise BundleError("already exists; choose another name or pass --overwrite", source=str(bundle_path))
    runs = [load_run(folder, settings.weights) for folder in (run_folder, *settings.members)]
    trained, model = runs[0], average(runs, flip=settings.flip, scales=settings.scales)
    catalog = catalog or _catalog_of(trained, run_folder)
    # a catalog that was split anew has photos in calib that the model has learnt: its promises would be empty
    catalog.check_not_split_anew(trained.taxonomy, trained.info)

    def fill(folder: Path) -> dict[str, Any]:
        name = settings.name or bundle_path.stem
        return fill_bundle(folder, trained, catalog, settings, model=model, name=name, progress=progress)

    return write_bundle(bundle_path, fill, overwrite=settings.overwrite)


def fill_bundle(
    folder: Path,
    trained: TrainedRun,
    catalog: Catalog,
    settings: ExportSettings,
    *,
    name: str,
    progress: Progress,
    model: Classifier | Averaged | None = None,
) -> dict[str, Any]:
    """Put everything but the manifest into `folder`; the manifest's fields.  `model` is the run's own where not given.

    Raises ParityError or CatalogError.
    """
    model = model or trained.model
    preprocess, taxonomy = trained.preprocess, trained.taxonomy
    shapes = export_onnx(model, preprocess, folder / MODEL)
    session = Session.of_graph(
        folder / MODEL,
        preprocess=preprocess,
        classes=shapes.classes,
        embedding_dim=shapes.embedding_dim,
        attributes=shapes.attributes,
    )
    parity = _pass_gate(folder, trained, model, session)
    told = trained.info["settings"]
    fusion, fused = fusion_on(
        session,
        catalog,
        taxonomy,
        how=settings.fusion or told.get("fusion", "mean"),
        seed=told.get("seed", 0),
        progress=progress,
    )
    fusion.write(folder)
    calibration = calibrate_on(
        session,
        catalog,
        taxonomy,
        settings,
        fusion=fusion,
        progress=progress,
    )
    calibration.write(folder)
    taxonomy.write(folder / TAXONOMY)
    fields = {
        "name": name,
        "preprocess": preprocess.to_json(),
        "taxonomy_digest": taxonomy.digest,
        "classes": shapes.classes,
        "embedding_dim": shapes.embedding_dim,
        "heads": ["category", *(head(name) for name in shapes.attributes)],
        "attributes": trained.info.get("attributes", {}),
        "fusion": fusion.kind,
        **fields_of(calibration, fused.to_json()),
        "catalog_digest": catalog.digest,
        "training": _training(trained, model, parity, settings),
        "libraries": {library: version(library) for library in LIBRARIES},
    }
    (folder / "card.md").write_text(card(fields, taxonomy, calibration), encoding="utf-8")
    return fields


def _pass_gate(folder: Path, trained: TrainedRun, model: Classifier | Averaged, session: Session) -> ParityReport:
    """Compare on the hostile photos, and leave them with their answers as the bundle's examples."""
    photos = hostile_images()
    squares = [trained.preprocess.square(photo.data, source=photo.name) for photo in photos]
    pixels = np.stack(squares)
    report = check_parity(model, session, [photo.name for photo in photos], pixels)
    files = [(photo.name, photo.data) for photo in photos]
    write_examples(folder, files, squares, session.run(pixels)[0], trained.taxonomy.leaves)
    return report


def _catalog_of(trained: TrainedRun, run_folder: Path) -> Catalog:
    path = Path(trained.info["catalog"]["path"])
    if not path.is_dir():
        raise CatalogError(
            f"the run {run_folder} was trained on it, and it is not there any more; pass --catalog", source=str(path)
        )
    return Catalog(path)


def _training(
    trained: TrainedRun, model: Classifier | Averaged, parity: ParityReport, settings: ExportSettings
) -> dict[str, Any]:
    """The essentials of run.json, without paths of the machine it ran on."""
    info = trained.info
    catalog = {key: value for key, value in info["catalog"].items() if key != "path"}
    taken = {key: info[key] for key in FROM_RUN if key in info}
    weights = settings.weights or info["settings"]["keep"]
    exported = {"weights": weights, "opset": OPSET, "parity": asdict(parity), **_averaging(model, settings)}
    return {**taken, "catalog": catalog, "left_out": len(info.get("left_out", {})), "export": exported}


def _averaging(model: Classifier | Averaged, settings: ExportSettings) -> dict[str, Any]:
    if not isinstance(model, Averaged):
        return {}
    views = {"flip": settings.flip, "scales": list(settings.scales)}
    return {"averaging": {"networks": len(model.members), **views, "passes": model.passes}}
