"""The demo: real data, ordinary scripts, and answers."""

import os
import subprocess
import sys
import time

import pytest

DEMO = [sys.executable, "-m", "provfs", "demo"]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Run the demo once; return its folder, its output and how long it took."""
    for name in ("pandas", "pyarrow", "sklearn"):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("demo") / "folder"
    began = time.monotonic()
    finished = subprocess.run(
        [*DEMO, "--into", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "100"},
        timeout=170,
    )
    assert finished.returncode == 0, finished.stderr
    return folder, finished.stdout, time.monotonic() - began


def test_demo_shows_what_made_the_model(shown):
    """The tree leads from the model over the clean table to the raw data, with code."""
    _, out, _ = shown

    tree = out.partition("$ provfs upstream model.joblib\n")[2].partition("\n\nThe same")[0]
    names = ["model.joblib@1", "clean.parquet@1", "raw.csv@1", "params.json@1"]
    assert sorted(names, key=tree.index) == names
    assert "same-process" in tree
    assert "train.py" in tree.partition("\n\n")[2]


def test_demo_gives_the_same_answer_in_sql(shown):
    """The statement that is shown names the same three inputs."""
    _, out, _ = shown

    answer = out.partition("ORDER BY u.depth")[2].partition("Now one row")[0]
    for name in ("clean.parquet@1", "params.json@1", "raw.csv@1"):
        assert name in answer


def test_demo_shows_two_versions_what_differs_and_what_is_stale(shown):
    """After one changed row there are two versions, a difference and a stale report."""
    _, out, _ = shown

    second = out.partition("Two versions of each")[2]
    for name in ("raw.csv", "clean.parquet", "model.joblib"):
        rows = second.partition(f"$ provfs history {name}\n")[2].splitlines()
        assert any(row.startswith("@2") for row in rows[:4])
    assert "model.joblib@1  →  model.joblib@2" in second
    stale = second.partition("Which output is stale")[2]
    assert "report.md" in stale


def test_demo_is_quick(shown):
    """The whole story takes less than a minute."""
    assert shown[2] < 60


def test_demo_fits_a_terminal(shown):
    """No line is longer than the terminal is wide."""
    folder, out, _ = shown

    assert max(len(line) for line in out.splitlines() if str(folder) not in line) <= 100


def test_scripts_say_nothing_about_provfs(shown):
    """The pipeline is made of ordinary scripts."""
    folder, _, _ = shown

    for script in folder.glob("*.py"):
        assert "prov" not in script.read_text().lower()


def test_last_commands_work_when_pasted(shown):
    """What is proposed at the end can be pasted into a shell."""
    _, out, _ = shown
    commands = out.partition("Try next:\n")[2]

    finished = subprocess.run(
        ["bash", "-e", "-O", "expand_aliases"],
        input=commands,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )

    assert finished.returncode == 0, finished.stderr
    assert "report.md written" in finished.stdout


def test_folder_that_is_not_empty_is_refused(tmp_path):
    """Nothing of the user's is written over."""
    (tmp_path / "mine").write_text("kept")
    finished = subprocess.run(
        [*DEMO, "--into", str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert finished.returncode == 2
    assert "not empty" in finished.stderr
    assert os.listdir(tmp_path) == ["mine"]


def test_missing_packages_are_one_message(tmp_path):
    """Without what the scripts need there is one message with the command to type."""
    code = (
        "import sys\nsys.modules['pandas'] = None\nfrom provfs.cli.main import main\n"
        f"sys.exit(main(['demo', '--into', {str(tmp_path / 'x')!r}]))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert finished.returncode == 2
    assert "pip install 'provfs[demo]'" in finished.stderr
    assert "Traceback" not in finished.stderr
