"""The command line: what people type, and how answers and errors look."""
