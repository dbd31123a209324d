"""What reaching a resource of Google Cloud means: the permissions that nobody else may use on it, by kind.

Reading, writing and destroying count, and so does rewriting who may.
"""

from __future__ import annotations

from typing import Final

from compliance.estate.google_model import GoogleResource

GOALS: Final[dict[str, tuple[str, ...]]] = {
    "bucket": (
        "storage.buckets.setIamPolicy", "storage.buckets.update", "storage.buckets.delete", "storage.objects.list",
    ),
    "object": (
        "storage.objects.get", "storage.objects.create", "storage.objects.delete", "storage.objects.update",
        "storage.objects.setIamPolicy",
    ),
    "managed-folder": ("storage.managedFolders.setIamPolicy",),
    "key-ring": ("cloudkms.keyRings.setIamPolicy",),
    "key": (
        "cloudkms.cryptoKeyVersions.useToDecrypt", "cloudkms.cryptoKeyVersions.useToEncrypt",
        "cloudkms.cryptoKeyVersions.useToDecryptViaDelegation", "cloudkms.cryptoKeys.setIamPolicy",
        "cloudkms.cryptoKeys.update", "cloudkms.cryptoKeyVersions.destroy",
    ),
    "secret": ("secretmanager.versions.access", "secretmanager.versions.add", "secretmanager.secrets.setIamPolicy"),
    "topic": ("pubsub.topics.attachSubscription", "pubsub.topics.publish", "pubsub.topics.setIamPolicy"),
    "subscription": (
        "pubsub.subscriptions.consume", "pubsub.subscriptions.update", "pubsub.subscriptions.setIamPolicy",
    ),
    "dataset": ("bigquery.tables.getData", "bigquery.datasets.update", "bigquery.datasets.setIamPolicy"),
    "table": ("bigquery.tables.getData", "bigquery.tables.updateData", "bigquery.tables.setIamPolicy"),
    "disk": (
        "compute.disks.useReadOnly", "compute.disks.use", "compute.disks.createSnapshot", "compute.disks.setIamPolicy",
        "compute.disks.delete",
    ),
    "snapshot": ("compute.snapshots.useReadOnly", "compute.snapshots.setIamPolicy", "compute.snapshots.delete"),
    "image": ("compute.images.useReadOnly", "compute.images.setIamPolicy", "compute.images.delete"),
    "machine-image": ("compute.machineImages.useReadOnly", "compute.machineImages.setIamPolicy"),
    "repository": (
        "artifactregistry.repositories.downloadArtifacts", "artifactregistry.repositories.uploadArtifacts",
        "artifactregistry.repositories.setIamPolicy",
    ),
    "log-bucket": (
        "logging.views.access", "logging.buckets.update", "logging.buckets.delete", "logging.logEntries.list",
    ),
    "account": (
        "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.signBlob", "iam.serviceAccounts.signJwt",
        "iam.serviceAccounts.implicitDelegation", "iam.serviceAccountKeys.create", "iam.serviceAccounts.setIamPolicy",
        "iam.serviceAccounts.actAs", "iam.serviceAccounts.getOpenIdToken",
    ),
    "instance": (
        "compute.instances.setMetadata", "compute.instances.osLogin", "compute.instances.setServiceAccount",
        "compute.instances.getSerialPortOutput", "compute.instances.setIamPolicy", "compute.instances.delete",
        "iap.tunnelInstances.accessViaIAP",
    ),
    "project": (
        "resourcemanager.projects.setIamPolicy", "iam.roles.update", "iam.denypolicies.update",
        "orgpolicy.policy.set", "compute.projects.setCommonInstanceMetadata", "compute.instances.create",
        "iam.serviceAccounts.create", "logging.sinks.create", "logging.privateLogEntries.list",
        "storage.hmacKeys.create", "cloudbuild.builds.create", "deploymentmanager.deployments.create",
        "privilegedaccessmanager.entitlements.create", "privilegedaccessmanager.entitlements.update",
        "compute.instances.osLogin", "iap.tunnelInstances.accessViaIAP", "resourcemanager.projects.move",
        "resourcemanager.projects.delete",
    ),
    "folder": ("resourcemanager.folders.setIamPolicy", "iam.denypolicies.update", "orgpolicy.policy.set"),
    "organization": (
        "resourcemanager.organizations.setIamPolicy", "iam.roles.update", "orgpolicy.policy.set",
        "accesscontextmanager.servicePerimeters.update", "iam.principalaccessboundarypolicies.update",
    ),
    "pool": ("iam.workloadIdentityPoolProviders.create", "iam.workloadIdentityPoolProviders.update"),
    "subnet": ("compute.subnetworks.use", "compute.subnetworks.setIamPolicy"),
    "network": ("compute.networks.addPeering", "compute.networks.updatePolicy"),
}  # fmt: skip
BECOME: Final = (
    "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.signJwt", "iam.serviceAccounts.signBlob",
    "iam.serviceAccounts.implicitDelegation", "iam.serviceAccountKeys.create", "iam.serviceAccounts.setIamPolicy",
)  # fmt: skip
"""Permissions on a service account with which a caller becomes it."""


def goals_of(resource: GoogleResource) -> list[tuple[str, str]]:
    """Permissions with the resource they are about; a `*` in it stands for any object."""
    found = [(permission, resource.name) for permission in GOALS[resource.kind]]
    if resource.kind == "bucket":
        found += [(permission, f"{resource.name}/objects/*") for permission in GOALS["object"]]
    if resource.kind == "managed-folder":
        bucket, _, folder = resource.name.partition("/managedFolders/")
        found += [(permission, f"{bucket}/objects/{folder.rstrip('/')}/*") for permission in GOALS["object"]]
    return found
