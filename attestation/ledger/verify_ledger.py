"""A verifier of release ledgers that stands alone: the standard library and `cryptography`, nothing of Bulkhead.

    python verify_ledger.py --key head-key.pem --ledger DIRECTORY/TENANT [--head earlier-head.json]
    python verify_ledger.py --key head-key.pem --proof proof.json

It repeats on purpose what `attestation.ledger` does, from RFC 6962 alone, so that an auditor can read one file and
need not trust the code that wrote the ledger. Exit: 0 it holds, 1 it does not, 2 the input cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DOMAIN = b"bulkhead release ledger head v1\n"


class UnreadableError(ValueError):
    """The input is not what it should be."""


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def prefix_roots(leaves: list[bytes]) -> list[bytes]:
    """The roots of the first 1, 2, … leaves, each from the perfect trees that its size is a sum of."""
    roots: list[bytes] = []
    perfect: list[tuple[int, bytes]] = []
    for leaf in leaves:
        perfect.append((1, leaf))
        while len(perfect) > 1 and perfect[-1][0] == perfect[-2][0]:
            (size, right), (_, left) = perfect.pop(), perfect.pop()
            perfect.append((2 * size, sha256(b"\x01" + left + right)))
        value = perfect[-1][1]
        for _, left in reversed(perfect[:-1]):
            value = sha256(b"\x01" + left + value)
        roots.append(value)
    return roots


def head_is_signed(head: dict[str, Any], key: ec.EllipticCurvePublicKey) -> bool:
    """The signature over the head's other fields, in canonical JSON after the domain."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if head.get("key") != hashlib.sha256(der).hexdigest():
        return False
    fields = {name: head[name] for name in ("key", "root", "size", "tenant", "time")}
    message = DOMAIN + json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    try:
        key.verify(base64.b64decode(head["signature"], validate=True), message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def lines_of(path: Path) -> list[bytes]:
    """The lines of a file, each without its end."""
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        raise UnreadableError(f"{path}: the last line has no end")
    return data.split(b"\n")[:-1]


def verify_directory(directory: Path, key: ec.EllipticCurvePublicKey, earlier: dict[str, Any] | None) -> list[str]:
    """What is wrong with a tenant's ledger; nothing when it holds."""
    lines = lines_of(directory / "entries.jsonl")
    heads = [json.loads(line) for line in lines_of(directory / "heads.jsonl")]
    wrong = []
    previous = "0" * 64
    tenants = set()
    for number, line in enumerate(lines):
        entry = json.loads(line)
        tenants.add(entry["tenant"])
        if entry["sequence"] != number or entry["previous"] != previous:
            wrong.append(f"entry {number} does not follow the one before")
        previous = hashlib.sha256(line).hexdigest()
    roots = prefix_roots([sha256(b"\x00" + line) for line in lines])
    if not heads:
        wrong.append("no head was signed")
    for head in [*heads, *([earlier] if earlier else [])]:
        tenants.add(head["tenant"])
        if not head_is_signed(head, key):
            wrong.append(f"the head of size {head['size']} is not signed with this key")
        if not 0 < head["size"] <= len(roots) or roots[head["size"] - 1].hex() != head["root"]:
            wrong.append(f"the head of size {head['size']} is of another history")
    sizes = [head["size"] for head in heads]
    if sizes != sorted(set(sizes)):
        wrong.append("heads do not grow")
    if sizes and sizes[-1] != len(lines):
        wrong.append(f"the last head covers {sizes[-1]} of {len(lines)} entries")
    if len(tenants) > 1:
        wrong.append(f"several tenants in one ledger: {sorted(tenants)}")
    return wrong


def climb(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The root that an audit path leads to, by the recursive definition of RFC 6962 section 2.1.1 read backwards."""
    if size == 1:
        if path:
            raise UnreadableError("the path is longer than the tree is high")
        return leaf
    if not path:
        raise UnreadableError("the path is shorter than the tree is high")
    k = 1
    while k * 2 < size:
        k *= 2
    if index < k:
        return sha256(b"\x01" + climb(index, k, leaf, path[:-1]) + path[-1])
    return sha256(b"\x01" + path[-1] + climb(index - k, size - k, leaf, path[:-1]))


def grow(first: int, size: int, known: bytes, path: list[bytes], *, whole: bool) -> tuple[bytes, bytes]:
    """Old and new root from a consistency path, by RFC 6962 section 2.1.2 read backwards."""
    if first == size:
        if whole:
            if path:
                raise UnreadableError("the path is too long")
            return known, known
        if len(path) != 1:
            raise UnreadableError("the path has the wrong length")
        return path[0], path[0]
    if not path:
        raise UnreadableError("the path is too short")
    k = 1
    while k * 2 < size:
        k *= 2
    if first <= k:
        old, new = grow(first, k, known, path[:-1], whole=whole)
        return old, sha256(b"\x01" + new + path[-1])
    old, new = grow(first - k, size - k, known, path[:-1], whole=False)
    return sha256(b"\x01" + path[-1] + old), sha256(b"\x01" + path[-1] + new)


def verify_proof(proof: dict[str, Any], key: ec.EllipticCurvePublicKey) -> list[str]:
    """What is wrong with a proof; nothing when it holds."""
    head = proof["head"]
    path = [bytes.fromhex(node) for node in proof["path"]]
    wrong = [] if head_is_signed(head, key) else ["the head is not signed with this key"]
    if len(path) > 64:
        raise UnreadableError("a path of more than 64 steps")
    if proof["type"] == "inclusion":
        if not 0 <= proof["index"] < head["size"]:
            raise UnreadableError("the index is outside the tree")
        line = proof["entry"].encode()
        entry = json.loads(line)
        if entry["sequence"] != proof["index"] or entry["tenant"] != head["tenant"]:
            wrong.append("the entry is of another place or tenant")
        if climb(proof["index"], head["size"], sha256(b"\x00" + line), path).hex() != head["root"]:
            wrong.append("the path does not lead to the head's root")
        return wrong
    if proof["type"] != "consistency":
        raise UnreadableError(f"unknown proof {proof['type']!r}")
    first = proof["first"]
    if not head_is_signed(first, key):
        wrong.append("the first head is not signed with this key")
    if not 0 < first["size"] <= head["size"] or first["tenant"] != head["tenant"]:
        return [*wrong, "the first head is larger than the last, or another tenant's"]
    old, new = grow(first["size"], head["size"], bytes.fromhex(first["root"]), path, whole=True)
    if old.hex() != first["root"] or new.hex() != head["root"]:
        wrong.append("the last head does not continue the first")
    return wrong


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(description="Verify a Bulkhead release ledger or a proof from one.")
    parser.add_argument("--key", type=Path, required=True, help="public key of the heads (PEM, EC P-256)")
    parser.add_argument("--ledger", type=Path, help="a tenant's directory with entries.jsonl and heads.jsonl")
    parser.add_argument("--head", type=Path, help="a head kept from before (JSON)")
    parser.add_argument("--proof", type=Path, help="a proof made by `bulkhead ledger prove`")
    options = parser.parse_args(arguments)
    if (options.ledger is None) == (options.proof is None):
        parser.error("give either --ledger or --proof")
    try:
        key = serialization.load_pem_public_key(options.key.read_bytes())
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise UnreadableError(f"{options.key}: not an EC key")
        if options.proof:
            wrong = verify_proof(json.loads(options.proof.read_bytes()), key)
        else:
            earlier = json.loads(options.head.read_bytes()) if options.head else None
            wrong = verify_directory(options.ledger, key, earlier)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        sys.stderr.write(f"cannot be read: {error!r}\n")
        return 2
    for finding in wrong:
        sys.stdout.write(f"WRONG: {finding}\n")
    sys.stdout.write("does not hold\n" if wrong else "holds\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
