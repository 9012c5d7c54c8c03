"""Public data sets by name: fetched, verified, unpacked, ready to be ingested."""
