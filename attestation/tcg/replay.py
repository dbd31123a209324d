"""Replaying an event log into registers and comparing with what a quote vouches for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attestation.errors import AttestationError
from attestation.result import Check, failed, judged, not_evaluated, passed
from attestation.tcg.algorithms import IDS as ALGORITHM_IDS
from attestation.tcg.algorithms import SIZES, digest, extend
from attestation.tcg.event_data import variable_parts
from attestation.tcg.event_types import GRUB_TEXTS, HASHES_DATA, LINUX_TAGS, LINUX_TEXTS, SEPARATOR
from attestation.tcg.eventlog import Event, EventLog

_STARTUP = b"StartupLocality\0"
_VARIABLE_TYPES = {
    "EV_EFI_VARIABLE_DRIVER_CONFIG",
    "EV_EFI_VARIABLE_BOOT",
    "EV_EFI_VARIABLE_BOOT2",
    "EV_EFI_VARIABLE_AUTHORITY",
}
_SEPARATOR_DATA = {b"\0\0\0\0", b"\xff\xff\xff\xff"}


def startup_locality(log: EventLog) -> int:
    """The locality from which TPM2_Startup came: 0, 3 or 4 (Firmware Profile, section 3.3.6)."""
    for event in log.events:
        if not event.extends and event.index == 0 and event.data.startswith(_STARTUP) and len(event.data) == 17:
            return event.data[16]
    return 0


def replay(log: EventLog, bank: str, *, tdx: bool = False) -> dict[int, bytes]:
    """Register values after every event, for the registers that the log mentions.

    Args:
        log: the log.
        bank: hash name (`sha1`, `sha256`, `sha384`, `sha512`).
        tdx: registers are RTMRs, which all start at zero.
    """
    if bank not in log.banks:
        return {}
    size = SIZES[ALGORITHM_IDS[bank]]
    registers: dict[int, bytes] = {}
    for event in log.events:
        if not event.extends or bank not in event.digests:
            continue
        start = bytes(size)
        if not tdx and event.index == 0:
            start = bytes(size - 1) + bytes([startup_locality(log)])
        elif not tdx and 17 <= event.index <= 22:
            start = b"\xff" * size
        registers[event.index] = extend(bank, registers.get(event.index, start), event.digests[bank])
    return registers


def untouched(bank: str, index: int) -> bytes:
    """What a PCR holds that nothing extended since power-on."""
    size = SIZES[ALGORITHM_IDS[bank]]
    return b"\xff" * size if 17 <= index <= 22 else bytes(size)


def data_matches(event: Event) -> bool | None:
    """Whether the digests are those of the event's data; None when the type's digest covers something else.

    UEFI variables are measured as the whole UEFI_VARIABLE_DATA or as the value alone: firmware does either. Some
    versions of shim log one byte more than they measure.
    """
    if event.type == "EV_IPL":
        before = next((words for words in GRUB_TEXTS if event.data.startswith(words)), None)
        return None if before is None else _hashes(event, [event.data[len(before) :].rstrip(b"\0")])
    linux = int.from_bytes(event.data[:4], "little") in LINUX_TAGS or event.data in LINUX_TEXTS
    tagged = event.type == "EV_EVENT_TAG" and not linux
    if not event.digests or not (tagged or event.type in HASHES_DATA):
        return None
    covered = [event.data]
    if event.type in _VARIABLE_TYPES:
        try:
            covered += [variable_parts(event.data)[2], event.data[:-1]]
        except AttestationError:
            return False
    if event.type in {"EV_EFI_ACTION", "EV_ACTION"}:
        covered.append(event.data.rstrip(b"\0"))
    return _hashes(event, covered)


def _hashes(event: Event, covered: Sequence[bytes]) -> bool:
    """True when one of `covered` has the event's digest in every bank."""
    known = [name for name in event.digests if name in ALGORITHM_IDS]
    return any(all(digest(name, data) == event.digests[name] for name in known) for data in covered)


def consistency(log: EventLog) -> list[Check]:
    """Checks that need nothing but the log: separators, and digests that must be those of the data beside them."""
    checks = [_separators(log)]
    wrong = [event for event in log.events if event.extends and data_matches(event) is False]
    checks.append(
        judged(
            "event_data_digests",
            not wrong,
            expected="data that hashes to the digest beside it",
            actual=[f"event {e.number}: {e.type} in register {e.index}" for e in wrong[:8]] or "all",
            detail="data of these events was changed, or the digest was" if wrong else "",
        )
    )
    missing = [e.number for e in log.events if e.extends and not set(log.banks) <= set(e.digests)]
    checks.append(
        judged(
            "event_digests_complete",
            not missing,
            expected=f"a digest per bank {list(log.banks)}",
            actual=missing[:8] or "all",
        )
    )
    localities = [e for e in log.events if not e.extends and e.data.startswith(_STARTUP)]
    if localities:
        good = len(localities) == 1 and startup_locality(log) in {0, 3, 4}
        checks.append(
            judged(
                "startup_locality",
                good,
                expected="one event with 0, 3 or 4",
                actual=[e.data[16:].hex() for e in localities],
            )
        )
    return checks


def _separators(log: EventLog) -> Check:
    """One EV_SEPARATOR per register 0 to 7 at most: after a second one, later events could pose as the firmware's.

    Windows has separators of its own in 12 to 14.
    Nor may an event of another type carry a separator's digest, except in register 0, where firmware without a version
    measures four zero bytes as its contents.
    """
    seen: dict[int, int] = {}
    for event in log.events:
        if event.type_number != SEPARATOR:
            masked = (
                event.extends
                and event.index > 0
                and any(
                    event.digests.get(name) == digest(name, data)
                    for name in event.digests
                    if name in ALGORITHM_IDS
                    for data in _SEPARATOR_DATA
                )
            )
            if masked:
                return failed("separators", actual=f"event {event.number}: {event.type} carries a separator's digest")
            continue
        if event.index > 7:
            continue
        if event.data not in _SEPARATOR_DATA:
            return failed(
                "separators",
                expected="00000000 or ffffffff",
                actual=event.data[:16].hex(),
                detail=f"event {event.number} in register {event.index}: a firmware error was measured or "
                "the data was changed",
            )
        seen[event.index] = seen.get(event.index, 0) + 1
        if seen[event.index] > 1:
            return failed(
                "separators",
                expected=f"one in register {event.index}",
                actual=seen[event.index],
                detail=f"event {event.number} repeats the separator",
            )
    return passed("separators", actual={str(index): count for index, count in sorted(seen.items())})


def check_pcrs(log: EventLog, bank: str, pcrs: Mapping[int, bytes]) -> list[Check]:
    """The log replayed in `bank` against PCR values that a quote vouches for."""
    if bank not in log.banks:
        return [failed("event_log", expected=bank, actual=list(log.banks), detail="the log has no digests of the bank")]
    replayed = replay(log, bank)
    unlogged = _exit_boot_services(replayed, bank, pcrs)
    wrong: dict[str, Any] = {}
    for index, value in sorted(replayed.items()):
        if index not in pcrs:
            wrong[str(index)] = {"replayed": value.hex(), "quoted": None}
        elif pcrs[index] != value:
            wrong[str(index)] = {"replayed": value.hex(), "quoted": pcrs[index].hex()}
    checks = [
        judged(
            "event_log",
            not wrong,
            expected="the quoted PCR values",
            actual=wrong or "the same",
            detail=f"PCR {', '.join(wrong)} of the {bank} bank"
            if wrong
            else f"{bank}: PCR {sorted(replayed)}{unlogged}",
        )
    ]
    return checks + consistency(log)


_EXIT = (
    "Exit Boot Services Invocation",
    "Exit Boot Services Returned with Failure",
    "Exit Boot Services Returned with Success",
)


def _exit_boot_services(replayed: dict[int, bytes], bank: str, pcrs: Mapping[int, bytes]) -> str:
    """Adds the events that firmware measures into PCR 5 when the loader has already taken its copy of the log.

    ExitBootServices is measured after the log was handed over (Firmware Profile 1.06, section 8.2.3), so a log that
    was fetched only once lacks up to three EV_EFI_ACTION events with known texts.
    """
    if 5 not in replayed or 5 not in pcrs or replayed[5] == pcrs[5]:
        return ""
    invocation, failure, success = (digest(bank, text.encode()) for text in _EXIT)
    for values, names in (
        ((invocation, success), "invocation, success"),
        ((invocation, failure), "invocation, failure"),
        ((invocation, failure, success), "invocation, failure, success"),
    ):
        register = replayed[5]
        for value in values:
            register = extend(bank, register, value)
        if register == pcrs[5]:
            replayed[5] = register
            return f"; PCR 5 with the ExitBootServices events that the log lacks ({names})"
    return ""


def check_rtmrs(log: EventLog, rtmrs: Sequence[bytes]) -> list[Check]:
    """A CC event log against RTMR 0 to 3 of a quote; register 0 of the log is MRTD and is not extended."""
    if "sha384" not in log.banks:
        return [failed("event_log", expected="sha384", actual=list(log.banks))]
    replayed = replay(log, "sha384", tdx=True)
    wrong: dict[str, Any] = {}
    for index, value in sorted(replayed.items()):
        if not 1 <= index <= 4 or rtmrs[index - 1] != value:
            wrong[f"rtmr{index - 1}"] = {
                "replayed": value.hex(),
                "quoted": rtmrs[index - 1].hex() if 1 <= index <= 4 else None,
            }
    for index in range(4):
        if index + 1 not in replayed and rtmrs[index].strip(b"\0"):
            wrong[f"rtmr{index}"] = {"replayed": bytes(48).hex(), "quoted": rtmrs[index].hex()}
    return [
        judged(
            "event_log",
            not wrong,
            expected="the quoted RTMR values",
            actual=wrong or "the same",
            detail=", ".join(wrong),
        ),
        *consistency(log),
    ]


def no_log() -> Check:
    """The check that stands in when no event log came with the evidence."""
    return not_evaluated("event_log", "no event log was given: register values are vouched for, their causes are not")
