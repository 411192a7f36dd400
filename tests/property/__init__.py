"""Properties: inferred edges equal a brute-force oracle, and ingest gives one answer however it
is fed.
"""
