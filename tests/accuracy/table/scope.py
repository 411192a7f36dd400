"""Cases 13 to 16: looking without reading, code, several jobs in one process, very many files.

Case 15 has two halves. Now: the true edges of jobs in threads carry 1.0, the cross edges 0.9. With
the borders of a framework known (cells), the cross edges disappear from the default view.
"""

from __future__ import annotations

from dataclasses import replace

from tests.accuracy.cases import Case, edges, python, source

DATASET_COUNT = 1_000
"""Files of the dataset of case 16; the table says 100,000."""

_LOOKING = {
    "os": """
        import glob
        import os

        assert os.path.exists("a.csv") and os.path.isfile("a.csv")
        assert os.stat("a.csv").st_size == os.path.getsize("a.csv")
        assert glob.glob("*.csv") and list(os.walk(".")) and os.access("a.csv", os.R_OK)
        names = [entry.name for entry in os.scandir(".") if entry.is_file()] + os.listdir(".")
        """,
    "pathlib": """
        from pathlib import Path

        assert Path("a.csv").exists() and Path("a.csv").stat().st_size
        names = [path.name for path in Path().rglob("*.csv")] + [str(Path("a.csv").resolve())]
        """,
    "fsspec": """
        import os
        import fsspec

        fs = fsspec.filesystem("file")
        path = os.path.abspath("a.csv")
        assert fs.exists(path) and fs.isfile(path) and fs.info(path)["size"] == fs.size(path)
        assert fs.glob(os.path.abspath("*.csv")) and fs.find(os.getcwd()) and fs.modified(path)
        names = fs.ls(os.getcwd(), detail=False)
        """,
    "prov-url": """
        import os
        import fsspec

        fs, path = fsspec.url_to_fs("prov::file://" + os.path.abspath("a.csv"))
        assert fs.exists(path) and fs.isfile(path) and fs.info(path)["size"] == 4
        names = fs.ls(os.path.dirname(path), detail=False)
        """,
}
_LOOKED_ON = [
    Case(
        13,
        variant,
        "glob, stat, exists and ls only, then something is written: no edge, and A is no artifact",
        steps=(python("main.py"),),
        programs={
            "main.py": source(
                body, 'with open("x.out", "w") as out:\n    out.write("\\n".join(names))'
            )
        },
        files={"a.csv": "1,2\n"},
        alone=frozenset({"x.out"}),
        absent=frozenset({"a.csv"}),
    )
    for variant, body in _LOOKING.items()
]

_CODE_AND_SYSTEM = Case(
    14,
    "imports",
    "modules, code, locale, time zones, /proc and /etc are read, and A",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            """
            import locale
            import json
            import xml.dom.minidom
            import zoneinfo

            import helper

            locale.setlocale(locale.LC_ALL, "C")
            zoneinfo.available_timezones()
            for name in ("/proc/self/status", "/etc/passwd", json.__file__, "helper.py"):
                with open(name, "rb") as file:
                    file.read()
            with open("a.csv") as file, open("x.csv", "w") as out:
                out.write(helper.changed(file.read()))
            """
        ),
        "helper.py": 'def changed(text):\n    return "x of " + text\n',
    },
    files={"a.csv": "1,2\n"},
    expected=edges("a.csv -> x.csv"),
)

_LIBRARIES = Case(
    14,
    "libraries",
    "big libraries are imported and used: their own files are no inputs",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            """
            import numpy
            import pandas

            frame = pandas.read_csv("a.csv")
            frame["sum"] = numpy.add(frame["p"], frame["q"])
            frame.to_csv("x.csv", index=False)
            """
        )
    },
    files={"a.csv": "p,q\n1,2\n"},
    expected=edges("a.csv -> x.csv"),
    needs=("numpy", "pandas"),
)

_JOBS_IN_THREADS = Case(
    15,
    "threads",
    "three jobs in three threads at once: true edges 1.0, cross edges 0.9",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            """
            import threading

            everyone_has_read = threading.Barrier(3)

            def job(number):
                with open(f"in{number}.csv") as file:
                    text = file.read()
                everyone_has_read.wait()
                with open(f"out{number}.csv", "w") as out:
                    out.write(f"job {number} of " + text)

            threads = [threading.Thread(target=job, args=(number,)) for number in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            """
        )
    },
    files={f"in{number}.csv": f"{number}\n" for number in range(3)},
    expected=edges(", ".join(f"in{n}.csv -> out{n}.csv" for n in range(3)))
    | edges(
        ", ".join(f"in{i}.csv -> out{o}.csv" for i in range(3) for o in range(3) if i != o),
        confidence=0.9,
    ),
)

_JOBS_IN_CELLS = Case(
    15,
    "cells",
    "three jobs in three cells of one kernel: the cross edges are not shown",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            """
            from IPython.core.interactiveshell import InteractiveShell

            shell = InteractiveShell.instance()
            for number in range(3):
                shell.run_cell(
                    f"text = open('in{number}.csv').read()\\n"
                    f"with open('out{number}.csv', 'w') as out:\\n"
                    f"    out.write('job {number} of ' + text)",
                    store_history=True,
                ).raise_error()
            """
        )
    },
    files={f"in{number}.csv": f"{number}\n" for number in range(3)},
    expected=edges(", ".join(f"in{n}.csv -> out{n}.csv" for n in range(3))),
    needs=("IPython",),
)

_CELLS_THAT_SHARE = Case(
    15,
    "cells-that-share",
    "a notebook whose cells hand data on by name, beside a job that does not",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            """
            from IPython.core.interactiveshell import InteractiveShell

            shell = InteractiveShell.instance()
            for cell in (
                "rows = [open('in0.csv').read()]",
                "text = open('in1.csv').read()\\n"
                "with open('out1.csv', 'w') as out: out.write('job of ' + text)",
                "def put(x): rows.append(x)\\nput(open('in2.csv').read())",
                "with open('model.bin', 'w') as out: out.write(repr(rows))",
            ):
                shell.run_cell(cell, store_history=True).raise_error()
            """
        )
    },
    files={f"in{number}.csv": f"{number}\n" for number in range(3)},
    expected=edges("in1.csv -> out1.csv")
    | edges("in0.csv -> model.bin, in2.csv -> model.bin", confidence=0.9),
    needs=("IPython",),
)

_DATASET = {f"data/{number:04d}.csv": f"row {number}\n" for number in range(DATASET_COUNT)}
_READ_DATASET = {
    "main.py": source(
        """
        import os

        total = 0
        for name in sorted(os.listdir("data")):
            with open(os.path.join("data", name)) as file:
                total += len(file.read())
        with open("model.bin", "w") as out:
            out.write(f"model of {total} characters")
        """
    )
}
_DATASET_QUERYABLE = Case(
    16,
    "queryable",
    "every file of a large dataset is an input that can be queried",
    steps=(python("main.py"),),
    programs=_READ_DATASET,
    files=_DATASET,
    expected=edges(", ".join(f"{name} -> model.bin" for name in _DATASET)),
)
_DATASET_COLLAPSED = Case(
    16,
    "collapsed",
    "a large dataset is one collapsed input where people read it",
    steps=(python("main.py"),),
    programs=_READ_DATASET,
    files=_DATASET,
    expected=edges(", ".join(f"{name} -> model.bin" for name in _DATASET)),
    collapsed="model.bin",
)
_DATASET_DIGEST = replace(
    _DATASET_COLLAPSED,
    variant="tree-digest",
    title="the collapsed input carries a digest of the whole directory",
    collapsed_as=r"data/.*\b[0-9a-f]{12}",
)

CASES = (
    *_LOOKED_ON,
    _CODE_AND_SYSTEM,
    _LIBRARIES,
    _JOBS_IN_THREADS,
    _JOBS_IN_CELLS,
    _CELLS_THAT_SHARE,
    _DATASET_QUERYABLE,
    _DATASET_COLLAPSED,
    _DATASET_DIGEST,
)
