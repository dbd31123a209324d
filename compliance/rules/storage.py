"""Buckets: encryption, transport, versions, public access, copies, and whom their policies let in."""

from __future__ import annotations

from typing import Any

from compliance.rules.guests import guests
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems, passed
from compliance.rules.populations import aliases, buckets, tenant_buckets, the_account
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
from compliance.rules.view import View

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_EVERYONE = (
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
)
_LIST = "s3:ListBuckets"


def policy_of(view: View, bucket: str) -> str | None:
    """The text of a bucket's policy, None if it has none."""
    answer = view.one("s3:GetBucketPolicy", Bucket=bucket)
    return None if answer is None else str(answer["Policy"])


def _exists(_view: View, resource: Resource) -> Outcome:
    purpose, name, exists = resource.data
    return decide(
        exists, f"the bucket for {purpose} exists", f"the tenant's file implies the bucket {name}; it does not exist"
    )


def default_key(view: View, bucket: str) -> str | None:
    """The KMS key that a bucket encrypts with by default, None without SSE-KMS."""
    answer = view.one("s3:GetBucketEncryption", Bucket=bucket)
    for rule in answer["ServerSideEncryptionConfiguration"]["Rules"] if answer else ():
        applied = rule.get("ApplyServerSideEncryptionByDefault", {})
        if applied.get("SSEAlgorithm") in {"aws:kms", "aws:kms:dsse"} and applied.get("KMSMasterKeyID"):
            return str(applied["KMSMasterKeyID"])
    return None


def _encrypted(view: View, resource: Resource) -> Outcome:
    key = default_key(view, resource.data)
    return decide(key is not None, f"encrypted under {key}", "no default encryption under a KMS key of ours (SSE-KMS)")


def _right_key(view: View, resource: Resource) -> Outcome:
    purpose, name, exists = resource.data
    if not exists:
        return failed(f"{name} does not exist")
    alias = view.tenant.key_aliases[view.tenant.bucket_keys[purpose]]
    wanted = aliases(view).get(alias)
    used = default_key(view, name)
    if wanted is None:
        return failed(f"there is no key with the alias {alias}")
    same = (used is not None and used.rpartition("/")[2] in {wanted, alias.rpartition("/")[2]}) or used == alias
    return decide(same, f"encrypted under {alias}", f"encrypted under {used or 'no key'}, not under {alias} ({wanted})")


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


def _versioned(view: View, resource: Resource) -> Outcome:
    status = (view.one("s3:GetBucketVersioning", Bucket=resource.data) or {}).get("Status", "never enabled")
    return decide(status == "Enabled", "versions are kept", f"versioning is {status.lower()}")


def _blocked(settings: dict[str, Any] | None) -> list[str]:
    block = (settings or {}).get("PublicAccessBlockConfiguration", {})
    return [name for name in BLOCKS if block.get(name) is not True]


def _public_blocked(view: View, resource: Resource) -> Outcome:
    open_ = _blocked(view.one("s3:GetPublicAccessBlock", Bucket=resource.data))
    return decide(not open_, "all four blocks are on", f"off: {', '.join(open_)}")


def _account_blocked(view: View, _resource: Resource) -> Outcome:
    open_ = _blocked(view.one("s3control:GetPublicAccessBlock", AccountId=view.account))
    return decide(not open_, "all four blocks are on for the whole account", f"off for the account: {', '.join(open_)}")


def _no_acls(view: View, resource: Resource) -> Outcome:
    controls = view.one("s3:GetBucketOwnershipControls", Bucket=resource.data)
    ownership = [rule["ObjectOwnership"] for rule in controls["OwnershipControls"]["Rules"]] if controls else []
    acl = view.one("s3:GetBucketAcl", Bucket=resource.data) or {}
    owner = acl.get("Owner", {}).get("ID")
    strangers = [
        grant["Grantee"].get("URI") or grant["Grantee"].get("ID", "?")
        for grant in acl.get("Grants", [])
        if grant["Grantee"].get("ID") != owner or grant["Grantee"].get("URI") in _EVERYONE
    ]
    problems = (
        [] if ownership == ["BucketOwnerEnforced"] else [f"object ownership is {', '.join(ownership) or 'not set'}"]
    )
    problems += [f"the ACL grants to {', '.join(strangers)}"] if strangers else []
    return judge_problems(problems, "ACLs are off and grant nothing")


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


def _no_replication(view: View, resource: Resource) -> Outcome:
    answer = view.one("s3:GetBucketReplication", Bucket=resource.data)
    if answer is None:
        return passed("nothing is replicated")
    foreign = []
    own = {bucket["Name"] for bucket in view.items(_LIST, "Buckets")}
    for rule in answer["ReplicationConfiguration"]["Rules"]:
        destination = rule["Destination"]
        name = destination["Bucket"].rpartition(":")[2]
        if destination.get("Account", view.account) != view.account or name not in own:
            foreign.append(name)
    return decide(not foreign, "replicated only to own buckets", f"replicated to {', '.join(foreign)}")


def _no_outlets(view: View, resource: Resource) -> Outcome:
    problems = []
    notification = view.one("s3:GetBucketNotificationConfiguration", Bucket=resource.data) or {}
    for kind, member in (
        ("Topic", "TopicConfigurations"),
        ("Queue", "QueueConfigurations"),
        ("LambdaFunction", "LambdaFunctionConfigurations"),
    ):
        for entry in notification.get(member, []):
            arn = entry[f"{kind}Arn"]
            if arn.split(":")[4] != view.account:
                problems.append(f"events go to {arn}")
    own = {bucket["Name"] for bucket in view.items(_LIST, "Buckets")}
    inventories = view.items("s3:ListBucketInventoryConfigurations", "InventoryConfigurationList", Bucket=resource.data)
    for inventory in inventories:
        target = inventory["Destination"]["S3BucketDestination"]["Bucket"].rpartition(":")[2]
        if target not in own:
            problems.append(f"inventory goes to {target}")
    target = (view.one("s3:GetBucketLogging", Bucket=resource.data) or {}).get("LoggingEnabled", {}).get("TargetBucket")
    if target and target not in own:
        problems.append(f"access logs go to {target}")
    return judge_problems(problems, "events, inventories and access logs stay in the account")


def _no_website(view: View, resource: Resource) -> Outcome:
    website = view.one("s3:GetBucketWebsite", Bucket=resource.data)
    cors = view.one("s3:GetBucketCors", Bucket=resource.data)
    problems = ["the bucket is a web site"] if website else []
    problems += ["web pages of other origins may read it (CORS)"] if cors else []
    return judge_problems(problems, "no web site, no CORS")


def _access_points(view: View, _resource: Resource) -> Outcome:
    problems = []
    points = view.items("s3control:ListAccessPoints", "AccessPointList", AccountId=view.account)
    for point in points:
        detail = view.one("s3control:GetAccessPoint", AccountId=view.account, Name=point["Name"]) or {}
        policy = view.one("s3control:GetAccessPointPolicy", AccountId=view.account, Name=point["Name"])
        if detail.get("NetworkOrigin") != "VPC":
            problems.append(f"access point {point['Name']} is reachable from the internet")
        if policy and (found := guests(policy["Policy"], {view.account})):
            problems.append(f"access point {point['Name']} allows {', '.join(found)}")
    return judge_problems(problems, f"{len(points)} access points, none open to others")


def _nobody_reads_unsigned(view: View, resource: Resource) -> Outcome:
    policy = policy_of(view, resource.data)
    if policy is None:
        return passed("no policy: an unsigned request is refused")
    question = Question("s3:GetObject", f"{resource.id}/x", view.account, anonymous(), {})
    return decide(
        not possibly_allowed([policy], "bucket", question), "no unsigned read", "an unsigned request may read objects"
    )


def _rule(name: str, title: str, severity: Severity, needs: tuple[str, ...], **parts: Any) -> Rule:
    return Rule(
        id=f"storage.{name}",
        title=title,
        severity=severity,
        about=parts.pop("about", About.BOTH),
        needs=(_LIST, *needs),
        population=parts.pop("population", buckets),
        **parts,
    )


_POLICY = ("s3:GetBucketPolicy",)
_AS_DEPLOYED = "Deploy the tenant's vault again; nobody but the deployer may change it."

RULES: tuple[Rule, ...] = (
    _rule(
        "buckets-exist",
        "The buckets that the tenant's file implies exist",
        Severity.MEDIUM,
        (),
        about=About.TENANT,
        population=tenant_buckets,
        check=_exists,
        threat="Data is put where none of the rules looks.",
        blind="What is in the buckets.",
        remediation="Deploy the tenant's vault.",
        objectives=("inventory.complete",),
    ),
    _rule(
        "encrypted-kms",
        "Every bucket is encrypted under a KMS key",
        Severity.HIGH,
        ("s3:GetBucketEncryption",),
        check=_encrypted,
        threat="Without a key of ours, whoever reads the storage reads the data, and it cannot be shredded.",
        blind="Objects written before the default was set.",
        remediation=_AS_DEPLOYED,
        objectives=("crypto.at-rest",),
    ),
    _rule(
        "right-key",
        "Each bucket is encrypted under the key of its purpose",
        Severity.HIGH,
        ("s3:GetBucketEncryption", "kms:ListAliases"),
        about=About.TENANT,
        population=tenant_buckets,
        check=_right_key,
        threat="A bucket under another purpose's key is released by another policy than the one that was reviewed.",
        blind="The keys of single objects.",
        remediation=_AS_DEPLOYED,
        objectives=("crypto.at-rest", "crypto.separation"),
    ),
    _rule(
        "wrong-key-refused",
        "No object can be written under a key of another account",
        Severity.HIGH,
        _POLICY,
        about=About.TENANT,
        population=tenant_buckets,
        check=_wrong_key_refused,
        threat="Ransom by encryption: objects are overwritten under a key that only the attacker holds.",
        blind="Keys of the same account and another purpose, if the policy names no key.",
        remediation=_AS_DEPLOYED,
        objectives=("crypto.at-rest",),
    ),
    _rule(
        "tls-only",
        "Every bucket refuses requests without TLS",
        Severity.HIGH,
        _POLICY,
        check=_tls_only,
        threat="Data read or changed on the wire.",
        blind="The TLS version, unless the policy asks for one.",
        remediation=_AS_DEPLOYED,
        objectives=("crypto.in-transit",),
    ),
    _rule(
        "versioned",
        "Every bucket keeps versions",
        Severity.MEDIUM,
        ("s3:GetBucketVersioning",),
        check=_versioned,
        threat="An overwritten shard or checkpoint is gone.",
        blind="Whether versions are ever restored from.",
        remediation=_AS_DEPLOYED,
        objectives=("data.integrity",),
    ),
    _rule(
        "public-access-blocked",
        "Every bucket blocks public access",
        Severity.CRITICAL,
        ("s3:GetPublicAccessBlock",),
        check=_public_blocked,
        threat="One wrong ACL or policy publishes the data.",
        blind="Cross-account access, which is not public in this sense.",
        remediation=_AS_DEPLOYED,
        objectives=("isolation.resource",),
    ),
    Rule(
        id="storage.account-public-access-blocked",
        title="The account blocks public access to all of its buckets",
        severity=Severity.HIGH,
        about=About.BOTH,
        threat="A bucket made tomorrow is public by mistake.",
        blind="Cross-account access, which is not public in this sense.",
        remediation=_AS_DEPLOYED,
        objectives=("isolation.resource",),
        needs=("s3control:GetPublicAccessBlock",),
        population=the_account,
        check=_account_blocked,
    ),
    _rule(
        "no-acls",
        "ACLs are off on every bucket",
        Severity.HIGH,
        ("s3:GetBucketOwnershipControls", "s3:GetBucketAcl"),
        check=_no_acls,
        threat="An ACL lets another account in beside the policy.",
        blind="ACLs of single objects, which are ignored once ownership is enforced.",
        remediation="Set object ownership to BucketOwnerEnforced.",
        objectives=("isolation.resource",),
    ),
    _rule(
        "no-guests",
        "No bucket policy allows another account",
        Severity.CRITICAL,
        _POLICY,
        check=_no_guests,
        threat="Another tenant reads or writes the data through the bucket's own policy.",
        blind="Whether the other side's policies and endpoints would let the request through; the proof says that.",
        remediation=_AS_DEPLOYED,
        objectives=("isolation.resource", "access.least-privilege"),
    ),
    _rule(
        "denies-other-accounts",
        "Every bucket policy itself denies all other accounts",
        Severity.HIGH,
        _POLICY,
        about=About.TENANT,
        check=_denies_strangers,
        threat="With the organisation's policy gone, nothing but an absent Allow stands between tenants.",
        blind="AWS services that act for others.",
        remediation=_AS_DEPLOYED,
        objectives=("isolation.resource",),
    ),
    _rule(
        "own-endpoint-only",
        "Objects move only through the tenant's VPC endpoint",
        Severity.HIGH,
        _POLICY,
        about=About.TENANT,
        population=tenant_buckets,
        check=_own_endpoint_only,
        threat="Stolen credentials or a presigned link read the data from anywhere.",
        blind="Which endpoint, if the policy asks for any endpoint of the account.",
        remediation=_AS_DEPLOYED,
        objectives=("isolation.network",),
    ),
    _rule(
        "no-unsigned-read",
        "No bucket can be read without a signature",
        Severity.CRITICAL,
        _POLICY,
        check=_nobody_reads_unsigned,
        threat="The data is on the internet.",
        blind="ACLs; another rule judges them.",
        remediation=_AS_DEPLOYED,
        objectives=("isolation.resource",),
    ),
    _rule(
        "no-foreign-replication",
        "No bucket is replicated to another account",
        Severity.CRITICAL,
        ("s3:GetBucketReplication",),
        check=_no_replication,
        threat="Replication copies every new object out, silently.",
        blind="Copies made by other services (batch operations, DataSync).",
        remediation="Delete the replication rule; find out who wrote it.",
        objectives=("isolation.resource",),
    ),
    _rule(
        "no-foreign-outlets",
        "Events, inventories and access logs of buckets stay in the account",
        Severity.MEDIUM,
        ("s3:GetBucketNotificationConfiguration", "s3:ListBucketInventoryConfigurations", "s3:GetBucketLogging"),
        check=_no_outlets,
        threat="Names, sizes and times of objects leak to another account.",
        blind="Metrics and analytics exports.",
        remediation="Point the destination at a bucket, topic or queue of the account.",
        objectives=("isolation.resource",),
    ),
    _rule(
        "no-web-site",
        "No bucket is a web site or readable by web pages",
        Severity.MEDIUM,
        ("s3:GetBucketWebsite", "s3:GetBucketCors"),
        check=_no_website,
        threat="A browser of someone with access is made to read the data.",
        blind="Web sites in front of the bucket (CloudFront).",
        remediation="Remove the web site and CORS configuration.",
        objectives=("isolation.resource",),
    ),
    Rule(
        id="storage.access-points-closed",
        title="No access point is open to the internet or another account",
        severity=Severity.CRITICAL,
        about=About.BOTH,
        threat="An access point has a policy of its own that lets others in beside the bucket's.",
        blind="Multi-region and Object Lambda access points.",
        remediation="Delete the access point.",
        objectives=("isolation.resource",),
        needs=("s3control:ListAccessPoints", "s3control:GetAccessPoint", "s3control:GetAccessPointPolicy"),
        population=the_account,
        check=_access_points,
    ),
)
