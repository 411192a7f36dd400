"""Libraries on S3, spoken by a server of the tests, with options for the storage."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def remote(client, s3_options):
    """Return a function that runs a program which has `s3`, wrapped, and `options`."""
    prepare = 's3 = provfs.wrap(fsspec.filesystem("s3", **options))\n'
    return lambda program, capture=False: client(
        prepare + program, capture, S3_OPTIONS=json.dumps(s3_options)
    )


@pytest.mark.parametrize("capture", [False, True])
def test_pandas_with_storage_options(remote, needs, capture):
    """Tables as text and as Parquet, to and from an object store."""
    needs("pandas", "pyarrow")

    found = remote(
        """
import pandas as pd
known = {"storage_options": {"s3": options}}
base = "prov::s3://data/pandas"
pd.DataFrame({"x": range(5)}).to_csv(base + "/a.csv", index=False, **known)
frame = pd.read_csv(base + "/a.csv", **known)
frame.to_parquet(base + "/b.parquet", **known)
back = pd.read_parquet(base + "/b.parquet", **known)
back.to_json("c.json")
with local.open("d.txt", "w") as f:
    f.write(str(len(back)))
""",
        capture,
    )

    base = "s3://data/pandas"
    assert {(f"{base}/a.csv", f"{base}/b.parquet"), (f"{base}/b.parquet", "d.txt")} <= found.edges
    assert (f"{base}/b.parquet", f"{base}/a.csv") not in found.edges
    assert found.writes[f"{base}/a.csv"] == found.writes[f"{base}/b.parquet"] == 1
    assert found.reads[f"{base}/a.csv"] == 1
    assert found.lost == 0


def test_xarray_on_zarr(remote, needs):
    """Chunks that are written and read by the asynchronous methods."""
    needs("xarray", "zarr")

    found = remote(
        """
import xarray as xr
url = "prov::s3://data/xarray.zarr"
known = {"storage_options": {"s3": options}}
xr.Dataset({"v": ("t", [1.0, 2.0, 3.0])}).to_zarr(url, mode="w", consolidated=False, **known)
mean = float(xr.open_zarr(url, consolidated=False, **known)["v"].mean())
with local.open("mean.txt", "w") as f:
    f.write(str(mean))
"""
    )

    chunk = "s3://data/xarray.zarr/v/c/0"
    assert found.writes[chunk] == 1
    assert (chunk, "mean.txt") in found.edges
    assert found.lost == 0


def test_dask_workers_with_a_wrapped_filesystem(remote, needs):
    """The filesystem travels to processes, whose journals join the log."""
    needs("dask", "pandas", "pyarrow")

    found = remote(
        """
import dask
import dask.dataframe as dd
import pandas as pd
for n in range(3):
    s3.pipe_file(f"data/dask/in{n}.csv", b"x\\n1\\n2\\n")
dask.config.set(scheduler="processes", num_workers=2)
frame = dd.read_csv("prov::s3://data/dask/in*.csv", storage_options={"s3": options})
frame.to_parquet("prov::s3://data/dask/out", storage_options={"s3": options})
"""
    )

    inputs = {f"s3://data/dask/in{n}.csv" for n in range(3)}
    outputs = {name for name in found.writes if name.endswith(".parquet")}
    assert inputs <= set(found.reads)
    assert len(outputs) == 3
    assert {output for _, output in found.edges} >= outputs
    assert found.lost == 0


def test_a_streaming_copy(remote):
    """Pieces from one storage to the other, as libraries that stream do it."""
    found = remote(
        """
import shutil
s3.pipe_file("data/stream.bin", bytes(3_000_000))
with s3.open("data/stream.bin", "rb") as f, local.open("down.bin", "wb") as g:
    shutil.copyfileobj(f, g, 1 << 16)
with local.open("down.bin", "rb") as f, s3.open("data/up.bin", "wb", block_size=5 << 20) as g:
    while piece := f.read(100_000):
        g.write(piece)
"""
    )

    assert {("s3://data/stream.bin", "down.bin"), ("down.bin", "s3://data/up.bin")} <= found.edges
    assert found.reads == {"s3://data/stream.bin": 1, "down.bin": 1}
    assert set(found.writes.values()) == {1}
    assert found.wrong == []


def test_datasets_on_an_object_store(remote, needs):
    """`save_to_disk` and `load_from_disk` of Hugging Face's datasets."""
    needs("datasets")

    found = remote(
        """
os.environ["HF_HUB_OFFLINE"] = "1"
from datasets import Dataset, load_from_disk
known = {"storage_options": {"s3": options}}
Dataset.from_dict({"x": [1, 2, 3]}).save_to_disk("prov::s3://data/hub", **known)
back = load_from_disk("prov::s3://data/hub", **known)
with local.open("sum.txt", "w") as f:
    f.write(str(sum(back["x"])))
"""
    )

    data = "s3://data/hub/data-00000-of-00001.arrow"
    assert found.writes[data] == 1
    assert (data, "sum.txt") in found.edges
    assert found.lost == 0
