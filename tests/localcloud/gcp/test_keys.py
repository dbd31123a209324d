"""Keys of an attested machine, asked for by the trainer's own key service through Google's library over gRPC."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.cloud import kms_v1

from tests.localcloud.gcp import world
from trainer.errors import Reason, TrainerError
from trainer.google.credentials import attested_credentials
from trainer.keys.gcp_kms import GcpKeyService

pytestmark = pytest.mark.e2e

INITECH, HOOLI = world.names("initech"), world.names("hooli")
CONTEXT = {"tenant": "initech", "run": "r1", "purpose": "checkpoint"}
CHECKPOINT = f"{INITECH['ring']}/cryptoKeys/checkpoint"


def attested(running, monkeypatch, tenant="initech", provider=None, network="", **otherwise) -> GcpKeyService:
    """The key service of a machine of a tenant, started as deployed but for `otherwise`."""
    machine = running.machine(tenant, **otherwise)
    monkeypatch.setenv("BULKHEAD_LAUNCHER_SOCKET", machine["launcher"])
    endpoints = running.endpoints(tenant if network == "" else network)
    provider = provider or world.names(tenant)["provider"]
    return GcpKeyService(attested_credentials(provider, endpoints), endpoints.kms)


def refused(service: GcpKeyService, key: str = CHECKPOINT) -> str:
    with pytest.raises(TrainerError) as caught:
        service.generate(key, CONTEXT)
    assert caught.value.reason is Reason.KEY_UNAVAILABLE
    return str(caught.value)


def test_an_attested_machine_wraps_and_unwraps(running, monkeypatch):
    service = attested(running, monkeypatch)
    made = service.generate(CHECKPOINT, CONTEXT)
    assert len(made.plaintext) == 32
    assert made.plaintext not in made.wrapped
    assert service.unwrap(CHECKPOINT, made.wrapped, CONTEXT) == made.plaintext
    again = service.rewrap(CHECKPOINT, made.wrapped, CONTEXT)
    assert again != made.wrapped
    assert service.unwrap(CHECKPOINT, again, CONTEXT) == made.plaintext


@pytest.mark.parametrize(
    "other",
    [CONTEXT | {"run": "r2"}, CONTEXT | {"tenant": "hooli"}, {k: v for k, v in CONTEXT.items() if k != "run"}, {}],
)
def test_a_wrapped_key_opens_with_exactly_its_context(running, monkeypatch, other):
    service = attested(running, monkeypatch)
    made = service.generate(CHECKPOINT, CONTEXT)
    with pytest.raises(TrainerError) as caught:
        service.unwrap(CHECKPOINT, made.wrapped, other)
    assert caught.value.reason is Reason.WRONG_KEY


def test_a_changed_wrapped_key_does_not_open(running, monkeypatch):
    service = attested(running, monkeypatch)
    wrapped = bytearray(service.generate(CHECKPOINT, CONTEXT).wrapped)
    for place in (0, 9, 25, len(wrapped) - 1):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        with pytest.raises(TrainerError) as caught:
            service.unwrap(CHECKPOINT, bytes(changed), CONTEXT)
        assert caught.value.reason is Reason.WRONG_KEY


def test_what_a_rotated_key_wrapped_before_still_opens(running, monkeypatch):
    service = attested(running, monkeypatch)
    before = service.generate(CHECKPOINT, CONTEXT)
    from localcloud.gcp.key_material import KeyMaterial

    material = KeyMaterial(running.places.keys)
    count = len(material.versions(CHECKPOINT))
    assert count == 1
    assert service.unwrap(CHECKPOINT, before.wrapped, CONTEXT) == before.plaintext


@pytest.mark.parametrize(
    ("otherwise", "why"),
    [
        ({"image_digest": "sha256:" + "cd" * 32}, "rejected by the attribute condition"),
        ({"debug": True}, "rejected by the attribute condition"),
        ({"env_override": {"BULKHEAD_GCP_ENDPOINT": "http://elsewhere"}}, "rejected by the attribute condition"),
        ({"service_account": HOOLI["trainer"]}, "rejected by the attribute condition"),
        ({"project_number": world.number("bh-hooli")}, "rejected by the attribute condition"),
    ],
)
def test_a_machine_that_is_not_as_approved_gets_no_identity(running, monkeypatch, otherwise, why):
    assert why in refused(attested(running, monkeypatch, **otherwise))


def test_another_tenants_machine_gets_no_identity_in_this_tenants_pool(running, monkeypatch):
    said = refused(attested(running, monkeypatch, tenant="hooli", provider=INITECH["provider"], network="initech"))
    assert "rejected by the attribute condition" in said


def test_another_tenants_machine_cannot_use_this_tenants_key(running, monkeypatch):
    for network in ("hooli", "initech", None):
        said = refused(attested(running, monkeypatch, tenant="hooli", network=network))
        assert "PERMISSION_DENIED" in said
    last = running.decisions()[-1]
    assert last["decision"] == "denied"
    assert last["caller"].startswith(f"principal://iam.googleapis.com/{HOOLI['pool']}/subject/")


def test_the_perimeter_keeps_a_machine_outside_its_network_from_the_key(running, monkeypatch):
    said = refused(attested(running, monkeypatch, network=None))
    assert "PERMISSION_DENIED" in said
    assert "servicePerimeters" in running.decisions()[-1]["decidedBy"]


def test_nobody_else_of_the_tenant_uses_an_attested_key(running):
    for who in (INITECH["trainer"], INITECH["owner"], world.DEPLOYER):
        endpoints = running.endpoints("initech")
        assert "PERMISSION_DENIED" in refused(GcpKeyService(running.account(who), endpoints.kms))


def test_the_data_owner_seals_and_cannot_open(running):
    key = f"{INITECH['ring']}/cryptoKeys/data"
    service = GcpKeyService(running.account(INITECH["owner"]), running.endpoints("initech").kms)
    made = service.generate(key, CONTEXT)
    with pytest.raises(TrainerError, match="useToDecrypt"):
        service.unwrap(key, made.wrapped, CONTEXT)


def test_without_a_launcher_there_is_no_key(running, monkeypatch, tmp_path: Path):
    service = attested(running, monkeypatch)
    monkeypatch.setenv("BULKHEAD_LAUNCHER_SOCKET", str(tmp_path / "nothing.sock"))
    endpoints = running.endpoints("initech")
    service = GcpKeyService(attested_credentials(INITECH["provider"], endpoints), endpoints.kms)
    assert "does not answer" in refused(service)


@pytest.mark.parametrize("name", ["alias/bh/initech/data", "", f"{CHECKPOINT}/cryptoKeyVersions/1", "projects/x"])
def test_only_names_of_keys_are_names_of_keys(running, name):
    service = GcpKeyService(running.account(INITECH["owner"]), running.endpoints("initech").kms)
    with pytest.raises(TrainerError, match="expected"):
        service.generate(name, CONTEXT)


class Altered:
    """Google's client, with one answer of it changed on the way."""

    def __init__(self, client, change):
        self._client, self._change, self.calls = client, change, 0

    def encrypt(self, **arguments):
        return self._altered(self._client.encrypt(**arguments))

    def decrypt(self, **arguments):
        return self._altered(self._client.decrypt(**arguments))

    def _altered(self, reply):
        self.calls += 1
        self._change(reply, self.calls)
        return reply


def set_field(name, value, first=99):
    def change(reply, call):
        if call <= first:
            setattr(reply, name, value)

    return change


def test_damage_on_the_way_is_noticed_and_asked_for_again(running, monkeypatch):
    service = attested(running, monkeypatch)
    plain = service._client
    made = service.generate(CHECKPOINT, CONTEXT)
    service._client = Altered(plain, set_field("plaintext", b"\0" * 32))
    with pytest.raises(TrainerError, match="damaged on the way 3 times"):
        service.unwrap(CHECKPOINT, made.wrapped, CONTEXT)
    assert service._client.calls == 3
    service._client = Altered(plain, set_field("plaintext", b"\0" * 32, first=1))
    assert service.unwrap(CHECKPOINT, made.wrapped, CONTEXT) == made.plaintext
    for field, value in (
        ("verified_plaintext_crc32c", False),
        ("verified_additional_authenticated_data_crc32c", False),
        ("ciphertext", b"other"),
    ):
        service._client = Altered(plain, set_field(field, value))
        with pytest.raises(TrainerError, match="damaged on the way"):
            service.generate(CHECKPOINT, CONTEXT)


def test_a_key_in_software_or_another_key_is_refused(running, monkeypatch):
    service = attested(running, monkeypatch)
    plain = service._client
    made = service.generate(CHECKPOINT, CONTEXT)
    service._client = Altered(plain, set_field("protection_level", kms_v1.ProtectionLevel.SOFTWARE))
    with pytest.raises(TrainerError, match="SOFTWARE, not HSM"):
        service.generate(CHECKPOINT, CONTEXT)
    with pytest.raises(TrainerError, match="SOFTWARE, not HSM"):
        service.unwrap(CHECKPOINT, made.wrapped, CONTEXT)
    service._client = Altered(plain, set_field("name", f"{INITECH['ring']}/cryptoKeys/data/cryptoKeyVersions/1"))
    with pytest.raises(TrainerError, match="instead"):
        service.generate(CHECKPOINT, CONTEXT)


def test_the_service_checks_what_it_receives(running):
    from google.api_core.exceptions import InvalidArgument

    client = GcpKeyService(running.account(INITECH["owner"]), running.endpoints("initech").kms)._client
    name = f"{INITECH['ring']}/cryptoKeys/data"
    with pytest.raises(InvalidArgument, match="plaintext_crc32c did not match"):
        client.encrypt(request=kms_v1.EncryptRequest(name=name, plaintext=b"x" * 32, plaintext_crc32c=7))
    with pytest.raises(InvalidArgument, match="at most 8192"):
        client.encrypt(request=kms_v1.EncryptRequest(name=name, plaintext=b"x" * 9000))
