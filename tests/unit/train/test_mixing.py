"""Mixed pixels and mixed labels agree, and follow from the generator alone."""

from __future__ import annotations

import pytest
import torch

from catalens.train.mixing import Mix, Mixer

CLASSES, SIDE = 5, 20


def batch(photos: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Photo i is of one grey, 40 i, and of category i mod 5."""
    grey = 40 * torch.arange(photos, dtype=torch.uint8)
    pixels = grey[:, None, None, None].expand(photos, SIDE, SIDE, 3).clone()
    return pixels, torch.arange(photos) % CLASSES


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


KINDS = pytest.mark.parametrize(
    ("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.2, 1.0)], ids=["mixup", "cutmix", "both"]
)


@KINDS
def test_the_target_says_how_much_of_each_is_in_the_pixels(mixup: float, cutmix: float) -> None:
    pixels, labels = batch(photos=5)
    before = pixels.clone()
    mixer, chance = Mixer(mixup, cutmix, 1.0, CLASSES), generator()
    for _ in range(60):
        mixed, target = mixer(pixels, labels, chance)
        assert mixed.shape == pixels.shape
        assert target.shape == (5, CLASSES)
        assert torch.allclose(target.sum(dim=1), torch.ones(5))
        assert target.min() >= 0
        # a photo's grey is 40 times its label, so its mean grey is that of its target: also of a box cut off
        expected = (target * 40 * torch.arange(CLASSES)).sum(dim=1)
        assert torch.allclose(mixed.float().mean(dim=(1, 2, 3)), expected, atol=0.01)
    assert torch.equal(pixels, before), "the batch is not written to"


@KINDS
def test_only_the_generator_decides(mixup: float, cutmix: float) -> None:
    pixels, labels = batch()
    mixer = Mixer(mixup, cutmix, 0.7, CLASSES)
    torch.manual_seed(1)
    chance = generator(3)
    first = [mixer(pixels, labels, chance) for _ in range(20)]
    torch.manual_seed(2)
    chance = generator(3)
    again = [mixer(pixels, labels, chance) for _ in range(20)]
    for (one, target), (other, target_2) in zip(first, again, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(target, target_2)
    kept = {float(target.float().max()) for _, target in first if target.ndim == 2}
    assert len(kept) > 3, "each batch has its own share"


def test_cutmix_pastes_a_box_and_keeps_bytes() -> None:
    pixels, labels = batch()
    chance = generator()
    boxes = [mix.box for mix in (Mixer(0.0, 1.0, 1.0, CLASSES).draw(6, SIDE, chance) for _ in range(300)) if mix]
    assert all(0 <= box[0] <= box[2] <= SIDE and 0 <= box[1] <= box[3] <= SIDE for box in boxes)
    assert {box[0] for box in boxes} >= {0, 5, 10}
    mixed, _ = Mixer(0.0, 1.0, 1.0, CLASSES)(pixels, labels, chance)
    assert mixed.dtype == torch.uint8
    assert all(len(one.unique()) <= 2 for one in mixed)


def test_the_share_of_batches() -> None:
    pixels, labels = batch()
    chance = generator()
    mixer = Mixer(0.2, 1.0, 0.3, CLASSES)
    results = [mixer(pixels, labels, chance) for _ in range(400)]
    untouched = [target is labels and given is pixels for given, target in results]
    assert 0.62 < sum(untouched) / 400 < 0.78
    mixed = [given.dtype for given, _ in results if given is not pixels]
    assert 0.35 < sum(kind == torch.uint8 for kind in mixed) / len(mixed) < 0.65, "either, by a coin"


@pytest.mark.parametrize("mixer", [Mixer(0, 0, 1.0, CLASSES), Mixer(0.2, 1.0, 0.0, CLASSES)], ids=["off", "no share"])
def test_off(mixer: Mixer) -> None:
    pixels, labels = batch()
    assert not mixer.on
    chance = generator()
    result = mixer(pixels, labels, chance)
    assert result[0] is pixels
    assert result[1] is labels
    assert torch.equal(chance.get_state(), generator().get_state()), "nothing is drawn"


def test_no_photo_is_mixed_with_itself() -> None:
    chance = generator()
    mixes = [Mixer(0.2, 1.0, 1.0, CLASSES).draw(photos, SIDE, chance) for photos in (2, 3, 7) for _ in range(20)]
    assert all(sorted(mix.partner) == list(range(len(mix.partner))) for mix in mixes)
    assert all(own != other for mix in mixes for own, other in enumerate(mix.partner))


def test_a_batch_of_one_has_no_partner() -> None:
    pixels, labels = batch(photos=1)
    assert Mixer(0.2, 1.0, 1.0, CLASSES)(pixels, labels, generator())[1] is labels


def test_two_photos_of_one_category_stay_in_it() -> None:
    assert torch.equal(Mix((1, 0), 0.3).target(torch.tensor([2, 2]), CLASSES)[0], torch.eye(CLASSES)[2])
