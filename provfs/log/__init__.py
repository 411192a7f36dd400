"""The lineage log: its file, its schema and its one short writer."""
