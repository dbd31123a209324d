"""Deny policies of a tenant's projects: what no allow policy, however it came about, can open.

IAM evaluates deny policies before allow policies, and `roles/owner` does not go round them (IAM documentation,
"Deny policies"). Each denies everyone and names the few who are excepted.
"""

from __future__ import annotations

from collections.abc import Sequence

from modules.policy.gcp_scope import EVERYONE, Document, GcpScope, denied_account, denied_group

ACCOUNT_KEYS = ("iam.googleapis.com/serviceAccountKeys.create",)
IMPERSONATION = (
    "iam.googleapis.com/serviceAccounts.getAccessToken",
    "iam.googleapis.com/serviceAccounts.getOpenIdToken",
    "iam.googleapis.com/serviceAccounts.implicitDelegation",
    "iam.googleapis.com/serviceAccounts.signBlob",
    "iam.googleapis.com/serviceAccounts.signJwt",
)
OBJECTS = (
    "storage.googleapis.com/objects.create",
    "storage.googleapis.com/objects.delete",
    "storage.googleapis.com/objects.get",
    "storage.googleapis.com/objects.list",
    "storage.googleapis.com/objects.update",
)
OPENING = (
    "cloudresourcemanager.googleapis.com/projects.setIamPolicy",
    "compute.googleapis.com/disks.setIamPolicy",
    "compute.googleapis.com/images.setIamPolicy",
    "compute.googleapis.com/instances.setIamPolicy",
    "compute.googleapis.com/networks.addPeering",
    "compute.googleapis.com/snapshots.setIamPolicy",
    "iam.googleapis.com/serviceAccounts.create",
    "iam.googleapis.com/serviceAccounts.setIamPolicy",
    "logging.googleapis.com/sinks.create",
    "logging.googleapis.com/sinks.update",
    "storage.googleapis.com/buckets.create",
    "storage.googleapis.com/buckets.setIamPolicy",
    "storage.googleapis.com/buckets.update",
    "storage.googleapis.com/objects.setIamPolicy",
)
KEY_USE = (
    "cloudkms.googleapis.com/cryptoKeyVersions.useToDecrypt",
    "cloudkms.googleapis.com/cryptoKeyVersions.useToDecryptViaDelegation",
    "cloudkms.googleapis.com/cryptoKeyVersions.useToEncrypt",
    "cloudkms.googleapis.com/cryptoKeyVersions.useToEncryptViaDelegation",
)
RELEASE = (
    "cloudkms.googleapis.com/cryptoKeyVersions.destroy",
    "cloudkms.googleapis.com/cryptoKeys.create",
    "cloudkms.googleapis.com/cryptoKeys.setIamPolicy",
    "cloudkms.googleapis.com/cryptoKeys.update",
    "cloudkms.googleapis.com/keyRings.setIamPolicy",
    "cloudresourcemanager.googleapis.com/projects.setIamPolicy",
    "iam.googleapis.com/workloadIdentityPoolProviders.create",
    "iam.googleapis.com/workloadIdentityPoolProviders.update",
    "iam.googleapis.com/workloadIdentityPools.create",
    "iam.googleapis.com/workloadIdentityPools.update",
)


def project_denials(scope: GcpScope) -> dict[str, Document]:
    """The deny rules of the tenant's project, by the name of their policy."""
    return {
        "account-keys": deny_account_keys(),
        "impersonation": deny_impersonation(scope),
        "objects": deny_objects_to_others(scope),
        "opening": deny_opening(scope),
    }


def key_project_denials(scope: GcpScope) -> dict[str, Document]:
    """The deny rules of the key project, by the name of their policy."""
    return {"key-use": deny_use_of_keys(scope), "release": deny_changing_release(scope)}


def _rule(description: str, permissions: Sequence[str], exceptions: Sequence[str]) -> Document:
    return {
        "description": description,
        "deny_rule": {
            "denied_principals": [EVERYONE],
            "denied_permissions": list(permissions),
            "exception_principals": sorted(exceptions),
        },
    }


def deny_account_keys() -> Document:
    """Stops everyone, the deployer included, from making a key for a service account: a password in a file."""
    return _rule("Nobody makes a key for a service account of the tenant", ACCOUNT_KEYS, [])


def deny_impersonation(scope: GcpScope) -> Document:
    """Stops anyone from acting as a service account but data owners and the scan, and allow policies say as which."""
    return _rule(
        "Nobody acts as a service account of the tenant but its data owners and the scan, each as its own",
        IMPERSONATION,
        [denied_group(scope.group("data-owners")), denied_account(scope.collector)],
    )


def deny_objects_to_others(scope: GcpScope) -> Document:
    """Stops administrators and foreign principals from touching objects, whatever a bucket or object grants them."""
    return _rule(
        "Objects are for the trainer and the data owner",
        OBJECTS,
        [denied_account(scope.account("trainer")), denied_account(scope.account("data-owner"))],
    )


def deny_opening(scope: GcpScope) -> Document:
    """Stops anyone but the deployer, and the agent that carries out approved entitlements, from sharing anything."""
    return _rule(
        "Only the deployer changes who may reach what; entitlements are given and taken back by their agent",
        OPENING,
        [denied_account(scope.organisation.deployer), denied_account(scope.access_agent)],
    )


def deny_use_of_keys(scope: GcpScope) -> Document:
    """Stops owners and administrators of the project from using a key: only attested machines and listed users do."""
    users = [scope.account("data-owner"), scope.storage_agent, scope.compute_agent, scope.logging_agent]
    return _rule(
        "Keys are used by attested machines, by the data owner who seals, and by the services for their own key",
        KEY_USE,
        [scope.attested, *(denied_account(user) for user in users)],
    )


def deny_changing_release(scope: GcpScope) -> Document:
    """Stops anyone but the deployer from changing what a machine must prove, or who holds a key."""
    return _rule(
        "Only the deployer changes the release condition and the keys",
        RELEASE,
        [denied_account(scope.organisation.deployer)],
    )


def quarantine_denials() -> dict[str, Document]:
    """For the quarantine folder: everything stops, attested machines included, and nothing is destroyed meanwhile."""
    starting = ("compute.googleapis.com/instances.create", "compute.googleapis.com/instances.start")
    destroying = (
        "cloudkms.googleapis.com/cryptoKeyVersions.destroy",
        "logging.googleapis.com/buckets.delete",
        "storage.googleapis.com/buckets.delete",
    )
    return {
        "quarantine": _rule(
            "A tenant in quarantine opens nothing, moves nothing and starts nothing; its evidence stays",
            [*KEY_USE, *OBJECTS, *IMPERSONATION, *ACCOUNT_KEYS, *starting, *destroying],
            [],
        )
    }
