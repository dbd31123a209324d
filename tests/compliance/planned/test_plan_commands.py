"""`bulkhead scan --plan` and what keeps a deployment back: exit codes, SARIF, exceptions, waivers."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compliance.facts.scope import WaiverScope
from operations import checkov, plan_rules
from operations.cli import build
from operations.errors import CommandError
from stacks.plan import StackInfo
from tests.compliance.planned.breaks import BREAKS
from tests.compliance.planned.edits import as_plan, change

LINES = checkov.read_exemptions(Path("checkov-exceptions.yaml"))


def save(folder, documents, form=lambda document: document):
    for name, body in documents.items():
        (folder / name).mkdir()
        (folder / name / "cdk.tf.json").write_text(json.dumps(form(body), indent=1))
    return folder


def save_plans(folder, documents):
    for name, body in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(as_plan(body), indent=1))
    return folder


def run(*arguments):
    done = CliRunner().invoke(build(), ["scan", *map(str, arguments)])
    assert not isinstance(done.exception, Exception) or isinstance(done.exception, CommandError), done.exception
    code = done.exception.code if isinstance(done.exception, CommandError) else done.exit_code
    return int(code), done.stdout


def broken(written, rule):
    documents = deepcopy(written)
    BREAKS[rule](documents)
    return documents


def test_a_plan_that_opens_a_bucket_ends_with_one_and_says_where(written, tmp_path):
    code, out = run("--plan", save_plans(tmp_path, broken(written, "storage.no-unsigned-read")), "--format", "json")
    document = json.loads(out)
    (found,) = [
        one for one in document["results"] if one["status"] == "fail" and one["rule"] == "storage.no-unsigned-read"
    ]
    assert code == 1
    assert found["tenant"] == "acme"
    assert found["resource"] == "arn:aws:s3:::bh-acme-data"
    files = {source["file"].rpartition("/")[2] for source in found["sources"]}
    assert files == {"acme-vault.json"}
    assert all(source["line"] > 1 for source in found["sources"])
    assert document["checkov"] is None
    assert {entry["rule"] for entry in document["coverage"]["not_on_plans"]} >= {"audit.trail-no-gap"}


def test_sarif_has_rules_results_files_and_suppressions(written, tmp_path):
    folder = save(tmp_path, broken(written, "keys.rotation"))
    code, out = run("--plan", folder, "--format", "sarif")
    ours, other = json.loads(out)["runs"]
    assert code == 1
    failed = [one for one in ours["results"] if one["kind"] == "fail" and "suppressions" not in one]
    (one,) = [found for found in failed if found["ruleId"] == "keys.rotation"]
    place = one["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("acme-vault/cdk.tf.json")
    line = (folder / "acme-vault" / "cdk.tf.json").read_text().splitlines()[place["region"]["startLine"] - 1]
    assert "keys_data" in line
    assert ours["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == "keys.rotation"
    assert ours["tool"]["driver"]["rules"][one["ruleIndex"]]["help"]["text"]
    excused = [one for one in ours["results"] if one.get("suppressions")]
    assert {one["ruleId"] for one in excused} <= {line.check for line in LINES}
    assert other["tool"]["driver"]["name"] == "checkov"
    assert any(one.get("suppressions") for one in other["results"])


def test_stacks_that_break_nothing_end_with_zero(written, tmp_path):
    documents = deepcopy(written)
    folder = save(tmp_path, documents)
    code, out = run("--plan", folder)
    assert code == 0, out
    assert "results pass" in out
    assert "rules wait for the deployed state" in out


def test_what_plans_leave_open_ends_with_three(written, tmp_path):
    documents = deepcopy(written)
    change("acme-compute", "aws_launch_template", image_id="${data.aws_ami.own.id}")(documents)
    code, out = run("--plan", save(tmp_path, documents))
    assert code == 3
    assert "indeterminate" in out
    assert "known only after Terraform has applied" in out


def test_exceptions_of_the_local_profile_do_not_hold_for_the_cloud(written, scope):
    files = dict.fromkeys(written, Path("nowhere"))
    local = plan_rules.check(written, {}, scope, LINES, "local")
    cloud = plan_rules.check(written, {}, scope, LINES, "cloud")
    assert files
    assert local.failing == []
    assert {result.rule for result, _ in cloud.failing} >= {"node.no-public-images", "monitoring.access-analyzer"}


def test_an_exception_that_covers_nothing_is_reported_as_stale(written, scope):
    idle = checkov.Exemption(check="keys.rotation", resource="aws_kms_key.gone", reason="nothing of that name is left")
    found = plan_rules.check(written, {}, scope, [*LINES, idle], "local")
    assert idle in found.stale
    assert {"check": "keys.rotation", "resource": "aws_kms_key.gone"} in found.to_json()["coverage"][
        "exceptions_without_effect"
    ]


def waiver(expires):
    return WaiverScope("keys.rotation", None, "ada@acme.example", "moving", "a guard", expires)


@pytest.mark.parametrize(("expires", "refused"), [("2999-01-01", False), ("2020-01-01", True)])
def test_a_waiver_lets_it_through_until_it_expires(written, scope, expires, refused):
    first, *others = scope.tenants
    waiving = replace(scope, tenants=(replace(first, waivers=(waiver(expires),)), *others))
    found = plan_rules.check(broken(written, "keys.rotation"), {}, waiving, LINES, "local")
    assert ("keys.rotation" in {result.rule for result, _ in found.failing}) is refused


def infos(folder, documents):
    return [StackInfo(name, folder / name, (), None, "vault") for name in documents]


def test_deploy_refuses_and_names_resource_file_and_way_out(written, scope, fleet, tmp_path, monkeypatch):
    monkeypatch.setattr("compliance.facts.from_tenancy.scope_of", lambda fleet, local: scope)
    documents = broken(written, "data.retention-enforced")
    folder = save(tmp_path, documents)
    with pytest.raises(CommandError) as caught:
        plan_rules.require_rules(fleet, infos(folder, documents), local=True)
    said = str(caught.value)
    assert caught.value.code == 1
    assert "data.retention-enforced: acme: arn:aws:s3:::bh-acme-data" in said
    assert "acme-vault/cdk.tf.json:" in said
    assert "aws_s3_bucket_lifecycle_configuration.storage_data" in said
    assert "way out: " in said
    assert "checkov-exceptions.yaml" in said


def test_deploy_goes_ahead_with_our_own_stacks(written, scope, fleet, tmp_path, monkeypatch):
    monkeypatch.setattr("compliance.facts.from_tenancy.scope_of", lambda fleet, local: scope)
    assert "results pass" in plan_rules.require_rules(fleet, infos(save(tmp_path, written), written), local=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--plan", "nowhere"),
        ("--plan", ".", "--synth"),
        ("--plan", ".", "--from", "x"),
        ("--plan", ".", "--profile", "x"),
    ],
)
def test_bad_input_is_refused(arguments, tmp_path):
    assert run(*arguments)[0] == 2


def test_hostile_names_in_plans_are_neutralised(written, tmp_path):
    documents = broken(written, "keys.rotation")
    change("acme-vault", "aws_kms_alias", "keys_data", name="alias/\x1b[31m\u202edata")(documents)
    folder = save_plans(tmp_path, documents)
    for form in ("text", "sarif"):
        _, out = run("--plan", folder, "--format", form)
        assert "\x1b" not in out
        assert "\u202e" not in out
