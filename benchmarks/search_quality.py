"""How good are the neighbours?  precision@k of the category, per level, for one bundle or several side by side.

    python benchmarks/search_quality.py shop.catalog finetuned.bundle frozen.bundle

Queries are the products of one part of the split (test), neighbours come from all other parts, so no copy or relative
of a query is among its candidates.  Vectors are those of `catalens embed`, which is run where it was not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from catalens.cli.console import progress_bar
from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.predict.catalog import score_images
from catalens.predict.session import Session
from catalens.search import exact, vectors
from catalens.search.exact import ExactIndex

QUERIES_AT_A_TIME = 256


def main() -> None:
    arguments = parse()
    catalog = Catalog(arguments.catalog)
    levels = [catalog.taxonomy.level_name(level) for level in range(catalog.taxonomy.depth)]
    print(f"{catalog.info.name}: precision@{arguments.k} of products in part {arguments.part!r} among all others")
    print("".join(f"{title:>16}" for title in ("bundle", "queries", "candidates", *levels)))
    for path in arguments.bundles:
        bundle = Bundle(path)
        index = build(bundle, catalog)
        queries, candidates = sides(index, catalog, arguments.part)
        precision = measure(index, catalog, queries, candidates, k=arguments.k)
        counts = f"{bundle.manifest.name:>16}{len(queries):>16,}{int(candidates.sum()):>16,}"
        print(counts + "".join(f"{value:16.3f}" for value in precision))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--part", default="test")
    parser.add_argument("-k", type=int, default=5)
    return parser.parse_args()


def build(bundle: Bundle, catalog: Catalog) -> ExactIndex:
    session = Session(bundle)
    with progress_bar(f"embedding with {bundle.manifest.name}") as progress:
        vectors.run(
            lambda images, within: score_images(session, catalog, images, progress=within),
            catalog,
            space=bundle.digest,
            progress=progress,
        )
    return exact.build(catalog, space=bundle.digest, model=bundle.name)


def sides(index: ExactIndex, catalog: Catalog, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the queries, int [Q], and the mask of the candidates, bool [N]: all others that have a category."""
    known = np.array([catalog.categories[product] is not None for product in index.products.ids])
    inside = np.array([catalog.split.get(product) == part for product in index.products.ids])
    return np.flatnonzero(inside & known), ~inside & known


def measure(index: ExactIndex, catalog: Catalog, queries: np.ndarray, candidates: np.ndarray, *, k: int) -> list[float]:
    """For each level, the share of the neighbours that are in the query's category of that level."""
    taxonomy = catalog.taxonomy
    leaf = np.array([taxonomy.leaf_index.get(catalog.categories[product] or "", -1) for product in index.products.ids])
    hits = np.zeros(taxonomy.depth)
    shown = 0
    for start in range(0, len(queries), QUERIES_AT_A_TIME):
        rows = queries[start : start + QUERIES_AT_A_TIME]
        for query, neighbours in zip(rows, index.search(index.vectors[rows], k, allow=candidates), strict=True):
            found = leaf[[index.products.row(neighbour.id) for neighbour in neighbours]]
            hits += (taxonomy.ancestors[:, found] == taxonomy.ancestors[:, leaf[query], None]).sum(axis=1)
            shown += len(found)
    return [float(value) for value in hits / shown]


if __name__ == "__main__":
    main()
