"""Several members together: the geometric mean of their probabilities, with a temperature and promises of its own.

The mean of log-probabilities, renormalised, is the geometric mean; in Kaggle's Cdiscount competition of 2017 it beat
the arithmetic one.  Each member speaks with its calibrated probabilities, so that a bold one does not drown the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from catalens.compare.measure import VAL, Answers, Parts, judge, truth_of, with_figures
from catalens.compare.rows import Row
from catalens.compare.settings import CompareSettings
from catalens.core.calibrator import Calibrator
from catalens.core.catalog import Catalog
from catalens.core.promise import Promise
from catalens.core.rules import Rules
from catalens.core.scores import Scores, log_softmax
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import calibrate, evaluation, promise
from catalens.export.run import ExportSettings

NAME = "ensemble of the best"
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """A member as an ensemble knows it: its row, what it answers on each part, and what its bundle says of these."""

    row: Row
    answers: Mapping[str, Answers]
    calibrator: Calibrator
    taxonomy: Taxonomy
    train_counts: Mapping[str, int] | None = None


def geometric_mean(logits: Sequence[npt.NDArray[np.floating]], calibrators: Sequence[Calibrator]) -> Doubles:
    """Logits [P, C] of each member, and its calibrator -> log-probabilities float64 [P, C] of their geometric mean."""
    said = [log_softmax(calibrator.logits(one)) for one, calibrator in zip(logits, calibrators, strict=True)]
    return log_softmax(np.mean(said, axis=0))


def pick(voices: Sequence[Voice], truth: npt.NDArray[np.int64], part: str, most: int) -> list[Voice]:
    """Greedy forward selection (Caruana et al., 2004): the lowest NLL on `part` first, then whoever lowers it most.

    Each counts once; it ends where nobody lowers it, or at `most`.  `truth` int64 [P] is -1 where it is not known.
    """
    known = truth >= 0
    left, reached = list(voices), float("inf")
    chosen: list[Voice] = []
    while left and len(chosen) < most:
        scored = []
        for voice in left:
            said = mean_of([*chosen, voice], part)[known]
            scored.append(calibrate.nll(said, truth[known], calibrate.fit_temperature(said, truth[known])))
        best = int(np.argmin(scored))
        if scored[best] >= reached:
            break
        reached = scored[best]
        chosen.append(left.pop(best))
    return chosen


def mean_of(voices: Sequence[Voice], part: str) -> Doubles:
    """float64 [P, C]: what they say together on the products of a part."""
    return geometric_mean([voice.answers[part].logits for voice in voices], [voice.calibrator for voice in voices])


def ensemble(
    voices: Sequence[Voice], catalog: Catalog, parts: Parts, settings: CompareSettings
) -> tuple[Row | None, str]:
    """The row of the best together; where there is none, in words why."""
    if settings.ensemble < 2:
        return None, ""
    able, left_out = _of_one_tree([voice for voice in voices if not voice.row.collapsed])
    note = f"Not asked to join the ensemble, for other categories: {', '.join(left_out)}." if left_out else ""
    if len(able) < 2:
        return None, note or "No ensemble: it takes two members that were measured and did not collapse."
    if VAL not in parts.images:
        return None, "No ensemble: there is no part val to choose its members by."
    truth = truth_of(able[0].answers[VAL], catalog, able[0].taxonomy)
    if not (truth >= 0).any():
        return None, "No ensemble: no product of val is of a category that the members know."
    chosen = pick(able, truth, VAL, settings.ensemble)
    if len(chosen) < 2:
        alone = chosen[0].row.name
        return None, f"No ensemble: on val, {alone} alone has a lower NLL than with any other member."
    return _measured(chosen, catalog, parts, settings), note


def _measured(chosen: Sequence[Voice], catalog: Catalog, parts: Parts, settings: CompareSettings) -> Row:
    taxonomy = chosen[0].taxonomy
    rows = [voice.row for voice in chosen]
    together = {
        part: Answers(chosen[0].answers[part].product_ids, mean_of(chosen, part).astype(np.float32))
        for part in parts.images
    }
    calibrator, promises = _calibrated(together[parts.fit], catalog, taxonomy)
    row = Row(
        name=NAME + f" {len(chosen)}",
        kind="ensemble",
        bytes=sum(row.bytes for row in rows),
        params=sum(row.params for row in rows),
        decode_ms=sum(row.decode_ms for row in rows),
        model_ms=sum(row.model_ms for row in rows),
        seconds=sum(row.seconds for row in rows),
        of=tuple(row.name for row in rows),
        note="geometric mean, members chosen by val NLL; time and size are the sums",
    )
    for part in dict.fromkeys(("train", VAL, parts.test)):
        found = evaluation.run(
            _scores(together[part]),
            catalog.categories_in(taxonomy),
            taxonomy,
            rules=Rules(calibrator, promises),
            train_counts=chosen[0].train_counts,
        )
        row = with_figures(row, part, found, parts, settings)
    return replace(judge(row, together, catalog, taxonomy, parts))


def _calibrated(answers: Answers, catalog: Catalog, taxonomy: Taxonomy) -> tuple[Calibrator, tuple[Promise, ...]]:
    """A temperature and promises, as `export` fits them for a bundle."""
    truth = truth_of(answers, catalog, taxonomy)
    logits, truth = answers.logits[truth >= 0], truth[truth >= 0]
    calibrator = Calibrator(calibrate.fit_temperature(logits, truth))
    defaults = ExportSettings.model_validate({})
    probabilities = calibrator.probabilities(logits)
    return calibrator, tuple(
        promise.fit(taxonomy, probabilities, truth, precision=precision, delta=defaults.delta)
        for precision in sorted(defaults.promises)
    )


def _scores(answers: Answers) -> Scores:
    """A product as its only photo."""
    ids = answers.product_ids
    return Scores(ids, ids, answers.logits, np.zeros((len(ids), 1), np.float32))


def _of_one_tree(voices: Sequence[Voice]) -> tuple[list[Voice], list[str]]:
    """Those with the same categories as the most of them, and the names of the others."""
    groups: dict[str, list[Voice]] = {}
    for voice in voices:
        groups.setdefault(voice.taxonomy.digest, []).append(voice)
    able = max(groups.values(), key=len, default=[])
    return able, [voice.row.name for voice in voices if voice not in able]
