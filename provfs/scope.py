"""Decide which uris are captured and of which kind an artifact is; pure, no I/O.

Contract: `Scope.decide(uri)` gives the same answer for the same uri and settings, in every process,
with the rule that decided. Include patterns win over exclude patterns, both over the built-in
rules. Without patterns of the user no regular expression is used: every captured program would have
to load and compile them. Not here: where the patterns come from, see `provfs.config`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

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
BUILT_IN_KINDS = (
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


class Decision:
    """Whether a uri is captured, and the rule that decided, in words for a person."""

    __slots__ = ("captured", "reason")

    def __init__(self, captured: bool, reason: str) -> None:
        self.captured = captured
        self.reason = reason


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
        if code := _code_suffix(name):
            return Decision(False, f"code ({code}); it is recorded on the execution instead")
        return _BY_DEFAULT

    def _decide_below(self, directory: str, *, is_local: bool) -> Decision:
        """Return what the built-in rules say of all that lies in a directory."""
        if is_local and directory.startswith(self._trees):
            tree = next(tree for tree in self._trees if directory.startswith(tree))
            return Decision(False, f"below {tree}, a tree of the system or of Python")
        found = _state_directory(directory)
        return _in_state(found) if found else _BY_DEFAULT


class KindRules:
    """Which kind an artifact is of, by the first pattern that its uri matches.

    Args:
        user: (glob pattern, kind) pairs, tried before the built-in rules.
    """

    def __init__(self, user: tuple[tuple[str, str], ...] = ()) -> None:
        self._user = [
            (compiled, kind) for (text, kind) in user for _, compiled in _compile((text,))
        ]
        self._built_in: list[tuple[re.Pattern[str], str]] = []

    def kind_of(self, uri: str) -> str:
        """Return one of `KINDS`."""
        import re  # noqa: PLC0415 - captured programs need no kinds

        if not self._built_in:
            self._built_in = [
                (re.compile(text, re.IGNORECASE), kind) for kind, text in BUILT_IN_KINDS
            ]
        kinds = (kind for pattern, kind in self._built_in if pattern.search(uri))
        return self.chosen(uri) or next(kinds, "other")

    def chosen(self, uri: str) -> str | None:
        """Return the kind that the user's patterns tell; None where no one of them matches."""
        return next((kind for pattern, kind in self._user if pattern.search(uri)), None)


_CACHE_SIZE = 1_000
_BY_DEFAULT = Decision(True, "in scope by default")
_STATES = frozenset(_STATE_DIRECTORIES)
_CACHES = frozenset(_CACHE_DIRECTORIES)
_INSTALLED = (".dist-info", ".egg-info")
_FIRST_OF_TWO = (".cache", "share", "lib")
_CODE = frozenset(_CODE_SUFFIXES)
_DIGITS = "0123456789"


def _in_state(name: str) -> Decision:
    return Decision(False, f"in a {name} directory, the state of a tool")


def _state_directory(directory: str) -> str | None:
    """Return what holds the state of a tool in a path that ends with a slash; None if nothing."""
    parts = directory.split("/")
    last = len(parts) - 1
    for place in range(1, last):
        name = parts[place]
        if name in _STATES:
            return name
        if name.endswith(_INSTALLED) and name not in _INSTALLED:
            return name
        if name in _FIRST_OF_TWO and place + 1 < last:
            below = parts[place + 1]
            if (
                (name == ".cache" and below in _CACHES)
                or (name == "share" and below == "jupyter")
                or (name == "lib" and _is_python(below))
            ):
                return f"{name}/{below}"
    return None


def _is_python(name: str) -> bool:
    number = name.removeprefix("python3.")
    return number not in {name, ""} and not number.strip(_DIGITS)


def _code_suffix(path: str) -> str | None:
    """Return the suffix of a path that makes it code, with a version after it; None if none."""
    stem = path.rstrip(_DIGITS + ".")
    version = path[len(stem) :]
    if version and (version[0] != "." or len(version) == 1):
        return None
    _, dot, suffix = stem.rpartition(".")
    return f".{suffix}{version}" if dot and suffix in _CODE else None


def _python_trees() -> set[str]:
    return {prefix for prefix in (sys.prefix, sys.base_prefix) if prefix not in {"", "/"}}


def _compile(patterns: tuple[str, ...]) -> list[tuple[str, re.Pattern[str]]]:
    """Compile glob patterns; one without a leading `/` or scheme matches at any depth."""
    if not patterns:
        return []
    import re  # noqa: PLC0415 - only where there are patterns
    from fnmatch import translate  # noqa: PLC0415 - likewise

    return [(text, re.compile(translate(_anchored(text)))) for text in patterns]


def _anchored(text: str) -> str:
    anchored = text if text.startswith(("/", "*")) or "://" in text else f"*/{text}"
    return f"{anchored}*" if anchored.endswith("/") else anchored


def _beginning(text: str) -> str | None:
    """Return what a pattern that ends with its only wildcard begins with; None for others."""
    beginning = _anchored(text).removesuffix("*")
    return beginning if beginning != _anchored(text) and not set(beginning) & set("*?[") else None
