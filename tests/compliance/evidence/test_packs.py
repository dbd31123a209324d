"""Packs: what a tenant is given, judging again, cadence, timestamps, other signers, storage."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.evidence import cadence, reperform
from compliance.evidence.dsse import KmsSigner, envelope, local_signer, pae
from compliance.evidence.errors import EvidenceError
from compliance.evidence.pack import Extras, write_pack
from compliance.evidence.redact import redactor
from compliance.evidence.standalone import verify as alone
from compliance.evidence.store import put_under_lock
from compliance.evidence.timestamping import request_for
from compliance.facts.bundle import open_bundle
from compliance.facts.canonical import canonical, sha256
from compliance.rules.judge import judge
from tests.compliance.world import ACME, GLOBEX, scope


def key(made: Path) -> list[bytes]:
    return [(made / "signer.pub.pem").read_bytes()]


def test_tenants_pack_shows_no_byte_of_another_tenant(made):
    found = scope()
    other = found.tenant("globex")
    traces = [
        other.id,
        other.account,
        other.cidr,
        other.cidr.partition("/")[0],
        *other.contacts,
        *other.buckets.values(),
    ]
    for path in (one for one in (made / "acme").rglob("*") if one.is_file()):
        content = path.read_bytes().lower()
        for trace in traces:
            assert trace.lower().encode() not in content, (path, trace)
        assert "globex" not in str(path)


def test_tenants_pack_keeps_what_is_the_tenants(made):
    whole = json.loads((made / "first" / "results.json").read_text())["results"]
    own = json.loads((made / "acme" / "results.json").read_text())["results"]
    theirs = [one for one in whole if one["tenant"] == "acme"]
    assert [(one["rule"], one["resource"], one["status"]) for one in own] == [
        (one["rule"], one["resource"], one["status"]) for one in theirs
    ]
    assert [one["facts"] for one in own] == [one["facts"] for one in theirs]
    leak = next(one for one in own if one["rule"] == "keys.grants-by-services-only" and one["status"] == "fail")
    assert "grant" in leak["reason"]
    assert GLOBEX not in leak["reason"]
    assert {fact.account for fact in open_bundle(made / "acme" / "bundle").facts()} == {ACME}


def test_tenants_pack_verifies_and_can_be_judged_again(made):
    outcome, manifest = alone.verify(made / "acme", key(made))
    assert outcome.code == 0, outcome.lines
    assert manifest["tenant"] == "acme"
    again = reperform.reperform(made / "acme")
    assert (again.differences, 0 < again.judged < again.stated) == ([], True)


def test_tenants_pack_needs_the_redaction_key(made, tmp_path):
    bundle = open_bundle(made / "bundle")
    with pytest.raises(EvidenceError, match="redaction key"):
        write_pack(tmp_path, bundle, judge(bundle), local_signer(made / "signer.pem"), Extras(), tenant="acme")


def test_judging_again_gives_the_same(made):
    again = reperform.reperform(made / "first")
    assert (again.differences, again.judged) == ([], again.stated)


@pytest.mark.parametrize("name", ["first", "acme"])
def test_judging_again_finds_a_changed_verdict(made, tmp_path, name):
    shutil.copytree(made / name, tmp_path / "pack")
    path = tmp_path / "pack" / "results.json"
    held = json.loads(path.read_text())
    failed = next(one for one in held["results"] if one["status"] == "fail" and one["rule"] == "storage.versioned")
    failed["status"] = "pass"
    path.write_text(json.dumps(held))
    (found,) = reperform.reperform(tmp_path / "pack").differences
    assert "storage.versioned" in found
    assert "the pack says pass" in found


def test_a_pack_is_never_written_over(made):
    bundle = open_bundle(made / "bundle")
    with pytest.raises(EvidenceError, match="not empty"):
        write_pack(made / "first", bundle, judge(bundle), local_signer(made / "signer.pem"), Extras())


def test_cadence(made, tmp_path):
    for name in ("first", "second"):
        shutil.copytree(made / name, tmp_path / name)
    chain = cadence.links(tmp_path)
    assert [link.folder.name for link in chain] == ["first", "second"]
    day, then = timedelta(hours=24), datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert cadence.exceptions(chain, day, then) == []
    (overdue,) = cadence.exceptions(chain, day, then + timedelta(hours=2))
    assert (overdue.broken, "25.0 hours since second" in overdue.sentence) == (False, True)
    late = json.loads((tmp_path / "second" / "pack.json").read_bytes())
    late["collected"]["ended"] = "2026-03-03T12:00:00.000Z"
    (tmp_path / "second" / "pack.json").write_bytes(canonical(late))
    (gap,) = cadence.exceptions(cadence.links(tmp_path), day, then)
    assert not gap.broken
    assert "48.0 hours" in gap.sentence
    shutil.rmtree(tmp_path / "first")
    (gone,) = cadence.exceptions(cadence.links(tmp_path), day, then)
    assert gone.broken


def test_chain_misses_what_is_gone_or_is_another_tenants(made, tmp_path):
    day, then = timedelta(hours=24), datetime(2026, 3, 2, 11, tzinfo=UTC)
    for name in ("first", "second"):
        shutil.copytree(made / name, tmp_path / name)
    (tmp_path / "second" / "pack.json").unlink()
    with pytest.raises(EvidenceError, match=r"second/pack\.json"):
        cadence.links(tmp_path)
    shutil.rmtree(tmp_path / "second")
    first, second = cadence.links(made / "nothing"), cadence.links(tmp_path)
    assert (first, [link.folder.name for link in second]) == ([], ["first"])
    held = json.loads((made / "second" / "pack.json").read_bytes())
    for name, change in {
        "is of globex": {"tenant": "globex"},
        "was collected before first": {"collected": {**held["collected"], "ended": "2026-02-01T12:00:00.000Z"}},
    }.items():
        (tmp_path / "second").mkdir(exist_ok=True)
        (tmp_path / "second" / "pack.json").write_bytes(canonical({**held, **change}))
        found = cadence.exceptions(cadence.links(tmp_path), day, then)
        assert [one.broken for one in found if name in one.sentence] == [True]


def test_cadence_refuses_what_is_no_pack(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "pack.json").write_text("{}")
    with pytest.raises(EvidenceError, match=r"pack\.json"):
        cadence.links(tmp_path)


def test_signing_key_is_private(tmp_path):
    signer = local_signer(tmp_path / "k.pem")
    assert (tmp_path / "k.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "k.pub.pem").read_bytes() == signer.public_pem()
    (tmp_path / "k.pem").chmod(0o644)
    with pytest.raises(EvidenceError, match="chmod 600"):
        local_signer(tmp_path / "k.pem")


def test_pre_authentication_encoding_is_that_of_the_specification():
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_envelope_verifies_with_securesystemslib(tmp_path):
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    signer = local_signer(tmp_path / "k.pem")
    made = envelope(b'{"a":1}', signer)
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    theirs = SSlibKey.from_crypto(load_pem_public_key(signer.public_pem()), keyid=made["signatures"][0]["keyid"])
    assert Envelope.from_dict(made).verify([theirs], 1)


def test_kms_signs_too(cloud, made, tmp_path):
    kms = cloud.client("kms")
    name = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signer = KmsSigner(kms, name)
    bundle = open_bundle(made / "bundle")
    written = write_pack(tmp_path / "pack", bundle, judge(bundle), signer, Extras())
    assert alone.verify(written, [signer.public_pem()])[0].code == 0
    assert alone.verify(written, key(made))[0].code == 1


def test_stored_under_object_lock(cloud, made, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    s3.create_bucket(Bucket="open")
    stored = put_under_lock(made / "first", "locked", 400)
    assert len(stored) == len([one for one in (made / "first").rglob("*") if one.is_file()])
    kept = s3.head_object(Bucket="locked", Key=stored[0])
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    with pytest.raises(EvidenceError, match="open"):
        put_under_lock(made / "first", "open", 400)


AUTHORITY = """
[tsa]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Path:
    """A timestamp authority of openssl's, with a root of its own."""
    folder = tmp_path_factory.mktemp("tsa")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder, timeout=300)

    (folder / "eku.cnf").write_text("extendedKeyUsage=critical,timeStamping\n")
    (folder / "tsa.cnf").write_text(AUTHORITY.format(folder=folder))
    (folder / "serial").write_text("01\n")
    for name in ("ca", "other"):
        subject = f"/CN={name}"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-subj", subject, "-days", "30")  # fmt: skip
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=tsa")
    openssl("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tsa.pem",
            "-days", "30", "-extfile", "eku.cnf")  # fmt: skip
    return folder


@pytest.fixture
def stamped(made, authority, tmp_path) -> Path:
    shutil.copytree(made / "first", tmp_path / "pack")
    (tmp_path / "q.tsq").write_bytes(request_for(tmp_path / "pack"))
    subprocess.run(
        ["openssl", "ts", "-reply", "-config", str(authority / "tsa.cnf"), "-section", "tsa", "-queryfile",
         str(tmp_path / "q.tsq"), "-out", str(tmp_path / "pack" / "timestamp.tsr")],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return tmp_path / "pack"


def line(outcome, part):
    return next(one for one in outcome.lines if one["part"] == part)


def test_timestamp_is_checked_to_its_root(made, stamped, authority):
    good, _ = alone.verify(stamped, key(made), tsa_roots=(authority / "ca.pem").read_bytes())
    assert good.code == 0, good.lines
    assert "existed on 20" in line(good, "timestamp.tsr")["message"]
    other, _ = alone.verify(stamped, key(made), tsa_roots=(authority / "other.pem").read_bytes())
    assert line(other, "timestamp.tsr")["status"] == "changed"
    nobody, _ = alone.verify(stamped, key(made))
    assert (nobody.code, line(nobody, "timestamp.tsr")["status"]) == (3, "unknown")


def test_timestamp_that_is_gone_is_missed(made, authority):
    roots = (authority / "ca.pem").read_bytes()
    outcome, _ = alone.verify(made / "first", key(made), tsa_roots=roots)
    assert (outcome.code, line(outcome, "timestamp.tsr")["status"]) == (3, "unknown")


def reply(made: Path, folder: Path, authority: Path, signer: str, extensions: str, issuer: str) -> Path:
    """A pack with a timestamp by `signer`, whose certificate `issuer` issued with these extensions."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=authority, timeout=300)

    (authority / f"{signer}.cnf").write_text(extensions)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{signer}.key", "-out", f"{signer}.csr", "-subj",
            f"/CN={signer}")  # fmt: skip
    openssl("x509", "-req", "-in", f"{signer}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key",
            "-CAcreateserial", "-out", f"{signer}.pem", "-days", "30", "-extfile", f"{signer}.cnf")  # fmt: skip
    shutil.copytree(made / "first", folder / "pack")
    return folder / "pack"


def test_certificate_of_no_authority_makes_no_timestamps(made, authority, tmp_path):
    """A web server's certificate under the same root issues one for timestamps: it is no authority."""
    chosen = AUTHORITY.format(folder=authority).replace("tsa.pem", "thief.pem").replace("tsa.key", "thief.key")
    reply(made, tmp_path / "a", authority, "server", "basicConstraints=CA:FALSE\n", "ca")
    pack = reply(made, tmp_path / "b", authority, "thief", "extendedKeyUsage=critical,timeStamping\n", "server")
    chain = (authority / "server.pem").read_bytes()
    (authority / "chain.pem").write_bytes(chain)
    (tmp_path / "tsa.cnf").write_text(chosen.replace("ca.pem", "chain.pem"))
    (tmp_path / "q.tsq").write_bytes(request_for(pack))
    subprocess.run(
        ["openssl", "ts", "-reply", "-config", str(tmp_path / "tsa.cnf"), "-section", "tsa", "-queryfile",
         str(tmp_path / "q.tsq"), "-out", str(pack / "timestamp.tsr")],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    outcome, _ = alone.verify(pack, key(made), tsa_roots=(authority / "ca.pem").read_bytes())
    assert line(outcome, "timestamp.tsr")["message"] == "was not issued under the given root"


def test_timestamp_of_other_bytes_is_named(made, stamped, authority):
    held = json.loads((stamped / "envelope.json").read_bytes())
    held["signatures"] = held["signatures"] * 2
    (stamped / "envelope.json").write_bytes(canonical(held))
    outcome, _ = alone.verify(stamped, key(made), tsa_roots=(authority / "ca.pem").read_bytes())
    assert "other bytes" in line(outcome, "timestamp.tsr")["message"]


def test_any_changed_byte_of_a_timestamp_is_seen(made, stamped, authority):
    path = stamped / "timestamp.tsr"
    content = path.read_bytes()
    roots = (authority / "ca.pem").read_bytes()
    unseen = []
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        found = line(alone.verify(stamped, key(made), tsa_roots=roots)[0], "timestamp.tsr")
        if found["status"] != "changed":
            unseen.append(place)
    # What nobody signs: copies of certificates that the path does not need, and the reply's own wrapping.
    assert len(unseen) < len(content) // 7 // 2
    path.write_bytes(content[:100])
    assert line(alone.verify(stamped, key(made), tsa_roots=roots)[0], "timestamp.tsr")["status"] == "changed"


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_of_timestamps_fall_over(content):
    with pytest.raises((ValueError, IndexError, KeyError)):
        alone._token(content, b"")


WORDS = st.text(alphabet="abcdefgxyz-._/ :0123456789", max_size=30)


@given(WORDS, WORDS, st.sampled_from(["globex", GLOBEX, "10.30.0.0/20", "10.30.0.0", "Globex", "owner@globex.example"]))
def test_nothing_of_another_tenant_survives(before, after, trace):
    redact = redactor(scope(), "acme", b"k" * 32)
    text = f"{before} {trace} {after}"
    assert trace.lower() not in redact.text(text).lower().replace("tenant-", "")


@given(st.text(max_size=60))
def test_what_names_nobody_else_is_left_alone(text):
    redact = redactor(scope(), "acme", b"k" * 32)
    own = f"bh-acme-data {ACME} 10.20.0.0/20"
    assert redact.text(own) == own
    if not any(word in text.lower() for word in ("globex", "422222222222", "10.30.0.0")) and "\x00" not in text:
        assert redact.text(text) == text


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ("acme-eu", "arn:aws:s3:::bh-acme-eu-data"),
        ("acme-eu", "role/acme-eu"),
        ("eu-acme", "bh-eu-acme-model"),
        ("globex", "role/GlobexTrainer"),
        ("globex", "role/bhGlobexTrainer"),
        ("globex", "queue/globex2"),
        ("globex", "10.30.4.7"),
        ("globex", "sg opens to 10.30.4.0/24 and 10.30.15.255"),
        ("globex", "ip-10-30-4-7.ec2.internal"),
    ],
)
def test_names_and_addresses_of_another_tenant_are_found_wherever_they_end(other, text):
    found = scope()
    first, second = found.tenants
    renamed = replace(
        second, id=other, buckets={"data": f"bh-{other}-data"}, contacts=(), account="433333333333", boundary=""
    )
    redact = redactor(replace(found, tenants=(first, renamed)), "acme", b"k" * 32)
    shown = redact.text(text)
    assert redact.touches(text)
    for trace in (other, "10.30.", "10-30-"):
        assert trace not in shown.lower().replace("tenant-", "")


@pytest.mark.parametrize(
    "text", ["10.20.4.7", "0.0.0.0/0", "10.0.0.0/8", "10.31.0.1", "1.10.30.4.7", "10.30.4", "2026-03-01"]
)
def test_addresses_of_no_other_tenant_are_left_alone(text):
    assert redactor(scope(), "acme", b"k" * 32).text(text) == text


def test_ones_own_names_are_kept_whatever_others_are_called():
    found = scope()
    first, second = found.tenants
    redact = redactor(replace(found, tenants=(first, replace(second, id="data"))), "acme", b"k" * 32)
    own = "bh-acme-data bh-acme-data-owner alias/bh/acme/data"
    assert redact.text(own) == own
    assert redact.touches("bh-data-model")


@pytest.mark.parametrize(
    "extras",
    [
        {"references": {"trainer.json": b'{"approved_by": "Globex"}'}},
        {"references": {"globex.json": b"{}"}},
        {"ledgers": {"acme.json": b'{"after": "10.30.4.7"}'}},
    ],
)
def test_tenants_pack_takes_no_file_that_names_another_tenant(made, tmp_path, extras):
    bundle = open_bundle(made / "bundle")
    given = Extras(**extras, redaction_key=b"k" * 32)
    with pytest.raises(EvidenceError, match="names another tenant"):
        write_pack(tmp_path / "p", bundle, judge(bundle), local_signer(made / "signer.pem"), given, tenant="acme")


def test_pseudonym_depends_on_the_key_and_not_on_the_place():
    first, second = redactor(scope(), "acme", b"a" * 32), redactor(scope(), "acme", b"b" * 32)
    assert first.text("globex") == first.text(f"{GLOBEX}")
    assert first.text("globex") != second.text("globex")
    assert sha256(b"globex")[7:15] not in first.text("globex")
