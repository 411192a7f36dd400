"""The demo: an ordinary training pipeline, seen twice."""
