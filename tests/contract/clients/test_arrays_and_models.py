"""Libraries of arrays, datasets and models: zarr, xarray, datasets, joblib, torch, pathlib."""

from __future__ import annotations

import pytest


def test_zarr_v3_on_a_wrapped_filesystem(client, needs):
    """Each chunk is an object of its own; an array leads to the file that was made from it."""
    needs("zarr")

    found = client(
        """
        import os
        import zarr
        from zarr.storage import FsspecStore
        store = FsspecStore.from_url("prov::memory://array")
        array = zarr.create_array(store, shape=(4,), chunks=(2,), dtype="i4")
        array[:] = 7
        total = int(zarr.open_array(store, mode="r")[:].sum())
        with local.open("total.txt", "w") as f:
            f.write(str(total))
        """
    )

    chunks = {uri for uri in found.writes if "/c/" in uri}
    assert len(chunks) == 2
    assert chunks <= set(found.reads)
    assert {(chunk, "total.txt") for chunk in chunks} <= found.edges
    assert all(found.writes[chunk] == 1 for chunk in chunks)


def test_xarray_over_a_handle(client, needs):
    """A NetCDF file that is read through a handle of the filesystem."""
    needs("xarray", "h5netcdf")

    found = client(
        """
        import xarray as xr
        xr.Dataset({"v": ("t", [1.0, 2.0])}).to_netcdf("a.nc", engine="h5netcdf")
        with local.open("a.nc", "rb") as f:
            mean = float(xr.open_dataset(f, engine="h5netcdf")["v"].mean())
        with local.open("mean.txt", "w") as f:
            f.write(str(mean))
        """
    )

    assert set(found.reads) == {"a.nc"}
    assert found.edges == {("a.nc", "mean.txt")}
    assert found.wrong == []


def test_datasets_on_a_memory_filesystem(client, needs):
    """`save_to_disk` and `load_from_disk` with `storage_options`."""
    needs("datasets")

    found = client(
        """
        import os
        os.environ["HF_HUB_OFFLINE"] = "1"
        from datasets import Dataset, load_from_disk
        url = "prov::memory://saved"
        Dataset.from_dict({"x": [1, 2, 3]}).save_to_disk(url)
        back = load_from_disk(url)
        with local.open("sum.txt", "w") as f:
            f.write(str(sum(back["x"])))
        """,
        capture=True,
    )

    data = "memory:///saved/data-00000-of-00001.arrow"
    assert data in found.writes
    assert (data, "sum.txt") in found.edges
    assert found.wrong == []


def test_joblib_through_handles(client, needs):
    """A model that was dumped to a handle and loaded from one."""
    needs("joblib")

    found = client(
        """
        import joblib
        with local.open("model.joblib", "wb") as f:
            joblib.dump({"weights": list(range(1000))}, f)
        with local.open("model.joblib", "rb") as f:
            model = joblib.load(f)
        with local.open("report.txt", "w") as f:
            f.write(str(len(model["weights"])))
        """
    )

    assert found.reads == {"model.joblib": 1}
    assert found.writes == {"model.joblib": 1, "report.txt": 1}
    assert found.edges == {("model.joblib", "report.txt")}


def test_universal_pathlib(client, needs):
    """Paths on the protocol `prov`."""
    needs("upath")

    found = client(
        """
        from upath import UPath
        source = UPath("prov::memory://a.txt")
        source.write_text("content")
        UPath("prov::memory://b.txt").write_bytes(source.read_bytes())
        """
    )

    assert {uri.rpartition("/")[2] for uri in found.reads} == {"a.txt"}
    assert {(a.rpartition("/")[2], b.rpartition("/")[2]) for a, b in found.edges} == {
        ("a.txt", "b.txt")
    }


@pytest.mark.parametrize("capture", [False, True])
def test_a_copy_in_chunks_between_storages(client, capture):
    """`shutil.copyfileobj` from one storage to the other."""
    found = client(
        """
        import shutil
        with memory.open("/a.bin", "wb") as f:
            f.write(bytes(3_000_000))
        with memory.open("/a.bin", "rb") as f, local.open("a.bin", "wb") as g:
            shutil.copyfileobj(f, g, 1 << 16)
        """,
        capture,
    )

    assert found.edges == {("memory:///a.bin", "a.bin")}
    assert found.reads == {"memory:///a.bin": 1}
    assert found.writes == {"memory:///a.bin": 1, "a.bin": 1}
    assert found.wrong == []


def test_scikit_learn_model_from_a_table(client, needs):
    """Train and dump: the data leads to the model."""
    needs("sklearn")

    found = client(
        """
        import pickle
        import pandas as pd
        from sklearn.linear_model import LinearRegression
        with local.open("train.csv", "w") as f:
            f.write("x,y\\n1,2\\n2,4\\n")
        with local.open("train.csv", "rb") as f:
            frame = pd.read_csv(f)
        model = LinearRegression().fit(frame[["x"]], frame["y"])
        with local.open("model.pkl", "wb") as f:
            pickle.dump(model, f)
        """
    )

    assert found.edges == {("train.csv", "model.pkl")}
    assert found.wrong == []
