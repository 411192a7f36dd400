"""Programs that end hard, and secrets that must not leave: in programs of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

from provfs.config import Settings, prepare_home
from provfs.journal import record
from tests.contract.journal import facts_of, whole

PREPARE = """
import json, os, signal, sys
import fsspec, provfs
local = provfs.wrap(fsspec.filesystem("file"))
memory = provfs.wrap(fsspec.filesystem("memory"))
options = json.loads(os.environ.get("S3_OPTIONS", "{}"))
"""
DONE = b"complete"


@pytest.fixture
def job(tmp_path):
    """Return a function that runs a program, and returns its records and all that it left."""
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    prepare_home(Settings(home=home))

    def run(program, status=0, **variables):
        done = subprocess.run(
            [sys.executable, "-c", PREPARE + textwrap.dedent(program)],
            cwd=work,
            env={**os.environ, "PROVFS_HOME": str(home), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == status, done.stderr
        text = b"".join(path.read_bytes() for path in sorted((home / "journal").glob("*.jsonl")))
        return facts_of(
            [record.decode(line) for line in text.splitlines()], [f"file://{work}"]
        ), text

    return run


@pytest.mark.parametrize(
    ("end", "status"),
    [("os._exit(3)", 3), ("os.kill(os.getpid(), signal.SIGKILL)", -9), ("sys.exit(3)", 3)],
)
def test_a_write_that_was_complete_survives_any_end(job, end, status):
    """What was closed is in the journal; what was open is an opening without an end, or a close."""
    facts, _ = job(
        f"""
        local.pipe_file("done", {DONE!r})
        memory.pipe_file("/done", {DONE!r})
        open_one = local.open("open", "wb")
        open_one.write(b"not yet")
        open_other = memory.open("/open", "wb")
        {end}
        """,
        status,
    )

    assert whole("write", "done", DONE) in facts
    assert whole("write", "memory:///done", DONE) in facts
    left = {(fact.what, fact.name) for fact in facts if "open" in fact.name}
    assert left <= {("open", "open"), ("open", "memory:///open"), ("write", "open")}
    assert len(left) == 2


def test_a_forked_worker_that_leaves_hard_has_recorded(job):
    """Fork children run no exit handlers, and lose nothing for that."""
    facts, _ = job(
        f"""
        child = os.fork()
        if not child:
            local.pipe_file("from-child", {DONE!r})
            os._exit(0)
        os.waitpid(child, 0)
        assert local.cat_file("from-child") == {DONE!r}
        """
    )

    assert facts == sorted([whole(w, "from-child", DONE) for w in ("write", "read")], key=str)


def test_secrets_of_options_and_urls_are_in_no_record(job, s3_options):
    """Keys, tokens and signatures stay in the process."""
    secrets = {"key": "AKIASECRETKEY", "secret": "verysecretvalue", "token": "sessiontoken"}

    _, text = job(
        """
        import pickle
        s3 = provfs.wrap(fsspec.filesystem("s3", **options))
        s3.pipe_file("data/secret.bin", b"content")
        assert s3.cat("data/secret.bin") == b"content"
        pickle.loads(pickle.dumps(s3)).info("data/secret.bin")
        try:
            http = provfs.wrap(fsspec.filesystem("http"))
            http.cat_file(
                options["client_kwargs"]["endpoint_url"].replace("http://", "http://user:sesame@")
                + "/data/secret.bin?X-Amz-Signature=signedsecret&sig=othersecret"
            )
        except FileNotFoundError:
            pass
        """,
        S3_OPTIONS=json.dumps(
            {**secrets, "client_kwargs": {"endpoint_url": s3_options["endpoint_url"]}}
        ),
    )

    assert b"s3://data/secret.bin" in text
    assert b"X-Amz-Signature=" in text
    for secret in (*secrets.values(), "signedsecret", "othersecret", "sesame"):
        assert secret.encode() not in text


def test_a_full_or_missing_home_does_no_harm(tmp_path):
    """Where nothing can be recorded, the filesystem works as the bare one."""
    home = tmp_path / "home"
    home.write_text("a file, and no directory")
    program = PREPARE + 'memory.pipe_file("/a", b"1"); assert memory.cat("/a") == b"1"'

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PROVFS_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
