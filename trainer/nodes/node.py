"""What leader and members have in common while they meet: keys, documents, and the check of everybody's certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.nodes.certificates import NodeName, issued_by, load, new_key, public_bytes, read_name
from trainer.nodes.messages import NodeEntry, decode
from trainer.nodes.place import NodePlace
from trainer.nodes.wireguard import TunnelPeer, tunnel_address


@dataclass(frozen=True)
class Keys:
    """This node's fresh keys for one generation."""

    certificate: ec.EllipticCurvePrivateKey = field(default_factory=new_key, repr=False)
    wireguard: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate, repr=False)

    @property
    def wireguard_public(self) -> bytes:
        """The WireGuard public key, 32 bytes."""
        return self.wireguard.public_key().public_bytes_raw()

    @property
    def certificate_public(self) -> bytes:
        """DER SubjectPublicKeyInfo of the certificate's key."""
        return self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def own_document(place: NodePlace, keys: Keys, generation: str) -> bytes | None:
    """This node's attestation document for this generation, where it has a source of them."""
    if place.attestation is None:
        return None
    return place.attestation.own(keys.certificate_public, generation)


def check_peer(
    job: JobSpec,
    place: NodePlace,
    generation: str,
    mine: bytes | None,
    public_key: bytes,
    theirs: bytes | None,
    who: str,
) -> bool:
    """Whether the peer was attested. Raises `TrainerError(PEER)` where it does not hold what the job demands.

    A node that can judge a document judges it even where the job does not demand one.
    """
    if place.attestation is None or mine is None or (theirs is None and not (job.nodes and job.nodes.attested)):
        return False
    place.attestation.accept(mine, theirs, public_key, generation, who)
    return True


def check_roster(
    entries: Sequence[NodeEntry],
    authority: x509.Certificate,
    job: JobSpec,
    place: NodePlace,
    generation: str,
    mine: bytes | None,
) -> tuple[list[NodeName], list[bool]]:
    """Every rank's name, and whether it was attested; each certificate is judged here, not on the leader's word."""
    if len(entries) != job.world:
        raise TrainerError(Reason.PEER, f"the leader lists {len(entries)} nodes, the job has {job.world}")
    names: list[NodeName] = []
    attested: list[bool] = []
    for rank, entry in enumerate(entries):
        certificate = load(decode(entry.certificate, f"node {rank}"), f"node {rank}")
        if not issued_by(certificate, authority):
            raise TrainerError(Reason.PEER, f"node {rank}: its certificate is not of this generation of the job")
        name = read_name(certificate)
        if (name.tenant, name.run, name.generation, name.rank) != (job.tenant, job.run, generation, rank):
            raise TrainerError(Reason.PEER, f"node {rank}: its certificate is for {name.uri}")
        theirs = decode(entry.document, f"node {rank}") if entry.document else None
        who = f"node {rank}"
        attested.append(check_peer(job, place, generation, mine, public_bytes(certificate), theirs, who))
        names.append(name)
    if len({name.wireguard for name in names}) != len(names):
        raise TrainerError(Reason.PEER, "two nodes of the job have the same WireGuard key")
    return names, attested


def tunnel_peers(entries: Sequence[NodeEntry], names: Sequence[NodeName], rank: int) -> list[TunnelPeer]:
    """The other nodes as this node's tunnel has to know them."""
    return [
        TunnelPeer(name.wireguard, (entry.address, entry.port), address(name.rank))
        for entry, name in zip(entries, names, strict=True)
        if name.rank != rank
    ]


def address(rank: int) -> IPv4Address:
    """The address of a rank in the tunnel."""
    return tunnel_address(rank)
