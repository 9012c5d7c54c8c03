"""`catalens models VERB`: bundles in MLflow's registry."""

from __future__ import annotations

import click

from catalens.cli.group import VerbGroup, VerbTable

# verb -> (module, what `catalens models --help` says of it)
MODELS_VERBS: VerbTable = {
    "register": ("catalens.cli.models_register", "Put a bundle in the registry as a new version of a model."),
    "list": ("catalens.cli.models_list", "List the models of the registry with their versions."),
    "promote": ("catalens.cli.models_promote", "Let an alias such as champion name a version."),
    "download": ("catalens.cli.models_download", "Write the bundle of a version to a folder."),
}


@click.group(cls=VerbGroup, table=MODELS_VERBS)
def command() -> None:
    """Keep bundles in MLflow's registry, under names such as champion.

    Where a verb takes a BUNDLE it takes models:/NAME@ALIAS and models:/NAME/VERSION too. The registry is the one of
    MLFLOW_REGISTRY_URI or MLFLOW_TRACKING_URI, else mlruns/ here or in runs/.

    \b
    Example:
      catalens models register shirts.bundle shirts --alias champion
      catalens serve models:/shirts@champion
    """
