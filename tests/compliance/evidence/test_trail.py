"""CloudTrail's digest chain: whole it verifies; every change, gap and missing part is named."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from typer.testing import CliRunner

from compliance.evidence.errors import EvidenceError
from compliance.evidence.trail import Kind, check_trail
from operations.cli import build

BUCKET = "bh-audit"
HEAD = "AWSLogs/o-example/300000000000"
HOURS = [f"2026-03-01T{hour:02d}:00:00Z" for hour in (9, 10, 11, 12)]


@pytest.fixture(scope="module")
def signer():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def keys(signer):
    der = signer.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return {"PublicKeyList": [{"Value": base64.b64encode(der).decode(), "Fingerprint": "f1"}]}


def put(folder, key, text):
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text, mtime=0))
    return hashlib.sha256(text).hexdigest()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, signer):
    """Three hours of one region: a log file and a digest each, written as AWS writes them."""
    folder = tmp_path_factory.mktemp("bucket")
    before, before_hash, before_signature = None, None, None
    for start, end in pairwise(HOURS):
        log = f"{HEAD}/CloudTrail/us-east-1/2026/03/01/log-{end[11:13]}.json.gz"
        held = put(folder, log, json.dumps({"Records": [{"eventTime": start}]}).encode())
        key = f"{HEAD}/CloudTrail-Digest/us-east-1/2026/03/01/digest-{end[11:13]}.json.gz"
        said = {
            "digestStartTime": start,
            "digestEndTime": end,
            "digestS3Bucket": BUCKET,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": "f1",
            "digestSignatureAlgorithm": "SHA256withRSA",
            "previousDigestS3Bucket": BUCKET if before else None,
            "previousDigestS3Object": before,
            "previousDigestHashValue": before_hash,
            "previousDigestHashAlgorithm": "SHA-256" if before else None,
            "previousDigestSignature": before_signature,
            "logFiles": [{"s3Bucket": BUCKET, "s3Object": log, "hashValue": held, "hashAlgorithm": "SHA-256"}],
        }
        before, before_hash = key, put(folder, key, json.dumps(said).encode())
        message = f"{end}\n{BUCKET}/{key}\n{before_hash}\n{before_signature or 'null'}"
        before_signature = signer.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
    (folder / f"{before}.sig").write_text(before_signature)
    return folder


@pytest.fixture
def bucket(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "bucket")
    return tmp_path / "bucket"


def digest(bucket, hour):
    return bucket / f"{HEAD}/CloudTrail-Digest/us-east-1/2026/03/01/digest-{hour}.json.gz"


def log(bucket, hour):
    return bucket / f"{HEAD}/CloudTrail/us-east-1/2026/03/01/log-{hour}.json.gz"


def edit(path, **changes):
    said = json.loads(gzip.decompress(path.read_bytes())) | changes
    path.write_bytes(gzip.compress(json.dumps(said).encode()))


def kinds(bucket, keys):
    return {(one.kind, one.file.rpartition("/")[2]) for one in check_trail(bucket, keys).findings}


def test_a_whole_chain_verifies(bucket, keys):
    found = check_trail(bucket, keys)
    assert found.findings == ()
    assert (found.digests, found.log_files) == (3, 3)


@pytest.mark.parametrize("hour", ["10", "11", "12"])
def test_a_changed_log_file_is_named(bucket, keys, hour):
    log(bucket, hour).write_bytes(gzip.compress(b'{"Records": []}'))
    assert kinds(bucket, keys) == {(Kind.CHANGED, f"log-{hour}.json.gz")}


@pytest.mark.parametrize("hour", ["10", "11", "12"])
def test_a_missing_log_file_is_named(bucket, keys, hour):
    log(bucket, hour).unlink()
    assert kinds(bucket, keys) == {(Kind.CHANGED, f"log-{hour}.json.gz")}


def test_a_log_file_that_cannot_be_unpacked_is_named(bucket, keys):
    log(bucket, "10").write_bytes(b"not gzip")
    assert kinds(bucket, keys) == {(Kind.CHANGED, "log-10.json.gz")}


def test_a_log_file_that_unpacks_without_end_is_named(bucket, keys, monkeypatch):
    monkeypatch.setattr("compliance.evidence.trail.LARGEST", 3 << 20)
    log(bucket, "10").write_bytes(gzip.compress(bytes(4 << 20)))
    (finding,) = check_trail(bucket, keys).findings
    assert (finding.kind, "larger than 3 MiB" in finding.sentence) == (Kind.CHANGED, True)


def test_a_digest_that_unpacks_without_end_is_refused(bucket, keys, monkeypatch):
    monkeypatch.setattr("compliance.evidence.trail.LARGEST", 3 << 20)
    put(bucket, f"{HEAD}/CloudTrail-Digest/us-east-1/2026/03/01/digest-10.json.gz", bytes(4 << 20))
    with pytest.raises(EvidenceError, match="more than 3 MiB"):
        check_trail(bucket, keys)


def test_a_digest_that_is_nested_without_end_is_refused(bucket, keys):
    put(bucket, f"{HEAD}/CloudTrail-Digest/us-east-1/2026/03/01/digest-10.json.gz", b"[" * 100_000)
    with pytest.raises(EvidenceError, match="not a digest file"):
        check_trail(bucket, keys)


def test_an_added_log_file_is_named(bucket, keys):
    put(bucket, f"{HEAD}/CloudTrail/us-east-1/2026/03/01/more.json.gz", b"{}")
    assert kinds(bucket, keys) == {(Kind.CHANGED, "more.json.gz")}


@pytest.mark.parametrize("hour", ["10", "11", "12"])
def test_a_digest_made_to_agree_with_a_changed_log_file_is_no_longer_signed(bucket, keys, hour):
    text = b'{"Records": []}'
    log(bucket, hour).write_bytes(gzip.compress(text))
    held = json.loads(gzip.decompress(digest(bucket, hour).read_bytes()))["logFiles"][0]
    edit(digest(bucket, hour), logFiles=[held | {"hashValue": hashlib.sha256(text).hexdigest()}])
    assert (Kind.CHANGED, f"digest-{hour}.json.gz") in kinds(bucket, keys)


def test_a_missing_digest_leaves_a_gap(bucket, keys):
    digest(bucket, "11").unlink()
    found = kinds(bucket, keys)
    assert (Kind.CHANGED, "digest-11.json.gz") in found
    assert (Kind.GAP, "digest-12.json.gz") in found
    assert (Kind.CHANGED, "log-11.json.gz") in found


def test_a_chain_cut_at_its_beginning_is_seen(bucket, keys):
    digest(bucket, "10").unlink()
    log(bucket, "10").unlink()
    assert kinds(bucket, keys) == {(Kind.GAP, "digest-11.json.gz")}


def test_a_chain_that_begins_anew_is_a_gap(bucket, keys):
    edit(digest(bucket, "12"), previousDigestS3Object=None, previousDigestSignature=None, previousDigestHashValue=None)
    assert (Kind.GAP, "digest-12.json.gz") in kinds(bucket, keys)


def test_a_moved_digest_is_seen(bucket, keys):
    path = digest(bucket, "12")
    path.rename(path.with_name("digest-13.json.gz"))
    path.with_name(path.name + ".sig").rename(path.with_name("digest-13.json.gz.sig"))
    assert (Kind.CHANGED, "digest-13.json.gz") in kinds(bucket, keys)


def test_without_the_newest_signature_the_newest_is_open(bucket, keys):
    digest(bucket, "12").with_name("digest-12.json.gz.sig").unlink()
    assert kinds(bucket, keys) == {(Kind.OPEN, "digest-12.json.gz")}


@pytest.mark.parametrize("signature", ["00", "zz", "\u00e9"])
def test_a_signature_that_is_none_is_seen(bucket, keys, signature):
    digest(bucket, "12").with_name("digest-12.json.gz.sig").write_text(signature, encoding="utf-8")
    assert kinds(bucket, keys) == {(Kind.CHANGED, "digest-12.json.gz")}


def test_without_the_public_key_every_digest_is_open(bucket):
    assert {kind for kind, _ in kinds(bucket, {"PublicKeyList": []})} == {Kind.OPEN}


def test_signed_by_another_key_is_seen(bucket):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    der = other.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    keys = {"PublicKeyList": [{"Value": base64.b64encode(der).decode(), "Fingerprint": "f1"}]}
    assert {kind for kind, _ in kinds(bucket, keys)} == {Kind.CHANGED}


def test_a_log_file_outside_the_copy_is_not_read(bucket, keys):
    edit(digest(bucket, "10"), logFiles=[{"s3Object": "../../etc/passwd", "hashValue": "0"}])
    assert any("lies outside" in one.sentence for one in check_trail(bucket, keys).findings)


@pytest.mark.parametrize(
    "text",
    [b"not gzip", *(gzip.compress(text, mtime=0) for text in (b"[]", b"{}", b"{"))],
    ids=["plain", "list", "empty", "cut"],
)
def test_what_is_no_digest_is_refused(bucket, keys, text):
    digest(bucket, "11").write_bytes(text)
    with pytest.raises(EvidenceError, match="not a digest file"):
        check_trail(bucket, keys)


@pytest.mark.parametrize(
    "answer", [{}, {"PublicKeyList": [{}]}, {"PublicKeyList": [{"Value": "AAAA", "Fingerprint": ""}]}]
)
def test_what_are_no_keys_is_refused(bucket, answer):
    with pytest.raises(EvidenceError, match="ListPublicKeys"):
        check_trail(bucket, answer)


def test_a_folder_without_digests_is_refused(tmp_path, keys):
    with pytest.raises(EvidenceError, match="CloudTrail-Digest"):
        check_trail(tmp_path, keys)


def run(bucket, keys, tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    arguments = ["evidence", "trail", str(bucket), "--keys", str(tmp_path / "keys.json"), "--json"]
    done = CliRunner().invoke(build(), arguments)
    return done.exit_code, json.loads(done.stdout)


def test_the_command_says_what_and_ends_accordingly(bucket, keys, tmp_path):
    assert run(bucket, keys, tmp_path) == (0, {"digests": 3, "log_files": 3, "findings": []})
    digest(bucket, "12").with_name("digest-12.json.gz.sig").unlink()
    assert run(bucket, keys, tmp_path)[0] == 3
    log(bucket, "10").unlink()
    code, said = run(bucket, keys, tmp_path)
    assert code == 1
    assert {"changed", "open"} == {one["kind"] for one in said["findings"]}


ODD = {
    "a number for a time": lambda said: said.update(digestEndTime=5),
    "null for a bucket": lambda said: said.update(digestS3Bucket=None),
    "no hash of the one before": lambda said: said.pop("previousDigestHashValue"),
    "a list for the one before": lambda said: said.update(previousDigestS3Object=["x"]),
    "a list for a hash": lambda said: said["logFiles"][0].update(hashValue=[]),
    "NUL in a name": lambda said: said["logFiles"][0].update(s3Object="a\0b"),
    "half a pair in a name": lambda said: said["logFiles"][0].update(s3Object="\ud800"),
    "a name without end": lambda said: said["logFiles"][0].update(s3Object="x" * 5000),
    "log files that are text": lambda said: said.update(logFiles="x"),
    "log files that are numbers": lambda said: said.update(logFiles=[5]),
    "log files that are null": lambda said: said.update(logFiles=None),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD.keys())
def test_digest_of_another_form_is_refused_in_words(bucket, keys, tmp_path, change):
    path = sorted(bucket.rglob("digest-*.json.gz"))[1]
    said = json.loads(gzip.decompress(path.read_bytes()))
    change(said)
    path.write_bytes(gzip.compress(json.dumps(said).encode(), mtime=0))
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    done = CliRunner().invoke(build(), ["evidence", "trail", str(bucket), "--keys", str(tmp_path / "keys.json")])
    assert int(getattr(done.exception, "code", -1)) == 2, done.exception
    assert path.name in str(done.exception)


def test_name_that_no_file_can_have_is_not_here(bucket, keys):
    path = sorted(bucket.rglob("digest-*.json.gz"))[1]
    said = json.loads(gzip.decompress(path.read_bytes()))
    said["logFiles"][0]["s3Object"] = "x" * 900
    path.write_bytes(gzip.compress(json.dumps(said).encode(), mtime=0))
    assert any(one.file == "x" * 900 for one in check_trail(bucket, keys).findings)


@pytest.mark.parametrize("text", ["", "null", "5", "[" * 100_000, '{"PublicKeyList": [{"Value": 5}]}'])
def test_keys_of_another_form_are_refused_in_words(bucket, tmp_path, text):
    (tmp_path / "keys.json").write_text(text)
    done = CliRunner().invoke(build(), ["evidence", "trail", str(bucket), "--keys", str(tmp_path / "keys.json")])
    assert int(getattr(done.exception, "code", -1)) == 2, done.exception
