"""Launch templates: what machines will boot, as whom, with which metadata service and disks."""

from __future__ import annotations

from typing import Any

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, judge_problems, passed
from compliance.rules.populations import AUTO_SCALING, launch_templates
from compliance.rules.view import View


def metadata_service(_view: View, resource: Resource) -> Outcome:
    """Whether the metadata service wants a token and is one hop away at most."""
    options = resource.data.get("MetadataOptions", {})
    if options.get("HttpEndpoint") == "disabled":
        return passed("the metadata service is off")
    problems = [] if options.get("HttpTokens") == "required" else ["answers without a token (IMDSv1)"]
    hops = options.get("HttpPutResponseHopLimit", 1)
    problems += [f"hop limit is {hops}, so a container or sandbox reaches it"] if hops != 1 else []
    return judge_problems(problems, "metadata only with a token, one hop")


def no_key_pair(_view: View, resource: Resource) -> Outcome:
    """Whether no SSH key is given."""
    name = resource.data.get("KeyName")
    return decide(not name, "no SSH key", f"SSH key {name} can log in")


def approved_image(view: View, resource: Resource) -> Outcome:
    """Whether the image is one of those that the platform approves."""
    image = resource.data.get("ImageId")
    return decide(
        image in view.scope.images,
        f"boots the approved image {image}",
        f"boots {image or 'no fixed image'}, which is not among the approved images ({', '.join(view.scope.images)})",
    )


def _known_shape(view: View, resource: Resource) -> Outcome:
    shape = resource.data.get("InstanceType")
    return decide(
        shape in view.scope.instance_types, f"runs on {shape}", f"runs on {shape}, which platform.yaml does not offer"
    )


def no_public_address(_view: View, resource: Resource) -> Outcome:
    """Whether no public address is there or asked for."""
    interfaces = resource.data.get("NetworkInterfaces", [])
    asked = [entry for entry in interfaces if entry.get("AssociatePublicIpAddress") or entry.get("Association")]
    address = resource.data.get("PublicIpAddress")
    return decide(
        not asked and not address, "no public address", f"has or asks for a public address {address or ''}".strip()
    )


def dedicated(_view: View, resource: Resource) -> Outcome:
    """Whether the hardware is shared with no other customer."""
    tenancy = resource.data.get("Placement", {}).get("Tenancy", "default")
    return decide(
        tenancy in {"dedicated", "host"},
        f"on {tenancy} hardware",
        f"placement is {tenancy}: another customer may share the machine",
    )


def _template_disks(_view: View, resource: Resource) -> Outcome:
    disks = [entry["Ebs"] for entry in resource.data.get("BlockDeviceMappings", []) if "Ebs" in entry]
    open_ = [disk for disk in disks if not disk.get("Encrypted") or not disk.get("KmsKeyId")]
    return decide(
        bool(disks) and not open_,
        "disks are encrypted under a key of ours",
        "a disk is not encrypted under a key of ours",
    )


def _instance_profile(view: View, resource: Resource) -> Outcome:
    profile = resource.data.get("IamInstanceProfile") or {}
    name = profile.get("Name") or profile.get("Arn", "").rpartition("/")[2]
    wanted = view.tenant.roles["trainer"]
    return decide(name == wanted, f"runs as {wanted}", f"runs as {name or 'nobody'}, not as {wanted}")


def _monitored(_view: View, resource: Resource) -> Outcome:
    on = resource.data.get("Monitoring", {}).get("Enabled") is True
    return decide(on, "monitored in detail", "detailed monitoring is off")


def node_rule(
    name: str,
    title: str,
    severity: Severity,
    need: str | tuple[str, ...],
    population: Any,
    check: Any,
    threat: str,
    **parts: Any,
) -> Rule:
    """A rule about machines."""
    return Rule(
        id=f"node.{name}",
        title=title,
        severity=severity,
        about=About.TENANT,
        threat=threat,
        blind=parts.pop("blind", "What runs on the machine; attestation says that."),
        remediation=parts.pop("remediation", "Deploy the tenant's compute stack and replace running machines."),
        objectives=parts.pop("objectives", ("compute.hardening",)),
        needs=(need,) if isinstance(need, str) else need,
        population=population,
        check=check,
    )


_TEMPLATE = ("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions", AUTO_SCALING)

STOLEN_CREDENTIALS = "Code on the node reads the role's credentials and uses them elsewhere."

MEASURED_BOOT = ("attestation.boot",)

RULES: tuple[Rule, ...] = (
    node_rule(
        "template-imds",
        "Launch templates demand IMDSv2 with one hop",
        Severity.HIGH,
        _TEMPLATE,
        launch_templates,
        metadata_service,
        STOLEN_CREDENTIALS,
    ),
    node_rule(
        "template-no-key-pair",
        "Launch templates give no SSH key",
        Severity.HIGH,
        _TEMPLATE,
        launch_templates,
        no_key_pair,
        "An operator logs in and reads what is being trained on.",
    ),
    node_rule(
        "template-approved-image",
        "Launch templates boot an approved image",
        Severity.CRITICAL,
        _TEMPLATE,
        launch_templates,
        approved_image,
        "An image that nobody measured trains on the data.",
        objectives=MEASURED_BOOT,
    ),
    node_rule(
        "template-known-shape",
        "Launch templates use a machine type that the platform offers",
        Severity.LOW,
        _TEMPLATE,
        launch_templates,
        _known_shape,
        "A machine type without the protections that were reviewed.",
    ),
    node_rule(
        "template-no-public-address",
        "Launch templates ask for no public address",
        Severity.HIGH,
        _TEMPLATE,
        launch_templates,
        no_public_address,
        "The node is reachable from the internet.",
        objectives=("isolation.network",),
    ),
    node_rule(
        "template-dedicated",
        "Launch templates place machines on dedicated hardware",
        Severity.HIGH,
        _TEMPLATE,
        launch_templates,
        dedicated,
        "Two tenants on one machine: timing and contention carry signals.",
        objectives=("compute.placement",),
        blind="Whether two tenants of the same account owner share a host; account per tenant rules that out.",
    ),
    node_rule(
        "template-disks-encrypted",
        "Launch templates encrypt every disk under a key of ours",
        Severity.HIGH,
        _TEMPLATE,
        launch_templates,
        _template_disks,
        "A disk image is read in another place.",
        objectives=("crypto.at-rest",),
    ),
    node_rule(
        "template-profile",
        "Launch templates run as the tenant's trainer",
        Severity.MEDIUM,
        _TEMPLATE,
        launch_templates,
        _instance_profile,
        "The node has more rights than the trainer needs.",
        objectives=("access.least-privilege",),
    ),
    node_rule(
        "template-monitored",
        "Launch templates turn on detailed monitoring",
        Severity.LOW,
        _TEMPLATE,
        launch_templates,
        _monitored,
        "A deviation shows five minutes late.",
        objectives=("monitoring.detection",),
    ),
)
