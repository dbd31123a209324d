"""KMS keys: rotation, separation by purpose, attested use without a way round, grants."""

from __future__ import annotations

from typing import Any

from compliance.rules.guests import guests
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems, passed
from compliance.rules.populations import aliases, key_policy, keys, listed, named_keys, statements
from compliance.rules.probe import (
    STRANGER,
    Question,
    certainly_denied,
    other_tenants,
    possibly_allowed,
    role,
    someone,
)
from compliance.rules.view import View

USE = ("kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom")
ATTESTED = ("data", "checkpoint")
_MEASUREMENTS = ("kms:recipientattestation:", "sts:recipientattestation:")
_NO_CALLER: dict[str, str | tuple[str, ...]] = {
    "kms:ViaService": (),
    "aws:ViaAWSService": "false",
    "aws:PrincipalIsAWSService": "false",
    "aws:SecureTransport": "true",
}


def _arn(view: View, key_id: str) -> str:
    return f"arn:aws:kms:{view.tenant.region}:{view.account}:key/{key_id}"


def _exists(_view: View, resource: Resource) -> Outcome:
    purpose, key_id = resource.data
    return decide(key_id is not None, f"the key for {purpose} is {key_id}", f"no key has the alias {resource.id}")


def _separate(view: View, _resource: Resource) -> Outcome:
    known = aliases(view)
    by_key: dict[str, list[str]] = {}
    for purpose, alias in view.tenant.key_aliases.items():
        if alias in known:
            by_key.setdefault(known[alias], []).append(purpose)
    shared = [f"{key} serves {' and '.join(purposes)}" for key, purposes in by_key.items() if len(purposes) > 1]
    return judge_problems(shared, f"{len(by_key)} purposes have {len(by_key)} keys")


def _rotates(view: View, resource: Resource) -> Outcome:
    if resource.data.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        return failed(f"a key of type {resource.data['KeySpec']} cannot rotate automatically; none is foreseen here")
    status = view.one("kms:GetKeyRotationStatus", KeyId=resource.data["KeyId"])
    if status is None or not status["KeyRotationEnabled"]:
        return failed("automatic rotation is off")
    period = status.get("RotationPeriodInDays", 365)
    ceiling = view.scope.rotation_ceiling_days
    return decide(
        period <= ceiling, f"rotates every {period} days", f"rotates every {period} days, at most {ceiling} are allowed"
    )


def _enabled(view: View, resource: Resource) -> Outcome:
    purpose, key_id = resource.data
    if key_id is None:
        return failed(f"there is no key for {purpose}")
    described = view.one("kms:DescribeKey", KeyId=key_id) or {}
    state = described.get("KeyMetadata", {}).get("KeyState", "unknown")
    if view.tenant.state != "active":
        return passed(f"the tenant is {view.tenant.state} and the key is {state}")
    return decide(state == "Enabled", "the key is enabled", f"the key is {state}")


def _own_material(_view: View, resource: Resource) -> Outcome:
    origin, regions = resource.data.get("Origin", "AWS_KMS"), resource.data.get("MultiRegion", False)
    problems = [] if origin == "AWS_KMS" else [f"its material comes from {origin}, so copies of it exist outside KMS"]
    problems += ["it is a multi-region key, whose replicas have policies of their own"] if regions else []
    return judge_problems(problems, "made in KMS, in one region")


def _no_guests(view: View, resource: Resource) -> Outcome:
    policy = key_policy(view, resource.data["KeyId"])
    found = guests(policy, {view.account, *view.scope.platform_accounts})
    found = [guest for guest in found if not guest.endswith(" for anyone")]
    return decide(not found, "the policy allows no other account", f"the policy allows {', '.join(found)}")


def _services_confined(view: View, resource: Resource) -> Outcome:
    policy = key_policy(view, resource.data["KeyId"])
    found = [
        guest
        for guest in guests(policy, {view.account, *view.scope.platform_accounts})
        if guest.endswith(" for anyone")
    ]
    return decide(
        not found,
        "AWS services use the key only for this account",
        f"nothing confines {', '.join(found)} to this account (aws:SourceAccount or aws:SourceArn)",
    )


def _denies_strangers(view: View, resource: Resource) -> Outcome:
    policy = key_policy(view, resource.data["KeyId"])
    callers = [(["any other account"], STRANGER)]
    callers += [([f"tenant {name}" for name in names], account) for names, account in other_tenants(view, [policy])]
    open_ = [
        f"{action} by {who}"
        for names, account in callers
        for action in ("kms:Decrypt", "kms:CreateGrant")
        if not certainly_denied(
            [policy], "key", Question(action, resource.id, view.account, someone(account), _NO_CALLER)
        )
        for who in names
    ]
    return judge_problems(open_, "the key policy itself denies every other account")


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


def _grants_denied(view: View, resource: Resource) -> Outcome:
    purpose, key_id = resource.data
    if key_id is None:
        return failed(f"there is no key for {purpose}")
    policy = key_policy(view, key_id)
    fixed: dict[str, str | tuple[str, ...]] = {**_NO_CALLER, "kms:GrantIsForAWSResource": "false"}
    question = Question("kms:CreateGrant", _arn(view, key_id), view.account, someone(view.account), fixed)
    return decide(
        not possibly_allowed([policy], "key", question),
        "no person or role can make a grant",
        "someone in the account may make a grant and so give the key away beside the policy",
    )


def _no_delegation(view: View, resource: Resource) -> Outcome:
    policy = key_policy(view, resource.data["KeyId"])
    wide = []
    for statement in statements(policy):
        principal = statement.get("Principal")
        names = listed(principal.get("AWS")) if isinstance(principal, dict) else [principal]
        root = any(name in {f"arn:aws:iam::{view.account}:root", view.account, "*"} for name in names)
        actions = [str(action).lower() for action in listed(statement.get("Action"))]
        using = [action for action in actions if action in {"*", "kms:*"} or action.startswith("kms:decrypt")]
        if statement.get("Effect") == "Allow" and root and using and not statement.get("Condition"):
            wide.append(statement.get("Sid", "a statement without Sid"))
    return decide(
        not wide,
        "the policy hands nothing to IAM",
        f"{', '.join(wide)} hands the use of the key to any IAM policy of the account",
    )


def _administrators_cannot_use(view: View, resource: Resource) -> Outcome:
    purpose, key_id = resource.data
    if key_id is None:
        return failed(f"there is no key for {purpose}")
    policy = key_policy(view, key_id)
    admin = role(view.account, view.scope.deployer_role)
    open_ = [
        action
        for action in USE
        if possibly_allowed([policy], "key", Question(action, _arn(view, key_id), view.account, admin, _NO_CALLER))
    ]
    return decide(
        not open_, "the deploying role manages the key and cannot use it", f"the deploying role may {', '.join(open_)}"
    )


def _attested(view: View, resource: Resource) -> Outcome:
    purpose, key_id = resource.data
    if purpose not in ATTESTED:
        return passed(f"the key for {purpose} is not released to machines by measurement")
    if key_id is None:
        return failed(f"there is no key for {purpose}")
    policy = key_policy(view, key_id)
    if not _measured(policy):
        return failed(
            "no statement denies use without a measurement: the key is released to a machine that proves nothing"
        )
    arn = _arn(view, key_id)
    fixed: dict[str, str | tuple[str, ...]] = {**_NO_CALLER, **_without_measurement(policy)}
    callers = {
        "the trainer": role(view.account, view.tenant.roles["trainer"]),
        "an administrator": role(view.account, view.scope.deployer_role),
    }
    open_ = [
        who
        for who, caller in callers.items()
        if not certainly_denied([policy], "key", Question("kms:Decrypt", arn, view.account, caller, fixed))
    ]
    return decide(
        not open_,
        "decryption without the measurements is denied, for administrators too",
        f"{' and '.join(open_)} may decrypt without any measurement",
    )


def _measured(policy: str) -> bool:
    return bool(_without_measurement(policy))


def _without_measurement(policy: str) -> dict[str, tuple[str, ...]]:
    """Every measurement key that the policy's Deny statements look at, as absent from the request."""
    found: dict[str, tuple[str, ...]] = {}
    for statement in statements(policy):
        if statement.get("Effect") == "Deny":
            for keys_ in (statement.get("Condition") or {}).values():
                found |= {key: () for key in keys_ if key.lower().startswith(_MEASUREMENTS)}
    return found


def _labelled(view: View, resource: Resource) -> Outcome:
    purpose, key_id = resource.data
    if purpose not in {"data", "checkpoint", "export"}:
        return passed(f"the key for {purpose} is used by services, which set no label")
    if key_id is None:
        return failed(f"there is no key for {purpose}")
    policy = key_policy(view, key_id)
    label = "kms:EncryptionContext:tenant"
    fixed: dict[str, str | tuple[str, ...]] = {**_NO_CALLER, label: "another-tenant"}
    caller = role(view.account, view.tenant.roles["trainer"])
    question = Question("kms:Decrypt", _arn(view, key_id), view.account, caller, fixed)
    return decide(
        not possibly_allowed([policy], "key", question),
        "the key opens only what carries the tenant's label",
        "the key opens ciphertext that carries another tenant's label (kms:EncryptionContext:tenant)",
    )


def _deletion(view: View, resource: Resource) -> Outcome:
    purpose, key_id = resource.data
    if key_id is None:
        return failed(f"there is no key for {purpose}")
    metadata = (view.one("kms:DescribeKey", KeyId=key_id) or {}).get("KeyMetadata", {})
    pending = metadata.get("KeyState") == "PendingDeletion"
    expected = view.tenant.state in {"offboarding", "shredded"}
    return decide(
        not pending or expected, "not scheduled for deletion", f"will be deleted on {metadata.get('DeletionDate')}"
    )


def _rule(name: str, title: str, severity: Severity, needs: tuple[str, ...], check: Any, **parts: Any) -> Rule:
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


_POLICY = ("kms:GetKeyPolicy",)

RULES: tuple[Rule, ...] = (
    _rule(
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
    _rule(
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
    _rule(
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
    _rule(
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
    _rule(
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
    _rule(
        "no-guests",
        "No key policy allows another account",
        Severity.CRITICAL,
        _POLICY,
        _no_guests,
        threat="Another tenant decrypts.",
        blind="Identity policies of the other side; the proof says whether a request succeeds.",
        objectives=("isolation.resource", "access.least-privilege"),
    ),
    _rule(
        "services-confined",
        "AWS services use a key only on behalf of this account",
        Severity.HIGH,
        _POLICY,
        _services_confined,
        threat="Confused deputy: a service uses the key for another tenant.",
        blind="Services that use grants.",
        objectives=("isolation.resource",),
    ),
    _rule(
        "denies-other-accounts",
        "Every key policy itself denies all other accounts",
        Severity.HIGH,
        _POLICY,
        _denies_strangers,
        threat="With the organisation's policy gone, a grant or a wrong statement opens the key.",
        blind="AWS services that act for others.",
        objectives=("isolation.resource",),
    ),
    _rule(
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
    _rule(
        "no-grants-by-people",
        "Nobody but AWS services can make a grant",
        Severity.HIGH,
        _POLICY,
        _grants_denied,
        named=True,
        threat="A grant gives the key away beside the policy.",
        blind="Grants that services ask for.",
        objectives=("isolation.resource",),
    ),
    _rule(
        "no-iam-delegation",
        "No key policy hands the use of the key to IAM",
        Severity.HIGH,
        _POLICY,
        _no_delegation,
        threat="Any administrator of the account writes an IAM policy that lets him decrypt.",
        blind="Delegation under a condition that always holds.",
        objectives=("access.separation-of-duties",),
    ),
    _rule(
        "administrators-cannot-use",
        "Whoever manages a key cannot use it",
        Severity.HIGH,
        _POLICY,
        _administrators_cannot_use,
        named=True,
        threat="A platform administrator reads a tenant's data.",
        blind="What an administrator does by changing the policy first; the trail shows that.",
        objectives=("access.separation-of-duties",),
    ),
    _rule(
        "attested-use",
        "The keys for data and checkpoints are released only with a measurement",
        Severity.CRITICAL,
        _POLICY,
        _attested,
        named=True,
        threat="A machine that did not boot the approved image, or a person, gets the data keys.",
        blind="Whether the measurements are those of the approved image; the release policy's own check says that.",
        objectives=("attestation.key-release",),
        remediation="Compile the release policy for the approved image and deploy the vault.",
    ),
    _rule(
        "labelled-use",
        "A key opens only what carries the tenant's label",
        Severity.MEDIUM,
        _POLICY,
        _labelled,
        named=True,
        threat="Ciphertext of one tenant is opened under another's request.",
        blind="Use through S3, whose encryption context names the bucket instead.",
        objectives=("data.labels",),
    ),
)
