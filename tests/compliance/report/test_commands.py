"""The commands: exit codes, one JSON document on stdout, and the same bytes live and from the bundle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compliance.facts.fact import Status
from operations.cli import build
from operations.errors import CommandError
from tests.compliance.bundles import write
from tests.compliance.conftest import Fault
from tests.compliance.rules.breaks import data
from tests.compliance.world import ACME, world

TENANTS = Path(__file__).parents[3] / "tenants"
VERDICTS = {"pass", "fail", "waived", "not-applicable", "indeterminate"}


def run(*arguments: str):
    """Exit code, standard output and standard error, as the process would give them."""
    done = CliRunner().invoke(build(), list(arguments))
    if isinstance(done.exception, CommandError):
        return int(done.exception.code), done.stdout, f"{done.stderr}{done.exception}"
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def aws(cloud, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("BULKHEAD_TENANTS", raising=False)
    return cloud


def scan(tmp_path, *more):
    return run("scan", "--fleet", str(TENANTS), "--out", str(tmp_path / "out"), "--json", *more)


def bundle_in(tmp_path):
    (found,) = (tmp_path / "out").glob("bundle-*")
    return found


def test_live_and_from_the_bundle_are_the_same_bytes(aws, tmp_path):
    aws.client("s3").create_bucket(Bucket="somewhere")
    code, live, said = scan(tmp_path)
    assert code == 1
    document = json.loads(live)
    assert set(document) == {"results", "summary", "coverage"}
    for result in document["results"]:
        assert set(result) - {"waiver"} == {"rule", "tenant", "resource", "status", "reason", "facts"}
        assert result["status"] in VERDICTS
    assert {result["tenant"] for result in document["results"]} == {"acme", "globex", "platform"}
    assert (tmp_path / "out" / "index.html").exists()
    assert "report:" in said
    again = run("scan", "--from", str(bundle_in(tmp_path)), "--json")
    assert again[:2] == (code, live)


def test_only_some_tenants(aws, tmp_path):
    document = json.loads(scan(tmp_path, "--tenants", "acme")[1])
    assert {result["tenant"] for result in document["results"]} == {"acme"}
    assert document["coverage"]["tenants_not_judged"] == ["globex"]


def test_unknown_tenant_is_bad_input(aws, tmp_path):
    code, out, said = scan(tmp_path, "--tenants", "nobody")
    assert (code, out) == (2, "")
    assert "nobody" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(403, b'{"__type":"AccessDeniedException","message":"no"}'),
        Fault(400, b'{"__type":"ThrottlingException","message":"slow"}'),
        Fault(501, b'{"__type":"NotImplemented","message":"?"}'),
        Fault(500, b'{"__type":"InternalFailure","message":"?"}'),
        Fault(200, b"<html>not json</html>"),
        Fault(200, b"{}"),
        Fault(200, b'{"Aliases":[],"Truncated":true}'),
    ],
    ids=["denied", "throttled", "unimplemented", "failed", "malformed", "half", "half a listing"],
)
def test_failing_api_is_indeterminate_and_named(aws, tmp_path, fault):
    aws.faults["ListAliases"] = fault
    _, out, _ = scan(tmp_path, "--tenants", "acme")
    waiting = [one for one in json.loads(out)["results"] if one["rule"] in {"keys.exist", "keys.separate-purposes"}]
    assert {one["status"] for one in waiting} == {"indeterminate"}
    assert all("kms:ListAliases" in one["reason"] for one in waiting)


def test_no_endpoint_is_indeterminate(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    code, out, said = scan(tmp_path)
    assert (code, out) == (3, "")
    assert "does not answer" in said


def test_no_credentials_and_no_local_cloud(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    code, _, said = scan(tmp_path, "--directory", str(tmp_path / "nothing"))
    assert code == 2
    assert "AWS_ACCESS_KEY_ID" in said


def test_exit_codes_follow_the_worst_value(tmp_path):
    write(world(), tmp_path / "clean")
    assert run("scan", "--from", str(tmp_path / "clean"))[0] == 0
    blind = world()
    blind.statuses[ACME, "kms:ListGrants"] = Status.DENIED
    write(blind, tmp_path / "blind")
    code, out, _ = run("scan", "--from", str(tmp_path / "blind"))
    assert code == 3
    assert "kms:ListGrants" in out
    broken = world()
    broken.statuses[ACME, "kms:ListGrants"] = Status.DENIED
    data.BREAKS["storage.versioned"](broken)
    write(broken, tmp_path / "broken")
    assert run("scan", "--from", str(tmp_path / "broken"))[0] == 1


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [(["proved"], 0), (["proved", "violated"], 1), (["undecided", "proved"], 3), (["indeterminate"], 3), ([], 3)],
)
def test_proofs_count_for_the_exit_code(tmp_path, verdicts, code):
    write(world(), tmp_path / "b")
    pairs = [{"from": "acme", "to": "globex", "path": "data", "verdict": one} for one in verdicts]
    (tmp_path / "proofs.json").write_text(json.dumps({"pairs": pairs, "coverage": {}}))
    assert run("scan", "--from", str(tmp_path / "b"), "--proofs", str(tmp_path / "proofs.json"))[0] == code


@pytest.mark.parametrize("command", [("scan",), ("report",), ("risks",), ("guarantees", "acme"), ("evidence", "pack")])
def test_corrupt_bundle_is_refused(tmp_path, command):
    write(world(), tmp_path / "b")
    path = tmp_path / "b" / "facts.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"Enabled"', b'"Disabled"', 1))
    code, out, said = run(*command, "--from", str(tmp_path / "b"))
    assert (code, out) == (2, "")
    assert "facts.jsonl:" in said


def test_every_format_is_written(tmp_path):
    write(world(), tmp_path / "b")
    formats = ("html", "csv", "sarif", "ocsf", "oscal", "json")
    wanted = [part for one in formats for part in ("--format", one)]
    assert run("report", "--from", str(tmp_path / "b"), "--out", str(tmp_path / "r"), *wanted)[0] == 0
    assert len(list((tmp_path / "r").iterdir())) == len(formats)
    code, _, said = run("report", "--from", str(tmp_path / "b"), "--format", "csv", "--format", "html")
    assert (code, "--out" in said) == (2, True)
    code, out, _ = run("report", "--from", str(tmp_path / "b"), "--format", "oscal", "--catalogue", "soc2")
    assert (code, "SOC 2" in json.loads(out)["assessment-results"]["metadata"]["title"]) == (0, True)
    assert run("report", "--from", str(tmp_path / "b"), "--catalogue", "nothing")[0] == 2


def test_drift_in_sentences(tmp_path):
    write(world(), tmp_path / "a")
    assert run("drift", str(tmp_path / "a"), str(tmp_path / "a"))[:2] == (0, "")
    changed = world()
    data.BREAKS["keys.grants-by-services-only"](changed)
    data.BREAKS["storage.versioned"](changed)
    data.BREAKS["storage.no-foreign-replication"](changed)
    data.BREAKS["audit.log-groups-exist"](changed)
    changed.drop(ACME, "kms:DescribeKey")
    write(changed, tmp_path / "b")
    code, out, _ = run("drift", str(tmp_path / "a"), str(tmp_path / "b"), "--json")
    assert code == 1
    sentences = [change["sentence"] for change in json.loads(out)["changes"]]
    assert "s3:GetBucketVersioning of bh-acme-data: Status was Enabled and is Suspended." in sentences
    assert any("Grants: gggggggg" in sentence and "is new" in sentence for sentence in sentences)
    assert any("logGroups: /bh/acme/flow" in one or "log-group:/bh/acme/flow" in one for one in sentences)
    assert any("s3:GetBucketReplication of bh-acme-data was absent and is ok now." in one for one in sentences)
    assert any("is gone (kms:DescribeKey)" in one for one in sentences)


def test_pack_and_verify(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(world(), tmp_path / "b")
    code, out, _ = run("evidence", "pack", "--from", "b", "--json")
    first = json.loads(out)
    assert (code, first["sequence"], first["previous"]) == (0, 1, None)
    second = json.loads(run("evidence", "pack", "--from", "b", "--json")[1])
    assert second["sequence"] == 2
    assert run("evidence", "verify", second["pack"], "--previous", first["pack"], "--reperform")[0] == 0
    chain = ("evidence", "chain", str(Path(first["pack"]).parent))
    assert run(*chain, "--until", "2026-03-02T11:00:00")[0] == 0
    code, out, _ = run(*chain)
    assert (code, "hours since 000002" in out) == (1, True)
    (Path(second["pack"]) / "results.json").write_text("{}")
    code, out, _ = run("evidence", "verify", second["pack"], "--json")
    assert code == 1
    assert "results.json" in {line["part"] for line in json.loads(out)["checks"] if line["status"] == "changed"}
    code, out, _ = run(*chain, "--until", "2026-03-02T11:00:00")
    assert (code, "results.json: was changed" in out) == (1, True)
    Path(".bulkhead/evidence/signer.pub.pem").unlink()
    shutil.rmtree(second["pack"])
    code, _, said = run(*chain, "--until", "2026-03-02T11:00:00")
    assert (code, "nothing is known about who signed" in said) == (3, True)
    assert run("evidence", "verify", str(tmp_path))[0] == 2
    assert run("evidence", "chain", str(tmp_path / "b"))[0] == 2
    assert run("evidence", "pack", "--from", "b", "--tenant", "nobody")[0] == 2


def test_guarantees_and_risks(tmp_path):
    write(world(), tmp_path / "b")
    code, out, _ = run("guarantees", "acme", "--from", str(tmp_path / "b"))
    assert (code, "Does not hold" in out, "globex" in out) == (0, False, False)
    assert run("guarantees", "nobody", "--from", str(tmp_path / "b"))[0] == 2
    code, out, _ = run("risks", "--from", str(tmp_path / "b"), "--json")
    assert (code, len(json.loads(out)["risks"]) > 30) == (0, True)
