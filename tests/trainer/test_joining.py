"""How nodes recognise each other, without a network namespace: certificates, links, tickets, facts and places."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from attestation import nitro_issuer
from attestation.certificates import Roots
from tests.trainer.support import cancer_job
from trainer import agent
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.formats.signing import public_key_text
from trainer.job import JobSpec, Nodes, TrainingSettings
from trainer.nodes import place as places
from trainer.nodes.attested import Attestation
from trainer.nodes.certificates import (
    Identity,
    NodeName,
    certificate_request,
    enrolment,
    generation_authority,
    is_enrolment,
    issued_by,
    new_key,
    node_certificate,
    public_bytes,
    read_name,
    run_authority,
)
from trainer.nodes.control import Control
from trainer.nodes.fabric import FabricFacts, aws_facts, demand_encryption
from trainer.nodes.leader import opened
from trainer.nodes.link import Link, accept, connect, context
from trainer.nodes.member import find_leader
from trainer.nodes.messages import Deliver, Delivered, Finished, Message, NodeEntry, Refused, encode
from trainer.nodes.node import Keys, check_roster
from trainer.nodes.place import NodePlace, check_place
from trainer.nodes.ticket import TICKET, Ticket, authority_text, read_ticket, write_ticket
from trainer.nodes.wireguard import TunnelPeer, tunnel_address
from trainer.nodes.wireguard import _configuration as configuration
from trainer.store.objects import open_store

GENERATION = "ab" * 16
RUN_KEY = Ed25519PrivateKey.from_private_bytes(b"r" * 32)


def two_nodes(**changes: Any) -> JobSpec:
    return cancer_job(20, run="r1", nodes=Nodes(count=2, **changes))


def node(authority: Identity, rank: int, *, tenant: str = "acme", run: str = "r1") -> Identity:
    key = new_key()
    name = NodeName(tenant, run, GENERATION, rank, os.urandom(32))
    return Identity(key, node_certificate(authority, name, certificate_request(key)).certificate)


# --- certificates ----------------------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,62}", fullmatch=True)


@given(NAMES, NAMES, st.binary(min_size=16, max_size=16), st.integers(0, 1023), st.binary(min_size=32, max_size=32))
def test_a_certificate_says_whom_it_speaks_for(tenant: str, run: str, generation: bytes, rank: int, key: bytes) -> None:
    name = NodeName(tenant, run, generation.hex(), rank, key)
    made = node_certificate(AUTHORITY, name, REQUEST)
    assert read_name(made.certificate) == name
    assert issued_by(made.certificate, AUTHORITY.certificate)


AUTHORITY = generation_authority(GENERATION)
REQUEST = certificate_request(new_key())


def test_only_the_authority_itself_issues() -> None:
    namesake = generation_authority(GENERATION)
    assert namesake.certificate.subject == AUTHORITY.certificate.subject
    mine = node(AUTHORITY, 1)
    assert issued_by(mine.certificate, AUTHORITY.certificate)
    assert not issued_by(mine.certificate, namesake.certificate)
    assert not issued_by(mine.certificate, mine.certificate)


def test_the_runs_authority_is_the_same_on_every_node_that_holds_the_runs_key() -> None:
    here, there = run_authority(RUN_KEY, "acme", "r1"), run_authority(RUN_KEY, "acme", "r1")
    asking = enrolment(here, "acme", "r1").certificate
    assert issued_by(asking, there.certificate)
    assert is_enrolment(asking, "acme", "r1")
    assert not is_enrolment(asking, "acme", "r2")
    assert not is_enrolment(node(AUTHORITY, 1).certificate, "acme", "r1")
    with pytest.raises(TrainerError, match="not that of a node"):
        read_name(asking)


# --- links -----------------------------------------------------------------------------------------------------------


def meet(server: Any, client: Any) -> tuple[Link | Exception, Link | Exception]:
    """Both ends of a connection on loopback, or what each side made of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    results: list[Link | Exception] = []

    def serve() -> None:
        try:
            results.append(accept(listener.accept()[0], server))
        except TrainerError as error:
            results.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        theirs: Link | Exception = connect("127.0.0.1", listener.getsockname()[1], client)
    except TrainerError as error:
        theirs = error
    thread.join()
    listener.close()
    return results[0], theirs


def test_both_sides_must_belong_to_the_generation() -> None:
    other = generation_authority("cd" * 16)
    good = context(node(AUTHORITY, 0), [AUTHORITY.certificate], server=True)
    left, right = meet(good, context(node(AUTHORITY, 1), [AUTHORITY.certificate], server=False))
    assert isinstance(left, Link)
    assert isinstance(right, Link)
    assert read_name(left.certificate).rank == 1
    assert read_name(right.certificate).rank == 0
    left.send({"type": "finished"})
    assert right.receive() == {"type": "finished"}
    left.close()
    assert right.receive() is None
    right.close()
    refused, _ = meet(good, context(node(other, 1), [AUTHORITY.certificate], server=False))
    assert isinstance(refused, TrainerError)
    assert refused.reason == Reason.PEER
    _, refused = meet(
        context(node(other, 0), [AUTHORITY.certificate], server=True),
        context(node(AUTHORITY, 1), [AUTHORITY.certificate], server=False),
    )
    assert isinstance(refused, TrainerError)


def linked() -> tuple[Link, Link]:
    left, right = meet(
        context(node(AUTHORITY, 0), [AUTHORITY.certificate], server=True),
        context(node(AUTHORITY, 1), [AUTHORITY.certificate], server=False),
    )
    assert isinstance(left, Link)
    assert isinstance(right, Link)
    return left, right


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x05[1,2]", b"\x00\x00\x00\x09{}"])
def test_frames_that_are_no_messages_are_refused(data: bytes) -> None:
    left, right = linked()
    left._socket.sendall(data)
    left.close()
    with pytest.raises(TrainerError) as caught:
        right.receive()
    assert caught.value.reason == Reason.PEER
    right.close()


# --- control ---------------------------------------------------------------------------------------------------------


class Controls:
    """Leader's and member's control over one link."""

    def __init__(self, answer: Callable[[Message], Message]) -> None:
        left, right = linked()
        self.words: list[str] = []
        self.lost = threading.Event()
        self.leader = Control({1: left}, lambda _: Refused(message="no"), self._lose)
        self.member = Control({0: right}, answer, self._lose)

    def _lose(self, words: str) -> None:
        self.words.append(words)
        self.lost.set()

    def close(self) -> None:
        self.leader.close()
        self.member.close()


def sealed() -> dict[str, Any]:
    return {"rank": 1, "object": "step-0000000004/rank-00001.bh", "commitment": "0" * 64, "wrapped_key": "a"}


def test_questions_are_answered_refused_and_ended() -> None:
    answers = iter([Delivered.model_validate({"file": sealed()}), Refused(message="disk full")])
    controls = Controls(lambda _: next(answers))
    try:
        reply = controls.leader.ask(1, Deliver(step=4, length=10), 60)
        assert isinstance(reply, Delivered)
        assert reply.file.rank == 1
        with pytest.raises(TrainerError, match="node 1: disk full"):
            controls.leader.ask(1, Deliver(step=8, length=10), 60)
        controls.member.tell_all(Finished())
        controls.leader.wait_finished(60)
        controls.leader.tell_all(Finished())
        controls.member.wait_finished(60)
    finally:
        controls.close()
    assert controls.words == []


def test_a_lost_node_ends_every_question() -> None:
    controls = Controls(lambda _: Refused(message="never"))
    controls.member.close()
    assert controls.lost.wait(60)
    assert "node 1 of the job was lost" in controls.words[0]
    with pytest.raises(TrainerError, match="node 1 of the job was lost"):
        controls.leader.ask(1, Deliver(step=4, length=10), 60)
    with pytest.raises(TrainerError, match="node 1 of the job was lost"):
        controls.leader.wait_finished(60)
    controls.leader.close()


# --- tickets ---------------------------------------------------------------------------------------------------------


def ticket(**changes: Any) -> Ticket:
    values = {"tenant": "acme", "run": "r1", "generation": GENERATION, "world": 2, "address": "127.0.0.1", "port": 9}
    return Ticket.model_validate(values | {"authority": authority_text(AUTHORITY.certificate)} | changes)


def test_a_ticket_is_the_runs_own_or_none(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}")
    trusted = (public_key_text(RUN_KEY),)
    assert read_ticket(store, trusted, "acme", "r1") is None
    write_ticket(store, ticket(), RUN_KEY)
    found = read_ticket(store, trusted, "acme", "r1")
    assert found == ticket()
    assert found.certificate == AUTHORITY.certificate
    with pytest.raises(TrainerError, match="r2") as caught:
        read_ticket(store, trusted, "acme", "r2")
    assert caught.value.reason == Reason.FOREIGN
    write_ticket(store, ticket(), Ed25519PrivateKey.generate())
    with pytest.raises(TrainerError) as caught:
        read_ticket(store, trusted, "acme", "r1")
    assert caught.value.reason == Reason.BAD_SIGNATURE
    whole = store.get(TICKET)
    for data in (b"", b"{}", whole[:-2], whole.replace(b"nodes+json", b"model+json")):
        store.put(TICKET, data)
        with pytest.raises(TrainerError):
            read_ticket(store, trusted, "acme", "r1")


# --- leader and members, on loopback ---------------------------------------------------------------------------------


class Meeting:
    """A leader that waits, and what it turned away."""

    def __init__(self, job: JobSpec, place: NodePlace) -> None:
        self.job, self.place = job, place
        self.turned_away: list[str] = []
        self.failure: TrainerError | None = None
        self.run = run_authority(RUN_KEY, job.tenant, job.run)
        self._opened = opened(job, place, self.run, self.turned_away.append)

    def __enter__(self) -> Self:
        self.generation, self._listener = self._opened.__enter__()
        self._thread = threading.Thread(target=self._gather)
        self._thread.start()
        return self

    def _gather(self) -> None:
        try:
            self.generation.gather(self._listener, _soon())
        except TrainerError as error:
            self.failure = error

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._opened.__exit__(None, None, None)
        for link in self.generation.links.values():
            link.close()

    def member(self, place: NodePlace, *, run: Identity | None = None, wait: float = 0.0, **changes: Any) -> Any:
        given = self.generation.ticket().model_copy(update=changes)
        return find_leader(self.job, place, run or self.run, lambda: given, _soon(wait), None)


def _soon(seconds: float = 60.0) -> float:
    return time.monotonic() + seconds


@pytest.fixture
def free_port(monkeypatch: pytest.MonkeyPatch) -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    monkeypatch.setattr("trainer.nodes.leader.CONTROL_PORT", port)
    return port


LEADER = NodePlace(0, "127.0.0.1")


@pytest.mark.usefixtures("free_port")
def test_a_member_with_the_runs_key_is_admitted_once() -> None:
    job = cancer_job(20, run="r1", nodes=3, training=TrainingSettings(steps=20, batch_size=60))
    with Meeting(job, LEADER) as meeting:
        met = meeting.member(NodePlace(1))
        assert read_name(met.link.certificate).rank == 0
        with pytest.raises(TrainerError, match="node 1 is here already"):
            meeting.member(NodePlace(1))
        with pytest.raises(TrainerError, match="nodes are 0 to 2"):
            meeting.member(NodePlace(5))
        with pytest.raises(TrainerError, match=r"no authenticated connection|closed the connection|failed"):
            meeting.member(NodePlace(2), run=run_authority(Ed25519PrivateKey.generate(), "acme", "r1"))
        with pytest.raises(TrainerError, match=r"no authenticated connection|failed"):
            meeting.member(NodePlace(2), authority=authority_text(generation_authority(GENERATION).certificate))
        with pytest.raises(TrainerError, match="its ticket is for 2 nodes, this job for 3"):
            meeting.member(NodePlace(2), world=2)
        second = meeting.member(NodePlace(2))
    assert meeting.failure is None
    entries = [meeting.generation.entries[rank] for rank in range(3)]
    names, attested = check_roster(
        entries, meeting.generation.authority.certificate, job, NodePlace(1), meeting.generation.id, None
    )
    assert [name.rank for name in names] == [0, 1, 2]
    assert names[1].wireguard == met.keys.wireguard_public
    assert attested == [False] * 3
    met.link.close()
    second.link.close()


@pytest.mark.usefixtures("free_port")
def test_a_leader_that_waits_in_vain_names_who_is_missing() -> None:
    job = two_nodes()
    run = run_authority(RUN_KEY, "acme", "r1")
    with (
        opened(job, LEADER, run, lambda _: None) as (generation, listener),
        pytest.raises(TrainerError, match=r"nodes \[1\] did not join in time"),
    ):
        generation.gather(listener, _soon(0.1))


def entries(*identities: Identity) -> list[NodeEntry]:
    return [
        NodeEntry(certificate=encode(i.der), address="10.0.0.1", port=1, mtu=1500, document=None) for i in identities
    ]


def test_members_judge_the_roster_themselves() -> None:
    job, authority = two_nodes(), AUTHORITY.certificate
    zero, one = node(AUTHORITY, 0), node(AUTHORITY, 1)

    def judged(*identities: Identity) -> list[NodeName]:
        return check_roster(entries(*identities), authority, job, NodePlace(1), GENERATION, None)[0]

    assert [name.rank for name in judged(zero, one)] == [0, 1]
    foreign = {
        "the job has 2": (zero,),
        "certificate is for": (one, zero),
        "not of this generation": (zero, node(generation_authority(GENERATION), 1)),
        "urn:bulkhead:node:globex": (zero, node(AUTHORITY, 1, tenant="globex")),
        "urn:bulkhead:node:acme:r2": (zero, node(AUTHORITY, 1, run="r2")),
    }
    for words, identities in foreign.items():
        with pytest.raises(TrainerError, match=words) as caught:
            judged(*identities)
        assert caught.value.reason == Reason.PEER
    with pytest.raises(TrainerError, match="not of this generation"):
        check_roster(entries(zero, one), one.certificate, job, NodePlace(1), GENERATION, None)


# --- attestation -----------------------------------------------------------------------------------------------------


class Machine:
    """A machine whose hypervisor signs what it booted."""

    def __init__(self, issuer: nitro_issuer.Issuer, **pcrs: str) -> None:
        self._issuer = issuer
        booted = {"4": "image", "7": "secure boot", "12": "command line"} | {name[3:]: pcrs[name] for name in pcrs}
        self._pcrs = {int(name): value.encode().ljust(48, b"\x00") for name, value in booted.items()}

    def document(self, public_key: bytes, nonce: bytes | None = None, user_data: bytes | None = None) -> bytes:
        return nitro_issuer.issue(
            self._issuer, module_id="i-1", pcrs=self._pcrs, now=datetime.now(UTC), public_key=public_key,
            user_data=user_data, nonce=nonce,
        )  # fmt: skip


@pytest.fixture(scope="module")
def hypervisor() -> nitro_issuer.Issuer:
    return nitro_issuer.make_root("a test's hypervisor", datetime.now(UTC))


def attestation(issuer: nitro_issuer.Issuer, **pcrs: str) -> Attestation:
    return Attestation(Machine(issuer, **pcrs), Roots(certificates=(issuer.certificate,)))


def test_a_peer_is_accepted_if_it_booted_the_same(hypervisor: nitro_issuer.Issuer) -> None:
    here, key = attestation(hypervisor), public_bytes(node(AUTHORITY, 1).certificate)
    mine = here.own(public_bytes(node(AUTHORITY, 0).certificate), GENERATION)
    theirs = attestation(hypervisor).own(key, GENERATION)
    here.accept(mine, theirs, key, GENERATION, "node 1")
    stranger = nitro_issuer.make_root("somebody's hypervisor", datetime.now(UTC))
    wrong = {
        "no attestation document": None,
        "another key": attestation(hypervisor).own(public_bytes(node(AUTHORITY, 1).certificate), GENERATION),
        "not genuine": attestation(hypervisor).own(key, "cd" * 16),
        "is not genuine": attestation(stranger).own(key, GENERATION),
        "PCR 4": attestation(hypervisor, pcr4="another image").own(key, GENERATION),
        "PCR 7": attestation(hypervisor, pcr7="off").own(key, GENERATION),
        "PCR 12": attestation(hypervisor, pcr12="init=/bin/sh").own(key, GENERATION),
        "cannot be read": theirs[:-1],
    }
    for words, document in wrong.items():
        with pytest.raises(TrainerError, match=words) as caught:
            here.accept(mine, document, key, GENERATION, "node 1")
        assert caught.value.reason == Reason.PEER


@pytest.mark.usefixtures("free_port")
def test_an_attested_job_admits_only_what_attests(hypervisor: nitro_issuer.Issuer) -> None:
    job, leader = two_nodes(attested=True), replace(LEADER, attestation=attestation(hypervisor))
    with Meeting(job, leader) as meeting:
        with pytest.raises(TrainerError, match="shows no attestation document"):
            meeting.member(NodePlace(1))
        with pytest.raises(TrainerError, match="PCR 4"):
            meeting.member(NodePlace(1, attestation=attestation(hypervisor, pcr4="another image")))
        there = NodePlace(1, attestation=attestation(hypervisor))
        met = meeting.member(there)
    generation = meeting.generation
    roster = [generation.entries[rank] for rank in range(2)]
    _, attested = check_roster(roster, met.ticket.certificate, job, there, generation.id, met.document)
    assert attested == [True, True]
    bare = [roster[0].model_copy(update={"document": None}), roster[1]]
    with pytest.raises(TrainerError, match="node 0 shows no attestation document"):
        check_roster(bare, met.ticket.certificate, job, there, generation.id, met.document)
    met.link.close()


# --- the provider's network ------------------------------------------------------------------------------------------


def test_the_fabrics_encryption_is_read_and_demanded(session: Any) -> None:
    modern = aws_facts(session, "p5.48xlarge")
    assert modern.encrypted is True
    demand_encryption(modern, "node 0")
    old = aws_facts(session, "m4.large")
    assert old.encrypted is False
    with pytest.raises(TrainerError, match=r"m4\.large.*there is no unencrypted mode") as caught:
        demand_encryption(old, "node 0")
    assert caught.value.reason == Reason.BAD_JOB
    unknown = aws_facts(session, "x99.huge")
    assert unknown.encrypted is None
    absent = FabricFacts(cloud="gcp", machine_type="a3-ultragpu-8g", encrypted=None, source="no such attribute")
    for facts in (unknown, absent, None):
        with pytest.raises(TrainerError, match="wireguard"):
            demand_encryption(facts, "node 0")


# --- places and jobs -------------------------------------------------------------------------------------------------


def test_mistakes_are_refused_before_anything_starts(local: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    good = NodePlace(0, "10.0.0.1")
    check_place(cancer_job(20), None)
    provider = two_nodes(fabric="provider", interface="eth1")
    wrong: list[tuple[JobSpec, NodePlace | None, str]] = [
        (two_nodes(), None, "which one this is"),
        (two_nodes(), NodePlace(2, "10.0.0.1"), "nodes are 0 to 1"),
        (two_nodes(), NodePlace(-1, "10.0.0.1"), "nodes are 0 to 1"),
        (two_nodes(), NodePlace(0), "--address"),
        (two_nodes(), NodePlace(0, "leader.example"), "expected an IPv4"),
        (two_nodes(attested=True), good, "no source of attestation documents"),
        (provider, good, "nothing is known of node 0's network"),
        (cancer_job(20), NodePlace(1), "the job is for one node"),
    ]
    monkeypatch.setattr(places.os, "geteuid", lambda: 0)
    monkeypatch.setattr(places.shutil, "which", lambda name: f"/usr/bin/{name}")
    check_place(two_nodes(), good)
    for job, place, words in wrong:
        with pytest.raises(TrainerError, match=words) as caught:
            agent.run(job, local, place=place)
        assert caught.value.reason == Reason.BAD_JOB
    monkeypatch.setattr(places.shutil, "which", lambda name: None if name == "wg" else name)
    with pytest.raises(TrainerError, match="wg not found"):
        check_place(two_nodes(), good)
    monkeypatch.setattr(places.os, "geteuid", lambda: 1000)
    with pytest.raises(TrainerError, match="needs root"):
        check_place(two_nodes(), good)
    assert local.log.read("run.r1") == [], "nothing was started"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodes": 0}, "nodes"),
        ({"nodes": 65}, "nodes"),
        ({"nodes": -2}, "nodes"),
        ({"nodes": True}, "nodes"),
        ({"nodes": {"count": 2, "fabric": "none"}}, "wireguard"),
        ({"nodes": {"count": 2, "fabric": "plain"}}, "wireguard"),
        ({"nodes": {"count": 2, "fabric": "provider"}}, "interface"),
        ({"nodes": {"count": 2, "interface": "eth1"}}, "interface"),
        ({"nodes": {"count": 2, "fabric": "provider", "interface": "eth1; reboot"}}, "interface"),
        ({"nodes": 3}, "batch_size 64 cannot be cut into 3 slices"),
        ({"nodes": 4, "training": TrainingSettings(slices=2)}, "4 nodes cannot share 2 slices"),
        ({"nodes": 2, "training": TrainingSettings(accumulation=64)}, "cannot be cut"),
        ({"nodes": 2, "sandbox": "none"}, "sandbox 'strict'"),
        ({"nodes": 2, "training": TrainingSettings(background_checkpoints=True)}, "background_checkpoints"),
    ],
)
def test_jobs_that_cannot_be_shared_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        cancer_job(20, **changes)


def test_a_bare_number_of_nodes_is_short_for_the_whole() -> None:
    assert cancer_job(20, nodes=2) == cancer_job(20, nodes={"count": 2})
    assert cancer_job(20, nodes=1).nodes is None
    assert (cancer_job(20, nodes=2).world, cancer_job(20, nodes=2).slices, cancer_job(20).slices) == (2, 2, 1)


# --- tunnel ----------------------------------------------------------------------------------------------------------


def test_each_peer_has_its_own_address_and_no_other() -> None:
    keys = Keys()
    peers = [
        TunnelPeer(b"p" * 32, ("10.90.0.2", 51820), tunnel_address(1)),
        TunnelPeer(b"q" * 32, ("2001:db8::7", 51820), tunnel_address(2)),
    ]
    lines = configuration(keys.wireguard, 51820, peers).decode().splitlines()
    assert [line for line in lines if line.startswith("AllowedIPs")] == [
        "AllowedIPs = 10.64.0.2/32",
        "AllowedIPs = 10.64.0.3/32",
    ]
    assert [line for line in lines if line.startswith("Endpoint")] == [
        "Endpoint = 10.90.0.2:51820",
        "Endpoint = [2001:db8::7]:51820",
    ]
    assert lines.count("[Peer]") == 2
    assert len({str(tunnel_address(rank)) for rank in range(64)}) == 64


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    for thread in threading.enumerate():
        if thread.name == "control":
            thread.join(60)
    assert not [thread for thread in threading.enumerate() if thread.name == "control"], before
