"""`catalens serve`: a bundle, and perhaps an index, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catalens.cli.console import BUNDLE, FOLDER, PATH, configurable, say, settings

if TYPE_CHECKING:
    from catalens.core.catalog import Catalog
    from catalens.search.exact import ExactIndex


@click.command()
@click.argument("bundle", type=BUNDLE)
@click.option("--index", "folder", type=FOLDER, help="For /v1/similar: what `catalens index` built with this bundle.")
@click.option("--catalog", type=FOLDER, help="The index's catalog, for its photos; where not given, where it lay.")
@click.option("--host", help="The address to listen on; this machine alone where not given.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one.")
@click.option("--language", help="Name the categories in this language, such as en.")
@click.option("--names", type=PATH, help="A catalog or taxonomy.parquet with names that the bundle has not.")
@configurable
def command(
    bundle: Path,
    folder: Path | None,
    catalog: Path | None,
    config: Path | None,
    assignments: tuple[str, ...],
    **flags: Any,
) -> None:
    """Serve a bundle over HTTP.

    The documentation is at /docs. Limits and defaults are settings: --set serve.max_bytes=8000000.

    \b
    Example:
      catalens serve shirts.bundle --index shop.index --port 8000
      curl -F photos=@shoe.jpg http://127.0.0.1:8000/v1/classify
    """
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        from catalens.core.errors import MissingExtra

        raise MissingExtra("the service", "serve") from None
    from catalens.core.bundle import Bundle
    from catalens.search.exact import ExactIndex
    from catalens.serve.app import create_app
    from catalens.serve.run import serve
    from catalens.serve.settings import ServeSettings

    if catalog is not None and folder is None:
        raise click.UsageError("--catalog goes with --index INDEX")
    chosen = settings(ServeSettings, "serve", config, assignments, flags)
    opened = Bundle(bundle)
    index = ExactIndex.read(folder, space=opened.digest) if folder else None
    shop = _catalog(index, catalog) if index else None
    app = create_app(opened, index=index, catalog=shop, settings=chosen)
    products = f", {len(index.products):,} products in the index" if index else ""

    def announce(url: str) -> None:
        say(f"catalens: serving {opened.name}{products} on {url} (documentation: {url}/docs, stop: ctrl-c)")

    serve(app, host=chosen.host, port=chosen.port, announce=announce)


def _catalog(index: ExactIndex, given: Path | None) -> Catalog | None:
    """The catalog that the index was built from, if it can be found.  Raises IndexMismatch if `given` is another."""
    from catalens.core.catalog import Catalog
    from catalens.core.errors import IndexMismatch

    path = given or Path(index.info.catalog)
    if given is None and not (path / "catalog.json").is_file():
        say(f"catalens: no photos of the index's products: {path} is gone; name the catalog with --catalog")
        return None
    catalog = Catalog(path)
    if catalog.digest != index.info.catalog_digest:
        raise IndexMismatch(
            f"expected the catalog the index was built from ({index.info.catalog_digest[:12]}), "
            f"got {catalog.digest[:12]}: build the index again",
            source=str(path),
        )
    return catalog
