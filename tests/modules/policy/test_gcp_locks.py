"""The three locks on Google Cloud: each statement stops the attack that it names, and without it the attack succeeds.

The other locks are left out of each question, so that exactly one document stands between the attacker and the
resource. `compliance.reason.gcp` answers; it shares nothing with the documents.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from modules.policy import gcp_boundary, gcp_deny, gcp_iam, gcp_perimeter
from modules.policy.gcp_scope import Document
from tests.modules.policy.google import (
    ABOVE,
    DEPLOYER,
    DIGEST,
    FOLDER,
    INITECH,
    INTERNET,
    ORGANISATION,
    OWNER,
    STRANGER,
    UMBRA,
    account,
    attested,
    bucket,
    decision,
    granted,
    key,
    network,
    network_of,
    node,
    project,
    rest,
    service_account,
    stored,
)

DECRYPT, ENCRYPT = "cloudkms.cryptoKeyVersions.useToDecrypt", "cloudkms.cryptoKeyVersions.useToEncrypt"
GET, PUT = "storage.objects.get", "storage.objects.create"


# --- deny policies -----------------------------------------------------------------------------------------------


def denied(level: str, rule: Document) -> dict[str, Any]:
    return {"denyPolicies": [{"level": level, "policies": [{"rules": [rest(rule)]}]}]}


def permission_of(denied_permission: str) -> str:
    """`storage.googleapis.com/objects.get` as allow policies write it."""
    service, _, rest_of = denied_permission.partition(".googleapis.com/")
    return f"{'resourcemanager' if service == 'cloudresourcemanager' else service}.{rest_of}"


PROJECT, KEYS = f"projects/{INITECH.project_number}", f"projects/{INITECH.key_project_number}"
DENIALS: dict[str, tuple[str, Document, dict[str, Any]]] = {}
for name, rule in gcp_deny.project_denials(INITECH).items():
    DENIALS[f"project/{name}"] = (PROJECT, rule, project(INITECH))
for name, rule in gcp_deny.key_project_denials(INITECH).items():
    DENIALS[f"keys/{name}"] = (KEYS, rule, project(INITECH, keys=True))
for name, rule in gcp_deny.quarantine_denials().items():
    DENIALS[f"folder/{name}"] = (FOLDER, rule, project(INITECH))

EACH = [
    (name, permission)
    for name, (_, rule, _) in DENIALS.items()
    for permission in rule["deny_rule"]["denied_permissions"]
]


@pytest.mark.parametrize(("name", "permission"), EACH, ids=[f"{name} {permission}" for name, permission in EACH])
def test_each_permission_of_each_denial_stops_an_owner(name: str, permission: str) -> None:
    level, rule, on = DENIALS[name]
    asked = permission_of(permission)
    mistake = granted(on["ancestors"][0], OWNER["member"], asked)
    assert decision(OWNER, asked, on, **mistake) == "allowed"
    assert decision(OWNER, asked, on, **mistake, **denied(level, rule)) == "denied"
    less = copy.deepcopy(rule)
    less["deny_rule"]["denied_permissions"].remove(permission)
    assert decision(OWNER, asked, on, **mistake, **denied(level, less)) == "allowed"


GROUP = f"group:{INITECH.group('data-owners')}"
DAN: dict[str, Any] = {"member": "user:dan@initech.example", "groups": [GROUP]}
SCAN: dict[str, Any] = {"member": f"serviceAccount:{INITECH.collector}", "groups": []}
EXCEPTED = [
    ("project/impersonation", DAN, "iam.serviceAccounts.getAccessToken"),
    ("project/impersonation", SCAN, "iam.serviceAccounts.getAccessToken"),
    ("project/objects", account(INITECH, "trainer"), GET),
    ("project/objects", account(INITECH, "data-owner"), PUT),
    ("project/opening", DEPLOYER, "storage.buckets.setIamPolicy"),
    ("project/opening", {"member": f"serviceAccount:{INITECH.access_agent}"}, "resourcemanager.projects.setIamPolicy"),
    ("keys/key-use", node(INITECH), DECRYPT),
    ("keys/key-use", account(INITECH, "data-owner"), ENCRYPT),
    ("keys/key-use", {"member": f"serviceAccount:{INITECH.storage_agent}"}, DECRYPT),
    ("keys/key-use", {"member": f"serviceAccount:{INITECH.compute_agent}"}, DECRYPT),
    ("keys/key-use", {"member": f"serviceAccount:{INITECH.logging_agent}"}, ENCRYPT),
    ("keys/release", DEPLOYER, "iam.workloadIdentityPoolProviders.update"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "who", "permission"), EXCEPTED, ids=[f"{c[0]} {c[2]} {c[1]['member'][:30]}" for c in EXCEPTED]
)
def test_each_exception_lets_its_own_through_and_no_one_else(name: str, who: dict[str, Any], permission: str) -> None:
    level, rule, on = DENIALS[name]
    mistake = granted(on["ancestors"][0], who["member"], permission)
    assert decision(who, permission, on, **mistake, **denied(level, rule)) == "allowed"
    exceptions = rule["deny_rule"]["exception_principals"]
    lets_in = [
        e for e in exceptions if decision(who, permission, on, **mistake, **denied(level, without(rule, e))) == "denied"
    ]
    assert len(lets_in) == 1, "exactly one exception lets this principal through"


def without(rule: Document, exception: str) -> Document:
    less = copy.deepcopy(rule)
    less["deny_rule"]["exception_principals"].remove(exception)
    return less


def test_a_machine_of_another_tenant_is_no_exception() -> None:
    level, rule, on = DENIALS["keys/key-use"]
    mistake = granted(on["ancestors"][0], node(UMBRA)["member"], DECRYPT)
    assert decision(node(UMBRA), DECRYPT, on, **mistake) == "allowed"
    assert decision(node(UMBRA), DECRYPT, on, **mistake, **denied(level, rule)) == "denied"


def test_in_quarantine_not_even_an_attested_machine_opens_a_key() -> None:
    level, rule, _ = DENIALS["folder/quarantine"]
    on = key(INITECH, "data")
    allow = at_key("data")
    assert decision(node(INITECH), DECRYPT, on, **allow) == "allowed"
    assert decision(node(INITECH), DECRYPT, on, **allow, **denied(level, rule)) == "denied"


# --- allow policies: the resource lock -----------------------------------------------------------------------------


def at_key(purpose: str, document: Document | None = None) -> dict[str, Any]:
    policy = document or gcp_iam.key_policy(INITECH, purpose, [attested(INITECH)])  # type: ignore[arg-type]
    return {"allowPolicies": [{"level": key(INITECH, purpose)["name"], "policy": policy}]}


USES = {
    ("data", "node", DECRYPT): True,
    ("data", "node", ENCRYPT): False,
    ("data", "data-owner", ENCRYPT): True,
    ("data", "data-owner", DECRYPT): False,
    ("data", "trainer", DECRYPT): False,
    ("data", "deployer", DECRYPT): False,
    ("data", "storage", DECRYPT): False,
    ("data", "another image", DECRYPT): False,
    ("data", "another tenant's node", DECRYPT): False,
    ("data", "owner of the project", DECRYPT): False,
    ("checkpoint", "node", DECRYPT): True,
    ("checkpoint", "node", ENCRYPT): True,
    ("checkpoint", "data-owner", DECRYPT): False,
    ("checkpoint", "storage", DECRYPT): False,
    ("export", "node", ENCRYPT): True,
    ("export", "node", DECRYPT): True,
    ("export", "data-owner", DECRYPT): True,
    ("export", "data-owner", ENCRYPT): False,
    ("disk", "storage", DECRYPT): True,
    ("disk", "compute", DECRYPT): True,
    ("disk", "node", DECRYPT): False,
    ("disk", "data-owner", DECRYPT): False,
    ("logs", "logging", ENCRYPT): True,
    ("logs", "storage", DECRYPT): False,
    ("logs", "node", DECRYPT): False,
}
WHO: dict[str, Any] = {
    "node": node(INITECH),
    "another image": node(INITECH, "sha256:" + "66" * 32),
    "another tenant's node": node(UMBRA),
    "trainer": account(INITECH, "trainer"),
    "data-owner": account(INITECH, "data-owner"),
    "deployer": DEPLOYER,
    "storage": {"member": f"serviceAccount:{INITECH.storage_agent}"},
    "compute": {"member": f"serviceAccount:{INITECH.compute_agent}"},
    "logging": {"member": f"serviceAccount:{INITECH.logging_agent}"},
    "owner of the project": OWNER,
}


@pytest.mark.parametrize(("use", "expected"), USES.items(), ids=[" ".join(use) for use in USES])
def test_who_uses_which_key(use: tuple[str, str, str], expected: bool) -> None:
    purpose, who, permission = use
    assert decision(WHO[who], permission, key(INITECH, purpose), **at_key(purpose)) == (
        "allowed" if expected else "denied"
    )


@pytest.mark.parametrize("purpose", ["data", "checkpoint", "export", "disk", "logs"])
def test_each_binding_of_a_key_lets_someone_in(purpose: str) -> None:
    policy = gcp_iam.key_policy(INITECH, purpose, [attested(INITECH)])  # type: ignore[arg-type]
    allowed = [use for use, expected in USES.items() if expected and use[0] == purpose]
    for index in range(len(policy["bindings"])):
        less = {**policy, "bindings": [b for i, b in enumerate(policy["bindings"]) if i != index]}
        lost = [
            u for u in allowed if decision(WHO[u[1]], u[2], key(INITECH, purpose), **at_key(purpose, less)) == "denied"
        ]
        assert lost, f"the binding {policy['bindings'][index]} lets no one in"


def test_no_image_accepted_means_no_machine_is_let_in() -> None:
    policy = gcp_iam.key_policy(INITECH, "data", [])
    assert [binding["role"] for binding in policy["bindings"]] == [gcp_iam.ENCRYPTER]


OBJECTS = {
    ("data", "trainer", GET): True,
    ("data", "trainer", PUT): False,
    ("data", "data-owner", PUT): True,
    ("checkpoint", "trainer", PUT): True,
    ("checkpoint", "data-owner", GET): False,
    ("model", "trainer", PUT): True,
    ("model", "data-owner", GET): True,
    ("model", "data-owner", PUT): False,
    ("data", "auditor", GET): False,
    ("model", "auditor", GET): False,
    ("data", "deployer", GET): False,
}


@pytest.mark.parametrize(("use", "expected"), OBJECTS.items(), ids=[" ".join(use) for use in OBJECTS])
def test_who_does_what_in_which_bucket(use: tuple[str, str, str], expected: bool) -> None:
    purpose, role, permission = use
    policy = gcp_iam.bucket_policy(INITECH, purpose)  # type: ignore[arg-type]
    who = DEPLOYER if role == "deployer" else account(INITECH, role)
    allow = {"allowPolicies": [{"level": bucket(INITECH, purpose)["name"], "policy": policy}]}
    assert decision(who, permission, stored(INITECH, purpose), **allow) == ("allowed" if expected else "denied")


@pytest.mark.parametrize("purpose", ["data", "checkpoint", "model"])
def test_no_document_of_a_tenant_names_another(purpose: str) -> None:
    texts = [gcp_iam.rendered(gcp_iam.bucket_policy(INITECH, purpose))]  # type: ignore[arg-type]
    texts += [gcp_iam.rendered(gcp_iam.key_policy(INITECH, "data", [attested(INITECH)]))]
    texts += [gcp_iam.rendered(gcp_iam.account_policy(INITECH, role)) for role in ("trainer", "data-owner", "auditor")]  # type: ignore[arg-type]
    texts += [str(gcp_perimeter.perimeter(INITECH, "1")), str(gcp_boundary.boundary_rules(INITECH, ["images"]))]
    for text in texts:
        assert "umbra" not in text
        assert UMBRA.project_number not in text
        assert "allUsers" not in text
        assert "allAuthenticatedUsers" not in text


ACTING = {
    ("trainer", "deployer", "iam.serviceAccounts.actAs"): True,
    ("trainer", "deployer", "iam.serviceAccounts.getAccessToken"): False,
    ("trainer", "data owner", "iam.serviceAccounts.getAccessToken"): False,
    ("data-owner", "data owner", "iam.serviceAccounts.getAccessToken"): True,
    ("data-owner", "deployer", "iam.serviceAccounts.actAs"): False,
    ("auditor", "scan", "iam.serviceAccounts.getAccessToken"): True,
    ("data-owner", "scan", "iam.serviceAccounts.getAccessToken"): False,
    ("auditor", "data owner", "iam.serviceAccounts.getAccessToken"): False,
}
ACTORS: dict[str, Any] = {
    "deployer": DEPLOYER | {"groups": []},
    "data owner": DAN,
    "scan": SCAN,
}


@pytest.mark.parametrize(("use", "expected"), ACTING.items(), ids=[" ".join(use) for use in ACTING])
def test_who_acts_as_whom(use: tuple[str, str, str], expected: bool) -> None:
    role, who, permission = use
    on = service_account(INITECH, role)
    policy = gcp_iam.account_policy(INITECH, role)  # type: ignore[arg-type]
    allow = {"allowPolicies": [{"level": on["name"], "policy": policy}]}
    assert decision(ACTORS[who], permission, on, **allow) == ("allowed" if expected else "denied")


# --- principal access boundary: the identity lock ------------------------------------------------------------------


def boundary(rules: list[Document], principals: str) -> dict[str, Any]:
    policy = {"details": {"rules": rest(rules), "enforcementVersion": gcp_boundary.ENFORCEMENT}}
    return {"policy": policy, "binding": {"target": {"principalSet": principals}}}


def boundaries(which: str = "both") -> dict[str, Any]:
    rules = gcp_boundary.boundary_rules(INITECH, ["bh-images"])
    bound = gcp_boundary.bound_principals(INITECH)
    return {"principalAccessBoundaries": [boundary(rules, p) for name, p in bound.items() if which in ("both", name)]}


@pytest.mark.parametrize(("who", "which"), [("trainer", "project"), ("node", "keys")])
def test_the_boundary_keeps_a_tenants_principals_from_another_that_lets_them_in(who: str, which: str) -> None:
    """Each of the two bindings stops its own kind of principal, and only that one does."""
    open_to_all = granted(f"projects/{UMBRA.project_number}", WHO[who]["member"], GET)
    other = {"project": "keys", "keys": "project"}[which]
    assert decision(WHO[who], GET, stored(UMBRA), **open_to_all) == "allowed"
    assert decision(WHO[who], GET, stored(UMBRA), **open_to_all, **boundaries()) == "denied"
    assert decision(WHO[who], GET, stored(UMBRA), **open_to_all, **boundaries(which)) == "denied"
    assert decision(WHO[who], GET, stored(UMBRA), **open_to_all, **boundaries(other)) == "allowed"


def test_the_boundary_leaves_the_tenants_own_projects_and_the_image_reachable() -> None:
    trainer, machine = WHO["trainer"], WHO["node"]
    own = granted(f"projects/{INITECH.project_number}", trainer["member"], GET)
    assert decision(trainer, GET, stored(INITECH), **own, **boundaries()) == "allowed"
    assert decision(machine, DECRYPT, key(INITECH, "data"), **at_key("data"), **boundaries()) == "allowed"
    image = {"name": "//artifactregistry.googleapis.com/projects/bh-images/locations/us/repositories/trainer"}
    image |= {"ancestors": [f"projects/{ORGANISATION.image_project_number}", ABOVE[1]], "projectId": "bh-images"}
    pull = "artifactregistry.repositories.downloadArtifacts"
    reads = granted(image["ancestors"][0], trainer["member"], pull)
    assert decision(trainer, pull, image, **reads, **boundaries()) == "allowed"


# --- service perimeter: the network lock -----------------------------------------------------------------------------


def perimeters(*documents: Document) -> dict[str, Any]:
    named = zip(("initech", "umbra"), documents, strict=False)
    return {
        "servicePerimeters": [
            {"name": f"accessPolicies/9/servicePerimeters/bh_{name}", "status": rest(document)}
            for name, document in named
        ]
    }


IMAGES = ORGANISATION.image_project_number
AROUND, AROUND_UMBRA = gcp_perimeter.perimeter(INITECH, IMAGES), gcp_perimeter.perimeter(UMBRA, IMAGES)
EVERYTHING = granted(
    ABOVE[1], "allUsers", GET, PUT, DECRYPT, "storage.buckets.setIamPolicy", "cloudkms.cryptoKeys.getIamPolicy"
)
TRAINER = account(INITECH, "trainer")


@pytest.mark.parametrize(
    ("who", "permission", "on", "source"),
    [
        (TRAINER, GET, stored(INITECH), INTERNET),
        (TRAINER, GET, stored(INITECH), network(UMBRA)),
        (node(INITECH), DECRYPT, key(INITECH, "data"), INTERNET),
        (node(INITECH), DECRYPT, key(INITECH, "data"), network(UMBRA)),
        (STRANGER, GET, stored(INITECH), INTERNET),
        (DEPLOYER, GET, stored(INITECH), network_of(ORGANISATION.deployer_project_number)),
        (account(INITECH, "auditor"), GET, stored(INITECH), network_of(INITECH.audit_project_number)),
    ],
    ids=["stolen", "from another tenant", "key, stolen", "key, from another tenant", "stranger", "deployer", "auditor"],
)
def test_nothing_of_a_tenant_is_reached_across_its_perimeter(who: Any, permission: str, on: Any, source: Any) -> None:
    asked = {"source": source, "method": f"google.{permission}"} | EVERYTHING
    assert decision(who, permission, on, **asked) == "allowed"
    assert decision(who, permission, on, **asked, **perimeters(AROUND)) == "denied"
    for part in ("resources", "restricted_services"):
        assert decision(who, permission, on, **asked, **perimeters({**AROUND, part: []})) == "allowed", part


@pytest.mark.parametrize(
    ("who", "on"),
    [(TRAINER, stored(UMBRA)), (account(UMBRA, "trainer"), stored(UMBRA)), (STRANGER, stored(UMBRA))],
    ids=["own credentials", "smuggled credentials", "a stranger's"],
)
def test_nothing_leaves_a_tenants_network_for_anywhere_else(who: Any, on: Any) -> None:
    """The victim's own perimeter is left out: it is the way out that is closed here."""
    asked = {"source": network(INITECH), "method": f"google.{PUT}"} | EVERYTHING
    assert decision(who, PUT, on, **asked) == "allowed"
    assert decision(who, PUT, on, **asked, **perimeters(AROUND)) == "denied"
    anywhere = {
        "egress_from": {"identity_type": "ANY_IDENTITY"},
        "egress_to": {"resources": ["*"], "operations": [{"service_name": "*"}]},
    }
    assert decision(who, PUT, on, **asked, **perimeters({**AROUND, "egress_policies": [anywhere]})) == "allowed"


def test_inside_its_perimeter_a_tenant_works() -> None:
    asked = {"source": network(INITECH)} | EVERYTHING
    assert decision(TRAINER, GET, stored(INITECH), **asked, **perimeters(AROUND, AROUND_UMBRA)) == "allowed"
    assert (
        decision(node(INITECH), DECRYPT, key(INITECH, "data"), **asked, **perimeters(AROUND, AROUND_UMBRA)) == "allowed"
    )
    between = {"source": network(INITECH), "also": [f"projects/{INITECH.key_project_number}"]} | EVERYTHING
    assert decision(TRAINER, GET, stored(INITECH), **between, **perimeters(AROUND)) == "allowed"


@pytest.mark.parametrize(
    ("index", "who", "permission", "on", "source"),
    [
        (
            0,
            DEPLOYER,
            "storage.buckets.setIamPolicy",
            bucket(INITECH),
            network_of(ORGANISATION.deployer_project_number),
        ),
        (
            1,
            account(INITECH, "auditor"),
            "cloudkms.cryptoKeys.getIamPolicy",
            key(INITECH, "data"),
            network_of(INITECH.audit_project_number),
        ),
    ],
    ids=["deployer", "scan"],
)
def test_each_way_in_is_needed_and_leads_from_one_project_only(
    index: int, who: Any, permission: str, on: Any, source: Any
) -> None:
    asked = {"method": f"google.{permission}"} | EVERYTHING
    less = {**AROUND, "ingress_policies": [rule for i, rule in enumerate(AROUND["ingress_policies"]) if i != index]}
    assert decision(who, permission, on, source=source, **asked, **perimeters(AROUND)) == "allowed"
    assert decision(who, permission, on, source=source, **asked, **perimeters(less)) == "denied"
    assert decision(who, permission, on, source=INTERNET, **asked, **perimeters(AROUND)) == "denied"
    assert decision(STRANGER, permission, on, source=source, **asked, **perimeters(AROUND)) == "denied"


def test_the_image_is_fetched_by_the_trainer_from_one_project_only() -> None:
    pull = "artifactregistry.repositories.downloadArtifacts"
    image = {"name": "//artifactregistry.googleapis.com/projects/bh-images/locations/us/repositories/trainer"}
    image |= {"ancestors": [f"projects/{IMAGES}", ABOVE[1]], "projectId": "bh-images"}
    elsewhere = {
        **image,
        "name": image["name"].replace("bh-images", "other"),
        "ancestors": ["projects/77", ABOVE[1]],
        "projectId": "other",
    }
    asked = {"source": network(INITECH)} | granted(ABOVE[1], "allUsers", pull)
    assert decision(TRAINER, pull, image, **asked, **perimeters(AROUND)) == "allowed"
    assert decision(account(INITECH, "data-owner"), pull, image, **asked, **perimeters(AROUND)) == "denied"
    assert decision(TRAINER, pull, elsewhere, **asked, **perimeters(AROUND)) == "denied"
    assert decision(TRAINER, pull, image, **asked, **perimeters({**AROUND, "egress_policies": []})) == "denied"


def test_the_digest_in_a_grant_is_the_one_that_was_compiled() -> None:
    assert attested(INITECH).endswith(f"/attribute.release/initech/data/{DIGEST}")
