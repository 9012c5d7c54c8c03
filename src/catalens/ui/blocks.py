"""The page's pieces: values in, HTML out.  Everything that came from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from catalens.predict.decide import percent

_TAG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#0f766e"
d="M4 6a3 3 0 0 1 3-3h9a3 3 0 0 1 2 1l10 9a3 3 0 0 1 0 5L18 28a3 3 0 0 1-4 0L5 19a3 3 0 0 1-1-2z"/>
<circle cx="13" cy="12" r="5" fill="#fff"/><circle cx="13" cy="12" r="2.3" fill="#f97316"/></svg>"""
LOGO = f"data:image/svg+xml,{quote(_TAG)}"  # as a picture: Streamlit takes inline SVG out
# action -> what the card says first, and what a person does next
HEADLINES = {
    "file": "File it",
    "suggest": "Ask a person",
    "review": "Look again",
    "reject": "No usable photo",
}
STRANGERS = {  # what the card says first of a product that is not one of the known ones
    "far": "Not from this shop",
    "near": "No category for it yet",
    "bad photo": "Ask for a better photo",
}


def header(model: Mapping[str, Any] | None) -> str:
    """The brand, and what answers behind it."""
    facts = ""
    if model is not None:
        parts = [str(model["model"]), f"{model['classes']:,} categories"]
        if model["index"]:
            parts.append(f"{model['index']['products']:,} products to compare with")
        facts = "".join(f"<span class='ct-fact'>{escape(part)}</span>" for part in parts)
    return f"<div class='ct-header'><img src='{LOGO}' alt=''><span class='ct-brand'>Catalens</span>{facts}</div>"


def down(service: str, cause: str) -> str:
    """What to do when no service answers."""
    port = service.rpartition(":")[2]
    told = f" --port {port}" if port.isdigit() and port != "8000" else ""
    return (
        "<div class='ct-card ct-reject'><div class='ct-action'>No service</div>"
        f"<h2>{escape(cause[:1].upper() + cause[1:])}</h2>"
        "<p>This page only shows what a running service answers. Start one beside it:</p>"
        f"<pre>catalens serve shop.bundle --index shop.index{escape(told)}</pre>"
        "<p>or tell the page where it is:</p><pre>catalens ui --service http://HOST:PORT</pre></div>"
    )


def decision(answer: Mapping[str, Any]) -> str:
    """The decision in words, and where in the tree it stands."""
    chosen, labels = answer["decision"], answer["labels"]
    action, strange = chosen["action"], STRANGERS.get(answer["open_world"] or "")
    if strange is not None:
        title, path, note = "No category", [], ""
    elif action == "file":
        title, path, note = chosen["path"][-1], chosen["path"], f"level: {chosen['level']}"
    elif labels:
        title, path, note = f"Perhaps {labels[0]['path'][-1]}", labels[0]["path"], "best guess, not filed"
    else:
        title, path, note = HEADLINES[action], [], ""
    return (
        f"<div class='ct-card ct-{escape(action)}'><div class='ct-action'>{strange or HEADLINES[action]}</div>"
        f"<div class='ct-sure'>{'' if strange else percent(chosen['confidence'])}</div><h2>{escape(title)}</h2>"
        f"{breadcrumbs(path, note)}<p>{escape(chosen['reason'])}</p></div>"
    )


def rejected(message: str) -> str:
    """None of the photos can be used."""
    return (
        f"<div class='ct-card ct-reject'><div class='ct-action'>{HEADLINES['reject']}</div>"
        f"<p>{escape(message)}</p></div>"
    )


def breadcrumbs(path: Sequence[str], note: str = "") -> str:
    """Home > Kitchen > Lamp."""
    if not path:
        return ""
    crumbs = "<span class='ct-arrow'>›</span>".join(f"<span class='ct-crumb'>{escape(name)}</span>" for name in path)
    return f"<div class='ct-path'>{crumbs}<span class='ct-note'>{escape(note)}</span></div>"


def how_sure(answer: Mapping[str, Any]) -> str:
    """The heading of the bars: what a person may choose from, where nothing was filed."""
    suggestions = answer["suggestions"]
    if answer["decision"]["action"] == "file" or suggestions is None or (answer["open_world"] or "known") != "known":
        return "How sure"
    count = len(suggestions["labels"]) + suggestions["more"]
    which = "This one" if count == 1 else f"One of the first {count:,}"
    return f"{which}, {100 * suggestions['coverage']:g} % sure"


def bars(labels: Iterable[Mapping[str, Any]]) -> str:
    """The labels, best first, each with its calibrated probability as a bar."""
    rows = "".join(
        f"<div class='ct-bar'><div class='ct-label'><b>{escape(label['path'][-1])}</b>"
        f"<small>{escape(' › '.join(label['path'][:-1]))}</small></div>"
        f"<div class='ct-track'><i style='width:{100 * label['score']:.2f}%'></i></div>"
        f"<div class='ct-share'>{percent(label['score'])}</div></div>"
        for label in labels
    )
    return f"<div class='ct-bars'>{rows}</div>"


def findings(found: Iterable[Mapping[str, Any]]) -> str:
    """Photos that were not used, each with its cause in words."""
    lines = "".join(
        f"<li><b>{escape(finding['source'])}</b> {_fate(finding['cause'])}"
        f"<small>{escape(finding['detail'])}</small></li>"
        for finding in found
    )
    return f"<ul class='ct-findings'>{lines}</ul>" if lines else ""


def _fate(cause: str) -> str:
    """A photo that was looked at all the same, or one that could not be."""
    return "is a bad photo" if cause == "bad photo" else f"was not used: it is {escape(cause)}"


def photos(pictures: Iterable[tuple[str, str | None]]) -> str:
    """(name, data: URI or None) of the product's photos, side by side."""
    shown = "".join(f"<figure>{image(uri)}<figcaption>{escape(name)}</figcaption></figure>" for name, uri in pictures)
    return f"<div class='ct-photos'>{shown}</div>"


def neighbours(found: Iterable[tuple[Mapping[str, Any], str | None]]) -> str:
    """(neighbour, data: URI of its photo or None), best first, as cards."""
    cards = "".join(
        f"<div class='ct-neighbour'>{image(uri)}<div class='ct-score'>{neighbour['score']:.2f}</div>"
        f"<b>{escape((neighbour['path'] or ['no category'])[-1])}</b>"
        f"<small>{escape(' › '.join(neighbour['path'][:-1]))}</small>"
        f"<small title='{escape(neighbour['id'])}'>{escape(neighbour['id'])}</small></div>"
        for neighbour, uri in found
    )
    return f"<div class='ct-neighbours'>{cards}</div>"


def timings(answer: Mapping[str, Any], *, server_ms: float, round_trip_ms: float) -> str:
    """Where the time of one answer went."""
    steps = " · ".join(f"{name.removesuffix('_ms')} {ms:.1f} ms" for name, ms in answer["timings_ms"].items())
    return (
        f"<div class='ct-time'><b>{round_trip_ms:.0f} ms</b> there and back, <b>{server_ms:.1f} ms</b> in the service"
        f"<small>{escape(steps)}</small></div>"
    )


def tried(entries: Iterable[tuple[str | None, str, str, str]]) -> str:
    """(data: URI, action, answer, confidence) of this session's products, the latest first."""
    rows = "".join(
        f"<div class='ct-tried'>{image(uri)}<div><b>{escape(answer)}</b>"
        f"<small><i class='ct-dot ct-{escape(action)}'></i>{HEADLINES[action]} {escape(confidence)}</small></div></div>"
        for uri, action, answer, confidence in entries
    )
    return rows or "<small class='ct-muted'>Nothing yet.</small>"


def image(uri: str | None) -> str:
    """The picture, or a box that says there is none."""
    return f"<img src='{uri}' alt=''>" if uri else "<div class='ct-blank'>no picture</div>"
