"""What a verb's exit code says: 0 done, 1 our error, 2 usage, 3 a gate was not passed."""

from __future__ import annotations

from catalens.core import errors

DONE, ERROR, USAGE, GATE = 0, 1, 2, 3

EXIT_CODES: dict[type[errors.CatalensError], int] = {
    errors.ConfigError: USAGE,
    errors.UnreadableImage: ERROR,
    errors.ImageTooLarge: ERROR,
    errors.CatalogError: ERROR,
    errors.TaxonomyError: ERROR,
    errors.SourceError: ERROR,
    errors.FetchError: ERROR,
    errors.NotFound: ERROR,
    errors.TrainingError: ERROR,
    errors.BundleCorrupt: ERROR,
    errors.BundleIncompatible: ERROR,
    errors.ParityError: GATE,
    errors.PromiseError: ERROR,
    errors.IndexMismatch: ERROR,
    errors.MissingExtra: ERROR,
    errors.Overloaded: ERROR,
    errors.Unauthorised: ERROR,
    errors.GateFailed: GATE,
}


def exit_code(error: errors.CatalensError) -> int:
    """The code of the error's class, or of the nearest class above it."""
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), ERROR)
