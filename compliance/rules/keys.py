"""KMS keys: there, one for each purpose, rotating, made in KMS, granted to AWS services only."""

from __future__ import annotations

from typing import Any

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems, passed
from compliance.rules.populations import aliases, keys, named_keys
from compliance.rules.view import View


def _exists(_view: View, resource: Resource) -> Outcome:
    purpose, key_id = resource.data
    return decide(key_id is not None, f"the key for {purpose} is {key_id}", f"no key has the alias {resource.id}")


def _separate(view: View, _resource: Resource) -> Outcome:
    known = aliases(view)
    by_key: dict[str, list[str]] = {}
    for purpose, alias in view.tenant.key_aliases.items():
        if alias in known:
            by_key.setdefault(known[alias], []).append(purpose)
    if not by_key:
        return failed("no purpose has a key")
    shared = [f"{key} serves {' and '.join(purposes)}" for key, purposes in by_key.items() if len(purposes) > 1]
    return judge_problems(shared, f"{len(by_key)} purposes have {len(by_key)} keys")


def _rotates(view: View, resource: Resource) -> Outcome:
    if resource.data.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        return failed(f"a key of type {resource.data['KeySpec']} cannot rotate automatically; none is foreseen here")
    status = view.one("kms:GetKeyRotationStatus", KeyId=resource.data["KeyId"])
    if status is None or status["KeyRotationEnabled"] is not True:
        return failed("automatic rotation is off")
    period = status.get("RotationPeriodInDays", 365)
    ceiling = view.scope.rotation_ceiling_days
    return decide(
        period <= ceiling, f"rotates every {period} days", f"rotates every {period} days, at most {ceiling} are allowed"
    )


def _metadata(view: View, key_id: str) -> dict[str, Any]:
    return dict((view.one("kms:DescribeKey", KeyId=key_id) or {})["KeyMetadata"])


def _enabled(view: View, resource: Resource) -> Outcome:
    purpose, key_id = resource.data
    if key_id is None:
        return failed(f"there is no key for {purpose}")
    state = _metadata(view, key_id)["KeyState"]
    if view.tenant.state != "active":
        return passed(f"the tenant is {view.tenant.state} and the key is {state}")
    return decide(state == "Enabled", "the key is enabled", f"the key is {state}")


def _own_material(_view: View, resource: Resource) -> Outcome:
    origin, regions = resource.data.get("Origin", "AWS_KMS"), resource.data.get("MultiRegion", False)
    problems = [] if origin == "AWS_KMS" else [f"its material comes from {origin}, so copies of it exist outside KMS"]
    problems += ["it is a multi-region key, whose replicas have policies of their own"] if regions else []
    return judge_problems(problems, "made in KMS, in one region")


def _grants(view: View, resource: Resource) -> Outcome:
    grants = view.items("kms:ListGrants", "Grants", KeyId=resource.data["KeyId"])
    problems = []
    for grant in grants:
        grantee = grant.get("GranteePrincipal", "?")
        label = grant.get("Name") or grant["GrantId"][:12]
        service = grantee.endswith(".amazonaws.com")
        parts = grantee.split(":")
        account = parts[4] if len(parts) > 4 else ""
        if not service and account != view.account:
            problems.append(f"grant {label} gives {', '.join(grant['Operations'])} to {grantee}")
        elif not service and "/aws-service-role/" not in grantee and ":assumed-role/AWS" not in grantee:
            problems.append(f"grant {label} gives the key to {grantee} beside the policy")
        if set(grant["Operations"]) & {"CreateGrant"} and not service:
            problems.append(f"grant {label} can be passed on (CreateGrant)")
    return judge_problems(problems, f"{len(grants)} grants, all held by AWS services of this account")


def _deletion(view: View, resource: Resource) -> Outcome:
    purpose, key_id = resource.data
    if key_id is None:
        return failed(f"there is no key for {purpose}")
    metadata = _metadata(view, key_id)
    pending = metadata["KeyState"] == "PendingDeletion"
    expected = view.tenant.state in {"offboarding", "shredded"}
    return decide(
        not pending or expected, "not scheduled for deletion", f"will be deleted on {metadata.get('DeletionDate')}"
    )


def key_rule(name: str, title: str, severity: Severity, needs: tuple[str, ...], check: Any, **parts: Any) -> Rule:
    """A rule about keys, by listing or (`named`) by the aliases that the tenant's file implies."""
    named = parts.pop("named", False)
    base = ("kms:ListAliases",) if named else ("kms:ListKeys", "kms:DescribeKey")
    return Rule(
        id=f"keys.{name}",
        title=title,
        severity=severity,
        about=parts.pop("about", About.TENANT),
        remediation=parts.pop(
            "remediation", "Deploy the tenant's vault again; nobody but the deployer may change a key policy."
        ),
        needs=tuple(dict.fromkeys((*base, *needs))),
        population=named_keys if named else keys,
        check=check,
        **parts,
    )


RULES: tuple[Rule, ...] = (
    key_rule(
        "exist",
        "The keys that the tenant's file implies exist",
        Severity.HIGH,
        (),
        _exists,
        named=True,
        threat="Data is encrypted under a key that no rule looks at.",
        blind="What was encrypted under them.",
        objectives=("crypto.keys", "inventory.complete"),
    ),
    Rule(
        id="keys.separate-purposes",
        title="Every purpose has a key of its own",
        severity=Severity.HIGH,
        about=About.TENANT,
        threat="A key for two purposes is released under the weaker of two policies.",
        blind="Data encrypted under a key that it does not belong to.",
        remediation="Deploy the tenant's vault again.",
        objectives=("crypto.separation",),
        needs=("kms:ListAliases",),
        population=lambda view: [Resource(f"arn:aws:iam::{view.account}:root")],
        check=_separate,
    ),
    key_rule(
        "rotation",
        "Every key rotates automatically, often enough",
        Severity.MEDIUM,
        ("kms:GetKeyRotationStatus",),
        _rotates,
        about=About.BOTH,
        threat="The longer a key serves, the more a leak of it opens.",
        blind="Re-encryption of data that old versions of the key protect.",
        objectives=("crypto.keys",),
        remediation="Enable rotation with a period within the platform's limit.",
    ),
    key_rule(
        "enabled",
        "The keys of an active tenant are enabled",
        Severity.MEDIUM,
        ("kms:DescribeKey",),
        _enabled,
        named=True,
        threat="A disabled key stops training; nobody may notice who disabled it.",
        blind="Why a key was disabled.",
        objectives=("crypto.keys",),
    ),
    key_rule(
        "not-being-deleted",
        "No key of the tenant is about to be deleted",
        Severity.HIGH,
        ("kms:DescribeKey",),
        _deletion,
        named=True,
        threat="Deleting a key destroys everything under it.",
        blind="Imported material that expires.",
        objectives=("crypto.keys", "data.integrity"),
    ),
    key_rule(
        "own-material",
        "Every key was made in KMS and stays in one region",
        Severity.MEDIUM,
        (),
        _own_material,
        about=About.BOTH,
        threat="Imported material has copies elsewhere; a replica has another policy.",
        blind="Custom key stores' own access.",
        objectives=("crypto.keys",),
    ),
    key_rule(
        "grants-by-services-only",
        "Grants are held by AWS services only",
        Severity.CRITICAL,
        ("kms:ListGrants",),
        _grants,
        threat="A grant gives the key away beside the policy; public scanners do not look at grants.",
        blind="Grants made and retired between two scans; the trail shows those.",
        remediation="Revoke the grant (aws kms revoke-grant) and look up in the trail who made it.",
        objectives=("isolation.resource", "crypto.keys"),
    ),
)
