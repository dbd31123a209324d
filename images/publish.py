"""The Terraform configuration that registers an image with a cloud. Written and validated here, applied by a person.

What matters to the measurement is in it: UEFI only, TPM 2.0, our Secure Boot keys as the machine's first variables (so
PCR 7 is as predicted), metadata service version 2 only.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from images import firmware, keys, reference
from images.build import Artefact
from images.errors import ImageError
from images.workspace import Workspace

AWS_PROVIDER = ">= 5.100.0, < 7.0.0"
GOOGLE_PROVIDER = ">= 6.0.0, < 8.0.0"
CLOUDS = ("aws", "gcp")
GUEST_FEATURES = ("UEFI_COMPATIBLE", "TDX_CAPABLE", "GVNIC", "VIRTIO_SCSI_MULTIQUEUE")
MAIN = "main.tf.json"
ARCHIVE = "disk.tar.gz"
GIB = 1 << 30


def uefi_data(lists: firmware.EnrolledKeys) -> str:
    """EC2's `UefiData`: the variable store with our keys, in the form that `register-image` takes.

    Raises:
        ImageError: the firmware package, whose empty store is the template, is missing.
    """
    from virt.firmware.varstore import aws, edk2  # noqa: PLC0415 - needed for publishing only

    with tempfile.TemporaryDirectory() as work:
        store = Path(work) / "variables.fd"
        firmware.write_variables(lists, store)
        variables = edk2.Edk2VarStore(str(store)).get_varlist()
        target = Path(work) / "uefi-data"
        aws.AwsVarStore.write_varstore(str(target), variables)
        return target.read_text().strip()


def write(workspace: Workspace, artefact: Artefact, *, cloud: str, bucket: str, region: str, out: Path) -> Path:
    """Writes `main.tf.json`; returns its path.

    Raises:
        ImageError: unknown cloud, or the image was not measured.
    """
    if cloud not in CLOUDS:
        raise ImageError(f"--cloud {cloud}: known are {', '.join(CLOUDS)}")
    values = reference.latest(workspace, f"bulkhead-{artefact.profile}")
    if values.artefact != reference.hashes(artefact):
        raise ImageError(
            f"reference version {values.version} describes another build: run `bulkhead image measure` first"
        )
    if unpinned := values.provenance.differs_from_lock:
        raise ImageError(
            f"the image holds {len(unpinned)} packages that are not as images/packages.lock pins them "
            f"({'; '.join(unpinned[:3])}), so nobody has reviewed them: build with --update-lock, review the change, "
            "commit it, measure again"
        )
    tags = {
        "bulkhead-image": artefact.profile,
        "bulkhead-reference-version": str(values.version),
        "bulkhead-root-hash": artefact.root_hash,
    }
    if cloud == "aws":
        document = aws_document(artefact, uefi_data(firmware.enrolled(workspace)), bucket, region, tags)
    else:
        document = gcp_document(artefact, secure_boot_state(workspace), bucket, region, tags)
    path = out / cloud / MAIN
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def aws_document(artefact: Artefact, uefi: str, bucket: str, region: str, tags: dict[str, str]) -> dict[str, Any]:
    """Upload, snapshot import, AMI. The import needs EC2's `vmimport` role in the account that publishes."""
    name = f"bulkhead-{artefact.profile}-{artefact.root_hash[:16]}"
    device = "/dev/xvda"
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": AWS_PROVIDER}}},
        "provider": {"aws": {"region": region}},
        "resource": {
            "aws_s3_object": {
                "disk": {
                    "bucket": bucket,
                    "key": f"{name}.raw",
                    "source": str(artefact.path("disk").resolve()),
                    "checksum_algorithm": "SHA256",
                    "server_side_encryption": "aws:kms",
                    "tags": tags,
                }
            },
            "aws_ebs_snapshot_import": {
                "root": {
                    "description": name,
                    "encrypted": True,
                    "role_name": "vmimport",
                    "disk_container": {
                        "format": "RAW",
                        "user_bucket": {"s3_bucket": bucket, "s3_key": "${aws_s3_object.disk.key}"},
                    },
                    "tags": tags,
                }
            },
            "aws_ami": {
                "node": {
                    "name": name,
                    "architecture": "x86_64",
                    "virtualization_type": "hvm",
                    "boot_mode": "uefi",
                    "tpm_support": "v2.0",
                    "uefi_data": uefi,
                    "imds_support": "v2.0",
                    "ena_support": True,
                    "sriov_net_support": "simple",
                    "root_device_name": device,
                    "ebs_block_device": {
                        "device_name": device,
                        "snapshot_id": "${aws_ebs_snapshot_import.root.id}",
                        "volume_type": "gp3",
                        "delete_on_termination": True,
                    },
                    "tags": tags,
                }
            },
        },
        "output": {"image_id": {"value": "${aws_ami.node.id}"}},
    }


def secure_boot_state(workspace: Workspace) -> dict[str, Any]:
    """`shielded_instance_initial_state`: our certificates as the machine's first Secure Boot variables."""

    def entry(role: str) -> dict[str, str]:
        certificate = x509.load_pem_x509_certificate(keys.certificate(workspace, role).read_bytes())
        return {"content": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(), "file_type": "X509"}

    return {"pk": entry("PK"), "keks": [entry("KEK")], "dbs": [entry("db")]}


def gcp_document(
    artefact: Artefact, state: dict[str, Any], bucket: str, project: str, tags: dict[str, str]
) -> dict[str, Any]:
    """Upload of the packed disk and the image made from it."""
    name = f"bulkhead-{artefact.profile}-{artefact.root_hash[:16]}"
    archive = artefact.directory / ARCHIVE
    return {
        "terraform": {"required_providers": {"google": {"source": "hashicorp/google", "version": GOOGLE_PROVIDER}}},
        "provider": {"google": {"project": project}},
        "resource": {
            "google_storage_bucket_object": {
                "disk": {"bucket": bucket, "name": f"{name}.tar.gz", "source": str(archive.resolve())}
            },
            "google_compute_image": {
                "node": {
                    "name": name,
                    "raw_disk": {
                        "source": f"https://storage.googleapis.com/{bucket}/${{google_storage_bucket_object.disk.name}}"
                    },
                    "guest_os_features": [{"type": feature} for feature in GUEST_FEATURES],
                    "shielded_instance_initial_state": state,
                    "labels": {label: value[:63].lower() for label, value in tags.items()},
                }
            },
        },
        "output": {"image": {"value": "${google_compute_image.node.self_link}"}},
    }


def pack(artefact: Artefact, *, level: int = 6) -> Path:
    """The archive that Compute Engine imports: `disk.raw`, padded to whole GiB, in a gzip-compressed GNU tar."""
    disk, target = artefact.path("disk"), artefact.directory / ARCHIVE
    size = -(-disk.stat().st_size // GIB) * GIB
    member = tarfile.TarInfo("disk.raw")
    member.size, member.mtime = size, artefact.source_date_epoch
    with (
        disk.open("rb") as content,
        target.open("wb") as out,
        gzip.GzipFile("", "wb", level, out, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        archive.addfile(member, Padded(content, size))
    return target


class Padded(io.RawIOBase):
    """A file followed by zeros up to a size."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self._file, self._left = file, size

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes; zeros once the file has ended."""
        wanted = self._left if count < 0 else min(count, self._left)
        data = self._file.read(wanted)
        data += bytes(wanted - len(data))
        self._left -= wanted
        return data


def validate(directory: Path, program: Path, configuration: Path) -> None:
    """Runs `terraform init` and `validate` with the providers at hand.

    Args:
        directory: where `main.tf.json` lies.
        program: Terraform or OpenTofu.
        configuration: the CLI configuration that says where providers are.

    Raises:
        ImageError: the configuration is wrong, or a provider is not at hand, so that nothing can be claimed.
    """
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": str(configuration), "CHECKPOINT_DISABLE": "1", "TF_INPUT": "0"}
    for arguments in (["init", "-backend=false"], ["validate"]):
        command = [str(program), *arguments, "-no-color"]
        done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())
            raise ImageError(f"{program.name} {arguments[0]} in {directory}, which was written: {said[:700]}")
