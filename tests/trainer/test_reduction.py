"""Gradients are added in one order, whoever computed them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.worker.reduction import Tree, tree_sum

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from pathlib import Path
import torch, torch.distributed as dist
from torch import nn
from trainer.worker.ranks import Ranks
folder, strategy, rank, world, slices = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
dist.init_process_group("gloo", init_method=f"file://{folder}/{strategy}{world}", rank=rank, world_size=world)
torch.set_num_threads(1)
torch.manual_seed(1)
# An odd number of weights, so that they do not divide evenly; dropout and running statistics, which tempt to differ.
model = nn.Sequential(nn.Linear(7, 33), nn.BatchNorm1d(33), nn.ReLU(), nn.Dropout(0.3), nn.Linear(33, 1))
ranks = Ranks(rank, world, slices, strategy)
parallel = ranks.wrap(model)
rows = torch.randn(3, slices, 8, 7, generator=torch.Generator().manual_seed(2))
for step in range(3):
    for turn in range(ranks.turns):
        ranks.begin(model, 5, step, turn)
        for number, part in enumerate(rows[step, turn * world + rank].chunk(2)):
            with ranks.held(parallel, more=number == 0):
                (parallel(part).square().mean() / (2 * slices)).backward()
        ranks.add(model, last=turn + 1 == ranks.turns)
    with torch.no_grad():
        for weight in model.parameters():
            weight -= 0.1 * weight.grad
            weight.grad = None
if rank == 0 or strategy == "fsdp":
    from trainer.worker.ranks import whole
    state = {name: whole(value) for name, value in model.state_dict().items()}
if rank == 0:
    torch.save({name: value.clone() for name, value in state.items()}, f"{folder}/{strategy}{world}.pt")
dist.barrier()
dist.destroy_process_group()
"""


@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False), min_size=1, max_size=33))
def test_the_tree_of_subtrees_is_the_tree_of_leaves(values: list[float]) -> None:
    leaves = [torch.tensor([value]) for value in values]
    whole = tree_sum(leaves)
    for ranks in (1, 2, 4, 8):
        rounds = Tree()
        for at in range(0, len(leaves), ranks):
            rounds.push([tree_sum(leaves[at : at + ranks])])
        if len(leaves) % ranks == 0:
            assert torch.equal(rounds.total()[0], whole), ranks


def test_another_order_gives_other_bits() -> None:
    """What the tree is for: the plain sum from left to right is another number."""
    values = torch.randn(64, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 3, 64)
    forward = torch.zeros(())
    for value in values:
        forward = forward + value
    assert not torch.equal(forward, tree_sum(list(values)))


@pytest.mark.e2e
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_one_two_and_four_ranks_end_with_the_same_bits(strategy: str, tmp_path: Path) -> None:
    states = []
    for world in (1, 2, 4):
        words = [sys.executable, "-c", PROGRAM, str(tmp_path), strategy]
        processes = [
            subprocess.Popen([*words, str(rank), str(world), "4"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
            for rank in range(world)
        ]
        errors = [process.communicate(timeout=300)[1] for process in processes]
        assert [process.returncode for process in processes] == [0] * world, "\n".join(errors)
        states.append(torch.load(tmp_path / f"{strategy}{world}.pt"))
    for other in states[1:]:
        assert other.keys() == states[0].keys()
        assert all(torch.equal(other[name], value) for name, value in states[0].items())
    assert not torch.equal(states[0]["1.running_mean"], torch.zeros(33)), "statistics did move"
