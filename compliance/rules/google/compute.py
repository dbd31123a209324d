"""Networks and machines: no way out, flow logs, confidential and shielded, no way in for people."""

from __future__ import annotations

from compliance.rules.google.populations import (
    NETWORK,
    SUBNET,
    GoogleCheck,
    checked,
    every,
    machines,
    metadata,
    own_projects,
)
from compliance.rules.google.view import ASSETS, GoogleView
from compliance.rules.model import About, Outcome, Population, Resource, Rule, Severity, decide, judge_problems

_CONFIDENTIAL = frozenset({"TDX", "SEV_SNP", "SEV"})
_WAYS_OUT = tuple(
    f"compute.googleapis.com/{kind}"
    for kind in ("Router", "VpnTunnel", "VpnGateway", "TargetVpnGateway", "Interconnect", "InterconnectAttachment")
)
_GOOGLES = "a key of Google's"
RESTRICTED_RANGE = "199.36.153.4/30"
"""Addresses of restricted.googleapis.com (VPC Service Controls "Set up private connectivity")."""


def _no_peering(_view: GoogleView, resource: Resource) -> Outcome:
    peers = [str(peer.get("network")) for peer in resource.data.data.get("peerings", [])]
    return judge_problems([f"peered with {network}" for network in peers], "no peering")


def _routes(view: GoogleView, resource: Resource) -> Outcome:
    problems = [f"{asset.name} leads out" for asset in view.assets(*_WAYS_OUT)]
    for route in view.assets("compute.googleapis.com/Route"):
        gateway = str(route.data.get("nextHopGateway", ""))
        if gateway and route.data.get("destRange") != RESTRICTED_RANGE:
            problems.append(f"{route.short} leads {route.data.get('destRange')} to the internet's gateway")
        if route.data.get("nextHopPeering") or route.data.get("nextHopVpnTunnel"):
            problems.append(f"{route.short} leads into another network")
    _ = resource
    return judge_problems(problems, "only Google's restricted address is routed")


def _flow_logs(_view: GoogleView, resource: Resource) -> Outcome:
    logging = resource.data.data.get("logConfig") or {}
    sampling = float(logging.get("flowSampling", 0) or 0)
    on = bool(logging) and logging.get("enable", True)
    return decide(
        on and sampling >= 1,
        "every flow is logged",
        f"flows are logged at {sampling:.0%}" if on else "flows are not logged",
    )


def _private(_view: GoogleView, resource: Resource) -> Outcome:
    return decide(
        bool(resource.data.data.get("privateIpGoogleAccess")), "Google is reached privately", "private access is off"
    )


def _own_network(_view: GoogleView, resource: Resource) -> Outcome:
    return decide(
        resource.data.data.get("autoCreateSubnetworks") is False,
        "subnets are the platform's",
        "it makes subnets by itself",
    )


def _confidential(_view: GoogleView, resource: Resource) -> Outcome:
    kind = (resource.data.get("confidentialInstanceConfig") or {}).get("confidentialInstanceType", "")
    return decide(kind in _CONFIDENTIAL, f"memory is encrypted ({kind})", "memory is not encrypted")


def _shielded(_view: GoogleView, resource: Resource) -> Outcome:
    held = resource.data.get("shieldedInstanceConfig") or {}
    lacking = [name for name in ("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring") if not held.get(name)]
    return judge_problems([f"{name} is off" for name in lacking], "Secure Boot, vTPM and integrity monitoring are on")


def _no_address(_view: GoogleView, resource: Resource) -> Outcome:
    interfaces = resource.data.get("networkInterfaces", [])
    open_ = [i for i in interfaces if i.get("accessConfigs") or i.get("ipv6AccessConfigs")]
    return judge_problems(["it has an external address"] * len(open_), "no external address")


def _closed(_view: GoogleView, resource: Resource) -> Outcome:
    found = metadata(resource.data)
    problems = []
    if found.get("serial-port-enable", "false").lower() in {"true", "1"}:
        problems.append("the serial console is open")
    if found.get("enable-oslogin", "").lower() != "true":
        problems.append("OS Login is off: keys in metadata let people in")
    if found.get("block-project-ssh-keys", "").lower() != "true":
        problems.append("the project's SSH keys are accepted")
    problems += [f"{key} is set" for key in ("ssh-keys", "sshKeys", "startup-script") if key in found]
    return judge_problems(problems, "nobody signs in")


def _image(view: GoogleView, resource: Resource) -> Outcome:
    reference = metadata(resource.data).get("tee-image-reference", "")
    digest = reference.rpartition("@")[2]
    problems = [] if digest in view.own.image_digests else [f"it runs {reference or 'no image'}, which is not accepted"]
    for disk in resource.data.get("disks", []):
        boot = str(disk.get("sourceImage", "") or (disk.get("initializeParams") or {}).get("sourceImage", ""))
        if disk.get("boot") and ("confidential-space" not in boot or "confidential-space-debug" in boot):
            problems.append(f"it boots {boot or 'an unknown image'}")
    given = [key for key in metadata(resource.data) if key.startswith("tee-env-") or key == "tee-cmd"]
    problems += [f"{key} changes what the image does" for key in given]
    return judge_problems(problems, "the accepted image, by digest, on Confidential Space")


def _identity(view: GoogleView, resource: Resource) -> Outcome:
    accounts = [str(account.get("email")) for account in resource.data.get("serviceAccounts", [])]
    wrong = [account for account in accounts if account != view.own.accounts["trainer"]]
    problems = [f"it runs as {account}" for account in wrong] + ([] if accounts else ["it runs as nobody"])
    return judge_problems(problems, "it runs as the tenant's trainer")


def _disks(view: GoogleView, resource: Resource) -> Outcome:
    problems = []
    for disk in resource.data.get("disks", []):
        held = disk.get("diskEncryptionKey") or {}
        key = str(held.get("kmsKeySelfLink") or held.get("kmsKeyName") or "")
        if not key.startswith((f"projects/{view.own.key_project}/", f"projects/{view.own.key_project_number}/")):
            problems.append(f"a disk is encrypted under {key or _GOOGLES}")
    return judge_problems(problems, "disks are encrypted under the tenant's key")


def _rule(  # noqa: PLR0913, PLR0917 - one argument for each member of a rule
    id_: str,
    title: str,
    severity: Severity,
    threat: str,
    blind: str,
    remediation: str,
    objectives: tuple[str, ...],
    population: Population,
    check: GoogleCheck,
) -> Rule:
    return Rule(
        id_,
        title,
        severity,
        About.TENANT,
        threat,
        blind,
        remediation,
        objectives,
        (ASSETS,),
        population,
        checked(check),
    )


_PERIMETER, _COMPUTE = "Deploy the tenant's perimeter stack.", "Deploy the tenant's compute stack."
RULES = (
    _rule(
        "network.gcp-peering",
        "The tenant's network is peered with none",
        Severity.CRITICAL,
        "Packets go from one tenant to another.",
        "Peerings of the other side that are not accepted.",
        "Delete the peering.",
        ("isolation.network",),
        every(NETWORK),
        _no_peering,
    ),
    _rule(
        "network.gcp-routes",
        "Nothing is routed out but Google's restricted address",
        Severity.CRITICAL,
        "Data leaves over the internet.",
        "What Google's own services forward.",
        _PERIMETER,
        ("isolation.network",),
        own_projects,
        _routes,
    ),
    _rule(
        "network.gcp-flow-logs",
        "Every flow is logged",
        Severity.MEDIUM,
        "Nobody sees what talked to what.",
        "The content of packets.",
        _PERIMETER,
        ("audit.logging", "monitoring.detection"),
        every(SUBNET),
        _flow_logs,
    ),
    _rule(
        "network.gcp-private",
        "Subnets reach Google's services privately",
        Severity.MEDIUM,
        "Without it, machines need an external address.",
        "Nothing.",
        _PERIMETER,
        ("isolation.network",),
        every(SUBNET),
        _private,
    ),
    _rule(
        "network.gcp-own",
        "The network has no subnets that Google made",
        Severity.MEDIUM,
        "A default network has open rules in every region.",
        "Firewall rules: the proof reads them.",
        _PERIMETER,
        ("network.microsegmentation",),
        every(NETWORK),
        _own_network,
    ),
    _rule(
        "node.gcp-confidential",
        "Machines encrypt their memory",
        Severity.CRITICAL,
        "Whoever controls the host reads the memory.",
        "Whether the processor keeps its promise.",
        _COMPUTE,
        ("compute.hardening",),
        machines,
        _confidential,
    ),
    _rule(
        "node.gcp-shielded",
        "Machines boot measured and verified",
        Severity.HIGH,
        "A changed boot chain is not noticed.",
        "What was measured: the release condition asks for it.",
        _COMPUTE,
        ("attestation.boot",),
        machines,
        _shielded,
    ),
    _rule(
        "node.gcp-no-address",
        "Machines have no external address",
        Severity.CRITICAL,
        "The internet reaches them.",
        "Load balancers.",
        _COMPUTE,
        ("isolation.network",),
        machines,
        _no_address,
    ),
    _rule(
        "node.gcp-closed",
        "Nobody signs in to machines",
        Severity.HIGH,
        "People see data in use.",
        "Ways in that the image brings: it has none.",
        _COMPUTE,
        ("compute.hardening", "access.least-privilege"),
        machines,
        _closed,
    ),
    _rule(
        "node.gcp-image",
        "Machines run an accepted image, unchanged",
        Severity.CRITICAL,
        "Another image does something else with the data.",
        "What is in the image.",
        _COMPUTE,
        ("attestation.boot", "compute.hardening"),
        machines,
        _image,
    ),
    _rule(
        "node.gcp-identity",
        "Machines run as the tenant's trainer",
        Severity.HIGH,
        "A machine with another account has another's rights.",
        "What the account may do.",
        _COMPUTE,
        ("access.least-privilege",),
        machines,
        _identity,
    ),
    _rule(
        "node.gcp-disks",
        "Disks are encrypted under the tenant's key",
        Severity.HIGH,
        "Whoever holds the key decides who reads.",
        "Local SSDs, which the machine encrypts itself.",
        _COMPUTE,
        ("crypto.at-rest",),
        machines,
        _disks,
    ),
)
