"""Machines: instances, launch templates with every version, auto scaling, and account-wide defaults of EC2."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where


def _start(_place: Place) -> Iterator[Request]:
    yield Request("ec2:DescribeInstances", expects=("Reservations",))
    yield Request("ec2:DescribeLaunchTemplates", expects=("LaunchTemplates",), then=_templates)
    yield Request("ec2:DescribeKeyPairs", expects=("KeyPairs",))
    yield Request("ec2:DescribeHosts", expects=("Hosts",))
    yield Request("ec2:GetEbsEncryptionByDefault", expects=("EbsEncryptionByDefault",))
    yield Request("ec2:GetEbsDefaultKmsKeyId", expects=("KmsKeyId",))
    yield Request("ec2:GetSerialConsoleAccessStatus", expects=("SerialConsoleAccessEnabled",))
    yield Request("ec2:GetInstanceMetadataDefaults")
    yield Request("autoscaling:DescribeAutoScalingGroups", expects=("AutoScalingGroups",))
    yield Request("autoscaling:DescribeLaunchConfigurations", expects=("LaunchConfigurations",))


def _templates(answer: Answer, _place: Place) -> Iterator[Request]:
    for template in answer["LaunchTemplates"]:
        yield Request(
            "ec2:DescribeLaunchTemplateVersions",
            {"LaunchTemplateId": template["LaunchTemplateId"]},
            expects=("LaunchTemplateVersions",),
        )


COMPUTE = Family("compute", Where.EACH_REGION, _start)
