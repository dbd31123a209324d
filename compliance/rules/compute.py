"""Nodes and images: what may boot, on which machine, with which metadata service and disks."""

from __future__ import annotations

from typing import Any

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, judge_problems, passed
from compliance.rules.populations import auto_scaling_groups, images, instances, launch_templates, the_account, volumes
from compliance.rules.view import View


def _imds(_view: View, resource: Resource) -> Outcome:
    options = resource.data.get("MetadataOptions", {})
    if options.get("HttpEndpoint") == "disabled":
        return passed("the metadata service is off")
    problems = [] if options.get("HttpTokens") == "required" else ["answers without a token (IMDSv1)"]
    hops = options.get("HttpPutResponseHopLimit", 1)
    problems += [f"hop limit is {hops}, so a container or sandbox reaches it"] if hops != 1 else []
    return judge_problems(problems, "metadata only with a token, one hop")


def _no_key_pair(_view: View, resource: Resource) -> Outcome:
    name = resource.data.get("KeyName")
    return decide(not name, "no SSH key", f"SSH key {name} can log in")


def _approved_image(view: View, resource: Resource) -> Outcome:
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


def _no_public_address(_view: View, resource: Resource) -> Outcome:
    interfaces = resource.data.get("NetworkInterfaces", [])
    asked = [entry for entry in interfaces if entry.get("AssociatePublicIpAddress") or entry.get("Association")]
    address = resource.data.get("PublicIpAddress")
    return decide(
        not asked and not address, "no public address", f"has or asks for a public address {address or ''}".strip()
    )


def _dedicated(_view: View, resource: Resource) -> Outcome:
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


def _volume(_view: View, resource: Resource) -> Outcome:
    return decide(
        bool(resource.data.get("Encrypted")),
        f"encrypted under {resource.data.get('KmsKeyId')}",
        "the volume is not encrypted",
    )


def _ebs_default(view: View, _resource: Resource) -> Outcome:
    answer = view.one("ec2:GetEbsEncryptionByDefault") or {}
    return decide(
        answer["EbsEncryptionByDefault"] is True,
        "new volumes are encrypted",
        "new volumes are not encrypted by default",
    )


def _ebs_default_key(view: View, _resource: Resource) -> Outcome:
    answer = view.one("ec2:GetEbsDefaultKmsKeyId") or {}
    used = answer["KmsKeyId"]
    return decide(
        "alias/aws/ebs" not in used,
        f"new volumes use {used}",
        "new volumes use AWS's own key, not the tenant's disk key",
    )


def _serial(view: View, _resource: Resource) -> Outcome:
    answer = view.one("ec2:GetSerialConsoleAccessStatus") or {}
    return decide(
        answer["SerialConsoleAccessEnabled"] is False, "no serial console", "the serial console is open to operators"
    )


def _snapshot_block(view: View, _resource: Resource) -> Outcome:
    state = (view.one("ec2:GetSnapshotBlockPublicAccessState") or {})["State"]
    return decide(state == "block-all-sharing", "snapshots cannot be made public", f"public snapshots: {state}")


def _image_block(view: View, _resource: Resource) -> Outcome:
    state = (view.one("ec2:GetImageBlockPublicAccessState") or {})["ImageBlockPublicAccessState"]
    return decide(state == "block-new-sharing", "images cannot be made public", f"public images: {state}")


def _capacity(view: View, resource: Resource) -> Outcome:
    group, limit = resource.data, view.tenant.max_nodes
    problems = [f"may grow to {group['MaxSize']}, the tenant's file allows {limit}"] if group["MaxSize"] > limit else []
    if view.tenant.state != "active" and group["DesiredCapacity"] > 0:
        problems.append(f"wants {group['DesiredCapacity']} machines although the tenant is {view.tenant.state}")
    return judge_problems(problems, f"at most {group['MaxSize']} machines")


def _from_template(_view: View, resource: Resource) -> Outcome:
    group = resource.data
    template = group.get("LaunchTemplate") or group.get("MixedInstancesPolicy", {}).get("LaunchTemplate")
    return decide(
        bool(template),
        "starts machines from a launch template",
        "starts machines without a launch template that the rules look at",
    )


def _managed(view: View, resource: Resource) -> Outcome:
    groups = {
        member["InstanceId"]
        for group in view.items("autoscaling:DescribeAutoScalingGroups", "AutoScalingGroups")
        for member in group.get("Instances", [])
    }
    return decide(
        resource.id in groups,
        "belongs to an auto scaling group",
        "was started by hand: it belongs to no auto scaling group",
    )


def _image_trusted(_view: View, resource: Resource) -> Outcome:
    problems = (
        []
        if resource.data.get("BootMode") in {"uefi", "uefi-preferred"}
        else [f"boot mode is {resource.data.get('BootMode') or 'not set'}"]
    )
    problems += [] if resource.data.get("TpmSupport") == "v2.0" else ["the image has no NitroTPM (TPM 2.0)"]
    problems += [] if resource.data.get("ImdsSupport") == "v2.0" else ["the image allows IMDSv1"]
    return judge_problems(problems, "UEFI, TPM 2.0, IMDSv2")


def _image_encrypted(_view: View, resource: Resource) -> Outcome:
    disks = [entry["Ebs"] for entry in resource.data.get("BlockDeviceMappings", []) if "Ebs" in entry]
    return decide(
        all(disk.get("Encrypted") for disk in disks), "its disks are encrypted", "a disk of the image is not encrypted"
    )


def _rule(
    name: str,
    title: str,
    severity: Severity,
    need: str | tuple[str, ...],
    population: Any,
    check: Any,
    threat: str,
    **parts: Any,
) -> Rule:
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


_TEMPLATE = ("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions")
_INSTANCE = "ec2:DescribeInstances"
_STEAL = "Code on the node reads the role's credentials and uses them elsewhere."
_BOOT = ("attestation.boot",)

RULES: tuple[Rule, ...] = (
    _rule(
        "template-imds",
        "Launch templates demand IMDSv2 with one hop",
        Severity.HIGH,
        _TEMPLATE,
        launch_templates,
        _imds,
        _STEAL,
    ),
    _rule("instance-imds", "Machines demand IMDSv2 with one hop", Severity.HIGH, _INSTANCE, instances, _imds, _STEAL),
    _rule(
        "template-no-key-pair",
        "Launch templates give no SSH key",
        Severity.HIGH,
        _TEMPLATE,
        launch_templates,
        _no_key_pair,
        "An operator logs in and reads what is being trained on.",
    ),
    _rule(
        "instance-no-key-pair",
        "Machines have no SSH key",
        Severity.HIGH,
        _INSTANCE,
        instances,
        _no_key_pair,
        "An operator logs in and reads what is being trained on.",
    ),
    _rule(
        "template-approved-image",
        "Launch templates boot an approved image",
        Severity.CRITICAL,
        _TEMPLATE,
        launch_templates,
        _approved_image,
        "An image that nobody measured trains on the data.",
        objectives=_BOOT,
    ),
    _rule(
        "instance-approved-image",
        "Machines booted an approved image",
        Severity.CRITICAL,
        _INSTANCE,
        instances,
        _approved_image,
        "An image that nobody measured trains on the data.",
        objectives=_BOOT,
    ),
    _rule(
        "template-known-shape",
        "Launch templates use a machine type that the platform offers",
        Severity.LOW,
        _TEMPLATE,
        launch_templates,
        _known_shape,
        "A machine type without the protections that were reviewed.",
    ),
    _rule(
        "template-no-public-address",
        "Launch templates ask for no public address",
        Severity.HIGH,
        _TEMPLATE,
        launch_templates,
        _no_public_address,
        "The node is reachable from the internet.",
        objectives=("isolation.network",),
    ),
    _rule(
        "instance-no-public-address",
        "Machines have no public address",
        Severity.HIGH,
        _INSTANCE,
        instances,
        _no_public_address,
        "The node is reachable from the internet.",
        objectives=("isolation.network",),
    ),
    _rule(
        "template-dedicated",
        "Launch templates place machines on dedicated hardware",
        Severity.HIGH,
        _TEMPLATE,
        launch_templates,
        _dedicated,
        "Two tenants on one machine: timing and contention carry signals.",
        objectives=("compute.placement",),
        blind="Whether two tenants of the same account owner share a host; account per tenant rules that out.",
    ),
    _rule(
        "instance-dedicated",
        "Machines run on dedicated hardware",
        Severity.HIGH,
        _INSTANCE,
        instances,
        _dedicated,
        "Two tenants on one machine: timing and contention carry signals.",
        objectives=("compute.placement",),
    ),
    _rule(
        "template-disks-encrypted",
        "Launch templates encrypt every disk under a key of ours",
        Severity.HIGH,
        _TEMPLATE,
        launch_templates,
        _template_disks,
        "A disk image is read in another place.",
        objectives=("crypto.at-rest",),
    ),
    _rule(
        "template-profile",
        "Launch templates run as the tenant's trainer",
        Severity.MEDIUM,
        _TEMPLATE,
        launch_templates,
        _instance_profile,
        "The node has more rights than the trainer needs.",
        objectives=("access.least-privilege",),
    ),
    _rule(
        "volumes-encrypted",
        "Every volume is encrypted",
        Severity.HIGH,
        "ec2:DescribeVolumes",
        volumes,
        _volume,
        "A volume is read in another place.",
        objectives=("crypto.at-rest",),
    ),
    _rule(
        "encryption-by-default",
        "New volumes are encrypted by default",
        Severity.MEDIUM,
        "ec2:GetEbsEncryptionByDefault",
        the_account,
        _ebs_default,
        "A volume made tomorrow is not encrypted.",
        objectives=("crypto.at-rest",),
    ),
    _rule(
        "default-disk-key",
        "New volumes use a key of ours by default",
        Severity.LOW,
        "ec2:GetEbsDefaultKmsKeyId",
        the_account,
        _ebs_default_key,
        "AWS's own key cannot be shredded with the tenant.",
        objectives=("crypto.at-rest",),
    ),
    _rule(
        "no-serial-console",
        "The serial console is off",
        Severity.HIGH,
        "ec2:GetSerialConsoleAccessStatus",
        the_account,
        _serial,
        "An operator gets a terminal on the node.",
        objectives=("compute.hardening",),
    ),
    _rule(
        "no-public-snapshots",
        "Snapshots cannot be made public",
        Severity.MEDIUM,
        "ec2:GetSnapshotBlockPublicAccessState",
        the_account,
        _snapshot_block,
        "One call publishes a disk.",
        objectives=("isolation.resource",),
    ),
    _rule(
        "no-public-images",
        "Images cannot be made public",
        Severity.MEDIUM,
        "ec2:GetImageBlockPublicAccessState",
        the_account,
        _image_block,
        "One call publishes an image.",
        objectives=("isolation.resource",),
    ),
    _rule(
        "capacity-limited",
        "No group grows beyond what the tenant's file allows",
        Severity.MEDIUM,
        "autoscaling:DescribeAutoScalingGroups",
        auto_scaling_groups,
        _capacity,
        "A stolen role mines coins at the tenant's cost.",
        objectives=("resources.quota",),
    ),
    _rule(
        "groups-from-templates",
        "Groups start machines from launch templates",
        Severity.MEDIUM,
        "autoscaling:DescribeAutoScalingGroups",
        auto_scaling_groups,
        _from_template,
        "A launch configuration escapes the rules on templates.",
    ),
    _rule(
        "no-hand-started",
        "No machine was started by hand",
        Severity.HIGH,
        (_INSTANCE, "autoscaling:DescribeAutoScalingGroups"),
        instances,
        _managed,
        "A machine that nobody asked for trains on something.",
        objectives=("inventory.complete",),
    ),
    _rule(
        "image-trusted-boot",
        "Images boot by UEFI with a TPM",
        Severity.HIGH,
        "ec2:DescribeImages",
        images,
        _image_trusted,
        "Without measured boot nothing can be proved about the machine.",
        objectives=_BOOT,
        remediation="Register the image with --boot-mode uefi --tpm-support v2.0 --imds-support v2.0.",
    ),
    _rule(
        "image-encrypted",
        "Images are encrypted",
        Severity.LOW,
        "ec2:DescribeImages",
        images,
        _image_encrypted,
        "An image's disk is read in another place.",
        objectives=("crypto.at-rest",),
    ),
    _rule(
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
