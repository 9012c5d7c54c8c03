"""What can be wrong with a photo, done to good ones by code, at several severities: the cases of `quality.py`."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pixels = np.ndarray[Any, Any]  # uint8 [H, W, 3]
Random = np.random.Generator
_FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono")
_SAYS_NOTHING = (
    "No image available", "Image coming soon", "No photo", "NO IMAGE", "Photo not available", "Pas d'image", "404",
    "Kein Bild verfügbar", "Imagen no disponible", "Нет фото", "No picture\nyet", "Image\nnot found",
)  # fmt: skip
_WORDS = ("SALE", "NEW", "free", "shipping", "50% OFF", "original", "quality", "www.shop.com", "call", "0800 123456")
_FRAMES = ((0, 0, 0), (200, 30, 40), (30, 60, 160), (240, 200, 40), (90, 90, 90))


def jpeg(image: Pixels, quality: int = 85) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def out_of_focus(image: Pixels, share: float, random: Random) -> Pixels:
    """Gaussian blur with a sigma of `share` of the longer side."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(share * max(image.shape[:2]))))


def shaken(image: Pixels, share: float, random: Random) -> Pixels:
    """Motion over `share` of the longer side, in any direction; at least three pixels."""
    length, angle = max(3, round(share * max(image.shape[:2]))), random.uniform(0, math.pi)
    height, width = image.shape[:2]
    wide = np.pad(image.astype(np.float32), ((length, length), (length, length), (0, 0)), mode="edge")
    total = np.zeros(image.shape, np.float32)
    for step in np.arange(length) - (length - 1) / 2:
        top, left = length + round(step * math.sin(angle)), length + round(step * math.cos(angle))
        total += wide[top : top + height, left : left + width]
    return (total / length).round().astype(np.uint8)


def enlarged(image: Pixels, factor: float, random: Random) -> Pixels:
    """Made smaller by `factor` and enlarged again."""
    photo = Image.fromarray(image)
    small = photo.resize([max(1, round(side / factor)) for side in photo.size])
    return np.asarray(small.resize(photo.size, Image.Resampling.BICUBIC))


def exposed(image: Pixels, stops: float, random: Random) -> Pixels:
    """So many f-stops more light, or less; what passes white is cut off."""
    return (255 * np.clip((image / 255) ** 2.2 * 2**stops, 0, 1) ** (1 / 2.2)).round().astype(np.uint8)


def faded(image: Pixels, factor: float, random: Random) -> Pixels:
    """Contrast times `factor`, round the photo's mean."""
    return np.clip(image.mean() + (image - image.mean()) * factor, 0, 255).round().astype(np.uint8)


def shrunk(image: Pixels, side: float, random: Random) -> Pixels:
    """The shorter side becomes `side` pixels."""
    factor = side / min(image.shape[:2])
    size = [max(1, round(factor * length)) for length in (image.shape[1], image.shape[0])]
    return np.asarray(Image.fromarray(image).resize(size))


def stretched(image: Pixels, factor: float, random: Random) -> Pixels:
    """A strip, its longer side `factor` times its shorter."""
    return image[: max(1, round(image.shape[1] / factor))]


def flat(image: Pixels, noise: float, random: Random) -> Pixels:
    """One colour, a slight gradient, and noise of so many levels."""
    slope = np.linspace(0, random.uniform(0, 30), image.shape[1])[None, :, None]
    pixels = random.integers(0, 226, 3) + slope + random.normal(0, noise, image.shape)
    return pixels.clip(0, 255).astype(np.uint8)


def framed(image: Pixels, share: float, random: Random) -> Pixels:
    """A frame of `share` of the shorter side on every side."""
    width = max(1, round(share * min(image.shape[:2])))
    colour = _FRAMES[random.integers(len(_FRAMES))]
    return np.stack([np.pad(image[..., c], width, constant_values=colour[c]) for c in range(3)], axis=2)


def letterboxed(image: Pixels, share: float, random: Random) -> Pixels:
    """Black bars of `share` of the height above and below."""
    bar = max(1, round(share * len(image)))
    return np.pad(image, ((bar, bar), (0, 0), (0, 0)))


def greyed(image: Pixels, kept: float, random: Random) -> Pixels:
    """Luma only, with `kept` of the colour."""
    luma = np.asarray(Image.fromarray(image).convert("L"))[..., None].astype(np.float32)
    return (luma + kept * (image - luma)).clip(0, 255).round().astype(np.uint8)


def away(image: Pixels, share: float, random: Random) -> Pixels:
    """The photo, scaled to `share` of its side, on a white canvas of its old size."""
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((max(2, round(width * share)), max(2, round(height * share))))
    canvas = Image.new("RGB", (width, height), (255, 255, 255))
    canvas.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return np.asarray(canvas)


def cluttered(image: Pixels, scene: Pixels) -> Pixels:
    """A product on white, set before a scene."""
    behind = Image.fromarray(scene).resize((image.shape[1], image.shape[0]))
    return np.where(image.min(axis=2, keepdims=True) >= 240, np.asarray(behind), image)


def cut(image: Pixels, kept: float) -> bytes:
    """A JPEG of which `kept` of the coded picture is there, closed with an end marker so that it decodes."""
    data = jpeg(image)
    start = data.find(b"\xff\xda") + 14
    return data[: start + int((len(data) - start) * kept)] + b"\xff\xd9"


def placeholder(width: int, height: int, random: Random) -> Pixels:
    """A drawn "no image available": words, a camera, both, or words in a frame; any two colours that can be told."""
    dark = int(random.integers(0, 190))
    light = min(255, dark + int(random.integers(60, 256)))
    ink, paper = (dark, light) if random.random() < 0.85 else (light, dark)
    tint = random.integers(-30, 30, 3) * (random.random() < 0.4)
    ground, colour = (tuple(np.clip(level + tint, 0, 255).tolist()) for level in (paper, ink))
    w, h = 4 * width, 4 * height
    picture = Image.new("RGB", (w, h), ground)
    draw = ImageDraw.Draw(picture)
    kind = ("words", "camera", "both", "framed")[random.integers(4)]
    line = max(4, w // 40)
    if kind != "camera":
        words = _SAYS_NOTHING[random.integers(len(_SAYS_NOTHING))]
        if random.random() < 0.5:
            words = words.replace(" ", "\n")
        font = _font(random, h / 7)
        left, _, right, _ = draw.multiline_textbbox((0, 0), words, font=font)
        font = font.font_variant(size=max(6, int(font.size * min(1.2, 0.8 * w / (right - left)))))
        place = (w / 2, h * (0.72 if kind == "both" else 0.5))
        draw.multiline_text(place, words, fill=colour, font=font, anchor="mm", align="center")
    if kind in ("camera", "both"):
        x, y, s = w / 2, h * 0.42, w * 0.18
        draw.rounded_rectangle((x - s, y - 0.6 * s, x + s, y + 0.7 * s), s * 0.15, outline=colour, width=line)
        draw.ellipse((x - 0.4 * s, y - 0.35 * s, x + 0.4 * s, y + 0.45 * s), outline=colour, width=line)
        draw.rectangle((x - 0.3 * s, y - 0.8 * s, x + 0.3 * s, y - 0.6 * s), fill=colour)
        if random.random() < 0.4:
            draw.line((x - 1.3 * s, y + s, x + 1.3 * s, y - s), fill=colour, width=line)
    if kind == "framed":
        draw.rectangle((w * 0.03, h * 0.03, w * 0.97, h * 0.97), outline=colour, width=line)
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def captioned(image: Pixels, share: float, random: Random) -> Pixels:
    """Lines of words over `share` of the height, on the photo or on a band of colour."""
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    top = 0.0 if random.random() < 0.5 else height * (1 - share)
    end = top + share * height
    ground = image[int(top) : int(end) + 1].mean(axis=(0, 1))
    if random.random() < 0.5:
        ground = random.integers(0, 256, 3)
        draw.rectangle((0, top, width, end), fill=tuple(ground.tolist()))
    colour = (0, 0, 0) if ground.mean() > 128 else (255, 255, 255)
    while top < end - 6:
        size = min(height * random.uniform(0.045, 0.1), end - top)
        font, words = _font(random, 0.9 * size), ""
        while draw.textlength(words, font=font) < 0.85 * width:
            words += f"{random.choice(_WORDS)} "
        draw.text((width * 0.04, top), words.rsplit(" ", 2)[0], fill=colour, font=font)
        top += 1.15 * size
    return np.asarray(picture)


def watermarked(image: Pixels, opacity: float, random: Random) -> Pixels:
    """Words all over the photo, slanted by up to 35 degrees."""
    height, width = image.shape[:2]
    mask = Image.new("L", (2 * width, 2 * height))
    draw = ImageDraw.Draw(mask)
    size = max(8, height / 12)
    font, words = _font(random, size), " ".join(random.choice(_WORDS, 2)) + "   "
    length = draw.textlength(words, font=font)
    for number, top in enumerate(np.arange(0, 2 * height, 2.2 * size)):
        for left in np.arange(-(number % 2) * length / 2, 2 * width, length):
            draw.text((left, top), words, fill=255, font=font)
    box = (width // 2, height // 2, width // 2 + width, height // 2 + height)
    shown = np.asarray(mask.rotate(random.uniform(0, 35)).crop(box))[..., None] / 255 * opacity
    colour = 255 if image.mean() < 140 else 60
    return (image * (1 - shown) + colour * shown).round().astype(np.uint8)


def _font(random: Random, size: float) -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{_FONTS[random.integers(len(_FONTS))]}.ttf"
    return ImageFont.truetype(str(path), max(6, int(size)))


Damage = Callable[[Pixels, float, Random], Pixels]
# flag -> the damages that should raise it, with their severities from slight to gross
DAMAGES: dict[str, list[tuple[Damage, tuple[float, ...]]]] = {
    "blurred": [
        (out_of_focus, (0.004, 0.008, 0.016)),
        (shaken, (0.015, 0.03, 0.06)),
        (enlarged, (2, 4, 8)),
    ],
    "dark": [(exposed, (-1, -2, -3, -4))],
    "over-exposed": [(exposed, (1, 2, 3))],
    "low contrast": [(faded, (0.5, 0.25, 0.12))],
    "tiny": [(shrunk, (64, 47, 24))],
    "odd aspect": [(stretched, (2, 4))],
    "blank": [(flat, (0, 2, 4))],
    "heavy border": [(framed, (0.02, 0.05, 0.1, 0.2)), (letterboxed, (0.05, 0.1, 0.2))],
    "text heavy": [(captioned, (0.1, 0.2, 0.4)), (watermarked, (0.25, 0.5, 0.8))],
    "greyscale": [(greyed, (0.2, 0))],
    "small subject": [(away, (0.5, 0.2, 0.15))],
}
