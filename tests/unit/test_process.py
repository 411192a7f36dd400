"""Which processes are over."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from provfs import process
from provfs.model import ExecutionName

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tell")


def test_is_over_knows_running_ended_and_reused_processes():
    """A process runs until it ends; another with its number is not it; other boots are unknown."""
    boot, start = process.boot(), process.start_of(os.getpid())
    assert boot is not None
    assert start is not None

    assert process.is_over(ExecutionName(boot, os.getpid(), start)) is False
    assert process.is_over(ExecutionName(boot, os.getpid(), start + 1)) is True
    assert process.is_over(ExecutionName("0" * 12, os.getpid(), start)) is None


def test_start_of_a_process_that_nobody_waited_for_is_gone():
    """A process that has ended is over before its parent has looked."""
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.read()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert process.start_of(child.pid) is None
