"""Photos small enough to stand in the page itself, whatever the file's format."""

from __future__ import annotations

import base64
import io
from functools import lru_cache

from PIL import Image

from catalens.core.errors import ImageError
from catalens.core.image import decode


@lru_cache(maxsize=512)
def picture(data: bytes, height: int = 360) -> str | None:
    """Bytes of a file -> a JPEG of at most `height` pixels as a data: URI, or None if it cannot be read.

    Browsers show neither HEIC nor TIFF, and a page of camera originals would be 50 MB.
    """
    try:
        photo = Image.fromarray(decode(data, at_least=height))
    except ImageError:
        return None
    photo.thumbnail((2 * height, height))
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
