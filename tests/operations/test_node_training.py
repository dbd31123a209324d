"""`bulkhead train --nodes`: what is refused before anything starts, and when nodes are started again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from operations import node_training, training
from operations.errors import CommandError, Exit
from operations.node_training import train_on_nodes
from trainer.errors import Reason, TrainerError
from trainer.nodes import place

JOB = """
tenant: acme
run: r1
data:
  - {data_set: d, version: v1, url: s3://bh-acme-data, columns: [a]}
recipe: {name: tabular}
nodes: %s
"""


def job(folder: Path, nodes: str, more: int | None = None) -> dict[str, Any]:
    path = folder / "job.yaml"
    path.write_text(JOB % nodes)
    return training.read_job(path, more)


def test_the_option_overrides_the_jobs_number(tmp_path: Path) -> None:
    assert job(tmp_path, "2")["nodes"]["count"] == 2
    assert job(tmp_path, "2", 4)["nodes"]["count"] == 4
    assert job(tmp_path, "null", 2)["nodes"]["count"] == 2
    kept = job(tmp_path, "{count: 2, strategy: fsdp}", 4)["nodes"]
    assert (kept["count"], kept["strategy"]) == (4, "fsdp")
    assert job(tmp_path, "{count: 2, strategy: fsdp}", 1)["nodes"] is None
    with pytest.raises(CommandError, match=r"(?s)job\.yaml: not usable.*3 slices") as caught:
        job(tmp_path, "2", 3)
    assert caught.value.code == Exit.BAD_INPUT


def nodes(tmp_path: Path, document: dict[str, Any], cloud: str = "aws", restarts: int = 0) -> dict[str, Any]:
    local: Any = SimpleNamespace(ledger=tmp_path / "ledger")
    tenant: Any = SimpleNamespace(id="acme", cloud=cloud)
    fleet: Any = None
    return train_on_nodes(local, fleet, tenant, document, lambda *_: None, tmp_path, restarts)


def test_what_cannot_work_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(node_training, "_once", lambda *_: started.append("started"))
    with pytest.raises(CommandError, match="tenants on AWS"):
        nodes(tmp_path, job(tmp_path, "2"), cloud="gcp")
    with pytest.raises(CommandError, match="this machine is no provider"):
        nodes(tmp_path, job(tmp_path, "{count: 2, fabric: provider, interface: eth1}"))

    def no_root(_: Any) -> None:
        raise TrainerError(Reason.SANDBOX, "several nodes: the agent needs root")

    monkeypatch.setattr(place, "check_machine", no_root)
    with pytest.raises(CommandError, match="needs root"):
        nodes(tmp_path, job(tmp_path, "2"))
    assert started == []


def ended(rank: int, last: dict[str, Any], status: int) -> node_training._Agent:
    process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"], text=True)
    process.wait()
    return node_training._Agent(rank, process, Path("log"), last)


@pytest.mark.parametrize(
    ("reason", "restarts", "starts", "message"),
    [
        ("worker", 2, 2, None),
        ("worker", 0, 1, "node 1: it was lost"),
        ("tampered", 2, 1, "node 1: it was lost"),
    ],
)
def test_lost_nodes_are_started_again_and_other_failures_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, restarts: int, starts: int, message: str | None
) -> None:
    monkeypatch.setattr(place, "check_machine", lambda _: None)
    lost = {"reason": reason, "message": "it was lost"}
    others = {"reason": "peer", "message": "node 1 of the job was lost"} if reason == "worker" else lost
    attempts = [
        [ended(0, others, 1), ended(1, lost, 1)],
        [ended(0, {"step": 9}, 0), ended(1, {"step": 9}, 0)],
    ]
    made: list[Any] = []
    monkeypatch.setattr(node_training, "_once", lambda *_: made.append(attempts[len(made)]) or made[-1])
    if message is None:
        assert nodes(tmp_path, job(tmp_path, "2"), restarts=restarts) == {"step": 9}
    else:
        with pytest.raises(CommandError) as caught:
            nodes(tmp_path, job(tmp_path, "2"), restarts=restarts)
        assert message in str(caught.value)
        # What a node says of itself stands before what others say of it.
        if reason == "worker":
            assert str(caught.value).index("node 1: it was lost") < str(caught.value).index("node 0:")
    assert len(made) == starts
