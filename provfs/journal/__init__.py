"""The journal: raw records of captured processes, appended by many and read by ingest."""
