"""The labelled accuracy suite: real programs, real files, and the edges that are exactly right.

`python -m tests.accuracy` prints what each case found, with precision and recall per rule; pytest
runs the same cases one by one. The labels stand in `table`, one module per group of lines of the
design's table.
"""
