"""A verdict in sentences: which register differs, which events extended it, which file or section each measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attestation.result import Status, Verdict, sentence
from attestation.tcg.eventlog import Event, EventLog

REGISTERS = {
    0: "firmware code",
    1: "firmware configuration",
    2: "option ROMs",
    3: "option ROM configuration",
    4: "boot loader and kernel images",
    5: "partition table and boot manager",
    6: "host platform events",
    7: "Secure Boot state, keys and databases",
    8: "GRUB commands or systemd-boot's command line",
    9: "kernel command line and initrd",
    10: "IMA",
    11: "unified kernel image sections and boot phases",
    12: "command line and credentials added outside the image",
    13: "system extensions",
    14: "shim's MOK lists or application events",
    15: "root volume key",
    16: "debug",
    23: "application",
}
RTMRS = {
    "rtmr0": "firmware configuration and Secure Boot",
    "rtmr1": "boot loader and kernel images",
    "rtmr2": "kernel command line, initrd and GRUB commands",
    "rtmr3": "application events",
}


def explain(verdict: Verdict) -> list[str]:
    """One sentence per finding, the verdict first."""
    lines = [
        f"The {verdict.kind} evidence is {_outcome(verdict)} under the policy {verdict.policy_name!r}.",
    ]
    log = verdict.claims.extras.get("event_log")
    for check in verdict.checks:
        if check.status is not Status.FAIL:
            continue
        if check.name == "reference_values" and isinstance(check.actual, Mapping):
            lines += _references(check.actual, log)
        elif check.name == "event_log" and isinstance(check.actual, Mapping):
            lines += _log(check.actual, log)
        else:
            lines.append(sentence(check) + ".")
    lines += [
        f"Not evaluated: {check.name}: {check.detail}."
        for check in verdict.checks
        if check.status is Status.NOT_EVALUATED
    ]
    return lines


def _outcome(verdict: Verdict) -> str:
    return "accepted" if verdict.accepted else "rejected"


def _references(mismatches: Mapping[str, Any], log: EventLog | None) -> list[str]:
    lines = []
    for name, wrong in mismatches.items():
        for register, values in wrong.items():
            if not isinstance(values, Mapping):
                lines.append(f"Reference set {name}: {values}.")
                continue
            lines.append(
                f"Against {name}: {_register(register)} is {values['actual']}, accepted "
                f"{'is' if len(values['expected']) == 1 else 'are'} {', '.join(values['expected'])}."
            )
            lines += _causes(register, log)
    return lines


def _log(wrong: Mapping[str, Any], log: EventLog | None) -> list[str]:
    lines = []
    for register, values in wrong.items():
        lines.append(
            f"The event log does not lead to {_register(register)}: replayed {values['replayed']}, "
            f"quoted {values['quoted']}."
        )
        lines += _causes(register, log)
    return lines


def _register(name: str) -> str:
    if name in RTMRS:
        return f"{name.upper()} ({RTMRS[name]})"
    bank, _, index = name.rpartition(":")
    if index.isdigit():
        meaning = REGISTERS.get(int(index), "")
        return f"PCR {index}" + (f" of the {bank} bank" if bank else "") + (f" ({meaning})" if meaning else "")
    return name


def _causes(register: str, log: EventLog | None) -> list[str]:
    """The events that extended the register: one of them is the cause."""
    if log is None:
        return []
    if register in RTMRS:
        index = int(register[-1]) + 1
    else:
        text = register.rpartition(":")[2]
        if not text.isdigit():
            return []
        index = int(text)
    events = [event for event in log.events if event.extends and event.index == index]
    return [f"  event {event.number}: {event_text(event)}" for event in events[:64]]


def event_text(event: Event) -> str:
    """One event in words, with the file or section it names."""
    content = event.content
    for key, words in (
        ("path", "image"),
        ("variable", "UEFI variable"),
        ("text", "text"),
        ("version", "version"),
        ("description", "blob"),
        ("separator", "separator"),
    ):
        if key in content:
            return f"{event.type}, {words} {str(content[key])[:160]}"
    if "tags" in content:
        return f"{event.type}, " + "; ".join(str(tag.get("text", tag["id"]))[:80] for tag in content["tags"][:4])
    return f"{event.type}, {content.get('size', len(event.data))} bytes"
