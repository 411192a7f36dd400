"""Run the cases as another user, so that nothing in them needs the rights of root.

Contract: after `become` this process and its children have the user's ids, no further groups, no
capability, and a home and a place for temporary files of their own. Interpreter and checkout have
to be readable for that user; they need not be writable.
"""

from __future__ import annotations

import os
import pwd
import sys
import tempfile
from pathlib import Path


def become(name: str) -> Path:
    """Become a user, and return the directory that is theirs now and is to be removed by them.

    Raises:
        SystemExit: There is no such user, this process may not become it, or it could not read what
            it runs.
    """
    try:
        user = pwd.getpwnam(name)
        place = Path(tempfile.mkdtemp(prefix="accuracy-of-", dir="/tmp"))
        os.chown(place, user.pw_uid, user.pw_gid)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    except (KeyError, OSError) as error:
        sys.exit(f"cannot become {name!r}: {error}; this takes a user that exists, and root")
    unreadable = [
        str(path) for path in (Path(sys.executable), Path(__file__)) if not os.access(path, os.R_OK)
    ]
    if unreadable:
        sys.exit(
            f"{name} cannot read {', '.join(unreadable)}; use a checkout and an interpreter outside"
            " of the home of root, such as a virtual environment of /usr/bin/python3 in /var/tmp"
        )
    os.environ.update(HOME=str(place), TMPDIR=str(place), USER=name, LOGNAME=name)
    tempfile.tempdir = None
    return place


def rights() -> str:
    """Return as whom this process runs, in words: name, number, and capabilities if any."""
    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = "?"
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    return f"{name} ({number}), {effective.bit_count() or 'no'} capabilities"
