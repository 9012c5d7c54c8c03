"""Decoded squares, kept so that a photo is decoded once and not once an epoch: in memory, on disk, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import PIL

from catalens.core.cache import ROWS, SQUARES
from catalens.core.errors import ConfigError
from catalens.core.folders import user_cache
from catalens.core.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from catalens.train.dataset import Photos
from catalens.train.rowfile import RowFile, size_of
from catalens.train.settings import TrainSettings

MEMORY_SHARE = 0.6  # of the free memory: the training itself needs some
DISK_TIMES = 2  # the disk has to have so many times the room


def open_squares(
    parts: Sequence[Photos],
    preprocess: Preprocess,
    settings: TrainSettings,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[RowFile | None, ...]:
    """A file of uint8 [M, S, S, 3] for the photos of each part, or None for each where nothing is kept.

    The squares are written by whoever decodes them first, so that the first epoch trains while it fills them.
    `settings.cache` says where; "auto" takes memory up to `cache_gb`, else the disk if it has ample room, else nothing.
    Raises ConfigError where "memory" or "disk" was asked for and there is not so much.
    """
    form = (preprocess.size, preprocess.size, 3)
    need = sum(size_of(len(part), form, "uint8") for part in parts)
    folder = cache_folder(settings) / SQUARES
    where = _choose(need, folder, settings, say) if settings.cache == "auto" else settings.cache
    if where == "none":
        return (None,) * len(parts)
    if where == "memory":
        if need > (free := free_memory()):
            message = f"expected {need / 1e9:.1f} GB of free memory for the squares, found {free / 1e9:.1f} GB"
            raise ConfigError(f"{message}; set train.cache=disk or none", key="cache")
        return tuple(RowFile.in_memory(len(part), form, "uint8") for part in parts)
    try:
        return tuple(
            RowFile.on_disk(folder / f"{_key(part, preprocess)}{ROWS}", len(part), form, "uint8") for part in parts
        )
    except OSError as error:
        if settings.cache == "auto":
            say(f"squares are not kept: {error}")
            return (None,) * len(parts)
        raise unusable(error, folder) from None


def cache_folder(settings: TrainSettings) -> Path:
    """Where caches lie: `cache_dir`, or the user's cache folder as the platform has it."""
    return settings.cache_dir or user_cache()


def unusable(error: OSError, folder: Path, *, instead: str = "train.cache=none") -> ConfigError:
    """What to say where a cache cannot be written; `instead` does without it."""
    advice = f"set train.cache_dir to a folder with room, or {instead}"
    cause = "the disk is full" if error.errno == errno.ENOSPC else "it cannot be written"
    return ConfigError(f"no cache can be made here, {cause} ({error}); {advice}", source=str(folder), key="cache_dir")


def free_memory() -> int:
    """Bytes that can be used without pushing anything out: of the machine, or of the container where that is less."""
    found = [1 << 62]
    if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        found = [os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    if available := _numbers(Path("/proc/meminfo")).get("MemAvailable:"):
        found = [1024 * available]
    group = Path("/sys/fs/cgroup")
    limit, used = (_numbers(group / name).get("") for name in ("memory.max", "memory.current"))
    if limit and used:
        found.append(limit - used + _numbers(group / "memory.stat").get("inactive_file", 0))
    return min(found)


def _choose(need: int, folder: Path, settings: TrainSettings, say: Callable[[str], None]) -> str:
    """ "memory", "disk" or "none".  Processes that train together share a file, but not their memory."""
    if settings.devices == 1 and need <= min(settings.cache_gb * 1e9, MEMORY_SHARE * free_memory()):
        return "memory"
    root = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if DISK_TIMES * need <= shutil.disk_usage(root).free:
        say(f"squares are kept in {folder} ({need / 1e9:.1f} GB)")
        return "disk"
    say(f"squares are not kept: they would need {need / 1e9:.1f} GB of disk")
    return "none"


def _key(photos: Photos, preprocess: Preprocess) -> str:
    """By all that a square follows from.  Mean and std are of the model's first layer, so networks share squares."""
    pixels = replace(preprocess, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    parts = ("squares 1", pixels.digest, PIL.__version__, *photos.ids)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _numbers(path: Path) -> dict[str, int]:
    """First word of a line -> the number behind it, as the kernel tells; a lone number has the name ""."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    words = [("", line[0]) if len(line) == 1 else (line[0], line[1]) for line in lines if line]
    return {name: int(number) for name, number in words if number.isdigit()}
