"""The rules by which edges are inferred, in SQL.

A file for each rule says when a read and a write make an edge and how surely; `processes` chooses
among those between processes, `contexts` lowers what crosses cells, `pairs` puts all together. They
are part of the log and renewed with it. `copies`, `relations` and `pipes` run at ingest: they find
which versions are copies, how programs descend from each other, and which fed which through pipes;
the rule rename is found where files move, in `provfs/ingest/moves.sql`.
"""
