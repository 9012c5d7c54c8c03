"""What does augmentation cost a photo, beside the same by torchvision's transforms?

    python benchmarks/augment_speed.py [--size 224] [--photos 300]

Processor time of one thread, in milliseconds a photo, seeds included: each photo has a random generator of its own.
The two run one after the other, five times each, and the median counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import catalens.train  # noqa: F401  # first: it makes torchvision importable

# isort: split
import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from catalens.core.image import RgbImage
from catalens.train.augment import AUGMENTS, Augment

BILINEAR, BICUBIC = InterpolationMode.BILINEAR, InterpolationMode.BICUBIC
WHITE = [255, 255, 255]


def rivals(size: int) -> dict[str, v2.Transform]:
    """The same policies as torchvision has them."""

    def crop(
        least: float, ratio: tuple[float, float] = (3 / 4, 4 / 3), by: InterpolationMode = BICUBIC
    ) -> v2.Transform:
        return v2.RandomResizedCrop(size, scale=(least, 1.0), ratio=ratio, interpolation=by)

    mirror = v2.RandomHorizontalFlip()
    trivial = v2.TrivialAugmentWide(interpolation=BILINEAR, fill=WHITE)
    return {
        "mild": v2.Compose([crop(0.75, (0.9, 1.11), BILINEAR), mirror, v2.ColorJitter(0.2, 0.2)]),
        "light": v2.Compose([crop(0.35), mirror, v2.ColorJitter(0.3, 0.3, 0.3, 0.03)]),
        "classic": v2.Compose(
            [v2.RandomRotation(15, BILINEAR, fill=WHITE), mirror, v2.ColorJitter(0.2, 0.2, 0.2, 0.02)]
        ),
        "strong": v2.Compose([crop(0.25), mirror, trivial]),
        "trivial": v2.Compose([crop(0.6), mirror, trivial]),
        "randaugment": v2.Compose([crop(0.35), mirror, v2.RandAugment(interpolation=BILINEAR, fill=WHITE)]),
    }


def seeded(transform: v2.Transform, square: RgbImage, photo: int) -> RgbImage:
    """torchvision draws from torch's global generator, which has to be seeded for each photo and put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(photo)
        return np.asarray(transform(Image.fromarray(square)))


def ms(call: Callable[[int], object], photos: range) -> float:
    start = time.process_time()
    for photo in photos:
        call(photo)
    return 1e3 * (time.process_time() - start) / len(photos)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--photos", type=int, default=300)
    given = parser.parse_args()
    torch.set_num_threads(1)
    coarse = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    square = np.asarray(Image.fromarray(coarse).resize((given.size, given.size)))
    others = rivals(given.size)
    print("| | here | the same by torchvision |\n|---|---|---|")
    for name in AUGMENTS:
        if name == "none":
            continue
        augment, other = Augment(name, given.size, seed=0), others[name]
        rounds = [range(start, start + given.photos // 5) for start in range(0, given.photos, given.photos // 5)]
        own = [ms(lambda photo, a=augment: a(square, epoch=0, photo=photo), photos) for photos in rounds]
        their = [ms(lambda photo, t=other: seeded(t, square, photo), photos) for photos in rounds]
        print(f"| `{name}` | {np.median(own):.2f} | {np.median(their):.2f} |")


if __name__ == "__main__":
    main()
