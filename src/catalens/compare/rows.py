"""A row of the table, its text, and what follows from the rows: which one to choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import sqrt
from typing import Any, Literal

NEAR = 0.01  # of top-1: as good as the best, for whom speed counts more


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of a member, of weights averaged, or of several members together.

    Shares are in [0, 1], None where there is nothing to measure.  `train`, `val` and `test` are top-1 per product of
    the parts (`test` of the one that was asked for); `macro_recall`, `many`, `medium`, `few` and `coverage` are of the
    part measured, `precision` of what was filed under that promise.  `bytes` of the graph; `decode_ms` and `model_ms`
    a photo; `seconds` of training.  `curve` has (epoch, train top-1, val top-1), `of` the members it is made of.
    `collapsed` and `cause` say in words what went wrong, `note` what a reader must know.
    """

    name: str
    kind: Literal["model", "soup", "ensemble", "failed"]
    model: str = ""
    size: int = 0
    train: float | None = None
    val: float | None = None
    test: float | None = None
    macro_recall: float | None = None
    many: float | None = None
    medium: float | None = None
    few: float | None = None
    coverage: float | None = None
    precision: float | None = None
    nll: float | None = None
    bytes: int = 0
    params: int = 0
    decode_ms: float = 0.0
    model_ms: float = 0.0
    seconds: float = 0.0
    curve: tuple[tuple[float, float | None, float | None], ...] = ()
    of: tuple[str, ...] = ()
    folder: str = ""
    collapsed: str = ""
    cause: str = ""
    note: str = ""

    @property
    def ms(self) -> float:
        """A photo from its bytes to the answer."""
        return self.decode_ms + self.model_ms

    @property
    def measured(self) -> bool:
        return self.test is not None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "ms": round(self.ms, 3), "minutes": round(self.seconds / 60, 2)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Row:
        """Raises TypeError or KeyError if a version with other figures wrote it."""
        taken = {key: value for key, value in values.items() if key not in ("ms", "minutes")}
        taken["curve"] = tuple(tuple(point) for point in taken["curve"])
        return cls(**{**taken, "of": tuple(taken["of"])})


COLUMNS = (
    "model", "train", "val", "test", "macro", "many", "medium", "few", "filed", "MB", "M params", "ms", "min",
)  # fmt: skip


def cells(row: Row) -> tuple[str, ...]:
    """The row as text under `COLUMNS`; shares in per cent."""
    if not row.measured:
        return (row.name, *["-"] * (len(COLUMNS) - 1))
    shares = (row.train, row.val, row.test, row.macro_recall, row.many, row.medium, row.few, row.coverage)
    return (
        row.name,
        *("-" if share is None else f"{100 * share:.1f}" for share in shares),
        f"{row.bytes / 1e6:.1f}",
        f"{row.params / 1e6:.2f}",
        f"{row.ms:.1f}",
        f"{row.seconds / 60:.1f}",
    )


def remark(row: Row) -> str:
    """What is said of a row below the table; nothing of most."""
    told = [f"failed: {row.cause}" if row.cause else "", row.collapsed]
    if row.of:
        told.append(f"of {', '.join(row.of)}")
    return "; ".join(text for text in (*told, row.note) if text)


def table(rows: Sequence[Row], *, promise: float) -> str:
    """The whole table as text, best first as `ordered` gives it, and the remarks under it."""
    lines = [COLUMNS, *(cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(COLUMNS))]
    text = ["  ".join(_aligned(line, widths)).rstrip() for line in lines]
    said = [f"{row.name}: {remark(row)}" for row in rows if remark(row)]
    legend = (
        f"train, val, test: top-1 in % per product. macro: mean recall of categories. filed: share that files itself "
        f"at a promise of {100 * promise:g} %. ms: a photo, decoding included. min: training."
    )
    return "\n".join([*text, "", legend, *said])


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        text.ljust(width) if place == 0 else text.rjust(width)
        for place, (text, width) in enumerate(zip(line, widths, strict=True))
    ]


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Best test top-1 first; those that failed last, in the order they were asked for."""
    return sorted(rows, key=lambda row: -(row.test if row.test is not None else -1.0))


def judged(row: Row, *, test_share: float | None, val_share: float | None) -> Row:
    """The row, saying so where it answers no better than somebody who always says the most frequent category."""
    for part, top1, share in (("test", row.test, test_share), ("val", row.val, val_share)):
        if top1 is not None and share is not None and share < 1 and top1 <= share:
            words = f"collapsed: {top1:.1%} on {part} is like always saying the most frequent category ({share:.1%})"
            return replace(row, collapsed=words)
    return replace(row, collapsed="")


@dataclass(frozen=True, slots=True)
class Advice:
    """Which to choose: the most accurate of all, and of those that one bundle holds; the most filed; the fast one."""

    best: Row
    single: Row
    covers: Row | None
    fast: Row

    def to_json(self) -> dict[str, str | None]:
        """Names of rows."""
        return {
            "best": self.best.name,
            "single": self.single.name,
            "covers": self.covers.name if self.covers else None,
            "fast": self.fast.name,
        }


def advise(rows: Sequence[Row]) -> Advice | None:
    """None where nothing was measured.  Collapsed rows are never advised, unless there are no others."""
    measured = [row for row in rows if row.measured]
    sound = [row for row in measured if not row.collapsed] or measured
    singles = [row for row in sound if row.kind != "ensemble"]
    if not singles:
        return None
    single = max(singles, key=_top1)
    covers = max(singles, key=lambda row: (row.coverage or 0.0, _top1(row)))
    near = [row for row in singles if _top1(row) >= _top1(single) - NEAR]
    return Advice(
        best=max(sound, key=lambda row: (_top1(row), row.kind != "ensemble")),
        single=single,
        covers=covers if covers.coverage else None,
        fast=min(near, key=lambda row: row.ms),
    )


def chance(top1: float, products: int) -> float:
    """Half the width of the 95 % interval of a share of `products`: smaller differences may be chance."""
    return 1.96 * sqrt(max(top1 * (1 - top1), 1e-9) / max(products, 1))


def _top1(row: Row) -> float:
    return row.test or 0.0
