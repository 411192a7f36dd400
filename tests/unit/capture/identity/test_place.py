"""The container that a process runs in, and who had logged in."""

from __future__ import annotations

import os

import pytest

from provfs.capture import execution
from provfs.capture.identity import place

ID = "0123456789abcdef" * 4
MOUNT = "1 2 8:1 {root} {point} rw,relatime - ext4 /dev/sda1 rw"

CASES = {
    "docker-v1": (f"3:cpu:/docker/{ID}\n", ""),
    "docker-systemd": (f"0::/system.slice/docker-{ID}.scope\n", ""),
    "kubernetes-containerd": (
        f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope\n",
        "",
    ),
    "kubernetes-colon": (f"0::/system.slice/containerd.service/kubepods:cri-containerd:{ID}\n", ""),
    "podman": (f"0::/user.slice/libpod-{ID}.scope/container\n", ""),
    "docker-v2": (
        "0::/\n",
        MOUNT.format(root=f"/var/lib/docker/containers/{ID}/hostname", point="/etc/hostname"),
    ),
    "podman-v2": (
        "0::/\n",
        MOUNT.format(
            root=f"/containers/storage/overlay-containers/{ID}/userdata/hosts", point="/etc/hosts"
        ),
    ),
    "containerd-v2": (
        "0::/\n",
        MOUNT.format(
            root=f"/io.containerd.grpc.v1.cri/sandboxes/{ID}/resolv.conf", point="/etc/resolv.conf"
        ),
    ),
}


@pytest.mark.parametrize(("cgroup", "mounts"), CASES.values(), ids=CASES)
def test_container_is_found_by_its_marks(cgroup, mounts):
    """Each engine leaves its id in the control group or in the mounts."""
    assert place.container_in(cgroup, mounts) == ID


@pytest.mark.parametrize(
    ("cgroup", "mounts"),
    [
        ("0::/user.slice/user-1000.slice/session-2.scope\n", ""),
        ("0::/\n", MOUNT.format(root=f"/data/{ID}/x", point="/data")),
        ("0::/\n", MOUNT.format(root="/etc/hostname", point="/etc/hostname")),
        ("", ""),
    ],
)
def test_host_is_no_container(cgroup, mounts):
    """Outside of a container, and where a long name is none of an engine's, there is no id."""
    assert place.container_in(cgroup, mounts) is None


def test_login_user_is_the_kernels_or_claimed(monkeypatch):
    """The kernel's record of the login goes before what a platform claims."""
    files = {"/proc/self/loginuid": "0\n"}
    monkeypatch.setattr(place, "_text", files.get)
    assert place.login_user({"SUDO_USER": "anna"}) == "root"

    files["/proc/self/loginuid"] = "4294967295"
    assert place.login_user({"SUDO_USER": "anna", "SLURM_JOB_USER": "ben"}) == "anna"
    assert place.login_user({}) is None


def test_name_of_the_user_is_handed_on(monkeypatch):
    """The system is not asked again, but for another user than the one that it was asked about."""
    monkeypatch.setenv("PROVFS_PRELOAD_USER", f"{os.geteuid()}:somebody")
    assert execution.user_name() == "somebody"

    monkeypatch.setenv("PROVFS_PRELOAD_USER", f"{os.geteuid() + 1}:somebody")
    assert execution.user_name() == execution.user_of_system() != "somebody"
