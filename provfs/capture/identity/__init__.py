"""Who a captured process is and with what it runs: job, place, user, code, commit, packages.

Contract: reads small files of the system and of the project, starts no process, imports nothing
heavy. Not here: the name of the process and its parent, see `provfs.capture.execution`.
"""
