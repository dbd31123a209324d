"""Nodes 1 and up: find the leader by the ticket, are admitted, and come back with the certificate of their rank."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding

from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.nodes.certificates import (
    Identity,
    NodeName,
    certificate_request,
    enrolment,
    issued_by,
    load,
    public_bytes,
    read_name,
)
from trainer.nodes.link import Link, connect, context
from trainer.nodes.messages import Admitted, Enrol, Refused, decode, encode, parse
from trainer.nodes.node import Keys, own_document
from trainer.nodes.place import WIREGUARD_PORT, NodePlace
from trainer.nodes.ticket import Ticket
from trainer.nodes.wireguard import outer_mtu

_PAUSE = 0.5


@dataclass(frozen=True)
class Membership:
    """A node that was admitted, and its connection to the leader."""

    ticket: Ticket
    keys: Keys
    document: bytes | None
    link: Link


def find_leader(
    job: JobSpec,
    place: NodePlace,
    run: Identity,
    read: Callable[[], Ticket | None],
    deadline: float,
    fabric_address: str | None,
) -> Membership:
    """Joins the newest generation; tries again while the leader is not there yet, until `deadline`.

    A refusal by the leader itself is final. An address where nobody answers, or somebody without the generation's
    key, is that of an earlier generation, or of an attacker.
    """
    last = "there is no ticket yet"
    while True:
        ticket = read()
        if ticket is not None:
            if ticket.world != job.world:
                last = f"its ticket is for {ticket.world} nodes, this job for {job.world}"
            else:
                try:
                    met = _join(job, place, run, ticket, fabric_address)
                except TrainerError as error:
                    if error.reason != Reason.PEER:
                        raise
                    last = str(error)
                else:
                    if isinstance(met, Refused):
                        raise TrainerError(Reason.PEER, f"the leader refuses node {place.rank}: {met.message}")
                    return met
        if time.monotonic() > deadline:
            raise TrainerError(Reason.PEER, f"node {place.rank} found no leader of run {job.run}: {last}")
        time.sleep(_PAUSE)


def _join(
    job: JobSpec, place: NodePlace, run: Identity, ticket: Ticket, fabric_address: str | None
) -> Membership | Refused:
    keys = Keys()
    document = own_document(place, keys, ticket.generation)
    asking = context(enrolment(run, job.tenant, job.run), [ticket.certificate], server=False)
    link = _leader(job, ticket, connect(ticket.address, ticket.port, asking))
    try:
        address = fabric_address or place.address or link.local_address
        request = Enrol(
            rank=place.rank,
            request=encode(certificate_request(keys.certificate).public_bytes(Encoding.DER)),
            wireguard=keys.wireguard_public.hex(),
            port=WIREGUARD_PORT,
            address=address,
            mtu=outer_mtu(address),
            fabric=place.fabric,
            document=encode(document) if document else None,
        )
        link.send(request.model_dump(mode="json"))
        reply = parse(link.receive(), "the leader")
    finally:
        link.close()
    if isinstance(reply, Refused):
        return reply
    if not isinstance(reply, Admitted):
        raise TrainerError(Reason.PEER, f"the leader answered {reply.type}")
    certificate = load(decode(reply.certificate, "the leader's answer"), "the leader's answer")
    expected = NodeName(job.tenant, job.run, ticket.generation, place.rank, keys.wireguard_public)
    if read_name(certificate) != expected or public_bytes(certificate) != keys.certificate_public:
        raise TrainerError(Reason.PEER, f"the leader certified something else than asked: {read_name(certificate).uri}")
    mine = context(Identity(keys.certificate, certificate), [ticket.certificate], server=False)
    return Membership(ticket, keys, document, _leader(job, ticket, connect(ticket.address, ticket.port, mine)))


def _leader(job: JobSpec, ticket: Ticket, link: Link) -> Link:
    """The link, if it leads to rank 0 of this generation."""
    found = None
    if issued_by(link.certificate, ticket.certificate):
        name = read_name(link.certificate)
        found = (name.tenant, name.run, name.generation, name.rank)
    if found != (job.tenant, job.run, ticket.generation, 0):
        link.close()
        raise TrainerError(Reason.PEER, f"{ticket.address}:{ticket.port} is not the leader of this generation")
    return link
