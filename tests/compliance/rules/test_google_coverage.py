"""Google Cloud beside Terraform's state, and whether everything that was asked was answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compliance.collect.terraform import API, GLOBAL, state_facts
from compliance.facts.fact import Fact, Status
from compliance.graph import Graph
from compliance.results import Verdict
from compliance.rules.catalogue import rule_of
from compliance.rules.google.coverage import TYPES
from compliance.rules.runner import judge_google
from tests.leaks.google_clean import AUDIT, NUMBERS, ORGANISATION, GoogleState

NUMBER, KEYS_NUMBER = NUMBERS["initech"]
PROJECT, KEYS = "bh-initech", "bh-initech-keys"
PROJECTS = {PROJECT: NUMBER, KEYS: KEYS_NUMBER}
RING = f"projects/{KEYS}/locations/us-central1/keyRings/bh-initech"
POOL = "locations/global/workloadIdentityPools/initech-nodes"
TRAINER = "trainer@bh-initech.iam.gserviceaccount.com"

Known = dict[str, tuple[str, str, str, dict[str, Any]]]
SAME: Known = {
    "google_storage_bucket": (
        "bh-initech-data",
        NUMBER,
        "//storage.googleapis.com/bh-initech-data",
        {"name": "bh-initech-data"},
    ),
    "google_kms_crypto_key": (
        f"{RING}/cryptoKeys/data",
        KEYS_NUMBER,
        f"//cloudkms.googleapis.com/{RING}/cryptoKeys/data",
        {"name": f"{RING}/cryptoKeys/data", "primary": {"state": "ENABLED"}},
    ),
    "google_service_account": (
        f"projects/{PROJECT}/serviceAccounts/{TRAINER}",
        NUMBER,
        f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/1029384756",
        {"name": f"projects/{PROJECT}/serviceAccounts/{TRAINER}", "email": TRAINER},
    ),
    "google_iam_workload_identity_pool": (
        f"projects/{KEYS}/{POOL}",
        KEYS_NUMBER,
        f"//iam.googleapis.com/projects/{KEYS_NUMBER}/{POOL}",
        {"name": f"projects/{KEYS_NUMBER}/{POOL}", "state": "ACTIVE"},
    ),
    "google_iam_workload_identity_pool_provider": (
        f"projects/{KEYS}/{POOL}/providers/confidential-space",
        KEYS_NUMBER,
        f"//iam.googleapis.com/projects/{KEYS_NUMBER}/{POOL}/providers/confidential-space",
        {"name": f"projects/{KEYS_NUMBER}/{POOL}/providers/confidential-space", "state": "ACTIVE"},
    ),
}
SAME |= {
    kind: (f"projects/{PROJECT}/{path}", NUMBER, f"//{host}/projects/{PROJECT}/{path}", {"name": path.split("/")[-1]})
    for kind, host, path in (
        ("google_compute_network", "compute.googleapis.com", "global/networks/bh-initech"),
        ("google_compute_subnetwork", "compute.googleapis.com", "regions/us-central1/subnetworks/nodes"),
        ("google_compute_firewall", "compute.googleapis.com", "global/firewalls/inside"),
        ("google_compute_instance_template", "compute.googleapis.com", "global/instanceTemplates/node-1"),
        (
            "google_compute_instance_group_manager",
            "compute.googleapis.com",
            "zones/us-central1-a/instanceGroupManagers/nodes",
        ),
        ("google_logging_project_sink", "logging.googleapis.com", "sinks/audit"),
        ("google_logging_project_bucket_config", "logging.googleapis.com", "locations/us-central1/buckets/ledger"),
    )
}
"""By Terraform's type, one resource: its id in the state, its project, its name and data in Cloud Asset Inventory."""


def fact(api: str, account: str, params: dict[str, Any], response: Any, status: Status = Status.OK) -> Fact:
    error = None if status.read else {"code": str(status), "message": ""}
    return Fact(api, params, account, GLOBAL, "scan", "t0", "t1", status, response if status.read else None, error)


def listings(found: Known, *more: tuple[str, str, str, dict[str, Any]]) -> list[Fact]:
    """The inventory of both projects; `more` are (Terraform type, project, name, data)."""
    entries = [(kind, project, name, data) for kind, (_, project, name, data) in found.items()]
    return [
        fact(
            "cloudasset:ListAssets",
            number,
            {"contentType": "RESOURCE"},
            {
                "assets": [
                    {"name": name, "assetType": TYPES[kind], "ancestors": [], "resource": {"data": data}}
                    for kind, project, name, data in (*entries, *more)
                    if project == number
                ]
            },
        )
        for number in (NUMBER, KEYS_NUMBER)
    ]


def state(known: Known, **foreign: str) -> str:
    held = {kind: (one, {"project": PROJECT} if "/" not in one else {}) for kind, (one, *_) in known.items()}
    held |= {kind: (one, {}) for kind, one in foreign.items()}
    return json.dumps(
        {
            "version": 4,
            "resources": [
                {"mode": "managed", "type": kind, "instances": [{"attributes": {"id": one, **attributes}}]}
                for kind, (one, attributes) in held.items()
            ],
        }
    )


def judged(rule: str, facts: list[Fact], tenant: str = "initech") -> dict[str, Any]:
    scope = GoogleState().scope()
    return {
        " ".join(result.resource.split()[:1]) + "@" + result.resource.rpartition(" ")[2]: result
        for result in judge_google(scope, tenant, Graph(facts), [rule_of(f"coverage.gcp-{rule}")], "2026-11-23")
    }


def reconciled(folder, known: Known, facts: list[Fact]) -> dict[str, Any]:
    (folder / "initech.tfstate").write_text(state(known))
    return judged("reconciled", [*facts, *state_facts(folder, "us-east-1", PROJECTS)])


def test_every_type_is_tried():
    assert set(SAME) == set(TYPES)


def test_without_state_it_does_not_apply():
    assert {one.status for one in judged("reconciled", listings(SAME)).values()} == {Verdict.NOT_APPLICABLE}


def test_what_both_know_passes_however_each_api_names_it(tmp_path):
    found = reconciled(tmp_path, SAME, listings(SAME))
    assert {one.status for one in found.values()} == {Verdict.PASS}
    assert len(found) == 2 * len(TYPES)
    assert found[f"google_kms_crypto_key@{KEYS_NUMBER}"].reason == "1 in Terraform's state, 1 listed"


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_what_only_one_side_knows_is_a_finding(tmp_path, kind):
    one, project, *_ = SAME[kind]
    less = {name: held for name, held in SAME.items() if name != kind}
    gone = reconciled(tmp_path, SAME, listings(less))[f"{kind}@{project}"]
    stray = reconciled(tmp_path, less, listings(SAME))[f"{kind}@{project}"]
    assert (gone.status, stray.status) == (Verdict.FAIL, Verdict.FAIL)
    last = one.rpartition("/")[2]
    assert f"{last} exists; it does not" in gone.reason
    assert "Terraform does not know" in stray.reason
    assert last in stray.reason


@pytest.mark.parametrize(
    ("kind", "name", "data", "why"),
    [
        ("google_logging_project_sink", "sinks/_Default", {}, "made by Google with the project"),
        ("google_logging_project_bucket_config", "locations/global/buckets/_Required", {}, "made by Google with the"),
        (
            "google_service_account",
            "serviceAccounts/1",
            {
                "name": f"projects/{PROJECT}/serviceAccounts/{NUMBER}-compute@developer.gserviceaccount.com",
                "email": f"{NUMBER}-compute@developer.gserviceaccount.com",
            },
            "made by Google with a service",
        ),
        (
            "google_kms_crypto_key",
            "locations/us-central1/keyRings/bh-initech/cryptoKeys/old",
            {"primary": {"state": "DESTROY_SCHEDULED"}},
            "a key that cannot be deleted",
        ),
    ],
)
def test_what_google_makes_or_keeps_is_explained(tmp_path, kind, name, data, why):
    more = (kind, NUMBER, f"//x/projects/{PROJECT}/{name}", {"name": name, **data})
    result = reconciled(tmp_path, SAME, listings(SAME, more))[f"{kind}@{NUMBER}"]
    assert (result.status, why in result.reason) == (Verdict.PASS, True)


@pytest.mark.parametrize("going", [{"state": "DELETED"}, {"lifecycleState": "DELETE_REQUESTED"}])
def test_what_is_deleted_and_kept_for_some_days_is_gone(tmp_path, going):
    kind = "google_iam_workload_identity_pool"
    one, project, name, data = SAME[kind]
    deleted = listings({**SAME, kind: (one, project, name, data | going)})
    assert reconciled(tmp_path, SAME, deleted)[f"{kind}@{project}"].status is Verdict.FAIL
    less = {name: held for name, held in SAME.items() if name != kind}
    assert reconciled(tmp_path, less, deleted)[f"{kind}@{project}"].status is Verdict.PASS


def test_a_damaged_state_is_no_pass(tmp_path):
    (tmp_path / "initech.tfstate").write_text('{"version": 4, "resources": [{}]}')
    found = judged("reconciled", [*listings(SAME), *state_facts(tmp_path, "us-east-1", PROJECTS)])
    assert {one.status for one in found.values()} == {Verdict.INDETERMINATE}


def test_an_unread_inventory_is_no_pass(tmp_path):
    denied = [fact("cloudasset:ListAssets", one.account, one.params, None, Status.DENIED) for one in listings(SAME)]
    assert {one.status for one in reconciled(tmp_path, SAME, denied).values()} == {Verdict.INDETERMINATE}


def test_a_file_of_one_cloud_is_no_fact_of_the_other_and_strangers_are_left_out(tmp_path):
    (tmp_path / "initech.tfstate").write_text(state(SAME, google_kms_key_ring="projects/bh-hooli-keys/locations/x/y"))
    found = list(state_facts(tmp_path, "us-east-1", PROJECTS))
    assert {(one.api, one.account, one.region) for one in found} == {
        (API, NUMBER, GLOBAL),
        (API, KEYS_NUMBER, GLOBAL),
    }
    assert "hooli" not in json.dumps([one.response for one in found])
    assert list(state_facts(tmp_path, "us-east-1")) == []


def complete(*facts: Fact, tenant: str = "initech") -> Any:
    (found,) = judged("complete", list(facts), tenant).values()
    return found


def test_everything_answered_is_complete():
    assert complete(*listings(SAME)).status is Verdict.PASS


def test_the_platform_is_its_organisation_and_its_audit_project():
    asked = [fact("cloudasset:ListAssets", a, {"contentType": "RESOURCE"}, {}) for a in (ORGANISATION, AUDIT)]
    assert complete(*asked, tenant="platform").status is Verdict.PASS
    for missing in asked:
        found = complete(*(one for one in asked if one is not missing), tenant="platform")
        assert (found.status, missing.account in found.reason) == (Verdict.INDETERMINATE, True)


@pytest.mark.parametrize("status", [one for one in Status if not one.read and one is not Status.UNIMPLEMENTED])
def test_a_call_without_an_answer_is_named(status):
    found = complete(*listings(SAME), fact("cloudquotas:ListQuotaPreferences", NUMBER, {}, None, status))
    assert found.status is Verdict.INDETERMINATE
    assert f"cloudquotas:ListQuotaPreferences ({status})" in found.reason


def test_what_the_endpoint_does_not_have_is_for_the_coverage_to_say():
    missing = fact("cloudquotas:ListQuotaPreferences", NUMBER, {}, None, Status.UNIMPLEMENTED)
    assert complete(*listings(SAME), missing).status is Verdict.PASS


def test_another_tenants_denied_call_is_not_ones_own():
    other = fact("cloudquotas:ListQuotaPreferences", NUMBERS["hooli"][0], {}, None, Status.DENIED)
    assert complete(*listings(SAME), other).status is Verdict.PASS
