"""Every decision about a tenant's keys is in its ledger before it counts, with its reasons."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.ledger.check import check
from attestation.ledger.head import load_public_key
from attestation.ledger.store import read, tenants
from attestation.nitro_issuer import issue, make_root
from attestation.policy import ReferenceSet
from attestation.release.policy import AcceptedImage
from localcloud.hypervisor import root_in
from modules.policy import keys as key_policies
from modules.policy import roles
from modules.policy.release import release_policy
from modules.policy.scope import TenantScope
from tenancy.names import Names
from tests.localcloud.machines import network
from tests.localcloud.test_gateway import refused
from tests.localcloud.test_three_locks import session

ACCEPTED = {4: b"\x04" * 48, 7: b"\x07" * 48, 12: bytes(48)}
NODE = rsa.generate_private_key(65537, 2048)


def image(pcrs, version=2, **more) -> AcceptedImage:
    values = {"sha384": {index: (value.hex(),) for index, value in pcrs.items()}}
    return AcceptedImage(reference=ReferenceSet(name="node", version=version, pcrs=values), **more)


IMAGES = (image({**ACCEPTED, 4: b"\x01" * 48}, 1, stage="retired", reason="superseded by version 2"), image(ACCEPTED))


@pytest.fixture
def place(rig, tenants):
    """acme's data key as it is deployed, its roles, its network, and the release policy beside it."""
    scope = TenantScope(Names("bh", "acme"), tenants["acme"], "us-east-1", "9" * 12, rig.id("management"), IMAGES)
    iam = rig.client("iam", "acme")
    for role in ("trainer", "data-owner"):
        trust = json.dumps(roles.trust_policy(scope, role))
        iam.create_role(RoleName=f"bh-acme-{role}", AssumeRolePolicyDocument=trust)
        policy = json.dumps(roles.role_policy(scope, role))
        iam.put_role_policy(RoleName=f"bh-acme-{role}", PolicyName="work", PolicyDocument=policy)
    door = network(rig, "acme")
    service = "com.amazonaws.us-east-1.kms"
    rig.client("ec2", "acme").create_vpc_endpoint(VpcId=door.vpc, ServiceName=service, VpcEndpointType="Interface")
    tags = [{"TagKey": "tenant", "TagValue": "acme"}, {"TagKey": "purpose", "TagValue": "data"}]
    policy = json.dumps(key_policies.key_policy(scope, "data"))
    key = rig.client("kms", "acme").create_key(Policy=policy, Tags=tags)["KeyMetadata"]["Arn"]
    (rig.root / "release").mkdir()
    release = release_policy(scope, "data")
    (rig.root / "release" / "acme-data.json").write_text(release.model_dump_json())
    owner = rig.client("kms", credentials=session(rig, "acme", "bh-acme-data-owner", "sign-in"), listener=door)
    trainer = rig.client("kms", credentials=session(rig, "acme", "bh-acme-trainer"), listener=door)
    blob = owner.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"tenant": "acme"})["CiphertextBlob"]
    return SimpleNamespace(owner=owner, trainer=trainer, key=key, blob=blob, release=release, door=door)


def recipient(rig, pcrs=ACCEPTED, nonce=b"n" * 32, root=None):
    issuer = root or root_in(rig.root / "attestation", rig.root / "attestation-roots")
    spki = NODE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    document = issue(issuer, module_id="i-1-tpm1", pcrs=pcrs, now=datetime.now(UTC), public_key=spki, nonce=nonce)
    return {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": document}


def decrypt(place, **more):
    return place.trainer.decrypt(CiphertextBlob=place.blob, EncryptionContext={"tenant": "acme"}, **more)


def ledger(rig, tenant="acme"):
    found = read(rig.root / "ledger", tenant)
    key = load_public_key((rig.root / "ledger" / "head-key.pem").read_bytes(), "head-key.pem")
    assert all(item.ok for item in check(found, key, None))
    return found.entries


def test_a_release_is_recorded_with_all_that_it_rested_on(rig, place):
    given = recipient(rig)
    assert decrypt(place, Recipient=given)["CiphertextForRecipient"]
    sealed, opened = ledger(rig)
    assert (sealed.operation, sealed.decision, sealed.evidence_sha256) == ("kms:GenerateDataKey", "allowed", None)
    assert (opened.operation, opened.decision, opened.reasons) == ("kms:Decrypt", "allowed", ())
    assert (opened.reference_set, opened.purpose, opened.key) == ("node v2", "data", place.key)
    assert (opened.policy_sha256, opened.policy_version) == (place.release.sha256(), 2)
    assert opened.nonce == (b"n" * 32).hex()
    assert opened.requester.startswith(f"arn:aws:sts::{rig.id('acme')}:assumed-role/bh-acme-trainer/i-")
    import hashlib

    assert opened.evidence_sha256 == hashlib.sha256(given["AttestationDocument"]).hexdigest()


REFUSED = [
    ({}, "no attestation document"),
    ({"pcrs": {**ACCEPTED, 12: b"\x99" * 48}}, "PCR 12 (the command line"),
    ({"pcrs": {**ACCEPTED, 4: b"\x98" * 48}}, "PCR 4 (boot loader"),
    ({"pcrs": {**ACCEPTED, 4: b"\x01" * 48}}, "node v1, which is retired: superseded by version 2"),
    ({"pcrs": {4: ACCEPTED[4], 7: ACCEPTED[7]}}, "got nothing"),
    ({"root": make_root("stranger", datetime.now(UTC))}, "not genuine"),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_a_refusal_is_recorded_in_words(rig, place, changes, words):
    given = {"Recipient": recipient(rig, **changes)} if changes else {}
    assert refused(decrypt, place, **given)[0] in {"AccessDeniedException", "ValidationException"}
    entry = ledger(rig)[-1]
    assert entry.decision == "denied"
    assert any(words in reason for reason in entry.reasons), entry.reasons


def test_a_strangers_request_is_in_the_ledger_of_the_keys_owner(rig, place):
    code, _ = refused(
        rig.client("kms", "globex").decrypt,
        CiphertextBlob=place.blob,
        KeyId=place.key,
        EncryptionContext={"tenant": "acme"},
    )
    assert code == "AccessDeniedException"
    entry = ledger(rig)[-1]
    assert (entry.decision, rig.id("globex") in entry.requester) == ("denied", True)
    assert tenants(rig.root / "ledger") == ["acme"]


def test_a_genuine_document_of_somebody_elses_machine_is_named_as_such(rig, place):
    code, _ = refused(
        rig.client("kms", "acme").decrypt,
        CiphertextBlob=place.blob,
        EncryptionContext={"tenant": "acme"},
        Recipient=recipient(rig),
    )
    assert code == "AccessDeniedException"
    assert any("OrganizationAccountAccessRole is not a principal of acme" in r for r in ledger(rig)[-1].reasons)


def test_what_cannot_be_recorded_is_not_released(rig, place):
    heads = rig.root / "ledger" / "acme" / "heads.jsonl"
    heads.write_bytes(heads.read_bytes().replace(b'"size":1', b'"size":9'))
    code, message = refused(decrypt, place, Recipient=recipient(rig))
    assert (code, "could not be recorded" in message) == ("KMSInternalException", True)


def test_a_disagreement_of_the_two_forms_releases_nothing(rig, place, monkeypatch):
    from localcloud import releases

    monkeypatch.setattr(releases, "_mismatches", lambda *_: ["planted for the test"])
    code, message = refused(decrypt, place, Recipient=recipient(rig))
    assert (code, "disagree" in message) == ("KMSInternalException", True)
    assert "disagree" in ledger(rig)[-1].reasons[0]


def test_a_release_policy_of_another_deployment_is_not_quoted(rig, place):
    file = rig.root / "release" / "acme-data.json"
    file.write_text(
        place.release.model_copy(update={"images": (image({**ACCEPTED, 4: b"\x55" * 48}),)}).model_dump_json()
    )
    decrypt(place, Recipient=recipient(rig))
    entry = ledger(rig)[-1]
    assert (entry.decision, entry.policy_version, entry.reference_set) == ("allowed", 0, None)
    assert entry.policy_sha256 != place.release.sha256()


def test_the_data_owner_rotates_without_opening(rig, place):
    """Wrapped anew under the same key by KMS; not under another, and never decrypted."""
    context = {"tenant": "acme"}
    fresh = place.owner.re_encrypt(
        CiphertextBlob=place.blob,
        SourceKeyId=place.key,
        SourceEncryptionContext=context,
        DestinationKeyId=place.key,
        DestinationEncryptionContext=context,
    )["CiphertextBlob"]
    place.blob = fresh
    assert decrypt(place, Recipient=recipient(rig))["CiphertextForRecipient"]
    assert refused(place.owner.decrypt, CiphertextBlob=fresh, EncryptionContext=context)[0] == "AccessDeniedException"
    code, _ = refused(
        place.trainer.re_encrypt,
        CiphertextBlob=fresh,
        SourceEncryptionContext=context,
        DestinationKeyId=place.key,
        DestinationEncryptionContext=context,
    )
    assert code == "AccessDeniedException"


def test_the_platforms_administrator_opens_nothing(rig, place):
    for given in ({}, {"Recipient": recipient(rig)}):
        code, message = refused(
            rig.client("kms", "acme").decrypt, CiphertextBlob=place.blob, EncryptionContext={"tenant": "acme"}, **given
        )
        assert (code, "explicit deny" in message) == ("AccessDeniedException", True)
