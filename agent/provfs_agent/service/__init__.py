"""The agent as it runs: the loop, what it writes down, the one writer of the log, its status."""
