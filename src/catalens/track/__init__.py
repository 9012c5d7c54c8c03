"""Runs and models in MLflow: what a run keeps and sends, and the registry of bundles.  Never imports torch.

MLflow takes a second to import, so it is imported where it is first needed and never by `import catalens.track`.
"""
