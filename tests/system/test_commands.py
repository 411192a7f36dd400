"""The way from a program to an answer, with real processes."""

import json
import os
import subprocess
import sys

PROVFS = [sys.executable, "-m", "provfs"]
STEP = "open('out.csv', 'w').write(open('in.csv').read() + 'more')"


def _provfs(*words, **options):
    return subprocess.run(
        [*PROVFS, *words], capture_output=True, text=True, check=False, timeout=60, **options
    )


def test_program_to_answer(work):
    """init, run, and a question: the edge is there without a sync."""
    (work / "in.csv").write_text("1")
    assert _provfs("init").returncode == 0
    assert _provfs("run", "--", sys.executable, "-c", STEP).returncode == 0

    answer = _provfs("upstream", "out.csv", "--json")

    (edge,) = json.loads(answer.stdout)["upstream"]
    assert (edge["uri"], edge["rule"], edge["confidence"]) == (
        f"file://{work}/in.csv",
        "same-process",
        1.0,
    )
    assert answer.stderr == ""


def test_question_below_run_leaves_no_trace(home, work):
    """A script under capture may ask; what provfs reads to answer is no artifact."""
    (work / "in.csv").write_text("1")
    ask = f"'{sys.executable}' -m provfs sync && '{sys.executable}' -m provfs status"
    asked = _provfs("run", "--", "sh", "-c", f"'{sys.executable}' -c \"{STEP}\" && {ask}")
    assert asked.returncode == 0, asked.stderr

    known = _provfs("sql", "SELECT uri FROM artifacts ORDER BY uri", "--csv")

    assert known.stdout.split() == ["uri", f"file://{work}/in.csv", f"file://{work}/out.csv"]


def test_output_to_a_pipe_has_no_colour_and_full_width(home, work):
    """What another program reads has no escape codes and is not cut."""
    name = "a" * 150 + ".csv"
    (work / name).write_text("1")
    _provfs("run", "--", sys.executable, "-c", f"open('out.csv', 'w').write(open({name!r}).read())")

    answer = _provfs("upstream", "out.csv", "--flat")

    assert "\x1b" not in answer.stdout
    assert name in answer.stdout


def test_closed_pipe_is_no_traceback(home, work):
    """`provfs ... | head` ends quietly."""
    query = "SELECT range AS number FROM range(200000)"
    _provfs("run", "--", sys.executable, "-c", "pass")
    command = " ".join(f"'{word}'" for word in [*PROVFS, "sql", query])
    result = subprocess.run(
        ["bash", "-c", f"{command} | head -n 1"], capture_output=True, text=True, check=False
    )

    assert result.stdout.strip() == "number"
    assert result.stderr in {"", "200,000 rows\n"}


def test_expected_error_has_message_and_exit_code(home):
    """A question without a log is exit code 10, in two lines on stderr."""
    answer = _provfs("upstream", "x.csv")

    assert answer.returncode == 10
    assert answer.stdout == ""
    assert [line.split(":")[0] for line in answer.stderr.splitlines()] == ["provfs", "  next"]


def test_names_are_shown_relative_to_here(home, work):
    """Files below the working directory are shown by their path from there."""
    (work / "in.csv").write_text("1")
    _provfs("run", "--", sys.executable, "-c", STEP)
    (work / "below").mkdir()

    here = _provfs("upstream", "out.csv")
    below = _provfs("upstream", "../out.csv", cwd=work / "below")

    assert here.stdout.startswith("out.csv@1 ")
    assert below.stdout.startswith(f"{work}/out.csv@1 ")
    assert os.listdir(work / "below") == []
