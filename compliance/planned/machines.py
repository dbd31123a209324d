"""Planned machines: launch templates, groups, instances, disks, images, and the account's settings for them."""

from __future__ import annotations

from typing import Any, Final

from compliance.estate.planned_arns import arn_of
from compliance.estate.terraform import Planned
from compliance.planned.answers import Shown, Translate
from compliance.planned.values import block, blocks, renamed, tags, truth, whole

_NAMES: Final = {"image_id": "ImageId", "ami": "ImageId", "instance_type": "InstanceType", "key_name": "KeyName"}


def _metadata(holder: Any) -> dict[str, Any]:
    held = block(holder, "metadata_options")
    options: dict[str, Any] = {"HttpTokens": held.get("http_tokens") or "optional"}
    options["HttpEndpoint"] = held.get("http_endpoint") or "enabled"
    return options | {"HttpPutResponseHopLimit": whole(held.get("http_put_response_hop_limit"), 1)}


def _disks(shown: Shown, holder: Any, name: str = "block_device_mappings") -> list[dict[str, Any]]:
    found = []
    for held in blocks(holder, name):
        disk = block(held, "ebs") or held
        key = disk.get("kms_key_id")
        ebs: dict[str, Any] = {"Encrypted": truth(disk.get("encrypted"))}
        target = shown.by_id.get(str(key))
        found.append({"Ebs": ebs | ({"KmsKeyId": arn_of(target) if target is not None else key} if key else {})})
    return found


def _template(shown: Shown, resource: Planned) -> None:
    values, number = resource.values, 1
    profile = block(values, "iam_instance_profile")
    data = renamed(values, _NAMES) | {
        "MetadataOptions": _metadata(values),
        "Monitoring": {"Enabled": truth(block(values, "monitoring").get("enabled"))},
        "Placement": {"Tenancy": block(values, "placement").get("tenancy") or "default"},
        "BlockDeviceMappings": _disks(shown, values),
        "IamInstanceProfile": {"Name": _profile(shown, profile.get("name")), "Arn": profile.get("arn") or ""},
        "NetworkInterfaces": [
            {"AssociatePublicIpAddress": truth(held.get("associate_public_ip_address"))}
            for held in blocks(values, "network_interfaces")
        ],
        "TagSpecifications": [
            {
                "ResourceType": held.get("resource_type"),
                "Tags": [{"Key": key, "Value": value} for key, value in (held.get("tags") or {}).items()],
            }
            for held in blocks(values, "tag_specifications")
        ],
    }
    listed = {"LaunchTemplateId": resource.id, "DefaultVersionNumber": number, "LatestVersionNumber": number}
    shown.add(resource, "ec2:DescribeLaunchTemplates", "LaunchTemplates", listed)
    version = {"LaunchTemplateId": resource.id, "VersionNumber": number, "LaunchTemplateData": data}
    api, member = "ec2:DescribeLaunchTemplateVersions", "LaunchTemplateVersions"
    shown.add(resource, api, member, version, LaunchTemplateId=resource.id)
    shown.about(f"{resource.id}/{number}", resource)


def _profile(shown: Shown, name: Any) -> str:
    """The name of the role behind an instance profile: rules hold profiles to roles of the same name."""
    target = shown.by_id.get(str(name))
    return str(target.values.get("name")) if target is not None else str(name or "")


def _group(shown: Shown, resource: Planned) -> None:
    values = resource.values
    place = f"arn:aws:autoscaling:{resource.region}:{resource.account}:autoScalingGroup"
    arn = f"{place}:planned:autoScalingGroupName/{values.get('name')}"
    template = block(values, "launch_template")
    item: dict[str, Any] = {
        "AutoScalingGroupName": values.get("name"),
        "AutoScalingGroupARN": arn,
        "MaxSize": whole(values.get("max_size")),
        "DesiredCapacity": whole(values.get("desired_capacity"), whole(values.get("min_size"))),
        "Instances": [],
    }
    if template:
        item["LaunchTemplate"] = {"LaunchTemplateId": template.get("id") or template.get("name")}
    elif mixed := block(values, "mixed_instances_policy"):
        item["MixedInstancesPolicy"] = {"LaunchTemplate": block(mixed, "launch_template")}
    shown.add(resource, "autoscaling:DescribeAutoScalingGroups", "AutoScalingGroups", item)
    shown.about(arn, resource)


def _instance(shown: Shown, resource: Planned) -> None:
    values = resource.values
    item = renamed(values, _NAMES) | {
        "InstanceId": resource.id,
        "State": {"Name": "running"},
        "MetadataOptions": _metadata(values),
        "Placement": {"Tenancy": values.get("tenancy") or "default"},
        "NetworkInterfaces": [{"Association": {}}] if truth(values.get("associate_public_ip_address")) else [],
    }
    if truth(values.get("associate_public_ip_address")):
        item["PublicIpAddress"] = "(asked for)"
    shown.add(resource, "ec2:DescribeInstances", "Reservations", {"Instances": [item]})
    shown.about(resource.id, resource)
    for name in ("root_block_device", "ebs_block_device"):
        for number, disk in enumerate(_disks(shown, values, name)):
            volume = {"VolumeId": f"{resource.id}/{name}/{number}"} | disk["Ebs"]
            shown.add(resource, "ec2:DescribeVolumes", "Volumes", volume)
            shown.about(volume["VolumeId"], resource)


def _volume(shown: Shown, resource: Planned) -> None:
    held = {"Encrypted": truth(resource.values.get("encrypted")), "KmsKeyId": resource.values.get("kms_key_id")}
    shown.add(resource, "ec2:DescribeVolumes", "Volumes", {"VolumeId": resource.id} | held)
    shown.about(resource.id, resource)


def _snapshot(shown: Shown, resource: Planned) -> None:
    _owned(shown, resource, resource.id, "Snapshot")


def _image(shown: Shown, resource: Planned) -> None:
    names = {"boot_mode": "BootMode", "tpm_support": "TpmSupport", "imds_support": "ImdsSupport"}
    item = renamed(resource.values, names) | {"BlockDeviceMappings": _disks(shown, resource.values, "ebs_block_device")}
    _owned(shown, resource, resource.id, "Image", item)


def _owned(shown: Shown, resource: Planned, name: str, kind: str, more: dict[str, Any] | None = None) -> None:
    """An image or snapshot of the account's own, listed once, shared with nobody so far."""
    asked = {"OwnerIds": ["self"]} if kind == "Snapshot" else {"Owners": ["self"]}
    held = shown.found((resource.account, resource.region), f"ec2:Describe{kind}s", **asked).get(f"{kind}s", [])
    if all(item[f"{kind}Id"] != name for item in held):
        item = {f"{kind}Id": name, "Tags": tags(resource)} | (more or {})
        shown.add(resource, f"ec2:Describe{kind}s", f"{kind}s", item, **asked)
    about = _sharing(kind, name)
    shown.default((resource.account, resource.region), about[0], {about[1]: []}, **about[2])
    shown.about(name, resource)


def _sharing(kind: str, name: str) -> tuple[str, str, dict[str, str]]:
    if kind == "Snapshot":
        asked = {"SnapshotId": name, "Attribute": "createVolumePermission"}
        return "ec2:DescribeSnapshotAttribute", "CreateVolumePermissions", asked
    return "ec2:DescribeImageAttribute", "LaunchPermissions", {"ImageId": name, "Attribute": "launchPermission"}


def _shared(kind: str, attribute: str) -> Translate:
    def translate(shown: Shown, resource: Planned) -> None:
        name = str(resource.values.get(attribute))
        _owned(shown, resource, name, kind)
        api, member, asked = _sharing(kind, name)
        names = {"account_id": "UserId", "group": "Group", "organization_arn": "OrganizationArn"}
        item = renamed(resource.values, names | {"organizational_unit_arn": "OrganizationalUnitArn"})
        shown.add(resource, api, member, item, **asked)

    return translate


def _setting(operation: str, member: str, attribute: str, *, text: bool = False) -> Translate:
    """A setting of the account's: a truth value, or with `text` the attribute as it is."""

    def translate(shown: Shown, resource: Planned) -> None:
        value = resource.values.get(attribute)
        target = shown.by_id.get(str(value))
        held = (arn_of(target) if target is not None else value) if text else truth(value)
        shown.put(resource, f"ec2:{operation}", {member: held})

    return translate


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_launch_template": _template,
    "aws_autoscaling_group": _group,
    "aws_instance": _instance,
    "aws_spot_instance_request": _instance,
    "aws_ebs_volume": _volume,
    "aws_ebs_snapshot": _snapshot,
    "aws_ebs_snapshot_copy": _snapshot,
    "aws_ami": _image,
    "aws_ami_copy": _image,
    "aws_ami_from_instance": _image,
    "aws_ami_launch_permission": _shared("Image", "image_id"),
    "aws_snapshot_create_volume_permission": _shared("Snapshot", "snapshot_id"),
    "aws_ebs_encryption_by_default": _setting("GetEbsEncryptionByDefault", "EbsEncryptionByDefault", "enabled"),
    "aws_ebs_default_kms_key": _setting("GetEbsDefaultKmsKeyId", "KmsKeyId", "key_arn", text=True),
    "aws_ec2_serial_console_access": _setting("GetSerialConsoleAccessStatus", "SerialConsoleAccessEnabled", "enabled"),
    "aws_ebs_snapshot_block_public_access": _setting("GetSnapshotBlockPublicAccessState", "State", "state", text=True),
    "aws_ec2_image_block_public_access": _setting(
        "GetImageBlockPublicAccessState", "ImageBlockPublicAccessState", "state", text=True
    ),
}
