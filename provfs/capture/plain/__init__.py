"""Local files: raw files that look at bytes in passing, and the `open` that gives them out."""
