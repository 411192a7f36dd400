"""Cases 1 to 5: what was read before what was written, and which version of it.

Every case comes in several styles of reading and writing; all names end in `.npy` because numpy
insists, whatever they hold. Programs write something else than they read, so that nothing is a
copy.
"""

from __future__ import annotations

import io

from tests.accuracy.cases import Case, Edge, edges, python, source

_OPEN = """
    def load(name):
        with open(name) as file:
            return file.read()

    def save(name, text):
        with open(name, "w") as file:
            file.write(text)
    """
_PATHLIB = """
    from pathlib import Path

    def load(name):
        return Path(name).read_text()

    def save(name, text):
        Path(name).write_text(text)
    """
_FSSPEC = """
    import os
    import fsspec

    def load(name):
        with fsspec.open("file://" + os.path.abspath(name), "rb") as file:
            return file.read().decode()

    def save(name, text):
        with fsspec.open("file://" + os.path.abspath(name), "wb") as file:
            file.write(text.encode())
    """
_FSSPEC_METHODS = """
    import os
    import fsspec

    fs = fsspec.filesystem("file")

    def load(name):
        return fs.cat_file(os.path.abspath(name)).decode()

    def save(name, text):
        fs.pipe_file(os.path.abspath(name), text.encode())
    """
_PROV = """
    import os
    import fsspec

    def load(name):
        with fsspec.open("prov::file://" + os.path.abspath(name), "r") as file:
            return file.read()

    def save(name, text):
        with fsspec.open("prov::file://" + os.path.abspath(name), "w") as file:
            file.write(text)
    """
_NUMPY = """
    import numpy

    def load(name):
        return numpy.load(name).tobytes().decode()

    def save(name, text):
        numpy.save(name, numpy.frombuffer(text.encode(), dtype=numpy.uint8))
    """
_REPLACE = """
    import os

    def load(name):
        with open(name) as file:
            return file.read()

    def save(name, text):
        with open(name + ".tmp", "w") as file:
            file.write(text)
        os.replace(name + ".tmp", name)
    """

_STYLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "open": (_OPEN, ()),
    "pathlib": (_PATHLIB, ()),
    "fsspec-open": (_FSSPEC, ()),
    "fsspec-methods": (_FSSPEC_METHODS, ()),
    "prov-url": (_PROV, ()),
    "numpy": (_NUMPY, ("numpy",)),
    "replace": (_REPLACE, ()),
}


def _npy(text: str) -> bytes:
    """Return what numpy reads as the characters of the text: format 1.0, one dimension,
    unsigned bytes.
    """
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(text)},), }}"
    padded = header.ljust(128 - 10 - 1) + "\n"
    out = io.BytesIO()
    out.write(b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode())
    out.write(text.encode())
    return out.getvalue()


def _case(
    number: int,
    style: str,
    title: str,
    body: str,
    files: str,
    expected: frozenset[Edge],
    **more: object,
) -> Case:
    prelude, needs = _STYLES[style]
    contents = {name: f"content of {name}" for name in files.split()}
    return Case(
        number,
        style,
        title,
        steps=(python("main.py"),),
        programs={"main.py": source(prelude, body)},
        files={name: _npy(text) if style == "numpy" else text for name, text in contents.items()},
        expected=expected,
        absent=frozenset({"x.npy.tmp", "y.npy.tmp", "ckpt.npy.tmp"}),
        needs=needs,
        **more,  # type: ignore[arg-type]
    )


_SEQUENCE = [
    _case(
        1,
        style,
        "read A, write X, read B, write Y",
        """
        a = load("a.npy")
        save("x.npy", "x of " + a)
        b = load("b.npy")
        save("y.npy", "y of " + a + b)
        """,
        "a.npy b.npy",
        edges("a.npy -> x.npy, a.npy -> y.npy, b.npy -> y.npy"),
    )
    for style in _STYLES
]

_OVERLAP = [
    Case(
        2,
        variant,
        "X opened for writing, then A read, then X closed",
        steps=(python("main.py"),),
        programs={"main.py": source(body)},
        files={"a.csv": "1,2\n"},
        expected=edges("a.csv -> x.out"),
    )
    for variant, body in {
        "open": """
            with open("x.out", "w") as out:
                out.write("header\\n")
                with open("a.csv") as file:
                    out.write(file.read() * 2)
            """,
        "explicit-close": """
            out = open("x.out", "wb", buffering=0)
            file = open("a.csv", "rb")
            out.write(file.read() * 2)
            file.close()
            out.close()
            """,
        "gzip": """
            import gzip

            with gzip.open("x.out", "wt") as out, open("a.csv") as file:
                out.write(file.read() * 2)
            """,
        "fsspec": """
            import os
            import fsspec

            with fsspec.open("file://" + os.path.abspath("x.out"), "wt") as out:
                with fsspec.open("file://" + os.path.abspath("a.csv"), "rt") as file:
                    out.write(file.read() * 2)
            """,
    }.items()
]

_IN_PLACE = [
    Case(
        3,
        variant,
        "read A, change A in place: two versions, one edge, never a loop",
        steps=(python("main.py"),),
        programs={"main.py": source(body)},
        files={"a.csv": "1,2\n"},
        expected=edges("a.csv#1 -> a.csv#2"),
        versions={"a.csv": 2},
    )
    for variant, body in {
        "rewrite": """
            text = open("a.csv").read()
            with open("a.csv", "w") as file:
                file.write(text * 2)
            """,
        "append": """
            with open("a.csv", "a") as file:
                file.write("3,4\\n")
            """,
        "read-then-append": """
            with open("a.csv") as file:
                text = file.read()
            with open("a.csv", "ab") as file:
                file.write(text.encode())
            """,
        "r+": """
            with open("a.csv", "r+") as file:
                text = file.read()
                file.seek(0)
                file.write(text.upper() + "5,6\\n")
            """,
        "r+b-unread": """
            with open("a.csv", "r+b") as file:
                file.seek(2)
                file.write(b"9")
            """,
        "replace": """
            import os

            with open("a.csv") as file, open("a.csv.tmp", "w") as out:
                out.write(file.read() * 2)
            os.replace("a.csv.tmp", "a.csv")
            """,
        "fsspec-append": """
            import os
            import fsspec

            with fsspec.open("file://" + os.path.abspath("a.csv"), "ab") as file:
                file.write(b"3,4\\n")
            """,
    }.items()
]

_TRAINING = """
    seen = ""
    for epoch in range(1, 6):
        seen += load(f"d{epoch}.npy")
        save("ckpt.npy", f"weights after {seen}")
    """
_DATA = "d1.npy d2.npy d3.npy d4.npy d5.npy"
_GROWING = ", ".join(
    f"d{epoch}.npy -> ckpt.npy#{version}"
    for version in range(1, 6)
    for epoch in range(1, version + 1)
)

_CHECKPOINTS = [
    _case(
        4,
        style,
        "checkpoint written five times to one name, more data read in between",
        _TRAINING,
        _DATA,
        edges(_GROWING),
        versions={"ckpt.npy": 5},
    )
    for style in ("open", "fsspec-open", "prov-url", "numpy", "replace")
]

_RESUMED = [
    _case(
        5,
        style,
        "the fourth checkpoint is loaded again, training goes on, the fifth is written",
        """
        seen = ""
        for epoch in range(1, 6):
            if epoch == 5:
                seen = load("ckpt.npy")
            seen += load(f"d{epoch}.npy")
            save("ckpt.npy", f"weights after {seen}")
        """,
        _DATA,
        edges(_GROWING + ", ckpt.npy#4 -> ckpt.npy#5"),
        versions={"ckpt.npy": 5},
    )
    for style in ("open", "fsspec-open", "numpy", "replace")
]

_RESUMED_LATER = Case(
    5,
    "second-program",
    "another program loads the fourth checkpoint and writes the fifth: only what it read itself",
    steps=(python("first.py"), python("second.py")),
    programs={
        "first.py": source(
            _OPEN,
            """
            seen = ""
            for epoch in range(1, 5):
                seen += load(f"d{epoch}.npy")
                save("ckpt.npy", f"weights after {seen}")
            """,
        ),
        "second.py": source(
            _OPEN, 'save("ckpt.npy", "on with " + load("ckpt.npy") + load("d5.npy"))'
        ),
    },
    files={name: f"content of {name}" for name in _DATA.split()},
    expected=edges(", ".join(p for p in _GROWING.split(", ") if not p.endswith("#5")))
    | edges("ckpt.npy#4 -> ckpt.npy#5, d5.npy -> ckpt.npy#5"),
    versions={"ckpt.npy": 5},
)

CASES = (*_SEQUENCE, *_OVERLAP, *_IN_PLACE, *_CHECKPOINTS, *_RESUMED, _RESUMED_LATER)
