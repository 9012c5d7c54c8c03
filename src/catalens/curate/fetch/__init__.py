"""Photos by URL: politely, many at once, each fetched once and kept on disk."""
