"""The real evidence with what each file says, as inputs to the verifier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from attestation.verify import Inputs
from tests.attestation.vectors import vector

AT = datetime(2025, 6, 25, tzinfo=UTC)
"""Within the life of the TDX collateral."""


@dataclass(frozen=True)
class Case:
    """One file: how to verify it and what must come out."""

    kind: str
    evidence: str
    accepted: bool = True
    reason: str = ""
    collateral: str | None = None
    certificates: tuple[str, ...] = ()
    event_log: str | None = None
    at: datetime | None = AT

    def inputs(self) -> Inputs:
        return Inputs(
            evidence=vector(self.evidence),
            collateral=vector(self.collateral) if self.collateral else None,
            certificates=tuple(vector(name) for name in self.certificates),
            event_log=vector(self.event_log) if self.event_log else None,
            at=self.at,
        )


CASES = (
    Case("tpm", "tpm/windows_gcp_shielded_vm.json"),
    Case("tpm", "tpm/eventlog_debian-10.bin", accepted=False, reason="not signed"),
    Case("tpm", "tpm/eventlog_ubuntu-2404-amd-sevsnp.bin", accepted=False, reason="not signed"),
    Case("nitro", "nitro/nitro_attestation.bin", at=None),
    Case("nitro", "nitro/nitro_attestation.bin", certificates=("nitro/AWS_NitroEnclaves_Root-G1.pem",), at=None),
    Case("tdx", "tdx/tdx_quote", collateral="tdx/tdx_quote_collateral.json"),
    Case("tdx", "tdx/tdx_quote"),
    Case(
        "tdx",
        "tdx/tdx_quote",
        collateral="tdx/tdx_quote_collateral.json",
        accepted=False,
        reason="Expired",
        at=datetime(2026, 11, 1, tzinfo=UTC),
    ),
    Case("tdx", "tdx/tdx_prod_quote_SPR_E4.dat"),
    Case(
        "tdx",
        "tdx/tdx_prod_quote_SPR_E4.dat",
        collateral="tdx/tdx_quote_collateral.json",
        accepted=False,
        reason="tcb_collateral",
    ),
    Case("tdx", "tdx/tdx_quote", event_log="tdx/ccel_cos-113-intel-tdx.bin", accepted=False, reason="event_log"),
    Case("tdx", "tdx/ccel_cos-113-intel-tdx.bin", accepted=False, reason="not signed"),
    # The guest policy of this report has the debug bit: genuine, and still not to be accepted.
    Case(
        "snp",
        "snp/attestation.bin",
        certificates=("snp/vcek.testcer", "snp/milan.testcer"),
        accepted=False,
        reason="debug",
    ),
    Case("nvidia", "nvidia/hopperAttestationReport.txt", certificates=("nvidia/hopperCertChain.txt",)),
    Case("nvidia", "nvidia/hopper_evidence.json"),
    Case("nvidia", "nvidia/hopperAttestationReport.txt", accepted=False, reason="no certificate chain"),
)
