"""Suites that hold a wrapped filesystem against the bare one."""
