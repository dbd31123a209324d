"""Checking a ledger as a whole, and the proofs that are handed to someone who has only a head."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.errors import AttestationError
from attestation.ledger.entry import GENESIS
from attestation.ledger.head import Head, head_verifies
from attestation.ledger.merkle import consistency_proof, inclusion_proof, prefix_roots, root
from attestation.ledger.store import Ledger
from attestation.result import Check, failed, judged, passed


def check(ledger: Ledger, key: ec.EllipticCurvePublicKey, earlier: Head | None = None) -> list[Check]:
    """Every link, every head, and that a head seen earlier is still part of the history.

    Args:
        ledger: what was read.
        key: the key that signs heads; known to the checker from elsewhere.
        earlier: a head that the checker kept from before, or None.
    """
    checks = [_links(ledger), _tenant(ledger), *_heads(ledger, key)]
    if earlier is not None:
        checks.append(_earlier(ledger, key, earlier))
    return checks


def _links(ledger: Ledger) -> Check:
    previous = GENESIS
    for number, entry in enumerate(ledger.entries):
        if entry.sequence != number or entry.previous != previous:
            return failed(
                "links",
                expected=f"sequence {number}, previous {previous}",
                actual=f"sequence {entry.sequence}, previous {entry.previous}",
                detail=f"entry {number} does not follow the one before",
            )
        previous = entry.sha256()
    return passed("links", actual=f"{len(ledger.entries)} entries")


def _tenant(ledger: Ledger) -> Check:
    strangers = sorted(({e.tenant for e in ledger.entries} | {h.tenant for h in ledger.heads}) - {ledger.tenant})
    return judged("tenant", not strangers, expected=ledger.tenant, actual=strangers or ledger.tenant)


def _heads(ledger: Ledger, key: ec.EllipticCurvePublicKey) -> list[Check]:
    if not ledger.heads:
        return [failed("heads", expected="a signed head", actual="none")]
    bad = [str(head.size) for head in ledger.heads if not head_verifies(head, key)]
    checks = [
        judged(
            "head_signatures",
            not bad,
            expected="signed with the ledger's key",
            actual=f"heads of size {', '.join(bad)} are not" if bad else f"{len(ledger.heads)} heads",
        )
    ]
    sizes = [head.size for head in ledger.heads]
    checks.append(judged("head_order", sizes == sorted(set(sizes)), expected="sizes that grow", actual=sizes[-5:]))
    roots = prefix_roots(ledger.leaves())
    wrong = [h.size for h in ledger.heads if h.size > len(roots) or roots[h.size - 1].hex() != h.root]
    checks.append(
        judged(
            "head_roots",
            not wrong,
            expected="the root over the entries",
            actual=wrong[:8] or "so",
            detail="entries were changed, removed or put in after these heads were signed" if wrong else "",
        )
    )
    covered = max(sizes)
    checks.append(
        judged(
            "complete",
            covered == len(ledger.lines),
            expected=f"{len(ledger.lines)} entries under the last head",
            actual=covered,
        )
    )
    return checks


def _matches(ledger: Ledger, head: Head) -> bool:
    return head.size <= len(ledger.lines) and root(ledger.leaves(head.size)).hex() == head.root


def _earlier(ledger: Ledger, key: ec.EllipticCurvePublicKey, earlier: Head) -> Check:
    good = earlier.tenant == ledger.tenant and head_verifies(earlier, key) and _matches(ledger, earlier)
    return judged(
        "earlier_head",
        good,
        expected=f"a history that still begins with the {earlier.size} entries known",
        actual="so" if good else "another history",
    )


def prove_inclusion(ledger: Ledger, index: int) -> dict[str, Any]:
    """One entry with its audit path to the last head, for someone who may see nothing else.

    Raises:
        AttestationError: no head, or the entry is not under it.
    """
    head = _last(ledger)
    path = inclusion_proof(index, ledger.leaves(head.size))
    return {
        "type": "inclusion",
        "entry": ledger.lines[index].decode(),
        "index": index,
        "path": [node.hex() for node in path],
        "head": head.model_dump(mode="json"),
    }


def prove_consistency(ledger: Ledger, first: int) -> dict[str, Any]:
    """That the last head continues the one of size `first`.

    Raises:
        AttestationError: no head of that size was ever signed.
    """
    head = _last(ledger)
    old = next((h for h in ledger.heads if h.size == first), None)
    if old is None:
        raise AttestationError(f"ledger of {ledger.tenant}: no head of size {first} was signed")
    path = consistency_proof(first, ledger.leaves(head.size))
    return {
        "type": "consistency",
        "first": old.model_dump(mode="json"),
        "path": [node.hex() for node in path],
        "head": head.model_dump(mode="json"),
    }


def _last(ledger: Ledger) -> Head:
    if not ledger.heads:
        raise AttestationError(f"ledger of {ledger.tenant}: no head was signed yet")
    head = ledger.heads[-1]
    if head.size > len(ledger.lines):
        raise AttestationError(
            f"ledger of {ledger.tenant}: the last head covers {head.size} entries, {len(ledger.lines)} are here"
        )
    return head
