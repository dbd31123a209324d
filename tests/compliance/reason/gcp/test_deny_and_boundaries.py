"""Deny policies, principal access boundaries, organisation policies and access control lists."""

# ruff: noqa: E501 -- a case of a table reads best on one line

import pytest

from tests.compliance.reason.gcp.support import (
    ACCOUNT,
    ADA,
    ANONYMOUS,
    BUCKET,
    FOREIGN,
    NODE,
    POOL,
    TRAINER,
    at,
    bind,
    decision,
    deny,
)

OPEN = [at("projects/10", bind("allUsers", role="roles/storage.admin"))]
ALL = "principalSet://goog/public:all"


def test_deny_wins_over_allow():
    assert decision(allowPolicies=OPEN) == "allowed"
    assert decision(allowPolicies=OPEN, denyPolicies=[deny(ALL)]) == "denied"


@pytest.mark.parametrize(
    ("principals", "expected"),
    [
        (["principal://goog/subject/ada@example.com"], "denied"),
        (["principal://goog/subject/bob@example.com"], "allowed"),
        (["principalSet://goog/group/unknown@example.com"], "indeterminate"),
        (["principalSet://goog/cloudIdentityCustomerId/C1"], "indeterminate"),
        ([f"principalSet://iam.googleapis.com/{POOL}/*"], "allowed"),
    ],
)
def test_denied_principals(principals, expected):
    assert decision(allowPolicies=OPEN, denyPolicies=[deny(*principals)]) == expected


def test_exception_principal_is_not_denied():
    rule = deny(ALL, exceptionPrincipals=["principal://goog/subject/ada@example.com"])
    assert decision(ADA, allowPolicies=OPEN, denyPolicies=[rule]) == "allowed"
    assert decision(TRAINER, allowPolicies=OPEN, denyPolicies=[rule]) == "denied"


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        (["storage.googleapis.com/objects.get"], "denied"),
        (["storage.googleapis.com/objects.*"], "denied"),
        (["storage.googleapis.com/*.*"], "denied"),
        (["storage.googleapis.com/*.get"], "denied"),
        (["storage.googleapis.com/buckets.get"], "allowed"),
        (["compute.googleapis.com/*.*"], "allowed"),
    ],
)
def test_denied_permissions(permissions, expected):
    assert decision(allowPolicies=OPEN, denyPolicies=[deny(ALL, permissions=permissions)]) == expected


def test_exception_permission_is_not_denied():
    rule = deny(
        ALL, permissions=["storage.googleapis.com/*.*"], exceptionPermissions=["storage.googleapis.com/objects.get"]
    )
    assert decision(allowPolicies=OPEN, denyPolicies=[rule]) == "allowed"
    assert decision(permission="storage.objects.list", allowPolicies=OPEN, denyPolicies=[rule]) == "denied"


def test_deny_policies_call_the_resource_manager_by_its_host():
    owner = [at("projects/10", bind(ADA, role="roles/owner"))]
    name = "//cloudresourcemanager.googleapis.com/projects/10"
    rule = deny(ALL, permissions=["cloudresourcemanager.googleapis.com/projects.setIamPolicy"])
    question = {"permission": "resourcemanager.projects.setIamPolicy", "on": name, "allowPolicies": owner}
    assert decision(**question) == "allowed"
    assert decision(**question, denyPolicies=[rule]) == "denied"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('resource.matchTag("1/env", "prod")', "denied"),
        ('resource.matchTag("1/env", "test")', "allowed"),
        ('!resource.matchTag("1/env", "test")', "denied"),
        ("resource.nosuch", "denied"),
    ],
)
def test_denial_condition_and_one_that_cannot_be_evaluated(condition, expected):
    rule = deny(ALL, denialCondition={"expression": condition})
    assert decision(allowPolicies=OPEN, denyPolicies=[rule], tags={"1/env": "prod"}) == expected


def boundary(principal_set, *resources, when=None):
    condition = {} if when is None else {"condition": {"expression": when}}
    policy = {"details": {"rules": [{"resources": list(resources), "effect": "ALLOW"}], "enforcementVersion": "3"}}
    return {"policy": policy, "binding": {"target": {"principalSet": principal_set}} | condition}


HOST = "//cloudresourcemanager.googleapis.com/"
GLOBEX = f"{HOST}projects/globex"


@pytest.mark.parametrize(
    ("caller", "boundaries", "expected"),
    [
        (FOREIGN, [boundary(GLOBEX, f"{HOST}projects/globex")], "denied"),
        (FOREIGN, [boundary(GLOBEX, f"{HOST}organizations/1")], "allowed"),
        (FOREIGN, [boundary(GLOBEX, f"{HOST}projects/acme")], "allowed"),
        (FOREIGN, [boundary(GLOBEX, f"{HOST}projects/x"), boundary(GLOBEX, f"{HOST}folders/2")], "allowed"),
        (TRAINER, [boundary(GLOBEX, f"{HOST}projects/globex")], "indeterminate"),
        ({"member": TRAINER, "ancestors": ["projects/10"]}, [boundary(GLOBEX, f"{HOST}projects/globex")], "allowed"),
        (ADA, [boundary(GLOBEX, f"{HOST}projects/globex")], "allowed"),
        (NODE, [boundary(f"//iam.googleapis.com/{POOL}", f"{HOST}projects/99")], "denied"),
        (NODE, [boundary(f"//iam.googleapis.com/{POOL}", f"{HOST}projects/10")], "allowed"),
        (FOREIGN, [boundary(GLOBEX, f"{HOST}projects/9", when="principal.subject.startsWith('other')")], "allowed"),
        (FOREIGN, [boundary(GLOBEX, f"{HOST}projects/9", when="principal.type == 'iam.googleapis.com/ServiceAccount'")], "denied"),
    ],
)  # fmt: skip
def test_principal_access_boundary(caller, boundaries, expected):
    assert decision(caller, allowPolicies=OPEN, principalAccessBoundaries=boundaries) == expected


def constraints(*policies):
    return [{"level": f"level-{i}", "policies": [policy]} for i, policy in enumerate(policies)]


def enforced(name, value=True):
    return {"name": f"projects/10/policies/{name}", "spec": {"rules": [{"enforce": value}]}}


def v1(name, value=True):
    return {"constraint": f"constraints/{name}", "booleanPolicy": {"enforced": value}}


KEYS = "iam.disableServiceAccountKeyCreation"


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], "allowed"),
        ([enforced(KEYS)], "denied"),
        ([v1(KEYS)], "denied"),
        ([enforced("iam.managed.disableServiceAccountKeyCreation")], "denied"),
        ([v1(KEYS), v1(KEYS, value=False)], "allowed"),
        ([v1(KEYS, value=False), v1(KEYS)], "denied"),
        ([v1(KEYS), {"constraint": f"constraints/{KEYS}", "restoreDefault": {}}], "allowed"),
        ([v1("iam.disableServiceAccountCreation")], "allowed"),
    ],
)
def test_service_account_keys_constraint_and_its_inheritance(policies, expected):
    allow = [at("projects/10", bind(ADA, role="roles/iam.serviceAccountKeyAdmin"))]
    question = {"permission": "iam.serviceAccountKeys.create", "on": ACCOUNT, "allowPolicies": allow}
    assert decision(**question, organizationPolicies=constraints(*policies)) == expected


def services(**values):
    return {"constraint": "constraints/gcp.restrictServiceUsage", "listPolicy": values}


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([services(allowedValues=["storage.googleapis.com"])], "allowed"),
        ([services(allowedValues=["compute.googleapis.com"])], "denied"),
        ([services(deniedValues=["storage.googleapis.com"])], "denied"),
        ([services(allValues="DENY")], "denied"),
        ([services(allValues="DENY"), services(allowedValues=["storage.googleapis.com"])], "allowed"),
        ([services(deniedValues=["storage.googleapis.com"]), services(allowedValues=["storage.googleapis.com"], inheritFromParent=True)], "denied"),
    ],
)  # fmt: skip
def test_restricted_service_usage_and_merging(policies, expected):
    assert decision(allowPolicies=OPEN, organizationPolicies=constraints(*policies)) == expected


def test_constraint_conditional_on_a_tag():
    rules = [
        {"enforce": True, "condition": {"expression": 'resource.matchTag("1/env", "prod")'}},
        {"enforce": False},
    ]
    policy = {"name": f"projects/10/policies/{KEYS}", "spec": {"rules": rules}}
    allow = [at("projects/10", bind(ADA, role="roles/iam.serviceAccountKeyAdmin"))]
    question = {"permission": "iam.serviceAccountKeys.create", "on": ACCOUNT, "allowPolicies": allow}
    assert decision(**question, organizationPolicies=constraints(policy), tags={"1/env": "prod"}) == "denied"
    assert decision(**question, organizationPolicies=constraints(policy), tags={"1/env": "x"}) == "allowed"


def test_domain_restriction_keeps_everyone_out_of_new_bindings():
    policy = {"constraint": "constraints/iam.allowedPolicyMemberDomains", "listPolicy": {"allowedValues": ["C0abc"]}}
    question = {"permission": "storage.buckets.setIamPolicy", "on": BUCKET, "allowPolicies": OPEN}
    assert decision(**question, members=["allUsers"], organizationPolicies=constraints(policy)) == "denied"
    assert decision(**question, members=[ADA], organizationPolicies=constraints(policy)) == "indeterminate"


def test_public_access_prevention_silences_everyone_but_nobody_else():
    named = [at("projects/10", bind(ADA), bind("allUsers"))]
    prevention = constraints(v1("storage.publicAccessPrevention"))
    assert decision(ANONYMOUS, allowPolicies=named) == "allowed"
    assert decision(ANONYMOUS, allowPolicies=named, organizationPolicies=prevention) == "denied"
    assert decision(ADA, allowPolicies=named, organizationPolicies=prevention) == "allowed"
    on_bucket = {"uniformBucketLevelAccess": True, "publicAccessPrevention": "enforced"}
    assert decision(ANONYMOUS, allowPolicies=named, acl=on_bucket) == "denied"


def acl(uniform=False, **lists):
    return {"uniformBucketLevelAccess": uniform} | lists


@pytest.mark.parametrize(
    ("who", "permission", "lists", "expected"),
    [
        (ADA, "storage.objects.get", {"object": [{"entity": "user-ada@example.com", "role": "READER"}]}, "allowed"),
        (TRAINER, "storage.objects.get", {"object": [{"entity": f"user-{TRAINER[15:]}", "role": "READER"}]}, "allowed"),
        (ADA, "storage.objects.get", {"object": [{"entity": "domain-example.com", "role": "OWNER"}]}, "allowed"),
        (ADA, "storage.objects.get", {"bucket": [{"entity": "user-ada@example.com", "role": "READER"}]}, "denied"),
        (ADA, "storage.objects.list", {"bucket": [{"entity": "user-ada@example.com", "role": "READER"}]}, "allowed"),
        (ADA, "storage.objects.create", {"bucket": [{"entity": "user-ada@example.com", "role": "READER"}]}, "denied"),
        (ADA, "storage.objects.create", {"bucket": [{"entity": "user-ada@example.com", "role": "WRITER"}]}, "allowed"),
        (ADA, "storage.buckets.setIamPolicy", {"bucket": [{"entity": "user-ada@example.com", "role": "OWNER"}]}, "allowed"),
        (ANONYMOUS, "storage.objects.get", {"object": [{"entity": "allUsers", "role": "READER"}]}, "allowed"),
        (ANONYMOUS, "storage.objects.get", {"object": [{"entity": "allAuthenticatedUsers", "role": "READER"}]}, "denied"),
    ],
)  # fmt: skip
def test_access_control_lists(who, permission, lists, expected):
    assert decision(who, permission, acl=acl(**lists)) == expected
    assert decision(who, permission, acl=acl(uniform=True, **lists)) == "denied"


def test_team_of_the_project_in_a_list():
    lists = acl(object=[{"entity": "project-owners-10", "role": "READER"}])
    owners = [at("projects/10", bind(ADA, role="roles/owner"))]
    assert decision(ADA, allowPolicies=owners, acl=lists) == "allowed"
    assert decision(FOREIGN, allowPolicies=owners, acl=lists) == "denied"
