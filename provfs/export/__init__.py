"""Answers in the languages of other tools; the only home of foreign vocabulary."""
