"""What comes out: labels, the decision, neighbours.  Values only; how they are reached is in `predict`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal["file", "suggest", "review", "reject"]


@dataclass(frozen=True, slots=True)
class Label:
    """A leaf, the names on its path from the top, and its calibrated probability in [0, 1]."""

    id: str
    path: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a product.

    `file`: put it into `node`, at whose `level` the promise holds.  `suggest`: no level's promise is kept, the labels
    are suggestions for a person.  `review`: photos are each sure of another leaf, are of no use, or show a stranger.
    `reject`: no photo could be used; one that could not be read beside others is a finding, and does not stop filing.
    `confidence` is the calibrated probability of `node`, of the best label where nothing is filed; `promise` the
    precision promised, None if nothing is filed.
    """

    action: Action
    node: str | None
    path: tuple[str, ...]
    level: str | None
    confidence: float
    promise: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know about one photo or row, with its cause."""

    source: str
    cause: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A product that looks alike; `score` is the cosine in [-1, 1]."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class AttributeValue:
    """What the photos say of one attribute, and how sure they are: a share in [0, 1] that is not calibrated."""

    value: str
    score: float


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Leaves of which one is right with probability `coverage`, best first; `more` of them are not named."""

    coverage: float
    labels: tuple[Label, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Prediction:
    """One product.  `labels` best first.

    `open_world` is "known", "near" (a product of no known category), "far" (nothing that this shop sells), "bad photo",
    or None where the bundle tells no strangers.

    `suggestions` are None where the bundle makes no such sets, or no photo could be used.

    `attributes` has a value for each attribute that the bundle was trained on; nothing where no photo could be used.
    """

    id: str
    decision: Decision
    labels: tuple[Label, ...]
    model: str
    findings: tuple[Finding, ...] = ()
    open_world: str | None = None
    suggestions: Suggestions | None = None
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    timings_ms: dict[str, float] = field(default_factory=dict, compare=False)

    def to_json(self) -> dict[str, Any]:
        # by hand: dataclasses.asdict copies deeply, which shows beside the time of a small network
        return {
            **_fields(self),
            "decision": _fields(self.decision),
            "labels": [_fields(label) for label in self.labels],
            "suggestions": self.suggestions
            and {**_fields(self.suggestions), "labels": [_fields(label) for label in self.suggestions.labels]},
            "findings": [_fields(finding) for finding in self.findings],
            "attributes": {name: _fields(value) for name, value in self.attributes.items()},
        }


def _fields(value: Prediction | Decision | Label | Finding | AttributeValue | Suggestions) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
