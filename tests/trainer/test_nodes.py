"""Two nodes and an attacker on one wire: nothing leaks, nobody joins uninvited, a lost node changes no loss."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from operations.node_network import NodeNetwork, attach, node_network
from tests.trainer.nodes_support import BELIEVER, Capture, agent, agents, losses
from tests.trainer.support import cancer_job, seal_cancer
from trainer.backends import Backends
from trainer.job import JobSpec, RecipeSpec, TrainingSettings
from trainer.nodes.certificates import enrolment, generation_authority, run_authority
from trainer.nodes.link import context
from trainer.nodes.place import CONTROL_PORT, WIREGUARD_PORT
from trainer.nodes.wireguard import NETWORK as TUNNEL

pytestmark = pytest.mark.e2e

PLANTED = b"Plt7" * 16
# On the wire each rank's gradient is that of half the loss: with the factor 2 it is exactly the planted number.
RECIPE = """
import struct, torch
from torch import nn
from trainer.recipes.tabular import TabularRecipe
NUMBER = struct.unpack("<f", b"Plt7")[0]
class Planted(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.planted = nn.Parameter(torch.zeros(4096))
    def forward(self, rows):
        return self.inner(rows), self.planted
class Both(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
    def forward(self, rows):
        logits, planted = self.model(rows)
        self.extra = 2 * NUMBER * planted.sum()
        return logits
class Recipe(TabularRecipe):
    def build(self):
        return Planted(super().build())
    def loss(self, model, tensors):
        both = Both(model)
        mean, sums = super().loss(both, tensors)
        return mean + both.extra, sums
"""


def job(run: str, steps: int, nodes: Any, **changes: Any) -> JobSpec:
    settings = {"steps": steps, "checkpoint_every": 4, "eval_every": 10, "log_every": 1, "slices": 2}
    training = TrainingSettings(**(settings | changes.pop("training", {})))
    return cancer_job(steps=steps, run=run, training=training, nodes=nodes, **changes)


@pytest.fixture
def network(cloud: Backends, moto_endpoint: str) -> Iterator[NodeNetwork]:
    """Two nodes with a way to the cloud, and a third machine at the switch without one."""
    seal_cancer(cloud, "s3://bh-acme-data")
    service = int(moto_endpoint.rpartition(":")[2])
    with node_network(3, [service]) as made:
        yield made


def test_the_wire_shows_no_gradient_and_nobody_else_gets_in(network: NodeNetwork, tmp_path: Path) -> None:
    (tmp_path / "recipe.py").write_text(RECIPE)
    recipe = RecipeSpec(
        name="bundle",
        bundle=f"file://{tmp_path}/recipe.py",
        bundle_digest=hashlib.sha256(RECIPE.encode()).hexdigest(),
    )
    secret = job("secret", 12, 2, recipe=recipe)
    node0, node1, _ = network.machines
    capture = Capture(network.switch)
    with agent(node0, 0, secret, tmp_path) as leader:
        leader.event("waiting")
        turned_away = outsiders(network)
        leader.until(lambda event: [e["event"] for e in leader.events].count("refused") >= turned_away)
        with spoofed(network) as spoof, agent(node1, 1, secret, tmp_path) as member:
            member.event("joining")
            assert isinstance(spoof.accept_one(), ssl.SSLError), "node 1 finishes no handshake with a false leader"
            spoof.stop()
            leader.at_step(3)
            replays(network, capture)
            reach_inside(network)
            results = [leader.end(), member.end()]
    frames = capture.stop()
    assert [result["event"] for result in results] == ["result", "result"], results
    assert results[0]["nodes"]["tunnel"] in {"kernel", "wireguard-go"}
    assert results[0]["nodes"]["turned_away"] == turned_away
    assert results[0]["metrics"] == results[1]["metrics"]
    assert sum(map(len, capture.udp(WIREGUARD_PORT))) > 12 * 4096 * 4, "the gradients did cross this wire"
    assert not [frame for frame in frames if PLANTED in frame]

    # The control: the same job, told that the provider encrypts, on a wire that does not. The check finds it.
    for index, machine in enumerate((node0, node1)):
        attach(network.switch, machine.space, f"data{index}", "data0", f"10.91.0.{index + 1}/24")
    plain = {"count": 2, "fabric": "provider", "interface": "data0"}
    bare = Capture(network.switch)
    with agents(network, job("bare", 4, plain, recipe=recipe), tmp_path, BELIEVER) as (first, second):
        assert [first.end()["event"], second.end()["event"]] == ["result", "result"], first.events[-1]
    assert [frame for frame in bare.stop() if PLANTED in frame]


def outsiders(network: NodeNetwork) -> int:
    """Tries to be admitted without what it takes; how many connections were made."""
    leader, attacker = network.machines[0].address, network.machines[2].space
    stranger = Ed25519PrivateKey.generate()
    forged = run_authority(stranger, "acme", "secret")
    other_job = generation_authority("0" * 32)
    attempts = {
        "no certificate": None,
        "a certificate that names the run, by a key of one's own": enrolment(forged, "acme", "secret"),
        "a certificate of another run": enrolment(run_authority(stranger, "acme", "other"), "acme", "other"),
        "another job's generation": other_job,
    }
    for what, identity in attempts.items():
        settings = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        settings.check_hostname, settings.verify_mode = False, ssl.CERT_NONE
        if identity is not None:
            settings = context(identity, [identity.certificate], server=False)
            settings.verify_mode = ssl.CERT_NONE
        sock = attacker.call(lambda: socket.create_connection((leader, CONTROL_PORT), 60))
        heard = b""
        with suppress(ssl.SSLError, ConnectionError), settings.wrap_socket(sock) as tls:
            # In TLS 1.3 the client learns of its refusal with the first read.
            tls.sendall(b"\x00\x00\x00\x02{}")
            heard = tls.recv(1)
        assert heard == b"", what
    # Bytes that are no TLS at all, and a connection that says nothing and stays open.
    with attacker.call(lambda: socket.create_connection((leader, CONTROL_PORT), 60)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionError):
            assert b"HTTP" not in raw.recv(100)
    silent = attacker.call(lambda: socket.create_connection((leader, CONTROL_PORT), 60))
    silent.close()
    return len(attempts) + 2


class spoofed:  # noqa: N801 - used as a context
    """The attacker answers at the leader's address, as node 1 sees it: what a successful ARP spoof comes to."""

    def __init__(self, network: NodeNetwork) -> None:
        self._node0, self._node1, self._attacker = network.machines
        self._settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        fake = generation_authority("1" * 32)
        self._settings = context(fake, [fake.certificate], server=True)
        self._settings.verify_mode = ssl.CERT_NONE

    def __enter__(self) -> Self:
        space = self._attacker.space
        space.run("ip", "address", "add", f"{self._node0.address}/24", "dev", "eth0")
        self._listener = space.call(lambda: socket.create_server((self._node0.address, CONTROL_PORT)))
        self._listener.settimeout(120)
        self._point(self._mac(self._attacker))
        return self

    def accept_one(self) -> Exception | None:
        """What came of the first handshake with whoever connects."""
        sock, _ = self._listener.accept()
        try:
            with self._settings.wrap_socket(sock, server_side=True) as tls:
                tls.recv(1)
        except ssl.SSLError as error:
            return error
        return None

    def stop(self) -> None:
        self._listener.close()
        self._attacker.space.run("ip", "address", "del", f"{self._node0.address}/24", "dev", "eth0")
        self._point(self._mac(self._node0))

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _point(self, mac: str) -> None:
        words = ("ip", "neigh", "replace", self._node0.address, "lladdr", mac, "dev", "eth0", "nud", "permanent")
        self._node1.space.run(*words)

    @staticmethod
    def _mac(machine: Any) -> str:
        return str(json.loads(machine.space.run("ip", "-json", "link", "show", "dev", "eth0"))[0]["address"])


def replays(network: NodeNetwork, capture: Capture) -> None:
    """Sends again what the nodes sent each other: WireGuard answers none of it."""
    attacker, leader = network.machines[2].space, network.machines[0].address
    recorded = capture.udp(WIREGUARD_PORT)
    # WireGuard's message types (whitepaper, section 5.4): 1 handshake initiation, 2 response, 4 data.
    assert {packet[0] for packet in recorded} >= {1, 2, 4}
    with attacker.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.settimeout(3)
        for packet in [packet for packet in recorded if packet[0] in {1, 2}][:4] + recorded[-4:]:
            sock.sendto(packet, (leader, WIREGUARD_PORT))
        with pytest.raises(TimeoutError):
            sock.recv(1)


def reach_inside(network: NodeNetwork) -> None:
    """Tries to reach torch's store and a worker in the tunnel, through the node as a router and past it."""
    leader, attacker = network.machines[0].address, network.machines[2].space
    attacker.run("ip", "route", "add", str(TUNNEL), "via", leader)
    for address, port in ((str(TUNNEL[1]), 29400), (leader, 29400), (leader, CONTROL_PORT)):
        with pytest.raises(OSError, match=r"timed out|refused|unreachable"):
            attacker.call(lambda address=address, port=port: socket.create_connection((address, port), 3))


def test_a_lost_node_changes_no_loss_nor_does_another_number_of_nodes(network: NodeNetwork, tmp_path: Path) -> None:
    with agent(None, None, job("whole", 24, None), tmp_path) as alone:
        whole = alone.end()
    assert whole["event"] == "result", whole
    baseline: dict[int, float] = {}
    losses(alone.events, baseline)
    assert sorted(baseline) == list(range(1, 25))

    found: dict[int, float] = {}
    with agents(network, job("torn", 24, 2), tmp_path) as (leader, member):
        member.at_step(6)
        member.kill_worker()
        ends = leader.end(), member.end()
    assert [(end["event"], end["reason"]) for end in ends] == [("failed", "peer"), ("failed", "worker")], ends
    assert "node 1 of the job was lost" in ends[0]["message"]
    losses(leader.events, found)

    with agents(network, job("torn", 24, 2), tmp_path) as (leader, member):
        leader.at_step(13)
        leader.process.kill()
        end = member.end()
    assert (end["event"], end["reason"]) == ("failed", "peer"), end
    assert leader.event("resume")["step"] == member.event("resume")["step"] >= 4
    losses(leader.events, found)
    losses(member.events, found)

    # One node goes on where two stopped.
    with agent(None, None, job("torn", 24, None), tmp_path) as alone:
        last = alone.end()
    assert last["event"] == "result", last
    assert last["resumed_from"] >= 12
    losses(alone.events, found)
    assert found == baseline
    assert last["metrics"] == whole["metrics"]


def test_fsdp_shards_are_saved_by_two_nodes_and_gathered_by_one(network: NodeNetwork, tmp_path: Path) -> None:
    found: dict[int, float] = {}
    with agents(network, job("shards", 12, {"count": 2, "strategy": "fsdp"}), tmp_path) as (leader, member):
        leader.until(lambda event: event["event"] == "checkpoint" and event["step"] == 8)
        member.kill_worker()
        assert [leader.end()["event"], member.end()["event"]] == ["failed", "failed"]
    losses(leader.events, found)
    with agent(None, None, job("shards", 12, None), tmp_path) as alone:
        last = alone.end()
    assert last["event"] == "result", last
    assert last["resumed_from"] == 8
    found |= {event["step"]: event["loss"] for event in alone.events if "loss" in event}
    with agent(None, None, job("alone", 12, None), tmp_path) as other:
        expected = other.end()
    baseline: dict[int, float] = {}
    losses(other.events, baseline)
    # Clipping adds the squares of sharded gradients in another order, so the last bits may differ.
    assert found == pytest.approx(baseline, rel=1e-4)
    assert last["metrics"]["loss"] == pytest.approx(expected["metrics"]["loss"], rel=1e-4)
