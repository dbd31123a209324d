"""The trainer as an OCI image for Google's Confidential Space: mkosi makes the layers, this makes the configuration.

Confidential Space reads its launch policy from the image's labels: which overrides an operator may make (none) and
whether logs may leave (debug images only).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from images import build as builder
from images import packages, payload, tools
from images.errors import ImageError
from images.workspace import Workspace

ENTRYPOINT = ("/usr/bin/python3", "-P", "-m", "trainer.agent")
ENVIRONMENT = (
    "PATH=/usr/bin",
    "PYTHONPATH=/usr/lib/bulkhead:/usr/lib/bulkhead/site",
    "PYTHONDONTWRITEBYTECODE=1",
    "PYTHONNOUSERSITE=1",
)
LABELS = {
    "tee.launch_policy.allow_cmd_override": "false",
    "tee.launch_policy.allow_env_override": "",
    "tee.launch_policy.allow_mount_destinations": "",
    "tee.launch_policy.allow_privileged": "false",
    "tee.launch_policy.log_redirect": "debugonly",
    "tee.launch_policy.monitoring_memory_allow": "never",
}
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Layout:
    """An OCI image layout on disk and the digest of its manifest (`sha256:…`)."""

    directory: Path
    digest: str


def build(workspace: Workspace, *, say: builder.Say, update_lock: bool, incremental: bool = True) -> Layout:
    """Builds the container image.

    Raises:
        ImageError: mkosi failed, or the packages are not those that are pinned.
    """
    builder.prepare(workspace, "oci", update_lock=update_lock, say=say)
    output = workspace.output("oci")
    if output.exists():
        shutil.rmtree(output)
    overlay = payload.stage(workspace, "oci")
    say("building the container image with mkosi")
    options = ["--profile", "oci", f"--extra-tree={tools.inside(overlay, workspace)}:/"]
    builder.mkosi(workspace, "node", options, output=output, incremental=incremental and not update_lock)
    try:
        found = packages.read_manifests({"node": output / "bulkhead-oci.manifest"})
        # A container image carries no mark of packages that nobody pinned, so it is never made of them.
        builder.settle("oci", found, say=say, update_lock=update_lock, accept_newer=False)
    except ImageError:
        shutil.rmtree(output)
        raise
    layout = next((path.parent for path in sorted(output.rglob("oci-layout"))), None)
    if layout is None:
        raise ImageError(f"{output}: mkosi left no OCI layout")
    return Layout(layout, configure(layout, packages.source_date_epoch()))


def configure(layout: Path, epoch: int) -> str:
    """Replaces the image's configuration with ours and returns the new manifest's digest.

    Raises:
        ImageError: the layout does not hold exactly one image.
    """
    index = load(layout / "index.json")
    if len(index.get("manifests", [])) != 1:
        raise ImageError(f"{layout}: the index lists {len(index.get('manifests', []))} images, expected one")
    manifest = load(blob(layout, index["manifests"][0]["digest"]))
    old = load(blob(layout, manifest["config"]["digest"]))
    created = datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")
    config = {
        "created": created,
        "architecture": "amd64",
        "os": "linux",
        "rootfs": old["rootfs"],
        "config": {"Entrypoint": list(ENTRYPOINT), "Env": list(ENVIRONMENT), "Labels": LABELS, "WorkingDir": "/"},
        "history": [{"created": created, "comment": "bulkhead image build --profile oci"}],
    }
    for digest in (manifest["config"]["digest"], index["manifests"][0]["digest"]):
        blob(layout, digest).unlink()
    manifest["config"] = {"mediaType": CONFIG_TYPE, **store(layout, config)}
    described = {"mediaType": MANIFEST_TYPE, **store(layout, manifest)}
    index["manifests"] = [{**described, "platform": {"architecture": "amd64", "os": "linux"}}]
    (layout / "index.json").write_text(json.dumps(index, sort_keys=True))
    return str(described["digest"])


def load(path: Path) -> dict[str, Any]:
    """A JSON object of the layout.

    Raises:
        ImageError: it is missing or no object.
    """
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise ImageError(f"{path}: an object was expected")
    return document


def blob(layout: Path, digest: str) -> Path:
    """Where a blob lies.

    Raises:
        ImageError: the digest is not a SHA-256.
    """
    kind, _, value = digest.partition(":")
    if kind != "sha256" or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ImageError(f"{layout}: digest {digest!r} is not sha256:…")
    return layout / "blobs" / "sha256" / value


def store(layout: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Writes a JSON blob; returns its digest and size for a descriptor."""
    data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    blob(layout, digest).write_bytes(data)
    return {"digest": digest, "size": len(data)}


def inspect(layout: Path) -> dict[str, Any]:
    """The image's configuration, with every blob's digest and size checked.

    Raises:
        ImageError: a blob is missing or not what its descriptor says.
    """
    index = load(layout / "index.json")
    descriptors = list(index["manifests"])
    manifest = load(blob(layout, descriptors[0]["digest"]))
    descriptors += [manifest["config"], *manifest["layers"]]
    for entry in descriptors:
        path = blob(layout, entry["digest"])
        if (
            not path.is_file()
            or path.stat().st_size != entry["size"]
            or f"sha256:{builder.sha256(path)}" != entry["digest"]
        ):
            raise ImageError(f"{path}: missing, or not the {entry['size']} bytes that its descriptor names")
    return load(blob(layout, manifest["config"]["digest"]))
