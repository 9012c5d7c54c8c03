"""Catalens: from product photos to categories, matches and recommendations that can be trusted."""

__version__ = "0.1.0"
