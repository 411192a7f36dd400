"""Hashing gives way to those who wait for the disk."""

import pytest

from provfs_agent.content.brake import LIMIT, PROBE_S, REST, WORK_S, Brake, Pressure, pressure_now


class Machine:
    """A clock, and disks for which somebody else waits in a share of the time."""

    def __init__(self, share=0.0, others=0.0):
        self.now_s = 100.0
        self.share, self.others = share, others
        self.waited_s = 0.0
        self.slept = []

    def clock(self):
        return self.now_s

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now_s += seconds
        self.waited_s += seconds * self.others

    def pressure(self):
        return Pressure(self.share, self.waited_s)


def _worked(machine, times=10, each_s=WORK_S / 2):
    brake = Brake(machine.pressure, machine.clock, machine.sleep)
    for _ in range(times):
        machine.now_s += each_s
        brake.rest()
    return brake


def test_nobody_waits_for_the_disk():
    """Without pressure there is no rest, however long it works."""
    machine = Machine(share=LIMIT)

    assert _worked(machine).rested_s == 0
    assert machine.slept == []


def test_own_waiting_is_no_reason_to_rest():
    """The pressure that hashing itself makes is gone while it rests: it goes on after a moment."""
    machine = Machine(share=0.9, others=0.0)
    _worked(machine)

    assert set(machine.slept) == {PROBE_S}


def test_others_who_wait_get_three_quarters_of_the_time():
    """Where somebody waits while hashing rests, it rests for longer than it has worked."""
    machine = Machine(share=0.9, others=0.5)
    brake = _worked(machine, times=2)

    assert machine.slept == [PROBE_S, pytest.approx(REST * WORK_S)]
    assert brake.rested_s == pytest.approx(sum(machine.slept))


def test_idle_time_is_no_work():
    """Who had nothing to do has not read."""
    machine = Machine(share=0.9, others=0.9)
    brake = Brake(machine.pressure, machine.clock, machine.sleep)
    machine.now_s += 3600
    brake.idle(3600)
    brake.rest()

    assert machine.slept == []


def test_system_that_does_not_tell_is_read_at_full_speed(tmp_path):
    """Neither a missing nor a strange file is an error."""
    assert pressure_now(str(tmp_path / "nothing")) is None
    (tmp_path / "strange").write_text("some words\n")
    assert pressure_now(str(tmp_path / "strange")) is None
    (tmp_path / "io").write_text("some avg10=21.50 avg60=1.20 avg300=1.28 total=2500000\nfull\n")
    assert pressure_now(str(tmp_path / "io")) == Pressure(0.215, 2.5)

    machine = Machine()
    brake = Brake(lambda: None, machine.clock, machine.sleep)
    machine.now_s += 10
    brake.rest()
    assert machine.slept == []
