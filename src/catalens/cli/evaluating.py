"""What `catalens evaluate` measures besides the evaluation itself: of one bundle, against another, on worse photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from catalens.cli.console import progress_bar
from catalens.cli.report_parts import Photos
from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.language import in_language
from catalens.core.prediction import Finding
from catalens.core.rules import Rules
from catalens.core.scores import Scores, product_embeddings
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import Evaluation, category_trust, risk, robustness, run, versus
from catalens.evaluate import gallery as added
from catalens.evaluate import sets as suggestion_sets
from catalens.evaluate.advice import advise
from catalens.predict.catalog import score
from catalens.predict.session import Session


@dataclass(frozen=True, slots=True)
class Measured:
    """A bundle and its answers on a part of a catalog; `taxonomy` has the names in the reader's language."""

    bundle: Bundle
    rules: Rules
    taxonomy: Taxonomy
    session: Session
    scores: Scores
    findings: list[Finding]
    evaluation: Evaluation

    def side(self) -> versus.Side:
        promises = tuple(promise.precision for promise in self.rules.promises)
        return versus.Side(self.bundle.name, self.taxonomy, self.evaluation.outcomes, promises)


def measure(bundle: Bundle, shop: Catalog, part: str, language: str | None = None) -> Measured:
    """Raises CatalogError where the part is not what the bundle was kept from."""
    taxonomy = in_language(bundle.taxonomy, language, shop.taxonomy)
    rules = bundle.rules()
    shop.check_not_split_anew(bundle.base_taxonomy, bundle.manifest.training)
    session = Session(bundle)
    with progress_bar(f"scoring photos with {bundle.name}") as progress:
        scores, findings = score(session, shop, part=part, progress=progress)
    evaluation = run(
        scores,
        shop.categories_in(taxonomy),
        taxonomy,
        rules=rules,
        fusion=bundle.fusion,
        train_counts=bundle.manifest.training.get("train_counts"),
        digests={"bundle": bundle.digest, "catalog": shop.digest},
    )
    return Measured(bundle, rules, taxonomy, session, scores, findings, evaluation)


def more(new: Measured) -> dict[str, Any]:
    """Figures that follow from the answers, as JSON."""
    outcomes = new.evaluation.outcomes
    trust = category_trust.by_category(outcomes, new.taxonomy)
    found = advise(outcomes, new.taxonomy, new.bundle.manifest.training.get("train_counts"), trust)
    return {
        "risk_coverage": risk.curve(outcomes.confidence, outcomes.correct),
        "category_trust": trust,
        "advice": [one.to_json() for one in found],
        "sets": _sets(new),
        "open_world": new.bundle.manifest.open_world,
        "gallery": _gallery(new),
    }


def against(old: Measured, new: Measured) -> dict[str, Any]:
    return versus.compare(old.side(), new.side()).to_json()


def on_worse_photos(new: Measured, shop: Catalog, part: str, *, products: int, seed: int = 0) -> dict[str, Any]:
    """`Robustness.to_json` of a sample of the part's products, one photo each."""
    outcomes, photos = new.evaluation.outcomes, Photos(shop, part)
    count = min(products, len(outcomes.product_ids))
    rows = np.sort(np.random.default_rng(seed).choice(len(outcomes.product_ids), count, replace=False))
    found = [(row, photos.first(outcomes.product_ids[row])) for row in rows.tolist()]
    squares = [(row, new.session.preprocess.square(data)) for row, data in found if data is not None]
    with progress_bar("worse photos") as progress:
        measured = robustness.measure(
            new.session.run,
            np.stack([square for _, square in squares]),
            outcomes.truth[[row for row, _ in squares]],
            new.rules,
            new.taxonomy,
            seed=seed,
            progress=progress,
        )
    return measured.to_json()


def _sets(new: Measured) -> dict[str, Any] | None:
    """How the suggestions do on the products whose category is known; None where the bundle makes none."""
    if new.rules.sets is None:
        return None
    logits, embeddings, truth = _known(new)
    probabilities = new.rules.probabilities(logits, embeddings)
    figures = suggestion_sets.measure(new.rules.sets, probabilities, truth, new.taxonomy.leaves)
    return {**asdict(figures), "promised": new.rules.sets.coverage, "kind": new.rules.sets.kind}


def _gallery(new: Measured) -> dict[str, Any] | None:
    """How the categories that were added do, by themselves; None where none were."""
    if new.rules.gallery is None:
        return None
    logits, embeddings, truth = _known(new)
    closed_set = replace(new.rules, gallery=None).probabilities(logits)
    return added.measure(new.rules.gallery, closed_set, embeddings, truth).to_json()


def _known(new: Measured) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits [P, C], embeddings float32 [P, D] and leaves int64 [P] of the products whose category is known."""
    owners, outcomes = new.scores.product_ids, new.evaluation.outcomes
    product_ids, logits = new.bundle.fusion.fuse(owners, new.scores.logits, new.scores.embeddings)
    truths: Mapping[str, int] = dict(zip(outcomes.product_ids, outcomes.truth.tolist(), strict=True))
    rows = [row for row, product in enumerate(product_ids) if product in truths]
    truth = np.array([truths[product_ids[row]] for row in rows], dtype=np.int64)
    return logits[rows], product_embeddings(owners, new.scores.embeddings)[1][rows], truth
