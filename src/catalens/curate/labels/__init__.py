"""Judging labels: vectors or features, out-of-fold probabilities, confident learning, suspicious names."""
