"""The rules about Google Cloud on the synthesised stacks: ours pass, every edit that breaks a rule is refused by it."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from compliance.facts.from_tenancy import scope_of
from compliance.facts.scope import WaiverScope
from compliance.planned.google_assets import READERS
from compliance.planned.judge import ONLY_DEPLOYED, judge_plans
from compliance.results import Verdict
from compliance.rules.catalogue import GOOGLE_RULES, RULES
from operations import checkov, plan_rules
from operations.errors import CommandError
from stacks.plan import StackInfo
from tests.compliance.planned.edits import add, change
from tests.compliance.planned.google_breaks import BREAKS, CONSTRAINT, MISSING, TEMPLATE
from tests.stacks.google import two_on_google
from tests.stacks.synthesis import stacks_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOGLE = {rule.id for rule in GOOGLE_RULES} - set(ONLY_DEPLOYED)
FROM_FILES = {"data.gcp-retention-within-class"}
"""Judged from the tenant's file, which no edit of a stack changes."""


@pytest.fixture(scope="module")
def fleet():
    return two_on_google()


@pytest.fixture(scope="module")
def scope(fleet):
    return scope_of(fleet, local=False)


@pytest.fixture(scope="module")
def written(fleet, tmp_path_factory):
    """Every stack of Google Cloud by name; not to be changed."""
    out = tmp_path_factory.mktemp("google-plans")
    stacks = {name: stack.body for name, stack in stacks_of(fleet, "cloud", out).items()}
    return {name: body for name, body in stacks.items() if name.startswith(("initech", "umbra", "gcp-"))}


def judged(documents, scope):
    return judge_plans(documents, scope, NOW)


def caught_by(rule, documents, scope):
    found = judged(documents, scope).of(Verdict.FAIL)
    return [(result, sources) for result, sources in found if result.rule == rule]


def listed(value: Any, name: str = "") -> Any:
    """Single blocks as lists of one, as `terraform show` writes them."""
    if isinstance(value, dict) and name not in ("labels", "attribute_mapping", "metadata", ""):
        return [{key: listed(item, key) for key, item in value.items()}]
    if isinstance(value, dict):
        return {key: listed(item, key) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, list) else value


def as_plan(document: dict[str, Any]) -> dict[str, Any]:
    resources = [
        {"address": f"{kind}.{name}", "type": kind, "name": name, "mode": "managed"}
        | {"values": {k: listed(v, k) for k, v in body.items() if k not in ("//", "depends_on", "lifecycle")}}
        for kind, named in document["resource"].items()
        for name, body in named.items()
    ]
    return {
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": resources}},
        "output": document.get("output", {}),
        "resource_changes": [],
        "configuration": {"root_module": {"resources": [{"address": r["address"]} for r in resources]}},
    }


def test_every_rule_about_google_cloud_is_judged_on_stacks():
    assert set(BREAKS) | FROM_FILES == GOOGLE
    assert len(GOOGLE) >= 60


@pytest.mark.parametrize("form", [lambda document: document, as_plan], ids=["synthesised", "planned"])
def test_our_own_stacks_pass_every_rule(written, scope, form):
    found = judged({name: form(body) for name, body in deepcopy(written).items()}, scope)
    assert [(r.rule, r.resource, r.reason) for r, _ in found.of(Verdict.FAIL, Verdict.INDETERMINATE)] == []
    assert {result.rule for result, _ in found.of(Verdict.PASS)} == GOOGLE
    assert found.judgement.coverage["tenants"] == ["initech", "umbra", "platform"]
    assert found.judgement.coverage["types_not_read"] == []
    assert {entry["rule"] for entry in found.judgement.coverage["not_on_plans"]} == {
        "coverage.gcp-complete",
        "coverage.gcp-reconciled",
    }
    assert not {rule.id for rule in RULES} & {result.rule for result in found.judgement.results}


@pytest.mark.parametrize("form", [lambda document: document, as_plan], ids=["synthesised", "planned"])
@pytest.mark.parametrize("rule", sorted(BREAKS))
def test_an_edit_that_breaks_a_rule_is_refused_by_it(written, scope, rule, form):
    documents = deepcopy(written)
    BREAKS[rule](documents)
    caught = caught_by(rule, {name: form(body) for name, body in documents.items()}, scope)
    assert caught
    assert {result.tenant for result, _ in caught} <= {"initech", "umbra", "platform"}
    for result, sources in caught:
        assert result.reason
        assert sources or rule in MISSING, result


def test_the_resource_at_fault_is_named_and_no_other_tenants(written, scope):
    documents = deepcopy(written)
    BREAKS["keys.gcp-rotation"](documents)
    ((result, sources),) = caught_by("keys.gcp-rotation", documents, scope)
    assert result.tenant == "initech"
    assert {source.stack for source in sources} == {"initech-vault"}
    assert any(source.address.startswith("google_kms_crypto_key.keys_data") for source in sources)


def test_a_constraint_that_is_set_and_not_enforced_is_named(written, scope):
    documents = deepcopy(written)
    spec = {"rules": [{"enforce": "FALSE"}]}
    change("gcp-organisation", CONSTRAINT, "iam-disableServiceAccountKeyCreation", spec=spec)(documents)
    caught = caught_by("perimeter.gcp-no-keys", documents, scope)
    assert {result.tenant for result, _ in caught} == {"initech", "umbra"}
    for _, sources in caught:
        assert any("iam-disableServiceAccountKeyCreation" in source.address for source in sources)
        assert {source.stack for source in sources} == {"gcp-organisation"}


@pytest.mark.parametrize("missing", ["gcp-organisation", "gcp-audit"])
def test_what_is_in_a_stack_that_is_not_there_is_not_passed(written, scope, missing):
    """Without the organisation's stack nothing can be said about folders; without the audit stack the sinks lack."""
    found = judged({name: body for name, body in written.items() if name != missing}, scope)
    bad = {r.rule for r, _ in found.of(Verdict.FAIL, Verdict.INDETERMINATE)}
    wanted = {"audit.gcp-sinks"} if missing == "gcp-audit" else {"audit.gcp-data-access", "perimeter.gcp-no-keys"}
    assert wanted <= bad
    if missing == "gcp-organisation":
        assert found.of(Verdict.FAIL) == []
        assert {"perimeter.gcp-enforced", "budget.gcp-budget"} <= bad


def test_a_tenant_without_stacks_is_not_judged_and_named(written, scope):
    found = judged({name: body for name, body in written.items() if not name.startswith("umbra")}, scope)
    assert "umbra" in found.judgement.coverage["tenants_not_judged"]
    assert "umbra" not in {result.tenant for result in found.judgement.results}


@pytest.mark.parametrize(
    ("kind", "part", "argument", "value", "rules"),
    [
        ("google_kms_crypto_key", "keys_data", "rotation_period", "${var.period}", {"keys.gcp-rotation"}),
        (
            "google_storage_bucket_iam_policy",
            "storage_data",
            "policy_data",
            "${data.google_iam_policy.elsewhere.policy_data}",
            {"storage.gcp-public", "storage.gcp-basic-roles", "storage.gcp-foreign"},
        ),
        (
            "google_kms_crypto_key_iam_policy",
            "keys_data",
            "policy_data",
            "${data.google_iam_policy.elsewhere.policy_data}",
            {"keys.gcp-attested", "keys.gcp-public", "keys.gcp-separation"},
        ),
    ],
)
def test_what_is_known_only_later_is_open_for_whoever_asks(written, scope, kind, part, argument, value, rules):
    documents = deepcopy(written)
    change("initech-vault", kind, part, **{argument: value})(documents)
    found = judged(documents, scope)
    open_ = {result.rule for result, _ in found.of(Verdict.INDETERMINATE)}
    assert rules <= open_
    assert {result.tenant for result, _ in found.of(Verdict.INDETERMINATE)} == {"initech"}
    assert found.of(Verdict.FAIL) == []
    reasons = {r.reason for r, _ in found.of(Verdict.INDETERMINATE)}
    assert all("known only after Terraform has applied" in reason for reason in reasons)


def test_an_image_known_only_later_is_not_taken_for_an_accepted_one(written, scope):
    documents = deepcopy(written)
    change("initech-compute", TEMPLATE, "", metadata={"tee-image-reference": "${data.google_x.y.image}"})(documents)
    found = judged(documents, scope)
    assert "node.gcp-image" in {r.rule for r, _ in found.of(Verdict.INDETERMINATE, Verdict.FAIL)}
    assert "node.gcp-image" not in {r.rule for r, _ in found.of(Verdict.PASS) if r.tenant == "initech"}


def test_types_that_nothing_reads_are_named(written, scope):
    documents = deepcopy(written)
    add("initech-vault", "google_bigquery_dataset_access", role="OWNER")(documents)
    said = judged(documents, scope).judgement.coverage["types_not_read"]
    assert any("google_bigquery_dataset_access" in kind for kind in said)


@pytest.mark.parametrize(("expires", "verdict"), [("2999-01-01", Verdict.WAIVED), ("2020-01-01", Verdict.FAIL)])
def test_a_waiver_holds_until_it_expires(written, scope, expires, verdict):
    documents = deepcopy(written)
    BREAKS["keys.gcp-rotation"](documents)
    waiver = WaiverScope("keys.gcp-rotation", None, "ada@initech.example", "moving", "a guard", expires)
    first, *others = scope.google.tenants
    waiving = replace(scope, google=replace(scope.google, tenants=(replace(first, waivers=(waiver,)), *others)))
    found = judged(documents, waiving)
    assert verdict in {r.status for r in found.judgement.results if r.rule == "keys.gcp-rotation"}


def test_the_plan_check_refuses_says_where_and_writes_sarif(written, scope, tmp_path):
    from compliance.report.plan_sarif import render

    documents = deepcopy(written)
    BREAKS["storage.gcp-public"](documents)
    files = {}
    for name, body in documents.items():
        (tmp_path / name).mkdir()
        files[name] = tmp_path / name / "cdk.tf.json"
        files[name].write_text(json.dumps(body, indent=1))
    found = plan_rules.check(documents, files, scope, checkov.read_exemptions(), "cloud")
    with pytest.raises(
        CommandError, match=r"storage\.gcp-public: initech: //storage\.googleapis\.com/bh-initech-data"
    ) as c:
        plan_rules.refuse(found)
    assert "initech-vault/cdk.tf.json:" in str(c.value)
    assert "allUsers and allAuthenticatedUsers" in str(c.value)
    log = json.loads(render(found.judged, found.places, found.excuses, None))
    failed = [one for one in log["runs"][0]["results"] if one["kind"] == "fail"]
    assert {one["ruleId"] for one in failed} == {"storage.gcp-public", "identity.gcp-public"}
    for one in failed:
        places = [held["physicalLocation"] for held in [*one["locations"], *one.get("relatedLocations", [])]]
        lines = [files["initech-vault"].read_text().splitlines()[p["region"]["startLine"] - 1] for p in places]
        assert any("storage_data" in line for line in lines)
    rules = {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]}
    assert rules == GOOGLE


def saved(folder, documents):
    infos = []
    for name, body in documents.items():
        (folder / name).mkdir()
        (folder / name / "cdk.tf.json").write_text(json.dumps(body))
        tenant = name.partition("-")[0] if not name.startswith("gcp-") else None
        infos.append(StackInfo(name, folder / name, (), tenant, "vault", "gcp"))
    return infos


def test_stacks_of_google_cloud_are_judged_without_any_account_on_aws(fleet, written, tmp_path):
    """Whoever deploys to Google Cloud first need not know the ids of accounts that do not exist yet."""
    organisation = fleet.platform.organisation.model_copy(update={"management_account_id": None})
    platform = fleet.platform.model_copy(update={"organisation": organisation})
    nobody = tuple(
        tenant.model_copy(update={"account_id": None}) if tenant.cloud == "aws" else tenant for tenant in fleet.tenants
    )
    early = replace(fleet, platform=platform, tenants=nobody)
    said = plan_rules.require_rules(early, saved(tmp_path, written), local=False)
    assert "results pass" in said
    assert "known only after" not in said


def test_stacks_that_break_a_rule_are_not_deployed(fleet, written, tmp_path):
    documents = deepcopy(written)
    BREAKS["node.gcp-shielded"](documents)
    with pytest.raises(CommandError, match=r"not deployed: 1 rules fail\n  node\.gcp-shielded: initech"):
        plan_rules.require_rules(fleet, saved(tmp_path, documents), local=False)


def test_no_reader_is_for_a_type_that_the_provider_lacks():
    from pathlib import Path

    import cdktn_provider_google

    folder = Path(cdktn_provider_google.__file__).parent
    assert {name for name in READERS if not (folder / name.removeprefix("google_")).is_dir()} == set()
