"""Which measured builds a tenant's machines may boot: platform.yaml's releases, and the local cloud's own nodes."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from attestation.errors import AttestationError
from attestation.ledger.head import load_public_key
from attestation.policy import ReferenceSet
from attestation.reference import PAYLOAD_TYPE, verify
from attestation.release.policy import AcceptedImage
from attestation.release.sets import load_set
from stacks.errors import StackError
from tenancy.fleet import Fleet
from tenancy.platform import Image, Release
from tenancy.tenant import Tenant

LOCAL_FILE = "accepted-images.json"
"""In the folder of the local profile's states: the sets of the local cloud's nodes, a test double's."""


def image_of(fleet: Fleet, tenant: Tenant) -> Image | None:
    """The image that the tenant's file names, where the platform has it."""
    cloud = fleet.platform.clouds.get(tenant.cloud)
    return cloud.images.get(tenant.compute.image) if cloud else None


def accepted(fleet: Fleet, tenant: Tenant, local: Path | None) -> tuple[AcceptedImage, ...]:
    """The builds whose machines are given the tenant's keys; `local` is the folder of the local profile's states.

    Raises:
        StackError: a file cannot be read, is not signed by the key that is named, or a tenant on trial is unknown.
    """
    image = image_of(fleet, tenant)
    found = [] if image is None else [_release(fleet.directory, tenant, release) for release in image.releases]
    return (*found, *(_local(local / LOCAL_FILE) if local else ()))


def on_trial(fleet: Fleet, tenant: Tenant) -> bool:
    """Whether the tenant's machines may boot builds in the stage `canary`."""
    image = image_of(fleet, tenant)
    return image is not None and tenant.id in image.canaries


def _release(folder: Path, tenant: Tenant, release: Release) -> AcceptedImage:
    path = folder / release.reference
    place = f"platform.yaml: image {tenant.compute.image}: {path}"
    try:
        content = path.read_bytes()
        signed = PAYLOAD_TYPE.encode() in content
        if signed != (release.signed_by is not None):
            words = "is signed: name the key in signed_by" if signed else "is not signed, but signed_by names a key"
            raise StackError(f"{place} {words}")
        reference = _verified(content, folder / str(release.signed_by)) if signed else load_set(content, str(path))
        return AcceptedImage.model_validate({"reference": reference, "stage": release.stage, "reason": release.reason})
    except (OSError, AttestationError, ValidationError) as error:
        raise StackError(f"{place}: {error}") from error


def _verified(content: bytes, key: Path) -> ReferenceSet:
    return verify(content, (load_public_key(key.read_bytes(), str(key)),)).reference_set()


def _local(path: Path) -> tuple[AcceptedImage, ...]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return tuple(AcceptedImage.model_validate(entry) for entry in document["images"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StackError(f"{path}: not a list of accepted images ({error}); remove it and deploy again") from error
