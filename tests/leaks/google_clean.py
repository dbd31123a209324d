"""Two tenants on Google Cloud as Cloud Asset Inventory prints them, beside the AWS tenants of `clean`.

The layout is that of the synthesised stacks: two projects for each tenant, under one folder, with the platform's own
projects beside. A planted leak changes assets in place; `facts()` turns them into what a scan would have written.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from compliance.facts.fact import Fact, Status
from compliance.facts.google_scope import GoogleScope, GoogleTenant
from compliance.facts.scope import Scope
from tests.leaks import clean

TENANTS = ("initech", "hooli")
NUMBERS = {"initech": ("1000001", "1000002"), "hooli": ("2000001", "2000002")}
ORGANISATION, FOLDER, POLICY = "600000000001", "500000000001", "700000000001"
AUDIT, DEPLOY, IMAGES = "800000000003", "800000000001", "800000000002"
DOMAIN, REGION = "bulkhead.example", "us-central1"
DEPLOYER = "deployer@bh-deploy.iam.gserviceaccount.com"
COLLECTOR = "compliance-collector@bh-audit.iam.gserviceaccount.com"
EVERYONE = "principalSet://goog/public:all"
PURPOSES = ("disk", "data", "checkpoint", "export", "logs")
ISSUER = "https://confidentialcomputing.googleapis.com"
AUDITOR_ROLE = f"organizations/{ORGANISATION}/roles/bulkheadAuditor"


def bind(role: str, *members: str, when: str | None = None) -> dict[str, Any]:
    condition = {} if when is None else {"condition": {"title": "when", "expression": when}}
    return {"role": role, "members": list(members)} | condition


class GoogleState:
    """Assets by name, allow policies, restricting documents, and the scope that goes with them."""

    def __init__(
        self, *, locks: bool = True, tenants: tuple[str, ...] = TENANTS, aws: clean.State | None = None
    ) -> None:
        self.locks = locks
        self.tenants = tenants
        self.aws = aws
        self.assets: dict[str, dict[str, Any]] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.perimeters: dict[str, dict[str, Any]] = {}
        self.denials: dict[str, dict[str, Any]] = {}
        self.boundaries: list[dict[str, Any]] = []
        self.bindings: list[dict[str, Any]] = []
        self.constraints: dict[str, list[dict[str, Any]]] = {}
        self.groups: dict[str, list[dict[str, Any]]] = {}
        self.object_lists: dict[str, list[dict[str, Any]]] = {}
        self.failed: list[tuple[str, dict[str, Any]]] = []
        self._platform()
        for tenant in tenants:
            self._tenant(tenant)

    # ---- names

    def numbers(self, tenant: str) -> tuple[str, str]:
        return NUMBERS[tenant]

    def project(self, tenant: str) -> str:
        return f"bh-{tenant}"

    def node(self, tenant: str) -> str:
        return f"projects/{self.numbers(tenant)[0]}"

    def account(self, tenant: str, role: str = "trainer") -> str:
        return f"{tenant}-{role}@{self.project(tenant)}.iam.gserviceaccount.com"

    def member(self, tenant: str, role: str = "trainer") -> str:
        return f"serviceAccount:{self.account(tenant, role)}"

    def bucket(self, tenant: str, purpose: str = "data") -> str:
        return f"//storage.googleapis.com/bh-{tenant}-{purpose}"

    def key(self, tenant: str, purpose: str = "data") -> str:
        return f"{self.ring(tenant)}/cryptoKeys/{purpose}"

    def ring(self, tenant: str) -> str:
        return f"//cloudkms.googleapis.com/projects/bh-{tenant}-keys/locations/{REGION}/keyRings/bh-{tenant}"

    def account_name(self, tenant: str, role: str = "trainer") -> str:
        return f"//iam.googleapis.com/projects/{self.project(tenant)}/serviceAccounts/{self.account(tenant, role)}"

    def disk(self, tenant: str, kind: str) -> str:
        where = {"snapshots": "global", "images": "global", "disks": f"zones/{REGION}-a"}[kind]
        return f"//compute.googleapis.com/projects/{self.project(tenant)}/{where}/{kind}/{tenant}"

    def network(self, tenant: str) -> str:
        return f"//compute.googleapis.com/projects/{self.project(tenant)}/global/networks/bh-{tenant}"

    def provider(self, tenant: str) -> str:
        pool = f"projects/{self.numbers(tenant)[1]}/locations/global/workloadIdentityPools/{tenant}-nodes"
        return f"//iam.googleapis.com/{pool}/providers/confidential-space"

    def log_bucket(self, tenant: str) -> str:
        return f"//logging.googleapis.com/projects/{self.project(tenant)}/locations/{REGION}/buckets/bh-{tenant}-ledger"

    def grant(self, name: str, role: str, *members: str, when: str | None = None) -> None:
        """Adds a binding to the allow policy of a resource or node."""
        if not name.startswith("//"):
            name = f"//cloudresourcemanager.googleapis.com/{name}"
        self.policies.setdefault(name, {"bindings": []})["bindings"].append(bind(role, *members, when=when))

    def data(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.assets[name]["resource"]["data"]
        return found

    def perimeter(self, tenant: str) -> dict[str, Any]:
        found: dict[str, Any] = self.perimeters[f"bh_{tenant}"]["status"]
        return found

    # ---- what is handed to the code under test

    def facts(self) -> list[Fact]:
        assets = [copy.deepcopy(asset) for asset in self.assets.values()]
        found = [self._listed("RESOURCE", assets)]
        policies = [
            {
                **{k: v for k, v in self.assets[name].items() if k != "resource"},
                "iamPolicy": self.policies.get(name, {}),
            }
            for name in self.assets
        ]
        found.append(self._listed("IAM_POLICY", copy.deepcopy(policies)))
        constraints = [
            {"name": f"//cloudresourcemanager.googleapis.com/{node}", "assetType": "x", "orgPolicy": held}
            for node, held in self.constraints.items()
        ]
        found.append(self._listed("ORG_POLICY", constraints))
        perimeters = [{"name": p["name"], "assetType": "x", "servicePerimeter": p} for p in self.perimeters.values()]
        found.append(self._listed("ACCESS_POLICY", perimeters))
        for node, policy in self.denials.items():
            at = f"policies/cloudresourcemanager.googleapis.com%2F{node.replace('/', '%2F')}/denypolicies"
            body = {"policies": [{"name": f"{at}/bulkhead", "rules": policy["rules"]}]}
            found.append(self._fact("iam:ListDenyPolicies", {"parent": at}, body))
        parent = f"organizations/{ORGANISATION}/locations/global"
        bodies = {"principalAccessBoundaryPolicies": self.boundaries}
        found.append(self._fact("iam:ListPrincipalAccessBoundaryPolicies", {"parent": parent}, bodies))
        found.append(self._fact("iam:SearchPolicyBindings", {"parent": parent}, {"policyBindings": self.bindings}))
        for group, members in self.groups.items():
            found.append(self._fact("cloudidentity:ListMemberships", {"group": group}, {"memberships": members}))
        for bucket, items in self.object_lists.items():
            found.append(self._fact("storage:ListObjectAcls", {"bucket": bucket}, {"items": items}))
        for api, params in self.failed:
            error = {"code": "PERMISSION_DENIED", "message": "no"}
            found = [fact for fact in found if (fact.api, fact.params) != (api, params)]
            found.append(Fact(api, params, ORGANISATION, "global", "scan", "t0", "t1", Status.DENIED, None, error))
        return found + (self.aws.facts() if self.aws is not None else [])

    def scope(self) -> Scope:
        base = (self.aws or clean.State(shared=False)).scope()
        tenants = tuple(self._scope(tenant) for tenant in self.tenants)
        platform = {AUDIT: "bh-audit", DEPLOY: "bh-deploy", IMAGES: "bh-images"}
        google = GoogleScope(ORGANISATION, "C0bulkhead", DOMAIN, POLICY, DEPLOYER, "bh-", platform, tenants)
        return replace(base, tenants=base.tenants if self.aws is not None else (), google=google)

    def listing(self, content: str) -> dict[str, Any]:
        return {"parent": f"organizations/{ORGANISATION}", "contentType": content}

    def _listed(self, content: str, assets: list[dict[str, Any]]) -> Fact:
        return self._fact("cloudasset:ListAssets", self.listing(content), {"assets": assets})

    def _fact(self, api: str, params: dict[str, Any], body: dict[str, Any]) -> Fact:
        return Fact(api, params, ORGANISATION, "global", "scan", "t0", "t1", Status.OK, copy.deepcopy(body))

    def _scope(self, tenant: str) -> GoogleTenant:
        number, keys = self.numbers(tenant)
        return GoogleTenant(
            tenant, self.project(tenant), number, f"{self.project(tenant)}-keys", keys, REGION, f"bh-{tenant}",
            f"bh_{tenant}", f"{tenant}-nodes",
            {role: self.account(tenant, role) for role in ("trainer", "data-owner", "auditor")}, f"bh-{tenant}-",
        )  # fmt: skip

    # ---- how it is built

    def add(self, name: str, kind: str, data: dict[str, Any], *ancestors: str) -> None:
        self.assets[name] = {
            "name": name,
            "assetType": kind,
            "resource": {"version": "v1", "discoveryName": kind.partition("/")[2], "data": data},
            "ancestors": list(ancestors),
        }

    def _node(self, node: str, kind: str, *above: str) -> None:
        data = {"name": node, "state": "ACTIVE"}
        self.add(
            f"//cloudresourcemanager.googleapis.com/{node}",
            f"cloudresourcemanager.googleapis.com/{kind}",
            data,
            node,
            *above,
        )

    def _platform(self) -> None:
        organisation, folder = f"organizations/{ORGANISATION}", f"folders/{FOLDER}"
        self._node(organisation, "Organization")
        self._node(folder, "Folder", organisation)
        self.grant(organisation, "roles/resourcemanager.organizationAdmin", f"serviceAccount:{DEPLOYER}")
        self.grant(folder, "roles/owner", f"serviceAccount:{DEPLOYER}")
        self.grant(folder, AUDITOR_ROLE, f"serviceAccount:{COLLECTOR}")
        role = {
            "name": AUDITOR_ROLE,
            "includedPermissions": ["storage.buckets.get", "storage.buckets.getIamPolicy"],
            "stage": "GA",
        }
        self.add(f"//iam.googleapis.com/{AUDITOR_ROLE}", "iam.googleapis.com/Role", role, organisation)
        for number, project in ((AUDIT, "bh-audit"), (DEPLOY, "bh-deploy"), (IMAGES, "bh-images")):
            self._node(f"projects/{number}", "Project", organisation)
            self.grant(f"projects/{number}", "roles/owner", f"serviceAccount:{DEPLOYER}")
            assert project
        self.add(
            f"//iam.googleapis.com/projects/bh-deploy/serviceAccounts/{DEPLOYER}", "iam.googleapis.com/ServiceAccount",
            {"email": DEPLOYER, "uniqueId": "9000"}, f"projects/{DEPLOY}", organisation,
        )  # fmt: skip
        audit = "//storage.googleapis.com/bh-audit"
        self.add(audit, "storage.googleapis.com/Bucket", self._bucket_data(), f"projects/{AUDIT}", organisation)
        sink = f"service-folder-{FOLDER}@gcp-sa-logging.iam.gserviceaccount.com"
        self.grant(audit, "roles/storage.objectCreator", f"serviceAccount:{sink}")
        self.grant(audit, "roles/storage.objectViewer", f"serviceAccount:{COLLECTOR}")
        self.add(
            f"//logging.googleapis.com/{folder}/sinks/bh-tenants-objects", "logging.googleapis.com/LogSink",
            {"destination": "storage.googleapis.com/bh-audit", "includeChildren": True}, folder, organisation,
        )  # fmt: skip
        if self.locks:
            self.constraints[folder] = [
                {"constraint": "constraints/iam.disableServiceAccountKeyCreation", "booleanPolicy": {"enforced": True}},
                {"constraint": "constraints/storage.publicAccessPrevention", "booleanPolicy": {"enforced": True}},
                {"constraint": "constraints/compute.restrictVpcPeering", "listPolicy": {"allValues": "DENY"}},
            ]

    @staticmethod
    def _bucket_data() -> dict[str, Any]:
        return {
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "inherited"}
        }

    def _tenant(self, tenant: str) -> None:
        number, keys = self.numbers(tenant)
        above = (f"folders/{FOLDER}", f"organizations/{ORGANISATION}")
        own, of_keys = (f"projects/{number}", *above), (f"projects/{keys}", *above)
        self._node(f"projects/{number}", "Project", *above)
        self._node(f"projects/{keys}", "Project", *above)
        self.grant(self.node(tenant), "roles/logging.logWriter", self.member(tenant))
        self.grant(self.node(tenant), AUDITOR_ROLE, self.member(tenant, "auditor"))
        self._accounts(tenant, own)
        for purpose in ("data", "checkpoint", "model"):
            self.add(self.bucket(tenant, purpose), "storage.googleapis.com/Bucket", self._bucket_data(), *own)
            self.grant(self.bucket(tenant, purpose), "roles/storage.objectUser", self.member(tenant))
            self.grant(self.bucket(tenant, purpose), "roles/storage.objectViewer", self.member(tenant, "data-owner"))
        self._keys(tenant, keys, of_keys)
        for kind, asset in (("snapshots", "Snapshot"), ("images", "Image"), ("disks", "Disk")):
            self.add(self.disk(tenant, kind), f"compute.googleapis.com/{asset}", {"name": tenant}, *own)
        self.add(self.log_bucket(tenant), "logging.googleapis.com/LogBucket", {"retentionDays": 400}, *own)
        self._network(tenant, own)
        if self.locks:
            self._lock(tenant, number, keys)

    def _accounts(self, tenant: str, own: tuple[str, ...]) -> None:
        holders = {
            "trainer": ("roles/iam.serviceAccountUser", f"serviceAccount:{DEPLOYER}"),
            "data-owner": ("roles/iam.serviceAccountTokenCreator", f"group:bh-{tenant}-data-owners@{DOMAIN}"),
            "auditor": ("roles/iam.serviceAccountTokenCreator", f"serviceAccount:{COLLECTOR}"),
        }
        for index, (role, (granted, who)) in enumerate(holders.items()):
            data = {"email": self.account(tenant, role), "uniqueId": f"{self.numbers(tenant)[0]}{index}"}
            self.add(self.account_name(tenant, role), "iam.googleapis.com/ServiceAccount", data, *own)
            self.grant(self.account_name(tenant, role), granted, who)

    def _keys(self, tenant: str, keys: str, of_keys: tuple[str, ...]) -> None:
        pool = f"projects/{keys}/locations/global/workloadIdentityPools/{tenant}-nodes"
        attested = f"principalSet://iam.googleapis.com/{pool}/attribute.release/{tenant}/data/sha256:1"
        self.add(self.ring(tenant), "cloudkms.googleapis.com/KeyRing", {}, *of_keys)
        for purpose in PURPOSES:
            self.add(self.key(tenant, purpose), "cloudkms.googleapis.com/CryptoKey", {}, *of_keys)
            agent = f"serviceAccount:service-{self.numbers(tenant)[0]}@gs-project-accounts.iam.gserviceaccount.com"
            self.grant(
                self.key(tenant, purpose),
                "roles/cloudkms.cryptoKeyEncrypterDecrypter",
                agent if purpose in ("disk", "logs") else attested,
            )
        self.add(
            f"//iam.googleapis.com/{pool}", "iam.googleapis.com/WorkloadIdentityPool", {"state": "ACTIVE"}, *of_keys
        )
        condition = (
            'assertion.swname == "CONFIDENTIAL_SPACE" && assertion.dbgstat == "disabled-since-boot" && '
            f'assertion.submods.gce.project_number in ["{self.numbers(tenant)[0]}"] && '
            f'"{self.account(tenant)}" in assertion.google_service_accounts && '
            'assertion.submods.container.image_digest in ["sha256:1"] && '
            '"STABLE" in assertion.submods.confidential_space.support_attributes'
        )
        mapping = {
            "google.subject": "assertion.sub",
            "attribute.release": f'"{tenant}/data/" + assertion.submods.container.image_digest',
        }
        data = {"oidc": {"issuerUri": ISSUER}, "attributeCondition": condition, "attributeMapping": mapping}
        self.add(self.provider(tenant), "iam.googleapis.com/WorkloadIdentityPoolProvider", data, *of_keys)

    def _network(self, tenant: str, own: tuple[str, ...]) -> None:
        name, number = f"bh-{tenant}", self.tenants.index(tenant)
        link = self.network(tenant).replace("//compute.googleapis.com/", "https://www.googleapis.com/compute/v1/")
        self.add(self.network(tenant), "compute.googleapis.com/Network", {"name": name, "selfLink": link}, *own)
        subnet = f"//compute.googleapis.com/projects/{self.project(tenant)}/regions/{REGION}/subnetworks/{name}"
        data = {
            "name": name, "network": link, "region": REGION,
            "ipCidrRange": f"10.{number // 16}.{number % 16 * 16}.0/20",
            "selfLink": subnet.replace("//compute.googleapis.com/", "https://www.googleapis.com/compute/v1/"),
        }  # fmt: skip
        self.add(subnet, "compute.googleapis.com/Subnetwork", data, *own)

    def _lock(self, tenant: str, number: str, keys: str) -> None:
        services = (
            "storage",
            "cloudkms",
            "iam",
            "iamcredentials",
            "compute",
            "logging",
            "sts",
            "pubsub",
            "secretmanager",
        )
        deploying = {
            "ingressFrom": {
                "identities": [f"serviceAccount:{DEPLOYER}"],
                "sources": [{"resource": f"projects/{DEPLOY}"}],
            },
            "ingressTo": {
                "resources": [f"projects/{number}", f"projects/{keys}"],
                "operations": [{"serviceName": "compute.googleapis.com", "methodSelectors": [{"method": "*"}]}],
            },
        }
        self.perimeters[f"bh_{tenant}"] = {
            "name": f"accessPolicies/{POLICY}/servicePerimeters/bh_{tenant}",
            "perimeterType": "PERIMETER_TYPE_REGULAR",
            "status": {
                "resources": [f"projects/{number}", f"projects/{keys}"],
                "restrictedServices": [f"{service}.googleapis.com" for service in services],
                "vpcAccessibleServices": {"enableRestriction": True, "allowedServices": ["RESTRICTED-SERVICES"]},
                "ingressPolicies": [deploying],
                "egressPolicies": [],
            },
        }
        users = [
            f"principal://iam.googleapis.com/projects/-/serviceAccounts/{self.account(tenant, role)}"
            for role in ("trainer", "data-owner")
        ]
        objects = {
            "deniedPrincipals": [EVERYONE],
            "exceptionPrincipals": users,
            "deniedPermissions": [
                f"storage.googleapis.com/objects.{verb}" for verb in ("get", "create", "delete", "list", "update")
            ],
        }
        acting = {
            "deniedPrincipals": [EVERYONE],
            "exceptionPrincipals": [
                f"principalSet://goog/group/bh-{tenant}-data-owners@{DOMAIN}",
                f"principal://iam.googleapis.com/projects/-/serviceAccounts/{COLLECTOR}",
            ],
            "deniedPermissions": [
                f"iam.googleapis.com/serviceAccounts.{verb}"
                for verb in ("getAccessToken", "signBlob", "signJwt", "implicitDelegation", "getOpenIdToken")
            ],
        }
        pool = f"projects/{keys}/locations/global/workloadIdentityPools/{tenant}-nodes"
        agent = f"service-{number}@gs-project-accounts.iam.gserviceaccount.com"
        using = {
            "deniedPrincipals": [EVERYONE],
            "exceptionPrincipals": [
                f"principalSet://iam.googleapis.com/{pool}/*",
                f"principal://iam.googleapis.com/projects/-/serviceAccounts/{agent}",
            ],
            "deniedPermissions": [
                "cloudkms.googleapis.com/cryptoKeyVersions.useToDecrypt",
                "cloudkms.googleapis.com/cryptoKeyVersions.useToEncrypt",
            ],
        }
        changing = {
            "deniedPrincipals": [EVERYONE],
            "exceptionPrincipals": [f"principal://iam.googleapis.com/projects/-/serviceAccounts/{DEPLOYER}"],
            "deniedPermissions": ["cloudkms.googleapis.com/cryptoKeys.setIamPolicy"],
        }
        self.denials[f"projects/{keys}"] = {"rules": [{"denyRule": using}, {"denyRule": changing}]}
        self.denials[f"projects/{number}"] = {"rules": [{"denyRule": objects}, {"denyRule": acting}]}
        host = "//cloudresourcemanager.googleapis.com/projects"
        name = f"organizations/{ORGANISATION}/locations/global/principalAccessBoundaryPolicies/bh-{tenant}"
        reachable = [f"{host}/{self.project(tenant)}", f"{host}/{self.project(tenant)}-keys", f"{host}/bh-images"]
        rules = [{"effect": "ALLOW", "resources": reachable}]
        self.boundaries.append({"name": name, "details": {"rules": rules, "enforcementVersion": "latest"}})
        for project in (number, keys):
            target = {"principalSet": f"{host}/{project}"}
            self.bindings.append({"name": f"projects/{project}/bh", "target": target, "policy": name})
