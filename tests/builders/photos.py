"""Pictures drawn by code that look, to a quality score, as photos of products do."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pixels = np.ndarray


def scene(width: int = 400, height: int = 300, *, seed: int = 0) -> Pixels:
    """A thing with shades and sharp edges before a plain wall of middle grey."""
    random = np.random.default_rng(seed)
    canvas = Image.new("RGB", (2 * width, 2 * height), (168, 160, 150))
    draw = ImageDraw.Draw(canvas)
    for _ in range(24):
        x, y = random.integers(width // 2, 3 * width // 2), random.integers(height // 2, 3 * height // 2)
        box = (x - width // 6, y - height // 8, x + width // 6, y + height // 8)
        draw.ellipse(box, fill=tuple(random.integers(20, 240, 3).tolist()))
    return _shaded(canvas, width, height, random)


def packshot(
    width: int = 300,
    height: int = 400,
    colour: tuple[int, int, int] = (150, 40, 50),
    ground: tuple[int, int, int] = (255, 255, 255),
) -> Pixels:
    """A thing of one colour, with light, shade and folds, in the middle of a pure ground."""
    light = np.linspace(0.5, 1.2, width)[None, :] * (1 + 0.3 * np.sin(np.linspace(0, 40, height)))[:, None]
    thing = (np.array(colour) * light[..., None]).clip(0, 255).astype(np.uint8)
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).ellipse((width * 0.2, height * 0.25, width * 0.8, height * 0.75), fill=255)
    return np.where(np.asarray(mask)[..., None] > 0, thing, np.uint8(ground))


def thin_lines(width: int = 300, height: int = 400) -> Pixels:
    """A necklace: a shaded line three pixels wide on pure white."""
    canvas = Image.new("RGB", (width, height), (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    for step in range(90):
        level = 90 + (step * 37) % 130
        angles = (2 * step, 2 * step + 2)
        draw.arc(
            (width * 0.25, -height * 0.3, width * 0.75, height * 0.7), *angles, fill=(level, level - 20, 40), width=3
        )
    return np.asarray(canvas)


def placeholder(width: int = 400, height: int = 400) -> Pixels:
    """ "No image available", dark grey on light grey."""
    canvas = Image.new("RGB", (width, height), (230, 230, 230))
    font = ImageFont.load_default(width / 8)
    draw = ImageDraw.Draw(canvas)
    draw.multiline_text((width / 2, height / 2), "No image\navailable", (110, 110, 110), font, "mm", align="center")
    return np.asarray(canvas)


def captioned(image: Pixels, lines: int = 9) -> Pixels:
    """Lines of dark words on a light band over the upper half."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    height = picture.height / 2 / lines
    draw.rectangle((0, 0, picture.width, picture.height / 2), fill=(250, 250, 240))
    for line in range(lines):
        words = "free shipping today, original quality, best price " * 2
        draw.text((4, line * height), words, (10, 10, 10), ImageFont.load_default(0.85 * height))
    return np.asarray(picture)


def blurred(image: Pixels, sigma_px: float) -> Pixels:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma_px)))


def jpeg(image: Pixels, quality: int = 85) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def cut_short(image: Pixels, kept: float) -> bytes:
    """A JPEG of which `kept` of the coded picture is there, closed with an end marker so that it decodes."""
    data = jpeg(image)
    start = data.find(b"\xff\xda") + 14
    return data[: start + int((len(data) - start) * kept)] + b"\xff\xd9"


def _shaded(canvas: Image.Image, width: int, height: int, random: np.random.Generator) -> Pixels:
    pixels = np.asarray(canvas.resize((width, height), Image.Resampling.LANCZOS)).astype(np.float32)
    light = np.linspace(0.85, 1.1, width)[None, :, None]
    return (pixels * light + random.normal(0, 2, pixels.shape)).clip(0, 255).round().astype(np.uint8)
