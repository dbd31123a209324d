"""Why a machine's measurements are not accepted, in sentences that name the register and what it stands for."""

from __future__ import annotations

from attestation.appraise import pcrs_of
from attestation.policy import ReferenceSet
from attestation.release.policy import ReleasePolicy
from attestation.result import Claims

MEANING = {
    4: "boot loader and kernel; on a process node the trainer's files",
    7: "Secure Boot's state and keys; on a process node the interpreter and its packages",
    11: "the unified kernel image's sections",
    12: "the command line and what was passed to the kernel beside the image",
}


def label(reference: ReferenceSet) -> str:
    """Name and version of a reference set."""
    return f"{reference.name} v{reference.version}"


def booted(policy: ReleasePolicy, claims: Claims) -> str | None:
    """The image of the policy, accepted or not, whose bound registers are all the machine's; None for no such image."""
    for image in policy.images:
        if not _differing(policy, image.reference, claims):
            return label(image.reference)
    return None


def in_words(policy: ReleasePolicy, claims: Claims, *, canary: bool) -> list[str]:
    """What keeps the measurements from being accepted; empty where an image that may be booted matches."""
    usable = policy.usable(canary=canary)
    if any(not _differing(policy, reference, claims) for reference in usable):
        return []
    for image in policy.images:
        if not _differing(policy, image.reference, claims):
            why = f": {image.reason}" if image.reason else ""
            return [f"the machine booted {label(image.reference)}, which is {image.stage}{why}"]
    if not usable:
        return ["no image is accepted from this machine"]
    nearest = min(reversed(usable), key=lambda reference: len(_differing(policy, reference, claims)))
    held = pcrs_of(claims, "sha384")
    words = []
    for register in _differing(policy, nearest, claims):
        actual = held.get(str(register))
        meaning = MEANING.get(register, "a register that the policy binds")
        expected = " or ".join(value[:16] for value in nearest.pcrs["sha384"][register])
        words.append(
            f"PCR {register} ({meaning}) differs from {label(nearest)}: "
            f"expected {expected}…, got {f'{actual[:16]}…' if actual else 'nothing'}"
        )
    return words


def _differing(policy: ReleasePolicy, reference: ReferenceSet, claims: Claims) -> list[int]:
    registers = policy.aws.registers if policy.aws else (4, 7, 12)
    held, wanted = pcrs_of(claims, "sha384"), reference.pcrs.get("sha384", {})
    return [register for register in registers if held.get(str(register)) not in wanted.get(register, ())]
