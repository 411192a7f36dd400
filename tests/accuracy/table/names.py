"""Cases 11 and 12: files that are moved, files that are copied.

Settled where the table leaves room:

- A temporary file that the same program writes and moves leaves no artifact, and the final version
carries
  the writer's rule (`same-process`, `worker`), not `rename`. A `rename` edge arises when a file
  that another program, or nobody known, made is moved.
- A file that one program makes and removes again is scratch: it is no artifact, edges pass through
it.
- An output that is byte-identical to an input which the same program read before (size above 0)
has exactly
  the `copy` edge; all other edges into that output fall below 0.5.
"""

from __future__ import annotations

from tests.accuracy.cases import Case, Step, edges, python, source

_MOVES = {
    "os-replace": 'os.replace("x.tmp", "x.csv")',
    "os-rename": 'os.rename("x.tmp", "x.csv")',
    "shutil-move": 'shutil.move("x.tmp", "x.csv")',
    "path-rename": 'Path("x.tmp").rename("x.csv")',
    "path-replace": 'Path("x.tmp").replace(Path("x.csv").absolute())',
    "fs-mv": 'fsspec.filesystem("file").mv(os.path.abspath("x.tmp"), os.path.abspath("x.csv"))',
    "directory-fd": 'os.rename("x.tmp", "x.csv", src_dir_fd=os.open(".", os.O_RDONLY))',
    "through-two-names": 'os.rename("x.tmp", "x.part"); os.replace("x.part", "x.csv")',
}
_IMPORTS = """
    import os
    import shutil
    import subprocess
    import sys
    import tempfile
    from pathlib import Path

    import fsspec
    """
_WRITE_TEMPORARY = """
    with open("a.csv") as file:
        text = file.read()
    with open("x.tmp", "w") as out:
        out.write("x of " + text)
    """
_TEMPORARY_NAMES = frozenset({"x.tmp", "x.part"})
_A = {"a.csv": "1,2\n"}


def _moved(variant: str, title: str, body: str, rule: str = "same-process") -> Case:
    return Case(
        11,
        variant,
        title,
        steps=(python("main.py"),),
        programs={"main.py": source(_IMPORTS, body)},
        files=_A,
        expected=edges("a.csv -> x.csv", rule),
        absent=_TEMPORARY_NAMES,
        versions={"x.csv": 1},
    )


_MOVED = [
    _moved(name, "write to a temporary name, move it onto X", source(_WRITE_TEMPORARY, move))
    for name, move in _MOVES.items()
]

_TEMPFILE = _moved(
    "tempfile",
    "a name from the tempfile module, then moved onto X",
    """
    text = open("a.csv").read()
    with tempfile.NamedTemporaryFile("w", dir=".", delete=False) as out:
        out.write("x of " + text)
    os.replace(out.name, "x.csv")
    """,
)

_MOVED_WHILE_OPEN = _moved(
    "while-open",
    "the temporary file is moved before it is closed",
    """
    text = open("a.csv").read()
    with open("x.tmp", "w") as out:
        out.write("x of " + text)
        out.flush()
        os.replace("x.tmp", "x.csv")
    """,
)

_WORKER_WROTE = _moved(
    "worker-wrote",
    "a worker writes the temporary file, the parent, who read A, moves it",
    """
    import multiprocessing

    def work(text):
        with open("x.tmp", "w") as out:
            out.write("x of " + text)

    if __name__ == "__main__":
        worker = multiprocessing.Process(target=work, args=(open("a.csv").read(),))
        worker.start()
        worker.join()
        os.replace("x.tmp", "x.csv")
    """,
    "worker",
)

_MOVED_TWICE = Case(
    11,
    "again",
    "the same program runs twice: two versions of X, each from its own version of A",
    steps=(
        python("main.py"),
        Step(("sh", "-c", "echo 3,4 > a.csv"), captured=False),
        python("main.py"),
    ),
    programs={"main.py": source(_IMPORTS, _WRITE_TEMPORARY, 'os.replace("x.tmp", "x.csv")')},
    files=_A,
    expected=edges("a.csv#1 -> x.csv#1, a.csv#2 -> x.csv#2"),
    absent=_TEMPORARY_NAMES,
    versions={"a.csv": 2, "x.csv": 2},
)

_MOVED_BY_ANOTHER = Case(
    11,
    "another-program",
    "one program writes, another moves: a rename edge between the two names",
    steps=(python("write.py"), python("move.py")),
    programs={
        "write.py": source(_WRITE_TEMPORARY),
        "move.py": source("import os", 'os.replace("x.tmp", "x.csv")'),
    },
    files=_A,
    expected=edges("a.csv -> x.tmp") | edges("x.tmp -> x.csv", "rename"),
)

_MOVED_UNKNOWN = Case(
    11,
    "nobody-known",
    "a file that nobody is known to have made is moved, then read under its new name",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            """
            import os

            os.rename("a.csv", "b.csv")
            with open("b.csv") as file, open("x.csv", "w") as out:
                out.write("x of " + file.read())
            """
        )
    },
    files=_A,
    expected=edges("a.csv -> b.csv", "rename") | edges("b.csv -> x.csv"),
    versions={"a.csv": 1, "b.csv": 1},
)

_SCRATCH = Case(
    11,
    "scratch",
    "a file made, read and removed again by one program is scratch",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            _IMPORTS,
            _WRITE_TEMPORARY,
            """
            with open("x.tmp") as file, open("x.csv", "w") as out:
                out.write("final " + file.read())
            os.remove("x.tmp")
            """,
        )
    },
    files=_A,
    expected=edges("a.csv -> x.csv"),
    absent=_TEMPORARY_NAMES,
)

_SCRATCH_THROUGH_CHILD = Case(
    11,
    "scratch-through-child",
    "a child reads the scratch file: the edge from A passes through it",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            _IMPORTS,
            _WRITE_TEMPORARY,
            'subprocess.run([sys.executable, "child.py"], check=True)',
            'Path("x.tmp").unlink()',
        ),
        "child.py": source(
            """
            with open("x.tmp") as file, open("x.csv", "w") as out:
                out.write("final " + file.read())
            """
        ),
    },
    files=_A,
    expected=edges("a.csv -> x.csv", "parent|same-process"),
    absent=_TEMPORARY_NAMES,
)

_COPIES = {
    "shutil-copy": 'shutil.copy("a.csv", "b.csv")',
    "shutil-copy2": 'shutil.copy2("a.csv", "b.csv")',
    "shutil-copyfile": 'shutil.copyfile("a.csv", "b.csv")',
    "fileobj": 'shutil.copyfileobj(open("a.csv", "rb"), open("b.csv", "wb"))',
    "read-write": 'open("b.csv", "w").write(open("a.csv").read())',
    "path-bytes": 'Path("b.csv").write_bytes(Path("a.csv").read_bytes())',
    "fs-cp": 'fs.cp(os.path.abspath("a.csv"), os.path.abspath("b.csv"))',
    "fs-cp-file": 'fs.cp_file(os.path.abspath("a.csv"), os.path.abspath("b.csv"))',
    "fs-get": 'fs.get(os.path.abspath("a.csv"), os.path.abspath("b.csv"))',
    "fs-put": 'fs.put(os.path.abspath("a.csv"), os.path.abspath("b.csv"))',
    "prov-cp": 'prov.cp(os.path.abspath("a.csv"), os.path.abspath("b.csv"))',
    "prov-get": 'prov.get(os.path.abspath("a.csv"), os.path.abspath("b.csv"))',
    "prov-put": 'prov.put(os.path.abspath("a.csv"), os.path.abspath("b.csv"))',
}
_FILESYSTEMS = {
    "fs": 'fs = fsspec.filesystem("file")',
    "prov": 'prov = fsspec.url_to_fs("prov::file://" + os.path.abspath("a.csv"))[0]',
}
_READ_PARAMS = """
    with open("params.yaml") as file:
        file.read()
    """

_COPIED = [
    Case(
        12,
        name,
        "params are read, then A is copied: exactly the copy edge, which stands alone",
        steps=(python("main.py"),),
        programs={
            "main.py": source(
                _IMPORTS,
                _FILESYSTEMS.get(name.partition("-")[0], ""),
                _READ_PARAMS,
                copy,
            )
        },
        files={**_A, "params.yaml": "depth: 3\n"},
        expected=edges("a.csv -> b.csv", "copy"),
        alone=frozenset({"params.yaml"}),
    )
    for name, copy in _COPIES.items()
]

_COPY_TREE = Case(
    12,
    "copytree",
    "a directory is copied: one copy edge per file, none across",
    steps=(python("main.py"),),
    programs={"main.py": source("import shutil", 'shutil.copytree("raw", "backup")')},
    files={"raw/a.csv": "1,2\n", "raw/b.csv": "3,4\n", "raw/c.csv": "5,6\n"},
    expected=edges(", ".join(f"raw/{name}.csv -> backup/{name}.csv" for name in "abc"), "copy"),
)

_COPY_UNSEEN = Case(
    12,
    "unseen",
    "cp runs where nobody looks; the copy is known by its bytes when it is read",
    steps=(
        python("first.py"),
        Step(("cp", "a.csv", "b.csv"), captured=False),
        python("second.py"),
    ),
    programs={
        f"{name}.py": source(
            f"""
            with open("{read}.csv") as file, open("{written}.csv", "w") as out:
                out.write("{written} of " + file.read())
            """
        )
        for name, read, written in (("first", "a", "x"), ("second", "b", "y"))
    },
    files=_A,
    expected=edges("a.csv -> x.csv, b.csv -> y.csv") | edges("a.csv -> b.csv", "copy", 0.7),
)

_EMPTY = Case(
    12,
    "empty",
    "an empty output is no copy of an empty input: all readings before it count",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            """
            for name in ("a.csv", "empty.csv"):
                with open(name) as file:
                    file.read()
            open("x.csv", "w").close()
            """
        )
    },
    files={**_A, "empty.csv": ""},
    expected=edges("a.csv -> x.csv, empty.csv -> x.csv"),
)

_CP = Case(
    12,
    "cp",
    "cp A B",
    steps=(Step(("cp", "a.csv", "b.csv")),),
    files=_A,
    expected=edges("a.csv -> b.csv", "copy"),
)

CASES = (
    *_MOVED,
    _TEMPFILE,
    _MOVED_WHILE_OPEN,
    _WORKER_WROTE,
    _MOVED_TWICE,
    _MOVED_BY_ANOTHER,
    _MOVED_UNKNOWN,
    _SCRATCH,
    _SCRATCH_THROUGH_CHILD,
    *_COPIED,
    _COPY_TREE,
    _COPY_UNSEEN,
    _EMPTY,
    _CP,
)
