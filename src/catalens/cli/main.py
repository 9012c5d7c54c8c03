"""`catalens VERB`: finds the verb's file when it is asked for, so that `--help` answers at once."""

from __future__ import annotations

import sys
from io import TextIOWrapper

import click

from catalens import __version__
from catalens.cli.exits import ERROR, USAGE, exit_code
from catalens.cli.group import VerbGroup
from catalens.core.errors import CatalensError

# verb -> (module, what `catalens --help` says of it); a test sees that every module's help says the same
VERBS: dict[str, tuple[str, str]] = {
    "demo": ("catalens.cli.demo", "Draw a shop, run the whole way on it, and leave a report to look at."),
    "ingest": ("catalens.cli.ingest", "Read a dump of products and photos into a catalog."),
    "taxonomy": ("catalens.cli.taxonomy", "Look at the categories of a catalog and change them."),
    "clean": ("catalens.cli.clean", "Write a cleaned copy of a catalog."),
    "sample": ("catalens.cli.sample", "Write a smaller catalog: some categories, some of their products."),
    "audit": ("catalens.cli.audit", "Find out what is wrong with a catalog, and write a page about it."),
    "duplicates": ("catalens.cli.duplicates", "Find the copies in a catalog: same bytes, same pixels, same picture."),
    "split": ("catalens.cli.split", "Divide a catalog into train, val, calib and test, without leaks."),
    "train": ("catalens.cli.train", "Train a model on a catalog."),
    "compare": ("catalens.cli.compare", "Train several models on a catalog, and set them beside each other."),
    "calibrate": (
        "catalens.cli.calibrate",
        "Fit a bundle's probabilities and promises to other labelled products.",
    ),
    "gallery": ("catalens.cli.gallery", "Teach a bundle new categories from a few photos, without training."),
    "export": (
        "catalens.cli.export",
        "Turn a run into a bundle that is calibrated, checked and ready to serve.",
    ),
    "track": ("catalens.cli.track", "Send what runs have kept for MLflow."),
    "models": ("catalens.cli.models", "Keep bundles in MLflow's registry, under names such as champion."),
    "evaluate": ("catalens.cli.evaluate", "Measure a bundle on a part of a catalog."),
    "predict": ("catalens.cli.predict", "Classify photos: files, folders, or a list on standard input."),
    "submit": ("catalens.cli.submit", "Write the most probable category of every product of a dump."),
    "embed": ("catalens.cli.embed", "Compute the vectors of a catalog's photos and products."),
    "index": ("catalens.cli.index", "Build an index of similar products from a catalog's vectors."),
    "search": ("catalens.cli.search", "Find the products that look like a photo."),
    "serve": ("catalens.cli.serve", "Serve a bundle over HTTP."),
    "ui": ("catalens.cli.ui", "Open the page that talks to a running service."),
    "cache": ("catalens.cli.cache", "Show what Catalens keeps to be faster next time, and delete it."),
    "doctor": ("catalens.cli.doctor", "Check a bundle: digests, and its examples replayed."),
}


@click.group(cls=VerbGroup, table=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="catalens")
def catalens() -> None:
    """From product photos to categories, matches and recommendations that can be trusted."""


def main(arguments: list[str] | None = None) -> None:
    """Run one verb and end the process with its exit code."""
    if isinstance(sys.stdout, TextIOWrapper):  # a file name or a bar that the terminal cannot show is no reason to stop
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = catalens.main(arguments, prog_name="catalens", standalone_mode=False)
    except CatalensError as error:
        click.secho(f"catalens: {error}", fg="red", err=True)
        sys.exit(exit_code(error))
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("catalens: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:  # `catalens predict ... | head`
        sys.stderr.close()
        sys.exit(ERROR)
    except OSError as error:  # a full disk, a folder that may not be written to
        click.secho(f"catalens: {error}", fg="red", err=True)
        sys.exit(ERROR)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
