"""Volumes, snapshots and images of the account, and with whom each snapshot and image is shared."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where


def _start(_place: Place) -> Iterator[Request]:
    yield Request("ec2:DescribeVolumes", expects=("Volumes",))
    yield Request("ec2:DescribeSnapshots", {"OwnerIds": ["self"]}, expects=("Snapshots",), then=_snapshots)
    yield Request("ec2:DescribeImages", {"Owners": ["self"]}, expects=("Images",), then=_images)
    yield Request("ec2:GetSnapshotBlockPublicAccessState", expects=("State",))
    yield Request("ec2:GetImageBlockPublicAccessState", expects=("ImageBlockPublicAccessState",))


def _snapshots(answer: Answer, _place: Place) -> Iterator[Request]:
    for snapshot in answer["Snapshots"]:
        yield Request(
            "ec2:DescribeSnapshotAttribute",
            {"SnapshotId": snapshot["SnapshotId"], "Attribute": "createVolumePermission"},
            expects=("CreateVolumePermissions",),
        )


def _images(answer: Answer, _place: Place) -> Iterator[Request]:
    for image in answer["Images"]:
        yield Request(
            "ec2:DescribeImageAttribute",
            {"ImageId": image["ImageId"], "Attribute": "launchPermission"},
            expects=("LaunchPermissions",),
        )


IMAGES = Family("images", Where.EACH_REGION, _start)
