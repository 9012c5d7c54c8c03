"""Bundles as models in MLflow's registry: put in, named by aliases, taken out again, whole or not at all."""

from __future__ import annotations

import json
import os
import platform
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalens import __version__
from catalens.core.bundle import Bundle
from catalens.core.cache import MODELS, touch
from catalens.core.durable import replacing_folder
from catalens.core.errors import BundleCorrupt, BundleIncompatible, ConfigError, NotFound, Overloaded
from catalens.core.folders import user_cache
from catalens.track.client import connect, experiment_of, registry_uri, shown

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SCHEME = "models:/"
DIGEST, BUNDLE_NAME = "catalens.digest", "catalens.bundle"  # tags of a version
DATA = "bundle"  # the folder of the bundle within the model's
EXPERIMENT = "catalens models"  # of bundles whose run is not in MLflow


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a registered model; `digest` is the bundle's, empty for models that are not bundles."""

    model: str
    version: int
    aliases: tuple[str, ...]
    bundle: str
    digest: str
    source: str
    run_id: str | None

    @property
    def uri(self) -> str:
        return f"{SCHEME}{self.model}/{self.version}"


def register(
    bundle: Bundle, model: str, *, uri: str | None = None, run_id: str | None = None, aliases: Sequence[str] = ()
) -> Version:
    """Put a bundle in the registry as the next version of `model`, with aliases; a bundle that is there stays as it is.

    `run_id` is the MLflow run it came from.  Raises ConfigError, MissingExtra, NotFound or Overloaded.
    """
    uri = uri or registry_uri()
    with _asking(uri):
        client = connect(uri)
        known = next((one for one in _versions(client, model) if one.digest == bundle.digest), None)
        version = known or _put(client, uri, bundle, model, run_id)
        for alias in aliases:
            client.set_registered_model_alias(model, alias, str(version.version))
        return _version(client, model, str(version.version))


def models(name: str | None = None, *, uri: str | None = None) -> list[Version]:
    """All versions of all models, or of one; newest first.  Raises NotFound, MissingExtra or Overloaded."""
    uri = uri or registry_uri()
    with _asking(uri):
        client = connect(uri)
        names = [name] if name else [each.name for each in _pages(client.search_registered_models)]
        found = [version for each in names for version in _versions(client, each)]
    if name and not found:
        raise NotFound(f"no model {name!r} at {shown(uri)}", key=name)
    return found


def point(model: str, alias: str, version: int, *, uri: str | None = None) -> Version:
    """Let an alias such as `champion` name a version.  Raises NotFound, ConfigError, MissingExtra or Overloaded."""
    uri = uri or registry_uri()
    with _asking(uri, name=f"{model}/{version}"):
        client = connect(uri)
        _version(client, model, str(version))  # MLflow lets an alias name a version that is not there
        client.set_registered_model_alias(model, alias, str(version))
        return _version(client, model, str(version))


def find(name: str, *, uri: str | None = None) -> Version:
    """`models:/shirts@champion` or `models:/shirts/3` -> the version.  Raises ConfigError, NotFound and as above."""
    model, alias, number = parse(name)
    uri = uri or registry_uri()
    with _asking(uri, name=name):
        client = connect(uri)
        if alias is not None:
            number = str(client.get_model_version_by_alias(model, alias).version)
        assert number is not None
        return _version(client, model, number)


def fetch(name: str, folder: Path, *, uri: str | None = None) -> Bundle:
    """Download a version's bundle to `folder`.  Raises BundleError where it is none or came damaged, and as above."""
    uri = uri or registry_uri()
    version = find(name, uri=uri)
    if folder.exists():
        raise ConfigError("already exists; choose another folder", source=str(folder))
    return _download(version, folder, uri)


def resolve(name: str, *, uri: str | None = None, cache: Path | None = None) -> Path:
    """A verified bundle's folder for a `models:/` name, downloaded where it is not in the cache.  Raises as `fetch`."""
    uri = uri or registry_uri()
    version = find(name, uri=uri)
    folder = (cache or user_cache() / MODELS) / _safe(version.model) / (version.digest[:16] or f"v{version.version}")
    if folder.is_dir():
        try:
            if Bundle(folder).digest == version.digest:
                touch(folder)
                return folder
        except (BundleCorrupt, BundleIncompatible):  # fetched anew
            pass
    _download(version, folder, uri)
    return folder


def parse(name: str) -> tuple[str, str | None, str | None]:
    """`models:/NAME@ALIAS` or `models:/NAME/VERSION` -> (NAME, ALIAS or None, VERSION or None).  Raises ConfigError."""
    rest = name.removeprefix(SCHEME).strip("/")
    if found := re.fullmatch(r"([^/@:]+)@([^/@]+)", rest):
        return found[1], found[2], None
    if found := re.fullmatch(r"([^/@:]+)/(\d+)", rest):
        return found[1], None, found[2]
    raise ConfigError(f"expected {SCHEME}NAME@ALIAS or {SCHEME}NAME/VERSION, got {name!r}", key="bundle")


def _put(client: MlflowClient, uri: str, bundle: Bundle, model: str, run_id: str | None) -> Version:
    own = run_id is None
    if run_id is None:
        experiment = experiment_of(client, EXPERIMENT, uri)
        run_id = str(client.create_run(experiment, run_name=bundle.name).info.run_id)
    place = f"models/{bundle.name.replace('@', '-')}"
    client.log_artifacts(run_id, str(bundle.path), f"{place}/{DATA}")
    with tempfile.TemporaryDirectory() as folder:
        for file, text in _description(run_id, place).items():
            (Path(folder) / file).write_text(text, encoding="utf-8")
        client.log_artifacts(run_id, folder, place)
    if own:
        client.set_terminated(run_id)
    if not any(each.name == model for each in _pages(client.search_registered_models)):
        client.create_registered_model(model)
    tags = {DIGEST: bundle.digest, BUNDLE_NAME: bundle.name, "catalog.digest": bundle.manifest.catalog_digest}
    source = f"{client.get_run(run_id).info.artifact_uri}/{place}"
    made = client.create_model_version(model, source, run_id=run_id, tags=tags)
    return _read(made)


def _description(run_id: str, place: str) -> dict[str, str]:
    """MLmodel and requirements.txt, by hand in MLflow's documented format: its own writer needs pandas and pickles."""
    import mlflow

    flavour = {"loader_module": "catalens.track.pyfunc", "data": DATA, "python_version": platform.python_version()}
    values = {
        "artifact_path": place,
        "flavors": {"python_function": {**flavour, "env": {}}},
        "mlflow_version": mlflow.__version__,
        "model_uuid": os.urandom(16).hex(),
        "run_id": run_id,
        "utc_time_created": time.strftime("%Y-%m-%d %H:%M:%S.000000", time.gmtime()),
    }
    return {"MLmodel": json.dumps(values, indent=1), "requirements.txt": f"catalens=={__version__}\n"}  # JSON is YAML


def _download(version: Version, folder: Path, uri: str) -> Bundle:
    from mlflow.artifacts import download_artifacts

    if not version.digest:
        raise BundleIncompatible("is a model, but not a bundle of Catalens", source=version.uri)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder) as partial:
        with _asking(uri, name=version.uri), tempfile.TemporaryDirectory(dir=folder.parent) as inbox:
            got = download_artifacts(f"{version.source}/{DATA}", dst_path=inbox, tracking_uri=uri)
            for file in Path(got).iterdir():
                file.rename(partial / file.name)
        digest = Bundle(partial).digest
        if digest != version.digest:
            raise BundleCorrupt(
                f"expected the bundle that was registered ({version.digest[:12]}), got {digest[:12]}",
                source=version.uri,
            )
    return Bundle(folder)


def _versions(client: MlflowClient, model: str) -> list[Version]:
    quoted = model.replace("'", "")
    found = _pages(client.search_model_versions, filter_string=f"name='{quoted}'")
    numbers = sorted((int(each.version) for each in found), reverse=True)
    return [_version(client, model, str(number)) for number in numbers]  # a search names no aliases


def _version(client: MlflowClient, model: str, number: str) -> Version:
    return _read(client.get_model_version(model, number))


def _read(found: Any) -> Version:
    tags = found.tags or {}
    return Version(
        model=found.name,
        version=int(found.version),
        aliases=tuple(sorted(found.aliases or ())),
        bundle=tags.get(BUNDLE_NAME, ""),
        digest=tags.get(DIGEST, ""),
        source=found.source,
        run_id=found.run_id or None,
    )


def _pages(search: Any, **query: Any) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(**query, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found


@contextmanager
def _asking(uri: str, *, name: str | None = None) -> Iterator[None]:
    """MLflow's errors in our words."""
    try:
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException
    except ImportError:
        connect(uri)  # raises MissingExtra
        raise
    try:
        yield
    except (MlflowException, RequestException) as error:
        code = getattr(error, "error_code", None)
        first = str(error).splitlines()[0][:200]
        if code == "RESOURCE_DOES_NOT_EXIST" or "not found" in first:
            raise NotFound(f"not in MLflow at {shown(uri)} ({first})", source=name, key=name) from None
        if code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            raise ConfigError(f"MLflow at {shown(uri)} refuses it ({first})", source=name) from None
        raise Overloaded(f"MLflow at {shown(uri)} does not answer ({first}); try again later", source=name) from None


def _safe(model: str) -> str:
    """A model's name as the name of a folder."""
    return re.sub(r"[^\w.-]", "_", model)
