"""The table `hashes`: what every distinct photo's copies are known by, filled by a scan of the catalog."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from catalens.core.fingerprint import VIEWS, fingerprint
from catalens.curate.scan import DecodedPhoto


class HashMeasure:
    """`phash` is of the whole photo, `part_phashes` of the parts of it that a trimmed copy would show (VIEWS)."""

    table = "hashes"
    version = "1"
    schema = pa.schema(
        [
            ("image_id", pa.string()),
            ("pixel_digest", pa.string()),
            ("phash", pa.uint64()),
            ("part_phashes", pa.list_(pa.uint64(), len(VIEWS) - 1)),
            ("signature", pa.binary()),
        ]
    )

    def __call__(self, photo: DecodedPhoto) -> Mapping[str, object]:
        found = fingerprint(photo.image)
        return {
            "pixel_digest": found.pixel_digest,
            "phash": found.phashes[0],
            "part_phashes": list(found.phashes[1:]),
            "signature": found.signature,
        }
