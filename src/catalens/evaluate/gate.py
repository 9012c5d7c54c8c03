"""Figures that must hold: `catalens evaluate --require top1=0.9` ends with exit code 3 where one does not."""

from __future__ import annotations

from collections.abc import Mapping

from catalens.core.errors import ConfigError, GateFailed
from catalens.core.registry import hint
from catalens.evaluate.evaluation import Evaluation


def figures(evaluation: Evaluation) -> dict[str, float]:
    """What may be required, by name; all are better when higher.  Nothing filed counts as precision 0."""
    found = {"top1": evaluation.top1, "top5": evaluation.top5, "macro_recall": evaluation.macro_recall}
    found |= {f"top1@{level['level']}": level["top1"] for level in evaluation.levels}
    for one in evaluation.coverage:
        found[f"filed@{one.promise:g}"] = one.filed
        found[f"precision@{one.promise:g}"] = one.precision or 0.0
    return found


def check(evaluation: Evaluation, require: Mapping[str, float]) -> None:
    """Raises GateFailed naming every figure that is too low, ConfigError if one is not known."""
    found = figures(evaluation)
    for name in require:
        if name not in found:
            raise ConfigError(f"cannot require {name!r}{hint(name, found)}", key=f"evaluate.require.{name}")
    missed = [f"{name} {found[name]:.4f}, required {least:g}" for name, least in require.items() if found[name] < least]
    if missed:
        raise GateFailed("; ".join(missed))
