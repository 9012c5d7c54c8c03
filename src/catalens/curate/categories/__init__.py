"""Changing a tree of categories, and what becomes of the products in it."""
