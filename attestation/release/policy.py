"""The release policy: to whom, for which purpose, and to which images a tenant's key is released."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from attestation.documents import load_yaml
from attestation.errors import AttestationError
from attestation.policy import Reason, ReferenceSet

_NAME = r"^[a-z][a-z0-9-]{0,62}$"
_ROLE = r"^arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]+$"
RoleArn = Annotated[str, Field(pattern=_ROLE, max_length=600)]
ServiceAccount = Annotated[str, Field(pattern=r"^[a-z0-9.-]+@[a-z0-9.-]+$", max_length=200)]
ImageDigest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AcceptedImage(_Model):
    """One image, by its measurements, and how far its roll-out has come."""

    reference: ReferenceSet
    stage: Literal["canary", "active", "retired"] = "active"
    """`canary`: for the canary principals only. `retired`: for nobody; it stays listed with its reason."""
    reason: str = ""

    @model_validator(mode="after")
    def _retired_with_reason(self) -> Self:
        if self.stage == "retired" and len(self.reason) < 8:
            raise ValueError("a retired image needs a reason")
        return self


class AwsTarget(_Model):
    """The key in AWS KMS: who uses it, who administers it, which registers bind it."""

    account_id: str = Field(pattern=r"^\d{12}$")
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    users: tuple[RoleArn, ...] = Field(min_length=1)
    canary_users: tuple[RoleArn, ...] = ()
    sealers: tuple[RoleArn, ...] = ()
    """Roles that may make data keys without attestation: they hold the plaintext that they seal. They never decrypt,
    but may have KMS wrap a key anew under this same key (rotation), which discloses nothing."""
    openers: tuple[RoleArn, ...] = ()
    """Roles that may decrypt without attestation: people to whom the content is handed over (the export gate)."""
    administrators: tuple[RoleArn, ...] = Field(min_length=1)
    registers: tuple[int, ...] = (4, 7, 12)
    """PCR 4 without PCR 12 lets the command line be changed (GHSA-xrv8-2pf5-f3q7), so 12 is always among them."""
    via_services: tuple[str, ...] = ()
    """Services that use the key on a user's behalf and cannot attest, such as `s3.eu-west-1.amazonaws.com`."""
    encryption_context: dict[str, str] = {}

    @model_validator(mode="after")
    def _separation(self) -> Self:
        if 12 not in self.registers or not {4, 7} & set(self.registers):
            raise ValueError("registers: 12 and at least one of 4 and 7 are needed, or the boot is not bound")
        if len(set(self.registers)) != len(self.registers) or not all(0 <= r <= 23 for r in self.registers):
            raise ValueError("registers: each of 0 to 23 at most once")
        both = {*self.users, *self.canary_users, *self.sealers, *self.openers} & set(self.administrators)
        if both:
            raise ValueError(f"separation of duties: {sorted(both)} would both use and administer the key")
        return self


class GcpTarget(_Model):
    """The key in Cloud KMS behind a workload identity pool."""

    project_number: str = Field(pattern=r"^\d{6,14}$")
    pool: str = Field(pattern=r"^[a-z][a-z0-9-]{3,31}$")
    service_accounts: tuple[ServiceAccount, ...] = Field(min_length=1)
    canary_service_accounts: tuple[ServiceAccount, ...] = ()
    workload_projects: tuple[Annotated[str, Field(pattern=r"^\d{6,14}$")], ...] = Field(min_length=1)
    zones: tuple[Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+\d+-[a-z]$")], ...] = ()
    hwmodel: tuple[Literal["GCP_INTEL_TDX", "INTEL_TDX", "GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_AMD_SEV_SNP"], ...] = (
        "GCP_INTEL_TDX",
        "INTEL_TDX",
    )
    """Google's token page and its assertion page spell TDX differently: both are accepted, nothing else is."""
    audience: str = Field(default="https://sts.googleapis.com", pattern=r"^https://[A-Za-z0-9._/:-]+$", max_length=256)
    stable_image: Literal[True] | Reason = True
    """True demands support attribute STABLE; words waive it and are recorded."""


class ReleasePolicy(_Model):
    """The one source of the three forms."""

    tenant: str = Field(pattern=_NAME)
    purpose: Literal["data", "checkpoint", "export"]
    version: int = Field(ge=1)
    images: tuple[AcceptedImage, ...] = Field(min_length=1)
    minimum_image_version: int = Field(default=1, ge=1)
    confidential_gpu: Literal["required"] | Reason = "required"
    """`required`, or words that waive it. AWS has no confidential GPU, so an AWS target needs the words."""
    maximum_age_seconds: int = Field(default=300, gt=0)
    """How old evidence may be where the verifier is ours; the clouds' own services have their own limits."""
    aws: AwsTarget | None = None
    gcp: GcpTarget | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.aws is None and self.gcp is None:
            raise ValueError("aws, gcp: at least one target is needed")
        names = [(image.reference.name, image.reference.version) for image in self.images]
        if len(set(names)) != len(names):
            raise ValueError(f"images: {names}: name and version together must be unique")
        for image in self.images:
            self._measurements(image)
        return self

    def _measurements(self, image: AcceptedImage) -> None:
        label = f"{image.reference.name} v{image.reference.version}"
        if self.aws is not None:
            registers = image.reference.pcrs.get("sha384", {})
            lacking = [r for r in self.aws.registers if not registers.get(r)]
            wrong = [r for r in self.aws.registers if any(len(value) != 96 for value in registers.get(r, ()))]
            if lacking or wrong:
                raise ValueError(f"image {label}: sha384 PCR {lacking or wrong} must be given as 96 hex characters")
        if self.gcp is not None:
            if not image.reference.image_digests:
                raise ValueError(f"image {label}: image_digests is empty, but there is a GCP target")
            for digest in image.reference.image_digests:
                if len(digest) != 71 or not digest.startswith("sha256:"):
                    raise ValueError(f"image {label}: {digest!r} is not sha256: and 64 hex characters")

    def usable(self, *, canary: bool) -> tuple[ReferenceSet, ...]:
        """Reference sets accepted from an ordinary principal, or from a canary one."""
        stages = {"active", "canary"} if canary else {"active"}
        return tuple(
            image.reference
            for image in self.images
            if image.stage in stages and image.reference.version >= self.minimum_image_version
        )

    def sha256(self) -> str:
        """Digest of the policy, for decisions and the release ledger."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_release_policy(text: str | bytes, source: str) -> ReleasePolicy:
    """A release policy from YAML or JSON.

    Raises:
        AttestationError: every problem with its place, at once.
    """
    document = load_yaml(text, source)
    try:
        return ReleasePolicy.model_validate(document)
    except ValidationError as error:
        problems = (f"{'.'.join(str(p) for p in e['loc']) or 'policy'}: {e['msg']}" for e in error.errors())
        raise AttestationError(f"{source}: {'; '.join(problems)}") from error


def utc(moment: datetime) -> datetime:
    """The moment with a time zone; one without is taken as UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
