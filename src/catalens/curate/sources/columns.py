"""Which column of a table means what: as told, else by its usual names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from catalens.core.errors import SourceError
from catalens.core.registry import hint
from catalens.curate.sources.protocol import IngestSettings

# compared in lower case without "_", "-" and spaces; the first that a table has is taken
IMAGE = (
    "image", "images", "imagepath", "imagepaths", "imagefile", "imagefilename", "imagename", "photo", "photos",
    "photopath", "picture", "pictures", "img", "imgpath", "filepath", "filename", "file", "path",
)  # fmt: skip
PRODUCT = ("productid", "itemid", "listingid", "articleid", "sku", "asin", "product", "item", "id")
CATEGORY = ("category", "categorypath", "categoryname", "productcategory", "label", "class", "classname", "categoryid")
SELLER = ("seller", "sellerid", "senderid", "merchant", "merchantid", "vendor", "vendorid", "shop", "shopid", "storeid")
GROUP = ("group", "groupid", "productgroup", "variantgroup")
SPLIT = ("split", "subset", "partition")
_LEVEL = re.compile(r"(?:category|categorylevel|level|cat|l)(\d)")
_NUMBERED_IMAGE = re.compile(r"(?:image|imagepath|photo|picture|img)(\d+)")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of a table's columns by meaning; all others are attributes."""

    image: tuple[str, ...]
    product_id: str | None
    category: tuple[str, ...]
    seller: str | None
    group: str | None
    split: str | None

    @property
    def used(self) -> frozenset[str | None]:
        """The columns that are not attributes."""
        return frozenset((*self.image, *self.category, self.product_id, self.seller, self.group, self.split))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What each column is taken for, in words."""
        single = {"product": self.product_id, "seller": self.seller, "group": self.group, "given split": self.split}
        said = {"photo": ", ".join(self.image), "category": " > ".join(self.category), **single}
        return tuple(f"{meaning}: column {name}" for meaning, name in said.items() if name)


def find_columns(header: Sequence[str], settings: IngestSettings, source: str) -> Columns:
    """Raises SourceError if a column that was named is not there, or if no column holds photos."""
    single = (settings.product_id, settings.seller, settings.group, settings.split)
    for name in (*settings.image, *settings.category, *single):
        if name is not None and name not in header:
            raise SourceError(f"has no column {name!r}{hint(name, list(header))}", source=source, key=name)
    # each meaning has the column it was given, or the first usual name that no other meaning was given
    free = [name for name in header if name not in {*settings.image, *settings.category, *single}]
    image = settings.image or recognise_images(free)
    if not image:
        message = f"no column of {', '.join(header) or 'none'} looks like photo paths; name it with --image-column"
        raise SourceError(message, source=source)
    category = settings.category or _numbered(free, _LEVEL) or _first(free, CATEGORY)
    free = [name for name in free if name not in (*image, *category)]
    return Columns(
        image,
        settings.product_id or next(iter(_first(free, PRODUCT)), None),
        category,
        settings.seller or next(iter(_first(free, SELLER)), None),
        settings.group or next(iter(_first(free, GROUP)), None),
        settings.split or next(iter(_first(free, SPLIT)), None),
    )


def recognise_images(header: Sequence[str]) -> tuple[str, ...]:
    """The columns that hold photo paths by their usual names: one, or image1, image2, ..."""
    return _numbered(header, _NUMBERED_IMAGE) or _first(header, IMAGE)


def _numbered(header: Sequence[str], pattern: re.Pattern[str]) -> tuple[str, ...]:
    found = [(int(match[1]), name) for name in header if (match := pattern.fullmatch(_plain(name)))]
    return tuple(name for _, name in sorted(found))


def _first(header: Sequence[str], usual: Sequence[str]) -> tuple[str, ...]:
    by_plain = {_plain(name): name for name in reversed(header)}
    return next(((by_plain[name],) for name in usual if name in by_plain), ())


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())
