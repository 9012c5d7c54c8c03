"""From probabilities to a decision a person can read: file, suggest, review or reject."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from catalens.core.calibrator import Calibrator
from catalens.core.prediction import AttributeValue, Decision, Finding, Label, Suggestions
from catalens.core.promise import Promise
from catalens.core.scores import softmax
from catalens.core.sets import SetRule
from catalens.core.taxonomy import SEPARATOR, Taxonomy

AS_IT_IS = Calibrator()
STRANGE = {  # verdicts of products that are not filed, and what a person is told
    "near": "It does not look like a product of any category that this model knows: ask a person.",
    "far": "It does not look like anything that this shop sells: ask a person.",
}
NAMED, SPOKEN = 10, 5  # suggestions in an answer, and the most that its sentence lists
CONFIDENT = 0.9  # a photo's probability from which its own answer counts as an objection


def decide(
    promise: Promise | None,
    taxonomy: Taxonomy,
    probabilities: npt.NDArray[np.floating],
    calibrator: Calibrator = AS_IT_IS,
    suggestions: Suggestions | None = None,
) -> Decision:
    """float [C] calibrated leaf probabilities -> the deepest category the promise holds for, else `suggest`.

    `calibrator` says what a probability at a level means; `suggestions` are named where nothing is filed.
    """
    if promise is None:
        return _suggest("This bundle makes no promises", taxonomy, probabilities, suggestions)
    choice = promise.choose(taxonomy, probabilities[None])
    level = int(choice.level[0])
    if level < 0:
        supported = any(rule.threshold is not None for rule in promise.rules)
        why = "Not sure enough for any promise" if supported else "No level supports this promise"
        return _suggest(why, taxonomy, probabilities, suggestions)
    node = taxonomy.level_nodes[level][int(choice.node[0])]
    confidence = float(calibrator.confidence(level, choice.confidence)[0])
    path = taxonomy.path_names(node)
    words = SEPARATOR.join(path)
    if node in taxonomy.leaf_index:
        reason = f"Filed under {words}: {percent(confidence)} sure"
    else:
        reason = f"Sure of {words} ({percent(confidence)}), not of the kind within it: filed there"
    return Decision(
        action="file",
        node=node,
        path=path,
        level=taxonomy.level_name(taxonomy[node].level),  # a shallow leaf stands for itself at deeper levels
        confidence=confidence,
        promise=promise.precision,
        reason=f"{reason}, and such answers are right at least {promise.precision * 100:g} % of the time.",
    )


def review(reason: str, probabilities: npt.NDArray[np.floating]) -> Decision:
    """Nothing is filed because of `reason`."""
    return Decision("review", None, (), None, float(probabilities.max()), None, reason)


def reject(findings: Sequence[Finding]) -> Decision:
    """No photo could be used; the reason names each cause once."""
    causes = dict.fromkeys(f"{finding.cause} ({finding.detail})" for finding in findings) or {"it has none": None}
    return Decision("reject", None, (), None, 0.0, None, f"No photo of the product could be used: {'; '.join(causes)}.")


def bad_photo(findings: Sequence[Finding]) -> str:
    """Why a person should ask for another photo."""
    causes = ", ".join(dict.fromkeys(finding.detail for finding in findings))
    return f"The photo is of no use ({causes}): ask for a better one."


def best_values(
    values: Mapping[str, Sequence[str]], outputs: Sequence[npt.NDArray[np.floating]]
) -> dict[str, AttributeValue]:
    """The most likely value of each attribute: `outputs` are float [K, V] over K photos, which are averaged."""
    found = {}
    for (name, answers), logits in zip(values.items(), outputs, strict=True):
        shares = softmax(logits.mean(axis=0, keepdims=True))[0]
        best = int(shares.argmax())
        found[name] = AttributeValue(answers[best], float(shares[best]))
    return found


def disagreement(taxonomy: Taxonomy, sources: Sequence[str], probabilities: npt.NDArray[np.floating]) -> str | None:
    """float [N, C], one row a photo -> why a person should look, where photos are each sure of another leaf."""
    tops, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    first: dict[int, int] = {}  # leaf -> the first photo that is sure of it
    for photo in np.flatnonzero(confidences >= CONFIDENT):
        first.setdefault(int(tops[photo]), int(photo))
    if len(first) < 2:
        return None
    views = ", ".join(
        f"{sources[photo]} looks like {taxonomy[taxonomy.leaves[leaf]].name()} ({percent(confidences[photo])})"
        for leaf, photo in first.items()
    )
    return f"The photos do not show the same thing: {views}; ask a person."


def best_labels(taxonomy: Taxonomy, probabilities: npt.NDArray[np.floating], top: int) -> tuple[Label, ...]:
    """float [C] -> the `top` most probable leaves, best first; equals in the taxonomy's order."""
    order = np.argsort(-probabilities, kind="stable")[:top]
    return tuple(_label(taxonomy, probabilities, int(index)) for index in order)


def percent(probability: float) -> str:
    """0.9996 -> "99.9 %": rounded down, so that only certainty reads as 100.0 %."""
    return f"{math.floor(probability * 1000) / 10:.1f} %"


def suggest(rule: SetRule, taxonomy: Taxonomy, probabilities: npt.NDArray[np.floating]) -> Suggestions:
    """float [C] calibrated leaf probabilities -> the leaves of which one is right as often as the rule says."""
    (chosen,) = rule.choose(probabilities[None], taxonomy.leaves)
    named = chosen[:NAMED]
    labels = tuple(_label(taxonomy, probabilities, int(index)) for index in named)
    return Suggestions(rule.coverage, labels, len(chosen) - len(named))


def _label(taxonomy: Taxonomy, probabilities: npt.NDArray[np.floating], index: int) -> Label:
    leaf = taxonomy.leaves[index]
    return Label(leaf, taxonomy.path_names(leaf), float(probabilities[index]))


def _suggest(
    why: str,
    taxonomy: Taxonomy,
    probabilities: npt.NDArray[np.floating],
    suggestions: Suggestions | None,
) -> Decision:
    confidence = float(probabilities.max())
    best = best_labels(taxonomy, probabilities, 3)
    guesses = "best guesses " + ", ".join(f"{label.path[-1]} ({percent(label.score)})" for label in best)
    if suggestions is not None and len(suggestions.labels) + suggestions.more <= SPOKEN:
        names = [f"{label.path[-1]} ({percent(label.score)})" for label in suggestions.labels]
        sure = f"{suggestions.coverage * 100:g} % sure"
        guesses = f"{names[0]}, {sure}" if len(names) == 1 else f"one of {', '.join(names)}, {sure}"
    return Decision("suggest", None, (), None, confidence, None, f"{why}: ask a person; {guesses}.")
