"""Cases 17 to 20: killed writers, files that change under the reader, caches, transactions.

Case 18 asks for both versions and for the edge from the one that was opened; whether the bytes
read after the change also make an edge from the second version is left open.
"""

from __future__ import annotations

import signal

from tests.accuracy.cases import Case, edges, python, source

_A = {"a.csv": "1,2\n"}
_HALF_LINE = 2_000
_LONG = "1,2,3,4,5,6,7\n" * 20_000

_KILLED = [
    Case(
        17,
        variant,
        "the writer is killed in mid-write: the partial version is incomplete, its edges stand",
        steps=(python("main.py", status=-signal.SIGKILL),),
        programs={"main.py": source("import os", "import signal", body)},
        files=_A,
        expected=edges("a.csv -> x.csv"),
        incomplete=frozenset({"x.csv#1"}),
    )
    for variant, body in {
        "open": """
            text = open("a.csv").read()
            out = open("x.csv", "w")
            out.write("half of x of " + text)
            out.flush()
            os.kill(os.getpid(), signal.SIGKILL)
            """,
        "fsspec": """
            import fsspec

            text = open("a.csv").read()
            with fsspec.open("file://" + os.path.abspath("x.csv"), "wb") as out:
                out.write(b"half of x of " + text.encode())
                out.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            """,
        "read-after-opening": """
            out = open("x.csv", "wb", buffering=0)
            out.write(b"half of x of " + open("a.csv", "rb").read())
            os.kill(os.getpid(), signal.SIGKILL)
            """,
    }.items()
]

_WORKER_KILLED = Case(
    17,
    "worker",
    "a worker is killed in mid-write, its parent goes on",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            """
            import multiprocessing
            import os
            import signal

            def work(text):
                out = open("x.csv", "w")
                out.write("half of x of " + text)
                out.flush()
                os.kill(os.getpid(), signal.SIGKILL)

            if __name__ == "__main__":
                with open("a.csv") as file:
                    text = file.read()
                worker = multiprocessing.get_context("fork").Process(target=work, args=(text,))
                worker.start()
                worker.join()
                with open("y.csv", "w") as out:
                    out.write("y of " + text)
            """
        )
    },
    files=_A,
    expected=edges("a.csv -> y.csv") | edges("a.csv -> x.csv", "worker"),
    incomplete=frozenset({"x.csv#1"}),
)

_CHILD_KILLED = Case(
    17,
    "second-run",
    "killed in mid-write, then run again to the end: an incomplete version and a complete one",
    steps=(
        python("main.py", "killed", status=-signal.SIGKILL),
        python("main.py", "whole"),
    ),
    programs={
        "main.py": source(
            """
            import os
            import signal
            import sys

            text = open("a.csv").read()
            with open("x.csv", "w") as out:
                out.write("half of x of " + text)
                out.flush()
                if sys.argv[1] == "killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                out.write("and the other half")
            """
        )
    },
    files=_A,
    expected=edges("a.csv -> x.csv#1, a.csv -> x.csv#2"),
    versions={"x.csv": 2},
    incomplete=frozenset({"x.csv#1"}),
)

_CHANGED = [
    Case(
        18,
        variant,
        "A is changed while it is being read: both versions are known, the opened one counts",
        steps=(python("main.py"),),
        programs={
            "main.py": source(
                """
                import os
                import subprocess
                import sys

                """,
                f"""
                file = open("a.csv", "rb", buffering=0)
                start = file.read({_HALF_LINE})
                """,
                change,
                """
                rest = file.read()
                file.close()
                with open("x.csv", "wb") as out:
                    out.write(b"x of " + start + rest)
                """,
            ),
            "change.py": source('open("a.csv", "a").write("8,9\\n")'),
        },
        files={"a.csv": _LONG},
        expected=edges("a.csv#1 -> x.csv")
        | edges("a.csv#2 -> x.csv", "same-process|child", optional=True)
        | edges("a.csv#1 -> a.csv#2"),
        versions={"a.csv": 2},
    )
    for variant, change in (
        ("shell-appends", """os.system("echo 8,9 >> a.csv")"""),
        ("child-appends", 'subprocess.run([sys.executable, "change.py"], check=True)'),
        ("same-program-appends", 'with open("a.csv", "a") as out:\n    out.write("8,9\\n")'),
    )
]

_REWRITTEN_BY_SHELL = Case(
    18,
    "shell-rewrites",
    "a shell rewrites A by way of B while A is read: what B was made into counts from then on",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            f"""
            import os

            file = open("a.csv", "rb", buffering=0)
            start = file.read({_HALF_LINE})
            os.system("tr 1 2 < a.csv > b.tmp; cat b.tmp > a.csv; rm b.tmp")
            rest = file.read()
            file.close()
            with open("x.csv", "wb") as out:
                out.write(b"x of " + start + rest)
            """
        ),
    },
    files={"a.csv": _LONG},
    expected=edges("a.csv#1 -> b.tmp, a.csv#1 -> x.csv")
    | edges("b.tmp -> a.csv#2", "copy")
    | edges("b.tmp -> x.csv", "child")
    | edges("a.csv#2 -> x.csv", "same-process|child", optional=True),
    versions={"a.csv": 2},
)

_CACHED = [
    Case(
        19,
        variant,
        f"the same bytes through {variant}:: come from the origin, not from the cache file",
        steps=(python("main.py"),),
        programs={
            "main.py": source(
                f"""
                import os
                import fsspec

                url = "{variant}::file://" + os.path.abspath("a.csv")
                for _ in range(2):
                    with fsspec.open(url, "rb", {variant}={{"cache_storage": "cache"}}) as file:
                        text = file.read()
                with open("x.csv", "wb") as out:
                    out.write(b"x of " + text)
                """
            )
        },
        files=_A,
        expected=edges("a.csv -> x.csv"),
    )
    for variant in ("simplecache", "filecache")
]

_DISCARDED = {
    "rollback": """
        try:
            with fs.transaction:
                with fs.open(os.path.abspath("x.csv"), "wb") as out:
                    out.write(b"x of " + open("a.csv", "rb").read())
                raise RuntimeError("not today")
        except RuntimeError:
            pass
        """,
    "discard": """
        out = fs.open(os.path.abspath("x.csv"), "wb", autocommit=False)
        out.write(b"x of " + open("a.csv", "rb").read())
        out.close()
        out.discard()
        """,
}
_COMMITTED = """
    with fs.transaction:
        with fs.open(os.path.abspath("x.csv"), "wb") as out:
            out.write(b"x of " + open("a.csv", "rb").read())
    """
_BARE = 'import os\nimport fsspec\n\nfs = fsspec.filesystem("file")'
_WRAPPED = 'import os\nimport fsspec\n\nfs = fsspec.filesystem("prov", target_protocol="file")'

_TRANSACTIONS = [
    case
    for kind, prelude in (("bare", _BARE), ("wrapped", _WRAPPED))
    for case in (
        *(
            Case(
                20,
                f"{kind}-{variant}",
                "what is written and then discarded leaves nothing",
                steps=(python("main.py"),),
                programs={"main.py": source(prelude, body)},
                files=_A,
                alone=frozenset({"a.csv"}),
                absent=frozenset({"x.csv"}),
            )
            for variant, body in _DISCARDED.items()
        ),
        Case(
            20,
            f"{kind}-commit",
            "what a transaction commits is one version under its final name",
            steps=(python("main.py"),),
            programs={"main.py": source(prelude, _COMMITTED)},
            files=_A,
            expected=edges("a.csv -> x.csv"),
            versions={"x.csv": 1},
        ),
    )
]

CASES = (
    *_KILLED,
    _WORKER_KILLED,
    _CHILD_KILLED,
    *_CHANGED,
    _REWRITTEN_BY_SHELL,
    *_CACHED,
    *_TRANSACTIONS,
)
