"""Changing images in two phases: the new one beside the old for canaries, then for all, then the old one out.

Each step gives a new policy with the next version; compiling it again updates all three forms.
"""

from __future__ import annotations

from attestation.errors import AttestationError
from attestation.policy import ReferenceSet
from attestation.release.policy import AcceptedImage, ReleasePolicy


def introduce(policy: ReleasePolicy, reference: ReferenceSet) -> ReleasePolicy:
    """Phase one: the new image beside the old, for the canary principals only.

    Raises:
        AttestationError: its version is not above every other of that name (a roll-back), or there are no canaries.
    """
    older = [image.reference.version for image in policy.images if image.reference.name == reference.name]
    if older and reference.version <= max(older):
        raise AttestationError(
            f"release policy of {policy.tenant}: {reference.name} v{reference.version} is not above v{max(older)}"
        )
    targets = [policy.aws.canary_users] if policy.aws else []
    targets += [policy.gcp.canary_service_accounts] if policy.gcp else []
    if not all(targets):
        raise AttestationError(f"release policy of {policy.tenant}: name canary principals for every target first")
    return _changed(policy, (*policy.images, AcceptedImage(reference=reference, stage="canary")))


def promote(policy: ReleasePolicy, name: str, version: int) -> ReleasePolicy:
    """Phase one, second half: the canary image for every principal; the old one stays beside it.

    Raises:
        AttestationError: there is no such canary image.
    """
    _find(policy, name, version, "canary")
    return _changed(policy, tuple(_staged(image, name, version, "active", "") for image in policy.images))


def retire(policy: ReleasePolicy, name: str, version: int, reason: str) -> ReleasePolicy:
    """Phase two: the image is cut off across the fleet; it stays listed with the reason.

    Raises:
        AttestationError: there is no such image, it is retired already, the reason is too short, or nothing would be
            left that an ordinary principal can boot.
    """
    _find(policy, name, version, "active", "canary")
    if len(reason) < 8:
        raise AttestationError(f"release policy of {policy.tenant}: say why {name} v{version} is retired")
    changed = _changed(policy, tuple(_staged(image, name, version, "retired", reason) for image in policy.images))
    if not changed.usable(canary=False):
        raise AttestationError(f"release policy of {policy.tenant}: no active image would be left; promote one first")
    return changed


def _find(policy: ReleasePolicy, name: str, version: int, *stages: str) -> None:
    for image in policy.images:
        if (image.reference.name, image.reference.version) == (name, version) and image.stage in stages:
            return
    raise AttestationError(f"release policy of {policy.tenant}: no {' or '.join(stages)} image {name} v{version}")


def _staged(image: AcceptedImage, name: str, version: int, stage: str, reason: str) -> AcceptedImage:
    if (image.reference.name, image.reference.version) != (name, version):
        return image
    return AcceptedImage.model_validate({"reference": image.reference, "stage": stage, "reason": reason})


def _changed(policy: ReleasePolicy, images: tuple[AcceptedImage, ...]) -> ReleasePolicy:
    return ReleasePolicy.model_validate({**dict(policy), "images": images, "version": policy.version + 1})
