"""What Google Cloud calls its things: the organisation as platform.yaml names it, and the types of its names."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from tenancy.base import Spec

ProjectId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$", examples=["bh-initech"])]
"""6 to 30 characters (Resource Manager documentation, "Creating a project")."""

ProjectNumber = Annotated[str, Field(pattern=r"^[1-9][0-9]{5,13}$", examples=["426413267391"])]
"""The number that Google gives to a project: quote it in YAML."""

Zone = Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+[0-9]+-[a-z]$", examples=["us-central1-a"])]

ContainerDigest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]

ContainerImage = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9.-]+-docker\.pkg\.dev/[a-z0-9-]+/[a-z0-9-]+(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$",
        examples=["us-docker.pkg.dev/bh-images/trainer/cpu@sha256:" + "0" * 64],
    ),
]
"""An image in Artifact Registry by digest: a tag can be moved to another image, a digest cannot."""


def _hardened(value: str) -> str:
    if "debug" in value:
        msg = "a debug image lets the operator log in, and no key is ever released to it"
        raise ValueError(msg)
    return value


BOOT_IMAGE = "projects/confidential-space-images/global/images/family/confidential-space"
DEPLOYER = r"^[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z][a-z0-9-]{4,28}[a-z0-9]\.iam\.gserviceaccount\.com$"


class GoogleOrganisation(Spec):
    """The Google Cloud organisation in which every tenant has its own projects."""

    id: str = Field(pattern=r"^[1-9][0-9]{5,13}$", description="Number of the organisation: quote it.")
    customer_id: str = Field(pattern=r"^C[0-9a-zA-Z]{5,20}$", description="Cloud Identity customer; who is inside.")
    domain: str = Field(
        pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", description="Domain of the groups that people belong to."
    )
    billing_account: str = Field(pattern=r"^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$")
    access_policy_id: str = Field(
        pattern=r"^[1-9][0-9]{5,13}$", description="Access Context Manager's policy, which holds the perimeters."
    )
    deployer: str = Field(pattern=DEPLOYER, description="Service account through which the platform deploys.")
    deployer_project_number: ProjectNumber = Field(description="Number of the project that it lives in.")
    image_project_number: ProjectNumber = Field(
        description="Number of the project whose Artifact Registry holds the trainer's images."
    )
    audit_project_id: ProjectId | None = Field(default=None, description="`<name>-audit` unless it is written here.")
    audit_project_number: ProjectNumber | None = Field(default=None, description="Needed in the cloud profile.")
    perimeter_quota: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Service perimeters that the access policy may hold (VPC Service Controls, View quota).",
    )
    boot_image: Annotated[str, AfterValidator(_hardened)] = Field(
        default=BOOT_IMAGE,
        pattern=r"^projects/confidential-space-images/global/images/(family/)?confidential-space[a-z0-9-]*$",
        description="Confidential Space image or family; a debug one is refused.",
    )
