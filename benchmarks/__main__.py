"""Run the benchmarks that are named: `python -m benchmarks [wrapper] [run] [lineage] [agent]`."""

from __future__ import annotations

import sys

from benchmarks import bench_agent, bench_lineage, bench_run, bench_wrapper

ALL = {"wrapper": bench_wrapper, "run": bench_run, "lineage": bench_lineage, "agent": bench_agent}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        ALL[name].main()
