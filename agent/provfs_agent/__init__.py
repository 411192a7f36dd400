"""The agent: watches directories and records what no hook inside a process can see.

Not here: capture inside a program, see `provfs.capture`.
"""
