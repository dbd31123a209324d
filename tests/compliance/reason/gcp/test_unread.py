"""What is malformed is an error with its place; what is not told is not known. Neither passes for a decision."""

import pytest

from compliance.errors import ComplianceError
from compliance.reason.gcp import authorise, parse_question
from tests.compliance.reason.gcp.support import (
    ACCOUNT,
    ADA,
    ANCESTORS,
    GET,
    OBJECT,
    READER,
    ask,
    at,
    bind,
    decision,
    deny,
    perimeter,
)

OWN = [at("projects/10", bind(ADA))]
EVERYONE = "principalSet://goog/public:all"
GETS = ["storage.googleapis.com/objects.get"]
ORGANISATION = "//cloudresourcemanager.googleapis.com/organizations/1"
LISTED = {"object": [{"entity": "user-ada@example.com", "role": "READER"}]}
LEVELS = [{"name": "l", "basic": {"conditions": [{"ipSubnetworks": ["198.51.100.0/24"]}]}}]
OUTSIDE = {"ip": "198.51.100.7"}


def denial(**rule):
    return {"denyPolicies": [{"level": "o", "policies": [{"rules": [{"denyRule": rule}]}]}]}


def boundary(policy, binding):
    return {"principalAccessBoundaries": [{"policy": policy, "binding": binding}]}


def perimeters(**status):
    return {"servicePerimeters": [{"name": "p", "status": {"resources": ["projects/10"]} | status}]}


def ingress(**start):
    return perimeters(ingressPolicies=[{"ingressFrom": start, "ingressTo": {"resources": ["*"]}}])


@pytest.mark.parametrize(
    "documents",
    [
        denial(deniedPrincipal=[EVERYONE], deniedPermissions=GETS),
        denial(deniedPermissions=GETS),
        denial(deniedPrincipals=[EVERYONE]),
        denial(deniedPrincipals=[EVERYONE], deniedPermissions=GETS, denialConditions={"expression": "true"}),
        {"denyPolicies": [{"level": "o", "policies": [{"rule": []}]}]},
        {"allowPolicies": [at("p", {"role": READER, "members": [ADA], "conditions": {"expression": "false"}})]},
        {"allowPolicies": [at("p", {"role": READER, "member": [ADA]})]},
        {"allowPolicies": [{"level": "p", "policy": {"binding": [bind(ADA)]}}]},
        {"acl": LISTED | {"uniformBucketLevelAccess": "false"}},
        {"acl": LISTED | {"uniformBucketLevelaccess": True}},
        {"acl": LISTED | {"publicAccessPrevention": "on"}},
        boundary({"details": {"rules": []}}, {"target": {}}),
        boundary({"details": {"rule": []}}, {"target": {"principalSet": ORGANISATION}}),
        perimeters(restrictedService=["storage.googleapis.com"]),
        ingress(sources=[{"accesLevel": "*"}]),
        ingress(identity=[ADA]),
        perimeters(accessLevels=["l"]) | {"accessLevels": LEVELS, "source": {"ip": "here"}},
        {"organizationPolicies": [{"level": "o", "policies": [{"name": "x", "spec": {"rules": [{"enforced": 1}]}}]}]},
    ],
)  # fmt: skip
def test_a_part_that_would_be_overlooked_is_an_error(documents):
    with pytest.raises(ComplianceError) as error:
        parse_question(ask(**({"allowPolicies": OWN} | documents)))
    assert error.value.place.startswith("$.")


def test_the_same_parts_spelt_right_are_read():
    whole = denial(deniedPrincipals=[EVERYONE], deniedPermissions=GETS, denialCondition={"expression": "true"})
    assert decision(allowPolicies=OWN, **whole) == "denied"
    assert decision(acl=LISTED | {"uniformBucketLevelAccess": False}) == "allowed"
    assert decision(acl=LISTED | {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}) == "denied"


FENCED = [perimeter("p", "projects/10")]


def placed(resource, **more):
    request = {"permission": GET, "principal": ADA, "resource": {"name": OBJECT} | resource, "source": OUTSIDE}
    question = {"request": request, "allowPolicies": OWN, "servicePerimeters": FENCED} | more
    return authorise(*parse_question(question)).decision


def test_a_resource_whose_project_is_not_known_may_be_in_a_perimeter():
    assert placed({}) == "indeterminate"
    assert placed({"ancestors": ["projects/acme"]}) == "indeterminate"
    assert placed({"ancestors": ["projects/10"]}) == "denied"
    assert placed({"ancestors": ["projects/11"]}) == "allowed"
    assert placed({}, servicePerimeters=[]) == "allowed"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, "indeterminate"),
        (OUTSIDE, "denied"),
        ({"project": "projects/10"}, "allowed"),
        ({"project": "acme"}, "allowed"),
        ({"project": "globex"}, "indeterminate"),
        ({"network": "//compute.googleapis.com/projects/acme/global/networks/n"}, "allowed"),
    ],
)
def test_where_a_request_comes_from_is_not_guessed(source, expected):
    question = ask(allowPolicies=OWN, servicePerimeters=FENCED, source=source)
    assert authorise(*parse_question(question)).decision == expected


def test_a_request_from_nobody_knows_where_may_leave_a_perimeter():
    away = [perimeter("q", "projects/20")]
    assert decision(allowPolicies=OWN, servicePerimeters=away) == "indeterminate"
    assert decision(allowPolicies=OWN, servicePerimeters=away, source=OUTSIDE) == "allowed"


KEYS = {
    "permission": "iam.serviceAccountKeys.create",
    "on": ACCOUNT,
    "allowPolicies": [at("projects/10", bind(ADA, role="roles/iam.serviceAccountKeyAdmin"))],
}
CONSTRAINT = "policies/iam.disableServiceAccountKeyCreation"


def levels(**below):
    above = {"name": f"organizations/1/{CONSTRAINT}", "spec": {"rules": [{"enforce": True}]}}
    own = {"name": f"projects/10/{CONSTRAINT}"} | below
    return [{"level": "organizations/1", "policies": [above]}, {"level": "projects/10", "policies": [own]}]


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ({"dryRunSpec": {"rules": [{"enforce": False}]}}, "denied"),
        ({"spec": {"rules": [{"enforce": False}]}}, "allowed"),
        ({"spec": {"reset": True}}, "allowed"),
        ({}, "denied"),
    ],
)
def test_a_policy_that_is_only_tried_changes_nothing(below, expected):
    assert decision(**KEYS, organizationPolicies=levels(**below)) == expected


def test_unknown_names_that_cannot_matter_are_let_pass():
    policy = {"bindings": [bind(ADA)], "etag": "BwX", "version": 3, "auditConfigs": []}
    assert decision(allowPolicies=[{"level": "projects/10", "policy": policy}]) == "allowed"
    body = {"displayName": "d", "uid": "u", "kind": "DenyPolicy", "etag": "e", "createTime": "t"}
    refusing = deny(EVERYONE)
    refusing["policies"][0] |= body
    assert decision(allowPolicies=OWN, denyPolicies=[refusing]) == "denied"
    assert ANCESTORS[0] == "projects/10"
