"""The rules by which edges are inferred, in SQL.

`same_process`, `worker`, `parent`, `child`, `rename` and `copy` define a view each, `pairs` puts
them together; they are part of the log and renewed with it. `copies` and `relations` run at ingest:
they find which versions are copies, and how programs descend from each other.
"""
