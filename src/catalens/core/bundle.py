"""The bundle: one folder with everything a prediction needs, every file under a digest.

A mismatch is an error, never a warning.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from catalens.core.attributes import head
from catalens.core.calibrator import FILE as CALIBRATOR
from catalens.core.calibrator import read_calibrator
from catalens.core.durable import replacing_folder
from catalens.core.errors import BundleCorrupt, BundleError, BundleIncompatible, ConfigError, PromiseError
from catalens.core.fusion import FILE as FUSION
from catalens.core.fusion import Kind, read_fusion
from catalens.core.gallery import FILE as GALLERY
from catalens.core.gallery import Gallery, read_gallery
from catalens.core.manifest import file_digest, parse, read_values, verify_files
from catalens.core.openworld import FILE as OPEN_WORLD
from catalens.core.openworld import OpenWorld, read_open_world
from catalens.core.preprocess import Preprocess
from catalens.core.prior import PriorShift
from catalens.core.promise import Promise
from catalens.core.rules import Rules
from catalens.core.sets import SetRule
from catalens.core.taxonomy import Taxonomy

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MODEL = "model.onnx"
TAXONOMY = "taxonomy.parquet"


class Manifest(BaseModel):
    """manifest.json.

    `files` maps every other file's relative path to its sha256; `version` is the start of the sha256 over everything
    else in the manifest, so over the whole bundle.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int = FORMAT_VERSION
    name: str
    version: str
    preprocess: dict[str, Any]
    taxonomy_digest: str
    classes: int
    embedding_dim: int
    heads: list[str] = ["category"]  # and "attribute.<name>" for each of `attributes`
    attributes: dict[str, list[str]] = {}  # values in the order of the head's outputs
    fusion: Kind = "mean"  # how a product's photos are put together
    temperature: float = 1.0
    promises: list[dict[str, Any]] = []
    sets: dict[str, Any] | None = None  # the rule of the suggestions
    open_world: dict[str, Any] | None = None  # limits, and what they were chosen by
    gallery: dict[str, Any] | None = None  # categories that were added, their gate, and how it was fitted
    mix: dict[str, Any] | None = None  # another mix of categories: its shift, promises and sets
    calibration: dict[str, Any] = {}  # on what, before and after
    catalog_digest: str
    training: dict[str, Any] = {}
    libraries: dict[str, str] = {}
    files: dict[str, str]


class Bundle:
    """A verified bundle.  Raises BundleCorrupt or BundleIncompatible, naming the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = _read_manifest(path)
        _verify_files(path, self.manifest.files)
        try:
            self.preprocess = Preprocess.from_json(self.manifest.preprocess)
        except ConfigError as error:
            raise BundleIncompatible(f"preprocess: {error}", source=str(path)) from None
        self.taxonomy = Taxonomy.read(path / TAXONOMY)
        if self.taxonomy.digest != self.manifest.taxonomy_digest:
            raise BundleCorrupt("the taxonomy does not match its digest", source=str(path / TAXONOMY), key=TAXONOMY)
        self.gallery = self._read_gallery()
        added = len(self.gallery.categories) if self.gallery else 0
        if len(self.taxonomy.leaves) != self.manifest.classes + added:
            raise BundleCorrupt(
                f"expected {self.manifest.classes + added} classes, the taxonomy has {len(self.taxonomy.leaves)}",
                source=str(path),
            )
        heads = ["category", *(head(name) for name in self.manifest.attributes)]
        if self.manifest.heads != heads:
            raise BundleCorrupt(f"expected heads {heads}, got {self.manifest.heads}", source=str(path), key="heads")
        if self.manifest.fusion == "gated" and FUSION not in self.manifest.files:
            raise BundleCorrupt(f"the manifest lists no {FUSION}", source=str(path / MANIFEST), key=FUSION)
        self.fusion = read_fusion(self.manifest.fusion, path, dim=self.manifest.embedding_dim)
        listed = CALIBRATOR in self.manifest.files
        self.calibrator = read_calibrator(self.manifest.temperature, path, classes=self.manifest.classes, listed=listed)
        self.promises = _promises(self.manifest.promises)
        self.sets = SetRule.from_json(self.manifest.sets) if self.manifest.sets else None
        self.open_world = self._read_open_world()

    def rules(self, *, mix: bool = True) -> Rules:
        """What it makes of a product's outputs; `mix` false leaves the correction for another mix of categories out.

        Raises BundleCorrupt if that correction does not fit the taxonomy.
        """
        plain = Rules(self.calibrator, self.promises, self.sets, self.open_world, gallery=self.gallery)
        values = self.manifest.mix
        if not mix or values is None:
            return plain
        try:
            shift = PriorShift.from_json(values["shift"], self.base_taxonomy.leaves)
            promises = _promises(values["promises"])
            sets = SetRule.from_json(values["sets"]) if values["sets"] else None
        except (KeyError, TypeError, ValueError) as error:
            raise BundleCorrupt(f"mix: {error}", source=str(self.path / MANIFEST), key="mix") from None
        return replace(plain, promises=promises, sets=sets, shift=shift)

    @cached_property
    def base_taxonomy(self) -> Taxonomy:
        """The tree of the categories that the graph was trained on: its outputs, without those added later."""
        classes = self.manifest.classes
        return self.taxonomy.subset(self.taxonomy.leaves[:classes]) if self.gallery else self.taxonomy

    def _read_gallery(self) -> Gallery | None:
        if self.manifest.gallery is None:
            return None
        if GALLERY not in self.manifest.files:
            raise BundleCorrupt(f"the manifest lists no {GALLERY}", source=str(self.path / MANIFEST), key=GALLERY)
        return read_gallery(
            self.manifest.gallery,
            self.path,
            leaves=self.taxonomy.leaves,
            classes=self.manifest.classes,
            dim=self.manifest.embedding_dim,
        )

    def _read_open_world(self) -> OpenWorld | None:
        values = self.manifest.open_world
        if values is None:
            return None
        rule = values.get("rule", {})
        if rule.get("bank") and OPEN_WORLD not in self.manifest.files:
            message = f"the manifest lists no {OPEN_WORLD}"
            raise BundleCorrupt(message, source=str(self.path / MANIFEST), key=OPEN_WORLD)
        return read_open_world(rule, self.path, classes=self.manifest.classes, dim=self.manifest.embedding_dim)

    @property
    def name(self) -> str:
        """ "shirts@3f2a9c1b04de": name and the first digits of the digest."""
        return f"{self.manifest.name}@{self.manifest.version}"

    @cached_property
    def digest(self) -> str:
        """sha256 over the manifest, and so over every file."""
        return file_digest(self.path / MANIFEST)

    @property
    def model_path(self) -> Path:
        return self.path / MODEL

    def copy_files(self, folder: Path, *, without: Collection[str]) -> None:
        """Copy what the manifest lists into `folder`, but for some names: those that a changed bundle writes anew."""
        for name in self.manifest.files:
            if name not in without:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.path / name, folder / name)

    def promise(self, precision: float) -> Promise:
        """The promise of that precision.  Raises PromiseError listing those the bundle makes."""
        for promise in self.promises:
            if abs(promise.precision - precision) < 1e-9:
                return promise
        made = ", ".join(f"{promise.precision:g}" for promise in self.promises) or "none"
        raise PromiseError(f"no promise of {precision:g}; this bundle makes {made}", source=self.name)


def write_bundle(path: Path, fill: Callable[[Path], dict[str, Any]], *, overwrite: bool = False) -> Bundle:
    """Write a bundle whole or not at all.

    `fill(folder)` puts every file into a working folder beside `path` and returns the manifest's fields without
    `files`, `version` and `format_version`.
    Raises BundleError if `path` is taken; with `overwrite`, if what is there is not a bundle.
    """
    if path.exists() and not overwrite:
        raise BundleError("already exists; choose another name or pass --overwrite", source=str(path))
    if path.exists() and not (path / MANIFEST).is_file():
        raise BundleError("is not a bundle, so it is not overwritten; choose another name", source=str(path))
    with replacing_folder(path) as partial:
        fields = fill(partial)
        written = sorted(file for file in partial.rglob("*") if file.is_file())
        files = {file.relative_to(partial).as_posix(): file_digest(file) for file in written}
        values = json.loads(Manifest(**fields, files=files, version="").model_dump_json())
        values["version"] = _version(values)
        content = json.dumps(values, ensure_ascii=False, indent=1)
        (partial / MANIFEST).write_text(content + "\n", encoding="utf-8")
        Bundle(partial)
    return Bundle(path)


def _promises(values: list[dict[str, Any]]) -> tuple[Promise, ...]:
    return tuple(Promise.from_json(one) for one in values)


def _version(values: dict[str, Any]) -> str:
    """First 12 digits of the sha256 over a manifest, read as JSON, but for the version itself."""
    rest = {key: value for key, value in values.items() if key != "version"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:12]


def _verify_files(path: Path, files: dict[str, str]) -> None:
    for name in (MODEL, TAXONOMY):
        if name not in files:
            raise BundleCorrupt(f"the manifest lists no {name}", source=str(path / MANIFEST), key=name)
    verify_files(path, files, kind="bundle", error=BundleCorrupt)


def _read_manifest(path: Path) -> Manifest:
    values = read_values(path / MANIFEST, what="a bundle", error=BundleCorrupt)
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise BundleIncompatible(f"expected bundle format {FORMAT_VERSION}, got {version}", source=str(path))
    if values.get("version") != _version(values):
        raise BundleCorrupt(
            f"was changed after it was written: expected version {_version(values)}, got {values.get('version')}",
            source=str(path / MANIFEST),
            key=MANIFEST,
        )
    return parse(values, Manifest, path / MANIFEST, error=BundleCorrupt)
