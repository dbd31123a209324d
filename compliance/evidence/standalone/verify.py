#!/usr/bin/env python3
"""Verifies an evidence pack. One file; needs Python 3.11 and the package `cryptography`, nothing of the producer's.

    python verify.py PACK --key SIGNER.pub.pem [--previous PACK] [--tsa-root ROOT.pem] [--json]

Checks, in this order: the statement's signature (DSSE, Ed25519 or ECDSA P-256), that it speaks of this manifest, every
file's digest and size, that no file was added, the bundle's chain of facts and every fact's digests, that results rest
on facts that are there, that the summaries count what they say and manifest, bundle and results are of one scan, the
link to the previous pack, and an RFC 3161 timestamp if there is one.

Exit code: 0 all is well; 1 something was changed (the part is named); 2 this is no pack, or what was given to check it
with cannot be read; 3 the signer's key is not known, so that only consistency was checked, or the time is not.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

FORMAT = "bulkhead.evidence/1"
PAYLOAD, STATEMENT = "application/vnd.in-toto+json", "https://in-toto.io/Statement/v1"
PREDICATE = "https://bulkhead.example/evidence-pack/v1"
OUTSIDE = {"pack.json", "envelope.json", "timestamp.tsr"}
"""Files that the manifest cannot list: itself and what is made from it."""


VALUES = ("fail", "indeterminate", "waived", "pass", "not-applicable")
"""What a result can be, worst first."""


class NotAPack(Exception):  # noqa: N818 -- says what it is
    """The folder cannot be read as a pack."""


@dataclass
class Outcome:
    """What was found: one line per part, `ok`, `changed` or `unknown`."""

    lines: list[dict[str, str]] = field(default_factory=list)

    def note(self, part: str, status: str, message: str) -> None:
        """Adds a line."""
        self.lines.append({"part": part, "status": status, "message": message})

    def ok(self, part: str, message: str) -> None:
        """The part is as it was signed."""
        self.note(part, "ok", message)

    def changed(self, part: str, message: str) -> None:
        """The part was changed, is missing, or was added."""
        self.note(part, "changed", message)

    def unknown(self, part: str, message: str) -> None:
        """Nothing can be said about the part."""
        self.note(part, "unknown", message)

    @property
    def code(self) -> int:
        """The exit code."""
        present = {line["status"] for line in self.lines}
        return 1 if "changed" in present else 3 if "unknown" in present else 0


def canonical(value: Any) -> bytes:
    """Canonical JSON: members sorted, no space, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def sha256(data: bytes) -> str:
    """`sha256:` and the digest."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def verify(
    pack: Path, keys: list[bytes], previous: Path | None = None, tsa_roots: bytes | None = None
) -> tuple[Outcome, dict[str, Any]]:
    """Verifies a pack against public keys in PEM. Returns what was found and the manifest.

    Raises:
        NotAPack: the manifest or the envelope is missing or no JSON, or a key is none.
    """
    outcome = Outcome()
    for number, pem in enumerate(keys, start=1):
        if public_key(pem) is None:
            msg = f"key {number} of those to trust: not a public key in PEM of Ed25519 or ECDSA P-256"
            raise NotAPack(msg)
    manifest_text = _read(pack / "pack.json")
    manifest = _object(manifest_text, pack / "pack.json")
    files = manifest.get("files")
    listed = isinstance(files, dict) and all(isinstance(one, dict) and "\0" not in name for name, one in files.items())
    if manifest.get("format") != FORMAT or not listed:
        msg = f"{pack / 'pack.json'}: not a manifest of format {FORMAT}"
        raise NotAPack(msg)
    envelope_text = _read(pack / "envelope.json")
    _signature(outcome, _object(envelope_text, pack / "envelope.json"), manifest, manifest_text, pack, keys)
    _files(outcome, pack, manifest["files"])
    _bundle(outcome, pack, manifest)
    _previous(outcome, manifest, previous)
    _timestamp(outcome, pack, envelope_text, tsa_roots)
    return outcome, manifest


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            msg = f"{path}: not a plain file"
            raise NotAPack(msg)
        return path.read_bytes()
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror})"
        raise NotAPack(msg) from error


def _object(text: bytes, path: Path) -> dict[str, Any]:
    try:
        value = _json(text)
    except (ValueError, RecursionError) as error:
        msg = f"{path}: not JSON ({error})"
        raise NotAPack(msg) from error
    if not isinstance(value, dict):
        msg = f"{path}: not a JSON object"
        raise NotAPack(msg)
    return value


def _json(text: bytes) -> Any:
    """The value of a JSON text. Raises `ValueError` for a member given twice, of which each reader may take another."""
    return json.loads(text, object_pairs_hook=_once)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        twice = next(name for name, number in Counter(name for name, _ in members).items() if number > 1)
        msg = f"the member {twice!r} is given twice"
        raise ValueError(msg)
    return found


def _base64(text: str) -> bytes:
    """The bytes of base64 in its one canonical form. Raises `ValueError` for any other text."""
    value = base64.b64decode(text, validate=True)
    _expect(base64.b64encode(value).decode("ascii") == text, "base64 with bits that nobody signed")
    return value


def _signature(
    outcome: Outcome,
    envelope: dict[str, Any],
    manifest: dict[str, Any],
    manifest_text: bytes,
    pack: Path,
    keys: list[bytes],
) -> None:
    part = "envelope.json"
    try:
        kind, payload = str(envelope["payloadType"]), _base64(envelope["payload"])
        signatures = [(_base64(one["sig"]), one.get("keyid")) for one in envelope["signatures"]]
        _expect(all(named is None or isinstance(named, str) for _, named in signatures), "a keyid is no text")
        statement = _json(payload)
        said = (kind, statement["_type"], statement["predicateType"])
        _expect(said == (PAYLOAD, STATEMENT, PREDICATE), f"it is of another kind: {said}")
        subject = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
        predicate = dict(statement["predicate"])
        signer = str(predicate["verifier"]["id"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        outcome.changed(part, f"not a DSSE envelope around an in-toto statement ({error!r})")
        return
    message = b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)
    made = {(fingerprint(key), named) for key in keys for one, named in signatures if _signed(key, message, one)}
    own = pack / "signer.pub.pem"
    if made:
        _named(outcome, made, signer)
        others = len(signatures) - len(made)
        more = f", beside {others} more that are by no given key" if others > 0 else ""
        outcome.ok(part, f"signed by {min(made, key=str)[0]}{more}")
    elif own.is_file() and any(_signed(own.read_bytes(), message, one) for one, _ in signatures):
        text = "the given key did not sign it" if keys else "no key was given"
        text = f"signed by the key that lies in the pack, {fingerprint(own.read_bytes())}; {text}"
        (outcome.changed if keys else outcome.unknown)(part, text)
    else:
        outcome.changed(part, "the signature does not verify")
    if subject.get("pack.json") == hashlib.sha256(manifest_text).hexdigest():
        outcome.ok("pack.json", "is the manifest that was signed")
    else:
        outcome.changed("pack.json", "is not the manifest that was signed")
    for name, value in _repeated(manifest).items():
        if predicate.get(name) != value:
            outcome.changed("pack.json", f"`{name}` differs from the signed statement")


def _named(outcome: Outcome, made: set[tuple[str, Any]], signer: Any) -> None:
    """Holds the ids of keys that envelope and statement state to the keys that signed."""
    for key, named in sorted(made, key=str):
        if named != key:
            outcome.changed("envelope.json", f"the signature by {key} names the key {named!r}")
    if signer not in {key for key, _ in made}:
        outcome.changed("envelope.json", f"the statement is of the signer {signer!r}, who did not sign it")


def _repeated(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the statement repeats of the manifest."""
    collected, summary, tool = (_members(manifest.get(name)) for name in ("collected", "summary", "tool"))
    return {
        **{name: manifest.get(name) for name in ("previous", "sequence", "tenant", "endpoint")},
        "timeCollected": collected.get("ended"),
        "localTestDouble": manifest.get("local_test_double"),
        "worst": summary.get("worst"),
        "rules": tool.get("rules"),
    }


def _members(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def fingerprint(pem: bytes) -> str:
    """SHA-256 of a public key's SubjectPublicKeyInfo."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        return "an unreadable key"
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha256(der)


def public_key(pem: bytes) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | None:
    """The key of a PEM text, if it is one that signs packs."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    return key if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) else None


def _signed(pem: bytes, message: bytes, signature: bytes) -> bool:
    key = public_key(pem)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
            return True
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
            return True
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return False


def _files(outcome: Outcome, pack: Path, listed: dict[str, Any]) -> None:
    present = {path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_symlink() or not path.is_dir()}
    wrong = 0
    for name, entry in sorted(listed.items()):
        try:
            said = _file(pack, name, entry, here=name in present)
        except (OSError, ValueError) as error:
            said = f"cannot be read ({error})"
        if said:
            outcome.changed(name, said)
            wrong += 1
    for name in sorted(present - set(listed) - OUTSIDE):
        outcome.changed(name, "was added")
        wrong += 1
    if not wrong:
        outcome.ok("files", f"{len(listed)} files have the digests in the manifest")


def _file(pack: Path, name: str, entry: dict[str, Any], *, here: bool) -> str:
    """What is wrong with a file of the manifest; empty if nothing is. Raises `ValueError` where it can be no name."""
    path = pack / name
    if not path.resolve().is_relative_to(pack.resolve()) or path.is_symlink():
        return "leads out of the pack"
    if not here:
        return "is missing"
    if not path.is_file():
        return "is not a plain file"
    same = sha256(path.read_bytes()) == entry.get("sha256") and path.stat().st_size == entry.get("size")
    return "" if same else "was changed"


def _bundle(outcome: Outcome, pack: Path, whole: dict[str, Any]) -> None:
    part = "bundle/facts.jsonl"
    try:
        manifest = _object(_read(pack / "bundle" / "manifest.json"), pack / "bundle" / "manifest.json")
        results = _object(_read(pack / "results.json"), pack / "results.json")
        head, digests, count = sha256(b""), set(), 0
        facts = pack / part
        _expect(facts.is_file() or not facts.exists(), "not a plain file")
        with facts.open("rb") as file:
            for count, line in enumerate(file, start=1):
                bare = line.rstrip(b"\n")
                head = "sha256:" + hashlib.sha256(head.encode("ascii") + b"\n" + bare).hexdigest()
                fact = json.loads(bare)
                _expect(canonical(fact) == bare, f"line {count}: not canonical JSON, so that readers may differ")
                digests.add(_fact(fact, f"line {count}"))
        said = manifest["facts"]
        if (said["count"], said["chain_head"]) != (count, head):
            outcome.changed(part, f"{count} facts with chain head {head}; the bundle says {said}")
            return
        rests = {digest for result in results["results"] for digest in result["facts"]}
        wrong = [*_one_scan(whole, manifest, results), *_counted(results)]
    except (NotAPack, OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        outcome.changed(part, f"cannot be followed ({error})")
        return
    outcome.ok(part, f"{count} facts, each with its digests, in an unbroken chain")
    elsewhere = len(rests - digests)
    said = f"; {elsewhere} facts are the platform's own and not in a tenant's pack" if elsewhere else ""
    if elsewhere and manifest.get("tenant") is None:
        outcome.changed("results.json", f"rests on {elsewhere} facts that are not in the bundle")
    elif not wrong:
        outcome.ok("results.json", f"{len(results['results'])} results rest on {len(rests)} facts{said}")

    for name, said in wrong:
        outcome.changed(name, said)


def _one_scan(whole: dict[str, Any], bundle: dict[str, Any], results: dict[str, Any]) -> list[tuple[str, str]]:
    """Where the pack's manifest, the bundle's and the results are not of one scan: part and sentence."""
    collected = _members(whole.get("collected"))
    stated = {name: whole.get(name) for name in ("endpoint", "local_test_double", "tool", "tenant")} | {
        name: collected.get(name) for name in ("began", "ended")
    }
    wrong = [
        ("bundle/manifest.json", f"`{name}` is {bundle.get(name)!r}, the pack's manifest says {value!r}")
        for name, value in sorted(stated.items())
        if bundle.get(name) != value
    ]
    if results.get("summary") != whole.get("summary"):
        wrong.append(("results.json", "its summary is not the one in the pack's manifest"))
    strangers = {one["tenant"] for one in results["results"]} - {whole.get("tenant")}
    if whole.get("tenant") is not None and strangers:
        wrong.append(("results.json", f"{len(strangers)} other tenants have results in this tenant's pack"))
    return wrong


def _counted(results: dict[str, Any]) -> list[tuple[str, str]]:
    """Where the summary does not count the results: part and sentence."""
    summary, rows = results["summary"], results["results"]
    wrong = [f"{value!r} is no value of a result" for value in sorted({one["status"] for one in rows} - set(VALUES))]
    tenants = sorted({one["tenant"] for one in rows})
    if sorted(summary["tenants"]) != tenants:
        wrong.append("its summary is about other tenants than its results")
    parts = [("", summary, rows)] + [
        (f" for {tenant}", summary["tenants"].get(tenant) or {}, [one for one in rows if one["tenant"] == tenant])
        for tenant in tenants
    ]
    for whose, said, counted in parts:
        found = Counter(one["status"] for one in counted)
        right = {value: found[value] for value in VALUES} | {"worst": _worst(found)}
        wrong += [
            f"its summary says {said.get(name)!r} for {name}{whose}, its results say {value!r}"
            for name, value in right.items()
            if said.get(name) != value
        ]
    return [("results.json", sentence) for sentence in wrong]


def _worst(counts: Mapping[str, int]) -> str:
    return next((value for value in VALUES if counts.get(value)), "indeterminate")


def _fact(fact: dict[str, Any], place: str) -> str:
    answer = fact["response"] if fact["error"] is None else {"error": fact["error"]["code"]}
    response = sha256(canonical(answer))
    whole = {name: fact[name] for name in ("account", "api", "params", "region", "status")} | {"response": response}
    digest = sha256(canonical(whole))
    if (fact["response_sha256"], fact["digest"]) != (response, digest):
        msg = f"{place}: {fact['api']} does not have the digest that it claims"
        raise ValueError(msg)
    return digest


def _previous(outcome: Outcome, manifest: dict[str, Any], previous: Path | None) -> None:
    said, number = manifest.get("previous"), manifest.get("sequence")
    if (said is None) != (number == 1):
        outcome.changed("chain", f"number {number} follows {said or 'nothing'}")
        return
    if previous is None:
        text = "is the first of its chain" if said is None else f"follows {said} (not given, not checked)"
        outcome.ok("chain", text)
        return
    before = _read(previous / "pack.json")
    earlier = _object(before, previous / "pack.json")
    if sha256(before) != said:
        outcome.changed("chain", f"follows {said}, which is not {previous}")
    elif earlier.get("tenant") != manifest.get("tenant"):
        outcome.changed("chain", f"follows a pack of {earlier.get('tenant') or 'the platform'}")
    elif not isinstance(earlier.get("sequence"), int) or earlier["sequence"] + 1 != manifest.get("sequence"):
        outcome.changed("chain", f"number {manifest.get('sequence')} follows number {earlier.get('sequence')}")
    else:
        outcome.ok("chain", f"follows {previous.name} without a gap")


def _timestamp(outcome: Outcome, pack: Path, envelope: bytes, roots: bytes | None) -> None:
    path, part = pack / "timestamp.tsr", "timestamp.tsr"
    if not path.exists() and not path.is_symlink():
        if roots is not None:
            outcome.unknown(part, "there is none, although the root of a timestamp authority was given")
        return
    try:
        time, chain = _token(_read(path), envelope)
    except (NotAPack, *UNREADABLE, InvalidSignature, UnsupportedAlgorithm) as error:
        outcome.changed(part, f"does not verify ({error or 'wrong signature'})")
        return
    if roots is None:
        outcome.unknown(part, f"says {time}; no root of a timestamp authority was given")
    elif _rooted(chain, _certificates(roots)):
        outcome.ok(part, f"the envelope existed on {time}, says {chain[0].subject.rfc4514_string()}")
    else:
        outcome.changed(part, "was not issued under the given root")


# RFC 3161 tokens. What follows reads the DER of RFC 5652 SignedData; the cryptography is that of `cryptography`.

SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
UNREADABLE = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What reading a token or a certificate raises where it is none."""
DIGESTS: dict[str, Any] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}


@dataclass(frozen=True)
class Der:
    """One DER value: its tag, its content, and the bytes of the whole."""

    tag: int
    content: bytes
    whole: bytes

    @property
    def children(self) -> list[Der]:
        """The values inside."""
        found, rest = [], self.content
        while rest:
            child = _der(rest)
            found.append(child)
            rest = rest[len(child.whole) :]
        return found

    @property
    def oid(self) -> str:
        """The object identifier in dotted form."""
        if self.tag != 6:
            msg = "not an object identifier"
            raise ValueError(msg)
        numbers, value = [], 0
        for byte in self.content:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(value)
                value = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(str(number) for number in (first, numbers[0] - 40 * first, *numbers[1:]))


def _der(data: bytes) -> Der:
    """The first value in `data`; definite lengths only, as DER has."""
    length, start = data[1], 2
    if length & 0x80:
        width = length & 0x7F
        if not 1 <= width <= 4:
            msg = "not DER: indefinite or absurd length"
            raise ValueError(msg)
        length, start = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
    if start + length > len(data):
        msg = "not DER: cut short"
        raise ValueError(msg)
    return Der(data[0], data[start : start + length], data[: start + length])


def _token(response: bytes, message: bytes) -> tuple[str, list[x509.Certificate]]:
    """Time of a timestamp over `message`, and the signer's certificate followed by the others in the token.

    Raises:
        ValueError, InvalidSignature: it is no such timestamp.
    """
    status, content = _der(response).children[:2]
    if status.children[0].content not in {b"\x00", b"\x01"}:
        msg = "the authority did not grant it"
        raise ValueError(msg)
    kind, wrapped = content.children
    _expect(kind.oid == SIGNED_DATA, "not SignedData")
    _, _, encapsulated, *rest = wrapped.children[0].children
    inner_kind, inner = encapsulated.children
    _expect(inner_kind.oid == TST_INFO, "not a timestamp")
    info_bytes = inner.children[0].content
    _, _, imprint, _, moment, *_ = _der(info_bytes).children
    algorithm, hashed = imprint.children
    _expect(_hash(algorithm.children[0].oid, message) == hashed.content, "it is about other bytes")
    held = [x509.load_der_x509_certificate(one.whole) for one in rest[0].children] if rest[0].tag == 0xA0 else []
    signer = rest[-1].children[0].children
    sid, digest_algorithm, attributes, _, signature = signer[1:6]
    _expect(attributes.tag == 0xA0, "nothing says what was signed")
    values = {one.children[0].oid: one.children[1].children[0].content for one in attributes.children}
    _expect(values[CONTENT_TYPE] == inner_kind.content, "what was signed is no timestamp")
    name = digest_algorithm.children[0].oid
    _expect(values[MESSAGE_DIGEST] == _hash(name, info_bytes), "its content was changed")
    serial = int.from_bytes(sid.children[1].content, "big", signed=True)
    issuer = sid.children[0].whole
    certificate = next(
        (one for one in held if (one.serial_number, one.issuer.public_bytes()) == (serial, issuer)), None
    )
    if certificate is None:
        msg = "the signer's certificate is not in it"
        raise ValueError(msg)
    _verify_signature(certificate, signature.content, b"\x31" + attributes.whole[1:], DIGESTS[name]())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    # RFC 3161 section 2.3: critical, and for this alone.
    only = usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
    _expect(only, "the signer may not make timestamps")
    text = moment.content.decode("ascii")
    when = datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    _expect(
        certificate.not_valid_before_utc <= when <= certificate.not_valid_after_utc, "its certificate was not valid"
    )
    time = f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[8:10]}:{text[10:12]}:{text[12:14]} UTC"
    return time, [certificate, *(one for one in held if one is not certificate)]


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _hash(oid: str, data: bytes) -> bytes:
    digest = hashes.Hash(DIGESTS[oid]())
    digest.update(data)
    return digest.finalize()


def _verify_signature(certificate: x509.Certificate, signature: bytes, message: bytes, digest: Any) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, message, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(digest))
    else:
        _expect(False, "the signer's key is of a kind that is not foreseen")


def _rooted(chain: list[x509.Certificate], roots: list[x509.Certificate]) -> bool:
    """Whether the first certificate was issued, over the others in the token, under one of the roots."""
    here, left = chain[0], list(chain[1:])
    for _ in range(len(chain) + 1):
        if any(here == root or _issued(here, root) for root in roots):
            return True
        above = next((one for one in left if _authority(one) and _issued(here, one)), None)
        if above is None:
            return False
        left.remove(above)
        here = above
    return False


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        msg = f"the roots of the timestamp authority: no certificates in PEM ({error})"
        raise NotAPack(msg) from error


def _authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate may issue others (RFC 5280, section 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except UNREADABLE:
        return False


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return certificate != issuer


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Verifies an evidence pack.")
    parser.add_argument("pack", type=Path)
    parser.add_argument("--key", type=Path, action="append", default=[], help="public key of a trusted signer, PEM")
    parser.add_argument("--previous", type=Path, help="the pack before this one")
    parser.add_argument("--tsa-root", type=Path, help="root certificates of the timestamp authority, PEM")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    given = parser.parse_args(arguments)
    try:
        keys = [_read(path) for path in given.key]
        roots = _read(given.tsa_root) if given.tsa_root else None
        outcome, _ = verify(given.pack, keys, given.previous, roots)
    except NotAPack as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.json:
        print(json.dumps({"pack": str(given.pack), "code": outcome.code, "checks": outcome.lines}))
    else:
        for line in outcome.lines:
            text = f"{line['status']:<8} {line['part']}: {line['message']}"
            print("".join(char if char.isprintable() else repr(char)[1:-1] for char in text))
    return outcome.code


if __name__ == "__main__":
    raise SystemExit(main())
