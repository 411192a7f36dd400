"""The rules by which edges are inferred, in SQL.

`processes` says when and how surely a read and a write make an edge, `contexts` and `window` the
same of cells and of unknown programs, `pairs` puts all together; they are part of the log and
renewed with it. `copies`, `relations` and `pipes` run at ingest: they find which versions are
copies, how programs descend from each other, and which fed which through pipes.
"""
