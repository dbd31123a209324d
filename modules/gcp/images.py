"""The trainer's image as Confidential Space fetches it: by digest, from the platform's registry."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modules.gcp.errors import ConstructError
from modules.gcp.site import GcpSite
from modules.policy.gcp_release import started

_REFERENCE = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[a-z0-9-]+)/(?P<repository>[a-z0-9-]+)/.+@sha256:[0-9a-f]{64}"
)


@dataclass(frozen=True)
class Registry:
    """Where an image lies in Artifact Registry."""

    location: str
    project: str
    repository: str


def reference(site: GcpSite) -> str:
    """The image that the tenant's machines start. Raises `ConstructError` where platform.yaml has none by digest."""
    container = started(site.image, site.tenant.id)
    if container is None:
        msg = f"clouds.gcp.images.{site.tenant.compute.image}: no container. Write the image's reference by digest"
        raise ConstructError(msg)
    return container


def registry(site: GcpSite) -> Registry:
    """Where it lies. Raises `ConstructError` for a reference that is not one of Artifact Registry by digest."""
    found = _REFERENCE.fullmatch(reference(site))
    if found is None:
        msg = f"clouds.gcp.images.{site.tenant.compute.image}: {reference(site)} is not an image of Artifact Registry"
        raise ConstructError(msg)
    return Registry(**found.groupdict())


def image_project(site: GcpSite) -> str:
    """The project whose registry holds the image."""
    return registry(site).project
