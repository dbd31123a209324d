"""The account's settings for machines, and images of its own."""

from __future__ import annotations

from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, judge_problems
from compliance.rules.populations import images, the_account
from compliance.rules.templates import MEASURED_BOOT, node_rule
from compliance.rules.view import View


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
    if not isinstance(used, str):
        msg = f"KmsKeyId is {used!r}"
        raise TypeError(msg)
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


RULES: tuple[Rule, ...] = (
    node_rule(
        "encryption-by-default",
        "New volumes are encrypted by default",
        Severity.MEDIUM,
        "ec2:GetEbsEncryptionByDefault",
        the_account,
        _ebs_default,
        "A volume made tomorrow is not encrypted.",
        objectives=("crypto.at-rest",),
    ),
    node_rule(
        "default-disk-key",
        "New volumes use a key of ours by default",
        Severity.LOW,
        "ec2:GetEbsDefaultKmsKeyId",
        the_account,
        _ebs_default_key,
        "AWS's own key cannot be shredded with the tenant.",
        objectives=("crypto.at-rest",),
    ),
    node_rule(
        "no-serial-console",
        "The serial console is off",
        Severity.HIGH,
        "ec2:GetSerialConsoleAccessStatus",
        the_account,
        _serial,
        "An operator gets a terminal on the node.",
        objectives=("compute.hardening",),
    ),
    node_rule(
        "no-public-snapshots",
        "Snapshots cannot be made public",
        Severity.MEDIUM,
        "ec2:GetSnapshotBlockPublicAccessState",
        the_account,
        _snapshot_block,
        "One call publishes a disk.",
        objectives=("isolation.resource",),
    ),
    node_rule(
        "no-public-images",
        "Images cannot be made public",
        Severity.MEDIUM,
        "ec2:GetImageBlockPublicAccessState",
        the_account,
        _image_block,
        "One call publishes an image.",
        objectives=("isolation.resource",),
    ),
    node_rule(
        "image-trusted-boot",
        "Images boot by UEFI with a TPM",
        Severity.HIGH,
        "ec2:DescribeImages",
        images,
        _image_trusted,
        "Without measured boot nothing can be proved about the machine.",
        objectives=MEASURED_BOOT,
        remediation="Register the image with --boot-mode uefi --tpm-support v2.0 --imds-support v2.0.",
    ),
    node_rule(
        "image-encrypted",
        "Images are encrypted",
        Severity.LOW,
        "ec2:DescribeImages",
        images,
        _image_encrypted,
        "An image's disk is read in another place.",
        objectives=("crypto.at-rest",),
    ),
)
