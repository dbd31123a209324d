"""NVIDIA's reference integrity manifests: signed SWID tags with the measurements of a driver or a VBIOS.

ISO/IEC 19770-2 with TCG's RIM attributes. A manifest names the version that it is for; measurements that are not
`active` say nothing, an active one has one or several accepted values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from attestation import xml_signature
from attestation.certificates import Roots, build_path
from attestation.errors import AttestationError
from attestation.kinds.nvidia_report import Report
from attestation.result import Check, failed, judged
from attestation.roots import NVIDIA_RIM

SWID = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
_HASH = "http://www.w3.org/2001/04/xmlenc#sha384"
_NVDEC0_REGISTER, _NVDEC0_DISABLED = 35, b"\x55"


@dataclass(frozen=True)
class Manifest:
    """A manifest: for which product and version, with which values; `checks` say whether it can be believed."""

    product: str
    version: str
    measurements: Mapping[int, frozenset[str]]
    """Index, from 0, to accepted values (hex)."""
    checks: tuple[Check, ...]


def read(data: bytes, number: int, now: datetime, roots: Roots | None = None) -> Manifest:
    """A manifest, with its signature and chain checked.

    Raises:
        AttestationError: not a signed SWID tag.
    """
    what = f"RIM {number}"
    signed = xml_signature.verify(data, what)
    if signed.root.expanded() != (SWID, "SoftwareIdentity"):
        raise AttestationError(f"{what}: the root is {signed.root.name}, expected a SWID SoftwareIdentity")
    metas, payloads = signed.root.elements(SWID, "Meta"), signed.root.elements(SWID, "Payload")
    if len(metas) != 1 or len(payloads) != 1:
        raise AttestationError(f"{what}: {len(metas)} Meta and {len(payloads)} Payload, expected one of each")
    version = metas[0].attributes.get("colloquialVersion", "")
    measurements: dict[int, frozenset[str]] = {}
    for resource in payloads[0].elements(SWID, "Resource"):
        index, values = _resource(resource, what)
        if index in measurements:
            raise AttestationError(f"{what}: measurement {index} occurs twice")
        if values:
            measurements[index] = values
    path = build_path(signed.certificates[0], signed.certificates[1:], roots or NVIDIA_RIM, now, f"rim{number}_")
    checks = (
        judged(f"rim{number}_signature", not signed.fault, expected="a valid XML signature", detail=signed.fault),
        *path.checks,
    )
    return Manifest(metas[0].attributes.get("product", ""), version, measurements, checks)


def _resource(resource: xml_signature.Element, what: str) -> tuple[int, frozenset[str]]:
    attributes = {resource.expanded(name): value for name, value in resource.attributes.items()}
    index = attributes.get(("", "index"), "")
    if not (index.isascii() and index.isdigit() and len(index) <= 3):
        raise AttestationError(f"{what}: measurement index {index!r}")
    if attributes.get(("", "active")) != "True":
        return int(index), frozenset()
    values = frozenset(
        v.lower() for (space, name), v in attributes.items() if space == _HASH and name.startswith("Hash")
    )
    if not values:
        raise AttestationError(f"{what}: measurement {index} is active and has no value")
    return int(index), values


def judge(report: Report, manifests: Iterable[Manifest], prefix: str) -> list[Check]:
    """A report against manifests: each of a version that the report names, no index in two, every value accepted.

    Measurement 35 is not judged when the video decoder is off, as the report then says (`nvdec0_status`).
    """
    checks: list[Check] = []
    golden: dict[int, frozenset[str]] = {}
    claims = report.claims()
    running = {"driver": claims.get("driver_version"), "vbios": claims.get("vbios_version")}
    for number, manifest in enumerate(manifests):
        checks.append(
            judged(
                f"{prefix}rim{number}_version",
                manifest.version.upper() in _versions(running),
                expected=manifest.version,
                actual=running,
                detail="the version the manifest is for",
            )
        )
        both = sorted(set(golden) & set(manifest.measurements))
        if both:
            checks.append(
                failed(f"{prefix}rim{number}_conflict", expected="an index in one manifest only", actual=both)
            )
        golden |= dict(manifest.measurements)
    if report.opaque.get("nvdec0_status") == _NVDEC0_DISABLED:
        golden.pop(_NVDEC0_REGISTER, None)
    wrong = {
        str(index): {"expected": sorted(values), "actual": report.measurements.get(index + 1, b"").hex()}
        for index, values in sorted(golden.items())
        if report.measurements.get(index + 1, b"").hex() not in values
    }
    checks.append(
        judged(
            f"{prefix}measurements",
            bool(golden) and not wrong,
            expected=f"{len(golden)} reference values",
            actual=wrong or "the same",
        )
    )
    return checks


def _versions(running: Mapping[str, object]) -> set[str]:
    return {str(version).upper() for version in running.values() if version}
