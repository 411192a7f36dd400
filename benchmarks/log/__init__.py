"""The log beside other systems, and while many use it at once."""
