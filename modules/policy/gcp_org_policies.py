"""Organisation policies: what cannot be configured at all below the tenants' folder, by whomever.

Each constraint is named for the attack that it stops. The folder's hold for every tenant; a tenant's own narrow three
of them to its projects and region (Resource Manager documentation, "Organization policy constraints").
"""

from __future__ import annotations

from collections.abc import Iterable

from attestation.kinds.gcp_token import GOOGLE_ISSUER
from modules.policy.gcp_scope import Document, GcpScope
from tenancy.google import GoogleOrganisation

SERVICES = (
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudasset.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudquotas.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "confidentialcomputing.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "orgpolicy.googleapis.com",
    "privilegedaccessmanager.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
)
"""What a tenant's projects use; every other service of Google Cloud is refused."""

KEY_SERVICES = (
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "serviceusage.googleapis.com",
    "sts.googleapis.com",
)
"""What the key project uses."""

LOOKED_AT = ("cloudasset.googleapis.com", "privilegedaccessmanager.googleapis.com")
"""What the scan asks about the key project."""

CMEK_SERVICES = (
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "compute.googleapis.com",
    "pubsub.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
)
"""Services that must not store anything but under a customer's key."""

ON = (
    "compute.disableGlobalSerialPortAccess",
    "compute.disableGuestAttributesAccess",
    "compute.disableInternetNetworkEndpointGroup",
    "compute.disableNestedVirtualization",
    "compute.disableSerialPortAccess",
    "compute.disableVpcExternalIpv6",
    "compute.requireOsLogin",
    "compute.requireShieldedVm",
    "compute.skipDefaultNetworkCreation",
    "iam.automaticIamGrantsForDefaultServiceAccounts",
    "iam.disableAuditLoggingExemption",
    "iam.disableCrossProjectServiceAccountUsage",
    "iam.disableServiceAccountKeyCreation",
    "iam.disableServiceAccountKeyUpload",
    "storage.publicAccessPrevention",
    "storage.secureHttpTransport",
    "storage.uniformBucketLevelAccess",
)
"""Constraints that are either on or off."""

NOTHING = (
    "compute.restrictCloudNATUsage",
    "compute.restrictDedicatedInterconnectUsage",
    "compute.restrictLoadBalancerCreationForTypes",
    "compute.restrictPartnerInterconnectUsage",
    "compute.restrictSharedVpcHostProjects",
    "compute.restrictSharedVpcSubnetworks",
    "compute.restrictVpcPeering",
    "compute.restrictVpnPeerIPs",
    "compute.vmCanIpForward",
    "compute.vmExternalIpAccess",
    "iam.workloadIdentityPoolAwsAccounts",
)
"""Lists of what is allowed that stay empty: ways out of a network, and identities of another cloud."""


BRIDGES = "custom.bulkheadNoPerimeterBridges"
CUSTOM_OF_FOLDER = ("custom.bulkheadKeysInHsm", "custom.bulkheadKeysRotate", "custom.bulkheadPrivateSubnets")


def folder_policies(organisation: GoogleOrganisation, regions: Iterable[str]) -> dict[str, Document]:
    """Constraint to specification, for the folder of all tenants. It names no tenant."""
    return {
        **{constraint: enforced() for constraint in ON},
        **{constraint: deny_all() for constraint in NOTHING},
        "gcp.resourceLocations": allow([f"in:{region}-locations" for region in sorted(regions)]),
        "gcp.restrictServiceUsage": allow(SERVICES),
        "gcp.restrictNonCmekServices": deny(CMEK_SERVICES),
        "iam.allowedPolicyMemberDomains": only_own_identities(organisation),
        "iam.workloadIdentityPoolProviders": allow([GOOGLE_ISSUER]),
        "compute.trustedImageProjects": allow(["projects/confidential-space-images"]),
        "compute.restrictNonConfidentialComputing": deny(["compute.googleapis.com"]),
        "compute.disablePrivateServiceConnectCreationForConsumers": deny(["SERVICE_PRODUCERS"]),
        "compute.requireVpcFlowLogs": allow(["COMPREHENSIVE"]),
        "storage.restrictAuthTypes": deny(["in:ALL_HMAC_SIGNED_REQUESTS"]),
        **{constraint: enforced() for constraint in CUSTOM_OF_FOLDER},
    }


def organisation_policies() -> dict[str, Document]:
    """Constraint to specification, for the whole organisation: perimeters do not lie in a folder."""
    return {BRIDGES: enforced()}


def tenant_policies(scope: GcpScope) -> dict[str, Document]:
    """What a tenant's project has beyond the folder's: its own keys, its own region, its own disks and images."""
    return {
        "gcp.restrictCmekCryptoKeyProjects": allow([f"projects/{scope.names.key_project}"]),
        "gcp.resourceLocations": allow([f"in:{scope.region}-locations"]),
        "compute.storageResourceUseRestrictions": allow([f"under:projects/{scope.names.project}"]),
    }


def key_project_policies(scope: GcpScope) -> dict[str, Document]:
    """What the key project has beyond the folder's: fewer services, and the tenant's region."""
    return {
        "gcp.restrictServiceUsage": allow((*KEY_SERVICES, *LOOKED_AT)),
        "gcp.resourceLocations": allow([f"in:{scope.region}-locations"]),
    }


def custom_constraints(rotation_days: int) -> dict[str, Document]:
    """Constraints of our own: perimeters without bridges, keys in HSMs that rotate, subnets that log and stay private.

    `rotation_days` is the platform's slowest rotation.
    """
    key, subnet = "cloudkms.googleapis.com/CryptoKey", "compute.googleapis.com/Subnetwork"
    period = f'duration("{rotation_days * 86400}s")'
    return {
        BRIDGES: _custom(
            "A bridge joins two tenants' perimeters",
            "accesscontextmanager.googleapis.com/ServicePerimeter",
            "resource.perimeterType == 'PERIMETER_TYPE_BRIDGE'",
        ),
        "custom.bulkheadKeysInHsm": _custom(
            "A key outside an HSM can be copied", key, "resource.versionTemplate.protectionLevel != 'HSM'"
        ),
        "custom.bulkheadKeysRotate": _custom(
            "A key that never rotates guards everything for ever",
            key,
            f"!has(resource.rotationPeriod) || resource.rotationPeriod > {period}",
        ),
        "custom.bulkheadPrivateSubnets": _custom(
            "Without private access a machine needs the internet to reach Google's services",
            subnet,
            "resource.privateIpGoogleAccess == false",
        ),
    }


def _custom(description: str, kind: str, condition: str) -> Document:
    return {
        "display_name": description,
        "description": description,
        "resource_types": [kind],
        "method_types": ["CREATE", "UPDATE"],
        "condition": condition,
        "action_type": "DENY",
    }


def enforced() -> Document:
    """A constraint that is on."""
    return _spec({"enforce": "TRUE"})


def deny_all() -> Document:
    """A list from which nothing is allowed."""
    return _spec({"deny_all": "TRUE"})


def allow(values: Iterable[str]) -> Document:
    """A list of what is allowed; all else is refused."""
    return _spec({"values": {"allowed_values": list(values)}})


def deny(values: Iterable[str]) -> Document:
    """A list of what is refused."""
    return _spec({"values": {"denied_values": list(values)}})


def only_own_identities(organisation: GoogleOrganisation) -> Document:
    """Members of allow policies: people of the organisation's directory and identities that the organisation holds."""
    return allow(
        [f"is:{organisation.customer_id}", f"is:principalSet://iam.googleapis.com/organizations/{organisation.id}"]
    )


def _spec(rule: Document) -> Document:
    return {"inherit_from_parent": False, "rules": [rule]}
