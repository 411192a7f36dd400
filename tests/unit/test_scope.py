"""Scope and kinds: which files count, as what, and why."""

from __future__ import annotations

import sys

import pytest

from provfs.scope import KINDS, KindRules, Scope


@pytest.mark.parametrize(
    "uri",
    [
        "file:///proc/self/stat",
        "file:///usr/share/zoneinfo/UTC",
        "file:///etc/hosts",
        f"file://{sys.prefix}/lib/x.txt",
        "file:///home/a/venv/lib/python3.11/site-packages/pkg/data.csv",
        "file:///home/a/project/train.py",
        "file:///home/a/project/lib.so.1.2",
        "file:///home/a/project/.git/index",
        "file:///home/a/project/pkg.egg-info/entry_points.txt",
        "file:///home/a/project/__pycache__/x.bin",
        "file:///home/a/.cache/pip/x.bin",
    ],
)
def test_scope_leaves_out_system_code_and_tool_state(uri):
    """What programs read to be programs is no data."""
    decision = Scope().decide(uri)

    assert not decision.captured
    assert decision.reason


@pytest.mark.parametrize(
    "uri",
    [
        "file:///tmp/data.csv",
        "file:///home/a/project/data/raw.parquet",
        "file:///home/a/.cache/huggingface/hub/blobs/0123",
        "s3://bucket/usr/data.csv",
        "file:///home/a/model.pth",
        "file:///home/a/results.h5",
        "file:///home/a/usr/data.bin",
        "memory:///x",
    ],
)
def test_scope_takes_everything_else(uri):
    """Every other file is data until somebody says otherwise."""
    assert Scope().decide(uri).captured


def test_scope_include_wins_over_exclude_and_both_over_the_built_in_rules():
    """The user's patterns decide first, and the reason names them."""
    scope = Scope(include=("*/site-packages/pkg/*.csv", "keep.tmp"), exclude=("*.tmp", "scratch/"))

    assert scope.decide("file:///v/site-packages/pkg/a.csv").captured
    assert scope.decide("file:///w/keep.tmp").reason == "included by 'keep.tmp'"
    assert scope.decide("file:///w/a.tmp").reason == "excluded by '*.tmp'"
    assert not scope.decide("file:///w/scratch/a.csv").captured


def test_scope_never_takes_the_home_itself():
    """The log and the journals are not data, whatever is included."""
    scope = Scope(include=("*",), home="/w/.store")

    assert not scope.decide("file:///w/.store/lineage.duckdb").captured
    assert scope.decide("file:///w/.store2/x").captured


def test_scope_answers_stay_the_same_when_its_memory_is_full():
    """Forgetting earlier answers changes none."""
    scope = Scope()

    first = [scope.decide(f"file:///data/{number}.csv") for number in range(20_000)]

    assert all(decision.captured for decision in first)
    assert scope.decide("file:///data/0.csv") == first[0]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("raw.csv", "dataset"),
        ("part-0.parquet", "dataset"),
        ("events.jsonl.gz", "dataset"),
        ("array.npy", "dataset"),
        ("store.zarr/c/0/0", "dataset"),
        ("photo.JPG", "dataset"),
        ("model.pt", "model"),
        ("final.safetensors", "model"),
        ("pytorch_model.bin", "model"),
        ("model.joblib", "model"),
        ("metrics.json", "metrics"),
        ("eval_results.json", "metrics"),
        ("logs/events.out.tfevents.123", "metrics"),
        ("params.yaml", "config"),
        ("config.json", "config"),
        ("train.toml", "config"),
        ("report.md", "other"),
        ("noextension", "other"),
    ],
)
def test_kind_of_follows_the_name(name, kind):
    """Kinds come from names alone."""
    assert KindRules().kind_of(f"file:///w/{name}") == kind
    assert kind in KINDS


def test_kind_of_prefers_the_users_patterns():
    """A pattern of the configuration wins over the built-in ones."""
    rules = KindRules((("*.csv", "metrics"), ("labels/*", "config")))

    assert rules.kind_of("file:///w/a.csv") == "metrics"
    assert rules.kind_of("s3://b/labels/x.json") == "config"
