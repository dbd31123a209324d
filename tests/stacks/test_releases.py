"""Accepted images from platform.yaml to the key policies: signed sets, plain sets, stages, and what is refused."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.reference import Provenance, ReferenceRegister, ReferenceValues, sign
from operations.nodes.accepted import accept_installed, older_build, read
from stacks.errors import StackError
from stacks.releases import LOCAL_FILE, accepted, on_trial
from stacks.scopes import tenant_scope
from tenancy import fleet as fleets

SIGNER = ec.generate_private_key(ec.SECP256R1())
NOW = datetime.now(UTC).replace(microsecond=0)


def register(byte: str) -> ReferenceRegister:
    return ReferenceRegister(sha256=byte * 32, sha384=byte * 48, extends=())


def signed(version: int = 3, expires: timedelta = timedelta(days=1)) -> bytes:
    values = ReferenceValues(
        image="bulkhead-cpu",
        version=version,
        created=NOW - timedelta(days=2),
        expires=NOW + expires,
        secure_boot=True,
        registers={4: register("44"), 7: register("77"), 12: register("00")},
        artefact={},
        provenance=Provenance(source="x", source_date_epoch=1, builder={}, lock_sha256="0" * 64),
        packages=(),
    )
    return sign(values, SIGNER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The repository's tenants in a folder of their own, with a signed set and the key that signed it."""
    found = tmp_path / "tenants"
    shutil.copytree("tenants", found)
    (found / "sets").mkdir()
    (found / "cpu.reference.json").write_bytes(signed())
    pem = SIGNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (found / "signer.pub").write_bytes(pem)
    return found


def fleet(folder: Path, *releases: dict[str, str], canaries: tuple[str, ...] = ()) -> fleets.Fleet:
    path = folder / "platform.yaml"
    document = yaml.safe_load(path.read_text())
    document["clouds"]["aws"]["images"]["trainer-cpu"] |= {"releases": list(releases), "canaries": list(canaries)}
    path.write_text(yaml.safe_dump(document))
    return fleets.load(folder)


SIGNED = {"reference": "cpu.reference.json", "signed_by": "signer.pub"}


def test_a_signed_set_is_accepted_once_its_signature_holds(folder: Path) -> None:
    found = fleet(folder, SIGNED)
    (image,) = accepted(found, found.tenant("acme"), None)
    assert (image.reference.name, image.reference.version, image.stage) == ("bulkhead-cpu", 3, "active")
    assert image.reference.pcrs["sha384"][4] == ("44" * 48,)
    assert image.reference.expires == NOW + timedelta(days=1)


def test_a_plain_set_is_read_as_yaml(folder: Path) -> None:
    values = {"sha384": {4: ["ab" * 48], 7: ["cd" * 48], 12: ["00" * 48]}}
    (folder / "sets/plain.yaml").write_text(yaml.safe_dump({"name": "own", "version": 1, "pcrs": values}))
    found = fleet(folder, {"reference": "sets/plain.yaml"})
    (image,) = accepted(found, found.tenant("acme"), None)
    assert (image.reference.name, image.reference.pcrs["sha384"][7]) == ("own", ("cd" * 48,))


def test_stages_and_canaries_come_from_the_platform_file(folder: Path) -> None:
    retired = SIGNED | {"stage": "retired", "reason": "superseded by 4"}
    (folder / "next.json").write_bytes(signed(4))
    trial = SIGNED | {"reference": "next.json", "stage": "canary"}
    found = fleet(folder, retired, trial, canaries=("acme",))
    scope = tenant_scope(found, found.tenant("acme"), folder)
    assert [(image.reference.version, image.stage) for image in scope.images] == [(3, "retired"), (4, "canary")]
    assert scope.canary
    assert not on_trial(found, found.tenant("globex"))


def other_signer(folder: Path) -> None:
    pem = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (folder / "signer.pub").write_bytes(pem)


def changed(folder: Path) -> None:
    envelope = json.loads(signed())
    envelope["payload"] = envelope["payload"][:-8] + "AAAAAAA="
    (folder / "cpu.reference.json").write_text(json.dumps(envelope))


@pytest.mark.parametrize(
    ("release", "spoil", "words"),
    [
        (SIGNED, other_signer, "none of which is a trusted key"),
        (SIGNED, changed, "none of which is a trusted key"),
        (SIGNED, lambda f: (f / "cpu.reference.json").write_bytes(signed(expires=timedelta(0))), "expired"),
        (SIGNED, lambda f: (f / "cpu.reference.json").unlink(), "No such file"),
        (SIGNED, lambda f: (f / "signer.pub").write_text("no key"), "not a PEM public key"),
        ({"reference": "cpu.reference.json"}, lambda _: None, "is signed: name the key"),
        (
            {"reference": "sets/p.yaml", "signed_by": "signer.pub"},
            lambda f: (f / "sets/p.yaml").write_text("{}"),
            "not signed",
        ),
        ({"reference": "sets/p.yaml"}, lambda f: (f / "sets/p.yaml").write_text("name: x"), "version: Field required"),
        (SIGNED | {"stage": "retired"}, lambda _: None, "a retired image needs a reason"),
    ],
)
def test_what_cannot_be_believed_stops_the_deployment(folder, release, spoil, words) -> None:
    spoil(folder)
    found = fleet(folder, release)
    with pytest.raises(StackError, match=words) as refused:
        accepted(found, found.tenant("acme"), None)
    assert "platform.yaml: image trainer-cpu" in str(refused.value)


def test_the_local_profile_adds_the_installed_trainers_node_and_the_cloud_profile_does_not(
    folder: Path, tmp_path: Path
) -> None:
    found = fleet(folder, SIGNED)
    accept_installed(tmp_path)
    local = accepted(found, found.tenant("acme"), tmp_path)
    assert [image.reference.name for image in local] == ["bulkhead-cpu", "process-node", "process-node"]
    assert [image.reference.name for image in accepted(found, found.tenant("acme"), None)] == ["bulkhead-cpu"]
    assert "test_double" in json.loads((tmp_path / LOCAL_FILE).read_text())


def test_a_damaged_list_of_local_nodes_stops_the_deployment(folder: Path, tmp_path: Path) -> None:
    (tmp_path / LOCAL_FILE).write_text('{"images": [{}]}')
    found = fleet(folder)
    with pytest.raises(StackError, match="not a list of accepted images"):
        accepted(found, found.tenant("acme"), tmp_path)


@pytest.fixture
def trainer(tmp_path: Path) -> Path:
    """A copy of what a process node measures."""
    root = tmp_path / "root"
    for package in ("trainer", "attestation"):
        shutil.copytree(package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def test_an_unchanged_trainer_keeps_its_version_and_a_changed_one_retires_it(trainer: Path, tmp_path: Path) -> None:
    first = accept_installed(tmp_path, trainer)
    assert [(image.reference.version, image.stage) for image in first] == [(1, "retired"), (2, "active")]
    assert first[0].reference == older_build(trainer)
    assert accept_installed(tmp_path, trainer) == first == read(tmp_path)
    module = trainer / "trainer" / "job.py"
    module.write_bytes(module.read_bytes() + b"\n")
    second = accept_installed(tmp_path, trainer)
    assert [(image.reference.version, image.stage) for image in second] == [
        (1, "retired"),
        (2, "retired"),
        (3, "active"),
    ]
    old, new = second[1].reference.pcrs["sha384"], second[2].reference.pcrs["sha384"]
    assert (old[4] != new[4], old[7] == new[7], old[12] == new[12]) == (True, True, True)
    assert "superseded by version 3" in second[1].reason


def test_caches_of_the_interpreter_are_not_measured(trainer: Path, tmp_path: Path) -> None:
    first = accept_installed(tmp_path, trainer)
    (trainer / "trainer" / "__pycache__").mkdir()
    (trainer / "trainer" / "__pycache__" / "job.cpython-311.pyc").write_bytes(b"x")
    assert accept_installed(tmp_path, trainer) == first
