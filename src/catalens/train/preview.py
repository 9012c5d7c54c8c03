"""`catalens train --preview`: a contact sheet of what training will show the model, by the very code that trains."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError
from catalens.core.image import RgbImage
from catalens.core.page import page, reading
from catalens.core.preprocess import Preprocess
from catalens.train.augment import Augment
from catalens.train.batches import make_plan
from catalens.train.dataset import Photos, photos_of
from catalens.train.mixing import Mix, Mixer
from catalens.train.settings import TrainSettings

FORMATS = (".png", ".jpg", ".jpeg", ".webp", ".html")
_INK, _SOFT, _PAPER, _RULE = (28, 32, 36), (91, 100, 109), (246, 245, 242), (214, 211, 205)
_MARGIN, _GAP, _LINE = 28, 10, 22  # pixels


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of the sheet, uint8 [s, s, 3], and the words under it."""

    square: RgbImage
    caption: str


def write(catalog: Catalog, settings: TrainSettings, path: Path, *, photos: int = 6, views: int = 7) -> None:
    """Write the sheet: a row a photo, the square as it is and `views` changed ones; then rows of mixed photos.

    The photos are of part `train`, of as many categories as there are.  Raises ConfigError where the file's name ends
    in none of FORMATS, CatalogError where the catalog is not split.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"expected a name that ends in one of {', '.join(FORMATS)}", source=str(path), key="preview")
    picture = sheet(catalog, settings, photos=photos, views=views)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".html":
        path.write_text(_html(catalog, settings, picture), encoding="utf-8")
    else:
        picture.save(path, quality=92)  # PNG has no quality, and passes over it


def sheet(catalog: Catalog, settings: TrainSettings, *, photos: int = 6, views: int = 7) -> Image.Image:
    """The sheet as a picture.  Raises CatalogError."""
    part = photos_of(catalog, "train", catalog.taxonomy)
    chosen = _one_a_category(part.labels, photos, seed=settings.seed)
    names = [catalog.taxonomy[catalog.taxonomy.leaves[part.labels[photo]]].name() for photo in chosen]
    epochs = _epochs(settings, views)
    plan = make_plan(settings, len(part), batch=1)
    augment = Augment(settings.augment, plan.sizes, seed=settings.seed, erasing=settings.erasing)
    squares = _squares(part, chosen, settings)
    rows = [
        [Cell(square, name)] + [Cell(augment(square, epoch=epoch, photo=photo), "") for epoch in epochs]
        for square, photo, name in zip(squares, chosen, names, strict=True)
    ]
    heads = ["as it is", *(_head(epoch, augment.size(epoch), settings) for epoch in epochs)]
    changed = [
        augment(square, epoch=settings.epochs, photo=photo) for square, photo in zip(squares, chosen, strict=True)
    ]
    mixed = _mixed_rows(changed, names, settings, columns=len(heads))
    return _drawn(heads, rows, mixed, _words(settings), cell=_cell(settings.size))


def _squares(part: Photos, chosen: Sequence[int], settings: TrainSettings) -> list[RgbImage]:
    side = max((settings.size, *settings.sizes))
    preprocess = Preprocess(size=side, resize=settings.resize, interpolation=settings.interpolation)
    return [
        preprocess.square(part.reader.read(part.shards[photo], part.rows[photo]), source=part.ids[photo])
        for photo in chosen
    ]


def _one_a_category(labels: np.ndarray, count: int, *, seed: int) -> list[int]:
    """`count` photos: one of each of as many categories, and where those are fewer, further ones."""
    order = np.random.default_rng(seed).permutation(len(labels))
    _, first = np.unique(labels[order], return_index=True)
    firsts = order[np.sort(first)]
    others = order[~np.isin(order, firsts)]
    return [int(photo) for photo in np.concatenate([firsts, others])[:count]]


def _epochs(settings: TrainSettings, views: int) -> list[int]:
    """The epochs that are shown: the first ones, or some of all where the size grows."""
    if settings.sizes:
        return [int(epoch) for epoch in np.unique(np.linspace(0, settings.epochs - 1, views).round())]
    return list(range(min(views, settings.views) if settings.views else views))


def _head(epoch: int, side: int, settings: TrainSettings) -> str:
    if settings.sizes:
        return f"epoch {epoch + 1}, {side} px"
    return f"view {epoch + 1}" if settings.views else f"epoch {epoch + 1}"


def _mixed_rows(
    squares: list[RgbImage], names: list[str], settings: TrainSettings, *, columns: int
) -> list[list[Cell]]:
    """Two rows of mixed photos with the shares of their categories; none where nothing is mixed."""
    mixer = Mixer(settings.mixup, settings.cutmix, 1.0 if settings.mix_share else 0.0, len(names))
    chance = torch.Generator().manual_seed(settings.seed)
    batch = torch.from_numpy(np.stack(squares))
    rows: list[list[Cell]] = []
    for row in range(2 if mixer.on and len(squares) > 1 else 0):
        mixes = [mixer.draw(len(squares), batch.shape[1], chance) for _ in range(columns)]
        rows.append(
            [_mixed(batch, mix, (row * columns + place) % len(names), names) for place, mix in enumerate(mixes) if mix]
        )
    return rows


def _mixed(batch: torch.Tensor, mix: Mix, photo: int, names: list[str]) -> Cell:
    square = mix.pixels(batch)[photo].round().to(torch.uint8).numpy()
    return Cell(square, f"{mix.kept:.2f} {names[photo]}\n{1 - mix.kept:.2f} {names[mix.partner[photo]]}")


def _words(settings: TrainSettings) -> str:
    """What the sheet shows, in a line."""
    found = [f"augment {settings.augment}"]
    if settings.erasing:
        found.append(f"random erasing on {settings.erasing:.0%}")
    if mixed := [f"{name} {getattr(settings, name):g}" for name in ("mixup", "cutmix") if getattr(settings, name)]:
        found.append(f"{' or '.join(mixed)} on {settings.mix_share:.0%} of the batches")
    found.append(f"{' > '.join(map(str, settings.sizes)) or settings.size} px, {settings.resize}")
    recipe = f"recipe {settings.recipe}: " if settings.recipe else ""
    return recipe + ", ".join(found)


def _cell(size: int) -> int:
    """The side of a picture on the sheet, in pixels: the model's own where that can be looked at."""
    if size < 96:
        return size * -(-96 // size)
    return min(size, 176)


def _drawn(
    heads: Sequence[str], rows: Sequence[Sequence[Cell]], mixed: Sequence[Sequence[Cell]], words: str, *, cell: int
) -> Image.Image:
    title, small = _font(18), _font(13)
    width = 2 * _MARGIN + len(heads) * (cell + _GAP) - _GAP
    row_height, mixed_height = cell + _LINE + _GAP, cell + 2 * _LINE + _GAP
    top = _MARGIN + 2 * _LINE + 8
    height = top + len(rows) * row_height + (2 * _LINE + len(mixed) * mixed_height if mixed else 0) + _MARGIN - _GAP
    picture = Image.new("RGB", (width, height + _LINE), _PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((_MARGIN, _MARGIN - 8), _fitting(words, title, width - 2 * _MARGIN), _INK, font=title)
    for column, head in enumerate(heads):
        draw.text(
            (_MARGIN + column * (cell + _GAP), top - 2), _fitting(head, small, cell), _SOFT, font=small, anchor="ls"
        )
    y = top + 6
    for row in rows:
        _row(picture, draw, row, y, cell=cell, font=small)
        y += row_height
    if mixed:
        y += _LINE
        draw.text(
            (_MARGIN, y - 4), "mixed photos, and the labels they are trained with", _SOFT, font=small, anchor="ls"
        )
        y += 6
        for row in mixed:
            _row(picture, draw, row, y, cell=cell, font=small)
            y += mixed_height
    return picture.crop((0, 0, width, y - _GAP + _MARGIN // 2))


def _row(
    picture: Image.Image, draw: ImageDraw.ImageDraw, cells: Sequence[Cell], y: int, *, cell: int, font: Any
) -> None:
    for column, one in enumerate(cells):
        x = _MARGIN + column * (cell + _GAP)
        side = one.square.shape[0]
        # whole multiples keep their pixels sharp, so that a small square is seen for what it is
        resample = Image.Resampling.NEAREST if cell % side == 0 else Image.Resampling.LANCZOS
        picture.paste(Image.fromarray(one.square).resize((cell, cell), resample), (x, y))
        draw.rectangle((x - 1, y - 1, x + cell, y + cell), outline=_RULE)
        for number, line in enumerate(one.caption.splitlines()):
            draw.text((x, y + cell + 4 + number * (_LINE - 4)), _fitting(line, font, cell), _INK, font=font)


def _font(size: int) -> Any:
    """A font that has Latin, Greek and Cyrillic letters, where matplotlib brings it; else Pillow's own."""
    try:
        import matplotlib

        return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
    except (ImportError, OSError):
        return ImageFont.load_default(size)


def _fitting(words: str, font: Any, width: int) -> str:
    """The words, cut with an ellipsis where they are wider than `width` pixels."""
    if font.getlength(words) <= width:
        return words
    while words and font.getlength(f"{words}…") > width:
        words = words[:-1].rstrip()
    return f"{words}…"


def _html(catalog: Catalog, settings: TrainSettings, picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    data = base64.b64encode(buffer.getvalue()).decode()
    content = f'<img style="width:100%" alt="rows of photos" src="data:image/jpeg;base64,{data}">'
    told = "The first of each row is the square as the model sees it when it predicts; it is trained on the others."
    return page(
        f"{catalog.info.name}: what training shows",
        heading="What training shows the model",
        lead=reading(told),
        sections=[(_words(settings), content)],
        footer=f"catalens train --preview, seed {settings.seed}",
    )
