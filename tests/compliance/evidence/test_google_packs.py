"""What tenants on Google Cloud, and those beside them on AWS, are given: packs, guarantees, reports, drift."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compliance.evidence import reperform
from compliance.evidence.dsse import local_signer
from compliance.evidence.pack import Extras, write_pack
from compliance.evidence.standalone import verify as alone
from compliance.facts.bundle import BundleWriter, open_bundle
from compliance.facts.canonical import instant
from compliance.facts.drift import drift
from compliance.facts.fact import Status
from compliance.facts.from_tenancy import scope_of
from compliance.facts.scope import PLATFORM, scope_from_json, scope_to_json
from compliance.planned.google_facts import google_planned
from compliance.report import guarantees, html, oscal
from compliance.report.model import report_of
from compliance.rules.catalogue import GOOGLE_RULES
from compliance.rules.judge import judge
from operations.cli import build
from tests.stacks.google import two_on_google
from tests.stacks.synthesis import stacks_of

MOMENT = instant(datetime(2026, 3, 1, 12, tzinfo=UTC))
OURS = "initech"


@pytest.fixture(scope="module")
def fleet():
    return two_on_google()


@pytest.fixture(scope="module")
def scope(fleet):
    return scope_of(fleet, local=False)


@pytest.fixture(scope="module")
def facts(fleet, scope, tmp_path_factory):
    """The answers that the stacks of both tenants would give, under the projects that they are about."""
    written = {name: s.body for name, s in stacks_of(fleet, "cloud", tmp_path_factory.mktemp("synth")).items()}
    return [replace(fact, caller="the scan") for fact in google_planned(written, scope.google, MOMENT).facts]


def write(folder: Path, scope, facts, *, double: bool = False):
    with BundleWriter(folder, scope_to_json(scope)) as writer:
        for fact in facts:
            writer.append(fact)
        numbers = dict.fromkeys(fact.account for fact in facts)
        accounts = [
            {"account": n, "caller": "the scan", "cloud": "gcp", "management": False, "regions": ["global"]}
            for n in numbers
        ]
        endpoint = "http://127.0.0.1:1" if double else "https://*.amazonaws.com"
        head = {"began": MOMENT, "ended": MOMENT, "caller": "the scan", "endpoint": endpoint}
        tool = {"name": "bulkhead", "version": "0.1.0", "rules": "sha256:" + "0" * 64}
        writer.seal({**head, "accounts": accounts, "local_test_double": double, "tool": tool})
    return open_bundle(folder)


@pytest.fixture(scope="module")
def made(scope, facts, tmp_path_factory):
    """A folder with a bundle and the packs of initech (Google Cloud) and acme (AWS)."""
    folder = tmp_path_factory.mktemp("packs")
    bundle = write(folder / "bundle", scope, facts)
    signer = local_signer(folder / "signer.pem")
    for tenant in (OURS, "acme"):
        extras = Extras(redaction_key=b"k" * 32)
        write_pack(folder / tenant, bundle, judge(bundle), signer, extras, tenant=tenant)
    return folder


def traces_of(fleet, scope, tenant):
    """Whatever is one tenant's alone."""
    held = scope.anyone(tenant)
    spec = fleet.tenant(tenant)
    found = {tenant, str(spec.network.cidr), str(spec.network.cidr).partition("/")[0], *held.contacts}
    if spec.cloud == "gcp":
        return found | {*held.projects, *held.projects.values(), held.perimeter, held.pool, *held.accounts.values()}
    return found | {held.account, *held.buckets.values()}


@pytest.mark.parametrize("tenant", [OURS, "acme"])
def test_a_tenants_pack_shows_no_byte_of_another_tenant_on_either_cloud(made, fleet, scope, tenant):
    others = {one.id for one in scope.everybody} - {tenant}
    own = traces_of(fleet, scope, tenant)
    traces = {trace for other in others for trace in traces_of(fleet, scope, other)} - own
    assert len(traces) >= 20
    files = [path for path in (made / tenant).rglob("*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        content = path.read_bytes().lower()
        assert [trace for trace in traces if trace.lower().encode() in content] == [], path
        assert not any(other in str(path) for other in others)


def test_the_pack_of_a_tenant_on_google_cloud_holds_its_own_and_speaks_of_its_own_cloud(made, scope):
    whole = judge(open_bundle(made / "bundle")).to_json()["results"]
    own = json.loads((made / OURS / "results.json").read_text())["results"]
    theirs = [one for one in whole if one["tenant"] == OURS]
    assert [(o["rule"], o["status"], o["facts"]) for o in own] == [(o["rule"], o["status"], o["facts"]) for o in theirs]
    assert len(own) > 100
    assert {one["status"] for one in own if one["rule"] != "coverage.gcp-reconciled"} == {"pass"}
    bundle = open_bundle(made / OURS / "bundle")
    assert {fact.account for fact in bundle.facts()} == set(scope.google.tenant(OURS).projects)
    given = scope_from_json(bundle.scope)
    assert (given.tenants, [tenant.id for tenant in given.google.tenants], given.judged) == ((), [OURS], (OURS,))
    assert bundle.manifest["endpoint"] == "https://*.googleapis.com"
    page = (made / OURS / "reports" / "report.html").read_text()
    assert "was read from Google Cloud." in page
    assert "was read from AWS" not in page


def test_the_pack_of_a_tenant_on_aws_has_nothing_of_google_cloud(made):
    bundle = open_bundle(made / "acme" / "bundle")
    assert scope_from_json(bundle.scope).google is None
    assert "was read from AWS." in (made / "acme" / "reports" / "report.html").read_text()
    rules = {one["rule"] for one in json.loads((made / "acme" / "results.json").read_text())["results"]}
    assert not rules & {rule.id for rule in GOOGLE_RULES}


@pytest.mark.parametrize("tenant", [OURS, "acme"])
def test_the_packs_verify_and_can_be_judged_again(made, tenant):
    outcome, manifest = alone.verify(made / tenant, [(made / tenant / "signer.pub.pem").read_bytes()])
    assert outcome.code == 0, outcome.lines
    assert manifest["tenant"] == tenant
    assert reperform.reperform(made / tenant).differences == []


def test_judging_again_finds_a_changed_verdict(made, tmp_path):
    import shutil

    shutil.copytree(made / OURS, tmp_path / "pack")
    path = tmp_path / "pack" / "results.json"
    held = json.loads(path.read_text())
    held_by_own = {fact.digest for fact in open_bundle(made / OURS / "bundle").facts()}
    one = next(
        one for one in held["results"] if one["rule"] == "keys.gcp-rotation" and set(one["facts"]) <= held_by_own
    )
    one["status"] = "fail"
    path.write_text(json.dumps(held))
    (found,) = reperform.reperform(tmp_path / "pack").differences
    assert "keys.gcp-rotation" in found


def test_a_redactor_hides_other_tenants_names_in_reasons(scope, facts, tmp_path):
    """A leak's reason names the other tenant: whoever is told of it learns that it leaks, not to whom."""
    listing = next(
        f
        for f in facts
        if f.params.get("contentType") == "IAM_POLICY" and f.account == scope.google.tenant(OURS).project_number
    )
    entries = json.loads(json.dumps(listing.response["assets"]))
    bucket = next(e for e in entries if e["name"].endswith(f"/bh-{OURS}-data"))
    spy = "serviceAccount:umbra-trainer@bh-umbra.iam.gserviceaccount.com"
    bucket["iamPolicy"]["bindings"].append({"role": "roles/storage.objectViewer", "members": [spy]})
    changed = [replace(f, response={"assets": entries}) if f is listing else f for f in facts]
    bundle = write(tmp_path / "bundle", scope, changed)
    extras = Extras(redaction_key=b"k" * 32)
    signer = local_signer(tmp_path / "signer.pem")
    pack = write_pack(tmp_path / "pack", bundle, judge(bundle), signer, extras, tenant=OURS)
    own = json.loads((pack / "results.json").read_text())["results"]
    leak = next(one for one in own if one["rule"] == "storage.gcp-foreign" and one["status"] == "fail")
    assert re.search(r"tenant-[0-9a-f]{8}", leak["reason"])
    assert "umbra" not in (pack / "results.json").read_text() + (pack / "reports" / "report.html").read_text()
    assert open_bundle(pack / "bundle").manifest["facts_left_out"] == 1


def cli(*arguments):
    done = CliRunner().invoke(build(), [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def test_the_guarantees_of_a_tenant_on_google_cloud_name_its_clouds_things(made, scope):
    code, text = cli("guarantees", OURS, "--from", made / "bundle")
    held = scope.google.tenant(OURS)
    assert code == 0
    for words in (
        "On Google Cloud",
        held.project,
        held.key_project_number,
        held.machine_type,
        held.cidr,
        "audit project",
    ):
        assert words in text.replace("\\", ""), words
    for words in ("AWS", "Nitro", "umbra", "acme", "cloud account", "does not hold", "Cannot be shown"):
        assert words not in text, words
    assert "Machines of its own" not in text
    assert "another customer's machine may run on the same host" in text
    code, other = cli("guarantees", "acme", "--from", made / "bundle")
    assert "Nitro" in other
    assert "Google" not in other


def test_a_guarantee_that_is_broken_says_so(scope, facts, tmp_path):
    without = [f for f in facts if f.api != "iam:ListDenyPolicies"]
    bundle = write(tmp_path / "bundle", scope, without, double=True)
    text = guarantees.render(report_of(bundle, judge(bundle)), OURS)
    assert "**Cannot be shown**" in text
    assert "This is the local test double, not Google Cloud." in text
    emptied = [replace(f, response={"policies": []}) if f.api == "iam:ListDenyPolicies" else f for f in facts]
    bundle = write(tmp_path / "other", scope, emptied)
    assert "**Does not hold.**" in guarantees.render(report_of(bundle, judge(bundle)), OURS)


def test_reports_name_the_clouds_that_were_read(made, scope, facts, tmp_path):
    bundle = open_bundle(made / "bundle")
    whole = report_of(bundle, judge(bundle))
    assert whole.clouds == "AWS and Google Cloud"
    assert "was read from AWS and Google Cloud." in html.render(whole)
    assert "The endpoint is AWS and Google Cloud." in oscal.render(whole, "nist-800-53")
    alone_there = write(tmp_path / "one", scope.only(OURS), facts)
    assert report_of(alone_there, judge(alone_there)).clouds == "Google Cloud"
    assert PLATFORM not in scope.only(OURS).judged


def test_drift_tells_what_changed_on_google_cloud_and_nothing_else(scope, facts, tmp_path):
    first = write(tmp_path / "first", scope, facts)
    later = []
    for fact in facts:
        response = json.loads(json.dumps(fact.response))
        response["readTime"] = "2026-03-02T00:00:00Z"
        for asset in response.get("assets", []):
            asset["updateTime"] = "2026-03-02T00:00:00Z"
            if asset["name"].endswith(f"/bh-{OURS}-data") and "resource" in asset:
                asset["resource"]["data"]["iamConfiguration"]["publicAccessPrevention"] = "inherited"
        later.append(replace(fact, response=response))
    assert drift(first, write(tmp_path / "same", scope, facts)) == []
    (change,) = drift(first, write(tmp_path / "later", scope, later))
    assert change.account == scope.google.tenant(OURS).project_number
    assert f"bh-{OURS}-data" in change.sentence
    assert "publicAccessPrevention was enforced and is inherited" in change.sentence


def test_what_was_read_before_and_is_refused_now_is_drift(scope, facts, tmp_path):
    refused = [
        replace(f, status=Status.DENIED, response=None, error={"code": "PERMISSION_DENIED", "message": ""})
        if f.api == "billingbudgets:ListBudgets"
        else f
        for f in facts
    ]
    before, after = write(tmp_path / "a", scope, facts), write(tmp_path / "b", scope, refused)
    (change,) = drift(before, after)
    assert "was ok and is denied now" in change.sentence
