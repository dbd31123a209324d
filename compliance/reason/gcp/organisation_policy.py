"""Constraints of organisation policies that refuse a request at the moment it is made.

Source: Resource Manager, "Organization policy constraints", "Understanding hierarchy evaluation" and "Setting an
organization policy with tags". Both API versions are read: v2 (`spec.rules`) and v1 (`booleanPolicy`, `listPolicy`),
which Cloud Asset Inventory prints. Constraints that only shape what may be created later (locations, uniform access of
new buckets) refuse nothing that is asked of existing resources, and are not among these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from compliance.reason.gcp.cel.evaluate import holds, is_text_condition
from compliance.reason.gcp.outcome import Outcome
from compliance.reason.gcp.request import Request, relative_name
from compliance.reason.gcp.shapes import a_list, a_text, an_object, texts
from compliance.reason.iam.decision import Reason
from compliance.reason.iam.shape import refuse_lookalikes
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, certain, either

_ON: Final = (True, "TRUE", "true")
"""The API prints a boolean, Terraform's provider a text."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What one rule of a policy sets; `everything` is `allow`, `deny` or neither."""

    enforced: bool = False
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    everything: str = ""
    condition: str = ""


@dataclass(frozen=True, slots=True)
class ConstraintPolicy:
    """A policy for one constraint on one level; a `silent` one sets nothing, as one with only a `dryRunSpec`."""

    label: str
    level: str
    constraint: str
    settings: tuple[Setting, ...]
    inherits: bool = False
    resets: bool = False
    silent: bool = False


def parse_constraint_policy(document: Any, level: str, place: str) -> ConstraintPolicy:
    """An organisation policy in either form.

    Raises:
        ComplianceError: naming the place of what has another shape.
    """
    body = an_object(document, place, "an organisation policy with `name` and `spec`, or `constraint`")
    label = place.removeprefix("$.")
    name = a_text(body, "constraint", place) or a_text(body, "name", place)
    name = name.removeprefix("constraints/").rpartition("/policies/")[2]
    if isinstance(body.get("spec"), Mapping) or ("rules" in body):
        spec = body.get("spec") if isinstance(body.get("spec"), Mapping) else body
        assert isinstance(spec, Mapping)
        where = f"{place}.spec"
        rules = a_list(spec.get("rules"), f"{where}.rules", "a list of rules")
        settings = tuple(_setting(rule, f"{where}.rules[{i}]") for i, rule in enumerate(rules))
        return ConstraintPolicy(
            label, level, name, settings, bool(spec.get("inheritFromParent")), bool(spec.get("reset"))
        )
    if isinstance(body.get("listPolicy"), Mapping):
        listed = body["listPolicy"]
        where = f"{place}.listPolicy"
        everything = {"ALLOW": "allow", "DENY": "deny"}.get(a_text(listed, "allValues", where), "")
        setting = Setting(
            False, texts(listed, "allowedValues", where), texts(listed, "deniedValues", where), everything
        )
        return ConstraintPolicy(label, level, name, (setting,), bool(listed.get("inheritFromParent")))
    if isinstance(body.get("booleanPolicy"), Mapping):
        return ConstraintPolicy(label, level, name, (Setting(bool(body["booleanPolicy"].get("enforced"))),))
    if "restoreDefault" in body:
        return ConstraintPolicy(label, level, name, (), resets=True)
    return ConstraintPolicy(label, level, name, (), silent=True)


def _setting(document: Any, place: str) -> Setting:
    rule = an_object(document, place, "a rule")
    refuse_lookalikes(dict(rule), ("enforce", "allowAll", "denyAll", "values", "condition", "parameters"), place)
    values = an_object(rule.get("values") or {}, f"{place}.values", "`allowedValues` and `deniedValues`")
    everything = "allow" if rule.get("allowAll") in _ON else "deny" if rule.get("denyAll") in _ON else ""
    parameters = rule.get("parameters")
    allowed = texts(values, "allowedValues", f"{place}.values")
    if isinstance(parameters, Mapping):
        for name in ("allowedMemberSubjects", "allowedPrincipalSets"):
            allowed += texts(parameters, name, f"{place}.parameters")
    condition = rule.get("condition")
    return Setting(
        rule.get("enforce") in _ON, allowed, texts(values, "deniedValues", f"{place}.values"),
        everything,
        "" if condition is None else is_text_condition(condition, f"{place}.condition"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effective:
    """What holds after inheritance. `doubtful`: a condition on tags could not be settled."""

    setting: Setting
    label: str
    doubtful: bool = False


def effective(policies: tuple[ConstraintPolicy, ...], constraint: str, request: Request) -> Effective | None:
    """What holds of a constraint; `policies` run from the organisation to the project. None: nothing is set."""
    result: Effective | None = None
    for policy in policies:
        if policy.silent or policy.constraint.replace("managed.", "") != constraint:
            continue
        if policy.resets:
            result = None
            continue
        doubtful = False
        chosen: list[Setting] = []
        for setting in policy.settings:
            met = holds(setting.condition, request.environment, policy.label) if setting.condition else UNKNOWN
            doubtful = doubtful or (bool(setting.condition) and met == UNKNOWN)
            if setting.condition and met == TRUE:
                chosen = [setting]
                break
            if not setting.condition:
                chosen.append(setting)
        merged = _merge(chosen)
        if policy.inherits and result is not None:
            merged = _merge([result.setting, merged])
        result = Effective(merged, policy.label, doubtful)
    return result


def _merge(settings: list[Setting]) -> Setting:
    merged = Setting()
    for setting in settings:
        merged = replace(
            merged,
            enforced=merged.enforced or setting.enforced,
            allowed=merged.allowed + setting.allowed,
            denied=merged.denied + setting.denied,
            everything="deny"
            if "deny" in (merged.everything, setting.everything)
            else setting.everything or merged.everything,
        )
    return merged


def _forbids(found: Effective, values: tuple[str, ...] | None) -> Truth:
    """Whether a list constraint forbids any of the values; None: which ones the request has is not known."""
    setting = found.setting
    if setting.everything == "deny":
        return TRUE
    if setting.everything == "allow" and not setting.denied:
        return FALSE
    if values is None:
        return UNKNOWN if setting.allowed or setting.denied else FALSE
    bare = {v.removeprefix("is:").removeprefix("under:") for v in setting.allowed}
    result: Truth = FALSE
    for value in values:
        denied = value in {v.removeprefix("is:").removeprefix("under:") for v in setting.denied}
        known = all(not v.startswith(("under:", "in:")) for v in (*setting.allowed, *setting.denied))
        missing = bool(setting.allowed) and value not in bare
        result = either(result, TRUE if denied else (TRUE if known else UNKNOWN) if missing else FALSE)
    return result


def _boolean(found: Effective, _request: Request) -> Truth:
    return certain(found.setting.enforced)


def _upload(found: Effective, request: Request) -> Truth:
    return _boolean(found, request) if "Upload" in request.method else FALSE


def _service(found: Effective, request: Request) -> Truth:
    return _forbids(found, (request.service,))


def _members(found: Effective, request: Request) -> Truth:
    if request.members is None:
        return _forbids(found, None)
    public = any(member in ("allUsers", "allAuthenticatedUsers") for member in request.members)
    if (
        public
        and found.setting.allowed
        and not set(found.setting.allowed) & {"allUsers", "principalSet://goog/public:all"}
    ):
        return TRUE
    direct = all(member in found.setting.allowed for member in request.members)
    return FALSE if direct else _forbids(found, None)


def _instance(found: Effective, request: Request) -> Truth:
    name = relative_name(request.target.name)
    return _forbids(found, (name,) if "/instances/" in name else None)


def _named(attribute: str) -> Callable[[Effective, Request], Truth]:
    def check(found: Effective, request: Request) -> Truth:
        value = request.attributes.get(attribute)
        return _forbids(found, (value,) if isinstance(value, str) else None)

    return check


def _consumer(found: Effective, request: Request) -> Truth:
    """Images, disks and snapshots: which project uses them."""
    user = request.source.project or next(iter(request.also), "")
    if user and user in request.target.nodes:
        return FALSE
    return _forbids(found, (user,) if user else None)


_Check = Callable[[Effective, Request], Truth]
_USES: Final = (
    "compute.images.useReadOnly",
    "compute.snapshots.useReadOnly",
    "compute.disks.useReadOnly",
    "compute.disks.use",
)
CONSTRAINTS: Final[dict[str, tuple[tuple[str, ...], _Check]]] = {
    "iam.disableServiceAccountKeyCreation": (("iam.serviceAccountKeys.create",), _boolean),
    "iam.disableServiceAccountKeyUpload": (("iam.serviceAccountKeys.create",), _upload),
    "iam.disableServiceAccountCreation": (("iam.serviceAccounts.create",), _boolean),
    "gcp.restrictServiceUsage": (("*",), _service),
    "iam.allowedPolicyMemberDomains": (("*.setIamPolicy",), _members),
    "iam.allowedPolicyMembers": (("*.setIamPolicy",), _members),
    "compute.vmExternalIpAccess": (
        ("compute.subnetworks.useExternalIp", "compute.instances.addAccessConfig"),
        _instance,
    ),
    "compute.restrictVpcPeering": (
        ("compute.networks.addPeering", "compute.networks.updatePeering"),
        _named("compute.peerNetwork"),
    ),
    "compute.restrictSharedVpcHostProjects": (
        ("compute.organizations.enableXpnResource",),
        _named("compute.hostProject"),
    ),
    "compute.storageResourceUseRestrictions": (_USES, _consumer),
    "iam.workloadIdentityPoolProviders": (
        ("iam.workloadIdentityPoolProviders.create", "iam.workloadIdentityPoolProviders.update"),
        _named("iam.issuer"),
    ),
}  # fmt: skip


@lru_cache(maxsize=4096)
def _concerns(patterns: tuple[str, ...], permission: str) -> bool:
    return any(p in ("*", permission) or (p.startswith("*") and permission.endswith(p[1:])) for p in patterns)


def refused(policies: tuple[ConstraintPolicy, ...], request: Request) -> Outcome:
    """Whether a constraint refuses the request."""
    result: Truth = FALSE
    reasons: list[Reason] = []
    for constraint, (permissions, check) in CONSTRAINTS.items():
        if not _concerns(permissions, request.permission):
            continue
        found = effective(policies, constraint, request)
        if found is None:
            continue
        truth = check(found, request)
        truth = UNKNOWN if found.doubtful and truth != FALSE else truth
        if truth != FALSE:
            result = either(result, truth)
            effect = "denies" if truth == TRUE else "may deny"
            verb = "refuses" if truth == TRUE else "may refuse"
            reasons.append(Reason(found.label, constraint, effect, f"{constraint} of {found.label} {verb} it"))
    return Outcome(result, tuple(reasons))


def public_access_prevented(policies: tuple[ConstraintPolicy, ...], request: Request) -> bool:
    """Whether `storage.publicAccessPrevention` is certainly enforced on the resource."""
    found = effective(policies, "storage.publicAccessPrevention", request)
    return found is not None and found.setting.enforced and not found.doubtful
