"""What the tunnel between nodes costs: the same steps of two ranks over WireGuard and over a bare cable, in turns.

Two pairs of workers in network namespaces of this machine: one pair joined by a cable alone, one by WireGuard over such
a cable. Both stay up; rounds alternate. The cable is a veth pair and costs nothing, and both ends of the tunnel encrypt
on the processors that compute: no real network makes the ratio worse.
Workers are not sandboxed here and read no data: what differs is the way between them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from benchmarks.trainer.measure import Row, not_measured, rate, ratio_of
from operations.node_network import WIRE, Machine, node_network
from trainer.errors import Reason, TrainerError
from trainer.job import Nodes
from trainer.nodes.place import WIREGUARD_PORT, check_machine
from trainer.nodes.wireguard import tunnel_address

ROOT: Final = Path(__file__).resolve().parents[2]
STEPS: Final = 4
BATCH, BLOCK = 8, 128

WORKER = """
import sys, time
from datetime import timedelta
import torch, torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import TCPStore
from trainer.recipes.language import LanguageModel, LanguageSettings
from trainer.worker.ranks import Ranks
rank, address, steps, batch, block = int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6])
torch.set_num_threads(1)
wait = timedelta(seconds=600)
store = TCPStore(address, 29400, 2, is_master=rank == 0, timeout=wait)
dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=wait)
torch.manual_seed(1)
ranks = Ranks(rank, 2, 2)
model = LanguageModel(LanguageSettings(layers=2, width=128, block=block))
parallel = ranks.wrap(model)
optimiser = torch.optim.AdamW(model.parameters())
tokens = torch.randint(256, (batch, block + 1), generator=torch.Generator().manual_seed(rank))
gradient = torch.zeros(sum(weight.numel() for weight in model.parameters()))
from trainer.worker.reduction import ordered_all_reduce
for line in sys.stdin:
    dist.barrier()
    started = time.perf_counter()
    for _ in range(steps):
        if line.strip() == "exchange":
            ordered_all_reduce(gradient)
            continue
        logits = parallel(tokens[:, :-1])
        (nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()) / 2).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    dist.barrier()
    print(time.perf_counter() - started, gradient.numel() * 4, flush=True)
dist.destroy_process_group()
"""


OUTER = """
import subprocess, sys
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from trainer.nodes.namespace import new_namespace, without_ipv6
from trainer.nodes.wireguard import TunnelPeer, tunnel, tunnel_address
rank, key, other, endpoint, port, worker, *more = sys.argv[1:]
rank, mine = int(rank), X25519PrivateKey.from_private_bytes(bytes.fromhex(key))
peer = TunnelPeer(bytes.fromhex(other), (endpoint, int(port)), tunnel_address(1 - rank))
with new_namespace() as inner:
    without_ipv6(inner)
    with tunnel(mine, int(port), tunnel_address(rank), [peer], inner, 9001) as (name, implementation):
        print(implementation, flush=True)
        words = inner.command("env", f"GLOO_SOCKET_IFNAME={name}", sys.executable, "-c", worker, str(rank), *more)
        raise SystemExit(subprocess.run(words, pass_fds=(inner.descriptor,)).returncode)
"""


@dataclass
class Pair:
    """Two workers that exchange gradients over one kind of network."""

    workers: list[subprocess.Popen[str]]

    def measure(self, what: str) -> tuple[float, int]:
        """Seconds of a round of steps, and the bytes of one rank's gradients."""
        for worker in self.workers:
            assert worker.stdin is not None  # it was started with a pipe
            worker.stdin.write(f"{what}\n")
            worker.stdin.flush()
        answers = [line(worker).split() for worker in self.workers]
        return max(float(answer[0]) for answer in answers), int(answers[0][1])


def run(rounds: int) -> list[Row]:
    """The rows of the tunnel, or one that says why this machine cannot have any."""
    try:
        check_machine(Nodes(count=2))
        return _measured(rounds)
    except TrainerError as error:
        return [not_measured(f"the tunnel between nodes ({error})")]


def _measured(rounds: int) -> list[Row]:
    times: dict[str, list[float]] = {f"{way} {what}": [] for way in ("bare", "tunnel") for what in ("step", "exchange")}
    with ExitStack() as stack:
        machines = stack.enter_context(node_network(4)).machines
        bare = Pair([_bare(stack, machine, rank, machines[0].address) for rank, machine in enumerate(machines[:2])])
        tunnelled = Pair(_tunnelled(stack, machines[2:]))
        implementation = {line(worker) for worker in tunnelled.workers}.pop()
        size = 0
        for number in range(rounds + 1):
            for what in ("step", "exchange"):
                for way, pair in (("bare", bare), ("tunnel", tunnelled)):
                    taken, size = pair.measure(what)
                    if number:
                        times[f"{way} {what}"].append(taken)
    samples, megabytes = STEPS * 2 * BATCH * BLOCK, STEPS * size / 1e6
    rows = []
    for what, name, amount, unit in (
        ("step", "training step", samples, "tokens/s"),
        ("exchange", "exchange of gradients alone", megabytes, "MB/s"),
    ):
        cost = ratio_of(times[f"tunnel {what}"], times[f"bare {what}"])
        rows.append(rate(f"  two nodes, bare cable: {name}", amount, unit, times[f"bare {what}"]))
        title = f"two nodes, {implementation}: {name}, time against bare cable"
        rows.append(rate(title, amount, unit, times[f"tunnel {what}"], ratio=cost))
    return rows


def line(worker: subprocess.Popen[str]) -> str:
    """The next line that a worker says. Raises `TrainerError` when it has ended."""
    assert worker.stdout is not None  # it was started with a pipe
    said = worker.stdout.readline().strip()
    if not said:
        raise TrainerError(Reason.WORKER, f"a worker of the benchmark ended with status {worker.wait()}")
    return said


def _bare(stack: ExitStack, machine: Machine, rank: int, first: str) -> subprocess.Popen[str]:
    return _start(stack, machine, "env", f"GLOO_SOCKET_IFNAME={WIRE}", sys.executable, "-c", WORKER, str(rank), first)


def _tunnelled(stack: ExitStack, machines: Sequence[Machine]) -> list[subprocess.Popen[str]]:
    keys = [X25519PrivateKey.generate() for _ in machines]
    started = []
    for rank, machine in enumerate(machines):
        other = machines[1 - rank].address, str(WIREGUARD_PORT)
        pair = keys[rank].private_bytes_raw().hex(), keys[1 - rank].public_key().public_bytes_raw().hex()
        words = (sys.executable, "-c", OUTER, str(rank), *pair, *other, WORKER, str(tunnel_address(0)))
        started.append(_start(stack, machine, *words))
    return started


def _start(stack: ExitStack, machine: Machine, *words: str) -> subprocess.Popen[str]:
    started = subprocess.Popen(
        machine.space.command(*words, str(STEPS), str(BATCH), str(BLOCK)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        pass_fds=(machine.space.descriptor,),
    )
    stack.callback(_end, started)
    return started


def _end(started: subprocess.Popen[str]) -> None:
    for pipe in (started.stdin, started.stdout):
        if pipe is not None:
            pipe.close()
    try:
        started.wait(60)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
