"""card.md: what a bundle is, what it was measured on, what it promises, and where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalens.core.promise import Promise
from catalens.core.taxonomy import Taxonomy
from catalens.export.calibration import Calibration


def card(fields: Mapping[str, Any], taxonomy: Taxonomy, calibration: Calibration) -> str:
    """Markdown, from the manifest's `fields`."""
    sections = [
        f"# {fields['name']}\n\n{_what(fields, taxonomy)}",
        f"## Trained on\n\n{_training(fields['training'])}",
        f"## Measured\n\n{_measured(fields['training'], calibration)}",
        f"## Several photos of a product\n\n{_fusion(fields['calibration']['fusion'])}",
        f"## Promises\n\n{_promises(taxonomy, calibration)}",
        f"## Limits\n\n{_limits(fields['training'], calibration, fields['calibration']['fusion'])}",
        f"## Use\n\n{_use(fields['name'])}",
    ]
    return "\n\n".join(sections) + "\n"


def _what(fields: Mapping[str, Any], taxonomy: Taxonomy) -> str:
    levels = ", ".join(f"{len(nodes)} {taxonomy.level_name(level)}" for level, nodes in enumerate(taxonomy.level_nodes))
    preprocess = fields["preprocess"]
    return (
        f"Files product photos into {fields['classes']} categories ({levels}; a shallow category counts at every level "
        f"below it), and gives each product a vector of {fields['embedding_dim']} numbers to find similar ones by.\n\n"
        f"Photos are decoded upright and opaque, then fitted to {preprocess['size']} x {preprocess['size']} pixels "
        f"(`{preprocess['resize']}`, `{preprocess['interpolation']}`); everything else is inside `model.onnx`."
    )


def _training(training: Mapping[str, Any]) -> str:
    settings, catalog = training.get("settings", {}), training["catalog"]
    lines = [
        f"- catalog `{catalog['name']}`, digest `{catalog['digest'][:12]}`, {training.get('train_photos', 0):,} photos "
        f"of its part `train`; {training['left_out']:,} categories with too few products left out",
        f"- network `{settings.get('model')}`, weights at the start: {_start(settings)}",
        f"- mode `{settings.get('mode')}`, {training.get('epochs', '?')} epochs, of which the "
        f"{training['export']['weights']} is exported, seed {settings.get('seed')}",
    ]
    if averaging := training["export"].get("averaging"):
        lines.append(
            f"- the graph averages {averaging['passes']} passes a photo: {averaging['networks']} networks, "
            f"{'with' if averaging['flip'] else 'without'} the mirror image, scales "
            f"{', '.join(f'{scale:g}' for scale in averaging['scales'])}"
        )
    return "\n".join(lines)


def _start(settings: Mapping[str, Any]) -> str:
    """Where the weights came from, without a path of the machine they lay on."""
    return f"`{str(settings.get('weights')).replace(chr(92), '/').rsplit('/', 1)[-1]}`"


def _measured(training: Mapping[str, Any], calibration: Calibration) -> str:
    best, exported = training.get("best"), training["export"]
    lines = ["| what | on | value |", "|---|---|---|"]
    if best and exported["weights"] == "best":
        lines.append(
            f"| top-1, single photos, epoch {best['epoch']} | val, which chose the epoch | {best['val_top1']:.4f} |"
        )
    on, before, after = calibration.part, calibration.before, calibration.after
    lines += [
        f"| top-1, products | {on} ({calibration.products:,} products) | {calibration.top1:.4f} |",
        f"| negative log-likelihood, before and after temperature | {on} | {before.nll:.4f}, {after.nll:.4f} |",
        f"| expected calibration error, before and after | {on} | {before.ece:.4f}, {after.ece:.4f} |",
        f"| temperature | {on} | {calibration.temperature:.4f} |",
    ]
    parity = exported["parity"]
    lines.append(
        f"| graph against checkpoint, largest difference of a logit | {parity['images']} hostile photos "
        f"| {parity['logit_delta']:.1e} |"
    )
    return "\n".join(lines)


FUSIONS = {
    "mean": "The mean of their log-probabilities: photos of one product count alike.",
    "max": "The largest log-probability of each category, renormalised: the surest photo decides.",
    "gated": "The mean of their log-probabilities, in which a learned gate says how much each photo counts.",
}


def _fusion(chosen: Mapping[str, Any]) -> str:
    """How photos are put together, and the comparison that decided, where there was one."""
    lines = [f"{FUSIONS[chosen['kind']]} Where two of them are each sure of another category, a person is asked."]
    if chosen["note"]:
        lines += ["", f"Asked for was `{chosen['asked']}`: {chosen['note']}."]
    if chosen["table"]:
        lines += [
            "",
            f"Cross-validated on the {chosen['several']:,} products of `{chosen['part']}` with several photos. The "
            f"gate is right where the mean is wrong {chosen['won']:,} times, and wrong where it is right "
            f"{chosen['lost']:,} times.",
            "",
            "| photos put together by | top-1 | negative log-likelihood |",
            "|---|---|---|",
            *(f"| {kind} | {row['top1']:.4f} | {row['nll']:.4f} |" for kind, row in chosen["table"].items()),
        ]
    return "\n".join(lines)


def _promises(taxonomy: Taxonomy, calibration: Calibration) -> str:
    if not calibration.promises:
        return "None: every answer is a suggestion."
    delta = calibration.promises[0].delta
    lines = [
        "An answer is filed at the deepest level whose threshold it reaches. With confidence "
        f"{1 - delta:g} the precision of what is filed at a level is at least the promised one; support is the "
        f"{calibration.products:,} products of part `{calibration.part}`.",
        "",
        "| promise | level | threshold | accepted, right |",
        "|---|---|---|---|",
    ]
    lines += [row for promise in calibration.promises for row in _rows(promise, taxonomy)]
    return "\n".join(lines)


def _rows(promise: Promise, taxonomy: Taxonomy) -> list[str]:
    return [
        f"| {promise.precision:g} | {taxonomy.level_name(rule.level)}{_branch(rule.branch, promise, taxonomy)} | "
        + (
            "no promise at this level |  |"
            if rule.threshold is None
            else f"{rule.threshold:.4f} | {rule.accepted:,}, {rule.correct:,} |"
        )
        for rule in promise.rules
    ]


def _branch(branch: str | None, promise: Promise, taxonomy: Taxonomy) -> str:
    """ ", in Footwear"; nothing where no branch has a rule of its own."""
    if branch is not None:
        return f", in {taxonomy[branch].name()}"
    return ", elsewhere" if any(rule.branch is not None for rule in promise.rules) else ""


def _limits(training: Mapping[str, Any], calibration: Calibration, fusion: Mapping[str, Any]) -> str:
    lines = [
        "- It knows the categories in `taxonomy.parquet` and no other: a photo of something else gets one of them.",
        "- Promises hold for products like those it was calibrated on. Another shop, camera or mix of categories needs "
        "another calibration.",
    ]
    if fusion["kind"] == "gated" and fusion["part"] == calibration.part:
        lines.append(
            f"- The gate was fitted on `{calibration.part}` too, which makes these promises somewhat too good."
        )
    if calibration.note:
        lines.insert(0, f"- {calibration.note}")
    if calibration.outside:
        lines.append(f"- {calibration.outside:,} products of `{calibration.part}` are of categories it does not know.")
    if calibration.catalog_digest != training["catalog"]["digest"]:
        lines.append(
            f"- Calibrated on another catalog than it was trained on, `{calibration.catalog}`: nothing checked "
            "that it holds none of the photos trained on."
        )
    return "\n".join(lines)


def _use(name: str) -> str:
    return f"""```
catalens predict {name}.bundle photo.jpg
catalens serve {name}.bundle
catalens evaluate {name}.bundle CATALOG --split test
catalens doctor {name}.bundle
```"""
