"""Run the benchmarks that are named, or all: `python -m benchmarks [lineage] [peers] ...`."""

from __future__ import annotations

import sys

from benchmarks import bench_agent, bench_lineage, bench_run, bench_wrapper
from benchmarks.log import bench_concurrency, bench_peers

ALL = {
    "wrapper": bench_wrapper,
    "run": bench_run,
    "lineage": bench_lineage,
    "agent": bench_agent,
    "peers": bench_peers,
    "concurrency": bench_concurrency,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        ALL[name].main()
