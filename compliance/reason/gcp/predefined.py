"""Permissions of the predefined roles that matter to isolation, as patterns; the last pattern that fits decides.

A leading `-` takes away, a leading `~` says that the documentation leaves doubt; `?` says so of what no other pattern
settles. Roles of Google's own service agents are left out: they are unknown, and what they grant is granted to Google.
Source: IAM, "IAM roles and permissions index", read on 23 November 2026 as far as isolation needs it.
"""

from __future__ import annotations

from typing import Final

# Basic roles. Reading secrets, keys, objects and tokens is in none of them for certain: Google adds permissions to
# them over time.
_BASIC: Final = {
    "roles/browser": (
        "resourcemanager.projects.get resourcemanager.projects.list resourcemanager.projects.getIamPolicy "
        "resourcemanager.folders.get resourcemanager.folders.list resourcemanager.organizations.get"
    ),
    "roles/viewer": (
        "*.get *.list ~*.getIamPolicy ~*.use* ~*.view* ~*.read* ~*.search* ~*.query* ~*.lookup* ~*.describe* "
        "~storage.objects.* ~cloudkms.cryptoKeyVersions.useTo* ~iam.serviceAccounts.getAccessToken "
        "~iam.serviceAccounts.getOpenIdToken ~iam.serviceAccounts.signBlob ~iam.serviceAccounts.signJwt "
        "~iam.serviceAccounts.implicitDelegation ~logging.privateLogEntries.list ~secretmanager.versions.access "
        "-secretmanager.versions.access -compute.instances.useReadOnly -cloudkms.cryptoKeyVersions.useTo* "
        "-iam.serviceAccounts.getAccessToken -iam.serviceAccounts.signBlob -iam.serviceAccounts.signJwt"
    ),
    "roles/editor": (
        "* -*.setIamPolicy -iam.roles.* iam.roles.get iam.roles.list -resourcemanager.projects.delete "
        "-resourcemanager.projects.update -resourcemanager.projects.move -resourcemanager.folders.* "
        "-resourcemanager.organizations.* ~resourcemanager.tag* -iam.denypolicies.* -orgpolicy.* orgpolicy.policy.get "
        "-accesscontextmanager.* -billing.* ~iam.workloadIdentityPool* ~iam.serviceAccountKeys.* ~*.getIamPolicy "
        "~storage.objects.* ~cloudkms.cryptoKeyVersions.useTo* ~iam.serviceAccounts.getAccessToken "
        "~iam.serviceAccounts.getOpenIdToken ~iam.serviceAccounts.signBlob ~iam.serviceAccounts.signJwt "
        "~iam.serviceAccounts.implicitDelegation ~logging.privateLogEntries.list ~secretmanager.versions.access "
        "-compute.organizations.* iam.serviceAccounts.actAs"
    ),
    "roles/owner": (
        "* -resourcemanager.folders.* -resourcemanager.organizations.* -orgpolicy.policies.* -orgpolicy.policy.set "
        "-accesscontextmanager.* -billing.accounts.* ~iam.denypolicies.* ~storage.objects.* "
        "~cloudkms.cryptoKeyVersions.useTo* ~iam.serviceAccounts.getAccessToken ~iam.serviceAccounts.getOpenIdToken "
        "~iam.serviceAccounts.signBlob ~iam.serviceAccounts.signJwt ~iam.serviceAccounts.implicitDelegation "
        "~logging.privateLogEntries.list ~secretmanager.versions.access ~compute.organizations.*"
    ),
}

# Cloud Storage.
_STORAGE: Final = {
    "roles/storage.admin": (
        "storage.* cloudkms.keyHandles.* orgpolicy.policy.get resourcemanager.projects.get "
        "resourcemanager.projects.list firebase.projects.get"
    ),
    "roles/storage.objectAdmin": (
        "storage.objects.* storage.folders.* storage.managedFolders.create storage.managedFolders.delete "
        "storage.managedFolders.get storage.managedFolders.list storage.multipartUploads.* orgpolicy.policy.get "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/storage.objectViewer": (
        "storage.objects.get storage.objects.list storage.folders.get storage.folders.list storage.managedFolders.get "
        "storage.managedFolders.list resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/storage.objectCreator": (
        "storage.objects.create storage.folders.create storage.managedFolders.create storage.multipartUploads.create "
        "storage.multipartUploads.abort storage.multipartUploads.listParts orgpolicy.policy.get "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/storage.objectUser": (
        "storage.objects.create storage.objects.delete storage.objects.get storage.objects.list "
        "storage.objects.update storage.objects.restore storage.objects.move ?storage.objects.createContext "
        "?storage.objects.*Context storage.folders.* storage.managedFolders.create storage.managedFolders.delete "
        "storage.managedFolders.get storage.managedFolders.list storage.multipartUploads.* orgpolicy.policy.get "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/storage.bucketViewer": "storage.buckets.get storage.buckets.list",
    "roles/storage.hmacKeyAdmin": (
        "storage.hmacKeys.* firebase.projects.get orgpolicy.policy.get resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/storage.folderAdmin": (
        "storage.folders.* storage.managedFolders.* storage.objects.* storage.multipartUploads.*"
    ),
    "roles/storage.insightsCollectorService": "storage.buckets.get storage.buckets.getObjectInsights",
    "roles/storage.legacyBucketReader": (
        "storage.buckets.get storage.objects.list storage.managedFolders.get storage.managedFolders.list "
        "storage.multipartUploads.list"
    ),
    "roles/storage.legacyBucketWriter": (
        "storage.buckets.get storage.objects.list storage.objects.create storage.objects.delete "
        "storage.objects.restore storage.folders.* storage.managedFolders.* -storage.managedFolders.setIamPolicy "
        "-storage.managedFolders.getIamPolicy storage.multipartUploads.* ?storage.objects.setRetention"
    ),
    "roles/storage.legacyBucketOwner": (
        "storage.buckets.get storage.buckets.update storage.buckets.getIamPolicy storage.buckets.setIamPolicy "
        "storage.objects.list storage.objects.create storage.objects.delete storage.objects.restore storage.folders.* "
        "storage.managedFolders.* storage.multipartUploads.* ?storage.buckets.* ?storage.objects.setRetention "
        "-storage.buckets.delete -storage.buckets.create -storage.buckets.list"
    ),
    "roles/storage.legacyObjectReader": "storage.objects.get",
    "roles/storage.legacyObjectOwner": (
        "storage.objects.get storage.objects.update storage.objects.getIamPolicy storage.objects.setIamPolicy "
        "?storage.objects.setRetention ?storage.objects.overrideUnlockedRetention"
    ),
    "roles/storagetransfer.admin": "storagetransfer.* resourcemanager.projects.get resourcemanager.projects.list",
}

# Cloud Key Management Service.
_KMS: Final = {
    "roles/cloudkms.admin": (
        "cloudkms.* -cloudkms.cryptoKeyVersions.useTo* -cloudkms.cryptoKeyVersions.manageRawPKCS1Keys "
        "-cloudkms.cryptoKeyVersions.manageRawAesCbcKeys -cloudkms.cryptoKeyVersions.manageRawAesCtrKeys "
        "-cloudkms.importJobs.useToImport -cloudkms.locations.generateRandomBytes "
        "?cloudkms.cryptoKeyVersions.viewPublicKey resourcemanager.projects.get"
    ),
    "roles/cloudkms.viewer": "cloudkms.*.get cloudkms.*.list resourcemanager.projects.get",
    "roles/cloudkms.cryptoKeyEncrypter": (
        "cloudkms.cryptoKeyVersions.useToEncrypt cloudkms.locations.get cloudkms.locations.list "
        "resourcemanager.projects.get"
    ),
    "roles/cloudkms.cryptoKeyDecrypter": (
        "cloudkms.cryptoKeyVersions.useToDecrypt cloudkms.locations.get cloudkms.locations.list "
        "resourcemanager.projects.get"
    ),
    "roles/cloudkms.cryptoKeyEncrypterDecrypter": (
        "cloudkms.cryptoKeyVersions.useToEncrypt cloudkms.cryptoKeyVersions.useToDecrypt cloudkms.locations.get "
        "cloudkms.locations.list resourcemanager.projects.get"
    ),
    "roles/cloudkms.cryptoKeyEncrypterViaDelegation": (
        "cloudkms.cryptoKeyVersions.useToEncryptViaDelegation cloudkms.locations.get cloudkms.locations.list "
        "resourcemanager.projects.get"
    ),
    "roles/cloudkms.cryptoKeyDecrypterViaDelegation": (
        "cloudkms.cryptoKeyVersions.useToDecryptViaDelegation cloudkms.locations.get cloudkms.locations.list "
        "resourcemanager.projects.get"
    ),
    "roles/cloudkms.cryptoKeyEncrypterDecrypterViaDelegation": (
        "cloudkms.cryptoKeyVersions.useToEncryptViaDelegation cloudkms.cryptoKeyVersions.useToDecryptViaDelegation "
        "cloudkms.locations.get cloudkms.locations.list resourcemanager.projects.get"
    ),
    "roles/cloudkms.signer": (
        "cloudkms.cryptoKeyVersions.useToSign cloudkms.locations.get cloudkms.locations.list "
        "resourcemanager.projects.get"
    ),
    "roles/cloudkms.verifier": (
        "cloudkms.cryptoKeyVersions.useToVerify cloudkms.cryptoKeyVersions.viewPublicKey cloudkms.locations.get "
        "cloudkms.locations.list resourcemanager.projects.get"
    ),
    "roles/cloudkms.signerVerifier": (
        "cloudkms.cryptoKeyVersions.useToSign cloudkms.cryptoKeyVersions.useToVerify "
        "cloudkms.cryptoKeyVersions.viewPublicKey cloudkms.locations.get cloudkms.locations.list "
        "resourcemanager.projects.get"
    ),
    "roles/cloudkms.publicKeyViewer": (
        "cloudkms.cryptoKeyVersions.viewPublicKey cloudkms.locations.get cloudkms.locations.list "
        "resourcemanager.projects.get"
    ),
    "roles/cloudkms.cryptoOperator": (
        "cloudkms.cryptoKeyVersions.useTo* -cloudkms.cryptoKeyVersions.useTo*ViaDelegation "
        "cloudkms.cryptoKeyVersions.viewPublicKey cloudkms.locations.* resourcemanager.projects.get"
    ),
    "roles/cloudkms.decapsulator": "cloudkms.cryptoKeyVersions.useToDecapsulate",
    "roles/cloudkms.importer": (
        "cloudkms.importJobs.create cloudkms.importJobs.get cloudkms.importJobs.list cloudkms.importJobs.useToImport "
        "cloudkms.locations.get cloudkms.locations.list resourcemanager.projects.get"
    ),
}

# Identity and Access Management.
_IAM: Final = {
    "roles/iam.serviceAccountTokenCreator": (
        "iam.serviceAccounts.getAccessToken iam.serviceAccounts.getOpenIdToken iam.serviceAccounts.get "
        "iam.serviceAccounts.list iam.serviceAccounts.implicitDelegation iam.serviceAccounts.signBlob "
        "iam.serviceAccounts.signJwt resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/iam.serviceAccountOpenIdTokenCreator": "iam.serviceAccounts.getOpenIdToken",
    "roles/iam.workloadIdentityUser": (
        "iam.serviceAccounts.getAccessToken iam.serviceAccounts.getOpenIdToken iam.serviceAccounts.get "
        "iam.serviceAccounts.list"
    ),
    "roles/iam.serviceAccountUser": (
        "iam.serviceAccounts.actAs iam.serviceAccounts.get iam.serviceAccounts.list resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/iam.serviceAccountKeyAdmin": (
        "iam.serviceAccountKeys.* iam.serviceAccounts.get iam.serviceAccounts.list resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/iam.serviceAccountAdmin": (
        "iam.serviceAccounts.* -iam.serviceAccounts.actAs -iam.serviceAccounts.getAccessToken "
        "-iam.serviceAccounts.getOpenIdToken -iam.serviceAccounts.implicitDelegation -iam.serviceAccounts.signBlob "
        "-iam.serviceAccounts.signJwt resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/iam.serviceAccountCreator": (
        "iam.serviceAccounts.create iam.serviceAccounts.get iam.serviceAccounts.list resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/iam.serviceAccountDeleter": (
        "iam.serviceAccounts.delete iam.serviceAccounts.get iam.serviceAccounts.list resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/iam.serviceAccountViewer": (
        "iam.serviceAccounts.get iam.serviceAccounts.getIamPolicy iam.serviceAccounts.list iam.serviceAccountKeys.get "
        "iam.serviceAccountKeys.list resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/iam.roleAdmin": "iam.roles.* resourcemanager.projects.get resourcemanager.projects.getIamPolicy",
    "roles/iam.roleViewer": (
        "iam.roles.get iam.roles.list resourcemanager.projects.get resourcemanager.projects.getIamPolicy"
    ),
    "roles/iam.organizationRoleAdmin": (
        "iam.roles.* resourcemanager.organizations.get resourcemanager.organizations.getIamPolicy "
        "resourcemanager.projects.get resourcemanager.projects.getIamPolicy resourcemanager.projects.list"
    ),
    "roles/iam.organizationRoleViewer": (
        "iam.roles.get iam.roles.list resourcemanager.organizations.get resourcemanager.organizations.getIamPolicy "
        "resourcemanager.projects.get resourcemanager.projects.getIamPolicy resourcemanager.projects.list"
    ),
    "roles/iam.securityAdmin": "*.getIamPolicy *.setIamPolicy *.list ?*.get",
    "roles/iam.securityReviewer": "*.getIamPolicy *.list ?*.get",
    "roles/iam.denyAdmin": "iam.denypolicies.*",
    "roles/iam.denyReviewer": "iam.denypolicies.get iam.denypolicies.list",
    "roles/iam.principalAccessBoundaryAdmin": "iam.principalaccessboundarypolicies.* iam.policybindings.*",
    "roles/iam.principalAccessBoundaryViewer": (
        "iam.principalaccessboundarypolicies.get iam.principalaccessboundarypolicies.list"
    ),
    "roles/iam.workloadIdentityPoolAdmin": (
        "iam.workloadIdentityPools.* iam.workloadIdentityPoolProviders.* iam.workloadIdentityPoolProviderKeys.* "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/iam.workloadIdentityPoolViewer": (
        "iam.workloadIdentityPools.get iam.workloadIdentityPools.list iam.workloadIdentityPoolProviders.get "
        "iam.workloadIdentityPoolProviders.list resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/iam.workforcePoolAdmin": "iam.workforcePools.* iam.workforcePoolProviders.*",
    "roles/privilegedaccessmanager.admin": "privilegedaccessmanager.*",
    "roles/privilegedaccessmanager.viewer": "privilegedaccessmanager.*.get privilegedaccessmanager.*.list",
}

# The resource hierarchy and its policies.
_HIERARCHY: Final = {
    "roles/resourcemanager.projectIamAdmin": (
        "resourcemanager.projects.get resourcemanager.projects.getIamPolicy resourcemanager.projects.setIamPolicy "
        "iam.policybindings.*"
    ),
    "roles/resourcemanager.folderIamAdmin": (
        "resourcemanager.folders.get resourcemanager.folders.getIamPolicy resourcemanager.folders.setIamPolicy"
    ),
    "roles/resourcemanager.folderAdmin": (
        "resourcemanager.folders.* resourcemanager.projects.get resourcemanager.projects.getIamPolicy "
        "resourcemanager.projects.setIamPolicy resourcemanager.projects.list resourcemanager.projects.move "
        "orgpolicy.policy.get"
    ),
    "roles/resourcemanager.folderEditor": (
        "resourcemanager.folders.* -resourcemanager.folders.setIamPolicy resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/resourcemanager.folderViewer": (
        "resourcemanager.folders.get resourcemanager.folders.list resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/resourcemanager.organizationAdmin": (
        "resourcemanager.*.get resourcemanager.*.list resourcemanager.*.getIamPolicy "
        "resourcemanager.organizations.setIamPolicy resourcemanager.folders.setIamPolicy "
        "resourcemanager.projects.setIamPolicy orgpolicy.policy.get ?orgpolicy.*.get ?orgpolicy.*.list "
        "?essentialcontacts.*"
    ),
    "roles/resourcemanager.organizationViewer": "resourcemanager.organizations.get",
    "roles/resourcemanager.projectCreator": "resourcemanager.projects.create resourcemanager.organizations.get",
    "roles/resourcemanager.projectDeleter": "resourcemanager.projects.delete",
    "roles/resourcemanager.projectMover": (
        "resourcemanager.projects.get resourcemanager.projects.move resourcemanager.projects.update"
    ),
    "roles/resourcemanager.lienModifier": "resourcemanager.projects.updateLiens",
    "roles/resourcemanager.tagAdmin": (
        "resourcemanager.tagKeys.* resourcemanager.tagValues.* resourcemanager.tagValueBindings.* "
        "resourcemanager.hierarchyNodes.* ?*.createTagBinding ?*.deleteTagBinding ?*.listTagBindings "
        "?*.listEffectiveTags"
    ),
    "roles/resourcemanager.tagUser": (
        "resourcemanager.tagKeys.get resourcemanager.tagKeys.list resourcemanager.tagValues.get "
        "resourcemanager.tagValues.list resourcemanager.tagValueBindings.* resourcemanager.hierarchyNodes.* "
        "?*.createTagBinding ?*.deleteTagBinding ?*.listTagBindings ?*.listEffectiveTags"
    ),
    "roles/resourcemanager.tagViewer": (
        "resourcemanager.tag*.get resourcemanager.tag*.list ?*.listTagBindings ?*.listEffectiveTags"
    ),
    "roles/orgpolicy.policyAdmin": "orgpolicy.*",
    "roles/orgpolicy.policyViewer": "orgpolicy.*.get orgpolicy.*.list",
    "roles/accesscontextmanager.policyAdmin": (
        "accesscontextmanager.* cloudasset.assets.searchAllResources resourcemanager.organizations.get "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/accesscontextmanager.policyEditor": (
        "accesscontextmanager.* -accesscontextmanager.policies.setIamPolicy ?accesscontextmanager.accessPolicies.* "
        "resourcemanager.organizations.get"
    ),
    "roles/accesscontextmanager.policyReader": (
        "accesscontextmanager.*.get accesscontextmanager.*.list resourcemanager.organizations.get"
    ),
    "roles/cloudasset.viewer": "cloudasset.assets.* -cloudasset.feeds.create ?cloudasset.assets.export*",
    "roles/cloudasset.owner": "cloudasset.*",
    "roles/serviceusage.serviceUsageAdmin": "serviceusage.* monitoring.timeSeries.list",
    "roles/serviceusage.serviceUsageConsumer": (
        "serviceusage.services.use serviceusage.services.get serviceusage.services.list serviceusage.operations.* "
        "serviceusage.quotas.get monitoring.timeSeries.list"
    ),
    "roles/serviceusage.serviceUsageViewer": (
        "serviceusage.services.get serviceusage.services.list serviceusage.quotas.get"
    ),
    "roles/billing.user": "billing.accounts.get billing.accounts.list billing.resourceAssociations.create",
    "roles/billing.projectManager": (
        "resourcemanager.projects.createBillingAssignment resourcemanager.projects.deleteBillingAssignment"
    ),
    "roles/securitycenter.admin": "securitycenter.*",
}

# Compute Engine and its networks.
_COMPUTE: Final = {
    "roles/compute.admin": "compute.* resourcemanager.projects.get resourcemanager.projects.list ?serviceusage.*",
    "roles/compute.viewer": (
        "compute.*.get compute.*.list compute.*.listEffectiveTags compute.instances.getSerialPortOutput "
        "compute.instances.getScreenshot compute.instances.getGuestAttributes compute.images.getFromFamily "
        "?compute.*.get* -compute.*.getIamPolicy resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/compute.instanceAdmin.v1": (
        "compute.instances.* compute.disks.* compute.images.* compute.snapshots.* compute.instanceTemplates.* "
        "compute.instanceGroups.* compute.instanceGroupManagers.* compute.autoscalers.* compute.machineImages.* "
        "compute.licenses.* compute.*.get compute.*.list compute.subnetworks.use compute.subnetworks.useExternalIp "
        "compute.networks.use compute.networks.useExternalIp compute.addresses.use compute.addresses.createInternal "
        "compute.projects.get compute.globalOperations.* ?compute.projects.setCommonInstanceMetadata "
        "-compute.*.setIamPolicy resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/compute.instanceAdmin": (
        "compute.instances.* compute.disks.create compute.disks.use compute.disks.useReadOnly compute.disks.delete "
        "compute.images.useReadOnly compute.instanceTemplates.* compute.instanceGroups.* "
        "compute.instanceGroupManagers.* compute.*.get compute.*.list compute.subnetworks.use "
        "compute.subnetworks.useExternalIp compute.networks.use ?compute.disks.* ?compute.addresses.* "
        "-compute.*.setIamPolicy resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/compute.networkAdmin": (
        "compute.addresses.* compute.globalAddresses.* compute.networks.* compute.subnetworks.* compute.routes.* "
        "compute.routers.* compute.vpnGateways.* compute.vpnTunnels.* compute.forwardingRules.* "
        "compute.globalForwardingRules.* compute.serviceAttachments.* compute.interconnect* "
        "compute.externalVpnGateways.* compute.networkEndpointGroups.* compute.backendServices.* "
        "compute.regionBackendServices.* compute.*.get compute.*.list networkservices.* networksecurity.* "
        "servicenetworking.* -compute.firewalls.create -compute.firewalls.update -compute.firewalls.delete "
        "-compute.*.setIamPolicy ?compute.packetMirrorings.* ?compute.*FirewallPolicies.* ?compute.firewallPolicies.* "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/compute.networkUser": (
        "compute.networks.use compute.networks.useExternalIp compute.networks.get compute.networks.list "
        "compute.networks.access compute.subnetworks.use compute.subnetworks.useExternalIp compute.subnetworks.get "
        "compute.subnetworks.list compute.addresses.useInternal compute.addresses.createInternal "
        "compute.addresses.deleteInternal compute.addresses.get compute.addresses.list compute.firewalls.get "
        "compute.firewalls.list compute.routes.get compute.routes.list compute.networks.getEffectiveFirewalls "
        "?compute.*.use compute.forwardingRules.get resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/compute.networkViewer": (
        "compute.networks.get compute.networks.list compute.subnetworks.get compute.subnetworks.list "
        "compute.firewalls.get compute.firewalls.list compute.routes.* compute.routers.get compute.routers.list "
        "compute.addresses.get compute.addresses.list -compute.routes.create -compute.routes.delete ?compute.*.get "
        "?compute.*.list resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/compute.securityAdmin": (
        "compute.firewalls.* compute.firewallPolicies.* compute.networkFirewallPolicies.* "
        "compute.regionFirewallPolicies.* compute.sslCertificates.* compute.sslPolicies.* compute.securityPolicies.* "
        "compute.packetMirrorings.* compute.networks.get compute.networks.list compute.networks.updatePolicy "
        "compute.networks.setFirewallPolicy compute.routes.get compute.routes.list compute.subnetworks.get "
        "compute.subnetworks.list compute.instances.list compute.instances.get "
        "compute.backendServices.setSecurityPolicy ?compute.*.get ?compute.*.list compute.firewalls.get "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/compute.storageAdmin": (
        "compute.disks.* compute.images.* compute.snapshots.* compute.resourcePolicies.* compute.storagePools.* "
        "compute.*.get compute.*.list ?compute.*.setIamPolicy resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/compute.imageUser": (
        "compute.images.get compute.images.getFromFamily compute.images.list compute.images.useReadOnly "
        "resourcemanager.projects.get resourcemanager.projects.list serviceusage.quotas.get serviceusage.services.get "
        "serviceusage.services.list"
    ),
    "roles/compute.xpnAdmin": (
        "compute.organizations.* compute.projects.get compute.subnetworks.getIamPolicy "
        "compute.subnetworks.setIamPolicy resourcemanager.organizations.get resourcemanager.projects.get "
        "resourcemanager.projects.getIamPolicy resourcemanager.projects.list compute.globalOperations.get "
        "compute.globalOperations.list"
    ),
    "roles/compute.osLogin": (
        "compute.instances.get compute.instances.list compute.instances.osLogin compute.projects.get "
        "compute.disks.listEffectiveTags compute.instances.listEffectiveTags compute.instances.listTagBindings "
        "resourcemanager.projects.get resourcemanager.projects.list serviceusage.quotas.get serviceusage.services.get "
        "serviceusage.services.list"
    ),
    "roles/compute.osAdminLogin": (
        "compute.instances.get compute.instances.list compute.instances.osAdminLogin compute.instances.osLogin "
        "compute.projects.get resourcemanager.projects.get resourcemanager.projects.list serviceusage.services.get "
        "serviceusage.services.list"
    ),
    "roles/compute.loadBalancerAdmin": (
        "compute.*orwardingRules.* compute.backend* compute.region* compute.target* compute.urlMaps.* "
        "compute.healthChecks.* compute.*.get compute.*.list compute.networks.use compute.subnetworks.use "
        "?compute.instances.use* -compute.*.setIamPolicy resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/compute.publicIpAdmin": (
        "compute.addresses.* compute.globalAddresses.* compute.publicAdvertisedPrefixes.* "
        "compute.publicDelegatedPrefixes.* resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/compute.orgFirewallPolicyAdmin": (
        "compute.firewallPolicies.* compute.*FirewallPolicies.* compute.globalOperations.*"
    ),
    "roles/compute.orgFirewallPolicyUser": (
        "compute.firewallPolicies.get compute.firewallPolicies.list compute.firewallPolicies.use "
        "compute.globalOperations.get compute.globalOperations.list"
    ),
    "roles/compute.orgSecurityResourceAdmin": (
        "compute.organizations.listAssociations compute.organizations.setFirewallPolicy "
        "compute.organizations.setSecurityPolicy compute.globalOperations.*"
    ),
    "roles/iap.tunnelResourceAccessor": "iap.tunnelDestGroups.accessViaIAP iap.tunnelInstances.accessViaIAP",
    "roles/dns.admin": (
        "dns.* compute.networks.get compute.networks.list resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/dns.reader": (
        "dns.*.get dns.*.list compute.networks.get resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/dns.peer": "dns.networks.targetWithPeeringZone",
    "roles/confidentialcomputing.workloadUser": (
        "confidentialcomputing.challenges.create confidentialcomputing.challenges.verify "
        "confidentialcomputing.locations.get confidentialcomputing.locations.list logging.logEntries.create "
        "?storage.objects.get"
    ),
}

# Logging and monitoring.
_LOGS: Final = {
    "roles/logging.admin": "logging.* observability.* resourcemanager.projects.get resourcemanager.projects.list",
    "roles/logging.configWriter": (
        "logging.* -logging.logEntries.* -logging.privateLogEntries.* -logging.views.access -logging.logs.delete "
        "-logging.fields.access ?logging.logs.list ?logging.queries.* resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/logging.viewer": (
        "logging.*.get logging.*.list logging.views.listLogs logging.views.listResourceKeys "
        "logging.views.listResourceValues -logging.privateLogEntries.list -logging.views.access ?logging.queries.* "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/logging.privateLogViewer": (
        "logging.*.get logging.*.list logging.privateLogEntries.list logging.views.access logging.views.listLogs "
        "?logging.queries.* resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/logging.viewAccessor": (
        "logging.views.access logging.views.listLogs logging.views.listResourceKeys logging.views.listResourceValues "
        "logging.logEntries.download ?logging.queries.*"
    ),
    "roles/logging.logWriter": "logging.logEntries.create logging.logEntries.route",
    "roles/logging.bucketWriter": "logging.buckets.write",
    "roles/logging.fieldAccessor": "logging.fields.access",
    "roles/logging.linkViewer": "logging.links.get logging.links.list",
    "roles/monitoring.metricWriter": (
        "monitoring.metricDescriptors.create monitoring.metricDescriptors.get monitoring.metricDescriptors.list "
        "monitoring.monitoredResourceDescriptors.* monitoring.timeSeries.create"
    ),
    "roles/monitoring.viewer": (
        "monitoring.*.get monitoring.*.list ?monitoring.* resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/monitoring.editor": (
        "monitoring.* ?opsconfigmonitoring.* resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/monitoring.admin": (
        "monitoring.* opsconfigmonitoring.* resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/cloudtrace.agent": "cloudtrace.traces.patch",
}

# Messages, secrets, artefacts and tables.
_MESSAGES_AND_DATA: Final = {
    "roles/pubsub.admin": "pubsub.* resourcemanager.projects.get resourcemanager.projects.list",
    "roles/pubsub.editor": (
        "pubsub.* -pubsub.*.setIamPolicy ?pubsub.*.getIamPolicy resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/pubsub.publisher": "pubsub.topics.publish",
    "roles/pubsub.subscriber": "pubsub.snapshots.seek pubsub.subscriptions.consume pubsub.topics.attachSubscription",
    "roles/pubsub.viewer": "pubsub.*.get pubsub.*.list resourcemanager.projects.get resourcemanager.projects.list",
    "roles/secretmanager.admin": "secretmanager.* resourcemanager.projects.get resourcemanager.projects.list",
    "roles/secretmanager.secretAccessor": (
        "secretmanager.versions.access resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/secretmanager.viewer": (
        "secretmanager.*.get secretmanager.*.list secretmanager.secrets.getIamPolicy -secretmanager.versions.access "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/secretmanager.secretVersionAdder": (
        "secretmanager.versions.add resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/secretmanager.secretVersionManager": (
        "secretmanager.versions.add secretmanager.versions.destroy secretmanager.versions.disable "
        "secretmanager.versions.enable secretmanager.versions.get secretmanager.versions.list "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/artifactregistry.admin": "artifactregistry.*",
    "roles/artifactregistry.repoAdmin": (
        "artifactregistry.* -artifactregistry.repositories.create -artifactregistry.repositories.delete "
        "-artifactregistry.repositories.update -artifactregistry.repositories.setIamPolicy "
        "?artifactregistry.repositories.getIamPolicy"
    ),
    "roles/artifactregistry.writer": (
        "artifactregistry.*.get artifactregistry.*.list artifactregistry.repositories.downloadArtifacts "
        "artifactregistry.repositories.uploadArtifacts artifactregistry.repositories.readViaVirtualRepository "
        "artifactregistry.tags.create artifactregistry.tags.update artifactregistry.*.upload* ?artifactregistry.*"
    ),
    "roles/artifactregistry.reader": (
        "artifactregistry.*.get artifactregistry.*.list artifactregistry.repositories.downloadArtifacts "
        "artifactregistry.repositories.readViaVirtualRepository artifactregistry.repositories.listEffectiveTags "
        "artifactregistry.repositories.listTagBindings"
    ),
    "roles/bigquery.admin": "bigquery.* bigquerymigration.* dataform.* dataplex.* ?*",
    "roles/bigquery.dataOwner": (
        "bigquery.datasets.* bigquery.tables.* bigquery.models.* bigquery.routines.* bigquery.rowAccessPolicies.* "
        "?bigquery.* -bigquery.jobs.*"
    ),
    "roles/bigquery.dataEditor": (
        "bigquery.tables.* bigquery.models.* bigquery.routines.* bigquery.datasets.get bigquery.datasets.create "
        "-bigquery.*.setIamPolicy ?bigquery.datasets.* -bigquery.jobs.*"
    ),
    "roles/bigquery.dataViewer": (
        "bigquery.tables.get bigquery.tables.getData bigquery.tables.list bigquery.tables.export "
        "bigquery.tables.createSnapshot bigquery.tables.replicateData bigquery.models.getData "
        "bigquery.models.getMetadata bigquery.models.list bigquery.models.export bigquery.routines.get "
        "bigquery.routines.list bigquery.datasets.get bigquery.datasets.getIamPolicy ?bigquery.*.get*"
    ),
    "roles/bigquery.metadataViewer": (
        "bigquery.datasets.get bigquery.tables.get bigquery.tables.list bigquery.models.getMetadata "
        "bigquery.models.list bigquery.routines.get bigquery.routines.list bigquery.datasets.getIamPolicy"
    ),
    "roles/bigquery.jobUser": "bigquery.jobs.create bigquery.config.get ?dataform.*",
    "roles/bigquery.user": (
        "bigquery.jobs.create bigquery.jobs.list bigquery.datasets.create bigquery.datasets.get bigquery.tables.list "
        "?bigquery.* -bigquery.tables.getData"
    ),
}

# Services that run what they are given.
_DEPLOY: Final = {
    "roles/run.admin": "run.* resourcemanager.projects.get resourcemanager.projects.list ?recommender.*",
    "roles/run.developer": (
        "run.* -run.*.setIamPolicy ?run.*.getIamPolicy ?run.*.invoke resourcemanager.projects.get "
        "resourcemanager.projects.list"
    ),
    "roles/run.invoker": "run.jobs.run run.routes.invoke",
    "roles/run.viewer": "run.*.get run.*.list resourcemanager.projects.get resourcemanager.projects.list",
    "roles/cloudfunctions.admin": "cloudfunctions.* run.* ?*",
    "roles/cloudfunctions.developer": "cloudfunctions.* -cloudfunctions.functions.setIamPolicy ?*",
    "roles/cloudfunctions.invoker": "cloudfunctions.functions.invoke",
    "roles/cloudbuild.builds.editor": (
        "cloudbuild.builds.* cloudbuild.operations.* resourcemanager.projects.get resourcemanager.projects.list "
        "?cloudbuild.*"
    ),
    "roles/cloudbuild.builds.viewer": (
        "cloudbuild.builds.get cloudbuild.builds.list resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/container.admin": "container.* resourcemanager.projects.get resourcemanager.projects.list",
    "roles/container.developer": (
        "container.* -container.clusters.create -container.clusters.delete -container.clusters.update ?container.* "
        "resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/container.clusterViewer": (
        "container.clusters.get container.clusters.list resourcemanager.projects.get resourcemanager.projects.list"
    ),
    "roles/dataflow.admin": (
        "dataflow.* compute.machineTypes.get storage.buckets.get storage.objects.create storage.objects.get "
        "storage.objects.list ?*"
    ),
    "roles/dataflow.developer": "dataflow.* ?*",
    "roles/aiplatform.admin": "aiplatform.* ?*",
    "roles/aiplatform.user": "aiplatform.* ?*",
    "roles/cloudscheduler.admin": (
        "cloudscheduler.* resourcemanager.projects.get resourcemanager.projects.list ?serviceusage.*"
    ),
    "roles/deploymentmanager.editor": (
        "deploymentmanager.* resourcemanager.projects.get resourcemanager.projects.list ?serviceusage.*"
    ),
}

PREDEFINED: Final[dict[str, str]] = {
    **_BASIC, **_STORAGE, **_KMS, **_IAM, **_HIERARCHY, **_COMPUTE, **_LOGS, **_MESSAGES_AND_DATA, **_DEPLOY,
}  # fmt: skip
