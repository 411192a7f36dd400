"""One module per command; `provfs.cli.main` finds them by name."""
