"""Which members' weights may be averaged, and the row of what comes out: a real bundle, measured like any other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from catalens.compare.measure import Parts
from catalens.compare.member import RUN, from_run, kept_row, measured_on, write_row
from catalens.compare.plan import Member, digest_of, slug
from catalens.compare.rows import Row
from catalens.compare.settings import CompareSettings
from catalens.core.catalog import Catalog
from catalens.core.errors import CatalensError
from catalens.core.progress import Progress, silent
from catalens.train.backbones import SCRATCH
from catalens.train.epochs import TAXONOMY, read_info
from catalens.train.soup import How, cook

Pair = tuple[Member, Row]


def soups(
    catalog: Catalog,
    folder: Path,
    pairs: Sequence[Pair],
    parts: Parts,
    settings: CompareSettings,
    *,
    say: Callable[[str], None],
    progress: Progress = silent,
) -> tuple[list[Row], list[str]]:
    """A row for each group of members that may be averaged; in words why there are no others.  Every pair was measured.

    Without a part val there is nothing to choose by, and no soup.
    """
    if settings.soup == "none" or len(pairs) < 2:
        return [], []
    if "val" not in parts.images:
        return [], ["No soup: there is no part val to choose by."]
    rows: list[Row] = []
    notes: list[str] = []
    groups, from_scratch = _groups(folder, pairs)
    why = "only members of the same pretrained weights lie close enough together"
    notes.extend(f"No soup of {model}: {why}." for model in from_scratch)
    if not groups and not from_scratch:
        notes.append("No soup: no two members have the same network, size, categories and pretrained weights.")
    for group in groups:
        try:
            rows.append(_soup(catalog, folder, group, parts, settings, say=say, progress=progress))
        except (CatalensError, RuntimeError, OSError) as error:
            notes.append(f"No soup of {group[0][0].settings.model}: {error}")
    return rows, notes


def _groups(folder: Path, pairs: Sequence[Pair]) -> tuple[list[list[Pair]], list[str]]:
    """Groups of two or more that may be averaged, and the models that would be a group but were not pretrained."""
    found: dict[str, list[Pair]] = {}
    for member, row in pairs:
        chosen = member.settings
        shape = {
            "weights": read_info(folder / row.folder / RUN).get("weights_digest") or chosen.weights,
            "model": chosen.model,
            "size": chosen.size,
            "resize": [chosen.resize, chosen.interpolation],
            "attributes": list(chosen.attributes),
            "taxonomy": (folder / row.folder / RUN / TAXONOMY).read_bytes().hex(),
        }
        found.setdefault(digest_of(shape), []).append((member, row))
    several = [group for group in found.values() if len(group) > 1]
    scratch = [group[0][0].settings.model for group in several if group[0][0].settings.weights == SCRATCH]
    return [group for group in several if group[0][0].settings.weights != SCRATCH], list(dict.fromkeys(scratch))


def _soup(
    catalog: Catalog,
    folder: Path,
    group: Sequence[Pair],
    parts: Parts,
    settings: CompareSettings,
    *,
    say: Callable[[str], None],
    progress: Progress,
) -> Row:
    name = f"soup of {group[0][0].settings.model}"
    made_of = {"of": sorted(member.digest for member, _ in group), "how": settings.soup, "photos": settings.soup_photos}
    own = folder / f"{slug(name)}-{digest_of(made_of)[:8]}"
    measured = measured_on(parts, settings)
    kept = kept_row(own, measured)
    if kept is not None:
        return _named(kept, group)
    say(f"{name}: {settings.soup}, of {len(group)} runs")
    shutil.rmtree(own, ignore_errors=True)  # what a stopped run left; it takes seconds
    how: How = "uniform" if settings.soup == "uniform" else "greedy"
    runs = [folder / row.folder / RUN for _, row in group]
    soup = cook(runs, own / RUN, catalog, how=how, photos=settings.soup_photos, say=say)
    eaten = [group[place][1] for place in soup.ingredients]
    norm = f", batch norm recomputed on {soup.norm_photos:,} photos of train" if soup.norm_photos else ""
    alone = "" if len(eaten) > 1 else "; no other member's weights kept val top-1, so it is that member"
    row = replace(
        from_run(catalog, own, parts, settings, name=name, progress=progress),
        kind="soup",
        seconds=sum(row.seconds for _, row in group),  # those left out were trained, too
        of=tuple(group[place][0].digest for place in soup.ingredients),
        note=f"weights averaged, {settings.soup}{norm}{alone}",
    )
    write_row(own, row, measured)
    return _named(row, group)


def _named(row: Row, group: Sequence[Pair]) -> Row:
    """The members by the names they have in this comparison, in place of their digests."""
    names: Mapping[str, str] = {member.digest: member.name for member, _ in group}
    return replace(row, of=tuple(names[digest] for digest in row.of))
