"""What a file holds now: hashed off the critical path, and only where it stood still meanwhile."""
