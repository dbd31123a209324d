"""What a policy demands of one kind of evidence in particular."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attestation.policy import AppraisalPolicy
from attestation.result import Check, Claims, compare, failed, judged, not_evaluated, passed


def tpm(claims: Claims, policy: AppraisalPolicy) -> list[Check]:
    """PCR banks, event log, Secure Boot."""
    checks: list[Check] = []
    banks = list(claims.values.get("pcrs", {}))
    if policy.pcr_banks:
        bad = [bank for bank in banks if bank not in policy.pcr_banks]
        checks.append(judged("pcr_banks", not bad and bool(banks), expected=list(policy.pcr_banks), actual=banks))
    if policy.require_event_log:
        checks.append(judged("event_log_required", bool(claims.values.get("event_log")), expected="an event log"))
    if policy.require_secure_boot:
        checks.append(compare("secure_boot", True, claims.values.get("secure_boot")))
    return checks


def nitro(claims: Claims, _policy: AppraisalPolicy) -> list[Check]:
    """Nothing beyond the reference values: the document says no more than its registers."""
    return [judged("pcrs_present", bool(claims.values["pcrs"]), expected="registers")]


def tdx(claims: Claims, policy: AppraisalPolicy) -> list[Check]:
    """Attributes and TCB status."""
    if not claims.signed:
        return []
    checks = [
        compare(
            "td_attributes_trusted",
            0,
            claims.values["attributes_untrusted_bits"],
            "bits 0 to 7 of TDATTRIBUTES (debug and reserved)",
        )
    ]
    if policy.allow_debug and claims.values["attributes_untrusted_bits"] == 1:
        checks = [not_evaluated("td_attributes_trusted", f"waived: {policy.allow_debug}", actual=1)]
    if policy.require_event_log:
        checks.append(judged("event_log_required", bool(claims.values.get("event_log")), expected="an event log"))
    status = claims.values["tcb_status"]
    if status is None:
        if policy.tdx_require_tcb:
            checks.append(
                failed(
                    "tcb_status",
                    expected=list(policy.tdx_tcb_statuses),
                    actual=None,
                    detail="the policy requires collateral",
                )
            )
        return checks
    checks.append(
        judged("tcb_status", status in policy.tdx_tcb_statuses, expected=list(policy.tdx_tcb_statuses), actual=status)
    )
    rejected = sorted(set(claims.values["advisory_ids"] or ()) & set(policy.tdx_rejected_advisories))
    if policy.tdx_rejected_advisories:
        checks.append(
            judged("advisories", not rejected, expected="none of the rejected ones", actual=rejected or "none")
        )
    return checks


def snp(claims: Claims, policy: AppraisalPolicy) -> list[Check]:
    """Guest policy, privilege level and TCB."""
    minimum = policy.snp_minimum_tcb.model_dump()
    reported = claims.values["tcb"]["reported"]
    low = {part: reported[part] for part, value in minimum.items() if part in reported and reported[part] < value}
    checks = [
        judged(
            "minimum_tcb",
            not low,
            expected={k: v for k, v in minimum.items() if v},
            actual=reported,
            detail=f"below the minimum: {low}" if low else "",
        )
    ]
    checks.append(
        judged(
            "vmpl",
            claims.values["vmpl"] <= policy.snp_maximum_vmpl,
            expected=f"at most {policy.snp_maximum_vmpl}",
            actual=claims.values["vmpl"],
        )
    )
    migratable = claims.values["guest_policy"]["migrate_ma"]
    if not policy.snp_allow_migration:
        checks.append(compare("migration", False, migratable, "a migration agent could move the guest"))
    return checks


def nvidia(claims: Claims, policy: AppraisalPolicy) -> list[Check]:
    """Confidential mode (which SPDM evidence cannot show), driver, VBIOS, measurements."""
    checks = [_cc_mode(claims.values.get("cc_mode"), policy)]
    for index, device in enumerate(claims.values["devices"]):
        if policy.gpu_minimum_driver:
            driver = device.get("driver_version")
            good = isinstance(driver, str) and version_at_least(driver, policy.gpu_minimum_driver)
            checks.append(
                judged(f"gpu{index}_driver", good, expected=f"at least {policy.gpu_minimum_driver}", actual=driver)
            )
        if policy.gpu_vbios_versions:
            vbios = device.get("vbios_version")
            checks.append(
                judged(
                    f"gpu{index}_vbios",
                    vbios in policy.gpu_vbios_versions,
                    expected=list(policy.gpu_vbios_versions),
                    actual=vbios,
                )
            )
    if policy.require_gpu_measurements:
        bad = [c.name for c in claims.checks if c.name.endswith("measurements") and c.ok is not True]
        checks.append(
            judged("gpu_measurements_required", not bad, expected="compared with a manifest", actual=bad or "so")
        )
    return checks


def version_at_least(version: str, minimum: str) -> bool:
    """Compares dotted numbers part by part; anything that is not such a version is below every minimum."""
    try:
        left, right = ([int(part) for part in text.split(".")] for text in (version, minimum))
    except ValueError:
        return False
    size = max(len(left), len(right))
    return left + [0] * (size - len(left)) >= right + [0] * (size - len(right))


def _cc_mode(actual: Any, policy: AppraisalPolicy) -> Check:
    if actual == "ON":
        return passed("gpu_cc_mode", expected="ON", actual=actual)
    if policy.gpu_cc_mode_waiver and (actual is None or actual == "OFF"):
        return not_evaluated("gpu_cc_mode", f"waived: {policy.gpu_cc_mode_waiver}", expected="ON", actual=actual)
    if actual is None and policy.gpu_cc_mode is None:
        reason = (
            "SPDM evidence does not say whether confidential mode is on; take it from a token or a measured verdict"
        )
        return not_evaluated("gpu_cc_mode", reason, expected="ON")
    return failed("gpu_cc_mode", expected="ON", actual=actual, detail="confidential mode of the GPU was not shown")


HARDWARE = {
    "GCP_INTEL_TDX": True,
    "INTEL_TDX": True,
    "GCP_AMD_SEV": True,
    "GCP_AMD_SEV_ES": True,
    "GCP_AMD_SEV_SNP": True,
    "GCP_SHIELDED_VM": False,
}
"""`hwmodel` of Google's tokens, in both spellings of its pages, and whether the machine is a confidential one."""


def gcp_token(claims: Claims, policy: AppraisalPolicy) -> list[Check]:
    """Audience, debug status, hardware model, container, GPU."""
    values = claims.values
    checks: list[Check] = []
    if policy.audience:
        audience = values.get("aud")
        given = audience if isinstance(audience, list) else [audience]
        checks.append(
            judged(
                "audience", any(a in policy.audience for a in given), expected=list(policy.audience), actual=audience
            )
        )
    model = values.get("hwmodel")
    if model is not None and not policy.hwmodel:
        known = isinstance(model, str) and model in HARDWARE
        checks.append(judged("hwmodel", known, expected=sorted(HARDWARE), actual=model))
    if policy.hwmodel:
        checks.append(
            judged(
                "hwmodel",
                values.get("hwmodel") in policy.hwmodel,
                expected=list(policy.hwmodel),
                actual=values.get("hwmodel"),
            )
        )
    if policy.require_secure_boot:
        checks.append(compare("secure_boot", True, values.get("secboot")))
    checks += _confidential_space(values.get("submods"), policy)
    if policy.service_accounts:
        accounts = values.get("google_service_accounts")
        good = isinstance(accounts, list) and any(a in policy.service_accounts for a in accounts)
        checks.append(judged("service_accounts", good, expected=list(policy.service_accounts), actual=accounts))
    return checks


def _confidential_space(submods: Any, policy: AppraisalPolicy) -> list[Check]:
    parts: dict[str, Mapping[str, Any]] = {}
    for name in ("container", "confidential_space", "gce", "nvidia_gpu"):
        part = submods.get(name) if isinstance(submods, Mapping) else None
        parts[name] = part if isinstance(part, Mapping) else {}
    checks: list[Check] = []
    if policy.require_stable_image:
        attributes = parts["confidential_space"].get("support_attributes")
        checks.append(
            judged(
                "support_attributes",
                isinstance(attributes, list) and "STABLE" in attributes,
                expected="STABLE",
                actual=attributes,
            )
        )
    if policy.require_empty_overrides:
        overrides = {
            n: parts["container"].get(n) for n in ("env_override", "cmd_override") if parts["container"].get(n)
        }
        checks.append(
            judged("overrides", not overrides and bool(parts["container"]), expected="none", actual=overrides)
        )
    for name, key, accepted in (
        ("project_number", "project_number", policy.project_numbers),
        ("zone", "zone", policy.zones),
    ):
        if accepted:
            checks.append(
                judged(name, parts["gce"].get(key) in accepted, expected=list(accepted), actual=parts["gce"].get(key))
            )
    if policy.gpu_cc_mode or parts["nvidia_gpu"]:
        checks.append(_cc_mode(parts["nvidia_gpu"].get("cc_mode"), policy))
    return checks


BY_KIND: dict[str, Callable[[Claims, AppraisalPolicy], list[Check]]] = {
    "tpm": tpm,
    "nitro": nitro,
    "tdx": tdx,
    "snp": snp,
    "nvidia": nvidia,
    "gcp-token": gcp_token,
}
