"""The unit for systemd that the agent comes with."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provfs.errors import ConfigError
from provfs_agent.cli import DEGRADED, NOT_RUNNING
from provfs_agent.service.only_one import AgentRunningError

UNIT = Path(__file__).parents[2] / "agent" / "provfs-agent.service"


def test_unit_does_not_try_again_what_does_not_mend_by_itself():
    """A wrong configuration and another agent end the service; a crash starts it again."""
    lines = UNIT.read_text().splitlines()

    assert (
        f"RestartPreventExitStatus={ConfigError.exit_code} {AgentRunningError.exit_code}" in lines
    )
    assert "Restart=always" in lines
    assert {DEGRADED, NOT_RUNNING}.isdisjoint({ConfigError.exit_code, AgentRunningError.exit_code})


def test_unit_is_understood_by_systemd(tmp_path):
    """No line is ignored, by no version of systemd that is found."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd here")
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/usr/bin/env provfs-agent", sys.executable))

    found = subprocess.run([analyze, "verify", path], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
