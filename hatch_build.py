"""Compile the native half of `provfs run` when a wheel is built, also for an editable installation.

Contract: without a compiler, or on a system that the library does not support, the wheel is built
without it, is pure Python, and `provfs run` says that native programs are not seen. Not here: the
compiler's flags, see `provfs.capture.preload`.
"""

from __future__ import annotations

import importlib.util
import os
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FOLDER = "provfs/capture/preload"


class PreloadBuildHook(BuildHookInterface[Any]):
    """Puts the compiled library beside its sources, where wheels and editable installs take it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and mark the wheel as one for this platform where that has worked."""
        del version
        if self.target_name != "wheel" or os.environ.get("PROVFS_NO_PRELOAD") == "1":
            return
        folder = os.path.join(self.root, *_FOLDER.split("/"))
        spec = importlib.util.spec_from_file_location(
            "provfs_preload_build", os.path.join(folder, "__init__.py")
        )
        if spec is None or spec.loader is None:
            return
        preload = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(preload)
        if not preload.build(os.path.join(folder, preload.NAME), self.metadata.version):
            self.app.display_warning(
                "built without the preload library: native programs are not seen"
            )
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False
        build_data["artifacts"].append(f"/{_FOLDER}/{preload.NAME}")
