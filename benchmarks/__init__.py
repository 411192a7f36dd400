"""Measure what provfs costs, always as a ratio to the bare program or to a peer in the same run."""
