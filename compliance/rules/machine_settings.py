"""The account's settings for machines, and images of its own."""

from __future__ import annotations

from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, judge_problems
from compliance.rules.populations import images, the_account
from compliance.rules.templates import MEASURED_BOOT, node_rule
from compliance.rules.view import View


def _ebs_default(view: View, _resource: Resource) -> Outcome:
    answers = view.by_region("ec2:GetEbsEncryptionByDefault")
    plain = [region for region, answer in answers if answer["EbsEncryptionByDefault"] is not True]
    return decide(
        not plain, "new volumes are encrypted", f"new volumes are not encrypted by default in {', '.join(plain)}"
    )


def _ebs_default_key(view: View, _resource: Resource) -> Outcome:
    used = {region: answer["KmsKeyId"] for region, answer in view.by_region("ec2:GetEbsDefaultKmsKeyId")}
    for key in used.values():
        if not isinstance(key, str):
            msg = f"KmsKeyId is {key!r}"
            raise TypeError(msg)
    foreign = [region for region, key in used.items() if "alias/aws/ebs" in key]
    return decide(
        not foreign,
        f"new volumes use {', '.join(dict.fromkeys(used.values()))}",
        f"new volumes use AWS's own key, not the tenant's disk key, in {', '.join(foreign)}",
    )


def _serial(view: View, _resource: Resource) -> Outcome:
    answers = view.by_region("ec2:GetSerialConsoleAccessStatus")
    open_ = [region for region, answer in answers if answer["SerialConsoleAccessEnabled"] is not False]
    return decide(not open_, "no serial console", f"the serial console is open to operators in {', '.join(open_)}")


def _snapshot_block(view: View, _resource: Resource) -> Outcome:
    states = [(region, answer["State"]) for region, answer in view.by_region("ec2:GetSnapshotBlockPublicAccessState")]
    return _blocked_everywhere("snapshots", states, "block-all-sharing")


def _image_block(view: View, _resource: Resource) -> Outcome:
    answers = view.by_region("ec2:GetImageBlockPublicAccessState")
    states = [(region, answer["ImageBlockPublicAccessState"]) for region, answer in answers]
    return _blocked_everywhere("images", states, "block-new-sharing")


def _blocked_everywhere(what: str, states: list[tuple[str, str]], wanted: str) -> Outcome:
    open_ = [f"{state} in {region}" for region, state in states if state != wanted]
    return decide(not open_, f"{what} cannot be made public", f"public {what}: {', '.join(open_)}")


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
