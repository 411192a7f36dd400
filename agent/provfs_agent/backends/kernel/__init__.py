"""Linux's fanotify as one back end: a gate that knows who, and a ledger that knows what and where.

Each is a process of its own: openers wait for the gate, so that it may do nothing else, and the
ledger must mark new directories soon. `backend` is their side in the agent.
"""
