"""The agent: watches directories and records changes that no hook inside a process can see.

It is not built yet: this package reserves the name, so that the first release that watches can be
installed over this one. It will hold the watchers (inotify, fanotify), the settling of half-written
files, the attribution of a change to an execution, the comparison after a restart, and the service.
Not here: capture inside a program, see `provfs.capture`.
"""
