"""`python -m provfs`: the same as the command `provfs`."""

from __future__ import annotations

import sys

from provfs.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
