"""Borders inside a process: notebook cells and requests, and whose data each of them uses.

Contract: nothing here is loaded before a framework shows a border. What is not known counts as
dependent, so that no true edge is lost. Not here: what a context means for edges, see
`provfs/inference/contexts.sql`.
"""
