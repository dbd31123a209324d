"""Several ranks save one checkpoint; any number of ranks loads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainer.checkpoint.state import load_state
from trainer.errors import Reason, TrainerError

pytestmark = pytest.mark.e2e

PROGRAM = """
import json, os, sys
from pathlib import Path
import torch, torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from tests.trainer.test_reshard import SharedFolder, whole
from trainer.checkpoint.state import load_state, save_state
action, folder, rank, world = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous-{action}", rank=rank, world_size=world)
mesh = init_device_mesh("cpu", (world,))
blank = {name: tensor if action == "save" else torch.zeros_like(tensor) for name, tensor in whole().items()}
places = {"rows": Shard(0), "columns": Shard(1), "same": Replicate()}
state = {"model": {name: distribute_tensor(tensor, mesh, [places[name]]) for name, tensor in blank.items()}, "step": 7}
if action == "save":
    save_state(state, 7, SharedFolder(folder))
else:
    state["step"] = 0
    load_state(state, SharedFolder(folder))
    assert state["step"] == 7
    for name, tensor in whole().items():
        assert torch.equal(state["model"][name].full_tensor(), tensor), name
dist.barrier()
dist.destroy_process_group()
"""


def whole() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "rows": torch.randn(301, 70, generator=generator),
        "columns": torch.randn(40, 123, generator=generator),
        "same": torch.randn(5, generator=generator),
    }


class SharedFolder:
    """Sink and source of all ranks of a test: a folder in the place of the agent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin_file(self, step: int, rank: int):  # type: ignore[no-untyped-def]
        from trainer.checkpoint.manifest import file_binding
        from trainer.checkpoint.ports import FileGrant

        return FileGrant(b"k" * 32, file_binding("acme", "r", step, rank), (self._folder / f"{rank}.bh").open("w+b"))

    def commit(self, body) -> None:  # type: ignore[no-untyped-def]
        (self._folder / "body.json").write_text(body.model_dump_json())

    @property
    def body(self):  # type: ignore[no-untyped-def]
        from trainer.checkpoint.manifest import CheckpointBody

        return CheckpointBody.model_validate_json((self._folder / "body.json").read_bytes())

    def open_file(self, rank: int):  # type: ignore[no-untyped-def]
        from trainer.checkpoint.manifest import file_binding
        from trainer.formats.reading import SealedReader

        sealed = (self._folder / f"{rank}.bh").read_bytes()
        return SealedReader(sealed, b"k" * 32, file_binding("acme", "r", 7, rank), f"rank {rank}")


def ranks(action: str, folder: Path, world: int) -> None:
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, action, str(folder), str(rank), str(world)],
            env=environment,
            cwd=root,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    results = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * world, "\n".join(results)


def test_saved_by_two_ranks_loads_in_one_and_in_three(tmp_path: Path) -> None:
    ranks("save", tmp_path, 2)
    body = json.loads((tmp_path / "body.json").read_text())
    assert [file["rank"] for file in body["files"]] == [0, 1]
    assert len(body["tensors"]["model.rows"]["chunks"]) == 2
    ranks("load", tmp_path, 3)
    alone = {"model": {name: torch.zeros_like(tensor) for name, tensor in whole().items()}, "step": 0}
    load_state(alone, SharedFolder(tmp_path))
    assert alone["step"] == 7
    assert all(torch.equal(alone["model"][name], tensor) for name, tensor in whole().items())  # type: ignore[index]
    # A shape that the checkpoint does not have is refused.
    alone["model"]["rows"] = torch.zeros(300, 70)  # type: ignore[index]
    with pytest.raises(TrainerError, match="rows") as caught:
        load_state(alone, SharedFolder(tmp_path))
    assert caught.value.reason == Reason.BAD_FORMAT
