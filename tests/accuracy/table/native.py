"""The lines of the table once more, with programs and libraries that are not Python.

`same-process|worker` allows either confidence: which thread of a library opens a file is its own
affair.
"""

from __future__ import annotations

from tests.accuracy.cases import Case, Step, edges, python, source

_A = {"a.csv": "n\n3\n1\n2\n"}
_ANY_THREAD = "same-process|worker"


def _shell(number: int, variant: str, command: str, title: str = "", **more: object) -> Case:
    options = {"files": _A} | more
    return Case(number, variant, title or command, (Step(("bash", "-c", command)),), **options)  # type: ignore[arg-type]


def _library(number: int, variant: str, title: str, body: str, **more: object) -> Case:
    programs = {"main.py": source(body)}
    return Case(number, variant, title, (python("main.py"),), programs=programs, files=_A, **more)  # type: ignore[arg-type]


CASES = (
    _shell(1, "sort", "sort a.csv > b.csv; :", expected=edges("a.csv -> b.csv")),
    _shell(1, "gzip", "gzip -k a.csv", expected=edges("a.csv -> a.csv.gz")),
    _shell(1, "stdin", "gzip < a.csv > b.gz; :", expected=edges("a.csv -> b.gz")),
    _shell(3, "sort-in-place", "sort -o a.csv a.csv", expected=edges("a.csv#1 -> a.csv#2")),
    _shell(3, "shell-append", "date >> a.csv", expected=edges("a.csv#1 -> a.csv#2")),
    _shell(
        4,
        "shell",
        "for i in 1 2 3 4 5; do sed s/1/$i/ a.csv > b.csv; done",
        expected=edges(", ".join(f"a.csv -> b.csv#{i}" for i in range(2, 6)))
        | edges("a.csv -> b.csv#1", "copy"),
        versions={"b.csv": 5},
    ),
    _shell(
        9,
        "redirections",
        "tr 1 2 < a.csv > x.csv; tr 1 3 < c.csv > y.csv",
        "a shell opens the files of two programs: not A to Y",
        files=_A | {"c.csv": "1\n"},
        expected=edges("a.csv -> x.csv, c.csv -> y.csv"),
    ),
    _shell(
        9,
        "group",
        "{ sort a.csv; sort c.csv; } > x.csv; :",
        "two programs write one file in turn: a version each",
        files=_A | {"c.csv": "1\n"},
        expected=edges("a.csv -> x.csv#1, c.csv -> x.csv#2, x.csv#1 -> x.csv#2"),
        versions={"x.csv": 2},
    ),
    _shell(
        10,
        "long",
        "cat a.csv | tr 1 2 | sort | gzip > b.gz; :",
        expected=edges("a.csv -> b.gz", "pipe"),
    ),
    _shell(
        10,
        "tee",
        "tr 1 2 < a.csv | tee b.csv | sort > c.csv; :",
        expected=edges("a.csv -> b.csv, a.csv -> c.csv", "pipe"),
    ),
    _shell(
        10,
        "join",
        "{ cat a.csv; cat c.csv; } | sort > b.csv; :",
        files=_A | {"c.csv": "1\n"},
        expected=edges("a.csv -> b.csv, c.csv -> b.csv", "pipe"),
    ),
    _library(
        10,
        "popen",
        "Python joins two programs by a pipe",
        """
        import subprocess

        with open("b.csv", "wb") as out:
            first = subprocess.Popen(["tr", "1", "2"], stdin=open("a.csv"), stdout=subprocess.PIPE)
            subprocess.run(["sort"], stdin=first.stdout, stdout=out, check=True)
            first.wait()
        """,
        expected=edges("a.csv -> b.csv", "pipe"),
    ),
    _shell(12, "cp-env", "env -i /bin/cp a.csv b.csv", expected=edges("a.csv -> b.csv", "copy")),
    _library(
        1,
        "parquet",
        "pandas writes and reads Parquet by pyarrow's own C++ files",
        """
        import pandas

        pandas.read_csv("a.csv").to_parquet("b.parquet")
        pandas.read_parquet("b.parquet").to_csv("c.csv")
        """,
        expected=edges("a.csv -> b.parquet, a.csv -> c.csv, b.parquet -> c.csv", _ANY_THREAD),
        needs=("pandas", "pyarrow"),
    ),
    _library(
        1,
        "duckdb",
        "DuckDB reads and writes files by itself",
        """
        import duckdb

        duckdb.sql("COPY (SELECT sum(n) FROM 'a.csv') TO 'b.parquet'")
        """,
        expected=edges("a.csv -> b.parquet", _ANY_THREAD),
    ),
    _library(
        4,
        "duckdb",
        "native code overwrites one name five times: a version each, all with their inputs",
        """
        import duckdb

        for step in range(5):
            duckdb.sql(f"COPY (SELECT n + {step} FROM 'a.csv') TO 'b.csv'")
        """,
        expected=edges(", ".join(f"a.csv -> b.csv#{i}" for i in range(1, 6)), _ANY_THREAD),
        versions={"b.csv": 5},
    ),
    _library(
        3,
        "sqlite",
        "a database is written, changed in place, and read",
        """
        import sqlite3

        with open("a.csv") as file:
            rows = [(int(n),) for n in file.read().split()[1:]]
        base = sqlite3.connect("b.db")
        base.execute("CREATE TABLE t (n)")
        base.executemany("INSERT INTO t VALUES (?)", rows)
        base.commit()
        base.close()
        base = sqlite3.connect("b.db")
        with open("c.csv", "w") as file:
            file.write(str(base.execute("SELECT sum(n) FROM t").fetchall()))
        base.close()
        """,
        expected=edges("a.csv -> b.db, a.csv -> c.csv, b.db -> c.csv"),
    ),
)
