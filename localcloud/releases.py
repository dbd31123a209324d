"""The release ledger: every decision about a tenant's data, checkpoint and export keys, on disk before it takes effect.

KMS decides by the key policy as deployed. Beside it lies, where a deployment left it, the release policy that the key
policy was compiled from; it gives the reasons in words and is itself asked: were the two forms ever to disagree, the
key would not be released.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.errors import AttestationError
from attestation.ledger.entry import ReleaseRecord
from attestation.ledger.head import local_signer
from attestation.ledger.store import append
from attestation.release.aws import release_denials
from attestation.release.explain import booted, in_words
from attestation.release.offline import decide
from attestation.release.policy import ReleasePolicy, load_release_policy
from attestation.result import Claims, Status, sentence
from localcloud.access import Access
from localcloud.deployed.tags import resource_tags
from localcloud.errors import ApiError, LocalCloudError
from localcloud.identity import Caller, Kind
from localcloud.operation import Operation
from localcloud.recipient import Recipient
from localcloud.resources import kms

RELEASING = frozenset({"Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair"})
"""Operations that answer with a secret."""
PURPOSES = frozenset({"data", "checkpoint", "export"})
HEAD_KEY = "head-key.pem"
_MOST_REASONS = 64


@dataclass(frozen=True)
class Subject:
    """What a request wants released: the key, whose it is, and what its deployed policy says."""

    key: str
    tenant: str
    purpose: str
    key_policy: str


@dataclass(frozen=True)
class Asked:
    """A request for a release, and who makes it when."""

    operation: Operation
    caller: Caller
    now: datetime
    to: Recipient | None = None


class Releases:
    """Keeps the ledgers below `ledger`; `policies` holds the release policies that deployments left."""

    def __init__(self, ledger: Path, policies: Path, key: ec.EllipticCurvePrivateKey) -> None:
        self._ledger, self._policies = ledger, policies
        self._public, self._sign = key.public_key(), local_signer(key)
        ledger.mkdir(parents=True, exist_ok=True)
        (ledger / HEAD_KEY).write_bytes(
            self._public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def subject(self, operation: Operation, needed: tuple[Access, ...]) -> Subject | None:
        """What the request wants released; None for operations and keys that the ledger does not speak of."""
        if operation.name not in RELEASING or len(needed) != 1:
            return None
        key = kms.find_key(needed[0].resource)
        tags = resource_tags(needed[0].resource)
        if key is None or tags.get("purpose") not in PURPOSES or not tags.get("tenant"):
            return None
        return Subject(needed[0].resource, tags["tenant"], tags["purpose"], str(key.policy))

    def allow(self, subject: Subject, asked: Asked) -> None:
        """Records that the key policy allows the request.

        Raises:
            ApiError: the release policy does not, or the record cannot be kept; the key is not released.
        """
        policy = self._policy(subject)
        reasons = _objections(policy, asked) if policy is not None else []
        if reasons:
            reasons.insert(0, "the key policy allows what the release policy does not: the two forms disagree")
        self._record(subject, asked, policy, reasons)
        if reasons:
            raise ApiError("KMSInternalException", f"The local cloud releases nothing: {'; '.join(reasons)}", 500)

    def deny(self, subject: Subject, asked: Asked, refusal: ApiError) -> None:
        """Records that the request was refused, and why."""
        policy = self._policy(subject)
        reasons = [refusal.message]
        if policy is not None:
            reasons = [*_objections(policy, asked), *reasons]
        self._record(subject, asked, policy, reasons)

    def _policy(self, subject: Subject) -> ReleasePolicy | None:
        """The release policy that the deployed key policy was compiled from; None where there is none that fits."""
        path = self._policies / f"{subject.tenant}-{subject.purpose}.json"
        try:
            policy = load_release_policy(path.read_bytes(), str(path))
            compiled = release_denials(policy)
            deployed = json.loads(subject.key_policy)["Statement"]
        except FileNotFoundError:
            return None
        except (AttestationError, ValueError, KeyError, TypeError):
            return None
        return policy if all(statement in deployed for statement in compiled) else None

    def _record(self, subject: Subject, asked: Asked, policy: ReleasePolicy | None, reasons: list[str]) -> None:
        claims = asked.to.claims if asked.to is not None else None
        evidence = _evidence(asked.operation)
        nonce = claims.values.get("nonce") if claims is not None else None
        record = ReleaseRecord(
            tenant=subject.tenant,
            time=asked.now,
            decision="denied" if reasons else "allowed",
            purpose=subject.purpose,
            requester=(asked.caller.arn or "anonymous")[:2048],
            key=subject.key,
            operation=f"kms:{asked.operation.name}",
            evidence_kind="nitro" if evidence is not None else "",
            evidence_sha256=None if evidence is None else hashlib.sha256(evidence).hexdigest(),
            policy_sha256=(
                policy.sha256() if policy is not None else hashlib.sha256(subject.key_policy.encode()).hexdigest()
            ),
            policy_version=policy.version if policy is not None else 0,
            reference_set=booted(policy, claims) if policy is not None and claims is not None else None,
            nonce=nonce if isinstance(nonce, str) and len(nonce) <= 1024 else None,
            reasons=tuple(reason[:4096] for reason in reasons[:_MOST_REASONS]),
        )
        try:
            append(self._ledger, record, self._public, self._sign)
        except (AttestationError, OSError) as error:
            raise ApiError(
                "KMSInternalException", f"The decision could not be recorded, so nothing is released: {error}", 500
            ) from error


def _evidence(operation: Operation) -> bytes | None:
    given = operation.params.get("Recipient")
    if not isinstance(given, Mapping) or not given.get("AttestationDocument"):
        return None
    return kms.decode_blob(given["AttestationDocument"])


def _objections(policy: ReleasePolicy, asked: Asked) -> list[str]:
    """What the release policy holds against the request, in words; nothing for those it lets go without a document."""
    aws = policy.aws
    assert aws is not None  # release_denials compiled it
    role = _role_of(asked.caller)
    claims = asked.to.claims if asked.to is not None else None
    if claims is None:
        exempt = {"GenerateDataKey": aws.sealers, "Decrypt": aws.openers}.get(asked.operation.name, ())
        return [] if role in exempt else ["the request carries no attestation document"]
    return _mismatches(policy, claims, role, asked.now)


def _mismatches(policy: ReleasePolicy, claims: Claims, role: str, now: datetime) -> list[str]:
    decision = decide(policy, claims, role, now=now)
    if decision.allowed:
        return []
    assert policy.aws is not None  # as above
    words = in_words(policy, claims, canary=role in policy.aws.canary_users)
    for check in decision.checks:
        if check.status is not Status.FAIL or (words and check.name == "reference_values"):
            continue
        words.append(f"{role} is not {check.expected}" if check.name == "requester" else sentence(check))
    return words


def _role_of(caller: Caller) -> str:
    """The ARN that a release policy names a caller by."""
    if caller.kind is Kind.ROLE:
        return f"arn:aws:iam::{caller.account}:role/{caller.name}"
    return caller.arn


def ledger_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """The key that signs heads, made when it is first asked for.

    Raises:
        LocalCloudError: the file is there and holds something else.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.write_bytes(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    try:
        key: Any = serialization.load_pem_private_key(file.read_bytes(), None)
    except ValueError as error:
        raise LocalCloudError(f"{file}: not a private key ({error}); remove it, and the ledgers with it") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise LocalCloudError(f"{file}: not an EC key; remove it, and the ledgers with it")
    return key
