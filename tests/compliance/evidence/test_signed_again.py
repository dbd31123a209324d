"""Packs that the producer itself, or someone with its key, made to say something else: everything is signed again."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from compliance.evidence import reperform
from compliance.evidence.dsse import LocalSigner, envelope, key_id, local_signer, pae
from compliance.evidence.errors import EvidenceError
from compliance.evidence.pack import Extras, _said, write_pack
from compliance.evidence.standalone import verify as alone
from compliance.facts.bundle import chained, open_bundle
from compliance.facts.canonical import canonical, sha256
from compliance.report.proofs import parse_proofs
from compliance.rules.judge import judge
from operations.cli import build
from tests.compliance.evidence.test_tamper import named, reseal_manifest, run, trusted

Change = Callable[[dict[str, Any]], Any]


def signer(made: Path) -> LocalSigner:
    return local_signer(made / "signer.pem")


def rewrite(path: Path, change: Change) -> None:
    held = json.loads(path.read_bytes())
    change(held)
    path.write_bytes(canonical(held))


def sign_again(made: Path, pack: Path, change: Change = lambda _: None) -> None:
    """Seals the manifest and signs a statement about it with the producer's own key; `change` alters the statement."""
    reseal_manifest(pack)
    held = json.loads((pack / "envelope.json").read_bytes())
    statement = json.loads(base64.b64decode(held["payload"]))
    statement["subject"][0]["digest"]["sha256"] = sha256((pack / "pack.json").read_bytes()).removeprefix("sha256:")
    change(statement)
    (pack / "envelope.json").write_bytes(canonical(envelope(canonical(statement), signer(made))))


def both(made: Path, pack: Path, *more: str) -> tuple[int, set[str]]:
    """Exit code and parts named, which are the same from the built-in and the stand-alone verifier."""
    key = trusted(made)
    code, lines = run(made, pack, *key)
    done = CliRunner().invoke(build(), ["evidence", "verify", str(pack), *key, "--json"])
    told = json.loads(done.stdout)
    assert (told["code"], told["checks"]) == (code, lines)
    if more:
        done = CliRunner().invoke(build(), ["evidence", "verify", str(pack), *key, "--json", *more])
        told = json.loads(done.stdout)
        code, lines = told["code"], told["checks"]
    assert done.exit_code == code
    return code, named(lines)


def flipped(status: str) -> Change:
    """One failed result made to pass."""

    def change(held: dict[str, Any]) -> None:
        next(one for one in held["results"] if one["status"] == "fail")["status"] = status

    return change


def recounted(pack: Path) -> None:
    """Makes the summaries agree with the results again, as somebody would who knows the format."""
    from compliance.evidence.reperform import _judgement

    held = json.loads((pack / "results.json").read_bytes())
    held["summary"] = _judgement(held).summary
    (pack / "results.json").write_bytes(canonical(held))
    rewrite(pack / "pack.json", lambda manifest: manifest.update(summary=held["summary"]))


def worst(pack: Path) -> Change:
    said = json.loads((pack / "pack.json").read_bytes())["summary"]["worst"]
    return lambda statement: statement["predicate"].update(worst=said)


@pytest.mark.parametrize("name", ["first", "acme"])
def test_changed_result_is_seen_by_counting_and_by_judging_again(made, tmp_path, name):
    shutil.copytree(made / name, tmp_path / "pack")
    pack = tmp_path / "pack"
    rewrite(pack / "results.json", flipped("pass"))
    sign_again(made, pack)
    assert both(made, pack) == (1, {"results.json"})
    recounted(pack)
    sign_again(made, pack, worst(pack))
    assert both(made, pack) == (0, set())
    code, parts = both(made, pack, "--reperform")
    assert (code, "results.json" in parts) == (1, True)


def removed(held: dict[str, Any]) -> None:
    held["results"].remove(next(one for one in held["results"] if one["status"] == "fail"))


def doubled(held: dict[str, Any]) -> None:
    failed = next(one for one in held["results"] if one["status"] == "fail")
    held["results"].insert(0, {**failed, "status": "pass"})


def softened(held: dict[str, Any]) -> None:
    next(one for one in held["results"] if one["status"] == "fail")["reason"] = "nothing of importance"


def rests_on_less(held: dict[str, Any]) -> None:
    one = next(one for one in held["results"] if one["rule"] == "storage.versioned" and len(one["facts"]) > 1)
    one["facts"] = one["facts"][:1]


@pytest.mark.parametrize("name", ["first", "acme"])
@pytest.mark.parametrize("change", [removed, doubled, softened, rests_on_less])
def test_results_left_out_or_added_are_seen_by_judging_again(made, tmp_path, name, change):
    shutil.copytree(made / name, tmp_path / "pack")
    pack = tmp_path / "pack"
    rewrite(pack / "results.json", change)
    recounted(pack)
    sign_again(made, pack, worst(pack))
    code, parts = both(made, pack, "--reperform")
    assert (code, "results.json" in parts) == (1, True)
    assert reperform.reperform(pack).differences


def hidden(held: dict[str, Any]) -> None:
    held["coverage"]["unread"] = [{"api": "s3:ListBuckets", "account": "1", "code": "", "status": "denied"}]


def test_changed_coverage_is_named(made, pack):
    rewrite(pack / "results.json", hidden)
    sign_again(made, pack)
    (said,) = reperform.reperform(pack).differences
    assert "`coverage.unread`" in said


REPORTS = ["report.html", "results.csv", "results.sarif", "results.ocsf.jsonl", "oscal-nist-800-53.json"]


@pytest.mark.parametrize("name", ["first", "acme"])
@pytest.mark.parametrize("report", REPORTS)
def test_changed_report_is_named_by_writing_it_again(made, tmp_path, name, report):
    shutil.copytree(made / name, tmp_path / "pack")
    path = tmp_path / "pack" / "reports" / report
    path.write_bytes(path.read_bytes().replace(b"fail", b"pass"))
    sign_again(made, tmp_path / "pack")
    assert both(made, tmp_path / "pack") == (0, set())
    assert both(made, tmp_path / "pack", "--reperform") == (1, {f"reports/{report}"})


def test_report_that_no_one_wrote_is_named(made, pack):
    (pack / "reports" / "summary.html").write_text("all is well")
    manifest = json.loads((pack / "pack.json").read_bytes())
    manifest["files"]["reports/summary.html"] = {}
    (pack / "pack.json").write_bytes(canonical(manifest))
    sign_again(made, pack)
    assert both(made, pack, "--reperform") == (1, {"reports/summary.html"})


def test_report_with_proofs_is_written_again(made, tmp_path):
    bundle = open_bundle(made / "bundle")
    pairs = [{"from": "acme", "to": "globex", "path": "data", "verdict": "violated", "witness": ["a"]}]
    proofs = parse_proofs({"pairs": pairs, "coverage": {"tenants": 2}}, "here")
    written = write_pack(tmp_path / "p", bundle, judge(bundle), signer(made), Extras(proofs=proofs))
    assert reperform.reperform(written).reports == ()
    assert both(made, written, "--reperform") == (0, set())
    rewrite(written / "proofs.json", lambda held: held["pairs"][0].update(verdict="proved"))
    sign_again(made, written)
    assert both(made, written, "--reperform") == (1, {"reports/report.html"})


def without_a_fact(pack: Path) -> None:
    """Takes a fact out of the bundle and makes every digest fit again."""
    folder = pack / "bundle"
    lines = (folder / "facts.jsonl").read_bytes().splitlines()
    kept = [line for line in lines if b"s3:GetBucketVersioning" not in line]
    assert 0 < len(kept) < len(lines)
    (folder / "facts.jsonl").write_bytes(b"".join(line + b"\n" for line in kept))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    head = sha256(b"")
    for line in kept:
        head = chained(head, line)
    manifest["facts"] = {"count": len(kept), "chain_head": head}
    manifest["files"]["facts.jsonl"] = sha256((folder / "facts.jsonl").read_bytes())
    (folder / "manifest.json").write_bytes(canonical(manifest))


def test_facts_taken_out_are_missed(made, pack):
    without_a_fact(pack)
    reseal_manifest(pack)
    assert both(made, pack) == (1, {"pack.json", "results.json"})
    sign_again(made, pack)
    assert both(made, pack) == (1, {"results.json"})


def test_a_platforms_pack_cannot_pass_for_a_tenants(made, pack):
    """Otherwise results whose facts were taken out would be taken for such as rest on the platform's own."""
    without_a_fact(pack)
    rewrite(pack / "bundle" / "manifest.json", lambda held: held.update(tenant="acme"))
    sign_again(made, pack)
    code, parts = both(made, pack)
    assert (code, "bundle/manifest.json" in parts) == (1, True)


def test_a_tenants_pack_holds_results_of_no_one_else(made, tmp_path):
    shutil.copytree(made / "acme", tmp_path / "pack")
    rewrite(tmp_path / "pack" / "results.json", lambda held: held["results"][0].update(tenant="globex"))
    recounted(tmp_path / "pack")
    sign_again(made, tmp_path / "pack", worst(tmp_path / "pack"))
    assert both(made, tmp_path / "pack") == (1, {"results.json"})


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.update(endpoint="https://*.amazonaws.com"),
        lambda held: held.update(local_test_double=False),
        lambda held: held["collected"].update(ended="2026-03-02T12:00:00.000Z"),
        lambda held: held["tool"].update(version="9"),
    ],
)
def test_manifest_of_another_scan_is_seen(made, pack, change):
    """Both manifest and statement say it; the bundle does not."""
    rewrite(pack / "pack.json", change)
    held = json.loads((pack / "pack.json").read_bytes())
    repeated = {"endpoint": held["endpoint"], "localTestDouble": held["local_test_double"]}
    moment = {"timeCollected": held["collected"]["ended"]}
    sign_again(made, pack, lambda statement: statement["predicate"].update(repeated | moment))
    assert both(made, pack) == (1, {"bundle/manifest.json"})


@pytest.mark.parametrize(
    "change",
    [
        lambda statement: statement.update(predicateType="https://slsa.dev/provenance/v1"),
        lambda statement: statement.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda statement: statement.update(subject=[]),
        lambda statement: statement["predicate"].update(worst="pass"),
        lambda statement: statement["predicate"].update(timeCollected="2026-01-01T00:00:00.000Z"),
        lambda statement: statement["predicate"].update(localTestDouble=False),
        lambda statement: statement["predicate"].update(rules="sha256:" + "1" * 64),
        lambda statement: statement["predicate"]["verifier"].update(id="sha256:" + "1" * 64),
        lambda statement: statement["predicate"].pop("verifier"),
    ],
)
def test_statement_that_says_something_else_is_named(made, pack, change):
    sign_again(made, pack, change)
    code, parts = both(made, pack)
    assert (code, parts <= {"pack.json", "envelope.json"}, bool(parts)) == (1, True, True)


def test_signature_over_another_kind_of_payload_is_none(made, pack):
    """What the key signed for another purpose is no statement about a pack (DSSE: the type is authenticated)."""
    held = json.loads((pack / "envelope.json").read_bytes())
    payload = base64.b64decode(held["payload"])
    signature = signer(made).sign(pae("application/octet-stream", payload))
    held["payloadType"] = "application/octet-stream"
    held["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    (pack / "envelope.json").write_bytes(canonical(held))
    assert both(made, pack) == (1, {"envelope.json"})


def test_every_changed_byte_of_the_envelope_is_seen(made, pack):
    path, key = pack / "envelope.json", [(made / "signer.pub.pem").read_bytes()]
    content = path.read_bytes()
    unseen = []
    places = {*range(0, len(content), 7), *range(len(content) - 120, len(content))}
    for place in sorted(places):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            outcome, _ = alone.verify(pack, key)
        except alone.NotAPack:
            continue
        if outcome.code != 1:
            unseen.append((place, content[place : place + 1]))
    assert unseen == []


def test_signatures_of_two_keys(made, pack, tmp_path):
    """DSSE asks for one signature by a trusted key; what other keys signed is told and decides nothing."""
    held = json.loads((pack / "envelope.json").read_bytes())
    other = local_signer(tmp_path / "other.pem")
    second = envelope(base64.b64decode(held["payload"]), other)["signatures"][0]
    held["signatures"].append(second)
    (pack / "envelope.json").write_bytes(canonical(held))
    assert both(made, pack) == (0, set())
    _, lines = run(made, pack, *trusted(made))
    assert "beside 1 more" in lines[0]["message"]
    held["signatures"][0]["keyid"] = key_id(other.public_pem())
    (pack / "envelope.json").write_bytes(canonical(held))
    assert both(made, pack) == (1, {"envelope.json"})
    held["signatures"] = [second]
    (pack / "envelope.json").write_bytes(canonical(held))
    assert both(made, pack) == (1, {"envelope.json"})


@pytest.mark.parametrize("name", ["envelope.json", "pack.json", "bundle/manifest.json", "results.json"])
def test_member_given_twice_is_refused(made, pack, name):
    """Readers differ in which of the two they take."""
    path = pack / name
    text = path.read_bytes()
    first = json.loads(text)
    again = next(iter(first))
    path.write_bytes(b'{"' + again.encode() + b'":"other",' + text.lstrip()[1:])
    if name not in {"envelope.json", "pack.json"}:
        sign_again(made, pack)
    done = CliRunner().invoke(build(), ["evidence", "verify", str(pack), *trusted(made)])
    said = f"{done.output}{done.exception}"
    assert "given twice" in said
    assert done.exit_code == 1  # refused or named: the exception of a pack that is none has its own code, 2


def test_facts_that_are_not_canonical_are_named(made, pack):
    path = pack / "bundle" / "facts.jsonl"
    lines = path.read_bytes().splitlines()
    lines[0] = b'{"account":"0",' + lines[0][1:]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    sign_again(made, pack)
    code, parts = both(made, pack)
    assert (code, "bundle/facts.jsonl" in parts) == (1, True)


@pytest.mark.parametrize("name", ["\ud800", "x" * 5000, "a/../results.json", "/etc/hostname", "", "."])
def test_names_that_no_file_can_have_are_named(made, pack, name):
    manifest = json.loads((pack / "pack.json").read_bytes())
    manifest["files"][name] = {"sha256": "sha256:" + "0" * 64, "size": 1}
    (pack / "pack.json").write_text(json.dumps(manifest))
    code, lines = run(made, pack, *trusted(made))
    assert (code, name in named(lines)) == (1, True)


@pytest.mark.parametrize("text", [b"", b"not a key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_bad_input(made, pack, tmp_path, text):
    (tmp_path / "k.pem").write_bytes(text)
    done = CliRunner().invoke(build(), ["evidence", "verify", str(pack), "--key", str(tmp_path / "k.pem")])
    assert int(done.exception.code) == 2
    assert f"{tmp_path / 'k.pem'}: not a public key" in str(done.exception)
    done = CliRunner().invoke(build(), ["evidence", "chain", str(made), "--key", str(tmp_path / "k.pem")])
    assert int(done.exception.code) == 2
    assert alone.main([str(pack), "--key", str(tmp_path / "k.pem")]) == 2


@pytest.mark.parametrize(("sequence", "previous"), [(2, None), (1, "sha256:" + "0" * 64), (0, None)])
def test_number_and_link_have_to_agree(made, pack, sequence, previous):
    rewrite(pack / "pack.json", lambda held: held.update(sequence=sequence, previous=previous))
    sign_again(made, pack, lambda said: said["predicate"].update(sequence=sequence, previous=previous))
    assert both(made, pack) == (1, {"chain"})


def test_pack_of_another_tenant_is_no_predecessor(made, tmp_path):
    bundle = open_bundle(made / "bundle")
    before = sha256((made / "acme" / "pack.json").read_bytes())
    written = write_pack(tmp_path / "p", bundle, judge(bundle), signer(made), Extras(previous=before, sequence=2))
    code, lines = run(made, written, *trusted(made), "--previous", str(made / "acme"))
    assert (code, named(lines)) == (1, {"chain"})
    assert "acme" in next(line["message"] for line in lines if line["part"] == "chain")


@pytest.mark.parametrize("keyid", [[], {}, 7, {"a": []}])
def test_a_key_id_that_is_no_text_is_a_changed_envelope(made, pack, keyid):
    rewrite(pack / "envelope.json", lambda held: held["signatures"][0].update(keyid=keyid))
    code, parts = both(made, pack)
    assert (code, "envelope.json" in parts) == (1, True)


def test_one_signature_twice_with_and_without_its_key_id(made, pack):
    rewrite(pack / "envelope.json", lambda held: held["signatures"].append({"sig": held["signatures"][0]["sig"]}))
    code, parts = both(made, pack)
    assert (code, "envelope.json" in parts) == (1, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.pop("summary"),
        lambda held: held.update(coverage=""),
        lambda held: held["coverage"].update(waivers_without_effect=[[]]),
    ],
    ids=["no summary", "coverage as text", "odd waivers"],
)
def test_results_of_another_form_are_named_when_judged_again(made, pack, change):
    rewrite(pack / "results.json", change)
    code, parts = both(made, pack, "--reperform")
    assert (code, "results.json" in parts) == (1, True)


def test_a_refused_pack_leaves_nothing_that_stops_the_next(made, tmp_path):
    bundle = open_bundle(made / "first" / "bundle")
    folder = tmp_path / "000001"
    extras = Extras(redaction_key=b"k" * 32, references={"node.yaml": b"tenant: globex"})
    with pytest.raises(EvidenceError, match="names another tenant"):
        write_pack(folder, bundle, judge(bundle), signer(made), extras, tenant="acme")
    assert not folder.exists()


def test_an_envelope_says_what_is_in_its_base64_and_not_what_base64_spells():
    held = {"payload": base64.b64encode(b"for acme").decode(), "payloadType": "t"}
    said = _said(canonical({**held, "signatures": [{"sig": "Z2xvYmV4", "keyid": "initech"}], "more": "hooli"}))
    assert all(word in said for word in ("for acme", "initech", "hooli"))
    assert held["payload"] not in said
    assert "Z2xvYmV4" not in said
    assert _said(b"globex") == "globex"
