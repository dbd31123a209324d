"""Machines: instances and what KMS saw of them, launch templates with every version, auto scaling, EC2's defaults."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where

EVENT_PAGES = 10
"""Pages of 50 events, the newest first."""


def _start(_place: Place) -> Iterator[Request]:
    yield Request("ec2:DescribeInstances", expects=("Reservations",), then=_documents)
    yield Request("ec2:DescribeLaunchTemplates", expects=("LaunchTemplates",), then=_templates)
    yield Request("ec2:DescribeKeyPairs", expects=("KeyPairs",))
    yield Request("ec2:DescribeHosts", expects=("Hosts",))
    yield Request("ec2:GetEbsEncryptionByDefault", expects=("EbsEncryptionByDefault",))
    yield Request("ec2:GetEbsDefaultKmsKeyId", expects=("KmsKeyId",))
    yield Request("ec2:GetSerialConsoleAccessStatus", expects=("SerialConsoleAccessEnabled",))
    yield Request("ec2:GetInstanceMetadataDefaults")
    yield Request("autoscaling:DescribeAutoScalingGroups", expects=("AutoScalingGroups",))
    yield Request("autoscaling:DescribeLaunchConfigurations", expects=("LaunchConfigurations",))


def _documents(answer: Answer, _place: Place) -> Iterator[Request]:
    """The newest events of each running machine: its session has its id as the user's name."""
    for reservation in answer["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] == "running":
                named = [{"AttributeKey": "Username", "AttributeValue": instance["InstanceId"]}]
                params = {"LookupAttributes": named}
                yield Request("cloudtrail:LookupEvents", params, expects=("Events",), pages=EVENT_PAGES)


def _templates(answer: Answer, _place: Place) -> Iterator[Request]:
    for template in answer["LaunchTemplates"]:
        yield Request(
            "ec2:DescribeLaunchTemplateVersions",
            {"LaunchTemplateId": template["LaunchTemplateId"]},
            expects=("LaunchTemplateVersions",),
        )


COMPUTE = Family("compute", Where.EACH_REGION, _start)
