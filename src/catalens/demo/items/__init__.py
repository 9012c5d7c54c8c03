"""One function a category: a seeded generator in, one product's shape and materials out."""
