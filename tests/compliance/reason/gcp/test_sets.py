"""Principal sets, pools and boundaries: who is in them, and when that is not known."""

import pytest

from tests.compliance.reason.gcp.support import (
    ADA,
    ANCESTORS,
    NODE,
    POOL,
    TRAINER,
    at,
    bind,
    decision,
    deny,
)

ORGANISATION = "principalSet://cloudresourcemanager.googleapis.com/organizations/1"
OF_PROJECT = "principalSet://cloudresourcemanager.googleapis.com/projects/10"
AGENT = "serviceAccount:service-10@gcp-sa-storagetransfer.iam.gserviceaccount.com"
SET = f"principalSet://iam.googleapis.com/{POOL}"
CLUSTERS = "projects/10/locations/global/workloadIdentityPools/acme.svc.id.goog"
POD = f"principal://iam.googleapis.com/{CLUSTERS}/subject/ns/train/sa/w"
SHORT = "serviceAccount:acme.svc.id.goog[train/w]"


def granted(who, *members, **more):
    return decision(who=who, allowPolicies=[at("projects/10", bind(*members))], **more)


@pytest.mark.parametrize(
    ("who", "kind", "expected"),
    [
        (TRAINER, "ServiceAccount", "denied"),
        (TRAINER, "ServiceAgent", "allowed"),
        (AGENT, "ServiceAccount", "allowed"),
        (AGENT, "ServiceAgent", "denied"),
    ],
)
def test_service_agents_are_a_type_of_their_own(who, kind, expected):
    caller = {"member": who, "ancestors": ANCESTORS}
    assert granted(caller, who, denyPolicies=[deny(f"{OF_PROJECT}/type/{kind}")]) == expected


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (ADA, "indeterminate"),
        ({"member": ADA, "ancestors": ["organizations/1"]}, "allowed"),
        ({"member": ADA, "ancestors": ["organizations/2"]}, "denied"),
        (TRAINER, "indeterminate"),
        ({"member": TRAINER, "ancestors": ANCESTORS}, "allowed"),
    ],
)
def test_who_is_of_an_organisation_is_known_by_its_ancestors(caller, expected):
    assert granted(caller, ORGANISATION) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, "indeterminate"),
        ({"attributes": {}}, "denied"),
        ({"attributes": {"image": "sha256:1"}}, "allowed"),
        ({"attributes": {"image": "sha256:2"}}, "denied"),
    ],
)
def test_attributes_that_are_not_told_are_not_known(attributes, expected):
    assert granted({"member": NODE} | attributes, f"{SET}/attribute.image/sha256:1") == expected


def test_attributes_that_are_not_told_may_be_denied():
    denial = [deny(f"{SET}/attribute.image/sha256:1")]
    assert granted(NODE, NODE, denyPolicies=denial) == "indeterminate"
    told = {"member": NODE, "attributes": {"image": "sha256:2"}}
    assert granted(told, NODE, denyPolicies=denial) == "allowed"


@pytest.mark.parametrize(
    ("who", "member", "expected"),
    [
        (POD, SHORT, "allowed"),
        (SHORT, POD, "allowed"),
        (POD, "serviceAccount:acme.svc.id.goog[prod/w]", "denied"),
        (POD, "serviceAccount:other.svc.id.goog[train/w]", "denied"),
        (POD.replace("acme.svc.id.goog", "acme"), SHORT, "denied"),
        (POD, f"principalSet://iam.googleapis.com/{CLUSTERS}/namespace/train", "allowed"),
        (SHORT, f"principalSet://iam.googleapis.com/{CLUSTERS}/namespace/prod", "denied"),
    ],
)
def test_the_pool_of_a_projects_clusters_has_two_spellings(who, member, expected):
    assert granted(who, member) == expected


def confined(principal_set, *resources, when=None):
    node = "//cloudresourcemanager.googleapis.com/"
    rules = [{"resources": [f"{node}{resource}" for resource in resources], "effect": "ALLOW"}]
    condition = {"condition": {"expression": when}} if when else {}
    policy = {"details": {"rules": rules}}
    return [{"policy": policy, "binding": {"target": {"principalSet": principal_set}} | condition}]


WORKSPACE = "//iam.googleapis.com/locations/global/workspace/C01"


@pytest.mark.parametrize(
    ("customer", "expected"),
    [({}, "indeterminate"), ({"customer": "C01"}, "denied"), ({"customer": "C02"}, "allowed")],
)
def test_a_boundary_of_a_workspace_holds_its_users(customer, expected):
    bounds = confined(WORKSPACE, "projects/11")
    assert granted({"member": ADA} | customer, ADA, principalAccessBoundaries=bounds) == expected


@pytest.mark.parametrize(
    ("kind", "expected"), [("WorkloadPoolIdentity", "denied"), ("WorkforcePoolIdentity", "allowed")]
)
def test_a_boundary_may_ask_for_the_type_of_identity(kind, expected):
    bounds = confined(
        f"//iam.googleapis.com/{POOL}", "projects/11", when=f"principal.type == 'iam.googleapis.com/{kind}'"
    )
    assert granted(NODE, NODE, principalAccessBoundaries=bounds) == expected


def test_a_boundary_names_projects_by_id_or_number():
    caller = {"member": TRAINER, "ancestors": ANCESTORS}
    everyone = "//cloudresourcemanager.googleapis.com/organizations/1"
    for own, expected in (("projects/10", "allowed"), ("projects/acme", "allowed"), ("projects/11", "denied")):
        bounds = confined(everyone, own)
        assert granted(caller, TRAINER, principalAccessBoundaries=bounds) == expected


def test_the_first_of_a_month_is_a_date():
    rule = bind(ADA, when="request.time >= date('2026-11-01')")
    for day, expected in (("2026-11-01T00:00:00Z", "allowed"), ("2026-10-31T23:59:59Z", "denied")):
        context = {"request.time": day}
        assert decision(allowPolicies=[at("projects/10", rule)], context=context) == expected
