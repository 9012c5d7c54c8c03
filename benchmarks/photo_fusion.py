"""Does a learned gate over a product's photos beat their mean, where photos differ in use, and cost nothing where not?

    python benchmarks/photo_fusion.py [--data FOLDER] [--weights FILE] [--work FOLDER] [--products 2700] [--seed 0]

The catalog is made of real clothing photos (clothing-dataset): a product has 1 to 5 photos, of which at least one is a
real photo of its category; the others are real ones too or, more often, of no use: blurred, a close-up of the cloth, a
size chart, a carton, a label.  MobileNetV2, frozen, learns a classifier on its train part, the useless photos included;
the gate is fitted on val by `catalens export` with `train.fusion=auto`.  The control is the same catalog without the
useless photos, so that all are of equal use; its gate is fitted on what is left of val.  All figures are of test.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.fusion import Fusion
from catalens.core.scores import Scores
from catalens.core.shards import image_id
from catalens.evaluate import run as evaluate
from catalens.predict.catalog import score
from catalens.predict.session import Session
from catalens.train.fusion import fit

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
UNCLEAR = ("Not sure", "Skip", "Other", "Blouse", "Top")  # no category, or one of a handful of photos
COUNTS = (0.20, 0.25, 0.25, 0.20, 0.10)  # shares of products with 1 to 5 photos
USELESS = 0.6  # share of the photos after a product's first real one
SIDE = 160


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED / "data")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights" / "mobilenetv2_100.safetensors")
    parser.add_argument("--work", type=Path, default=ROOT / "bench" / "photo-fusion")
    parser.add_argument("--products", type=int, default=2700)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    dump, catalog, run, bundle = (given.work / name for name in ("dump", "shop.catalog", "run", "shop.bundle"))
    useless = make(dump, given.data / "clothing", given.products, np.random.default_rng(given.seed))
    catalens("ingest", dump / "products.csv", catalog, "--product-column", "product", "--category-column", "label")
    catalens("split", catalog, "--ratios", "0.4,0.2,0.03,0.37", "--seed", given.seed)
    network = ["--model", "mobilenetv2_100", "--weights", given.weights, "--mode", "probe", "--size", "96"]
    learning = ["--epochs", "6", "--set", "train.lr=0.005", "--set", "train.fusion=auto", "--set", "train.keep=last"]
    catalens("train", catalog, run, *network, *learning)
    catalens("export", run, bundle, "--overwrite")
    print(json.dumps(compare(Bundle(bundle), Catalog(catalog), useless, given.seed), indent=1))


def compare(bundle: Bundle, catalog: Catalog, useless: set[str], seed: int) -> dict[str, Any]:
    """Figures of the catalog and of the control."""
    val, test = (score(Session(bundle), catalog, part=part)[0] for part in ("val", "test"))
    figures: dict[str, Any] = {"exported": bundle.manifest.calibration["fusion"]}
    for name in ("photos differ in use", "control"):
        if name == "control":
            val, test = (without(scores, useless) for scores in (val, test))
        labels = [bundle.taxonomy.leaf_index[catalog.categories[product] or ""] for product in val.product_ids]
        truth = np.array(labels, np.int64)
        fits = {
            how: fit(val.logits, val.embeddings, val.product_ids, truth, seed=seed, how=how)
            for how in ("gated", "auto")
        }
        kinds = {"mean": Fusion(), "max": Fusion("max"), "gated": fits["gated"][0], "auto": fits["auto"][0]}
        figures[name] = {"val": fits["auto"][1].to_json(), **rows(bundle, catalog, test, kinds)}
        if name != "control":
            weights = kinds["gated"].weights(test.product_ids, test.embeddings)
            bad = np.array([photo in useless for photo in test.image_ids])
            figures[name]["mean weight of a photo, useful and useless"] = [weights[~bad].mean(), weights[bad].mean()]
    return figures


def rows(bundle: Bundle, catalog: Catalog, test: Scores, kinds: dict[str, Fusion]) -> dict[str, Any]:
    """Top-1 of the test products by each kind, and how often it alone is right, or the mean alone."""
    measured = {
        name: evaluate(
            test, catalog.categories, bundle.taxonomy, temperature=bundle.manifest.temperature, fusion=kind
        ).outcomes
        for name, kind in kinds.items()
    }
    mean, several = measured["mean"].correct, measured["mean"].photos > 1
    table = {
        name: {
            "kind": kinds[name].kind,
            "top1": outcomes.correct.mean(),
            "top1 of several": outcomes.correct[several].mean(),
            "won, lost against the mean": [
                int((outcomes.correct & ~mean).sum()),
                int((mean & ~outcomes.correct).sum()),
            ],
        }
        for name, outcomes in measured.items()
    }
    return {"products": len(mean), "several": int(several.sum()), "photos": len(test.image_ids), "table": table}


def without(scores: Scores, useless: set[str]) -> Scores:
    kept = [row for row, photo in enumerate(scores.image_ids) if photo not in useless]
    ids, products = (tuple(names[row] for row in kept) for names in (scores.image_ids, scores.product_ids))
    return Scores(ids, products, scores.logits[kept], scores.embeddings[kept])


def make(dump: Path, clothing: Path, products: int, rng: np.random.Generator) -> set[str]:
    """Write products.csv and photos/; the ids of the useless photos.  The same generator makes the same files."""
    with (clothing / "images.csv").open(newline="", encoding="utf-8") as file:
        labels = {row["image"]: row["label"] for row in csv.DictReader(file) if row["label"] not in UNCLEAR}
    pool = [name for name in sorted(labels) if (clothing / "images" / f"{name}.jpg").exists()]
    rng.shuffle(pool)
    of_label: dict[str, list[str]] = {}
    for name in pool:
        of_label.setdefault(labels[name], []).append(name)
    (dump / "photos").mkdir(parents=True, exist_ok=True)
    lines, useless, number = [], set(), 0
    for name in pool:
        left = of_label[labels[name]]
        if number == products or not left:
            continue
        first = open_photo(clothing, left.pop())
        photos = [(first, False)]
        for _ in range(int(rng.choice(5, p=COUNTS))):
            if rng.random() < USELESS or not left:
                photos.append((of_no_use(first, rng), True))
            else:
                photos.append((open_photo(clothing, left.pop()), False))
        for position, place in enumerate(rng.permutation(len(photos)).tolist()):
            photo, bad = photos[place]
            path, data = dump / "photos" / f"{number:05}-{position}.jpg", jpeg(photo)
            path.write_bytes(data)
            lines.append((f"P{number:05}", labels[name], f"photos/{path.name}"))
            if bad:
                useless.add(image_id(data))
        number += 1
    with (dump / "products.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("product", "label", "image"), *lines])
    return useless


def open_photo(clothing: Path, name: str) -> Image.Image:
    with Image.open(clothing / "images" / f"{name}.jpg") as photo:
        picture = photo.convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    return picture


def of_no_use(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A photo that a seller adds and that does not show what it is; made of the product's own where that is so."""
    kind = rng.integers(5)
    if kind == 0:
        return photo.filter(ImageFilter.GaussianBlur(min(photo.size) * 0.12))
    if kind == 1:
        side = max(8, min(photo.size) // 12)
        left, top = (
            photo.width // 2 - side + int(rng.integers(side)),
            photo.height // 2 - side + int(rng.integers(side)),
        )
        return photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    if kind == 2:
        return drawn((250, 250, 250), rng, chart=True)
    if kind == 3:
        brown = rng.integers([150, 110, 60], [200, 160, 110])
        return drawn(tuple(brown.tolist()), rng, box=True)
    return drawn(tuple(rng.integers(190, 255, 3).tolist()), rng)


def drawn(ground: tuple[int, ...], rng: np.random.Generator, *, chart: bool = False, box: bool = False) -> Image.Image:
    """A size chart, a carton, or a label with a bar code."""
    picture = Image.new("RGB", (SIDE, SIDE), ground)
    draw = ImageDraw.Draw(picture)
    dark = tuple(rng.integers(0, 90, 3).tolist())
    if chart:
        step = int(rng.integers(16, 30))
        for at in range(step, SIDE, step):
            draw.line([(0, at), (SIDE, at)], fill=dark)
            draw.line([(at, 0), (at, SIDE)], fill=dark)
        for x in range(4, SIDE, step):
            for y in range(4, SIDE, step):
                draw.text((x, y), str(rng.integers(30, 120)), fill=dark)
    elif box:
        edge = int(rng.integers(20, 50))
        draw.polygon([(edge, edge), (SIDE - edge, edge), (SIDE - 8, SIDE - 8), (8, SIDE - 8)], outline=dark, width=2)
        draw.rectangle([SIDE // 2 - 6, edge, SIDE // 2 + 6, SIDE - 8], fill=(205, 190, 150))
    else:
        left = 20
        while left < SIDE - 20:
            width = int(rng.integers(1, 5))
            draw.rectangle([left, 40, left + width, 110], fill=dark)
            left += width + int(rng.integers(2, 5))
        draw.text((30, 118), str(rng.integers(10**9, 10**10)), fill=dark)
    return picture.rotate(float(rng.normal(0, 4)), fillcolor=ground)


def jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def catalens(*words: object) -> None:
    """Run a verb as a user would."""
    line = [str(word) for word in words]
    print("catalens", *line, file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", "catalens", *line, "--json"], stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
