"""Every error Catalens raises on purpose.  Each says what was expected, what came, which one, and what to do.

A leaf of this tree must stand in the exit-code table (`cli/exits.py`) and in the HTTP table (`serve/errors.py`);
a test fails if one is missing from either.
"""

from __future__ import annotations

from typing import Literal


class CatalensError(Exception):
    """The root.  `source` is the file, URL or photo it is about, `row` the line or record, `key` the field or name."""

    def __init__(
        self,
        message: str,
        *,
        source: str | None = None,
        row: int | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.row = row
        self.key = key

    def __str__(self) -> str:
        place = [str(self.source)] if self.source else []
        if self.row is not None:
            place.append(f"row {self.row:,}")
        return ": ".join([*place, self.message])


class ConfigError(CatalensError):
    """A setting is unknown, missing or out of range; `.key` names it."""


class DataError(CatalensError):
    """Something is wrong with what the user brought."""


class ImageError(DataError):
    """A photo that cannot be used.  Many photos: a finding.  One request: HTTP 422 or 413."""


class UnreadableImage(ImageError):
    """Bytes that do not decode to a picture."""


class ImageTooLarge(ImageError):
    """A picture that declares more pixels than `max_pixels`, refused before it is decoded."""


class CatalogError(DataError):
    """A catalog folder that is absent, incomplete or altered."""


class TaxonomyError(DataError):
    """Categories that do not form a tree, or a category that is not in it."""


class SourceError(DataError):
    """A dump that cannot be read as the format it was said to be."""


class FetchError(DataError):
    """A URL that could not be fetched, or may not be.

    `cause` is what went wrong in the few words of a finding ("address not allowed", "fetch failed: HTTP 404"); `again`
    says whether to try it "soon", in a "later" run, or "never"; `wait_s` is how long the server asked to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        cause: str = "fetch failed",
        again: Literal["soon", "later", "never"] = "later",
        wait_s: float | None = None,
        source: str | None = None,
        row: int | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(message, source=source, row=row, key=key)
        self.cause = cause
        self.again = again
        self.wait_s = wait_s


class NotFound(DataError):
    """A product or photo was asked for by a name that nothing has; `.key` is the name."""


class TrainingError(CatalensError):
    """A training run that cannot go on: a loss that is no number, no memory, a full disk.  `--resume` goes on after."""


class BundleError(CatalensError):
    """Something is wrong with a bundle."""


class BundleCorrupt(BundleError):
    """A file of the bundle is missing or its digest does not match the manifest."""


class BundleIncompatible(BundleError):
    """A bundle of another format version, or one that does not fit what it is used with."""


class ParityError(BundleError):
    """The exported graph does not answer as the checkpoint does; nothing was written."""


class PromiseError(BundleError):
    """A promise was asked for that the bundle does not make."""


class IndexMismatch(CatalensError):
    """An index that is damaged, or was built with another bundle or catalog than the one it is used with."""


class MissingExtra(CatalensError):
    """An optional part is not installed; the message says which `pip install` brings it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part: pip install 'catalens[{extra}]'", key=extra)
        self.args = (what, extra)  # what pickle calls it with on the other side of a worker process


class Overloaded(CatalensError):
    """The service has more work waiting than it promised to hold; try again later."""


class Unauthorised(CatalensError):
    """The caller is not known, or may not do this."""


class GateFailed(CatalensError):
    """A check that was asked for was not passed."""
