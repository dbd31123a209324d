"""Node 0: opens a generation, admits each rank once, and tells all of them about each other."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.nodes.certificates import (
    Identity,
    NodeName,
    certificate_request,
    generation_authority,
    is_enrolment,
    issued_by,
    node_certificate,
    public_bytes,
    read_name,
)
from trainer.nodes.fabric import demand_encryption
from trainer.nodes.link import Link, accept, context
from trainer.nodes.messages import Admitted, Enrol, NodeEntry, Refused, decode, encode, parse
from trainer.nodes.node import Keys, check_peer, own_document
from trainer.nodes.place import CONTROL_PORT, WIREGUARD_PORT, NodePlace
from trainer.nodes.ticket import Ticket, authority_text
from trainer.nodes.wireguard import outer_mtu

_AT_ONCE = 64
"""Handshakes under way at one time; whoever connects beyond that is turned away."""


@dataclass
class Generation:
    """One start of a job with several nodes, as its leader holds it."""

    job: JobSpec
    place: NodePlace
    run: Identity
    """The run's authority, under which nodes ask to be admitted."""
    authority: Identity
    id: str
    keys: Keys
    own: Identity
    document: bytes | None
    refused: Callable[[str], None]
    """Told about everyone who was turned away, in words."""
    entries: dict[int, NodeEntry] = field(default_factory=dict)
    links: dict[int, Link] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ticket(self) -> Ticket:
        """What the members have to know."""
        assert self.place.address is not None  # checked before anything was started
        return Ticket(
            tenant=self.job.tenant,
            run=self.job.run,
            generation=self.id,
            world=self.job.world,
            address=self.place.address,
            port=CONTROL_PORT,
            authority=authority_text(self.authority.certificate),
        )

    def gather(self, listener: socket.socket, deadline: float) -> None:
        """Returns once every rank has connected with a certificate of this generation."""
        settings = context(self.own, [self.authority.certificate, self.run.certificate], server=True)
        limit = threading.BoundedSemaphore(_AT_ONCE)
        while len(self.links) < self.job.world - 1:
            if time.monotonic() > deadline:
                missing = sorted(set(range(1, self.job.world)) - self.links.keys())
                raise TrainerError(
                    Reason.PEER, f"nodes {missing} did not join in time; start them, or ask for fewer (nodes.count)"
                )
            if not select.select([listener], [], [], 0.2)[0]:
                continue
            sock, _ = listener.accept()
            if not limit.acquire(blocking=False):
                sock.close()
                continue
            threading.Thread(target=self._meet, args=(sock, settings, limit), daemon=True).start()

    def _meet(self, sock: socket.socket, settings: ssl.SSLContext, limit: threading.BoundedSemaphore) -> None:
        """One connection, which may be anybody's. In a thread, so that nobody keeps the others waiting."""
        where = "somebody"
        try:
            where = f"{sock.getpeername()[0]}"
            self._sort(accept(sock, settings))
        except (TrainerError, OSError) as error:
            self.refused(f"{where}: {error}")
        finally:
            limit.release()

    def _sort(self, link: Link) -> None:
        certificate = link.certificate
        if issued_by(certificate, self.authority.certificate):
            self._join(link, certificate)
        elif issued_by(certificate, self.run.certificate) and is_enrolment(certificate, self.job.tenant, self.job.run):
            try:
                self._enrol(link)
            finally:
                link.close()
        else:
            link.close()
            raise TrainerError(Reason.PEER, "shows a certificate that opens nothing here")

    def _join(self, link: Link, certificate: x509.Certificate) -> None:
        name = read_name(certificate)
        with self._lock:
            current = self.entries.get(name.rank)
            if (
                name.rank == 0
                or name.rank in self.links
                or not current
                or current.certificate != encode(certificate.public_bytes(Encoding.DER))
            ):
                link.close()
                raise TrainerError(Reason.PEER, f"node {name.rank}: is here already, or was admitted anew since")
            self.links[name.rank] = link

    def _enrol(self, link: Link) -> None:
        request = parse(link.receive(), link.remote_address)
        if not isinstance(request, Enrol):
            raise TrainerError(Reason.PEER, f"sent {request.type} where a request to be admitted was expected")
        try:
            certificate = self._admit(request)
        except TrainerError as error:
            link.send(Refused(message=str(error)).model_dump(mode="json"))
            raise
        link.send(Admitted(certificate=encode(certificate.der)).model_dump(mode="json"))

    def _admit(self, request: Enrol) -> Identity:
        who = f"node {request.rank}"
        if not 1 <= request.rank < self.job.world:
            raise TrainerError(Reason.PEER, f"{who}: the job's nodes are 0 to {self.job.world - 1}")
        assert self.job.nodes is not None  # a generation is of a job with several nodes
        if self.job.nodes.fabric == "provider":
            demand_encryption(request.fabric, who)
        try:
            asked = x509.load_der_x509_csr(decode(request.request, who))
        except ValueError as error:
            raise TrainerError(Reason.PEER, f"{who}: not a certificate request: {error}") from error
        name = self._name(request.rank, bytes.fromhex(request.wireguard))
        issued = node_certificate(self.authority, name, asked)
        document = decode(request.document, who) if request.document else None
        public = public_bytes(issued.certificate)
        check_peer(self.job, self.place, self.id, self.document, public, document, who)
        entry = NodeEntry(
            certificate=encode(issued.der),
            address=request.address,
            port=request.port,
            mtu=request.mtu,
            document=request.document,
        )
        with self._lock:
            if request.rank in self.links:
                raise TrainerError(Reason.PEER, f"{who} is here already; two nodes were started with the same number")
            # A node that asked and was cut off before it joined may ask again.
            self.entries[request.rank] = entry
        return issued

    def _name(self, rank: int, wireguard: bytes) -> NodeName:
        return NodeName(self.job.tenant, self.job.run, self.id, rank, wireguard)


@contextmanager
def opened(
    job: JobSpec, place: NodePlace, run: Identity, refused: Callable[[str], None]
) -> Iterator[tuple[Generation, socket.socket]]:
    """A new generation and the socket at which members are awaited."""
    generation = os.urandom(16).hex()
    authority = generation_authority(generation)
    keys = Keys()
    name = NodeName(job.tenant, job.run, generation, 0, keys.wireguard_public)
    issued = node_certificate(authority, name, certificate_request(keys.certificate))
    document = own_document(place, keys, generation)
    assert place.address is not None  # checked before anything was started
    made = Generation(
        job, place, run, authority, generation, keys, Identity(keys.certificate, issued.certificate), document, refused
    )
    made.entries[0] = NodeEntry(
        certificate=encode(issued.der),
        address=place.address,
        port=WIREGUARD_PORT,
        mtu=outer_mtu(place.address),
        document=encode(document) if document else None,
    )
    try:
        family = socket.AF_INET6 if ":" in place.address else socket.AF_INET
        listener = socket.create_server((place.address, CONTROL_PORT), family=family)
    except OSError as error:
        raise TrainerError(Reason.PEER, f"cannot listen at {place.address}:{CONTROL_PORT}: {error}") from error
    with listener:
        yield made, listener
