"""Dividing products into parts: what binds them together, and how they are spread."""
