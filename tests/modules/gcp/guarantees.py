"""What a tenant on Google Cloud is promised of its stacks, and every way in which each promise could be broken.

A guarantee that finds nothing wrong with a spoiled stack is no guarantee: the test tries every spoiler.
"""

# ruff: noqa: E501 -- a guarantee and its spoilers read best on few lines

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.modules.aws.guarantees import add, remove, set_value, wrong
from tests.stacks.synthesis import Stack

Spoiler = Callable[[Stack], None]

WAYS_OUT = {
    "google_compute_address",
    "google_compute_external_vpn_gateway",
    "google_compute_forwarding_rule",
    "google_compute_global_address",
    "google_compute_global_forwarding_rule",
    "google_compute_ha_vpn_gateway",
    "google_compute_interconnect_attachment",
    "google_compute_network_peering",
    "google_compute_router",
    "google_compute_router_nat",
    "google_compute_service_attachment",
    "google_compute_shared_vpc_host_project",
    "google_compute_shared_vpc_service_project",
    "google_compute_vpn_tunnel",
    "google_service_networking_connection",
    "google_vpc_access_connector",
}
SHARING = {
    "google_compute_disk_iam_member",
    "google_compute_image",
    "google_compute_image_iam_member",
    "google_compute_snapshot",
    "google_compute_snapshot_iam_member",
    "google_service_account_key",
    "google_storage_bucket_acl",
    "google_storage_default_object_acl",
    "google_storage_hmac_key",
    "google_storage_object_acl",
    "google_storage_transfer_job",
}
RESTRICTED = "199.36.153.4/30"
RESTRICTED_ADDRESSES = ["199.36.153.4", "199.36.153.5", "199.36.153.6", "199.36.153.7"]
EVERYONE = "principalSet://goog/public:all"
IN_HSM = {"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION", "protection_level": "HSM"}


@dataclass(frozen=True)
class Guarantee:
    """`violations` says what is wrong with a stack, in words; each of `spoilers` makes it wrong in place."""

    title: str
    layer: str
    violations: Callable[[Stack], list[str]]
    spoilers: tuple[Spoiler, ...]


def all_of(kind: str, check: Callable[[dict], Any], at_least: int = 1) -> Callable[[Stack], list[str]]:
    return lambda stack: wrong(stack, kind, lambda resource: bool(check(resource)), at_least)


def none_of(kinds: set[str]) -> Callable[[Stack], list[str]]:
    return lambda stack: sorted(kinds & set(stack.body["resource"]))


def each(kinds: set[str]) -> tuple[Spoiler, ...]:
    return tuple(lambda stack, kind=kind: add(stack, kind, name="x") for kind in sorted(kinds))


def bindings(resource: dict) -> dict[str, list[str]]:
    return {binding["role"]: binding["members"] for binding in json.loads(resource["policy_data"])["bindings"]}


def named(stack: Stack, kind: str, part: str) -> dict:
    """The only resource of a type whose logical name contains `part`."""
    (found,) = [held for name, held in stack.body["resource"][kind].items() if part in name]
    return found


def replaced(kind: str, part: str, field: str, old: str, new: str) -> Spoiler:
    def spoil(stack: Stack) -> None:
        held = named(stack, kind, part)
        assert old in held[field]
        held[field] = held[field].replace(old, new)

    return spoil


def attested_keys(stack: Stack) -> list[str]:
    """Data, checkpoints and models open for the pool's principal sets, the data owner's own part, and nobody else."""
    problems = []
    for purpose in ("data", "checkpoint", "export"):
        for role, members in bindings(named(stack, "google_kms_crypto_key_iam_policy", f"_{purpose}-policy")).items():
            for member in members:
                attested = "/workloadIdentityPools/initech-nodes/attribute.release/initech/data/sha256:" in member
                sealing = purpose == "data" and role.endswith("cryptoKeyEncrypter") and ":initech-data-owner@" in member
                taking = (
                    purpose == "export" and role.endswith("cryptoKeyDecrypter") and ":initech-data-owner@" in member
                )
                if not (attested and member.startswith("principalSet://")) and not sealing and not taking:
                    problems.append(f"{purpose}: {role}: {member}")
    return problems


def attested_condition(stack: Stack) -> list[str]:
    provider = stack.one("google_iam_workload_identity_pool_provider")
    text = provider["attribute_condition"]
    needed = [
        'assertion.swname == "CONFIDENTIAL_SPACE"',
        'assertion.dbgstat == "disabled-since-boot"',
        'assertion.hwmodel in ["GCP_INTEL_TDX", "INTEL_TDX"]',
        "assertion.submods.gce.project_number in [",
        "assertion.submods.container.image_digest in [",
        "in assertion.google_service_accounts",
        '"STABLE" in assertion.submods.confidential_space.support_attributes',
    ]
    issuer = provider["oidc"]["issuer_uri"] == "https://confidentialcomputing.googleapis.com"
    loose = [part for part in needed if part not in text]
    return loose + ([] if issuer else ["another issuer"]) + (["an alternative at the top"] if _splits(text) else [])


def _splits(text: str) -> bool:
    """Whether `||` stands outside every bracket: then the condition holds without the rest of it."""
    depth = 0
    for index, letter in enumerate(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(letter, 0)
        if depth == 0 and text[index : index + 2] == "||":
            return True
    return False


def denials(stack: Stack) -> list[str]:
    found = stack.all("google_iam_deny_policy")
    where = {policy["name"]: policy["parent"].rpartition("%2F")[2] for policy in found}
    project = {"account-keys", "impersonation", "objects", "opening"}
    expected = {f"bulkhead-{name}": "bh-initech" for name in project}
    expected |= {f"bulkhead-{name}": "bh-initech-keys" for name in ("key-use", "release")}
    loose = [
        policy["name"]
        for policy in found
        for rule in policy["rules"]
        if rule["deny_rule"]["denied_principals"] != [EVERYONE] or "denial_condition" in rule["deny_rule"]
    ]
    denied = {p for policy in found for rule in policy["rules"] for p in rule["deny_rule"]["denied_permissions"]}
    needed = {
        "cloudkms.googleapis.com/cryptoKeyVersions.useToDecrypt",
        "cloudkms.googleapis.com/cryptoKeys.setIamPolicy",
        "iam.googleapis.com/serviceAccountKeys.create",
        "iam.googleapis.com/serviceAccounts.getAccessToken",
        "iam.googleapis.com/workloadIdentityPoolProviders.update",
        "storage.googleapis.com/buckets.setIamPolicy",
        "storage.googleapis.com/objects.get",
    }
    return loose + sorted(needed - denied) + ([] if where == expected else [f"attached to {where}"])


def bounded(stack: Stack) -> list[str]:
    (boundary,) = stack.all("google_iam_principal_access_boundary_policy")
    foreign = [
        resource
        for rule in boundary["details"]["rules"]
        for resource in rule["resources"]
        if resource.rpartition("/")[2] not in {"bh-initech", "bh-initech-keys", "bh-images"}
    ]
    targets = {binding["target"]["principal_set"] for binding in stack.all("google_iam_projects_policy_binding")}
    return foreign + ([] if len(targets) == 2 else [f"bound to {sorted(targets)}"])


def entitlements(stack: Stack) -> list[str]:
    problems = []
    for held in stack.all("google_privileged_access_manager_entitlement"):
        steps = held.get("approval_workflow", {}).get("manual_approvals", {}).get("steps", [])
        approvers = [p for step in steps for p in step["approvers"]["principals"]]
        roles = [r["role"] for r in held["privileged_access"]["gcp_iam_access"]["role_bindings"]]
        problems += [f"{held['entitlement_id']}: {role}" for role in roles if any(w in role for w in DANGEROUS)]
        if approvers != ["group:bh-initech-approvers@bulkhead.example"]:
            problems.append(f"{held['entitlement_id']}: approved by {approvers}")
        if int(held["max_request_duration"].removesuffix("s")) > 8 * 3600:
            problems.append(f"{held['entitlement_id']}: longer than a working day")
        if "unstructured" not in held["requester_justification_config"]:
            problems.append(f"{held['entitlement_id']}: no reason asked for")
    return problems


DANGEROUS = ("owner", "editor", "kms", "storage", "admin", "iam.", "Admin", "bigquery")


def perimeter(stack: Stack) -> list[str]:
    held = stack.one("google_access_context_manager_service_perimeter")
    status = held.get("status") or {}
    problems = [] if held["perimeter_type"] == "PERIMETER_TYPE_REGULAR" else ["a bridge"]
    if status != held.get("spec") or not held["use_explicit_dry_run_spec"]:
        problems.append("what is enforced is not what the dry run reports")
    if len(status.get("resources", [])) != 2:
        problems.append("not both projects")
    needed = {
        f"{name}.googleapis.com" for name in ("storage", "cloudkms", "compute", "logging", "sts", "iamcredentials")
    }
    problems += sorted(needed - set(status.get("restricted_services", [])))
    accessible = status.get("vpc_accessible_services", {})
    if accessible != {"enable_restriction": True, "allowed_services": ["RESTRICTED-SERVICES"]}:
        problems.append("machines reach services outside the perimeter")
    for rule in status.get("ingress_policies", []):
        start = rule["ingress_from"]
        if "identity_type" in start or not start["identities"] or any("*" in str(s) for s in start["sources"]):
            problems.append(f"{rule['title']}: anyone, or from anywhere")
        for operation in rule["ingress_to"]["operations"]:
            methods = [selector["method"] for selector in operation["method_selectors"]]
            if operation["service_name"] == "storage.googleapis.com" and any(
                ".objects." in m or m == "*" for m in methods
            ):
                problems.append(f"{rule['title']}: objects")
    for rule in status.get("egress_policies", []):
        services = [operation["service_name"] for operation in rule["egress_to"]["operations"]]
        if services != ["artifactregistry.googleapis.com"] or "*" in rule["egress_to"]["resources"]:
            problems.append(f"{rule['title']}: {services}")
    return problems


def one_route(stack: Stack) -> list[str]:
    (network,) = stack.all("google_compute_network")
    routes = [route["dest_range"] for route in stack.all("google_compute_route")]
    default = (
        [] if network["delete_default_routes_on_create"] and not network["auto_create_subnetworks"] else ["defaults"]
    )
    return default + [route for route in routes if route != RESTRICTED]


def firewall(kind: str, last: str) -> Callable[[Stack], list[str]]:
    """Whatever is not named is refused in both directions and both families, and only machines that are named pass."""

    def check(stack: Stack) -> list[str]:
        problems = []
        rules = sorted(stack.all(kind), key=lambda rule: rule["priority"])
        for direction, end in (("EGRESS", "dest_ip_ranges"), ("INGRESS", "src_ip_ranges")):
            for anywhere in ("0.0.0.0/0", "::/0"):
                closing = [r for r in rules if r["direction"] == direction and r["match"].get(end) == [anywhere]]
                if [(r["action"], r["match"]["layer4_configs"], r.get("disabled")) for r in closing] != [
                    ("deny", [{"ip_protocol": "all"}], None)
                ]:
                    problems.append(f"{direction} {anywhere} is not refused")
        for rule in rules:
            if rule["action"] == "deny":
                continue
            ranges = rule["match"].get("dest_ip_ranges", []) + rule["match"].get("src_ip_ranges", [])
            if rule["action"] != last or any(r.startswith("0.0.0.0") or r == "::/0" for r in ranges):
                problems.append(f"rule {rule['priority']}")
            if last == "allow" and not rule.get("target_secure_tags"):
                problems.append(f"rule {rule['priority']} is for every machine")
            if last == "allow" and rule["direction"] == "INGRESS" and not rule["match"].get("src_secure_tags"):
                problems.append(f"rule {rule['priority']} is from every machine")
        return problems

    return check


def names(stack: Stack) -> list[str]:
    problems = [
        rule["rule_name"]
        for rule in stack.all("google_dns_response_policy_rule")
        for data in rule["local_data"]["local_datas"]
        if data["type"] != "A" or data["rrdatas"] != RESTRICTED_ADDRESSES
    ]
    answered = {rule["dns_name"] for rule in stack.all("google_dns_response_policy_rule")}
    domains = ("googleapis.com.", "pkg.dev.", "gcr.io.")
    problems += sorted({*domains, *(f"*.{domain}" for domain in domains)} - answered)
    zones = [(zone["dns_name"], zone["visibility"]) for zone in stack.all("google_dns_managed_zone")]
    if zones != [(".", "private")] or stack.all("google_dns_record_set"):
        problems.append(f"zones {zones}")
    return problems + wrong(stack, "google_dns_policy", lambda policy: policy["enable_logging"])


def own_policies(stack: Stack) -> list[str]:
    expected = {
        "gcp.restrictCmekCryptoKeyProjects": {"allowed_values": ["projects/bh-initech-keys"]},
        "gcp.resourceLocations": {"allowed_values": ["in:us-central1-locations"]},
        "compute.storageResourceUseRestrictions": {"allowed_values": ["under:projects/bh-initech"]},
    }
    held: dict[str, list] = {}
    for policy in stack.all("google_org_policy_policy"):
        held.setdefault(policy["name"].rpartition("/")[2], []).append(policy["spec"]["rules"][0].get("values"))
    # Locations are limited in both projects, so the constraint is there twice.
    times = {"gcp.resourceLocations": 2}
    return [name for name, values in expected.items() if held.get(name) != [values] * times.get(name, 1)]


def template(stack: Stack) -> list[str]:
    held = stack.one("google_compute_instance_template")
    problems = []
    if held.get("confidential_instance_config") != {"confidential_instance_type": "TDX"}:
        problems.append("memory in the clear")
    if held.get("shielded_instance_config") != {
        "enable_secure_boot": True,
        "enable_vtpm": True,
        "enable_integrity_monitoring": True,
    }:
        problems.append("not a shielded machine")
    if held["scheduling"]["on_host_maintenance"] != "TERMINATE" or held["scheduling"]["automatic_restart"]:
        problems.append("would be moved or restarted")
    if any(interface.get("access_config") for interface in held["network_interface"]) or held["can_ip_forward"]:
        problems.append("reachable from outside")
    if held["service_account"]["email"] != "initech-trainer@bh-initech.iam.gserviceaccount.com":
        problems.append("another identity")
    for disk in held["disk"]:
        if (
            not disk["source_image"].startswith("projects/confidential-space-images/")
            or "debug" in disk["source_image"]
        ):
            problems.append("another image to boot")
        if "/cryptoKeys/disk" not in disk.get("disk_encryption_key", {}).get("kms_key_self_link", ""):
            problems.append("a disk under another key")
    return problems + machine_metadata(held["metadata"]) + ([] if held.get("resource_manager_tags") else ["no tag"])


def machine_metadata(metadata: dict[str, str]) -> list[str]:
    problems = [
        name for name in metadata if name.startswith(("tee-env-", "startup-script", "ssh-keys")) or name == "tee-cmd"
    ]
    if "@sha256:" not in metadata.get("tee-image-reference", ""):
        problems.append("an image that can be moved")
    if metadata.get("serial-port-enable") != "false" or metadata.get("block-project-ssh-keys") != "true":
        problems.append("a way to log in")
    return problems


def retention_locked(stack: Stack) -> list[str]:
    buckets = wrong(stack, "google_storage_bucket", lambda b: b.get("retention_policy", {}).get("is_locked") is True)
    logs = wrong(stack, "google_logging_project_bucket_config", lambda b: b["locked"] is True)
    days = [
        b["retention_policy"]["retention_period"] for b in stack.all("google_storage_bucket") if "retention_policy" in b
    ]
    return buckets + logs + [period for period in days if int(period) < 365 * 86400]


def everything_is_recorded(stack: Stack) -> list[str]:
    return wrong(
        stack,
        "google_folder_iam_audit_config",
        lambda config: (
            config["service"] == "allServices"
            and {entry["log_type"] for entry in config["audit_log_config"]} == {"ADMIN_READ", "DATA_READ", "DATA_WRITE"}
            and not any(entry.get("exempted_members") for entry in config["audit_log_config"])
        ),
        2,
    )


REQUIRED_CONSTRAINTS = {
    "compute.requireShieldedVm": {"enforce": "TRUE"},
    "compute.restrictNonConfidentialComputing": {"values": {"denied_values": ["compute.googleapis.com"]}},
    "compute.restrictSharedVpcHostProjects": {"deny_all": "TRUE"},
    "compute.restrictSharedVpcSubnetworks": {"deny_all": "TRUE"},
    "compute.restrictVpcPeering": {"deny_all": "TRUE"},
    "compute.restrictCloudNATUsage": {"deny_all": "TRUE"},
    "compute.restrictVpnPeerIPs": {"deny_all": "TRUE"},
    "compute.vmExternalIpAccess": {"deny_all": "TRUE"},
    "compute.disableVpcExternalIpv6": {"enforce": "TRUE"},
    "compute.skipDefaultNetworkCreation": {"enforce": "TRUE"},
    "compute.trustedImageProjects": {"values": {"allowed_values": ["projects/confidential-space-images"]}},
    "compute.requireVpcFlowLogs": {"values": {"allowed_values": ["COMPREHENSIVE"]}},
    "gcp.resourceLocations": {"values": {"allowed_values": ["in:europe-west4-locations", "in:us-central1-locations"]}},
    "iam.disableServiceAccountKeyCreation": {"enforce": "TRUE"},
    "iam.disableServiceAccountKeyUpload": {"enforce": "TRUE"},
    "iam.automaticIamGrantsForDefaultServiceAccounts": {"enforce": "TRUE"},
    "iam.workloadIdentityPoolProviders": {
        "values": {"allowed_values": ["https://confidentialcomputing.googleapis.com"]}
    },
    "iam.workloadIdentityPoolAwsAccounts": {"deny_all": "TRUE"},
    "storage.uniformBucketLevelAccess": {"enforce": "TRUE"},
    "storage.publicAccessPrevention": {"enforce": "TRUE"},
    "custom.bulkheadKeysInHsm": {"enforce": "TRUE"},
    "custom.bulkheadKeysRotate": {"enforce": "TRUE"},
    "custom.bulkheadPrivateSubnets": {"enforce": "TRUE"},
}


def constraints(stack: Stack) -> list[str]:
    """Both folders carry each constraint, neither inherits what it would merge with, and bridges are off everywhere."""
    problems = []
    for folder in ("tenants-folder", "quarantine-folder"):
        held = {
            policy["name"].rpartition("/")[2]: policy["spec"]
            for policy in stack.all("google_org_policy_policy")
            if folder in policy["parent"]
        }
        for name, rule in REQUIRED_CONSTRAINTS.items():
            spec = held.get(name, {})
            if spec.get("rules") != [rule] or spec.get("inherit_from_parent"):
                problems.append(f"{folder}: {name}")
    bridges = [
        p for p in stack.all("google_org_policy_policy") if p["name"].endswith("custom.bulkheadNoPerimeterBridges")
    ]
    if [p["parent"] for p in bridges] != ["organizations/600000000001"]:
        problems.append("bridges")
    return problems


def forget_constraint(name: str) -> Spoiler:
    def spoil(stack: Stack) -> None:
        held = stack.body["resource"]["google_org_policy_policy"]
        key = next(k for k, policy in held.items() if policy["name"].endswith(f"/{name}"))
        del held[key]

    return spoil


def change(kind: str, part: str, make: Callable[[dict], object]) -> Spoiler:
    return lambda stack: (make(named(stack, kind, part)), None)[1]


KEY, KEY_POLICY, BUCKET = "google_kms_crypto_key", "google_kms_crypto_key_iam_policy", "google_storage_bucket"
PROVIDER, PERIMETER = "google_iam_workload_identity_pool_provider", "google_access_context_manager_service_perimeter"
TEMPLATE, NETWORK_RULE = "google_compute_instance_template", "google_compute_network_firewall_policy_rule"
FOLDER_RULE, DENY = "google_compute_firewall_policy_rule", "google_iam_deny_policy"
ENTITLEMENT, BOUNDARY = "google_privileged_access_manager_entitlement", "google_iam_principal_access_boundary_policy"
EVERY_MEMBER = '{"bindings":[{"members":["serviceAccount:initech-trainer@bh-initech.iam.gserviceaccount.com"],"role":"roles/cloudkms.cryptoKeyDecrypter"}]}'

GUARANTEES = [
    Guarantee(
        "every key lies in an HSM, rotates, and cannot be destroyed by a plan", "vault",
        all_of(KEY, lambda k: k["version_template"] == IN_HSM and int(k["rotation_period"][:-1]) <= 365 * 86400 and k["lifecycle"]["prevent_destroy"], 5),
        (set_value(KEY, "version_template", "protection_level", value="SOFTWARE"), set_value(KEY, "rotation_period", value="99999999s"), set_value(KEY, "lifecycle", "prevent_destroy", value=False), remove(KEY)),
    ),
    Guarantee(
        "data, checkpoints and models open for attested machines only", "vault", attested_keys,
        (replaced(KEY_POLICY, "_data-policy", "policy_data", "principalSet://iam", "principal://iam"), change(KEY_POLICY, "_checkpoint-policy", lambda p: p.update(policy_data=EVERY_MEMBER)),
         replaced(KEY_POLICY, "_export-policy", "policy_data", "initech-data-owner", "umbra-data-owner"), replaced(KEY_POLICY, "_data-policy", "policy_data", "attribute.release/initech/data/sha256", "attribute.tenant/initech/sha256")),
    ),
    Guarantee(
        "the pool lets in what the release policy accepts", "vault", attested_condition,
        (replaced(PROVIDER, "provider", "attribute_condition", "disabled-since-boot", "enabled"), replaced(PROVIDER, "provider", "attribute_condition", 'assertion.swname == "CONFIDENTIAL_SPACE"', "true"),
         change(PROVIDER, "provider", lambda p: p.update(attribute_condition=p["attribute_condition"] + " || true")), set_value(PROVIDER, "oidc", "issuer_uri", value="https://elsewhere.example")),
    ),
    Guarantee("deny policies stand above every allow policy", "vault", denials, (remove(DENY), set_value(DENY, "rules", 0, "deny_rule", "denied_principals", value=["principal://goog/subject/x@y.example"]), set_value(DENY, "parent", value="cloudresourcemanager.googleapis.com%2Fprojects%2Fother") )),
    Guarantee("the tenant's principals are confined to its projects", "vault", bounded, (set_value(BOUNDARY, "details", "rules", 0, "resources", value=["//cloudresourcemanager.googleapis.com/projects/bh-umbra"]), remove("google_iam_projects_policy_binding"))),
    Guarantee(
        "buckets have one access policy, one key, and no public access", "vault",
        all_of(BUCKET, lambda b: b["uniform_bucket_level_access"] and b["public_access_prevention"] == "enforced" and not b["force_destroy"]
               and b["encryption"]["default_kms_key_name"].startswith("projects/bh-initech-keys/")
               and all(b["encryption"][f"{kind}_encryption_enforcement_config"] == {"restriction_mode": "FullyRestricted"} for kind in ("google_managed", "customer_supplied")), 3),
        (set_value(BUCKET, "uniform_bucket_level_access", value=False), set_value(BUCKET, "public_access_prevention", value="inherited"), set_value(BUCKET, "force_destroy", value=True),
         set_value(BUCKET, "encryption", "default_kms_key_name", value="projects/bh-umbra-keys/k"), set_value(BUCKET, "encryption", "google_managed_encryption_enforcement_config", "restriction_mode", value="NotRestricted")),
    ),
    Guarantee(
        "data is deleted when its time is over", "vault",
        all_of(BUCKET, lambda b: b["labels"]["purpose"] == "ledger" or (any(rule["action"]["type"] == "Delete" for rule in b["lifecycle_rule"]) and b.get("soft_delete_policy") == {"retention_duration_seconds": 0}), 4),
        (change(BUCKET, "_data_", lambda b: b.update(lifecycle_rule=[])), change(BUCKET, "_checkpoint_", lambda b: b.pop("soft_delete_policy"))),
    ),
    Guarantee(
        "logs are encrypted under the tenant's key, and the ledger is locked", "vault",
        lambda stack: wrong(stack, "google_logging_project_bucket_config", lambda b: "/cryptoKeys/logs" in b["cmek_settings"]["kms_key_name"], 2)
        + wrong(stack, BUCKET, lambda b: b["labels"]["purpose"] != "ledger" or b.get("retention_policy", {}).get("is_locked") is True),
        (set_value("google_logging_project_bucket_config", "cmek_settings", "kms_key_name", value="other"), change(BUCKET, "_ledger_", lambda b: b["retention_policy"].update(is_locked=False)), change(BUCKET, "_ledger_", lambda b: b.pop("retention_policy"))),
    ),
    Guarantee(
        "whoever writes the ledger can add to it and nothing else", "vault",
        lambda stack: [f"{role}: {members}" for role, members in bindings(named(stack, "google_storage_bucket_iam_policy", "ledgers_")).items() if role not in {"roles/storage.objectCreator", "roles/storage.objectViewer"}],
        (replaced("google_storage_bucket_iam_policy", "ledgers_", "policy_data", "roles/storage.objectCreator", "roles/storage.objectUser"),),
    ),
    Guarantee("nothing is shared, and no service account has a key", "vault", none_of(SHARING), each(SHARING)),
    Guarantee("people get in for hours, with a reason, approved by the tenant", "vault", entitlements,
              (set_value(ENTITLEMENT, "max_request_duration", value="86400s"), set_value(ENTITLEMENT, "privileged_access", "gcp_iam_access", "role_bindings", 0, "role", value="roles/storage.objectViewer"),
               remove(ENTITLEMENT, "approval_workflow"), set_value(ENTITLEMENT, "requester_justification_config", value={"not_mandatory": {}}))),
    Guarantee("the perimeter is regular, whole and enforced as its dry run says", "perimeter", perimeter,
              (set_value(PERIMETER, "perimeter_type", value="PERIMETER_TYPE_BRIDGE"), remove(PERIMETER, "status"), set_value(PERIMETER, "status", "resources", value=["projects/1"]), set_value(PERIMETER, "status", "restricted_services", value=["storage.googleapis.com"]),
               set_value(PERIMETER, "status", "vpc_accessible_services", "enable_restriction", value=False), set_value(PERIMETER, "status", "ingress_policies", 0, "ingress_from", "sources", value=[{"access_level": "*"}]),
               set_value(PERIMETER, "status", "ingress_policies", 0, "ingress_from", "identity_type", value="ANY_IDENTITY"), set_value(PERIMETER, "status", "egress_policies", 0, "egress_to", "resources", value=["*"]),
               set_value(PERIMETER, "status", "ingress_policies", 1, "ingress_to", "operations", -1, "method_selectors", value=[{"method": "*"}]))),
    Guarantee("nothing leads out of the network", "perimeter", none_of(WAYS_OUT), each(WAYS_OUT)),
    Guarantee("the only route leads to the restricted address", "perimeter", one_route, (set_value("google_compute_route", "dest_range", value="0.0.0.0/0"), set_value("google_compute_network", "delete_default_routes_on_create", value=False))),
    Guarantee("the subnet is private and every flow is recorded", "perimeter",
              all_of("google_compute_subnetwork", lambda s: s["private_ip_google_access"] and s["stack_type"] == "IPV4_ONLY" and s["log_config"]["flow_sampling"] == 1 and s["log_config"]["metadata"] == "INCLUDE_ALL_METADATA"),
              (set_value("google_compute_subnetwork", "private_ip_google_access", value=False), set_value("google_compute_subnetwork", "log_config", "flow_sampling", value=0.5), set_value("google_compute_subnetwork", "stack_type", value="IPV4_IPV6"))),
    Guarantee("machines reach each other and Google, both ends named by a secure tag", "perimeter", firewall(NETWORK_RULE, "allow"),
              (change(NETWORK_RULE, "rule-9000", lambda r: r.update(action="allow")), change(NETWORK_RULE, "rule-9101", lambda r: r.update(disabled=True)), change(NETWORK_RULE, "rule-1100", lambda r: r["match"].update(dest_ip_ranges=["0.0.0.0/0"])),
               change(NETWORK_RULE, "rule-1200", lambda r: r["match"].pop("src_secure_tags")), change(NETWORK_RULE, "rule-1000", lambda r: r.pop("target_secure_tags")))),
    Guarantee("names lead to the restricted address or nowhere", "perimeter", names,
              (change("google_dns_response_policy_rule", "apis-below", lambda r: r["local_data"]["local_datas"][0].update(rrdatas=["8.8.8.8"])), set_value("google_dns_managed_zone", "dns_name", value="example.com."), set_value("google_dns_policy", "enable_logging", value=False),
               lambda stack: add(stack, "google_dns_record_set", name="x."), lambda stack: stack.body["resource"]["google_dns_response_policy_rule"].popitem())),
    Guarantee("own keys, own region, own disks and images only", "perimeter", own_policies, tuple(forget_constraint(name) for name in ("gcp.restrictCmekCryptoKeyProjects", "gcp.resourceLocations", "compute.storageResourceUseRestrictions"))),
    Guarantee("machines are confidential, shielded, and run one image", "compute", template,
              (remove(TEMPLATE, "confidential_instance_config"), set_value(TEMPLATE, "shielded_instance_config", "enable_secure_boot", value=False), set_value(TEMPLATE, "shielded_instance_config", "enable_vtpm", value=False),
               set_value(TEMPLATE, "shielded_instance_config", "enable_integrity_monitoring", value=False), set_value(TEMPLATE, "scheduling", "on_host_maintenance", value="MIGRATE"), set_value(TEMPLATE, "network_interface", 0, "access_config", value=[{}]),
               set_value(TEMPLATE, "service_account", "email", value="default"), set_value(TEMPLATE, "disk", 0, "source_image", value="projects/confidential-space-images/global/images/family/confidential-space-debug"),
               remove(TEMPLATE, "disk", 0, "disk_encryption_key"), set_value(TEMPLATE, "metadata", "tee-image-reference", value="us-docker.pkg.dev/a/b:latest"), set_value(TEMPLATE, "metadata", "tee-env-X", value="1"),
               set_value(TEMPLATE, "metadata", "tee-cmd", value="[]"), set_value(TEMPLATE, "metadata", "serial-port-enable", value="true"), set_value(TEMPLATE, "metadata", "startup-script", value="sh"), remove(TEMPLATE, "resource_manager_tags"))),
    Guarantee("there is no machine until a job asks for one", "compute", all_of("google_compute_instance_group_manager", lambda g: g["target_size"] == 0 and g["lifecycle"]["ignore_changes"] == ["target_size"]), (set_value("google_compute_instance_group_manager", "target_size", value=1), remove("google_compute_instance_group_manager"))),
    Guarantee("spending is watched for both projects", "compute", all_of("google_billing_budget", lambda b: len(b["budget_filter"]["projects"]) == 2 and b["threshold_rules"] and b["all_updates_rule"]["disable_default_iam_recipients"]), (set_value("google_billing_budget", "budget_filter", "projects", value=[]), set_value("google_billing_budget", "threshold_rules", value=[]), remove("google_billing_budget"))),
    Guarantee("no more accelerators than the tenant may have", "compute", all_of("google_cloud_quotas_quota_preference", lambda q: q["quota_config"]["preferred_value"] in {"0", "2"}), (set_value("google_cloud_quotas_quota_preference", "quota_config", "preferred_value", value="-1"), remove("google_cloud_quotas_quota_preference"))),
    Guarantee("every constraint holds in both folders", "gcp-organisation", constraints, tuple(forget_constraint(name) for name in [*REQUIRED_CONSTRAINTS, "custom.bulkheadNoPerimeterBridges"])),
    Guarantee("no network below the folders opens what they close", "gcp-organisation",
              lambda stack: firewall(FOLDER_RULE, "goto_next")(stack) + wrong(stack, "google_compute_firewall_policy_association", lambda a: "folder" in a["attachment_target"], 2),
              (change(FOLDER_RULE, "firewall-9000", lambda r: r.update(action="goto_next")), change(FOLDER_RULE, "firewall-1000", lambda r: r["match"].update(dest_ip_ranges=["0.0.0.0/0"])), change(FOLDER_RULE, "firewall-1100", lambda r: r.update(action="allow")), remove("google_compute_firewall_policy_association"))),
    Guarantee("every read and write of data is recorded, of everyone", "gcp-organisation", everything_is_recorded,
              (remove("google_folder_iam_audit_config"), set_value("google_folder_iam_audit_config", "service", value="storage.googleapis.com"), set_value("google_folder_iam_audit_config", "audit_log_config", 0, "exempted_members", value=["user:x"]), set_value("google_folder_iam_audit_config", "audit_log_config", value=[{"log_type": "ADMIN_READ"}]))),
    Guarantee("projects start empty and are not deleted by a plan", "gcp-organisation", all_of("google_project", lambda p: p["auto_create_network"] is False and p["deletion_policy"] == "PREVENT" and p["billing_account"], 3), (set_value("google_project", "auto_create_network", value=True), set_value("google_project", "deletion_policy", value="DELETE"))),
    Guarantee("a key project is never deleted by hand either", "gcp-organisation", all_of("google_resource_manager_lien", lambda lien: lien["restrictions"] == ["resourcemanager.projects.delete"], 3), (remove("google_resource_manager_lien"), set_value("google_resource_manager_lien", "restrictions", value=[]))),
    Guarantee("evidence is locked for a year and more", "gcp-audit", retention_locked, (set_value(BUCKET, "retention_policy", "is_locked", value=False), set_value(BUCKET, "retention_policy", "retention_period", value="86400"), set_value("google_logging_project_bucket_config", "locked", value=False), remove(BUCKET, "retention_policy"))),
    Guarantee("every tenant's audit logs reach both stores", "gcp-audit",
              all_of("google_logging_folder_sink", lambda s: s["include_children"] and all(f"cloudaudit.googleapis.com/{log}" in s["filter"] for log in ("activity", "data_access", "policy")) and not s.get("exclusions"), 4),
              (set_value("google_logging_folder_sink", "include_children", value=False), set_value("google_logging_folder_sink", "filter", value="severity>=ERROR"), remove("google_logging_folder_sink"), set_value("google_logging_folder_sink", "exclusions", value=[{"name": "x", "filter": "true"}]))),
    Guarantee("nobody has a role that deletes evidence", "gcp-audit", all_of("google_storage_bucket_iam_policy", lambda p: set(bindings(p)) == {"roles/storage.objectCreator", "roles/storage.objectViewer"}), (replaced("google_storage_bucket_iam_policy", "policy", "policy_data", "roles/storage.objectViewer", "roles/storage.objectAdmin"),)),
    Guarantee("evidence is under the audit project's own key", "gcp-audit",
              lambda stack: wrong(stack, BUCKET, lambda b: b["encryption"]["default_kms_key_name"].startswith("projects/bh-audit/")) + wrong(stack, KEY, lambda k: k["version_template"] == IN_HSM),
              (set_value(BUCKET, "encryption", "default_kms_key_name", value="projects/bh-initech-keys/k"), set_value(KEY, "version_template", "protection_level", value="SOFTWARE"))),
]  # fmt: skip
