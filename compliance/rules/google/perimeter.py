"""VPC Service Controls, organisation policies, deny policies and boundaries around a tenant's projects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from compliance.rules.google.populations import checked, own_projects, the_tenant
from compliance.rules.google.view import ASSETS, GoogleView
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, failed, judge_problems

RESTRICTED = (
    "bigquery.googleapis.com",
    "cloudkms.googleapis.com",
    "compute.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "pubsub.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
    "storagetransfer.googleapis.com",
)
"""Services through which a tenant's data, keys or identities could be reached or carried away."""
_CREDENTIAL_ACTIONS = (
    "iam.googleapis.com/serviceAccounts.getAccessToken",
    "iam.googleapis.com/serviceAccountKeys.create",
)


def _own_perimeter(view: GoogleView) -> dict[str, Any] | None:
    wanted = f"accessPolicies/{view.google.access_policy}/servicePerimeters/{view.own.perimeter}"
    return next((one for one in view.perimeters() if one["name"] == wanted), None)


def _enforced(view: GoogleView, _resource: Resource) -> Outcome:
    found = _own_perimeter(view)
    if found is None:
        return failed("the tenant has no service perimeter")
    inside = set((found.get("status") or {}).get("resources", []))
    problems = [f"project {p} is not inside" for n, p in view.own.projects.items() if f"projects/{n}" not in inside]
    foreign = sorted(inside - {f"projects/{number}" for number in view.own.projects})
    problems += [f"{name} is inside as well" for name in foreign]
    if found.get("perimeterType") == "PERIMETER_TYPE_BRIDGE":
        problems.append("it is a bridge, which keeps nothing out")
    return judge_problems(problems, "both projects are inside, and nothing else")


def _services(view: GoogleView, _resource: Resource) -> Outcome:
    found = _own_perimeter(view)
    if found is None:
        return failed("the tenant has no service perimeter")
    status = found.get("status") or {}
    lacking = [service for service in RESTRICTED if service not in status.get("restrictedServices", [])]
    problems = [f"{service} is not restricted" for service in lacking]
    accessible = status.get("vpcAccessibleServices") or {}
    if not accessible.get("enableRestriction"):
        problems.append("machines inside reach every Google service")
    return judge_problems(problems, f"{len(status.get('restrictedServices', []))} services are restricted")


def _openings(view: GoogleView, _resource: Resource) -> Outcome:
    found = _own_perimeter(view)
    if found is None:
        return failed("the tenant has no service perimeter")
    status = found.get("status") or {}
    problems = [f"access level {name} lets in from the internet" for name in status.get("accessLevels", [])]
    for direction in ("ingress", "egress"):
        for rule in status.get(f"{direction}Policies", []):
            title = rule.get("title") or direction
            start, end = rule.get(f"{direction}From") or {}, rule.get(f"{direction}To") or {}
            if start.get("identityType") and not start.get("identities"):
                problems.append(f"`{title}`: for {start['identityType']}, nobody in particular")
            if direction == "ingress" and not start.get("sources"):
                problems.append(f"`{title}`: from anywhere")
            if "*" in end.get("resources", []):
                problems.append(f"`{title}`: to every resource")
            for operation in end.get("operations", []):
                methods = [str(m.get("method")) for m in operation.get("methodSelectors", [])]
                if operation.get("serviceName") == "*":
                    problems.append(f"`{title}`: every service")
                if operation.get("serviceName") == "storage.googleapis.com" and any(
                    method == "*" or ".objects." in method for method in methods
                ):
                    problems.append(f"`{title}`: methods on objects")
    return judge_problems(problems, "each opening names who, from where, to what and which methods")


def _no_bridge(view: GoogleView, _resource: Resource) -> Outcome:
    own = {f"projects/{number}" for number in view.own.projects}
    bridges = [
        one["name"]
        for one in view.perimeters()
        if one.get("perimeterType") == "PERIMETER_TYPE_BRIDGE"
        and own & set((one.get("status") or {}).get("resources", []))
    ]
    return judge_problems([f"{name} joins it with others" for name in bridges], "no bridge")


def _boundary(view: GoogleView, resource: Resource) -> Outcome:
    number = str(resource.data)
    place = f"projects/{number}/locations/global"
    bindings = view.items("iam:ListPolicyBindings", "policyBindings", number, parent=place)
    organisation = f"organizations/{view.google.organisation}/locations/global"
    policies = {
        policy["name"]: policy
        for policy in view.items(
            "iam:ListPrincipalAccessBoundaryPolicies", "principalAccessBoundaryPolicies", view.google.organisation,
            parent=organisation,
        )
    }  # fmt: skip
    held = [policies[b["policy"]] for b in bindings if b["policy"] in policies]
    if not held:
        return failed("no principal access boundary holds for the project's principals")
    others = {
        name
        for tenant in view.google.tenants
        if tenant.id != view.name
        for pair in tenant.projects.items()
        for name in pair
    }
    reach = [str(r) for policy in held for rule in policy["details"]["rules"] for r in rule.get("resources", [])]
    wide = [
        name for name in reach if "/organizations/" in name or "/folders/" in name or name.rpartition("/")[2] in others
    ]
    return judge_problems(
        [f"it lets its principals reach {name}" for name in wide], "principals reach their own projects"
    )


def _denials(view: GoogleView, resource: Resource) -> Outcome:
    number = str(resource.data)
    point = quote(f"cloudresourcemanager.googleapis.com/projects/{number}", safe="")
    policies = view.items("iam:ListDenyPolicies", "policies", number, parent=f"policies/{point}/denypolicies")
    denied = {
        permission
        for policy in policies
        for rule in policy.get("rules", [])
        for permission in (rule.get("denyRule") or {}).get("deniedPermissions", [])
    }
    if number != view.own.project_number:
        return judge_problems([] if denied else ["nothing is denied"], f"{len(denied)} permissions are denied")
    lacking = [action for action in _CREDENTIAL_ACTIONS if action not in denied]
    return judge_problems(
        [f"{action} is denied to nobody" for action in lacking], "credentials of its accounts are denied"
    )


def _boolean(*names: str) -> Callable[[GoogleView, Resource], Outcome]:
    def check(view: GoogleView, resource: Resource) -> Outcome:
        problems = []
        for name in names:
            spec = view.constraint(name, str(resource.data))
            rules = (spec or {}).get("rules", [])
            if not any(rule.get("enforce") and "condition" not in rule for rule in rules):
                problems.append(f"{name} is not enforced")
        return judge_problems(problems, f"{len(names)} constraints are enforced")

    return check


def _denied_all(*names: str) -> Callable[[GoogleView, Resource], Outcome]:
    def check(view: GoogleView, resource: Resource) -> Outcome:
        problems = []
        for name in names:
            spec = view.constraint(name, str(resource.data))
            if not any(rule.get("denyAll") and "condition" not in rule for rule in (spec or {}).get("rules", [])):
                problems.append(f"{name} does not deny everything")
        return judge_problems(problems, f"{len(names)} constraints deny everything")

    return check


def _listed(name: str, fits: Callable[[GoogleView, list[str]], list[str]]) -> Callable[[GoogleView, Resource], Outcome]:
    def check(view: GoogleView, resource: Resource) -> Outcome:
        spec = view.constraint(name, str(resource.data))
        rules = (spec or {}).get("rules", [])
        values = [value for rule in rules for value in (rule.get("values") or {}).get("allowedValues", [])]
        if not values or any(rule.get("allowAll") for rule in rules):
            return failed(f"{name} limits nothing")
        return judge_problems(fits(view, values), f"{name}: {', '.join(values[:4])}")

    return check


def _locations(view: GoogleView, values: list[str]) -> list[str]:
    if view.name == "platform":
        return []
    wide = [value for value in values if not value.startswith("in:") or not value.endswith("-locations")]
    return [f"{value} is allowed" for value in wide]


def _members(view: GoogleView, values: list[str]) -> list[str]:
    own = {view.google.customer_id, f"is:{view.google.customer_id}"}
    inside = f"organizations/{view.google.organisation}"
    return [f"{value} may be granted roles" for value in values if value not in own and inside not in value]


def _cmek_projects(view: GoogleView, _resource: Resource) -> Outcome:
    """Of the tenant's project: the key project holds nothing that a key could encrypt."""
    name = "gcp.restrictCmekCryptoKeyProjects"
    spec = view.constraint(name, view.own.project_number)
    values = [v for rule in (spec or {}).get("rules", []) for v in (rule.get("values") or {}).get("allowedValues", [])]
    own = {f"projects/{view.own.key_project}", f"under:projects/{view.own.key_project}"}
    own |= {f"projects/{view.own.key_project_number}", f"under:projects/{view.own.key_project_number}"}
    if not values:
        return failed(f"{name} limits nothing: keys of any project may encrypt what is made here")
    wrong = [f"{name}: {v} holds keys as well" for v in values if v not in own]
    return judge_problems(wrong, "only the tenant's key project")


def _rule(  # noqa: PLR0913 - one argument for each member of a rule
    id_: str, title: str, severity: Severity, threat: str, blind: str, remediation: str, objectives: tuple[str, ...],
    check: Callable[[GoogleView, Resource], Outcome], *, needs: tuple[str, ...] = (ASSETS,), per_project: bool = True,
) -> Rule:  # fmt: skip
    population = own_projects if per_project else the_tenant
    return Rule(
        id_, title, severity, About.TENANT, threat, blind, remediation, objectives, needs, population, checked(check)
    )


_DEPLOY = "Deploy the organisation's and the tenant's perimeter stack."
_PLACE = "What existed before the policy was set."
RULES = (
    _rule(
        "perimeter.gcp-enforced",
        "The tenant's projects are in an enforced perimeter of their own",
        Severity.CRITICAL,
        "Stolen credentials work from anywhere, and data leaves to any project.",
        "What a restricted service lets through.",
        "Set `perimeter: enforced` in the tenant file and deploy.",
        ("isolation.network", "isolation.account"),
        _enforced,
        per_project=False,
    ),
    _rule(
        "perimeter.gcp-services",
        "The perimeter restricts every service that holds data, keys or identities",
        Severity.HIGH,
        "A service that is not restricted is a way round the perimeter.",
        "Services that the list lacks.",
        _DEPLOY,
        ("isolation.network",),
        _services,
        per_project=False,
    ),
    _rule(
        "perimeter.gcp-openings",
        "Openings of the perimeter are narrow",
        Severity.HIGH,
        "A wide ingress or egress rule is a hole in the wall.",
        "What the named identities may do there.",
        "Name identities, sources, resources and methods in each rule.",
        ("isolation.network", "access.least-privilege"),
        _openings,
        per_project=False,
    ),
    _rule(
        "perimeter.gcp-bridge",
        "No bridge joins the tenant's perimeter with another",
        Severity.CRITICAL,
        "Two tenants behind one bridge reach each other's services.",
        "Nothing: every perimeter is read.",
        "Delete the bridge.",
        ("isolation.network", "isolation.account"),
        _no_bridge,
        per_project=False,
    ),
    _rule(
        "perimeter.gcp-boundary",
        "The tenant's principals cannot reach other projects",
        Severity.HIGH,
        "A mistaken grant elsewhere would be enough.",
        "Principals without a boundary's project: people.",
        _DEPLOY,
        ("isolation.identity",),
        _boundary,
        needs=(ASSETS, "iam:ListPolicyBindings", "iam:ListPrincipalAccessBoundaryPolicies"),
    ),
    _rule(
        "perimeter.gcp-denied",
        "Deny policies hold whatever is granted",
        Severity.HIGH,
        "One grant by an administrator undoes every other lock.",
        "Exceptions: the proof evaluates them.",
        _DEPLOY,
        ("change.guardrails", "isolation.identity"),
        _denials,
        needs=("iam:ListDenyPolicies",),
    ),
    _rule(
        "perimeter.gcp-no-keys",
        "Nobody can make or upload keys of service accounts",
        Severity.HIGH,
        "A key in a file is a credential without an end.",
        _PLACE,
        _DEPLOY,
        ("access.least-privilege", "change.guardrails"),
        _boolean("iam.disableServiceAccountKeyCreation", "iam.disableServiceAccountKeyUpload"),
    ),
    _rule(
        "perimeter.gcp-buckets",
        "No bucket can be public or have lists of its own",
        Severity.HIGH,
        "A list on one object opens it beside every policy.",
        _PLACE,
        _DEPLOY,
        ("isolation.resource", "change.guardrails"),
        _boolean("storage.publicAccessPrevention", "storage.uniformBucketLevelAccess"),
    ),
    _rule(
        "perimeter.gcp-transport",
        "Buckets answer over TLS only",
        Severity.HIGH,
        "Whoever listens on the way reads what passes.",
        "Which version of TLS; Google's other services answer over TLS in any case.",
        _DEPLOY,
        ("crypto.in-transit", "change.guardrails"),
        _boolean("storage.secureHttpTransport"),
    ),
    _rule(
        "perimeter.gcp-machines",
        "Only shielded machines without remote entry can start",
        Severity.HIGH,
        "A machine with a serial console or without Secure Boot is a way in.",
        _PLACE,
        _DEPLOY,
        ("compute.hardening", "attestation.boot"),
        _boolean("compute.requireShieldedVm", "compute.requireOsLogin", "compute.disableSerialPortAccess"),
    ),
    _rule(
        "perimeter.gcp-no-internet",
        "No project can have external addresses, peerings, NAT or shared networks",
        Severity.HIGH,
        "Each of these is a way out of the tenant's network.",
        _PLACE,
        _DEPLOY,
        ("isolation.network", "change.guardrails"),
        _denied_all(
            "compute.vmExternalIpAccess",
            "compute.restrictVpcPeering",
            "compute.restrictCloudNATUsage",
            "compute.restrictSharedVpcSubnetworks",
            "compute.restrictSharedVpcHostProjects",
        ),
    ),
    _rule(
        "perimeter.gcp-locations",
        "Resources can be made in named regions only",
        Severity.MEDIUM,
        "Data would come to lie where nobody agreed to.",
        "Global services.",
        _DEPLOY,
        ("data.classification",),
        _listed("gcp.resourceLocations", _locations),
    ),
    _rule(
        "perimeter.gcp-members",
        "Roles can be given to the organisation's own principals only",
        Severity.CRITICAL,
        "A stranger's account in a policy is a door.",
        _PLACE,
        _DEPLOY,
        ("isolation.identity", "change.guardrails"),
        _listed("iam.allowedPolicyMemberDomains", _members),
    ),
    _rule(
        "perimeter.gcp-own-keys",
        "Only the tenant's keys encrypt the tenant's resources",
        Severity.HIGH,
        "Under a foreign key, someone else decides whether the data can be read.",
        _PLACE,
        _DEPLOY,
        ("crypto.separation", "crypto.at-rest"),
        _cmek_projects,
        per_project=False,
    ),
)
