"""What the agents of a job say to each other."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from trainer.checkpoint.manifest import SealedFile
from trainer.errors import Reason, TrainerError
from trainer.formats.names import Digest, Frozen
from trainer.nodes.fabric import FabricFacts


class Enrol(Frozen):
    """Member, with a certificate of the run: asks for a certificate of this generation."""

    type: Literal["enrol"] = "enrol"
    rank: int = Field(ge=1, le=1023)
    request: str
    """DER certificate request, base64."""
    wireguard: Digest
    """The WireGuard public key, hexadecimal."""
    port: int = Field(ge=1, le=65535)
    address: str
    """Where the node's WireGuard, or its interface on the provider's network, is reached."""
    mtu: int = Field(ge=1280, le=65535)
    """The largest packet on the interface with that address."""
    fabric: FabricFacts | None = None
    document: str | None = None
    """Attestation document, base64."""


class Admitted(Frozen):
    """Leader: the certificate, DER in base64."""

    type: Literal["admitted"] = "admitted"
    certificate: str


class Refused(Frozen):
    """Either: not done, and why."""

    type: Literal["refused"] = "refused"
    message: str = Field(max_length=4000)


class NodeEntry(Frozen):
    """One node as the others have to know it."""

    certificate: str
    address: str
    port: int
    mtu: int
    document: str | None


class Resume(Frozen):
    """The checkpoint that all ranks go on from."""

    step: int
    manifest: Digest


class Roster(Frozen):
    """Leader: every node by rank, and where to go on from."""

    type: Literal["roster"] = "roster"
    nodes: tuple[NodeEntry, ...] = Field(min_length=2, max_length=64)
    resume: Resume | None


class Ready(Frozen):
    """Member: its network stands. Leader: everybody's does; begin."""

    type: Literal["ready"] = "ready"


class Deliver(Frozen):
    """Leader: check and upload the file of your rank for this step; `length` is that of its plaintext."""

    type: Literal["deliver"] = "deliver"
    step: int = Field(ge=0)
    length: int = Field(ge=0)


class Delivered(Frozen):
    """Member: done; the entry for the manifest."""

    type: Literal["delivered"] = "delivered"
    file: SealedFile


class Finished(Frozen):
    """Member: its worker is done. Leader: everybody's is; good-bye."""

    type: Literal["finished"] = "finished"


Message = Enrol | Admitted | Refused | Roster | Ready | Deliver | Delivered | Finished
_ANY: TypeAdapter[Any] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def parse(document: dict[str, Any] | None, sender: str) -> Message:
    """A message as its class; `TrainerError(PEER)` for anything else, and for the end of the connection."""
    if document is None:
        raise TrainerError(Reason.PEER, f"{sender} closed the connection")
    try:
        message: Message = _ANY.validate_python(document)
    except ValidationError as error:
        raise TrainerError(Reason.PEER, f"{sender} sent what is no message: {error.error_count()} problems") from error
    return message


def encode(data: bytes) -> str:
    """Bytes as they stand in a message."""
    return base64.b64encode(data).decode()


def decode(text: str, what: str) -> bytes:
    """The bytes that stand in a message."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise TrainerError(Reason.PEER, f"{what}: not base64") from error
