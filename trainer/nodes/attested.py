"""Nodes that show each other what they booted: optional, and the record says when it was not done.

A node's document carries the hash of its certificate's key. A peer is accepted if its document is genuine, fresh for
this generation, made for that key, and shows the same measurements as the accepting node's own: KMS has judged the
node's own measurements before it released the run's key, so equality is all that is left to check.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from attestation.certificates import Roots
from attestation.errors import AttestationError
from attestation.kinds import nitro
from attestation.result import Claims, Status, sentence
from attestation.roots import AWS_NITRO
from trainer.errors import Reason, TrainerError

REGISTERS = ("4", "7", "12")
"""The boot loader and kernel, the Secure Boot policy, the kernel's command line: what key policies are bound to."""


class Prover(Protocol):
    """A source of NitroTPM attestation documents (see trainer/attest)."""

    def document(self, public_key: bytes, nonce: bytes | None = None, user_data: bytes | None = None) -> bytes:
        """A fresh document that carries these values."""
        ...


@dataclass(frozen=True)
class Attestation:
    """This node's means to attest and to judge its peers."""

    prover: Prover
    roots: Roots = AWS_NITRO
    """What a peer's document may lead to: AWS's root, or that of the local cloud."""

    def own(self, public_key: bytes, generation: str) -> bytes:
        """This node's document for its certificate's key (DER SubjectPublicKeyInfo)."""
        return self.prover.document(public_key, bytes.fromhex(generation), hashlib.sha256(public_key).digest())

    def accept(self, own: bytes, theirs: bytes | None, public_key: bytes, generation: str, who: str) -> None:
        """Raises `TrainerError(PEER)` unless the peer with this key booted what this node booted."""
        if theirs is None:
            raise TrainerError(Reason.PEER, f"{who} shows no attestation document, and the job demands one")
        claims = _claims(theirs, generation, self.roots, who)
        if claims.values["user_data"] != hashlib.sha256(public_key).hexdigest():
            raise TrainerError(Reason.PEER, f"{who}: its attestation document was made for another key")
        mine = _claims(own, generation, self.roots, "this node")
        for register in REGISTERS:
            expected, found = mine.values["pcrs"].get(register), claims.values["pcrs"].get(register)
            if expected is None or expected != found:
                raise TrainerError(
                    Reason.PEER, f"{who}: PCR {register} is {found}, not {expected} as on this node; another image?"
                )


def _claims(document: bytes, generation: str, roots: Roots, who: str) -> Claims:
    try:
        claims = nitro.verify(document, nonce=bytes.fromhex(generation), now=datetime.now(UTC), roots=roots)
    except AttestationError as error:
        raise TrainerError(Reason.PEER, f"{who}: its attestation document cannot be read: {error}") from error
    if not claims.genuine or not claims.anchored:
        failed = [sentence(check) for check in claims.checks if check.status is Status.FAIL]
        raise TrainerError(Reason.PEER, f"{who}: its attestation document is not genuine: {'; '.join(failed)}"[:2000])
    return claims
