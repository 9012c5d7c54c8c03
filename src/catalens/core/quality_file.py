"""Whether a JPEG was cut short and still decodes: the decoder fills what is missing with grey, and says nothing."""

from __future__ import annotations

from catalens.core.image import RgbImage

_JPEG = b"\xff\xd8\xff"
_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
_FILL = 128  # a block without coefficients (ITU T.81, A.3.3: level shift)


def ends_early(data: bytes) -> bool:
    """A JPEG without an end-of-image marker behind its last scan."""
    return data.startswith(_JPEG) and data.rfind(_END_OF_IMAGE) < data.rfind(_START_OF_SCAN)


def missing(image: RgbImage) -> float:
    """Share of the photo, from one of its sides on, that is the decoder's grey and nothing else, in [0, 1].

    Any side, since a photo may have been turned upright; 0 where the opposite side is grey too: that is a frame.
    """
    views = (image, image[::-1], image.transpose(1, 0, 2), image.transpose(1, 0, 2)[::-1])
    top, bottom, left, right = (_grey_lines(view) for view in views)
    height, width = image.shape[:2]
    upright = 0.0 if top and bottom else max(top, bottom) / height
    across = 0.0 if left and right else max(left, right) / width
    return max(upright, across)


def _grey_lines(view: RgbImage) -> int:
    """How many of the first lines of uint8 [h, w, 3] are grey throughout."""
    if (view[0] != _FILL).any():
        return 0
    other = (view != _FILL).any(axis=(1, 2))
    return int(other.argmax()) if other.any() else len(view)
