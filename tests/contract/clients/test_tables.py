"""Libraries of tables: pandas, pyarrow, fastparquet, dask, duckdb, polars."""

from __future__ import annotations

import pytest


def check(found, reads, writes, edges):
    """Hold a lineage against names: all reads, all writes, all edges, and nothing else."""
    assert set(found.reads) == set(reads)
    assert set(found.writes) == set(writes)
    assert found.edges == set(edges)
    assert found.wrong == []
    assert found.lost == 0


@pytest.mark.parametrize("capture", [False, True])
def test_pandas_csv_through_urls(client, needs, capture):
    """`prov::` in a path of pandas."""
    needs("pandas")

    found = client(
        """
        import os
        import pandas as pd
        base = "prov::file://" + os.getcwd()
        pd.DataFrame({"x": range(5)}).to_csv(base + "/a.csv", index=False)
        frame = pd.read_csv(base + "/a.csv")
        frame.to_csv(base + "/b.csv.gz", compression="gzip")
        """,
        capture,
    )

    check(found, {"a.csv"}, {"a.csv", "b.csv.gz"}, {("a.csv", "b.csv.gz")})
    assert found.reads == {"a.csv": 1}
    assert set(found.writes.values()) == {1}


@pytest.mark.parametrize("capture", [False, True])
def test_pandas_parquet_with_a_filesystem(client, needs, capture):
    """`filesystem=` of pandas with pyarrow."""
    needs("pyarrow", "pandas")

    found = client(
        """
        import os
        import pandas as pd
        at = os.path.abspath
        pd.DataFrame({"x": range(5)}).to_parquet(at("a.parquet"), filesystem=local)
        back = pd.read_parquet(at("a.parquet"), filesystem=local)
        back.to_parquet(at("b.parquet"), filesystem=local)
        """,
        capture,
    )

    check(found, {"a.parquet"}, {"a.parquet", "b.parquet"}, {("a.parquet", "b.parquet")})


def test_pyarrow_through_its_handler(client, needs):
    """`FSSpecHandler` hands every open to fsspec."""
    needs("pyarrow")

    found = client(
        """
        import os
        import pyarrow as pa, pyarrow.parquet as pq
        from pyarrow.fs import FSSpecHandler, PyFileSystem
        fs = PyFileSystem(FSSpecHandler(local))
        pq.write_table(pa.table({"x": [1, 2, 3]}), os.path.abspath("a.parquet"), filesystem=fs)
        table = pq.read_table(os.path.abspath("a.parquet"), filesystem=fs)
        pq.write_table(table, os.path.abspath("b.parquet"), filesystem=fs)
        """
    )

    check(found, {"a.parquet"}, {"a.parquet", "b.parquet"}, {("a.parquet", "b.parquet")})


def test_a_pyarrow_dataset_is_read_file_by_file(client, needs):
    """Directories of Parquet files through `pyarrow.dataset`."""
    needs("pyarrow")

    found = client(
        """
        import os
        import pyarrow as pa, pyarrow.dataset as ds
        from pyarrow.fs import FSSpecHandler, PyFileSystem
        fs = PyFileSystem(FSSpecHandler(local))
        table = pa.table({"part": ["p", "p", "q"], "x": [1, 2, 3]})
        at = os.path.abspath
        ds.write_dataset(table, at("data"), format="parquet", partitioning=["part"], filesystem=fs)
        data = ds.dataset(at("data"), format="parquet", filesystem=fs)
        back = data.to_table()
        ds.write_dataset(back, at("copy"), format="parquet", filesystem=fs)
        """
    )

    parts = {"data/p/part-0.parquet", "data/q/part-0.parquet"}
    check(
        found,
        parts,
        {*parts, "copy/part-0.parquet"},
        {(name, "copy/part-0.parquet") for name in parts},
    )


def test_fastparquet(client, needs):
    """The library fastparquet takes the `open` of a filesystem."""
    needs("fastparquet")

    found = client(
        """
        import os
        import pandas as pd
        import fastparquet
        at = os.path.abspath
        frame = pd.DataFrame({"x": range(5)})
        fastparquet.write(at("a.parq"), frame, open_with=local.open)
        back = fastparquet.ParquetFile(at("a.parq"), fs=local).to_pandas()
        fastparquet.write(at("b.parq"), back, open_with=local.open)
        """
    )

    check(found, {"a.parq"}, {"a.parq", "b.parq"}, {("a.parq", "b.parq")})


def test_dask_with_processes(client, needs):
    """The workers' journals join the same log."""
    needs("dask")

    found = client(
        """
        import os
        import dask
        import dask.dataframe as dd
        import pandas as pd
        for n in range(2):
            pd.DataFrame({"x": range(5)}).to_csv(f"in{n}.csv", index=False)
        dask.config.set(scheduler="processes", num_workers=2)
        frame = dd.read_csv("prov::file://" + os.path.abspath("in*.csv"))
        total = int(frame.x.sum().compute())
        with local.open("total.txt", "w") as f:
            f.write(str(total))
        """,
        capture=True,
    )

    assert {"in0.csv", "in1.csv"} <= set(found.reads)
    assert {("in0.csv", "total.txt"), ("in1.csv", "total.txt")} <= found.edges
    assert found.wrong == []


def test_duckdb_with_a_registered_filesystem(client, needs):
    """`register_filesystem` takes the protocol of the wrapped filesystem as its scheme."""
    needs("duckdb")

    found = client(
        """
        import duckdb
        memory.pipe_file("/in.csv", b"x\\n1\\n2\\n")
        connection = duckdb.connect()
        connection.register_filesystem(memory)
        table = "(SELECT sum(x) s FROM read_csv('memory:///in.csv'))"
        connection.execute(f"COPY {table} TO 'memory:///out.csv'")
        assert memory.cat_file("/out.csv").split() == [b"s", b"3"]
        """
    )

    assert set(found.reads) == {"memory:///in.csv", "memory:///out.csv"}
    assert ("memory:///in.csv", "memory:///out.csv") in found.edges
    assert set(found.writes) == {"memory:///in.csv", "memory:///out.csv"}


def test_polars_with_open_handles(client, needs):
    """Polars reads and writes Python handles."""
    needs("polars")

    found = client(
        """
        import polars as pl
        with local.open("a.parquet", "wb") as f:
            pl.DataFrame({"x": [1, 2]}).write_parquet(f)
        with local.open("a.parquet", "rb") as f:
            frame = pl.read_parquet(f)
        with local.open("b.csv", "wb") as f:
            frame.write_csv(f)
        """
    )

    check(found, {"a.parquet"}, {"a.parquet", "b.csv"}, {("a.parquet", "b.csv")})
