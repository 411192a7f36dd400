"""Cases 8 to 10: parents, children and pipes.

Case 8 also has `params.yaml -> report.md`: the driver read the one before it wrote the other,
which is case 1 within the driver. The table lists only what crosses programs.
"""

from __future__ import annotations

from tests.accuracy.cases import Case, Step, edges, python, source

_TRAIN = source(
    """
    with open("d.csv") as data, open("m.bin", "w") as model:
        model.write("model of " + data.read())
    """
)


def _driver_case(variant: str, call: str, title: str = "", *, child: bool = True) -> Case:
    expected = edges("d.csv -> m.bin, params.yaml -> report.md")
    expected |= edges("params.yaml -> m.bin", "parent")
    if child:
        expected |= edges("d.csv -> report.md", "child")
    driver = f"""
        import os
        import subprocess
        import sys

        with open("params.yaml") as file:
            params = file.read()
        {call}
        with open("report.md", "w") as out:
            out.write("# Report\\n" + params)
        """
    return Case(
        8,
        variant,
        title or "a driver reads params, runs train.py (D to M), then writes a report",
        steps=(python("driver.py"),),
        programs={"driver.py": source(driver), "train.py": _TRAIN},
        files={"params.yaml": "depth: 3\n", "d.csv": "1,2\n"},
        expected=expected,
    )


_DRIVERS = [
    _driver_case("list", 'subprocess.run([sys.executable, "train.py"], check=True)'),
    _driver_case("shell", 'subprocess.run(f"{sys.executable} train.py", shell=True, check=True)'),
    _driver_case(
        "shell-between",
        'subprocess.run(f"true; {sys.executable} train.py; true", shell=True, check=True)',
        "the same, with a shell that stays between driver and child",
    ),
    _driver_case("system", 'os.system(f"{sys.executable} train.py")'),
    _driver_case("popen", 'subprocess.Popen([sys.executable, "train.py"]).wait()'),
    _driver_case("check-output", 'subprocess.check_output([sys.executable, "train.py"])'),
    _driver_case("module", 'subprocess.run([sys.executable, "-m", "train"], check=True)'),
    _driver_case(
        "spawn",
        "os.spawnv(os.P_WAIT, sys.executable, [sys.executable, 'train.py'])",
    ),
]

_NOT_AWAITED = Case(
    8,
    "not-awaited",
    "the driver writes its report before it waits: nothing of the child is in it",
    steps=(python("driver.py"),),
    programs={
        "driver.py": source(
            """
            import subprocess
            import sys

            with open("params.yaml") as file:
                params = file.read()
            child = subprocess.Popen([sys.executable, "train.py"])
            with open("report.md", "w") as out:
                out.write("# Report\\n" + params)
            child.wait()
            """
        ),
        "train.py": _TRAIN,
    },
    files={"params.yaml": "depth: 3\n", "d.csv": "1,2\n"},
    expected=edges("d.csv -> m.bin, params.yaml -> report.md")
    | edges("params.yaml -> m.bin", "parent"),
)

_READ_TOO_LATE = Case(
    8,
    "read-too-late",
    "the driver reads params only after the child has ended: they are not in the model",
    steps=(python("driver.py"),),
    programs={
        "driver.py": source(
            """
            import subprocess
            import sys

            subprocess.run([sys.executable, "train.py"], check=True)
            with open("params.yaml") as file, open("report.md", "w") as out:
                out.write("# Report\\n" + file.read())
            """
        ),
        "train.py": _TRAIN,
    },
    files={"params.yaml": "depth: 3\n", "d.csv": "1,2\n"},
    expected=edges("d.csv -> m.bin, params.yaml -> report.md")
    | edges("d.csv -> report.md", "child"),
)

_GRANDCHILD = Case(
    8,
    "grandchild",
    "the driver runs stage.py, which runs train.py: parent and child hold at any depth",
    steps=(python("driver.py"),),
    programs={
        "driver.py": source(
            """
            import subprocess
            import sys

            with open("params.yaml") as file:
                params = file.read()
            subprocess.run([sys.executable, "stage.py"], check=True)
            with open("report.md", "w") as out:
                out.write("# Report\\n" + params)
            """
        ),
        "stage.py": source(
            """
            import subprocess
            import sys

            subprocess.run([sys.executable, "train.py"], check=True)
            """
        ),
        "train.py": _TRAIN,
    },
    files={"params.yaml": "depth: 3\n", "d.csv": "1,2\n"},
    expected=edges("d.csv -> m.bin, params.yaml -> report.md")
    | edges("params.yaml -> m.bin", "parent")
    | edges("d.csv -> report.md", "child"),
)

_STEPS = {
    f"step{number}.py": source(
        f"""
        with open("{name}.csv") as file:
            text = file.read()
        with open("{out}.csv", "w") as target:
            target.write("{out} of " + text)
        """
    )
    for number, (name, out) in enumerate([("a", "b"), ("c", "d"), ("b", "d")], start=1)
}
_STEP_FILES = {"a.csv": "1,2\n", "c.csv": "3,4\n"}
_PIPELINES = [
    Case(
        9,
        variant,
        "a driver runs step1 (A to B) and step2 (C to D), reading and writing nothing: not A to D",
        steps=(step,),
        programs={**_STEPS, "driver.py": source("import os, subprocess, sys", body)},
        files=_STEP_FILES,
        expected=edges("a.csv -> b.csv, c.csv -> d.csv"),
    )
    for variant, step, body in (
        (
            "list",
            python("driver.py"),
            """
            for step in ("step1.py", "step2.py"):
                subprocess.run([sys.executable, step], check=True)
            """,
        ),
        (
            "shell",
            python("driver.py"),
            """
            for step in ("step1.py", "step2.py"):
                subprocess.run(f"{sys.executable} {step}", shell=True, check=True)
            """,
        ),
        (
            "one-shell",
            python("driver.py"),
            """
            both = f"{sys.executable} step1.py && {sys.executable} step2.py"
            subprocess.run(both, shell=True, check=True)
            """,
        ),
        ("shell-driver", Step(("sh", "-c", "{python} step1.py && {python} step2.py")), ""),
        (
            "parallel",
            python("driver.py"),
            """
            running = [subprocess.Popen([sys.executable, f"step{n}.py"]) for n in (1, 2)]
            for step in running:
                step.wait()
            """,
        ),
    )
]

_CHAIN = Case(
    9,
    "chain",
    "step1 (A to B), then step3 (B to D): two edges, and A to D only by walking",
    steps=(Step(("sh", "-c", "{python} step1.py && {python} step3.py")),),
    programs=_STEPS,
    files={"a.csv": "1,2\n"},
    expected=edges("a.csv -> b.csv, b.csv -> d.csv"),
)

_PIPE = Case(
    10,
    "cat",
    "cat A | python f.py > B",
    steps=(Step(("sh", "-c", "cat a.csv | {python} f.py > b.csv")),),
    programs={"f.py": source("import sys", 'sys.stdout.write("b of " + sys.stdin.read())')},
    files={"a.csv": "1,2\n"},
    expected=edges("a.csv -> b.csv", "pipe"),
)

CASES = (
    *_DRIVERS,
    _NOT_AWAITED,
    _READ_TOO_LATE,
    _GRANDCHILD,
    *_PIPELINES,
    _CHAIN,
    _PIPE,
)
