"""A machine proves what it booted: its own TPM quotes, the host signs, KMS answers to it alone."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.utils import InstanceMetadataFetcher
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.kinds import nitro
from images import tpm
from localcloud.hypervisor import extra_data as host_extra_data
from localcloud.recipient import trusted_roots
from tests.localcloud.machines import network, node_role, post, register, served, software_tpm
from tests.localcloud.test_gateway import allow, deny, document
from trainer.attest.hosted import HostedTpm, extra_data
from trainer.attest.metadata import machine_id
from trainer.errors import Reason, TrainerError
from trainer.keys.aws_kms import AwsKeyService

pytestmark = pytest.mark.e2e
CHALLENGE, DOCUMENT = "/_bulkhead/attestation/challenge", "/_bulkhead/attestation/document"


@pytest.fixture(scope="module")
def chip(tmp_path_factory):
    with software_tpm(tmp_path_factory.mktemp("machine")) as (tcti, public):
        yield tcti, base64.b64encode(public).decode()


@pytest.fixture
def place(rig, tenants, chip):
    """A node of acme: the listener of its network, its address, its id and its TPM."""
    tcti, public = chip
    listener = network(rig, "acme")
    node_role(rig, "acme", allow(["kms:Decrypt", "kms:GenerateDataKey"]))
    status, answer = register(rig, "acme", public)
    assert status == 200, answer
    with served(rig, listener) as address:
        yield listener, address, answer["machine"], tcti


def spki() -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_both_sides_hash_the_same(chip):
    for key, data in ((b"k", b"d"), (b"k", None), (None, b"d"), (None, None)):
        assert extra_data(b"\1" * 32, key, data) == host_extra_data(b"\1" * 32, key, data)


def test_the_document_carries_the_quoted_registers_and_leads_to_the_local_root(rig, place):
    _, address, machine, tcti = place
    tpm.run([tpm.program("tpm2_pcrextend"), f"14:sha384={'5a' * 48}"], {"TPM2TOOLS_TCTI": tcti})
    source = HostedTpm(address, machine, tcti=tcti)
    key = spki()
    evidence = source.document(key, nonce=b"n" * 16, user_data=b"hello")
    roots = trusted_roots(rig.root / "attestation-roots")
    claims = nitro.verify(evidence, nonce=b"n" * 16, now=datetime.now(UTC), roots=roots)
    assert (claims.genuine, claims.anchored, claims.values["shape"]) == (True, True, "nitrotpm")
    assert claims.values["pcrs"] == source.quote(b"x")["pcrs"]["sha384"]
    assert int(claims.values["pcrs"]["14"], 16) != 0
    assert int(claims.values["pcrs"]["12"], 16) == 0
    assert claims.values["public_key"] == key.hex()
    assert bytes.fromhex(claims.values["user_data"]) == b"hello"
    assert claims.values["module_id"].startswith(f"{machine}-tpm")
    assert not nitro.verify(evidence, now=datetime.now(UTC)).anchored


def asked(source, listener, rig, machine, key, **changes):
    _, answer = post(rig, CHALLENGE, {"machine": machine}, listener)
    nonce = bytes.fromhex(answer["nonce"])
    body = {
        "machine": machine,
        "nonce": nonce.hex(),
        "evidence": source.quote(extra_data(nonce, key, None)),
        "public_key": base64.b64encode(key).decode(),
        "user_data": None,
        "document_nonce": None,
    }
    return body | changes


def refusal(rig, body, listener) -> str:
    status, answer = post(rig, DOCUMENT, body, listener)
    assert status == 403, answer
    return answer["message"]


def test_a_challenge_serves_once(rig, place):
    listener, address, machine, tcti = place
    body = asked(HostedTpm(address, machine, tcti=tcti), listener, rig, machine, spki())
    assert post(rig, DOCUMENT, body, listener)[0] == 200
    assert "used already" in refusal(rig, body, listener)


def test_a_challenge_that_failed_does_not_serve_again(rig, place):
    listener, address, machine, tcti = place
    body = asked(HostedTpm(address, machine, tcti=tcti), listener, rig, machine, spki())
    assert "nonce" in refusal(rig, body | {"public_key": base64.b64encode(spki()).decode()}, listener)
    assert "used already" in refusal(rig, body, listener)


def test_a_challenge_is_forgotten_after_five_minutes(rig, place):
    listener, address, machine, tcti = place
    body = asked(HostedTpm(address, machine, tcti=tcti), listener, rig, machine, spki())
    rig.cloud.gateway.clock = lambda: datetime.now(UTC) + timedelta(minutes=5, seconds=1)
    assert "expired" in refusal(rig, body, listener)


@pytest.mark.parametrize(
    "change",
    [
        {"public_key": base64.b64encode(b"another key").decode()},
        {"public_key": None},
        {"user_data": base64.b64encode(b"more").decode()},
    ],
)
def test_the_quote_is_over_what_the_document_will_carry(rig, place, change):
    listener, address, machine, tcti = place
    body = asked(HostedTpm(address, machine, tcti=tcti), listener, rig, machine, spki(), **change)
    assert "nonce" in refusal(rig, body, listener)


def test_changed_registers_are_not_signed(rig, place):
    listener, address, machine, tcti = place
    body = asked(HostedTpm(address, machine, tcti=tcti), listener, rig, machine, spki())
    body["evidence"]["pcrs"]["sha384"]["12"] = "11" * 48
    assert "pcr_digest" in refusal(rig, body, listener)


def test_another_tpm_does_not_speak_for_the_machine(rig, place, tmp_path):
    listener, address, machine, _ = place
    with software_tpm(tmp_path) as (other, _):
        body = asked(HostedTpm(address, machine, tcti=other), listener, rig, machine, spki())
        assert "ak_trust" in refusal(rig, body, listener)


@pytest.mark.parametrize("evidence", [None, "text", {}, [], {"quote": "AA=="}, {"event_log": "AA=="}])
def test_malformed_evidence_is_refused_in_words(rig, place, evidence):
    listener, address, machine, tcti = place
    body = asked(HostedTpm(address, machine, tcti=tcti), listener, rig, machine, spki(), evidence=evidence)
    assert "malformed" in refusal(rig, body, listener)


@pytest.mark.parametrize("field", ["nonce", "public_key", "user_data", "document_nonce"])
@pytest.mark.parametrize("value", [7, "not encoded!", {}])
def test_malformed_fields_are_refused_in_words(rig, place, field, value):
    listener, address, machine, tcti = place
    body = asked(HostedTpm(address, machine, tcti=tcti), listener, rig, machine, spki(), **{field: value})
    assert field in refusal(rig, body, listener)


def test_a_machine_is_known_only_in_its_own_network(rig, place):
    listener, _, machine, _ = place
    other = network(rig, "globex")
    for door in (other, rig.listener):
        assert post(rig, CHALLENGE, {"machine": machine}, door)[0] == 403
    assert post(rig, CHALLENGE, {"machine": "i-0123456789abcdef0"}, listener)[0] == 403
    assert post(rig, CHALLENGE, {"machine": machine}, listener)[0] == 200


def test_the_metadata_service_gives_botocore_the_roles_session(rig, place, monkeypatch):
    _, address, machine, _ = place
    endpoint = f"{address}/_bulkhead/machines/{machine}/"
    assert machine_id({"AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint}) == machine
    found = InstanceMetadataFetcher(timeout=60, config={"ec2_metadata_service_endpoint": endpoint})
    keys = found.retrieve_iam_role_credentials()
    credentials = (keys["access_key"], keys["secret_key"], keys["token"])
    arn = rig.client("sts", credentials=credentials).get_caller_identity()["Arn"]
    assert arn.endswith(f"assumed-role/node/{machine}")


def test_the_metadata_service_wants_a_token(rig, place):
    import requests

    _, address, machine, _ = place
    base = f"{address}/_bulkhead/machines/{machine}/latest"
    assert requests.get(f"{base}/meta-data/instance-id", timeout=60).status_code == 401
    assert requests.put(f"{base}/api/token", timeout=60).status_code == 400
    ttl = {"x-aws-ec2-metadata-token-ttl-seconds": "60"}
    assert (
        requests.put(f"{base}/api/token", headers=ttl | {"x-forwarded-for": "1.2.3.4"}, timeout=60).status_code == 403
    )
    token = {"x-aws-ec2-metadata-token": requests.put(f"{base}/api/token", headers=ttl, timeout=60).text}
    assert requests.get(f"{base}/meta-data/instance-id", headers=token, timeout=60).text == machine
    assert requests.get(f"{base}/meta-data/other", headers=token, timeout=60).status_code == 404
    rig.cloud.gateway.clock = lambda: datetime.now(UTC) + timedelta(seconds=61)
    assert requests.get(f"{base}/meta-data/instance-id", headers=token, timeout=60).status_code == 401


def test_only_the_holder_of_the_token_registers_machines(rig, tenants, chip):
    _, public = chip
    node_role(rig, "acme")
    body = {"account": "acme", "role": "node", "ak_public": public}
    assert post(rig, "/_bulkhead/machines", body, token="guess")[0] == 403
    assert register(rig, "nobody", public)[0] == 404
    assert register(rig, "acme", public, role="admin")[0] == 404
    assert register(rig, "acme", public, role="OrganizationAccountAccessRole")[0] == 403
    assert register(rig, "acme", base64.b64encode(b"no key").decode())[0] == 400
    assert register(rig, "acme", public, ek_certificate=base64.b64encode(b"none").decode())[0] == 400
    assert register(rig, "acme", public)[0] == 200


def test_a_key_that_is_not_a_tpms_attestation_key_is_not_registered(rig, tenants, chip):
    _, public = chip
    node_role(rig, "acme")
    raw = bytearray(base64.b64decode(public))
    raw[6:10] = (int.from_bytes(raw[6:10], "big") & ~(1 << 16)).to_bytes(4, "big")  # objectAttributes, "restricted"
    status, answer = register(rig, "acme", base64.b64encode(raw).decode())
    assert (status, "restricted" in answer["message"]) == (400, True)


def test_machines_are_known_after_a_restart(rig, place):
    listener, _, machine, _ = place
    rig.restart()
    assert post(rig, CHALLENGE, {"machine": machine}, listener)[0] == 200


def bound_key(rig, pcrs: dict[str, str]) -> str:
    """A key of acme that only a machine with these registers decrypts with."""
    account = rig.id("acme")
    root = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    locks = [
        {
            **deny(["kms:Decrypt", "kms:GenerateDataKey"]),
            "Principal": "*",
            "Condition": {"StringNotEqualsIgnoreCase": {f"kms:RecipientAttestation:NitroTPMPCR{index}": value}},
        }
        for index, value in pcrs.items()
    ]
    arn: str = rig.client("kms", "acme").create_key(Policy=document(root, *locks))["KeyMetadata"]["Arn"]
    return arn


def endpoint_for_kms(rig, listener) -> None:
    rig.client("ec2", "acme").create_vpc_endpoint(
        VpcId=listener.vpc, ServiceName="com.amazonaws.us-east-1.kms", VpcEndpointType="Interface"
    )


def service(rig, place, *, attest: bool = True) -> AwsKeyService:
    _, address, machine, tcti = place
    found = InstanceMetadataFetcher(
        timeout=60, config={"ec2_metadata_service_endpoint": f"{address}/_bulkhead/machines/{machine}/"}
    )
    keys = found.retrieve_iam_role_credentials()
    session = boto3.Session(keys["access_key"], keys["secret_key"], keys["token"], region_name="us-east-1")
    return AwsKeyService(session, address, HostedTpm(address, machine, tcti=tcti) if attest else None)


def test_the_trainers_key_service_opens_what_kms_sends_to_its_machine(rig, place):
    listener, address, machine, tcti = place
    endpoint_for_kms(rig, listener)
    registers = HostedTpm(address, machine, tcti=tcti).quote(b"x")["pcrs"]["sha384"]
    key = bound_key(rig, {index: registers[index] for index in ("4", "7", "12")})
    attested = service(rig, place)
    made = attested.generate(key, {"tenant": "acme"})
    assert len(made.plaintext) == 32
    assert attested.unwrap(key, made.wrapped, {"tenant": "acme"}) == made.plaintext
    with pytest.raises(TrainerError, match="explicit deny") as refused:
        service(rig, place, attest=False).unwrap(key, made.wrapped, {"tenant": "acme"})
    assert refused.value.reason is Reason.KEY_UNAVAILABLE


def test_every_document_has_a_nonce_of_its_own(rig, place, monkeypatch):
    listener, *_ = place
    endpoint_for_kms(rig, listener)
    key, seen = bound_key(rig, {}), []
    attested = service(rig, place)
    source = attested._attest

    class Watched:
        def document(self, public_key, nonce=None, user_data=None):
            seen.append(nonce)
            return source.document(public_key, nonce, user_data)

    monkeypatch.setattr(attested, "_attest", Watched())
    made = attested.generate(key, {"tenant": "acme"})
    attested.unwrap(key, made.wrapped, {"tenant": "acme"})
    assert [len(nonce) for nonce in seen] == [32, 32]
    assert seen[0] != seen[1]


def test_another_command_line_gets_no_key(rig, place):
    listener, address, machine, tcti = place
    endpoint_for_kms(rig, listener)
    registers = HostedTpm(address, machine, tcti=tcti).quote(b"x")["pcrs"]["sha384"]
    key = bound_key(rig, {"4": registers["4"], "12": "ab" * 48})
    with pytest.raises(TrainerError, match="explicit deny"):
        service(rig, place).generate(key, {"tenant": "acme"})


def test_the_host_says_why_it_gives_no_document(rig, place):
    _, address, _, tcti = place
    with pytest.raises(TrainerError, match="no such machine") as refused:
        HostedTpm(address, "i-0123456789abcdef0", tcti=tcti).document(b"key")
    assert refused.value.reason is Reason.ATTESTATION


def test_a_cloud_that_answers_in_clear_is_not_believed(rig, place, monkeypatch):
    attested = service(rig, place)
    monkeypatch.setattr(attested, "_call", lambda *_a, **_k: {"Plaintext": b"k" * 32, "CiphertextBlob": b"c"})
    with pytest.raises(TrainerError, match="in clear"):
        attested.generate("alias/x", {"tenant": "acme"})


def test_the_register_of_machines_must_be_readable(rig):
    from localcloud.errors import LocalCloudError

    (rig.root / "machines.json").write_text(json.dumps([{"id": "i-1"}]))
    with pytest.raises(LocalCloudError, match="not a register of machines"):
        rig.restart()
