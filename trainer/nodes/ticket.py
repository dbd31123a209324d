"""The ticket: where the leader of a generation is, and under which authority it issues certificates.

It lies beside the run's checkpoints, signed with the run's key, which only nodes of the run obtain from KMS. A ticket
of an earlier generation leads to an address where nobody has that generation's key any more.
"""

from __future__ import annotations

from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import Field, ValidationError

from trainer.errors import Reason, TrainerError
from trainer.formats.names import Frozen, Name
from trainer.formats.signing import open_signed, sign_document
from trainer.nodes.certificates import load
from trainer.nodes.messages import decode, encode
from trainer.store.objects import ObjectStore

TICKET: Final = "nodes.json"
TYPE: Final = "application/vnd.bulkhead.nodes+json"


class Ticket(Frozen):
    """One generation of a job with several nodes."""

    format: Literal["bulkhead-nodes/1"] = "bulkhead-nodes/1"
    tenant: Name
    run: Name
    generation: str = Field(pattern=r"^[0-9a-f]{32}$")
    world: int = Field(ge=2)
    address: str
    port: int = Field(ge=1, le=65535)
    authority: str
    """The generation's certificate, DER in base64."""

    @property
    def certificate(self) -> x509.Certificate:
        """The generation's authority."""
        return load(decode(self.authority, "ticket"), "ticket")


def write_ticket(store: ObjectStore, ticket: Ticket, key: Ed25519PrivateKey) -> None:
    """Publishes the ticket."""
    store.put(TICKET, sign_document(ticket.model_dump(mode="json"), TYPE, key))


def read_ticket(store: ObjectStore, trusted: tuple[str, ...], tenant: str, run: str) -> Ticket | None:
    """The newest ticket of the run, or None when there is none. Raises for one that is not the run's own."""
    if not store.exists(TICKET):
        return None
    name = f"{store.url}/{TICKET}"
    document = open_signed(store.get(TICKET), TYPE, trusted, name)
    try:
        ticket = Ticket.model_validate(document)
    except ValidationError as error:
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: not a ticket: {error}") from error
    if (ticket.tenant, ticket.run) != (tenant, run):
        raise TrainerError(Reason.FOREIGN, f"{name}: is for {ticket.tenant}, {ticket.run}, not for {tenant}, {run}")
    return ticket


def authority_text(certificate: x509.Certificate) -> str:
    """A certificate as it stands in a ticket."""
    return encode(certificate.public_bytes(Encoding.DER))
