"""Everything that happens to a catalog before a model sees it."""
