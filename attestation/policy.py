"""The appraisal policy: what a relying party accepts, as one small document (RATS "appraisal policy for evidence")."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from attestation.documents import load_yaml
from attestation.errors import AttestationError

TdxStatus = Literal[
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
]


def _lower_hex(value: str) -> str:
    text = value.lower()
    if not text or len(text) % 2 or any(c not in "0123456789abcdef" for c in text):
        raise ValueError(f"{value!r} is not hex")
    return text


Hex = Annotated[str, AfterValidator(_lower_hex)]
Reason = Annotated[str, Field(min_length=8)]
"""Words that say why: recorded in the verdict."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Waiver(_Model):
    """A named verification check that need not hold, why, and until when."""

    check: str
    reason: Reason
    expires: datetime


class ReferenceSet(_Model):
    """Accepted register values of one image. A register with several values accepts any of them."""

    name: str
    version: int = Field(ge=1)
    expires: datetime | None = None
    pcrs: dict[str, dict[int, tuple[Hex, ...]]] = {}
    """Bank (`sha1`, `sha256`, `sha384`, `sha512`) to register to accepted values; Nitro documents are `sha384`."""
    registers: dict[str, tuple[Hex, ...]] = {}
    """TDX and SNP: `mr_td`, `rtmr0` to `rtmr3`, `measurement`, `host_data` and so on."""
    image_digests: tuple[str, ...] = ()
    """Confidential Space: accepted `submods.container.image_digest`."""

    @field_validator("pcrs", mode="wrap")
    @classmethod
    def _each_register_once(
        cls, given: Any, handler: ValidatorFunctionWrapHandler
    ) -> dict[str, dict[int, tuple[Hex, ...]]]:
        """Refuses `4` beside `"04"`: two keys to YAML, of which the later would win as one register."""
        read: dict[str, dict[int, tuple[Hex, ...]]] = handler(given)
        for bank, registers in read.items():
            if len(registers) != len(given[bank]):
                raise ValueError(f"{bank}: a register stands twice among {sorted(map(str, given[bank]))}: keep one")
        return read


class TcbMinimum(_Model):
    """Lowest parts of an SNP TCB that are accepted; parts that are not named are not judged."""

    boot_loader: int = 0
    tee: int = 0
    snp: int = 0
    microcode: int = 0
    fmc: int = 0


class AppraisalPolicy(_Model):
    """What is accepted. The defaults accept genuine evidence of any image, outside debug mode."""

    name: str = "default"
    kinds: tuple[str, ...] = ()
    """Kinds of evidence this policy is for; empty for all."""
    reference_sets: tuple[ReferenceSet, ...] = ()
    minimum_version: int = Field(default=0, ge=0)
    """Reference sets of a lower version are not considered: what stops a roll-back."""
    require_anchored: bool = False
    """Reject evidence whose signer does not lead to a trusted root (a TPM quote without AK certificate)."""
    require_nonce: bool = False
    maximum_age_seconds: int | None = Field(default=None, gt=0)
    allow_debug: Reason | None = None
    """Why debug mode is accepted; None rejects it."""
    require_event_log: bool = False
    require_secure_boot: bool = False
    pcr_banks: tuple[Literal["sha1", "sha256", "sha384", "sha512"], ...] = ()
    """Banks a TPM quote may use; empty for any. SHA-1 should not be among them for new machines."""
    tdx_require_tcb: bool = False
    tdx_tcb_statuses: tuple[TdxStatus, ...] = (
        "UpToDate",
        "SWHardeningNeeded",
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
    )
    tdx_rejected_advisories: tuple[str, ...] = ()
    snp_minimum_tcb: TcbMinimum = TcbMinimum()
    snp_maximum_vmpl: int = Field(default=3, ge=0, le=3)
    snp_allow_migration: bool = False
    gpu_cc_mode: Literal["ON"] | None = None
    """`ON` requires a claim that says so; NVIDIA's SPDM evidence has none. A claim that says otherwise is refused."""
    gpu_cc_mode_waiver: Reason | None = None
    """Why a GPU without confidential mode is accepted. It never covers DEVTOOLS."""
    gpu_minimum_driver: str | None = Field(default=None, pattern=r"^\d+(\.\d+){1,3}$")
    gpu_vbios_versions: tuple[str, ...] = ()
    require_gpu_measurements: bool = False
    audience: tuple[str, ...] = ()
    hwmodel: tuple[str, ...] = ()
    """Google tokens: accepted values. Google's pages spell TDX in two ways, so list both if both are meant."""
    require_stable_image: bool = False
    service_accounts: tuple[str, ...] = ()
    project_numbers: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    require_empty_overrides: bool = False
    """Google tokens: no `env_override` and no `cmd_override`."""
    waivers: tuple[Waiver, ...] = ()

    def sha256(self) -> str:
        """Digest of the policy's canonical JSON, for verdicts and the release ledger."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_policy(text: str | bytes, source: str) -> AppraisalPolicy:
    """A policy from YAML or JSON.

    Raises:
        AttestationError: every problem with its place, at once.
    """
    document = load_yaml(text, source)
    try:
        return AppraisalPolicy.model_validate(document if document is not None else {})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in e['loc']) or 'document'}: {e['msg']}" for e in error.errors()
        )
        raise AttestationError(f"{source}: {problems}") from error
