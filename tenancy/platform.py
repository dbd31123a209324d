"""The platform: clouds, organisation, audit account, and what a tenant may choose from (`tenants/platform.yaml`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tenancy.base import AccountId, Days, Email, Identifier, Spec, Text
from tenancy.google import ContainerDigest, ContainerImage, GoogleOrganisation, Zone

CloudName = Literal["aws", "gcp"]
Provisioning = Literal["standard", "spot", "flex-start"]
"""How a machine is bought: at once and for as long as needed, while there is spare capacity, or queued and limited."""

MemoryEncryption = Literal["TDX", "SEV", "SEV_SNP"]
"""Confidential computing of the CPU, in Compute Engine's spelling (`confidential_instance_type`)."""

ConfidentialGpu = Literal["required"] | Annotated[str, Field(min_length=20, max_length=400)]
"""`required`, or words that say why tenants' GPUs need no confidential mode; reports repeat the words."""


class Shape(Spec):
    """A machine that a tenant may ask for."""

    instance_type: Text = Field(description="The cloud's own name of the machine type, e.g. p5.48xlarge.")
    gpus: int = Field(default=0, ge=0, le=16, description="Accelerators in one machine.")
    description: Text = Field(description="What it is for, in words.")
    zones: tuple[Zone, ...] = Field(
        default=(), description="Zones that have the machine type in this mode. Needed on gcp; see docs/clouds.md."
    )
    confidential: MemoryEncryption | None = Field(
        default=None, description="How the machine's memory is encrypted. Needed on gcp; AWS has no such GPU machine."
    )
    confidential_gpu: bool = Field(default=False, description="Whether the GPU runs in confidential mode (cc_mode ON).")
    provisioning: tuple[Provisioning, ...] = Field(
        default=("standard",), min_length=1, description="How the cloud sells the machine type."
    )


class Release(Spec):
    """One measured build of an image: its reference values, and how far its roll-out has come."""

    reference: Text = Field(
        description="File with the reference values, relative to the folder of this file: the signed set of "
        "`bulkhead image measure`, or a plain set as YAML or JSON."
    )
    signed_by: Text | None = Field(
        default=None, description="Public key (PEM) that must have signed a signed set, relative to the same folder."
    )
    stage: Literal["canary", "active", "retired"] = Field(
        default="active",
        description="`canary`: for the tenants in `canaries` only. `retired`: for nobody; listed with its reason.",
    )
    reason: str = Field(default="", max_length=400, description="Why it was retired.")


class Image(Spec):
    """A measured image that machines may boot."""

    ami: str | None = Field(default=None, pattern=r"^ami-[0-9a-f]{8,17}$", description="The AMI on AWS.")
    container: ContainerImage | None = Field(
        default=None, description="The trainer's OCI image on gcp, by digest; Confidential Space runs it."
    )
    also_accepted: tuple[ContainerDigest, ...] = Field(
        default=(), description="Digests to which keys are released beside `container` while a new image rolls out."
    )
    description: Text = Field(description="What is in it.")
    releases: tuple[Release, ...] = Field(
        default=(),
        description="Builds whose machines are given keys. While there is none, data keys open for nobody.",
    )
    trial: ContainerImage | None = Field(
        default=None,
        description="gcp: the next image. Machines of the tenants in `canaries` run it and are given keys for it.",
    )
    canaries: tuple[Identifier, ...] = Field(
        default=(), description="Tenants whose machines may boot builds in the stage `canary`, or run `trial`."
    )


class Cloud(Spec):
    """One cloud as this platform uses it."""

    regions: tuple[Text, ...] = Field(min_length=1, description="Regions in which tenants may be placed.")
    shapes: dict[str, Shape] = Field(min_length=1, description="Machine shapes by the name that tenant files use.")
    images: dict[str, Image] = Field(min_length=1, description="Images by the name that tenant files use.")
    organisation: GoogleOrganisation | None = Field(default=None, description="Needed on gcp; AWS's stands above.")
    confidential_gpu: ConfidentialGpu | None = Field(
        default=None,
        description="gcp: `required` (also when left out), or words that say why not. AWS has no confidential GPU.",
    )
    stable_image_waiver: Annotated[str, Field(min_length=20, max_length=400)] | None = Field(
        default=None,
        description="gcp: words that say why a Confidential Space image without support attribute STABLE is accepted.",
    )

    @property
    def demands_confidential_gpu(self) -> bool:
        """Whether a GPU without confidential mode is refused. Meaningful on gcp only."""
        return self.confidential_gpu in (None, "required")


class Organisation(Spec):
    """The AWS organisation in which every tenant has its own account."""

    email_pattern: str = Field(
        default="cloud+{account}@bulkhead.example",
        pattern=r"^[^{}@\s]*\{account\}[^{}@\s]*@[A-Za-z0-9.-]+$",
        description="E-mail address of a new account; {account} is replaced by the tenant's id or `audit`.",
    )
    tenants_unit: Text = Field(default="tenants", description="Organisational unit of the tenants' accounts.")
    quarantine_unit: Text = Field(default="quarantine", description="Organisational unit of quarantined tenants.")
    management_account_id: AccountId | None = Field(
        default=None, description="The organisation's management account; needed in the cloud profile."
    )

    def email(self, account: str) -> str:
        """The e-mail address of an account."""
        return self.email_pattern.replace("{account}", account)


class Audit(Spec):
    """The audit account and the locked store of evidence in it."""

    account_id: AccountId | None = Field(default=None, description="Needed in the cloud profile.")
    retention_days: Days = Field(default=400, description="How long Object Lock (COMPLIANCE) keeps the trail.")


class Sensitivity(Spec):
    """A class of data and how it must be handled."""

    description: Text
    max_retention_days: Days = Field(description="No data set of this class may be kept longer.")
    handling: Text = Field(description="What must be done with it, in words.")


class Floors(Spec):
    """Limits that no tenant file can go below."""

    audit_retention_days: Days = Field(default=365)
    key_rotation_days: int = Field(default=365, ge=90, le=2560, description="AWS KMS takes 90 to 2560 days.")


class StateBackend(Spec):
    """Where Terraform keeps its state in the cloud profile: an S3 bucket, locked by a file in it."""

    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    region: Text
    kms_key_id: Text | None = Field(default=None, description="Key for the state objects.")


class Platform(Spec):
    """`platform.yaml`: written once by the infrastructure team."""

    name: Identifier = Field(description="Prefix of every name; unique among all users of S3 in the cloud profile.")
    home_region: Text = Field(description="Region of the organisation's and the audit account's resources.")
    contact: Email = Field(description="Who answers for the platform.")
    organisation: Organisation = Organisation()
    audit: Audit = Audit()
    clouds: dict[CloudName, Cloud] = Field(min_length=1)
    sensitivity_classes: dict[Identifier, Sensitivity] = Field(min_length=1)
    floors: Floors = Floors()
    state: StateBackend | None = Field(default=None, description="Terraform's state in the cloud profile.")
