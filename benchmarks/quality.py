"""How often are the flags of `catalens.core.quality` right?

    python benchmarks/quality.py [--data ../shared/data] [--photos 300] [--sheets FOLDER]

Real photos, and the same photos damaged by code.  A line for each damage and severity: AUROC of the flag's score,
damaged against untouched, and how many of the damaged ones are flagged; then how many of the untouched ones are
flagged, in all photos of each data set, and the time a photo takes.  With `--sheets`, the flagged untouched photos as
pictures, to be judged by eye.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from catalens.core.image import decode
from catalens.core.quality import FLAGS, Quality, measure
from quality_damage import DAMAGES, Pixels, cluttered, cut, jpeg, placeholder

DATA = Path(os.environ.get("CATALENS_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PLACEHOLDER_SIZES = ((60, 80), (128, 128), (180, 180), (500, 500), (800, 600))


def main() -> int:
    """Print the tables of docs/explanation/photo-quality.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--photos", type=int, default=300, help="photos of each set to damage")
    parser.add_argument("--untouched", type=int, default=100_000, help="photos of each set to look at untouched")
    parser.add_argument("--sheets", type=Path, help="folder for pictures of what is flagged")
    arguments = parser.parse_args()
    sets = {name: list(files(arguments.data, name)) for name in ("fashion", "clothing", "grocery")}
    samples = {
        name: [decode(read(place)) for place in chosen(places, arguments.photos)] for name, places in sets.items()
    }
    print("damage, severity | " + " | ".join(f"{name}: AUROC, flagged" for name in sets))
    for line in damages(samples):
        print(line, flush=True)
    print(timing())
    sets["flowers"] = list(files(arguments.data, "flowers"))
    sets["packshots of grocery"] = list(files(arguments.data, "iconic"))
    for name, places in sets.items():
        print(untouched(name, chosen(places, arguments.untouched), arguments.sheets), flush=True)
    return 0


def damages(samples: dict[str, list[Pixels]]) -> Iterator[str]:
    """A line for each damage and severity."""
    clean = {name: [measure(image) for image in images] for name, images in samples.items()}
    for flag, kinds in DAMAGES.items():
        for damage, severities in kinds:
            for severity in severities:
                cells = []
                for name, images in samples.items():
                    generator = np.random.default_rng(0)
                    worse = [look(jpeg(damage(image, severity, generator))) for image in images]
                    cells.append(compare(flag, worse, clean[name]))
                yield f"{flag}: {damage.__name__}, {severity} | " + " | ".join(cells)
    everything = [quality for qualities in clean.values() for quality in qualities]
    for width, height in PLACEHOLDER_SIZES:
        generator = np.random.default_rng(0)
        drawn = [look(jpeg(placeholder(width, height, generator), int(generator.integers(60, 96)))) for _ in range(200)]
        yield f"placeholder: {width} x {height} | {compare('placeholder', drawn, everything)}"
    scenes = samples["grocery"]
    busy = [look(jpeg(cluttered(image, scene))) for image, scene in zip(samples["fashion"], scenes, strict=False)]
    yield f"busy background: grocery scenes behind products | {compare('busy background', busy, clean['fashion'])}"
    for kept in (0.9, 0.6, 0.3):
        cells = [
            compare("cut short", [look(cut(image, kept)) for image in images], clean[name])
            for name, images in samples.items()
        ]
        yield f"cut short: {kept} of the file | " + " | ".join(cells)


def compare(flag: str, worse: Sequence[Quality], clean: Sequence[Quality]) -> str:
    """ "AUROC, share flagged" of damaged photos against untouched ones."""
    rule = FLAGS[flag]
    sign = 1 if rule.above else -1
    bad, good = (
        np.array([sign * score for quality in qualities if (score := getattr(quality, rule.score)) is not None])
        for qualities in (worse, clean)
    )
    flagged = sum(flag in quality.flags for quality in worse) / len(worse)
    return f"{auroc(bad, good):.3f}, {flagged:.1%}" if len(bad) and len(good) else f"not told, {flagged:.1%}"


def auroc(bad: np.ndarray[Any, Any], good: np.ndarray[Any, Any]) -> float:
    """The chance that a damaged photo's score is beyond an untouched one's; equal scores count half."""
    good = np.sort(good)
    below, upto = np.searchsorted(good, bad, "left"), np.searchsorted(good, bad, "right")
    return float((below + upto).mean() / 2 / len(good))


def untouched(name: str, places: Sequence[Path | tuple[Path, str]], sheets: Path | None) -> str:
    """How many photos as they are have each flag."""
    shown: dict[str, list[tuple[Pixels, str]]] = {flag: [] for flag in FLAGS}
    counts = dict.fromkeys(FLAGS, 0)
    for place in places:
        data = read(place)
        image = decode(data)
        quality = measure(image, data=data)
        for flag in quality.flags:
            counts[flag] += 1
            if sheets and len(shown[flag]) < 60:
                shown[flag].append((image, f"{getattr(quality, FLAGS[flag].score):.3g}"))
    for flag, pictures in shown.items():
        if sheets and pictures:
            sheet(pictures, sheets / f"{name}-{flag}.png".replace(" ", "_"))
    rates = ", ".join(f"{flag} {count:,} ({count / len(places):.2%})" for flag, count in counts.items() if count)
    return f"untouched {name}, {len(places):,} photos: {rates}"


def timing() -> str:
    """CPU milliseconds a photo, median of 30, and how many times those of decoding its JPEG."""
    generator = np.random.default_rng(0)
    small = generator.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    cells = []
    for width, height in ((80, 60), (224, 224), (512, 512), (4000, 3000)):
        data = jpeg(np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)))
        image = decode(data)
        measuring, decoding = cpu_ms(lambda image=image: measure(image)), cpu_ms(lambda data=data: decode(data))
        cells.append(f"{width} x {height}: {measuring:.1f} ms, {measuring / decoding:.1f} x decoding")
    return "time: " + "; ".join(cells)


def cpu_ms(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(30):
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    return 1000 * float(np.median(spent))


def look(data: bytes) -> Quality:
    return measure(decode(data), data=data)


def files(data: Path, name: str) -> Iterator[Path | tuple[Path, str]]:
    """The photos of a data set, in order: files, or (archive, member)."""
    if name == "fashion":
        archive = data / "fashion" / "images.zip"
        yield from ((archive, member) for member in sorted(opened(archive).namelist()) if member.endswith(".jpg"))
        return
    folder = data / {"clothing": "clothing/images", "iconic": "grocery"}.get(name, name)
    for path in sorted(folder.rglob("*.jpg")):
        if name not in ("grocery", "iconic") or ("conic" in str(path)) == (name == "iconic"):
            yield path


def read(place: Path | tuple[Path, str]) -> bytes:
    if isinstance(place, Path):
        return place.read_bytes()
    archive, member = place
    return opened(archive).read(member)


@cache
def opened(archive: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(archive)


def chosen(places: Sequence[Path | tuple[Path, str]], count: int) -> Sequence[Path | tuple[Path, str]]:
    """The same `count` of them on every machine."""
    if count >= len(places):
        return places
    return random.Random(0).sample(list(places), count)


def sheet(pictures: Sequence[tuple[Pixels, str]], path: Path) -> None:
    """Pictures side by side, each with its score."""
    cell, columns = 120, 12
    canvas = Image.new("RGB", (cell * columns, (cell + 12) * -(-len(pictures) // columns)), (255, 0, 255))
    draw = ImageDraw.Draw(canvas)
    for number, (image, label) in enumerate(pictures):
        photo = Image.fromarray(image)
        scale = (cell - 4) / max(photo.size)
        photo = photo.resize([max(1, round(side * scale)) for side in photo.size])
        place = (number % columns * cell + 2, number // columns * (cell + 12) + 2)
        canvas.paste(photo, place)
        draw.text((place[0], place[1] + cell - 4), label, fill=(255, 255, 255))
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path)


if __name__ == "__main__":
    sys.exit(main())
