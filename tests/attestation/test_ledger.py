"""The release ledger: proofs as RFC 6962 has them, and every way of rewriting history found."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from attestation.certificates import Roots
from attestation.errors import AttestationError
from attestation.kinds import nitro
from attestation.ledger import merkle, store, verify_ledger
from attestation.ledger.check import check, prove_consistency, prove_inclusion
from attestation.ledger.entry import ReleaseRecord
from attestation.ledger.head import local_signer
from attestation.ledger.record import record_of
from attestation.nitro_issuer import issue
from attestation.release.offline import decide
from operations.cli import build
from operations.errors import CommandError
from tests.attestation.makers import NOW
from tests.attestation.release_fixtures import ROOT, TRAINER, Machine, image, policy

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = KEY.public_key()
PROGRAM = Path(verify_ledger.__file__)


def record(number, tenant="acme", decision="allowed"):
    return ReleaseRecord(
        tenant=tenant,
        time=NOW + timedelta(seconds=number),
        decision=decision,
        purpose="data",
        requester=f"role {number}",
        policy_sha256="ab" * 32,
        evidence_sha256=hashlib.sha256(bytes([number])).hexdigest(),
        nonce="00ff",
        reasons=() if decision == "allowed" else ("nonce: stale, dürfte nicht sein",),
        reference_set="image v1",
    )


def fill(directory, count, tenant="acme", key=KEY):
    for number in range(count):
        decision = "denied" if number % 3 == 2 else "allowed"
        store.append(directory, record(number, tenant, decision), key.public_key(), local_signer(key))
    return store.read(directory, tenant)


def failing(checks):
    return {item.name for item in checks if item.ok is not True}


# --- trees

LEAVES = st.lists(st.binary(max_size=8).map(merkle.leaf_hash), min_size=1, max_size=40)


def by_definition(leaves):
    """RFC 6962 section 2.1, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def test_published_tree_heads():
    """The test vectors of the certificate-transparency reference implementation: inputs and roots of sizes 1 to 8."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [merkle.leaf_hash(bytes.fromhex(text)) for text in inputs]
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.root(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(LEAVES)
def test_roots_follow_the_definition(leaves):
    assert merkle.root(leaves) == by_definition(leaves)
    assert merkle.prefix_roots(leaves) == [by_definition(leaves[: i + 1]) for i in range(len(leaves))]
    assert verify_ledger.prefix_roots(leaves) == merkle.prefix_roots(leaves)


@given(LEAVES, st.data())
def test_inclusion(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, top = merkle.inclusion_proof(index, leaves), merkle.root(leaves)
    assert merkle.verify_inclusion(index, len(leaves), leaves[index], path, top)
    assert verify_ledger.climb(index, len(leaves), leaves[index], path) == top
    assert not merkle.verify_inclusion(index, len(leaves), merkle.leaf_hash(b"other entry"), path, top)
    assert not merkle.verify_inclusion(index, len(leaves), leaves[index], [*path, top], top)
    if path:
        assert not merkle.verify_inclusion(index, len(leaves), leaves[index], path[:-1], top)
        assert not merkle.verify_inclusion(index, len(leaves), leaves[index], [bytes(32), *path[1:]], top)


@given(LEAVES, st.data())
def test_consistency(leaves, data):
    first = data.draw(st.integers(1, len(leaves)))
    path = merkle.consistency_proof(first, leaves)
    old, new = merkle.root(leaves[:first]), merkle.root(leaves)
    assert merkle.verify_consistency(first, len(leaves), old, new, path)
    assert verify_ledger.grow(first, len(leaves), old, path, whole=True) == (old, new)
    assert not merkle.verify_consistency(first, len(leaves), bytes(32), new, path)
    assert not merkle.verify_consistency(first, len(leaves), old, bytes(32), path)
    assert not merkle.verify_consistency(first, len(leaves), old, new, [*path, bytes(32)])


# --- ledgers


def test_a_ledger_holds(tmp_path):
    ledger = fill(tmp_path, 7)
    assert failing(check(ledger, PUBLIC)) == set()
    assert [entry.sequence for entry in ledger.entries] == list(range(7))
    assert len(ledger.heads) == 7
    assert failing(check(ledger, PUBLIC, ledger.heads[3])) == set()


def rewrite(directory, change, name="entries.jsonl"):
    path = directory / "acme" / name
    lines = path.read_bytes().split(b"\n")[:-1]
    path.write_bytes(b"".join(line + b"\n" for line in change(lines)))


def altered(lines, number=2):
    entry = json.loads(lines[number])
    entry["decision"], entry["reasons"] = "allowed", []
    import rfc8785

    return [*lines[:number], rfc8785.dumps(entry), *lines[number + 1 :]]


REWRITES = {
    "an entry altered": (altered, {"links", "head_roots"}),
    "the last entry altered": (lambda lines: altered(lines, 5), {"head_roots"}),
    "an entry removed": (lambda lines: lines[:2] + lines[3:], {"links", "head_roots", "complete"}),
    "the end cut off": (lambda lines: lines[:-1], {"head_roots", "complete"}),
    "two entries swapped": (lambda lines: [lines[1], lines[0], *lines[2:]], {"links", "head_roots"}),
    "an entry repeated": (lambda lines: [*lines, lines[-1]], {"links", "complete"}),
}


@pytest.mark.parametrize("name", REWRITES)
def test_a_rewritten_history_is_found_by_both_programs(tmp_path, name):
    change, expected = REWRITES[name]
    fill(tmp_path, 6)
    rewrite(tmp_path, change)
    assert failing(check(store.read(tmp_path, "acme"), PUBLIC)) == expected
    assert verify_ledger.verify_directory(tmp_path / "acme", PUBLIC, None)


def test_heads_cut_off_or_signed_by_another_are_found(tmp_path):
    fill(tmp_path, 4)
    rewrite(tmp_path, lambda lines: lines[:-1], "heads.jsonl")
    assert failing(check(store.read(tmp_path, "acme"), PUBLIC)) == {"complete"}
    rewrite(tmp_path, lambda lines: [], "heads.jsonl")
    assert failing(check(store.read(tmp_path, "acme"), PUBLIC)) == {"heads"}
    other = ec.generate_private_key(ec.SECP256R1())
    assert failing(check(fill(tmp_path / "b", 2, key=other), PUBLIC)) == {"head_signatures"}


def test_a_whole_new_history_is_found_by_whoever_kept_a_head(tmp_path):
    kept = fill(tmp_path / "a", 3).heads[-1]
    ledger = fill(tmp_path / "b", 5)
    assert failing(check(ledger, PUBLIC, kept)) == set()
    for number in range(9, 14):
        store.append(tmp_path / "c", record(number), PUBLIC, local_signer(KEY))
    forged = store.read(tmp_path / "c", "acme")
    assert failing(check(forged, PUBLIC)) == set()
    assert failing(check(forged, PUBLIC, kept)) == {"earlier_head"}


def test_nothing_is_appended_to_a_rewritten_ledger(tmp_path):
    fill(tmp_path, 4)
    rewrite(tmp_path, altered)
    with pytest.raises(AttestationError, match="not those that the last head"):
        store.append(tmp_path, record(9), PUBLIC, local_signer(KEY))


@pytest.mark.parametrize("content", [b"{}\n", b"x\n", b'{"tenant":"acme"}\n', b"\xff\n", b"no end"])
def test_malformed_lines_are_named(tmp_path, content):
    fill(tmp_path, 1)
    (tmp_path / "acme" / "entries.jsonl").write_bytes(content)
    with pytest.raises(AttestationError, match=r"entries\.jsonl"):
        store.read(tmp_path, "acme")


def test_a_line_in_another_encoding_is_refused(tmp_path):
    fill(tmp_path, 1)
    rewrite(tmp_path, lambda lines: [line.replace(b'":', b'" :') for line in lines])
    with pytest.raises(AttestationError, match="canonical"):
        store.read(tmp_path, "acme")


@pytest.mark.parametrize("tenant", ["../acme", "", "A", "a/b", "."])
def test_a_tenant_is_never_a_path(tmp_path, tenant):
    with pytest.raises(AttestationError, match="not a tenant"):
        store.read(tmp_path, tenant)


def test_tenants_have_separate_files(tmp_path):
    fill(tmp_path, 2, "acme")
    fill(tmp_path, 2, "globex")
    assert store.tenants(tmp_path) == ["acme", "globex"]
    assert b"globex" not in (tmp_path / "acme" / "entries.jsonl").read_bytes()
    (tmp_path / "acme" / "entries.jsonl").write_bytes((tmp_path / "globex" / "entries.jsonl").read_bytes())
    assert "tenant" in failing(check(store.read(tmp_path, "acme"), PUBLIC))


def test_a_signer_that_fails_leaves_the_ledger_incomplete_and_says_so(tmp_path):
    fill(tmp_path, 2)

    def refuse(_):
        raise OSError("no key")

    with pytest.raises(OSError, match="no key"):
        store.append(tmp_path, record(3), PUBLIC, refuse)
    assert failing(check(store.read(tmp_path, "acme"), PUBLIC)) == {"complete"}
    store.append(tmp_path, record(4), PUBLIC, local_signer(KEY))
    assert failing(check(store.read(tmp_path, "acme"), PUBLIC)) == set()


# --- proofs and programs


def pem():
    return PUBLIC.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_proofs_hold_and_changed_ones_do_not(tmp_path):
    ledger = fill(tmp_path, 11)
    for index in range(11):
        proof = prove_inclusion(ledger, index)
        assert verify_ledger.verify_proof(proof, PUBLIC) == []
        assert verify_ledger.verify_proof({**proof, "entry": proof["entry"].replace("allowed", "denied")}, PUBLIC) or (
            "allowed" not in proof["entry"]
        )
    for first in range(1, 12):
        proof = prove_consistency(ledger, first)
        assert verify_ledger.verify_proof(proof, PUBLIC) == []
        assert verify_ledger.verify_proof({**proof, "head": {**proof["head"], "root": "00" * 32}}, PUBLIC)
    with pytest.raises(AttestationError):
        prove_inclusion(ledger, 11)
    with pytest.raises(AttestationError):
        prove_consistency(ledger, 12)


def test_the_verifier_runs_alone(tmp_path):
    ledger = fill(tmp_path / "ledger", 5)
    (tmp_path / "key.pem").write_bytes(pem())
    (tmp_path / "program.py").write_bytes(PROGRAM.read_bytes())
    (tmp_path / "proof.json").write_text(json.dumps(prove_inclusion(ledger, 2)))

    def run(*arguments):
        command = [sys.executable, "-I", "program.py", "--key", "key.pem", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode

    assert run("--ledger", "ledger/acme") == 0
    assert run("--proof", "proof.json") == 0
    assert run("--proof", "key.pem") == 2
    rewrite(tmp_path / "ledger", altered)
    assert run("--ledger", "ledger/acme") == 1


def test_the_command(tmp_path):
    fill(tmp_path, 3)
    (tmp_path / "key.pem").write_bytes(pem())

    def run(*arguments):
        result = CliRunner().invoke(build(), ["ledger", *arguments, "--ledger", str(tmp_path), "--tenant", "acme"])
        if isinstance(result.exception, CommandError):
            return int(result.exception.code), str(result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.stdout

    code, out = run("list", "--json")
    assert code == 0
    assert [entry["decision"] for entry in json.loads(out)["entries"]] == ["allowed", "allowed", "denied"]
    assert "denied" in run("list")[1]
    code, out = run("verify", "--key", str(tmp_path / "key.pem"), "--json")
    assert code == 0
    assert json.loads(out)["holds"] is True
    proof = json.loads(run("prove", "--entry", "1")[1])
    assert verify_ledger.verify_proof(proof, PUBLIC) == []
    assert verify_ledger.verify_proof(json.loads(run("prove", "--since", "2")[1]), PUBLIC) == []
    assert run("prove")[0] == 2
    assert run("prove", "--entry", "9")[0] == 2
    # Without --key the ledger's own folder is looked into, as the local cloud leaves it.
    assert run("verify")[0] == 2
    (tmp_path / "head-key.pem").write_bytes(pem())
    assert run("verify")[0] == 0
    rewrite(tmp_path, altered)
    assert run("verify", "--key", str(tmp_path / "key.pem"))[0] == 1


def test_heads_are_handed_out_to_be_kept_elsewhere(tmp_path):
    fill(tmp_path / "ledger", 3)
    arguments = ["ledger", "heads", "--ledger", str(tmp_path / "ledger"), "--out", str(tmp_path / "heads")]
    assert CliRunner().invoke(build(), arguments).exit_code == 0
    kept = tmp_path / "heads" / "acme.json"
    assert json.loads(kept.read_text())["size"] == 3
    (tmp_path / "ledger" / "head-key.pem").write_bytes(pem())
    check = ["ledger", "verify", "--ledger", str(tmp_path / "ledger"), "--tenant", "acme", "--head", str(kept)]
    assert CliRunner().invoke(build(), check).exit_code == 0
    empty = CliRunner().invoke(build(), ["ledger", "heads", "--ledger", str(tmp_path), "--out", str(tmp_path / "x")])
    assert isinstance(empty.exception, CommandError)


def test_a_decision_becomes_an_entry(tmp_path):
    for machine, decision in ((Machine(1), "allowed"), (Machine(9), "denied")):
        document = issue(ROOT, module_id="i-1", pcrs=machine.pcrs(), now=NOW, nonce=b"\1\2")
        claims = nitro.verify(document, roots=Roots(certificates=(ROOT.certificate,)), nonce=b"\1\2", now=NOW)
        release = decide(policy([image(1)]), claims, TRAINER, now=NOW)
        made = record_of(release, time=NOW, evidence_kind="nitro", nonce=b"\1\2", operation="kms:Decrypt")
        entry, _ = store.append(tmp_path, made, PUBLIC, local_signer(KEY))
        assert entry.decision == decision
        assert entry.evidence_sha256 == hashlib.sha256(document).hexdigest()
        assert entry.policy_sha256 == policy([image(1)]).sha256()
        assert bool(entry.reasons) is (decision == "denied")
        assert entry.reference_set == ("image v1" if decision == "allowed" else None)
    assert failing(check(store.read(tmp_path, "acme"), PUBLIC)) == set()


def test_a_pipe_in_place_of_the_heads_is_refused_and_nobody_waits_for_it(tmp_path):
    fill(tmp_path, 2)
    (tmp_path / "acme" / "heads.jsonl").unlink()
    os.mkfifo(tmp_path / "acme" / "heads.jsonl")
    with pytest.raises(AttestationError, match="not a plain file"):
        store.read(tmp_path, "acme")


def test_a_name_with_a_line_feed_is_no_tenants(tmp_path):
    with pytest.raises(AttestationError, match="not a tenant's name"):
        store.read(tmp_path, "acme\n")
