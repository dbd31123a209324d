"""Allow policies: inheritance, members, roles, conditions."""

# ruff: noqa: E501 -- a case of a table reads best on one line

import pytest

from tests.compliance.reason.gcp.support import (
    ADA,
    ANONYMOUS,
    BUCKET,
    FOREIGN,
    NODE,
    OBJECT,
    POOL,
    TRAINER,
    at,
    bind,
    decision,
)


@pytest.mark.parametrize("level", ["organizations/1", "folders/2", "projects/10", BUCKET])
def test_a_binding_of_any_level_allows(level):
    assert decision(allowPolicies=[at(level, bind(ADA))]) == "allowed"
    assert decision(allowPolicies=[at(level, bind(FOREIGN))]) == "denied"


def test_nothing_allows_without_a_binding():
    assert decision() == "denied"
    assert decision(allowPolicies=[at("projects/10")]) == "denied"


@pytest.mark.parametrize(
    ("member", "caller", "expected"),
    [
        ("allUsers", ANONYMOUS, "allowed"),
        ("allUsers", ADA, "allowed"),
        ("allAuthenticatedUsers", ANONYMOUS, "denied"),
        ("allAuthenticatedUsers", ADA, "allowed"),
        ("allAuthenticatedUsers", TRAINER, "allowed"),
        ("allAuthenticatedUsers", NODE, "denied"),
        ("user:ADA@Example.com", ADA, "allowed"),
        ("user:trainer@acme.iam.gserviceaccount.com", TRAINER, "denied"),
        ("domain:example.com", ADA, "allowed"),
        ("domain:sub.example.com", ADA, "denied"),
        ("domain:acme.iam.gserviceaccount.com", TRAINER, "denied"),
        ("deleted:user:ada@example.com?uid=123", ADA, "denied"),
        (f"deleted:{TRAINER}?uid=1", TRAINER, "denied"),
        ("principal://goog/subject/ada@example.com", ADA, "allowed"),
        ("principal://iam.googleapis.com/projects/-/serviceAccounts/trainer@acme.iam.gserviceaccount.com", TRAINER, "allowed"),
        ("principalSet://goog/public:all", ANONYMOUS, "allowed"),
        (NODE, NODE, "allowed"),
        (NODE.replace("node-1", "node-2"), NODE, "denied"),
        (f"principalSet://iam.googleapis.com/{POOL}/*", NODE, "allowed"),
        (f"principalSet://iam.googleapis.com/{POOL.replace('10', '11')}/*", NODE, "denied"),
        ("principalSet://cloudresourcemanager.googleapis.com/projects/10", ADA, "denied"),
        ("principalSet://cloudresourcemanager.googleapis.com/projects/acme", TRAINER, "allowed"),
    ],
)  # fmt: skip
def test_member_names_caller(member, caller, expected):
    assert decision(caller, allowPolicies=[at("projects/10", bind(member))]) == expected


def test_federated_identity_is_named_by_the_attributes_its_provider_mapped():
    member = f"principalSet://iam.googleapis.com/{POOL}/attribute.image/sha256:1"
    policies = [at("projects/10", bind(member))]
    mapped = {"member": NODE, "attributes": {"image": "sha256:1"}}
    assert decision(mapped, allowPolicies=policies) == "allowed"
    assert decision({"member": NODE, "attributes": {"image": "sha256:2"}}, allowPolicies=policies) == "denied"


def test_kubernetes_service_account_is_a_subject_of_its_projects_pool():
    member = "serviceAccount:acme.svc.id.goog[training/job]"
    assert decision(member, allowPolicies=[at("projects/10", bind(member))]) == "allowed"
    other = "serviceAccount:acme.svc.id.goog[training/other]"
    assert decision(other, allowPolicies=[at("projects/10", bind(member))]) == "denied"


def test_group_by_nesting_by_the_callers_own_list_and_unknown():
    policies = [at("projects/10", bind("group:readers@example.com"))]
    nested = {"readers@example.com": ["group:inner@example.com"], "inner@example.com": [ADA]}
    assert decision(allowPolicies=policies, groups=nested) == "allowed"
    assert decision(FOREIGN, allowPolicies=policies, groups=nested) == "denied"
    assert decision(allowPolicies=policies) == "indeterminate"
    assert decision({"member": ADA, "groups": ["readers@example.com"]}, allowPolicies=policies) == "allowed"
    assert decision({"member": ADA, "groups": []}, allowPolicies=policies) == "denied"
    assert decision(ANONYMOUS, allowPolicies=policies) == "denied"


def test_groups_in_a_circle_end():
    groups = {"a@example.com": ["group:b@example.com"], "b@example.com": ["group:a@example.com"]}
    assert decision(allowPolicies=[at("projects/10", bind("group:a@example.com"))], groups=groups) == "denied"


def test_convenience_value_follows_the_basic_role_on_the_project():
    editors = at("projects/10", bind(ADA, role="roles/editor"))
    bucket = at(BUCKET, bind("projectEditor:acme", role="roles/storage.legacyObjectReader"))
    assert decision(allowPolicies=[editors, bucket]) == "allowed"
    assert decision(FOREIGN, allowPolicies=[editors, bucket]) == "denied"
    assert decision(FOREIGN, allowPolicies=[bucket]) == "indeterminate"


@pytest.mark.parametrize(
    ("role", "permission", "expected"),
    [
        ("roles/storage.objectViewer", "storage.objects.get", "allowed"),
        ("roles/storage.objectViewer", "storage.objects.create", "denied"),
        ("roles/storage.objectCreator", "storage.objects.get", "denied"),
        ("roles/storage.admin", "storage.buckets.setIamPolicy", "allowed"),
        ("roles/storage.objectAdmin", "storage.buckets.setIamPolicy", "denied"),
        ("roles/storage.legacyBucketReader", "storage.objects.get", "denied"),
        ("roles/editor", "storage.buckets.setIamPolicy", "denied"),
        ("roles/editor", "compute.instances.create", "allowed"),
        ("roles/viewer", "compute.instances.get", "allowed"),
        ("roles/viewer", "compute.instances.create", "denied"),
        ("roles/owner", "resourcemanager.projects.setIamPolicy", "allowed"),
        ("roles/cloudkms.admin", "cloudkms.cryptoKeyVersions.useToDecrypt", "denied"),
        ("roles/cloudkms.admin", "cloudkms.cryptoKeys.setIamPolicy", "allowed"),
        ("roles/cloudkms.cryptoKeyDecrypter", "cloudkms.cryptoKeyVersions.useToDecrypt", "allowed"),
        ("roles/cloudkms.cryptoKeyEncrypter", "cloudkms.cryptoKeyVersions.useToDecrypt", "denied"),
        ("roles/iam.serviceAccountTokenCreator", "iam.serviceAccounts.getAccessToken", "allowed"),
        ("roles/iam.serviceAccountUser", "iam.serviceAccounts.getAccessToken", "denied"),
        ("roles/iam.serviceAccountUser", "iam.serviceAccounts.actAs", "allowed"),
        ("roles/iam.securityAdmin", "storage.buckets.setIamPolicy", "allowed"),
        ("roles/somebody.unheardOf", "storage.objects.get", "indeterminate"),
    ],
)
def test_role_holds_permission(role, permission, expected):
    assert decision(permission=permission, allowPolicies=[at("projects/10", bind(ADA, role=role))]) == expected


def test_custom_role_and_its_disabling():
    name = "projects/acme/roles/reader"
    policies = [at("projects/10", bind(ADA, role=name))]
    role = {"name": name, "includedPermissions": ["storage.objects.get"]}
    assert decision(allowPolicies=policies, roles=[role]) == "allowed"
    assert decision(allowPolicies=policies, roles=[role | {"stage": "DISABLED"}]) == "denied"
    assert decision(allowPolicies=policies, roles=[role | {"deleted": True}]) == "denied"
    assert decision(allowPolicies=policies, roles={name: ["storage.objects.list"]}) == "denied"
    assert decision(allowPolicies=policies) == "indeterminate"


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ('resource.name.startsWith("projects/_/buckets/data/objects/train/")', {}, "allowed"),
        ('resource.name.startsWith("projects/_/buckets/data/objects/test/")', {}, "denied"),
        ('resource.type == "storage.googleapis.com/Object" && resource.service == "storage.googleapis.com"', {}, "allowed"),
        ('resource.type != "storage.googleapis.com/Object"', {}, "denied"),
        ('request.time < timestamp("2027-01-01T00:00:00Z")', {"request.time": "2026-11-23T04:00:00Z"}, "allowed"),
        ('request.time < timestamp("2026-01-01T00:00:00Z")', {"request.time": "2026-11-23T04:00:00Z"}, "denied"),
        ('request.time < timestamp("2026-01-01T00:00:00Z")', {}, "indeterminate"),
        ('request.time.getHours("Europe/Berlin") == 5', {"request.time": "2026-11-23T04:00:00Z"}, "allowed"),
        ("request.time.getDayOfWeek() == 1", {"request.time": "2026-11-23T04:00:00Z"}, "allowed"),
        ('resource.matchTag("1/env", "prod")', {}, "allowed"),
        ('resource.matchTag("1/env", "test")', {}, "denied"),
        ('!resource.matchTag("1/env", "test")', {}, "allowed"),
        ('resource.hasTagKey("1/other")', {}, "denied"),
        ('"accessPolicies/9/accessLevels/corp" in request.auth.access_levels', {"request.auth.access_levels": ["accessPolicies/9/accessLevels/corp"]}, "allowed"),
        ('"accessPolicies/9/accessLevels/corp" in request.auth.access_levels', {"request.auth.access_levels": []}, "denied"),
        ('destination.ip == "10.0.0.1" && destination.port == 22', {"destination.ip": "10.0.0.1", "destination.port": 22}, "allowed"),
        ('destination.ip == "10.0.0.1"', {}, "denied"),
        ('api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("a/")', {"api.storage.googleapis.com/objectListPrefix": "a/b"}, "allowed"),
        ('api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("a/")', {}, "denied"),
        ('api.getAttribute("iam.googleapis.com/modifiedGrantsByRole", []).hasOnly(["roles/viewer"])', {"api.iam.googleapis.com/modifiedGrantsByRole": ["roles/viewer"]}, "allowed"),
        ('api.getAttribute("iam.googleapis.com/modifiedGrantsByRole", []).hasOnly(["roles/viewer"])', {"api.iam.googleapis.com/modifiedGrantsByRole": ["roles/owner"]}, "denied"),
        ('resource.name.extract("buckets/{name}/objects") == "data"', {}, "allowed"),
        ("resource.nosuch == 1", {}, "denied"),
        ("resource.nosuch == 1 || true", {}, "allowed"),
        ("1", {}, "denied"),
        ("somethingElse(resource.name)", {}, "indeterminate"),
    ],
)  # fmt: skip
def test_condition(condition, context, expected):
    policies = [at("projects/10", bind(ADA, when=condition))]
    assert decision(context=context, allowPolicies=policies, tags={"1/env": "prod"}) == expected


def test_conditional_and_unconditional_binding_of_one_role_add_up():
    policies = [at("projects/10", bind(ADA, when="false")), at(BUCKET, bind(ADA))]
    assert decision(on=OBJECT, allowPolicies=policies) == "allowed"
