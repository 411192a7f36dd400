"""The pipelines that captured and bare programs run, as scripts that know nothing of provfs.

W1 is four processes: write 1,000 small CSV files; a forked pool of four reads them and writes four
arrays by temporary name and rename; memory-mapped loads and 20 checkpoints by temporary name and
replace, metrics; load the last checkpoint, hash it with a program of the system, write a report.
The data loader reads small images in worker processes, epoch after epoch.
"""

from __future__ import annotations

import random
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILES = 1000
WORKERS = 4
CHECKPOINTS = 20

STEPS = {
    "make.py": f"""
import random
random.seed(1)
for number in range({FILES}):
    with open(f"data/{{number:04d}}.csv", "w") as file:
        for _ in range(200):
            file.write(",".join(f"{{random.random():.6f}}" for _ in range(8)) + "\\n")
""",
    "load.py": f"""
import multiprocessing, os
import numpy as np

def load(part):
    numbers = range(part, {FILES}, {WORKERS})
    rows = [np.loadtxt(f"data/{{n:04d}}.csv", delimiter=",") for n in numbers]
    with open(f"part{{part}}.npy.tmp", "wb") as file:
        np.save(file, np.concatenate(rows))
    os.rename(f"part{{part}}.npy.tmp", f"part{{part}}.npy")

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool({WORKERS}) as pool:
        pool.map(load, range({WORKERS}))
""",
    "train.py": f"""
import json, os
import numpy as np
parts = [np.load(f"part{{n}}.npy", mmap_mode="r") for n in range({WORKERS})]
weights = np.zeros(8)
for step in range({CHECKPOINTS}):
    for part in parts:
        weights = 0.9 * weights + 0.1 * np.linalg.svd(part, full_matrices=False)[1]
    with open("checkpoint.npy.tmp", "wb") as file:
        np.save(file, weights)
    os.replace("checkpoint.npy.tmp", "checkpoint.npy")
with open("metrics.json", "w") as file:
    json.dump({{"norm": float(np.linalg.norm(weights))}}, file)
""",
    "report.py": """
import json, subprocess
import numpy as np
weights = np.load("checkpoint.npy")
digest = subprocess.run(["sha256sum", "checkpoint.npy"], capture_output=True, text=True).stdout
with open("metrics.json") as file:
    metrics = json.load(file)
with open("report.md", "w") as file:
    file.write(f"{weights}\\n{digest}\\n{metrics}\\n")
""",
}

IMAGES = 10_000
LOADERS = 8
EPOCHS = 3

LOADER = f"""
import multiprocessing, os, sys, zlib

def load(name):
    with open(name, "rb") as file:
        return len(zlib.decompress(file.read()))

if __name__ == "__main__":
    names = [f"images/{{number:05d}}.img" for number in range({IMAGES})]
    with multiprocessing.get_context("fork").Pool({LOADERS}) as pool:
        for epoch in range({EPOCHS}):
            total = sum(pool.map(load, names, chunksize=50))
            with open("model.bin", "w") as file:
                file.write(f"{{epoch}} {{total}}")
"""


def write_images(folder: Path) -> None:
    """Make the small images of the data loader: 12,288 random-looking bytes each, compressed."""
    folder.mkdir(parents=True)
    source = random.Random(1)
    for number in range(IMAGES):
        pixels = source.randbytes(3072) * 4
        (folder / f"{number:05d}.img").write_bytes(zlib.compress(pixels, 1))
