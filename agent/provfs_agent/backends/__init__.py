"""The ways to see what happens below a root, from the kernel's permission events down to polling.

Not here: the shape of what they say, see `provfs_agent.events`.
"""
