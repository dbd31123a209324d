"""Resource lock on Google Cloud: the allow policies of keys, buckets and service accounts, whole.

Each is the resource's entire policy: whatever else someone adds is removed by the next deployment, and is seen by the
scan before. No policy here grants a basic role, and none names a principal of another tenant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from modules.policy.gcp_scope import Document, GcpScope, service_account
from tenancy.names import BucketPurpose, KeyPurpose, RoleName

ENCRYPTER = "roles/cloudkms.cryptoKeyEncrypter"
DECRYPTER = "roles/cloudkms.cryptoKeyDecrypter"
BOTH_WAYS = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
READ_OBJECTS = "roles/storage.objectViewer"
APPEND_OBJECTS = "roles/storage.objectCreator"
CHANGE_OBJECTS = "roles/storage.objectUser"
IMPERSONATE = "roles/iam.serviceAccountTokenCreator"
ATTACH = "roles/iam.serviceAccountUser"

POLICY_LIMIT = 1500
"""Principals in one allow policy (IAM documentation, "Quotas and limits")."""


def policy(grants: Iterable[tuple[str, Sequence[str]]]) -> Document:
    """An allow policy of these roles and members; a role without members is left out."""
    return {
        "bindings": [{"role": role, "members": sorted(set(members))} for role, members in grants if members],
        "version": 3,
    }


def rendered(document: Document) -> str:
    """An allow policy as Terraform's `policy_data` takes it."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True)


def key_policy(scope: GcpScope, purpose: KeyPurpose, attested: Sequence[str]) -> Document:
    """The policy of a key. `attested` are the principal sets of machines that run an accepted image.

    Data, checkpoints and models are opened by attested machines only: no service agent, no administrator, and no
    person but the data owner for a finished model. What lies in buckets and on disks is encrypted once more under
    `disk`, which Google's services use and which opens none of the three.
    """
    owner = service_account(scope.account("data-owner"))
    grants: dict[KeyPurpose, list[tuple[str, Sequence[str]]]] = {
        "data": [(ENCRYPTER, [owner]), (DECRYPTER, attested)],
        "checkpoint": [(BOTH_WAYS, attested)],
        "export": [(BOTH_WAYS, attested), (DECRYPTER, [owner])],
        "disk": [(BOTH_WAYS, [service_account(scope.storage_agent), service_account(scope.compute_agent)])],
        "logs": [(BOTH_WAYS, [service_account(scope.logging_agent)])],
    }
    return policy(grants[purpose])


def bucket_policy(scope: GcpScope, purpose: BucketPurpose) -> Document:
    """The policy of a bucket: the trainer and the data owner, each with what it does there."""
    trainer, owner = service_account(scope.account("trainer")), service_account(scope.account("data-owner"))
    grants: dict[BucketPurpose, list[tuple[str, Sequence[str]]]] = {
        "data": [(READ_OBJECTS, [trainer]), (CHANGE_OBJECTS, [owner])],
        "checkpoint": [(CHANGE_OBJECTS, [trainer])],
        "model": [(CHANGE_OBJECTS, [trainer]), (READ_OBJECTS, [owner])],
    }
    return policy(grants[purpose])


def ledger_policy(scope: GcpScope) -> Document:
    """The policy of the ledger's bucket: whoever uses a key appends and reads, and nobody replaces or removes."""
    writers = [service_account(scope.account("trainer")), service_account(scope.account("data-owner"))]
    return policy([(APPEND_OBJECTS, writers), (READ_OBJECTS, writers)])


def account_policy(scope: GcpScope, role: RoleName) -> Document:
    """Who may act as a service account: machines as the trainer, data owners as theirs, the scan as the auditor."""
    grants: dict[RoleName, list[tuple[str, Sequence[str]]]] = {
        "trainer": [(ATTACH, [service_account(scope.organisation.deployer)])],
        "data-owner": [(IMPERSONATE, [f"group:{scope.group('data-owners')}"])],
        "auditor": [(IMPERSONATE, [service_account(scope.collector)])],
    }
    return policy(grants[role])


def project_grants(scope: GcpScope, auditor_role: str) -> list[tuple[str, str]]:
    """Roles on the tenant's project, as pairs of role and member: to attest, to log, to measure, to see settings."""
    trainer = service_account(scope.account("trainer"))
    return [
        ("roles/confidentialcomputing.workloadUser", trainer),
        ("roles/logging.logWriter", trainer),
        ("roles/monitoring.metricWriter", trainer),
        (auditor_role, service_account(scope.account("auditor"))),
    ]


def key_project_grants(scope: GcpScope, auditor_role: str) -> list[tuple[str, str]]:
    """Roles on the key project: the auditor looks at settings, and nobody has anything else."""
    return [(auditor_role, service_account(scope.account("auditor")))]


AUDITOR_PERMISSIONS = (
    "accesscontextmanager.accessPolicies.get",
    "accesscontextmanager.servicePerimeters.get",
    "accesscontextmanager.servicePerimeters.list",
    "billing.budgets.get",
    "billing.budgets.list",
    "cloudasset.assets.listAccessPolicy",
    "cloudasset.assets.listIamPolicy",
    "cloudasset.assets.listOrgPolicy",
    "cloudasset.assets.listResource",
    "cloudkms.cryptoKeys.get",
    "cloudkms.cryptoKeys.getIamPolicy",
    "cloudkms.cryptoKeys.list",
    "cloudkms.cryptoKeyVersions.get",
    "cloudkms.cryptoKeyVersions.list",
    "cloudkms.keyRings.get",
    "cloudkms.keyRings.getIamPolicy",
    "cloudkms.keyRings.list",
    "cloudquotas.quotas.get",
    "compute.disks.get",
    "compute.disks.getIamPolicy",
    "compute.disks.list",
    "compute.firewallPolicies.get",
    "compute.firewallPolicies.list",
    "compute.images.get",
    "compute.images.getIamPolicy",
    "compute.images.list",
    "compute.instanceTemplates.get",
    "compute.instanceTemplates.list",
    "compute.instances.get",
    "compute.instances.list",
    "compute.networks.get",
    "compute.networks.list",
    "compute.routes.list",
    "compute.snapshots.get",
    "compute.snapshots.getIamPolicy",
    "compute.snapshots.list",
    "compute.subnetworks.get",
    "compute.subnetworks.list",
    "dns.responsePolicies.list",
    "dns.responsePolicyRules.list",
    "iam.denypolicies.get",
    "iam.denypolicies.list",
    "iam.policybindings.list",
    "iam.principalaccessboundarypolicies.list",
    "iam.serviceAccountKeys.list",
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.getIamPolicy",
    "iam.serviceAccounts.list",
    "iam.workloadIdentityPoolProviders.get",
    "iam.workloadIdentityPoolProviders.list",
    "iam.workloadIdentityPools.get",
    "iam.workloadIdentityPools.list",
    "logging.buckets.get",
    "logging.buckets.list",
    "logging.sinks.get",
    "logging.sinks.list",
    "monitoring.alertPolicies.list",
    "orgpolicy.customConstraints.list",
    "orgpolicy.policies.list",
    "orgpolicy.policy.get",
    "privilegedaccessmanager.entitlements.list",
    "resourcemanager.projects.get",
    "resourcemanager.projects.getIamPolicy",
    "serviceusage.services.list",
    "storage.buckets.get",
    "storage.buckets.getIamPolicy",
    "storage.buckets.list",
)
"""What the scan reads: settings, never an object, a log entry, a secret or a plaintext."""


OPERATOR_PERMISSIONS = (
    "compute.instanceGroupManagers.get",
    "compute.instanceGroupManagers.list",
    "compute.instanceGroupManagers.update",
    "compute.instances.delete",
    "compute.instances.get",
    "compute.instances.list",
    "compute.instances.stop",
)
"""What an operator does to machines: see them, and take them away. Starting one with other settings is not among it."""


def entitlements(scope: GcpScope, operator_role: str) -> list[Document]:
    """Just-in-time access for the platform's people: for hours, with a reason, approved by the tenant.

    Nobody of the platform has a standing role in a tenant's project, and no entitlement opens data, keys or policies.
    """
    return [
        _entitlement(
            scope,
            "investigate",
            "security",
            ["roles/compute.viewer", "roles/logging.viewer", "roles/monitoring.viewer"],
            hours=4,
        ),
        _entitlement(
            scope,
            "operate",
            "operators",
            [operator_role],
            hours=2,
        ),
    ]


def _entitlement(scope: GcpScope, name: str, group: str, roles: Sequence[str], *, hours: int) -> Document:
    project = f"//cloudresourcemanager.googleapis.com/projects/{scope.names.project}"
    approvers = [f"group:{scope.group('approvers')}"]
    return {
        "entitlement_id": f"{scope.names.tenant}-{name}",
        "location": "global",
        "parent": f"projects/{scope.names.project}",
        "max_request_duration": f"{hours * 3600}s",
        "eligible_users": [{"principals": [f"group:{scope.platform_group(group)}"]}],
        "privileged_access": {
            "gcp_iam_access": {
                "resource": project,
                "resource_type": "cloudresourcemanager.googleapis.com/Project",
                "role_bindings": [{"role": role} for role in roles],
            }
        },
        "requester_justification_config": {"unstructured": {}},
        "approval_workflow": {
            "manual_approvals": {
                "require_approver_justification": True,
                "steps": [{"approvals_needed": 1, "approvers": {"principals": approvers}}],
            }
        },
    }
