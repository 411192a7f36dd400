"""Decide which uris are captured and of which kind an artifact is; pure, no I/O.

Contract: `Scope.decide(uri)` gives the same answer for the same uri and settings, in every process,
with the rule that decided. Include patterns win over exclude patterns, both over the built-in
rules. Not here: where the patterns come from, see `provfs.config`.
"""

from __future__ import annotations

import re
import sys
from fnmatch import translate
from typing import NamedTuple

KINDS = ("dataset", "model", "metrics", "config", "other")

_SYSTEM_TREES = (
    *("/proc", "/sys", "/dev", "/run", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"),
    *("/etc", "/opt"),
)
_STATE_DIRECTORIES = (
    *("__pycache__", ".git", ".hg", ".svn", ".provfs", ".dvc", ".ipynb_checkpoints"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", ".venv"),
    *("node_modules", "site-packages", "dist-packages", ".idea", ".vscode", ".matplotlib"),
    *(".conda", ".npm", ".ipython", ".jupyter"),
)
_CACHE_DIRECTORIES = ("pip", "uv", "matplotlib", "fontconfig", "fonts", "locale")
_CODE_SUFFIXES = (
    *("py", "pyc", "pyo", "pyi", "pyd", "pyx", "so", "dylib", "dll", "a", "o", "sh", "bash", "zsh"),
    *("c", "h", "cc", "cpp", "hpp", "rs", "go", "java", "class", "jar", "egg-link"),
    *("R", "r", "jl", "pl", "rb", "lua", "js"),
)

_BEGIN = r"(^|[/_.-])"
_MORE = r"([_.-][^/]*)?"
_PACKED = r"(\.(gz|bz2|xz|zst|zip|lz4))?$"
_BUILT_IN_KINDS = (
    (
        "metrics",
        _BEGIN
        + r"(metrics?|scores?|results?|eval(uation)?)"
        + _MORE
        + r"\.(jsonl?|csv|ya?ml|txt)$",
    ),
    ("metrics", r"(^|/)events\.out\.tfevents\.[^/]*$"),
    (
        "config",
        _BEGIN
        + r"(params?|config(uration)?|settings|h(yper)?params)"
        + _MORE
        + r"\.(json|csv|txt)$",
    ),
    ("config", _BEGIN + r"hyperparameters" + _MORE + r"\.(json|csv|txt)$"),
    ("config", r"\.(ya?ml|toml|ini|cfg|conf|env|properties)$"),
    (
        "model",
        r"\.(pth?|ckpt|safetensors|onnx|gguf|ggml|joblib|pkl|pickle|keras|tflite|pb|mlmodel)$",
    ),
    ("model", r"\.(bst|cbm|lgb|xgb|ubj)$"),
    ("model", r"(^|/)(pytorch_model|model|adapter_model|weights)[^/]*\.(bin|h5|npz|json)$"),
    (
        "dataset",
        r"\.(csv|tsv|parquet|feather|arrow|ipc|orc|avro|jsonl?|ndjson|np[yz]|xml|txt)" + _PACKED,
    ),
    ("dataset", r"\.(h5|hdf5|nc|zarr|lance|tfrecord|mat|arff)" + _PACKED),
    ("dataset", r"\.(png|jpe?g|gif|bmp|tiff?|webp|wav|mp3|flac|ogg|mp4|avi|mkv|dcm|nii)" + _PACKED),
    ("dataset", r"\.(sqlite|db|duckdb|tar|zip|gz|bz2|xz|zst)$"),
    ("dataset", r"\.zarr/"),
)


class Decision(NamedTuple):
    """Whether a uri is captured, and the rule that decided, in words for a person."""

    captured: bool
    reason: str


class Scope:
    """The rules of one set of settings, compiled once.

    Args:
        include: Glob patterns over uris or paths that are captured whatever else applies.
        exclude: Glob patterns that are not captured, unless included.
        home: Path of the home directory, which is never captured.
    """

    def __init__(
        self, include: tuple[str, ...] = (), exclude: tuple[str, ...] = (), home: str = ""
    ) -> None:
        self._user = [
            *(
                (_beginning(text), glob, Decision(True, f"included by {text!r}"))
                for text, glob in _compile(include)
            ),
            *(
                (_beginning(text), glob, Decision(False, f"excluded by {text!r}"))
                for text, glob in _compile(exclude)
            ),
        ]
        self._home = home.rstrip("/")
        self._below_home = f"{self._home}/" if self._home else None
        self._trees = tuple(f"{tree}/" for tree in (*_SYSTEM_TREES, *_python_trees()))
        self._directories: dict[str, Decision] = {}

    def decide(self, uri: str) -> Decision:
        """Return whether the uri is captured, with the reason."""
        path = uri.removeprefix("file://")
        if self._below_home and (path.startswith(self._below_home) or path == self._home):
            return Decision(False, "the home of provfs itself")
        for beginning, pattern, decision in self._user:
            if beginning is None:
                if pattern.match(path) or pattern.match(uri):
                    return decision
            elif path.startswith(beginning) or uri.startswith(beginning):
                return decision
        return self._decide_by_default(uri, path)

    def _decide_by_default(self, uri: str, path: str) -> Decision:
        directory, _, name = uri.rpartition("/")
        found = self._directories.get(directory)
        if found is None:
            below = path[: len(path) - len(name)]
            found = self._decide_below(below, is_local=path is not uri)
            if len(self._directories) >= _CACHE_SIZE:
                self._directories.clear()
            self._directories[directory] = found
        if not found.captured:
            return found
        if path.endswith("/.git"):
            return _in_state(name)
        if code := _CODE.search(name):
            return Decision(
                False, f"code ({code.group()}); it is recorded on the execution instead"
            )
        return _BY_DEFAULT

    def _decide_below(self, directory: str, *, is_local: bool) -> Decision:
        """Return what the built-in rules say of all that lies in a directory."""
        if is_local and directory.startswith(self._trees):
            tree = next(tree for tree in self._trees if directory.startswith(tree))
            return Decision(False, f"below {tree}, a tree of the system or of Python")
        found = _STATE.search(directory)
        return _in_state(found.group().strip("/")) if found else _BY_DEFAULT


class KindRules:
    """Which kind an artifact is of, by the first pattern that its uri matches.

    Args:
        user: (glob pattern, kind) pairs, tried before the built-in rules.
    """

    def __init__(self, user: tuple[tuple[str, str], ...] = ()) -> None:
        self._rules = [
            *((compiled, kind) for (text, kind) in user for _, compiled in _compile((text,))),
            *((re.compile(text, re.IGNORECASE), kind) for kind, text in _BUILT_IN_KINDS),
        ]

    def kind_of(self, uri: str) -> str:
        """Return one of `KINDS`."""
        for pattern, kind in self._rules:
            if pattern.search(uri):
                return kind
        return "other"


_CACHE_SIZE = 1_000
_STATE = re.compile(
    "/(?:{plain}|[^/]+\\.(?:dist|egg)-info|\\.cache/(?:{cache})|lib/python3\\.[0-9]+"
    "|share/jupyter)/".format(
        plain="|".join(map(re.escape, _STATE_DIRECTORIES)), cache="|".join(_CACHE_DIRECTORIES)
    )
)
_CODE = re.compile(r"\.(?:{})(?:\.[0-9.]+)?$".format("|".join(_CODE_SUFFIXES)))


_BY_DEFAULT = Decision(True, "in scope by default")


def _in_state(name: str) -> Decision:
    return Decision(False, f"in a {name} directory, the state of a tool")


def _python_trees() -> set[str]:
    return {prefix for prefix in (sys.prefix, sys.base_prefix) if prefix not in {"", "/"}}


def _compile(patterns: tuple[str, ...]) -> list[tuple[str, re.Pattern[str]]]:
    """Compile glob patterns; one without a leading `/` or scheme matches at any depth."""
    return [(text, re.compile(translate(_anchored(text)))) for text in patterns]


def _anchored(text: str) -> str:
    anchored = text if text.startswith(("/", "*")) or "://" in text else f"*/{text}"
    return f"{anchored}*" if anchored.endswith("/") else anchored


def _beginning(text: str) -> str | None:
    """Return what a pattern that ends with its only wildcard begins with; None for others."""
    beginning = _anchored(text).removesuffix("*")
    return beginning if beginning != _anchored(text) and not set(beginning) & set("*?[") else None
