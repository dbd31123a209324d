"""The rules about Google Cloud on the real stacks as collected, and on each with one thing broken."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from compliance.collect.google.scan import collect
from compliance.collect.terraform import state_facts
from compliance.facts.fact import Fact, Status
from compliance.facts.from_tenancy import scope_of
from compliance.graph import Graph
from compliance.results import Verdict
from compliance.rules.catalogue import GOOGLE_RULES, rule_of
from compliance.rules.runner import judge_google
from localcloud.gcp import control
from operations import gcp_local, scanning
from operations.workspace import Workspace
from stacks.app import synthesise
from tests.stacks.google import mixed_fleet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

KEY = "cloudkms.googleapis.com/CryptoKey"
BUCKET = "storage.googleapis.com/Bucket"
TEMPLATE = "compute.googleapis.com/InstanceTemplate"
PROVIDER = "iam.googleapis.com/WorkloadIdentityPoolProvider"
ACCOUNT = "iam.googleapis.com/ServiceAccount"
PROJECT = "cloudresourcemanager.googleapis.com/Project"
JUDGED = [rule.id for rule in GOOGLE_RULES if rule.id != "coverage.gcp-reconciled"]
"""All that are about the cloud alone: the other one needs Terraform's state."""
STRANGER = "user:mallory@elsewhere.example"


@pytest.fixture(scope="module")
def scope():
    return scope_of(mixed_fleet(), local=True)


@pytest.fixture(scope="module")
def facts(scope, tmp_path_factory: pytest.TempPathFactory) -> list[Fact]:
    """Every answer that the collectors get of the loaded stacks."""
    ws = Workspace(tmp_path_factory.mktemp("gcp"))
    fleet = mixed_fleet()
    infos = synthesise(fleet, "local", ["initech"], ws.root / "synth", "http://127.0.0.1:1")
    stacks = {i.name: ws.root / "synth" / "stacks" / i.name / "cdk.tf.json" for i in infos if i.cloud == "gcp"}
    gcp_local.load(ws, fleet, stacks)
    found: list[Fact] = []
    plan = scanning.google_plan(scope, ws.hidden / "local", local=True, only=None)
    assert plan is not None
    collect(plan, found.append)
    control.down(gcp_local.places(ws))
    return found


def judged(scope, facts: list[Fact], rule: str, tenant: str = "initech") -> set[Verdict]:
    accounts = {*scope.google_platform, *(scope.accounts_of(tenant) if tenant != "platform" else ())}
    graph = Graph([fact for fact in facts if fact.account in accounts])
    return {result.status for result in judge_google(scope, tenant, graph, [rule_of(rule)], "2026-11-23")}


def test_everything_was_read(facts):
    assert [fact for fact in facts if fact.status is not Status.OK] == []
    assert {fact.api for fact in facts} >= {"cloudasset:ListAssets", "cloudkms:GetCryptoKey", "iam:ListDenyPolicies"}


@pytest.mark.parametrize("rule", JUDGED)
def test_every_rule_passes_on_what_the_stacks_deploy(scope, facts, rule):
    about = rule_of(rule).about.value
    verdicts = set()
    for tenant in ("initech", "platform"):
        if about in ("both", "tenant" if tenant == "initech" else "platform"):
            verdicts |= judged(scope, facts, rule, tenant)
    assert verdicts == {Verdict.PASS}


@pytest.mark.parametrize("rule", [rule for rule in JUDGED if rule_of(rule).needs])
def test_no_rule_is_green_where_nothing_could_be_read(scope, facts, rule):
    denied = [
        replace(f, status=Status.DENIED, response=None, error={"code": "PERMISSION_DENIED", "message": ""})
        for f in facts
    ]
    tenant = "platform" if rule_of(rule).about.value == "platform" else "initech"
    assert judged(scope, denied, rule, tenant) == {Verdict.INDETERMINATE}


Change = Callable[[dict[str, Any]], None]


def data(type_: str, change: Callable[[dict[str, Any]], Any]) -> Change:
    """Changes the REST data of every asset of a type."""

    def apply(entry: dict[str, Any]) -> None:
        if entry.get("assetType") == type_ and "resource" in entry:
            change(entry["resource"]["data"])

    return apply


def grant(type_: str, role: str, member: str) -> Change:
    """Adds a binding to every policy of a type."""

    def apply(entry: dict[str, Any]) -> None:
        if entry.get("assetType") == type_ and "iamPolicy" in entry:
            entry["iamPolicy"].setdefault("bindings", []).append({"role": role, "members": [member]})

    return apply


def perimeter(change: Callable[[dict[str, Any]], Any]) -> Change:
    def apply(entry: dict[str, Any]) -> None:
        if "servicePerimeter" in entry:
            change(entry["servicePerimeter"])

    return apply


def unset(constraint: str) -> Change:
    """Takes the rules out of an organisation policy."""

    def apply(entry: dict[str, Any]) -> None:
        if entry.get("assetType") == "orgpolicy.googleapis.com/Policy" and entry["name"].endswith(f"/{constraint}"):
            entry["resource"]["data"]["spec"]["rules"] = []

    return apply


def setter(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda held: held.update(values)


def status(**values: Any) -> Change:
    return perimeter(lambda held: held["status"].update(values))


def metadata(key: str, value: str) -> Change:
    def change(held: dict[str, Any]) -> None:
        items = held["properties"]["metadata"]["items"]
        items[:] = [item for item in items if item["key"] != key] + [{"key": key, "value": value}]

    return data(TEMPLATE, change)


def machine(**values: Any) -> Change:
    return data(TEMPLATE, lambda held: held["properties"].update(values))


BREAKS: dict[str, Change] = {
    "keys.gcp-rotation": data(KEY, lambda held: held.pop("rotationPeriod")),
    "keys.gcp-hardware": data(KEY, lambda held: held["versionTemplate"].update(protectionLevel="SOFTWARE")),
    "keys.gcp-material": data(KEY, setter(importOnly=True)),
    "keys.gcp-destruction": data(KEY, setter(destroyScheduledDuration="86400s")),
    "keys.gcp-exists": data(KEY, lambda held: held.update(name=held["name"] + "-old")),
    "keys.gcp-attested": grant(KEY, "roles/cloudkms.cryptoKeyDecrypter", STRANGER),
    "keys.gcp-separation": lambda entry: (
        grant(KEY, "roles/cloudkms.admin", STRANGER)(entry),
        grant(KEY, "roles/cloudkms.cryptoKeyDecrypter", STRANGER)(entry),
    )[0],
    "keys.gcp-inherited": grant(PROJECT, "roles/cloudkms.cryptoKeyDecrypter", STRANGER),
    "keys.gcp-public": grant(KEY, "roles/cloudkms.viewer", "allUsers"),
    "keys.gcp-release": data(PROVIDER, setter(attributeCondition='assertion.swname == "CONFIDENTIAL_SPACE"')),
    "keys.gcp-federation": lambda entry: (
        entry.update(name=entry["name"] + "-github") if entry.get("assetType") == PROVIDER else None
    ),
    "perimeter.gcp-enforced": status(resources=[]),
    "perimeter.gcp-services": status(restrictedServices=["cloudkms.googleapis.com"]),
    "perimeter.gcp-openings": status(
        ingressPolicies=[{"ingressFrom": {"identityType": "ANY_IDENTITY"}, "ingressTo": {"resources": ["*"]}}]
    ),
    "perimeter.gcp-bridge": perimeter(setter(perimeterType="PERIMETER_TYPE_BRIDGE")),
    "perimeter.gcp-no-keys": unset("iam.disableServiceAccountKeyCreation"),
    "perimeter.gcp-buckets": unset("storage.publicAccessPrevention"),
    "perimeter.gcp-transport": unset("storage.secureHttpTransport"),
    "perimeter.gcp-machines": unset("compute.requireShieldedVm"),
    "perimeter.gcp-no-internet": unset("compute.vmExternalIpAccess"),
    "perimeter.gcp-locations": unset("gcp.resourceLocations"),
    "perimeter.gcp-members": unset("iam.allowedPolicyMemberDomains"),
    "perimeter.gcp-own-keys": unset("gcp.restrictCmekCryptoKeyProjects"),
    "storage.gcp-exists": data(BUCKET, lambda held: held.update(name=held["name"] + "-old")),
    "storage.gcp-uniform": data(BUCKET, lambda held: held["iamConfiguration"]["uniformBucketLevelAccess"].clear()),
    "storage.gcp-prevention": data(
        BUCKET, lambda held: held["iamConfiguration"].update(publicAccessPrevention="inherited")
    ),
    "storage.gcp-public": grant(BUCKET, "roles/storage.objectViewer", "allAuthenticatedUsers"),
    "storage.gcp-basic-roles": grant(BUCKET, "roles/storage.legacyBucketReader", "projectViewer:bh-initech"),
    "storage.gcp-key": data(BUCKET, lambda held: held.pop("encryption")),
    "storage.gcp-ledger": data(BUCKET, lambda held: held.pop("retentionPolicy", None)),
    "network.gcp-peering": data("compute.googleapis.com/Network", setter(peerings=[{"network": "other"}])),
    "network.gcp-routes": data("compute.googleapis.com/Route", setter(destRange="0.0.0.0/0")),
    "network.gcp-flow-logs": data("compute.googleapis.com/Subnetwork", lambda held: held.pop("logConfig")),
    "network.gcp-private": data("compute.googleapis.com/Subnetwork", setter(privateIpGoogleAccess=False)),
    "network.gcp-own": data("compute.googleapis.com/Network", setter(autoCreateSubnetworks=True)),
    "node.gcp-confidential": machine(confidentialInstanceConfig={}),
    "node.gcp-shielded": machine(shieldedInstanceConfig={"enableSecureBoot": False}),
    "node.gcp-no-address": machine(networkInterfaces=[{"accessConfigs": [{"type": "ONE_TO_ONE_NAT"}]}]),
    "node.gcp-closed": metadata("serial-port-enable", "true"),
    "node.gcp-image": metadata("tee-image-reference", "us-docker.pkg.dev/x/y/z:latest"),
    "node.gcp-identity": machine(serviceAccounts=[{"email": "other@bh-initech.iam.gserviceaccount.com"}]),
    "node.gcp-disks": data(TEMPLATE, lambda held: held["properties"]["disks"][0].pop("diskEncryptionKey")),
    "identity.gcp-basic-roles": grant(PROJECT, "roles/editor", STRANGER),
    "identity.gcp-public": grant(PROJECT, "roles/browser", "allUsers"),
    "identity.gcp-impersonation": grant(ACCOUNT, "roles/iam.serviceAccountTokenCreator", STRANGER),
    "audit.gcp-data-access": lambda entry: entry.get("iamPolicy", {}).pop("auditConfigs", None),
    "audit.gcp-sinks": data("logging.googleapis.com/LogSink", setter(destination="storage.googleapis.com/elsewhere")),
    "audit.gcp-foreign-sinks": data(
        "logging.googleapis.com/LogSink", setter(destination="storage.googleapis.com/elsewhere")
    ),
    "data.gcp-retention-enforced": data(BUCKET, lambda held: held.pop("lifecycle", None)),
    "data.gcp-labels": data(BUCKET, lambda held: held["labels"].update(tenant="acme")),
}


@pytest.mark.parametrize("rule", sorted(BREAKS))
def test_each_rule_fails_on_what_breaks_it(scope, facts, rule):
    broken = []
    for fact in facts:
        if fact.api == "cloudasset:ListAssets":
            response = copy.deepcopy(fact.response)
            for entry in response["assets"]:
                BREAKS[rule](entry)
            fact = replace(fact, response=response)  # noqa: PLW2901 - the changed one
        broken.append(fact)
    assert Verdict.FAIL in judged(scope, broken, rule)


def answering(api: str, member: str, value: Any) -> Callable[[Fact], Fact]:
    return lambda fact: replace(fact, response={member: value}) if fact.api == api else fact


ANSWERS: dict[str, tuple[str, str, Any]] = {
    "perimeter.gcp-boundary": ("iam:ListPolicyBindings", "policyBindings", []),
    "perimeter.gcp-denied": ("iam:ListDenyPolicies", "policies", []),
    "identity.gcp-account-keys": (
        "iam:ListServiceAccountKeys",
        "keys",
        [{"name": "projects/p/serviceAccounts/a/keys/1", "keyType": "USER_MANAGED"}],
    ),
    "identity.gcp-just-in-time": ("privilegedaccessmanager:ListEntitlements", "entitlements", []),
    "budget.gcp-budget": ("billingbudgets:ListBudgets", "budgets", []),
    "budget.gcp-quota": ("cloudquotas:ListQuotaPreferences", "quotaPreferences", []),
}


@pytest.mark.parametrize("rule", sorted(ANSWERS))
def test_each_rule_fails_on_the_answer_that_breaks_it(scope, facts, rule):
    change = answering(*ANSWERS[rule])
    assert Verdict.FAIL in judged(scope, [change(fact) for fact in facts], rule)


def test_the_platforms_stores_must_be_locked(scope, facts):
    for rule, type_, member in (
        ("audit.gcp-locked", "logging.googleapis.com/LogBucket", "locked"),
        ("audit.gcp-store", BUCKET, "retentionPolicy"),
    ):
        broken = []
        for fact in facts:
            response = copy.deepcopy(fact.response)
            for entry in response.get("assets", []):
                data(type_, lambda held, name=member: held.pop(name, None))(entry)
            broken.append(replace(fact, response=response))
        assert Verdict.FAIL in judged(scope, broken, rule, "platform")


def test_another_tenants_principal_on_a_bucket_is_found(scope, facts):
    other = replace(scope.google.tenants[0], id="hooli", project="bh-hooli", key_project="bh-hooli-keys",
                    project_number="1", key_project_number="2", group_prefix="bh-hooli-")  # fmt: skip
    wider = replace(scope, google=replace(scope.google, tenants=(*scope.google.tenants, other)))
    change = grant(
        BUCKET, "roles/storage.objectViewer", "serviceAccount:hooli-trainer@bh-hooli.iam.gserviceaccount.com"
    )
    broken = []
    for fact in facts:
        response = copy.deepcopy(fact.response)
        for entry in response.get("assets", []):
            change(entry)
        broken.append(replace(fact, response=response))
    assert judged(wider, facts, "storage.gcp-foreign") == {Verdict.PASS}
    assert Verdict.FAIL in judged(wider, broken, "storage.gcp-foreign")


def test_a_shared_snapshot_is_found(scope, facts):
    listing = next(
        f
        for f in facts
        if f.params.get("contentType") == "IAM_POLICY" and f.account == scope.google.tenants[0].project_number
    )
    shared = {
        "name": "//compute.googleapis.com/projects/bh-initech/global/snapshots/s",
        "assetType": "compute.googleapis.com/Snapshot",
        "ancestors": [],
        "iamPolicy": {"bindings": [{"role": "roles/compute.storageAdmin", "members": [STRANGER]}]},
    }
    changed = replace(listing, response={"assets": [*listing.response["assets"], shared]})
    assert Verdict.FAIL in judged(scope, [changed if f is listing else f for f in facts], "sharing.gcp-disks")


NAMED: dict[str, Callable[[dict[str, Any]], str]] = {
    "google_storage_bucket": lambda held: str(held["name"]),
    "google_compute_network": lambda held: f"projects/bh-initech/global/networks/{held['name']}",
    "google_service_account": lambda held: (
        f"projects/bh-initech/serviceAccounts/{held['account_id']}@bh-initech.iam.gserviceaccount.com"
    ),
}
"""The provider's id of what the stacks name in plain words."""


def test_terraforms_state_of_the_stacks_is_what_the_inventory_lists(scope, facts, tmp_path):
    own = scope.google.tenants[0]
    found = judged_by_state(scope, facts, tmp_path, {})
    assert {kind: found[kind] for kind in NAMED} == dict.fromkeys(NAMED, Verdict.PASS)
    assert {kind: judged_by_state(scope, facts, tmp_path, {kind: "another"})[kind] for kind in NAMED} == dict.fromkeys(
        NAMED, Verdict.FAIL
    )
    assert own.project == "bh-initech"


def judged_by_state(scope, facts, folder, more: dict[str, str]) -> dict[str, Verdict]:
    """Verdict by Terraform's type in the tenant's project, with a state that the stacks' own names make."""
    (own,) = (tenant for tenant in scope.google.tenants if tenant.id == "initech")
    infos = synthesise(mixed_fleet(), "local", ["initech"], folder / "synth", "http://127.0.0.1:1")
    bodies = [
        json.loads((folder / "synth" / "stacks" / i.name / "cdk.tf.json").read_text())
        for i in infos
        if i.name.startswith("initech-")
    ]
    ids = [
        (kind, NAMED[kind](held))
        for body in bodies
        for kind, named in body["resource"].items()
        if kind in NAMED
        for held in named.values()
        if held["project"] == own.project
    ]
    resources = [
        {"mode": "managed", "type": kind, "instances": [{"attributes": {"id": one, "project": own.project}}]}
        for kind, one in (*ids, *more.items())
    ]
    (folder / "initech.tfstate").write_text(json.dumps({"version": 4, "resources": resources}))
    told = [*facts, *state_facts(folder, "us-east-1", {own.project: own.project_number})]
    accounts = {*scope.google_platform, *scope.accounts_of("initech")}
    graph = Graph([fact for fact in told if fact.account in accounts])
    results = judge_google(scope, "initech", graph, [rule_of("coverage.gcp-reconciled")], "2026-11-23")
    return {result.resource.split()[0]: result.status for result in results}


def test_every_rule_has_a_break():
    elsewhere = {
        "data.gcp-retention-within-class",
        "audit.gcp-locked",
        "audit.gcp-store",
        "storage.gcp-foreign",
        "sharing.gcp-disks",
        "coverage.gcp-complete",  # what could not be read is indeterminate, never a failure
        "coverage.gcp-reconciled",
    }
    assert {*BREAKS, *ANSWERS, *elsewhere} == {rule.id for rule in GOOGLE_RULES}
