"""CloudTrail's digest chain, checked from files: signatures, hashes, links and gaps.

A copy of the audit bucket is enough (`aws s3 sync`). S3 keeps a digest's signature in the object's metadata, which such
a copy loses; each digest repeats the signature of the one before it, so that only the newest needs a file `<name>.sig`
(hexadecimal) beside it.

Sources: AWS CloudTrail User Guide, "CloudTrail digest file structure" and "Custom implementations of CloudTrail log
file integrity validation"; RFC 8017 for RSASSA-PKCS1-v1_5.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from compliance.evidence.errors import EvidenceError

DIGESTS = "CloudTrail-Digest"
LARGEST = 512 << 20
"""Bytes that a file may unpack to; CloudTrail closes a log file long before."""
ALGORITHM = "SHA256withRSA"
LONGEST = 1024
"""Bytes of an object's key in S3."""


class Kind(StrEnum):
    """What is wrong with a chain, or open."""

    CHANGED = "changed"
    """A signature, a hash or a link does not fit: something was altered, moved or taken away."""
    GAP = "gap"
    """Time that no digest covers, or a chain that begins anew."""
    OPEN = "open"
    """It could not be checked: a signature or a public key is not there."""


@dataclass(frozen=True)
class Finding:
    """One thing about one file of the chain."""

    kind: Kind
    file: str
    sentence: str

    def to_json(self) -> dict[str, str]:
        """The finding as `bulkhead evidence trail --json` prints it."""
        return {"kind": str(self.kind), "file": self.file, "message": self.sentence}


@dataclass(frozen=True)
class Digest:
    """One digest file: its object key, its uncompressed bytes, and what it says."""

    key: str
    text: bytes
    said: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """SHA-256 of the uncompressed file, hexadecimal."""
        return hashlib.sha256(self.text).hexdigest()


@dataclass(frozen=True)
class TrailCheck:
    """What was checked, and what was found."""

    digests: int
    log_files: int
    findings: tuple[Finding, ...] = field(default=())


def check_trail(folder: Path, keys: Mapping[str, Any]) -> TrailCheck:
    """Checks every digest chain in a copy of the audit bucket. `keys` is the answer of `cloudtrail:ListPublicKeys`.

    Raises:
        EvidenceError: there is no digest, a digest cannot be read, or the keys cannot.
    """
    public = _public_keys(keys)
    digests = [_read(folder, path) for path in sorted(folder.rglob("*.json.gz")) if DIGESTS in path.parts]
    if not digests:
        msg = f"{folder}: no {DIGESTS}/…/*.json.gz below it; copy the whole bucket, digests included"
        raise EvidenceError(msg)
    chains: dict[str, list[Digest]] = {}
    for digest in digests:
        chains.setdefault(digest.key.rpartition("/")[0].split(f"/{DIGESTS}/")[0] + _region(digest), []).append(digest)
    findings: list[Finding] = []
    logged: set[str] = set()
    for chain in chains.values():
        chain.sort(key=lambda one: str(one.said["digestEndTime"]))
        findings += _chain(folder, chain, public)
        for digest in chain:
            for entry in digest.said["logFiles"]:
                logged.add(str(entry["s3Object"]))
                findings += _log_file(folder, digest, entry)
    for path in sorted(folder.rglob("*.json.gz")):
        key = path.relative_to(folder).as_posix()
        if DIGESTS not in path.parts and key not in logged:
            findings.append(Finding(Kind.CHANGED, key, "no digest speaks of this log file"))
    return TrailCheck(len(digests), len(logged), tuple(findings))


def _region(digest: Digest) -> str:
    parts = digest.key.split(f"/{DIGESTS}/")[-1].split("/")
    return f"/{parts[0]}"


def _chain(folder: Path, chain: list[Digest], keys: Mapping[str, rsa.RSAPublicKey]) -> Iterator[Finding]:
    before: Digest | None = None
    for number, digest in enumerate(chain):
        said = digest.said
        yield from _place(digest)
        yield from _link(before, digest)
        following = chain[number + 1].said if number + 1 < len(chain) else None
        signature = following.get("previousDigestSignature") if following is not None else _sidecar(folder, digest)
        yield from _signature(digest, signature, keys.get(str(said["digestPublicKeyFingerprint"])))
        before = digest


def _place(digest: Digest) -> Iterator[Finding]:
    named = str(digest.said["digestS3Object"])
    if named != digest.key:
        yield Finding(Kind.CHANGED, digest.key, f"the digest says that it is {named}: it was moved or renamed")


def _link(before: Digest | None, digest: Digest) -> Iterator[Finding]:
    said = digest.said
    previous = said.get("previousDigestS3Object")
    if before is None:
        if previous is not None:
            yield Finding(Kind.GAP, digest.key, f"it follows {previous}, which is not here")
        return
    if previous is None:
        yield Finding(Kind.GAP, digest.key, f"the chain begins anew; it ended with {before.key}")
        return
    if previous != before.key:
        yield Finding(Kind.CHANGED, str(previous), f"{digest.key} follows it, and it is not here")
    elif str(said["previousDigestHashValue"]).lower() != before.hash:
        yield Finding(Kind.CHANGED, before.key, f"its hash is not the one that {digest.key} states")
    if said["digestStartTime"] != before.said["digestEndTime"]:
        text = f"nothing covers {before.said['digestEndTime']} to {said['digestStartTime']}"
        yield Finding(Kind.GAP, digest.key, text)


def _signature(digest: Digest, signature: Any, key: rsa.RSAPublicKey | None) -> Iterator[Finding]:
    said = digest.said
    if not signature:
        yield Finding(Kind.OPEN, digest.key, "its signature is not here: put it beside the file as .sig")
        return
    if said["digestSignatureAlgorithm"] != ALGORITHM:
        yield Finding(Kind.OPEN, digest.key, f"it is signed by {said['digestSignatureAlgorithm']}, not by {ALGORITHM}")
        return
    if key is None:
        text = f"the public key {said['digestPublicKeyFingerprint']} is not among those given"
        yield Finding(Kind.OPEN, digest.key, text)
        return
    place = f"{said['digestS3Bucket']}/{said['digestS3Object']}"
    previous = said.get("previousDigestSignature") or "null"
    message = "\n".join((str(said["digestEndTime"]), place, digest.hash, str(previous)))
    try:
        key.verify(bytes.fromhex(str(signature)), message.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        yield Finding(Kind.CHANGED, digest.key, "its signature does not fit: it was changed after AWS had signed it")


def _log_file(folder: Path, digest: Digest, entry: Mapping[str, Any]) -> Iterator[Finding]:
    key = str(entry["s3Object"])
    path = folder / key
    if not path.resolve().is_relative_to(folder.resolve()):
        yield Finding(Kind.CHANGED, digest.key, f"it names {key}, which lies outside")
        return
    try:
        here = path.is_file()
    except OSError:  # a name that no file can have
        here = False
    if not here:
        yield Finding(Kind.CHANGED, key, f"{digest.key} speaks of it, and it is not here")
        return
    try:
        held = _hash(path)
    except (OSError, EOFError, zlib.error):
        yield Finding(Kind.CHANGED, key, f"it cannot be unpacked, or is larger than {LARGEST >> 20} MiB")
        return
    if held != str(entry["hashValue"]).lower():
        yield Finding(Kind.CHANGED, key, f"its hash is not the one that {digest.key} states")


def _hash(path: Path) -> str:
    """SHA-256 of what a file unpacks to, piece by piece. Raises `OSError` once it is larger than any log file."""
    digest, size = hashlib.sha256(), 0
    with gzip.open(path) as file:
        while piece := file.read(1 << 20):
            size += len(piece)
            if size > LARGEST:
                raise OSError(f"unpacks to more than {LARGEST >> 20} MiB")
            digest.update(piece)
    return digest.hexdigest()


def _unpacked(path: Path) -> bytes:
    with gzip.open(path) as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise OSError(f"unpacks to more than {LARGEST >> 20} MiB")
    return text


def _sidecar(folder: Path, digest: Digest) -> str | None:
    path = folder / f"{digest.key}.sig"
    return path.read_text(encoding="ascii", errors="replace").strip() if path.is_file() else None


_MEMBERS = (
    "digestStartTime", "digestEndTime", "digestS3Bucket", "digestS3Object", "digestPublicKeyFingerprint",
    "digestSignatureAlgorithm", "logFiles",
)  # fmt: skip


def _read(folder: Path, path: Path) -> Digest:
    try:
        text = _unpacked(path)
        said = json.loads(text)
        missing = [name for name in _MEMBERS if name not in said]
        unlogged = [one for one in said["logFiles"] if "s3Object" not in one or "hashValue" not in one]
        odd = [] if missing or unlogged else list(_odd(said))
    except (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError, RecursionError) as error:
        msg = f"{path}: not a digest file ({error}); copy it from the bucket again"
        raise EvidenceError(msg) from error
    if missing or unlogged:
        msg = f"{path}: not a digest file: it lacks {', '.join(missing) or 'object or hash of a log file'}"
        raise EvidenceError(msg)
    if odd:
        msg = f"{path}: not a digest file: {', '.join(odd)}; copy it from the bucket again"
        raise EvidenceError(msg)
    return Digest(path.relative_to(folder).as_posix(), text, said)


def _odd(said: Mapping[str, Any]) -> Iterator[str]:
    """What in a digest is of another kind than CloudTrail writes."""
    texts = {name: said[name] for name in _MEMBERS if name != "logFiles"}
    if said.get("previousDigestS3Object") is not None:
        texts |= {name: said.get(name) for name in ("previousDigestS3Object", "previousDigestHashValue")}
    for number, entry in enumerate(said["logFiles"], start=1):
        texts |= {f"{name} of log file {number}": entry[name] for name in ("s3Object", "hashValue")}
    for name, value in texts.items():
        if not isinstance(value, str):
            yield f"{name} is {type(value).__name__}, not text"
        elif "\0" in value or len(value) > LONGEST or value.encode("utf-8", "replace").decode("utf-8") != value:
            yield f"{name} is no text that CloudTrail writes"


def _public_keys(answer: Mapping[str, Any]) -> dict[str, rsa.RSAPublicKey]:
    """RSA keys by fingerprint. `Value` is PKCS #1 in DER, in base64 as the command line prints it."""
    found = {}
    try:
        for entry in answer["PublicKeyList"]:
            key = serialization.load_pem_public_key(_pem(base64.b64decode(entry["Value"], validate=True)))
            # PKCS #1 holds RSA keys only.
            found[str(entry["Fingerprint"])] = cast("rsa.RSAPublicKey", key)
    except (KeyError, TypeError, ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        msg = f"public keys: not an answer of cloudtrail:ListPublicKeys ({error})"
        raise EvidenceError(msg) from error
    return found


def _pem(der: bytes) -> bytes:
    """PKCS #1 in PEM, whose label tells `cryptography` which form it is."""
    return b"-----BEGIN RSA PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END RSA PUBLIC KEY-----\n"
