"""`provfs-agent once` finds out what changed while nobody watched."""

import json
import os
import subprocess
import sys
import time

import pytest

from provfs import digest
from provfs.config import Settings
from provfs.log import store
from provfs.model import uri_of_path
from provfs_agent.cli import main
from provfs_agent.service.only_one import only_agent
from provfs_agent.service.status import write_status

CURRENT = "SELECT uri, digest FROM versions WHERE ended_at IS NULL"


@pytest.fixture
def look(home, work):
    """Return a function that looks at the working directory once."""

    def run(*arguments):
        return main(["once", str(work), *arguments])

    return run


@pytest.fixture
def ask(home):
    """Return a function that asks the log."""

    def run(statement):
        with store.reader(Settings(home).log_path) as connection:
            return connection.execute(statement).fetchall()

    return run


def _on_disk(directory):
    found = {}
    for parent, folders, names in os.walk(os.fsencode(directory)):
        folders[:] = [name for name in folders if name != b".git"]
        for name in names:
            path = os.path.join(parent, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    found[uri_of_path(os.fsdecode(path))] = str(digest.digest_of_bytes(file.read()))
    return found


def test_log_and_disk_agree_after_each_look(look, ask, work, capsys):
    """New, changed, touched, moved and removed files, and moved directories, are all found."""
    (work / "deep" / "er").mkdir(parents=True)
    (work / "changed").write_text("one")
    (work / "moved").write_text("two")
    (work / "removed").write_text("three")
    (work / "touched").write_text("four")
    (work / "deep" / "er" / "inside").write_text("five")
    (work / "empty").touch()
    assert look() == 0
    assert dict(ask(CURRENT)) == _on_disk(work)

    (work / "changed").write_text("changed")
    (work / "moved").rename(work / "deep" / "moved")
    (work / "removed").unlink()
    os.utime(work / "touched", (1, 1))
    (work / "deep").rename(work / "other")
    (work / "new").write_text("new")
    assert look() == 0
    assert dict(ask(CURRENT)) == _on_disk(work)
    moved = ask("SELECT input_uri, output_uri FROM edges WHERE rule = 'rename' ORDER BY 1")
    assert moved == [
        (uri_of_path(f"{work}/deep/er/inside"), uri_of_path(f"{work}/other/er/inside")),
        (uri_of_path(f"{work}/moved"), uri_of_path(f"{work}/other/moved")),
    ]
    assert ask("SELECT count(*) FROM versions WHERE uri LIKE '%touched'") == [(1,)]


def test_second_look_at_an_unchanged_tree_reads_and_tells_nothing(look, ask, work, capsys):
    """Equal fingerprints are equal files: no file is hashed twice, no change is told twice."""
    for number in range(20):
        (work / f"file{number}").write_text(str(number))
    look()
    capsys.readouterr()

    look("--json")

    facts = json.loads(capsys.readouterr().out)
    assert facts["hashed_files"] == 0
    assert ask("SELECT count(*) FROM versions") == [(20,)]
    assert ask("SELECT count(*) FROM changes") == [(20,)]


def test_strange_files_do_no_harm(look, ask, work, capsys):
    """Names that are not UTF-8, links, pipes, sparse files and files of tools are all met."""
    strange = os.fsencode(work) + b"/caf\xe9 %41\n"
    with open(strange, "wb") as file:
        file.write(b"content")
    (work / "link").symlink_to(work / "nowhere")
    os.mkfifo(work / "pipe")
    os.link(strange, work / "hard")
    with (work / "sparse").open("wb") as file:
        file.truncate(20 << 20)
    (work / ".git").mkdir()
    (work / ".git" / "index").write_text("state of a tool")

    assert look() == 0

    assert dict(ask(CURRENT)) == _on_disk(work)
    assert len(_on_disk(work)) == 3


def test_loss_of_the_index_makes_no_second_versions(look, ask, home, work, capsys):
    """The index can be deleted: files are hashed again and turn out to be what they were."""
    (work / "a").write_text("one")
    look()
    for path in home.glob("agent.index*"):
        path.unlink()

    assert look() == 0

    assert ask("SELECT count(*) FROM versions") == [(1,)]
    assert ask("SELECT count(*) FROM changes") == [(1,)]


@pytest.mark.parametrize("content", [b"not a database" * 999, b""])
def test_index_that_cannot_be_used_is_made_anew(look, ask, home, work, content, capsys):
    """A file that a full disk or a foreign hand has spoilt is thrown away."""
    (work / "a").write_text("one")
    look()
    for path in home.glob("agent.index*"):
        path.unlink()
    (home / "agent.index").write_bytes(content)

    assert look() == 0
    assert ask("SELECT count(*) FROM versions") == [(1,)]


def test_time_without_a_watcher_is_a_gap(look, ask, home, work, monkeypatch, capsys):
    """What happened to a root between two looks may be more than what is found."""
    (work / "a").write_text("one")
    look()
    monkeypatch.setattr("provfs_agent.service.agent._SHORT_S", -1.0)

    look()

    ((kind, detail),) = ask("SELECT kind, detail FROM gaps")
    assert kind == "unwatched"
    assert detail.startswith(f"{work} from 20")


def test_second_agent_says_who_the_first_is(home, work, capsys):
    """Two agents would tell everything twice."""
    home.mkdir()
    with only_agent(home, [str(work)]):
        code = main(["once", str(work)])

    assert code == 12
    message = capsys.readouterr().err
    assert f"process {os.getpid()}" in message
    assert str(work) in message


def test_status_that_is_not_written_any_more_is_a_problem(home, work, capsys):
    """What an agent said last is not how it is: on a full disk it cannot say anything."""
    home.mkdir()
    facts = {"pid": os.getpid(), "roots": [], "problems": []}
    with only_agent(home, [str(work)]):
        write_status(home, {**facts, "at": time.time() - 1})
        assert main(["status", "--json"]) == 0
        capsys.readouterr()
        write_status(home, {**facts, "at": time.time() - 100})

        assert main(["status", "--json"]) == 1

    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert "no status for 100 s" in problem


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["once"], 2, "nothing to watch"),
        (["once", "/"], 2, "cannot be watched as a whole"),
        (["once", "/nowhere/at/all"], 1, "not there"),
        (["once", "--bad"], 2, "No such option"),
    ],
)
def test_wrong_use_is_one_message_with_the_next_step(home, arguments, code, words, capsys):
    """What cannot be looked at is refused, with the exit code of the table."""
    assert main(arguments) == code

    message = capsys.readouterr().err
    assert words in message
    assert "  next: " in message


def test_status_without_an_agent(home, work, look, capsys):
    """Nobody runs: that has an exit code of its own."""
    look()
    capsys.readouterr()

    assert main(["status", "--json"]) == 13

    assert json.loads(capsys.readouterr().out)["running"] is False


def test_configuration_names_what_to_look_at(home, work, ask, capsys):
    """Without arguments the paths of config.toml count."""
    home.mkdir()
    (home / "config.toml").write_text(f'[agent]\nwatch = ["{work}"]\n[scope]\nexclude = ["*.log"]')
    (work / "a").write_text("one")
    (work / "b.log").write_text("two")

    assert main(["once"]) == 0

    assert [uri for uri, _ in ask(CURRENT)] == [uri_of_path(f"{work}/a")]


def test_command_is_there(tmp_path):
    """The command that the package installs starts and shows its help."""
    finished = subprocess.run(
        [sys.executable, "-c", "from provfs_agent.cli import main; raise SystemExit(main())"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 2
    assert "once" in finished.stdout
