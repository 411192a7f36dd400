"""Compile the native parts when a wheel is built, also for an editable installation.

Contract: without a compiler, or on a system that a part does not support, the wheel is built
without it. Without the preload library `provfs run` says that native programs are not seen; without
`provfs._calls` and `provfs.journal._columns` everything is the same, only slower.
`PROVFS_NO_PRELOAD=1` and `PROVFS_NO_CALLS=1` leave them out. Not here: the flags of the preload
library, see `provfs.capture.preload`; what the compiled modules do, see `provfs.calls` and
`provfs.journal.columns`.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FOLDER = "provfs/capture/preload"
_COMPILED = ("provfs/_calls", "provfs/journal/_columns")
_CALLS_FLAGS = (
    *("-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra"),
    "-DPy_LIMITED_API=0x030B0000",
)


class NativeBuildHook(BuildHookInterface[Any]):
    """Puts what was compiled beside its sources, where wheels and editable installs take it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and mark the wheel as one for this platform where that has worked."""
        del version
        if self.target_name != "wheel":
            return
        python = None
        if os.environ.get("PROVFS_NO_PRELOAD") != "1" and self._build_preload(build_data):
            python = "py3-none"
        if os.environ.get("PROVFS_NO_CALLS") != "1" and self._build_calls(build_data):
            python = "cp311-abi3"
        if python is not None:
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["tag"] = f"{python}-{platform}"
            build_data["pure_python"] = False

    def _build_preload(self, build_data: dict[str, Any]) -> bool:
        folder = os.path.join(self.root, *_FOLDER.split("/"))
        spec = importlib.util.spec_from_file_location(
            "provfs_preload_build", os.path.join(folder, "__init__.py")
        )
        if spec is None or spec.loader is None:
            return False
        preload = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(preload)
        if not preload.build(os.path.join(folder, preload.NAME), self.metadata.version):
            self.app.display_warning(
                "built without the preload library: native programs are not seen"
            )
            return False
        build_data["artifacts"].append(f"/{_FOLDER}/{preload.NAME}")
        return True

    def _build_calls(self, build_data: dict[str, Any]) -> bool:
        headers = sysconfig.get_paths()["include"]
        if (
            sys.platform != "linux"
            or sys.implementation.name != "cpython"
            or sysconfig.get_config_var("Py_GIL_DISABLED")
            or not os.path.isfile(os.path.join(headers, "Python.h"))
        ):
            return False
        made = [self._compile(module, headers, build_data) for module in _COMPILED]
        return any(made)

    def _compile(self, module: str, headers: str, build_data: dict[str, Any]) -> bool:
        source = os.path.join(self.root, *f"{module}.c".split("/"))
        target = os.path.join(self.root, *f"{module}.abi3.so".split("/"))
        compiler = shlex.split(os.environ.get("CC") or "cc")
        with tempfile.TemporaryDirectory(dir=os.path.dirname(target)) as scratch:
            made = os.path.join(scratch, "made.so")
            command = [*compiler, *_CALLS_FLAGS, f"-I{headers}", "-o", made, source]
            try:
                subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
                os.replace(made, target)
            except (OSError, subprocess.CalledProcessError):
                self.app.display_warning(f"built without {module}: the same, slower")
                return False
        build_data["artifacts"].append(f"/{module}.abi3.so")
        return True
