"""Checkpoints: torch, distributed checkpoints, Lightning."""

from __future__ import annotations

import pytest

STATE = """
import torch
model = torch.nn.Linear(4, 2)
with local.open("data.csv", "w") as f:
    f.write("1,2,3,4")
with local.open("data.csv") as f:
    f.read()
"""


def program(text):
    """Return a program that has read `data.csv` and made a model, and goes on with `text`."""
    return STATE + text


@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("legacy", [False, True])
def test_torch_through_handles(client, needs, capture, legacy):
    """`torch.save` and `torch.load` on handles, in the zip format and the one before."""
    needs("torch")

    found = client(
        program(
            f"""
with local.open("model.pt", "wb") as f:
    torch.save(model.state_dict(), f, _use_new_zipfile_serialization={not legacy})
with local.open("model.pt", "rb") as f:
    state = torch.load(f)
with local.open("report.txt", "w") as f:
    f.write(str(float(state["bias"].sum())))
"""
        ),
        capture,
    )

    assert found.edges == {
        ("data.csv", "model.pt"),
        ("model.pt", "report.txt"),
        ("data.csv", "report.txt"),
    }
    assert found.writes == {"data.csv": 1, "model.pt": 1, "report.txt": 1}
    assert found.wrong == []
    assert found.lost == 0


@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("place", ["local", "memory"])
def test_distributed_checkpoint_of_torch(client, needs, capture, place):
    """The fsspec writer publishes its metadata by a rename; the reader leads to what follows."""
    needs("torch")

    found = client(
        program(
            f"""
import os
import warnings
warnings.simplefilter("ignore")
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint._fsspec_filesystem import FsspecReader, FsspecWriter
url = "prov::file://" + os.path.abspath("ckpt") if "{place}" == "local" else "prov::memory://ckpt"
state = model.state_dict()
dcp.save(state, storage_writer=FsspecWriter(url), no_dist=True)
dcp.load(state, storage_reader=FsspecReader(url), no_dist=True)
with local.open("report.txt", "w") as f:
    f.write(str(float(state["bias"].sum())))
"""
        ),
        capture,
    )

    root = "ckpt" if place == "local" else "memory:///ckpt"
    parts = {f"{root}/__0_0.distcp", f"{root}/.metadata"}
    assert {("data.csv", name) for name in parts} <= found.edges
    assert {(name, "report.txt") for name in parts} <= found.edges
    assert [name for name in found.artifacts if name.endswith(".tmp")] == []
    assert parts | {"data.csv", "report.txt"} == set(found.artifacts)
    assert found.wrong == []
    assert found.lost == 0


@pytest.mark.parametrize("place", ["local", "memory"])
def test_lightning_writes_and_reads_checkpoints(client, needs, place):
    """Lightning's checkpoint plugin takes urls."""
    needs("torch", "lightning_fabric")

    found = client(
        program(
            f"""
import os
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
url = "prov::memory://m.ckpt" if "{place}" == "memory" else (
    "prov::file://" + os.path.abspath("m.ckpt")
)
plugin = TorchCheckpointIO()
plugin.save_checkpoint({{"state": model.state_dict()}}, url)
state = plugin.load_checkpoint(url)
with local.open("report.txt", "w") as f:
    f.write(str(float(state["state"]["bias"].sum())))
"""
        )
    )

    name = "m.ckpt" if place == "local" else "memory:///m.ckpt"
    assert ("data.csv", name) in found.edges
    assert (name, "report.txt") in found.edges
    assert set(found.artifacts) == {"data.csv", name, "report.txt"}
    assert found.writes[name] == 1
    assert found.wrong == []


def test_a_trainer_of_lightning(client, needs):
    """A `Trainer` whose checkpoints go to a wrapped filesystem."""
    needs("torch", "pytorch_lightning")

    found = client(
        program(
            """
import warnings
warnings.simplefilter("ignore")
import logging
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
import pytorch_lightning as pl

class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def training_step(self, batch, _):
        return self.layer(batch[0]).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 4)))
keep = pl.callbacks.ModelCheckpoint(dirpath="prov::memory://run", filename="end")
trainer = pl.Trainer(
    max_epochs=1, accelerator="cpu", logger=False, callbacks=[keep],
    enable_progress_bar=False, enable_model_summary=False,
)
trainer.fit(Module(), data)
"""
        )
    )

    assert ("data.csv", "memory:///run/end.ckpt") in found.edges
    assert found.writes["memory:///run/end.ckpt"] == 1
