"""A bundle calibrated anew on other labelled products: the same graph, new probabilities, promises and sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from catalens.core.bundle import MANIFEST, Bundle, write_bundle
from catalens.core.calibrator import FILE as CALIBRATOR
from catalens.core.catalog import Catalog
from catalens.core.errors import BundleError, ConfigError
from catalens.core.openworld import FILE as OPEN_WORLD
from catalens.core.progress import Progress, silent
from catalens.evaluate.prior import Method
from catalens.export.calibration import Calibration, CalibrationSettings, calibrate_on, fields_of
from catalens.export.card import card
from catalens.export.gallery import section
from catalens.export.gallery_promises import with_added
from catalens.export.mix import mix_of
from catalens.predict.session import Session

CARD = "card.md"
REPLACED = (MANIFEST, CARD, CALIBRATOR, OPEN_WORLD)


class RecalibrateSettings(CalibrationSettings):
    """`[calibrate]` of a TOML file, or `--set calibrate.KEY=VALUE`."""

    mix_of: Path | None = Field(None, description="a catalog without labels, whose mix of categories is corrected for")
    mix_part: str | None = Field(None, description="the part of that catalog; all of it where not given")
    mix_method: Method = Field("em", description="em (Saerens et al., 2002) or bbse (Lipton et al., 2018)")
    name: str | None = Field(None, description="of the new bundle; the old one's where not given")
    overwrite: bool = Field(False, description="replace a bundle that is there, the old one included")


def run(
    bundle: Bundle,
    catalog: Catalog,
    path: Path,
    settings: RecalibrateSettings,
    *,
    progress: Progress = silent,
) -> Bundle:
    """Write `bundle` to `path` with a calibration on `catalog`; with `overwrite`, `path` may be the bundle's own.

    Raises BundleError if the name is taken, CatalogError if there is nothing to calibrate on, or if the catalog is the
    one that was trained on and was split anew since: then products of training stand among those to calibrate on.
    """
    if path.exists() and not settings.overwrite:  # said before the work, not after
        raise BundleError("already exists; choose another name or pass --overwrite", source=str(path))
    if settings.mix_of is not None and bundle.gallery is not None:
        raise ConfigError("a bundle that categories were added to is not corrected for a mix", key="mix_of")
    manifest = bundle.manifest
    catalog.check_not_split_anew(bundle.base_taxonomy, manifest.training)
    session = Session(bundle)
    calibration = calibrate_on(
        session,
        catalog,
        bundle.base_taxonomy,
        settings,
        fusion=bundle.fusion,
        known=bundle.open_world,
        progress=progress,
    )
    gallery = bundle.gallery
    if gallery is not None:
        calibration, gallery = with_added(session, catalog, bundle, gallery, calibration, settings, progress=progress)
    mix = None
    if settings.mix_of is not None:
        mix = mix_of(
            session,
            Catalog(settings.mix_of),
            bundle.taxonomy,
            calibration,
            settings,
            part=settings.mix_part,
            method=settings.mix_method,
            fusion=bundle.fusion,
            progress=progress,
        )

    def fill(folder: Path) -> dict[str, Any]:
        bundle.copy_files(folder, without=REPLACED)
        calibration.write(folder)
        fields = _fields(bundle, calibration, settings) | {"mix": mix}
        text = card(fields, bundle.taxonomy, calibration)
        if gallery is not None:
            fields["gallery"] = {**fields["gallery"], **gallery.to_json()}
            text = f"{text}\n{section(gallery, bundle.taxonomy, fields['gallery']['fitted'])}"
        (folder / CARD).write_text(text, encoding="utf-8")
        return fields

    return write_bundle(path, fill, overwrite=settings.overwrite)


def _fields(bundle: Bundle, calibration: Calibration, settings: RecalibrateSettings) -> dict[str, Any]:
    """The old manifest's fields with the new calibration; `calibrated_from` says which bundle this was."""
    old = bundle.manifest.model_dump(exclude={"files", "version", "format_version"})
    fusion = bundle.manifest.calibration.get("fusion", {"kind": bundle.manifest.fusion, "note": "", "table": {}})
    new = fields_of(calibration, fusion)
    new["calibration"]["calibrated_from"] = bundle.name
    return {**old, **new, "name": settings.name or bundle.manifest.name}
