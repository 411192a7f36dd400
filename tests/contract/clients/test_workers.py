"""Worker processes of libraries below `provfs run`: their reads reach what the program writes."""

from __future__ import annotations

import pytest

FILES = 6
PARTS = """
from torch.utils.data import Dataset

class Files(Dataset):
    def __len__(self):
        return 6
    def __getitem__(self, number):
        with open(f"in{number}.csv") as file:
            return len(file.read())
"""
DASK_PARTS = """
def load(number):
    with open(f"in{number}.csv") as file:
        return len(file.read())

def save(total):
    with open("saved.csv", "w") as file:
        file.write(str(total))
"""
LOADER = """
import signal, torch
from torch.utils.data import DataLoader
from parts import Files
options = dict(num_workers=2, batch_size=2, multiprocessing_context={method!r})
loader = DataLoader(Files(), persistent_workers={persistent}, **options)
for epoch in range(2):
    total = sum(int(batch.sum()) for batch in loader)
if {killed}:
    for worker in loader._iterator._workers:
        os.kill(worker.pid, signal.SIGKILL)
torch.save({{"total": total}}, "model.pt")
if {killed}:
    os._exit(0)
"""
CLUSTER = """
from distributed import Client, LocalCluster
from parts import load, save
options = dict(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50)
with LocalCluster(processes=True, **options) as cluster, Client(cluster) as client:
    total = sum(client.gather(client.map(load, range(6))))
    client.submit(save, total).result()
with open("model.bin", "w") as file:
    file.write(str(total))
"""


@pytest.fixture
def inputs(tmp_path):
    """Return a function that writes the inputs and the module that the workers import."""

    def write(parts):
        (tmp_path / "work" / "parts.py").write_text(parts)
        for number in range(FILES):
            (tmp_path / "work" / f"in{number}.csv").write_text(f"{number}\n")
        return {f"in{number}.csv" for number in range(FILES)}

    return write


@pytest.mark.parametrize(
    ("method", "persistent", "killed"),
    [
        ("fork", False, False),
        ("fork", True, True),
        ("spawn", True, True),
    ],
)
def test_workers_of_a_data_loader(client, needs, inputs, method, persistent, killed):
    """What a `DataLoader` reads in its workers is an input, also where those are killed.

    torch writes the model by its own C++ writer.
    """
    needs("torch")
    names = inputs(PARTS)

    found = client(LOADER.format(method=method, persistent=persistent, killed=killed), capture=True)

    assert found.edges == {(name, "model.pt") for name in names}
    assert set(found.reads) == names
    assert found.writes == {"model.pt": 1}
    assert found.wrong == []


def test_workers_of_a_dask_cluster(client, needs, inputs):
    """Nannies start the workers of a cluster; a task's result may go to any later task."""
    needs("distributed")
    names = inputs(DASK_PARTS)

    scratch = "/dev/shm"  # noqa: S108 - locks of the workers, out of scope there
    found = client(CLUSTER, capture=True, DASK_TEMPORARY_DIRECTORY=scratch)

    made = {(name, "model.bin") for name in names} | {(name, "saved.csv") for name in names}
    assert found.edges == made
    assert set(found.reads) == names
    assert found.writes == {"model.bin": 1, "saved.csv": 1}
