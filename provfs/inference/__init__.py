"""The rules by which edges are inferred, in SQL.

One file defines the view of each rule, `pairs` puts them together; they are part of the log and
renewed with it. `copies`, `relations` and `pipes` run at ingest: they find which versions are
copies, how programs descend from each other, and which fed which through pipes.
"""
