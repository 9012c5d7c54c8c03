"""`batch = "auto"`: the largest batch whose training step fits memory, from what one photo leaves for the way back."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from catalens.core.errors import TrainingError
from catalens.train.squares import free_memory

LEAST, MOST = 4, 256
SHARE = 0.6  # of the free memory; the rest is for the loader, work space and other processes
WORK = 1.5  # gradients of activations and work space, as a multiple of what is kept for the way back
COPIES = 4  # of the parameters: gradients, two moments of Adam, averaged weights
STEPS_AN_EPOCH = 8  # a batch that leaves fewer of them learns too rarely


def fitting_batch(model: nn.Module, size: int, *, photos: int, free: int | None = None) -> int:
    """A power of two from 4 to 256.  `size` is the side of the largest squares, `free` bytes of memory.

    Measured, not tried: autograd tells the bytes it keeps for one photo, so that nothing runs out of memory here.
    Raises TrainingError if not even 4 photos fit.
    """
    device = next(model.parameters()).device
    if free is None:
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    photo = WORK * kept_bytes(model, size)
    room = SHARE * free - COPIES * weights
    fits = int(room / photo)
    if fits < LEAST:
        needed = (LEAST * photo + COPIES * weights) / SHARE
        raise TrainingError(
            f"a batch of {LEAST} photos of {size} pixels needs about {needed / 1e9:.1f} GB of free memory, found "
            f"{free / 1e9:.1f} GB; take a smaller size or network, or mode last or probe",
            key="batch",
        )
    fits = min(fits, MOST, max(LEAST, photos // STEPS_AN_EPOCH))
    return 1 << (fits.bit_length() - 1)


def kept_bytes(model: nn.Module, size: int) -> float:
    """Bytes that autograd keeps of one photo between the forward and the backward pass."""
    seen: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    device = next(model.parameters()).device
    photos = 2  # batch norm asks for more than one value
    training = model.training
    state = {name: buffer.clone() for name, buffer in model.named_buffers()}
    pixels = torch.zeros(photos, size, size, 3, dtype=torch.uint8, device=device)
    model.train()
    with torch.random.fork_rng(devices=[]), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = model(pixels)[0]
        F.cross_entropy(logits, torch.zeros(photos, dtype=torch.int64, device=device))
    model.train(training)
    for name, buffer in model.named_buffers():
        buffer.copy_(state[name])  # the trial must not count as training
    return sum(seen.values()) / photos
