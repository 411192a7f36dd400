"""One SQL file per step from a format of the log to the next, `<format>_<what>.sql`."""
