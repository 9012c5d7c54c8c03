"""Finding copies: hashes, pairs, groups, and what they say of each other."""
