"""Key policies: who may use a key, attested use without a way round, no delegation, no grants."""

from __future__ import annotations

from compliance.rules.guests import guests
from compliance.rules.keys import key_rule
from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, failed, judge_problems, passed
from compliance.rules.populations import key_policy, listed, statements
from compliance.rules.probe import STRANGER, Question, certainly_denied, other_tenants, possibly_allowed, role, someone
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


_POLICY = ("kms:GetKeyPolicy",)

RULES: tuple[Rule, ...] = (
    key_rule(
        "no-guests",
        "No key policy allows another account",
        Severity.CRITICAL,
        _POLICY,
        _no_guests,
        threat="Another tenant decrypts.",
        blind="Identity policies of the other side; the proof says whether a request succeeds.",
        objectives=("isolation.resource", "access.least-privilege"),
    ),
    key_rule(
        "services-confined",
        "AWS services use a key only on behalf of this account",
        Severity.HIGH,
        _POLICY,
        _services_confined,
        threat="Confused deputy: a service uses the key for another tenant.",
        blind="Services that use grants.",
        objectives=("isolation.resource",),
    ),
    key_rule(
        "denies-other-accounts",
        "Every key policy itself denies all other accounts",
        Severity.HIGH,
        _POLICY,
        _denies_strangers,
        threat="With the organisation's policy gone, a grant or a wrong statement opens the key.",
        blind="AWS services that act for others.",
        objectives=("isolation.resource",),
    ),
    key_rule(
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
    key_rule(
        "no-iam-delegation",
        "No key policy hands the use of the key to IAM",
        Severity.HIGH,
        _POLICY,
        _no_delegation,
        threat="Any administrator of the account writes an IAM policy that lets him decrypt.",
        blind="Delegation under a condition that always holds.",
        objectives=("access.separation-of-duties",),
    ),
    key_rule(
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
    key_rule(
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
    key_rule(
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
