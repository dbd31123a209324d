"""Keys go to a machine that proves what it booted: each condition beside the document that fails it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from attestation.nitro_issuer import issue, make_root
from localcloud.cms import envelop
from tests.localcloud.test_gateway import deny, refused
from tests.localcloud.test_kms import key_policy

GOOD = {4: b"\x04" * 48, 7: b"\x07" * 48, 12: b"\0" * 48}


def spki(key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def openssl(envelope: bytes, key: rsa.RSAPrivateKey, tmp_path) -> bytes:
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", str(tmp_path / "key.pem")]
    return subprocess.run(command, input=envelope, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def node():
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize("length", [0, 1, 16, 32, 4096])
def test_openssl_opens_the_envelope(node, tmp_path, length):
    assert openssl(envelop(b"k" * length, node.public_key()), node, tmp_path) == b"k" * length


@pytest.fixture
def place(rig):
    """A key that only an attested machine may use, a root that the cloud trusts, and a wrapped data key."""
    root = make_root("local machines", datetime.now(UTC) - timedelta(days=1))
    (rig.root / "attestation-roots" / "local.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    locks = [
        {
            **deny(["kms:Decrypt", "kms:GenerateDataKey"]),
            "Principal": "*",
            "Condition": {"StringNotEqualsIgnoreCase": {f"kms:RecipientAttestation:NitroTPMPCR{n}": value.hex()}},
        }
        for n, value in GOOD.items()
    ]
    account = rig.id("management")
    kms = rig.client("kms")
    key = kms.create_key(Policy=key_policy(account))["KeyMetadata"]["Arn"]
    blob = kms.generate_data_key(KeyId=key, KeySpec="AES_256")["CiphertextBlob"]
    plain = kms.decrypt(CiphertextBlob=blob)["Plaintext"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=key_policy(account, *locks))
    return root, key, blob, plain


def recipient(root, key, *, pcrs=GOOD, at=None, algorithm="RSAES_OAEP_SHA_256", **more):
    evidence = issue(root, module_id="i-1-tpm1", pcrs=pcrs, now=at or datetime.now(UTC), public_key=spki(key), **more)
    return {"KeyEncryptionAlgorithm": algorithm, "AttestationDocument": evidence}


def test_an_approved_machine_gets_the_key_and_the_wire_does_not(rig, place, node, tmp_path):
    root, key, blob, plain = place
    answer = rig.client("kms").decrypt(CiphertextBlob=blob, Recipient=recipient(root, node))
    assert answer["Plaintext"] == b""
    assert openssl(answer["CiphertextForRecipient"], node, tmp_path) == plain
    made = rig.client("kms").generate_data_key(KeyId=key, KeySpec="AES_256", Recipient=recipient(root, node))
    assert made["Plaintext"] == b""
    again = rig.client("kms").decrypt(CiphertextBlob=made["CiphertextBlob"], Recipient=recipient(root, node))
    assert openssl(made["CiphertextForRecipient"], node, tmp_path) == openssl(
        again["CiphertextForRecipient"], node, tmp_path
    )


def test_an_administrator_without_a_document_gets_nothing(rig, place):
    _, _, blob, _ = place
    code, message = refused(rig.client("kms").decrypt, CiphertextBlob=blob)
    assert (code, "explicit deny" in message) == ("AccessDeniedException", True)


@pytest.mark.parametrize("register", sorted(GOOD))
def test_each_register_counts(rig, place, node, register):
    root, _, blob, _ = place
    other = {**GOOD, register: b"\xee" * 48}
    code, _ = refused(rig.client("kms").decrypt, CiphertextBlob=blob, Recipient=recipient(root, node, pcrs=other))
    assert code == "AccessDeniedException"
    missing = {index: value for index, value in GOOD.items() if index != register}
    code, _ = refused(rig.client("kms").decrypt, CiphertextBlob=blob, Recipient=recipient(root, node, pcrs=missing))
    assert code == "AccessDeniedException"


def test_an_enclaves_registers_are_not_a_nitrotpms(rig, place, node):
    root, _, blob, _ = place
    pcrs = {**GOOD, 0: b"\1" * 48, 1: b"\1" * 48, 2: b"\1" * 48}
    code, _ = refused(
        rig.client("kms").decrypt, CiphertextBlob=blob, Recipient=recipient(root, node, pcrs=pcrs, enclave=True)
    )
    assert code == "AccessDeniedException"


def test_a_document_of_another_root_is_refused(rig, place, node):
    _, _, blob, _ = place
    stranger = make_root("stranger", datetime.now(UTC))
    code, message = refused(rig.client("kms").decrypt, CiphertextBlob=blob, Recipient=recipient(stranger, node))
    assert (code, "not genuine" in message) == ("ValidationException", True)


def test_a_changed_document_is_refused(rig, place, node):
    root, _, blob, _ = place
    given = recipient(root, node)
    changed = bytearray(given["AttestationDocument"])
    changed[-1] ^= 1
    given["AttestationDocument"] = bytes(changed)
    assert refused(rig.client("kms").decrypt, CiphertextBlob=blob, Recipient=given)[0] == "ValidationException"
    given["AttestationDocument"] = b"nonsense"
    assert refused(rig.client("kms").decrypt, CiphertextBlob=blob, Recipient=given)[0] == "ValidationException"


def test_an_old_document_is_refused(rig, place, node):
    root, _, blob, _ = place
    old = recipient(root, node, at=datetime.now(UTC) - timedelta(minutes=6))
    code, message = refused(rig.client("kms").decrypt, CiphertextBlob=blob, Recipient=old)
    assert (code, "expired" in message) == ("ValidationException", True)


def test_a_document_without_a_usable_key_is_refused(rig, place):
    root, _, blob, _ = place
    key = ec.generate_private_key(ec.SECP256R1())
    code, message = refused(rig.client("kms").decrypt, CiphertextBlob=blob, Recipient=recipient(root, key))
    assert (code, "public key" in message) == ("ValidationException", True)


def test_a_policy_without_attestation_still_answers_to_the_recipient_only(rig, node, place, tmp_path):
    root, *_ = place
    random = rig.client("kms").generate_random(NumberOfBytes=16, Recipient=recipient(root, node))
    assert random["Plaintext"] == b""
    assert len(openssl(random["CiphertextForRecipient"], node, tmp_path)) == 16
