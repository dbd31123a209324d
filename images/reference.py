"""Makes the signed reference-value set of a built image; versions only ever go up."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.errors import AttestationError
from attestation.reference import (
    Package,
    Provenance,
    ReferenceExtend,
    ReferenceRegister,
    ReferenceValues,
    sign,
    verify,
)
from images import firmware, packages
from images.build import Artefact
from images.errors import ImageError
from images.measure.predict import predict
from images.measure.register import Register
from images.workspace import Workspace

LIFETIME = timedelta(days=180)
"""An image older than this lacks half a year of security fixes."""
SUFFIX = ".reference.json"


def directory(workspace: Workspace) -> Path:
    """Where the signed sets are kept, one file per image and version."""
    return workspace.root / "reference"


def signing_key(workspace: Workspace) -> ec.EllipticCurvePrivateKey:
    """The key that signs reference values, made on first use; not the one that signs images: different powers.

    Raises:
        ImageError: the file is not an EC key.
    """
    path = workspace.keys / "reference" / "signing.key"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = ec.generate_private_key(ec.SECP256R1())
        encoded = fresh.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.touch(mode=0o600)
        path.write_bytes(encoded)
        public = fresh.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        path.with_suffix(".pub").write_bytes(public)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ImageError(f"{path} holds a {type(key).__name__}, an EC key was expected: move it away to have one made")
    return key


def public_key_file(workspace: Workspace) -> Path:
    """The public half of `signing_key`, PEM.

    Raises:
        ImageError: the key is not usable.
    """
    signing_key(workspace)
    return workspace.keys / "reference" / "signing.pub"


def sets(workspace: Workspace, image: str) -> list[Path]:
    """The signed sets of an image, lowest version first."""
    found = directory(workspace).glob(f"{image}.*{SUFFIX}")
    return sorted(found, key=lambda path: int(path.name.removesuffix(SUFFIX).rsplit(".", 1)[1]))


def latest(workspace: Workspace, image: str, *, now: datetime | None = None) -> ReferenceValues:
    """The newest set, checked.

    Raises:
        ImageError: there is none, or it does not verify.
    """
    found = sets(workspace, image)
    if not found:
        raise ImageError(f"no reference values for {image}: run `bulkhead image measure` first")
    try:
        return verify(found[-1].read_bytes(), (signing_key(workspace).public_key(),), now=now)
    except AttestationError as error:
        raise ImageError(f"{found[-1]}: {error}") from error


def publish(workspace: Workspace, artefact: Artefact, *, now: datetime | None = None) -> tuple[ReferenceValues, Path]:
    """Writes a new version, unless the newest set in force says just this of this very artefact.

    Raises:
        ImageError: an earlier set does not verify, so the next version is not known.
    """
    moment = (now or datetime.now(UTC)).replace(microsecond=0)
    image = f"bulkhead-{artefact.profile}"
    earlier = sets(workspace, image)
    version = 1
    if earlier:
        version = int(earlier[-1].name.removesuffix(SUFFIX).rsplit(".", 1)[1]) + 1
        current = unexpired(workspace, earlier[-1], moment)
        same = current is not None and current.artefact == hashes(artefact)
        # What was pinned once stays reviewed when the lock moves on; what was not may be pinned by now.
        said = current.provenance.differs_from_lock if current is not None else ()
        if current is not None and same and (not said or said == unpinned(artefact)):
            return current, earlier[-1]
    values = describe(workspace, artefact, version, moment)
    path = directory(workspace) / f"{image}.{version}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sign(values, signing_key(workspace)))
    path.with_name(f"{image}.{version}.sbom.json").write_text(json.dumps(sbom(values), indent=1) + "\n")
    return values, path


def unexpired(workspace: Workspace, path: Path, now: datetime) -> ReferenceValues | None:
    """A set that is in force at `now`, or None."""
    try:
        return verify(path.read_bytes(), (signing_key(workspace).public_key(),), now=now)
    except AttestationError:
        return None


def unpinned(artefact: Artefact) -> tuple[str, ...]:
    """One sentence per package of the image that is not as the lock pins it now.

    Raises:
        ImageError: the build did not say what it holds, or the lock is not readable.
    """
    return packages.drift(artefact.profile, packages.read_contents(artefact.directory))


def hashes(artefact: Artefact) -> dict[str, str]:
    """What identifies the artefact."""
    names = ("root_hash", "uki_sha256", "root_sha256", "disk_sha256")
    return {name: str(getattr(artefact, name)) for name in names}


def describe(workspace: Workspace, artefact: Artefact, version: int, now: datetime) -> ReferenceValues:
    """The unsigned document.

    Raises:
        ImageError: the artefact's files are not readable.
    """
    registers = predict(artefact.path("uki").read_bytes(), firmware.enrolled(workspace))
    return ReferenceValues(
        image=f"bulkhead-{artefact.profile}",
        version=version,
        created=now,
        expires=now + LIFETIME,
        secure_boot=True,
        registers={register.index: as_reference(register) for register in registers},
        artefact=hashes(artefact),
        provenance=Provenance(
            source=artefact.source,
            source_date_epoch=artefact.source_date_epoch,
            builder={"mkosi": artefact.mkosi},
            lock_sha256=artefact.lock_sha256,
            differs_from_lock=unpinned(artefact),
            compared_lock_sha256=packages.lock_sha256(),
        ),
        packages=tuple(contents(artefact)),
    )


def as_reference(register: Register) -> ReferenceRegister:
    """A predicted register as it stands in the document."""
    return ReferenceRegister(
        sha256=register.value("sha256"),
        sha384=register.value("sha384"),
        extends=tuple(
            ReferenceExtend(what=extend.what, sha256=extend.digest("sha256"), sha384=extend.digest("sha384"))
            for extend in register.extends
        ),
    )


def contents(artefact: Artefact) -> Iterable[Package]:
    """Every Debian package and Python wheel in the image, as its build counted them."""
    built = packages.read_contents(artefact.directory)
    for part in ("initrd", "node"):
        for name, version in sorted(built[part].items()):
            purl = f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-13"
            yield Package(name=name, version=version, part="initrd" if part == "initrd" else "node", purl=purl)
    for name, version in sorted(built[packages.WHEELS].items()):
        yield Package(name=name, version=version, part="python", purl=f"pkg:pypi/{name}@{version}")


def sbom(values: ReferenceValues) -> dict[str, object]:
    """A CycloneDX 1.6 bill of materials."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": values.version,
        "metadata": {
            "timestamp": values.created.isoformat(),
            "component": {
                "type": "operating-system",
                "name": values.image,
                "version": str(values.version),
                "hashes": [{"alg": "SHA-256", "content": values.artefact["disk_sha256"]}],
            },
        },
        "components": [
            {"type": "library", "name": p.name, "version": p.version, "purl": p.purl, "group": p.part}
            for p in values.packages
        ],
    }
