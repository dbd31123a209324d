"""VPC Service Controls: perimeters, bridges, access levels, ingress and egress rules."""

# ruff: noqa: E501 -- a case of a table reads best on one line

import pytest

from tests.compliance.reason.gcp.support import ADA, FOREIGN, TRAINER, at, bind, bridge, decision, perimeter

ALLOW = [at("projects/10", bind("allUsers", role="roles/storage.admin"))]
INSIDE = {"project": "projects/10", "network": "//compute.googleapis.com/projects/acme/global/networks/acme"}
ELSEWHERE = {"project": "projects/20", "network": "//compute.googleapis.com/projects/globex/global/networks/globex"}
INTERNET = {"ip": "203.0.113.9"}
LEVEL = "accessPolicies/9/accessLevels/corp"


def corp(**basic):
    return {"name": LEVEL, "basic": {"conditions": [{"ipSubnetworks": ["203.0.113.0/24"]}]} | basic}


def ingress(*, sources=None, identity="ANY_IDENTITY", identities=None, resources=("*",), operations=None, roles=None):
    start = {"sources": [{"accessLevel": "*"}] if sources is None else sources}
    start |= {"identities": identities} if identities else {"identityType": identity}
    end = {
        "resources": list(resources),
        "operations": operations or [{"serviceName": "storage.googleapis.com", "methodSelectors": [{"method": "*"}]}],
    }
    if roles:
        end = {"resources": list(resources), "roles": roles}
    return {"ingressFrom": start, "ingressTo": end}


def egress(*, identity="ANY_IDENTITY", resources=("*",), **more):
    start = {"identityType": identity} | more
    operations = [{"serviceName": "storage.googleapis.com", "methodSelectors": [{"method": "*"}]}]
    return {"egressFrom": start, "egressTo": {"resources": list(resources), "operations": operations}}


def through(source, *perimeters, who=ADA, levels=(), **more):
    more = {"allowPolicies": ALLOW} | more
    return decision(who, source=source, servicePerimeters=list(perimeters), accessLevels=list(levels), **more)


@pytest.mark.parametrize(("source", "expected"), [(INSIDE, "allowed"), (ELSEWHERE, "denied"), (INTERNET, "denied")])
def test_regular_perimeter_lets_in_only_its_own_networks(source, expected):
    assert through(source, perimeter("acme", "projects/10")) == expected
    assert through(source) == "allowed"


def test_perimeter_may_name_a_network_instead_of_a_project():
    own = perimeter("acme", "projects/10", ELSEWHERE["network"])
    assert through(ELSEWHERE, own) == "allowed"


def test_service_that_is_not_restricted_passes():
    assert (
        through(ELSEWHERE, perimeter("acme", "projects/10", restrictedServices=["cloudkms.googleapis.com"]))
        == "allowed"
    )


def test_project_outside_the_perimeter_is_not_protected():
    assert through(ELSEWHERE, perimeter("other", "projects/99")) == "allowed"


def test_dry_run_is_not_enforced():
    dry = perimeter("acme", "projects/10")
    assert through(ELSEWHERE, {"name": dry["name"], "spec": dry["status"], "useExplicitDryRunSpec": True}) == "allowed"


def test_bridge_joins_its_own_projects_only():
    acme, globex = perimeter("acme", "projects/10"), perimeter("globex", "projects/20")
    assert through(ELSEWHERE, acme, globex) == "denied"
    assert through(ELSEWHERE, acme, globex, bridge("projects/10", "projects/20")) == "allowed"
    assert through(ELSEWHERE, acme, globex, bridge("projects/10", "projects/30")) == "denied"
    assert through(INTERNET, acme, globex, bridge("projects/10", "projects/20")) == "denied"


@pytest.mark.parametrize(
    ("source", "levels", "expected"),
    [
        (INTERNET, [corp()], "allowed"),
        ({"ip": "198.51.100.1"}, [corp()], "denied"),
        (ELSEWHERE, [corp()], "denied"),
        ({}, [corp()], "indeterminate"),
        (INTERNET, [], "indeterminate"),
        (INTERNET, [{"name": LEVEL, "basic": {"conditions": [{"members": ["user:ada@example.com"]}]}}], "allowed"),
        (INTERNET, [{"name": LEVEL, "basic": {"conditions": [{"members": ["user:bob@example.com"]}]}}], "denied"),
        (INTERNET, [{"name": LEVEL, "basic": {"conditions": [{"ipSubnetworks": ["203.0.113.0/24"], "negate": True}]}}], "denied"),
        (INTERNET, [{"name": LEVEL, "basic": {"conditions": [{"regions": ["DE"]}]}}], "indeterminate"),
        (INTERNET | {"region": "DE"}, [{"name": LEVEL, "basic": {"conditions": [{"regions": ["DE"]}]}}], "allowed"),
        (INTERNET, [{"name": LEVEL, "custom": {"expr": {"expression": 'inIpRange(origin.ip, ["203.0.113.0/24"])'}}}], "allowed"),
        (INTERNET, [{"name": LEVEL, "custom": {"expr": {"expression": "device.encryption_status == 2"}}}], "indeterminate"),
        ({"ip": "198.51.100.1", "accessLevels": [LEVEL]}, [corp()], "allowed"),
        (INTERNET | {"accessLevels": []}, [corp()], "denied"),
    ],
)  # fmt: skip
def test_access_level_of_a_perimeter(source, levels, expected):
    assert through(source, perimeter("acme", "projects/10", accessLevels=[LEVEL]), levels=levels) == expected


def test_conditions_of_a_level_are_joined_by_and_or_or():
    both = [{"ipSubnetworks": ["203.0.113.0/24"]}, {"members": ["user:bob@example.com"]}]
    own = perimeter("acme", "projects/10", accessLevels=[LEVEL])
    assert through(INTERNET, own, levels=[corp(conditions=both)]) == "denied"
    assert through(INTERNET, own, levels=[corp(conditions=both, combiningFunction="OR")]) == "allowed"


def test_level_that_requires_itself_ends():
    circle = {"name": LEVEL, "basic": {"conditions": [{"requiredAccessLevels": [LEVEL]}]}}
    assert through(INTERNET, perimeter("acme", "projects/10", accessLevels=[LEVEL]), levels=[circle]) == "indeterminate"


@pytest.mark.parametrize(
    ("rule", "source", "who", "expected"),
    [
        (ingress(), INTERNET, ADA, "allowed"),
        (ingress(sources=[]), INTERNET, ADA, "denied"),
        (ingress(sources=[{"resource": "projects/20"}]), ELSEWHERE, ADA, "allowed"),
        (ingress(sources=[{"resource": "projects/30"}]), ELSEWHERE, ADA, "denied"),
        (ingress(sources=[{"resource": "projects/20"}]), INTERNET, ADA, "denied"),
        (ingress(sources=[{"resource": ELSEWHERE["network"]}]), ELSEWHERE, ADA, "allowed"),
        (ingress(sources=[{"accessLevel": LEVEL}]), INTERNET, ADA, "allowed"),
        (ingress(sources=[{"accessLevel": LEVEL}]), {"ip": "198.51.100.1"}, ADA, "denied"),
        (ingress(identity="ANY_USER_ACCOUNT"), INTERNET, ADA, "allowed"),
        (ingress(identity="ANY_USER_ACCOUNT"), INTERNET, TRAINER, "denied"),
        (ingress(identity="ANY_SERVICE_ACCOUNT"), INTERNET, TRAINER, "allowed"),
        (ingress(identity="IDENTITY_TYPE_UNSPECIFIED"), INTERNET, ADA, "denied"),
        (ingress(identities=[ADA]), INTERNET, ADA, "allowed"),
        (ingress(identities=[ADA]), INTERNET, FOREIGN, "denied"),
        (ingress(identities=["group:x@example.com"]), INTERNET, ADA, "indeterminate"),
        (ingress(resources=["projects/10"]), INTERNET, ADA, "allowed"),
        (ingress(resources=["projects/11"]), INTERNET, ADA, "denied"),
        (ingress(operations=[{"serviceName": "*"}]), INTERNET, ADA, "allowed"),
        (ingress(operations=[{"serviceName": "bigquery.googleapis.com", "methodSelectors": [{"method": "*"}]}]), INTERNET, ADA, "denied"),
        (ingress(operations=[{"serviceName": "storage.googleapis.com", "methodSelectors": [{"method": "google.storage.objects.get"}]}]), INTERNET, ADA, "allowed"),
        (ingress(operations=[{"serviceName": "storage.googleapis.com", "methodSelectors": [{"method": "google.storage.objects.create"}]}]), INTERNET, ADA, "denied"),
        (ingress(operations=[{"serviceName": "storage.googleapis.com", "methodSelectors": [{"permission": "storage.objects.get"}]}]), INTERNET, ADA, "allowed"),
        (ingress(operations=[{"serviceName": "storage.googleapis.com"}]), INTERNET, ADA, "denied"),
        (ingress(roles=["roles/storage.objectViewer"]), INTERNET, ADA, "allowed"),
        (ingress(roles=["roles/storage.objectCreator"]), INTERNET, ADA, "denied"),
    ],
)  # fmt: skip
def test_ingress_rule(rule, source, who, expected):
    own = perimeter("acme", "projects/10", ingressPolicies=[rule])
    assert through(source, own, who=who, levels=[corp()]) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (None, "denied"),
        (egress(), "allowed"),
        (egress(resources=["projects/10"]), "allowed"),
        (egress(resources=["projects/11"]), "denied"),
        (egress(identity="ANY_SERVICE_ACCOUNT"), "denied"),
        (egress(sourceRestriction="SOURCE_RESTRICTION_ENABLED", sources=[{"resource": "projects/20"}]), "allowed"),
        (egress(sourceRestriction="SOURCE_RESTRICTION_ENABLED", sources=[{"resource": "projects/21"}]), "denied"),
    ],
)
def test_egress_rule_of_the_perimeter_that_the_request_comes_from(rule, expected):
    """The target is in no perimeter; the network that asks is in one."""
    globex = perimeter("globex", "projects/20", egressPolicies=[rule] if rule else [])
    assert through(ELSEWHERE, globex) == expected


def test_crossing_two_perimeters_needs_both_rules():
    acme = perimeter("acme", "projects/10", ingressPolicies=[ingress(sources=[{"resource": "projects/20"}])])
    globex = perimeter("globex", "projects/20")
    assert through(ELSEWHERE, acme, globex) == "denied"
    assert through(ELSEWHERE, acme, perimeter("globex", "projects/20", egressPolicies=[egress()])) == "allowed"


def test_every_project_that_a_request_touches_is_asked():
    """A copy from acme's bucket to one of project 20, by somebody inside acme's perimeter."""
    acme = perimeter("acme", "projects/10")
    assert through(INSIDE, acme) == "allowed"
    assert through(INSIDE, acme, also=["projects/20"]) == "denied"
    out = perimeter("acme", "projects/10", egressPolicies=[egress(resources=["projects/20"])])
    assert through(INSIDE, out, also=["projects/20"]) == "allowed"
    assert through(INSIDE, out, perimeter("globex", "projects/20"), also=["projects/20"]) == "denied"


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [(["RESTRICTED-SERVICES"], "allowed"), (["storage.googleapis.com"], "allowed"), (["cloudkms.googleapis.com"], "denied"), ([], "denied")],
)  # fmt: skip
def test_vpc_accessible_services(allowed, expected):
    accessible = {"enableRestriction": True, "allowedServices": allowed}
    assert through(INSIDE, perimeter("acme", "projects/10", vpcAccessibleServices=accessible)) == expected
    off = accessible | {"enableRestriction": False}
    assert through(INSIDE, perimeter("acme", "projects/10", vpcAccessibleServices=off)) == "allowed"


def test_tokens_of_service_accounts_are_of_the_credentials_service():
    account = "//iam.googleapis.com/projects/acme/serviceAccounts/trainer@acme.iam.gserviceaccount.com"
    allow = [at("projects/10", bind(ADA, role="roles/iam.serviceAccountTokenCreator"))]
    asked = {"permission": "iam.serviceAccounts.getAccessToken", "on": account, "allowPolicies": allow}
    assert (
        through(INTERNET, perimeter("a", "projects/10", restrictedServices=["iam.googleapis.com"]), **asked)
        == "allowed"
    )
    own = perimeter("a", "projects/10", restrictedServices=["iamcredentials.googleapis.com"])
    assert through(INTERNET, own, **asked) == "denied"
