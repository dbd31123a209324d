"""Buckets: encryption, versions, public access, ACLs."""

from __future__ import annotations

from typing import Any

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems, passed
from compliance.rules.populations import aliases, buckets, tenant_buckets, the_account
from compliance.rules.view import View

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

_EVERYONE = (
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
)

LIST_BUCKETS = "s3:ListBuckets"


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
    if key is None:
        return failed("no default encryption under a KMS key of ours (SSE-KMS)")
    ours = {view.account, *view.scope.platform_accounts}
    if "alias/aws/" in key or account_of_key(key) not in {"", *ours}:
        return failed(f"encrypted under {key}, which is no key of ours")
    return passed(f"encrypted under {key}")


def account_of_key(key: str) -> str:
    """The account in a key's ARN; empty if the key is given by its id or alias alone, as one's own."""
    parts = key.split(":")
    return parts[4] if len(parts) > 5 else ""


def _right_key(view: View, resource: Resource) -> Outcome:
    purpose, name, exists = resource.data
    if not exists:
        return failed(f"{name} does not exist")
    alias = view.tenant.key_aliases[view.tenant.bucket_keys[purpose]]
    wanted = aliases(view).get(alias)
    used = default_key(view, name)
    if wanted is None:
        return failed(f"there is no key with the alias {alias}")
    if used is not None and account_of_key(used) not in {"", view.account}:
        return failed(f"encrypted under {used}, a key of another account")
    same = (used is not None and used.rpartition("/")[2] in {wanted, alias.rpartition("/")[2]}) or used == alias
    return decide(same, f"encrypted under {alias}", f"encrypted under {used or 'no key'}, not under {alias} ({wanted})")


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
    owner = acl["Owner"]["ID"]
    grants = view.items("s3:GetBucketAcl", "Grants", Bucket=resource.data)
    strangers = [
        grant["Grantee"].get("URI") or grant["Grantee"].get("ID", "?")
        for grant in grants
        if grant["Grantee"].get("ID") != owner or grant["Grantee"].get("URI") in _EVERYONE
    ]
    problems = (
        [] if ownership == ["BucketOwnerEnforced"] else [f"object ownership is {', '.join(ownership) or 'not set'}"]
    )
    problems += [f"the ACL grants to {', '.join(strangers)}"] if strangers else []
    return judge_problems(problems, "ACLs are off and grant nothing")


def storage_rule(name: str, title: str, severity: Severity, needs: tuple[str, ...], **parts: Any) -> Rule:
    """A rule about buckets."""
    return Rule(
        id=f"storage.{name}",
        title=title,
        severity=severity,
        about=parts.pop("about", About.BOTH),
        needs=(LIST_BUCKETS, *needs),
        population=parts.pop("population", buckets),
        **parts,
    )


AS_DEPLOYED = "Deploy the tenant's vault again; nobody but the deployer may change it."

RULES: tuple[Rule, ...] = (
    storage_rule(
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
    storage_rule(
        "encrypted-kms",
        "Every bucket is encrypted under a KMS key",
        Severity.HIGH,
        ("s3:GetBucketEncryption",),
        check=_encrypted,
        threat="Without a key of ours, whoever reads the storage reads the data, and it cannot be shredded.",
        blind="Objects written before the default was set.",
        remediation=AS_DEPLOYED,
        objectives=("crypto.at-rest",),
    ),
    storage_rule(
        "right-key",
        "Each bucket is encrypted under the key of its purpose",
        Severity.HIGH,
        ("s3:GetBucketEncryption", "kms:ListAliases"),
        about=About.TENANT,
        population=tenant_buckets,
        check=_right_key,
        threat="A bucket under another purpose's key is released by another policy than the one that was reviewed.",
        blind="The keys of single objects.",
        remediation=AS_DEPLOYED,
        objectives=("crypto.at-rest", "crypto.separation"),
    ),
    storage_rule(
        "versioned",
        "Every bucket keeps versions",
        Severity.MEDIUM,
        ("s3:GetBucketVersioning",),
        check=_versioned,
        threat="An overwritten shard or checkpoint is gone.",
        blind="Whether versions are ever restored from.",
        remediation=AS_DEPLOYED,
        objectives=("data.integrity",),
    ),
    storage_rule(
        "public-access-blocked",
        "Every bucket blocks public access",
        Severity.CRITICAL,
        ("s3:GetPublicAccessBlock",),
        check=_public_blocked,
        threat="One wrong ACL or policy publishes the data.",
        blind="Cross-account access, which is not public in this sense.",
        remediation=AS_DEPLOYED,
        objectives=("isolation.resource",),
    ),
    Rule(
        id="storage.account-public-access-blocked",
        title="The account blocks public access to all of its buckets",
        severity=Severity.HIGH,
        about=About.BOTH,
        threat="A bucket made tomorrow is public by mistake.",
        blind="Cross-account access, which is not public in this sense.",
        remediation=AS_DEPLOYED,
        objectives=("isolation.resource",),
        needs=("s3control:GetPublicAccessBlock",),
        population=the_account,
        check=_account_blocked,
    ),
    storage_rule(
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
)
