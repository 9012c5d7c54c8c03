"""New categories without training: a few photos of each, written into a bundle beside the trained ones.

The graph stays as it is.  The bundle gets a `gallery.npz`, a longer taxonomy, and a list of what was added in its
manifest, so every addition is a version of its own.  Promises do not cover an added category until the bundle is
calibrated on products of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalens.core.bundle import MANIFEST, TAXONOMY, Bundle, write_bundle
from catalens.core.catalog import Catalog
from catalens.core.config import Settings
from catalens.core.errors import BundleError, CatalogError, ConfigError, TaxonomyError
from catalens.core.gallery import FILE, Added, Gallery
from catalens.core.gallery_tree import Leaf, extended
from catalens.core.progress import Progress, silent
from catalens.core.registry import hint
from catalens.core.scores import Floats
from catalens.core.taxonomy import SEPARATOR, Taxonomy
from catalens.evaluate import gallery as fitting
from catalens.export.calibration import labelled
from catalens.export.openworld import training_photos
from catalens.predict.predictor import Photo
from catalens.predict.session import Session

if TYPE_CHECKING:
    from pathlib import Path

CARD = "card.md"
REPLACED = (MANIFEST, TAXONOMY, FILE, CARD)
SECTION = "## Added categories"  # of the card; stands last
FEWEST, MOST = 3, 20  # photos of a category; of more than 8 each one adds little, and with many training is better
TRAIN, FALLBACK = "train", "val"


class GallerySettings(Settings):
    """`[gallery]` of a TOML file, or `--set gallery.KEY=VALUE`."""

    name: str | None = Field(None, description="of the new bundle; the old one's where not given")
    overwrite: bool = Field(False, description="replace a bundle that is there, the old one included")
    calibrate_on: str = Field("calib", description="the part the gate is fitted on; val where there is no such part")
    cost: float = Field(0.01, ge=0, lt=1, description="the most accuracy that the trained categories may lose")
    rounds: int = Field(fitting.ROUNDS, ge=1, description="how often categories are hidden to fit the gate")
    seed: int = 0


@dataclass(frozen=True, slots=True)
class NewCategory:
    """A category to add: where it stands in the tree, and photos of it."""

    leaf: Leaf
    photos: tuple[Photo, ...]


def add(
    bundle: Bundle,
    path: Path,
    categories: Sequence[NewCategory],
    settings: GallerySettings,
    *,
    catalog: Catalog | None = None,
    progress: Progress = silent,
) -> Bundle:
    """Write `bundle` to `path` with more categories; with `overwrite`, `path` may be the bundle's own.

    `catalog` is the one the bundle was trained on.  It is needed the first time, for the directions of the trained
    categories and the gate; given again, both are made anew, for all categories that are added by then.  Where it is
    not given again, the gate becomes more careful, and finds fewer products of all added categories.

    Raises BundleError if the name is taken, ConfigError for photos that are too few, too many or the same, ImageError
    for one that cannot be read, TaxonomyError for an id or a parent that does not do, CatalogError if the catalog was
    split anew since training or has too little to fit the gate on.  Nothing is written then.
    """
    _free(path, settings.overwrite)
    old = bundle.gallery
    if not categories:
        raise ConfigError("expected a category or more to add, got none")
    if old is None and catalog is None:
        raise ConfigError(
            "nothing was added to this bundle yet, so the gate has to be fitted: pass the catalog it was trained on",
            source=bundle.name,
            key="catalog",
        )
    taxonomy = extended(bundle.taxonomy, [new.leaf for new in categories])
    _check_photos(categories)
    session = Session(bundle)
    embeddings, owners = _embed(session, categories), _owners(categories)
    before = old.categories if old is not None else ()
    if old is not None:
        embeddings = np.concatenate([old.embeddings, embeddings])
        owners = np.concatenate([old.owners, owners + len(before)])
    added = tuple(
        Added(new.leaf.id, new.leaf.name, taxonomy[new.leaf.id].parent, len(new.photos)) for new in categories
    )
    if catalog is not None:
        fitted = _fit(bundle, session, catalog, settings, (embeddings, owners), progress)
        space, base, gate = fitted.space, fitted.base, fitted.gate
        report = {**fitted.to_json(), "catalog_digest": catalog.digest}
    elif old is not None:
        space, base, report = old.space, old.base, {**_report(bundle), "actual": None}
        # nothing counts what these cost the trained ones, so the gate is as careful as the simulation says
        gate = replace(old.gate, offset=min(old.gate.offset, report["careful"]))
    gallery = Gallery((*before, *added), embeddings, owners.astype(np.int32), space, base, gate)
    return _write(bundle, path, gallery, taxonomy, report, settings)


def remove(bundle: Bundle, path: Path, ids: Sequence[str], settings: GallerySettings) -> Bundle:
    """Write `bundle` to `path` without some of the categories that were added.

    Raises TaxonomyError where there is no such category, or one that was trained; BundleError if the name is taken.
    """
    _free(path, settings.overwrite)
    old = bundle.gallery
    there = [category.id for category in old.categories] if old is not None else []
    for one in ids:
        if one in bundle.taxonomy.leaf_index and one not in there:
            raise TaxonomyError(f"{one!r} was trained, not added, so it cannot be removed", key=one)
        if one not in there:
            raise TaxonomyError(f"no category {one!r} was added{hint(one, there)}", source=bundle.name, key=one)
    if old is None or not ids:
        raise ConfigError("expected the id of a category or more, got none")
    kept = [place for place, one in enumerate(there) if one not in ids]
    rows = np.isin(old.owners, kept)
    gallery = replace(
        old,
        categories=tuple(old.categories[place] for place in kept),
        embeddings=old.embeddings[rows],
        owners=np.searchsorted(kept, old.owners[rows]).astype(np.int32),
    )
    taxonomy = bundle.taxonomy.subset(leaf for leaf in bundle.taxonomy.leaves if leaf not in ids)
    return _write(bundle, path, gallery, taxonomy, _report(bundle), settings)


def section(gallery: Gallery, taxonomy: Taxonomy, report: Mapping[str, Any]) -> str:
    """Markdown for the end of a card; empty where nothing was added."""
    if not gallery.categories:
        return ""
    lines = [
        SECTION,
        "",
        "They were not trained: products are compared with a few photos of each. Where one of them is the best answer, "
        "a person is asked, until the bundle was calibrated on products of it.",
        "",
        "| category | photos | looks most like | promises hold |",
        "|---|---|---|---|",
    ]
    for category, alike in zip(gallery.categories, gallery.alike(), strict=True):
        paths = (SEPARATOR.join(taxonomy.path_names(leaf)) for leaf in (category.id, taxonomy.leaves[alike.leaf]))
        own, other = paths
        lines.append(f"| {own} | {category.photos} | {other} ({alike.cosine:.2f}) | {_yes(category.promised)} |")
    first = report["trials"][0]
    lines += [
        "",
        f"Where {first['hidden']} trained categories were hidden and given back by {first['photos']} photos each, "
        f"{first['measured']['new_right']:.2f} of their products were found. The network had seen these in training: "
        "of really new categories less may be found.",
    ]
    if actual := report["actual"]:
        lines[-1] += (
            f" On {actual['old']:,} calibration products of trained categories, accuracy went from "
            f"{actual['old_before']:.3f} to {actual['old_after']:.3f}."
        )
    return "\n".join(lines) + "\n"


def _yes(value: bool) -> str:
    return "yes" if value else "not yet"


def _free(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:  # said before the work, not after
        raise BundleError("already exists; choose another name or pass --overwrite", source=str(path))


def _check_photos(categories: Sequence[NewCategory]) -> None:
    seen: dict[bytes, str] = {}
    for new in categories:
        if not FEWEST <= len(new.photos) <= MOST:
            raise ConfigError(f"expected {FEWEST} to {MOST} photos, got {len(new.photos)}", source=new.leaf.id)
        for photo in new.photos:
            digest = hashlib.sha256(photo.data).digest()
            if digest in seen:
                raise ConfigError(f"is the same photo as {seen[digest]}; give each one once", source=photo.source)
            seen[digest] = photo.source


def _embed(session: Session, categories: Sequence[NewCategory]) -> Floats:
    """float32 [K, D] of all photos, category by category.  Raises ImageError on the first one that cannot be read."""
    photos = [photo for new in categories for photo in new.photos]
    squares = [session.preprocess.square(photo.data, source=photo.source) for photo in photos]
    return session.run(np.stack(squares))[1]


def _owners(categories: Sequence[NewCategory]) -> npt.NDArray[np.int32]:
    return np.repeat(np.arange(len(categories)), [len(new.photos) for new in categories]).astype(np.int32)


def _fit(
    bundle: Bundle,
    session: Session,
    catalog: Catalog,
    settings: GallerySettings,
    added: tuple[Floats, npt.NDArray[np.int32]],
    progress: Progress,
) -> fitting.Fitted:
    """The gate, from the catalog's training photos and calibration products of the trained categories."""
    taxonomy = bundle.base_taxonomy
    catalog.check_not_split_anew(taxonomy, bundle.manifest.training)
    part, parts = settings.calibrate_on, set(catalog.split.values())
    if part == TRAIN:
        raise CatalogError("the model was trained on part 'train'; fit the gate on another", source=str(catalog.path))
    part = part if part in parts else FALLBACK
    trained_on, labels = training_photos(session, catalog, taxonomy, seed=settings.seed, progress=progress)
    products = labelled(session, catalog, taxonomy, part=part, fusion=bundle.fusion, progress=progress)
    try:
        return fitting.fit(
            trained_on.embeddings,
            labels,
            bundle.calibrator.probabilities(products.logits),
            products.embeddings,
            products.truth,
            seed=settings.seed,
            cost=settings.cost,
            rounds=settings.rounds,
            hidden=max(int(added[1].max()) + 1, len(taxonomy.leaves) // 8),
            added=added,
        )
    except ValueError as error:
        raise CatalogError(f"has too little to fit the gate on: {error}", source=str(catalog.path)) from None


def _report(bundle: Bundle) -> dict[str, Any]:
    """How the gate of a bundle was fitted."""
    return dict((bundle.manifest.gallery or {})["fitted"])


def _write(
    bundle: Bundle,
    path: Path,
    gallery: Gallery,
    taxonomy: Taxonomy,
    report: Mapping[str, Any],
    settings: GallerySettings,
) -> Bundle:
    manifest = bundle.manifest
    old = manifest.model_dump(exclude={"files", "version", "format_version"})
    made = {**gallery.to_json(), "fitted": dict(report), "made_from": bundle.name}

    def fill(folder: Path) -> dict[str, Any]:
        bundle.copy_files(folder, without=REPLACED)
        taxonomy.write(folder / TAXONOMY)
        gallery.write(folder)
        card = (bundle.path / CARD).read_text(encoding="utf-8") if CARD in manifest.files else f"# {manifest.name}\n"
        text = f"{card.split(SECTION)[0].rstrip()}\n\n{section(gallery, taxonomy, report)}"
        (folder / CARD).write_text(text.rstrip() + "\n", encoding="utf-8")
        name = settings.name or manifest.name
        return {**old, "name": name, "taxonomy_digest": taxonomy.digest, "gallery": made}

    return write_bundle(path, fill, overwrite=settings.overwrite)
