"""Several models trained, exported and measured the same way, and set beside each other."""
