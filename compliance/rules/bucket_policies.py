"""Bucket policies: transport, keys, endpoints, and whom they let in."""

from __future__ import annotations

from compliance.rules.guests import guests
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems, passed
from compliance.rules.populations import tenant_buckets
from compliance.rules.probe import (
    STRANGER,
    Question,
    anonymous,
    certainly_denied,
    other_tenants,
    possibly_allowed,
    role,
    someone,
)
from compliance.rules.storage import AS_DEPLOYED, storage_rule
from compliance.rules.view import View


def policy_of(view: View, bucket: str) -> str | None:
    """The text of a bucket's policy, None if it has none."""
    answer = view.one("s3:GetBucketPolicy", Bucket=bucket)
    return None if answer is None else str(answer["Policy"])


def _tls_only(view: View, resource: Resource) -> Outcome:
    policy = policy_of(view, resource.data)
    if policy is None:
        return failed("the bucket has no policy, so nothing refuses plain HTTP")
    open_ = [
        action
        for action, target in (
            ("s3:GetObject", f"{resource.id}/x"),
            ("s3:PutObject", f"{resource.id}/x"),
            ("s3:ListBucket", resource.id),
        )
        for caller in (someone(view.account),)
        if not certainly_denied(
            [policy], "bucket", Question(action, target, view.account, caller, {"aws:SecureTransport": "false"})
        )
    ]
    return decide(not open_, "requests without TLS are denied", f"allowed without TLS: {', '.join(open_)}")


def _no_guests(view: View, resource: Resource) -> Outcome:
    policy = policy_of(view, resource.data)
    if policy is None:
        return passed("the bucket has no policy and so lets in no other account")
    own = {view.account, *view.scope.platform_accounts}
    found = guests(policy, own)
    return decide(not found, "the policy allows no other account", f"the policy allows {', '.join(found)}")


def _denies_strangers(view: View, resource: Resource) -> Outcome:
    policy = policy_of(view, resource.data)
    if policy is None:
        return failed("the bucket has no policy, so it does not deny other accounts itself")
    callers = [
        ([f"tenant {name}" for name in names], someone(account)) for names, account in other_tenants(view, [policy])
    ]
    callers += [(["any other account"], someone(STRANGER)), (["anyone, unsigned"], anonymous())]
    fixed = {"aws:SecureTransport": "true", "aws:ViaAWSService": "false", "aws:PrincipalIsAWSService": "false"}
    open_ = [
        f"{action} by {who}"
        for names, caller in callers
        for action, target in (("s3:GetObject", f"{resource.id}/x"), ("s3:PutObject", f"{resource.id}/x"))
        if not certainly_denied([policy], "bucket", Question(action, target, view.account, caller, fixed))
        for who in names
    ]
    return judge_problems(open_, "the policy itself denies every other account")


def _own_endpoint_only(view: View, resource: Resource) -> Outcome:
    _purpose, name, exists = resource.data
    policy = policy_of(view, name) if exists else None
    if policy is None:
        return failed("the bucket has no policy, so objects can be read from anywhere")
    fixed: dict[str, str | tuple[str, ...]] = {
        "aws:SecureTransport": "true",
        "aws:ViaAWSService": "false",
        "aws:PrincipalIsAWSService": "false",
        "aws:SourceVpce": (),
        "aws:SourceVpc": (),
        "aws:VpceAccount": (),
        "aws:VpceOrgID": (),
    }
    caller = role(view.account, view.tenant.roles["trainer"])
    question = Question("s3:GetObject", f"{resource.id}/x", view.account, caller, fixed)
    return decide(
        certainly_denied([policy], "bucket", question),
        "objects move only through a VPC endpoint",
        "the tenant's own role may read objects from outside every VPC endpoint: stolen credentials work anywhere",
    )


def _wrong_key_refused(view: View, resource: Resource) -> Outcome:
    _purpose, name, exists = resource.data
    policy = policy_of(view, name) if exists else None
    if policy is None:
        return failed("the bucket has no policy, so a writer may choose any key")
    header = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    other = f"arn:aws:kms:{view.tenant.region}:{STRANGER}:key/00000000-0000-0000-0000-000000000000"
    fixed = {
        "aws:SecureTransport": "true",
        "aws:ViaAWSService": "false",
        "s3:x-amz-server-side-encryption": "aws:kms",
        header: other,
    }
    caller = role(view.account, view.tenant.roles["trainer"])
    question = Question("s3:PutObject", f"{resource.id}/x", view.account, caller, fixed)
    return decide(
        certainly_denied([policy], "bucket", question),
        "writing under another key is denied",
        "a writer may encrypt an object under a key of another account",
    )


def _nobody_reads_unsigned(view: View, resource: Resource) -> Outcome:
    policy = policy_of(view, resource.data)
    if policy is None:
        return passed("no policy: an unsigned request is refused")
    question = Question("s3:GetObject", f"{resource.id}/x", view.account, anonymous(), {})
    return decide(
        not possibly_allowed([policy], "bucket", question), "no unsigned read", "an unsigned request may read objects"
    )


_POLICY = ("s3:GetBucketPolicy",)

RULES: tuple[Rule, ...] = (
    storage_rule(
        "wrong-key-refused",
        "No object can be written under a key of another account",
        Severity.HIGH,
        _POLICY,
        about=About.TENANT,
        population=tenant_buckets,
        check=_wrong_key_refused,
        threat="Ransom by encryption: objects are overwritten under a key that only the attacker holds.",
        blind="Keys of the same account and another purpose, if the policy names no key.",
        remediation=AS_DEPLOYED,
        objectives=("crypto.at-rest",),
    ),
    storage_rule(
        "tls-only",
        "Every bucket refuses requests without TLS",
        Severity.HIGH,
        _POLICY,
        check=_tls_only,
        threat="Data read or changed on the wire.",
        blind="The TLS version, unless the policy asks for one.",
        remediation=AS_DEPLOYED,
        objectives=("crypto.in-transit",),
    ),
    storage_rule(
        "no-guests",
        "No bucket policy allows another account",
        Severity.CRITICAL,
        _POLICY,
        check=_no_guests,
        threat="Another tenant reads or writes the data through the bucket's own policy.",
        blind="Whether the other side's policies and endpoints would let the request through; the proof says that.",
        remediation=AS_DEPLOYED,
        objectives=("isolation.resource", "access.least-privilege"),
    ),
    storage_rule(
        "denies-other-accounts",
        "Every bucket policy itself denies all other accounts",
        Severity.HIGH,
        _POLICY,
        about=About.TENANT,
        check=_denies_strangers,
        threat="With the organisation's policy gone, nothing but an absent Allow stands between tenants.",
        blind="AWS services that act for others.",
        remediation=AS_DEPLOYED,
        objectives=("isolation.resource",),
    ),
    storage_rule(
        "own-endpoint-only",
        "Objects move only through the tenant's VPC endpoint",
        Severity.HIGH,
        _POLICY,
        about=About.TENANT,
        population=tenant_buckets,
        check=_own_endpoint_only,
        threat="Stolen credentials or a presigned link read the data from anywhere.",
        blind="Which endpoint, if the policy asks for any endpoint of the account.",
        remediation=AS_DEPLOYED,
        objectives=("isolation.network",),
    ),
    storage_rule(
        "no-unsigned-read",
        "No bucket can be read without a signature",
        Severity.CRITICAL,
        _POLICY,
        check=_nobody_reads_unsigned,
        threat="The data is on the internet.",
        blind="ACLs; another rule judges them.",
        remediation=AS_DEPLOYED,
        objectives=("isolation.resource",),
    ),
)
