"""Starting a process node: a software TPM, the measurements, and a machine of the local cloud that has both."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from images import tpm
from images.errors import ImageError
from operations.errors import CommandError
from operations.local import LocalCloud
from operations.nodes.measurement import BANKS, CHECKOUT, Extend, measure
from tenancy.fleet import Fleet
from tenancy.tenant import Tenant

JOB_FILE = "job.json"
ARGUMENTS = ("-m", "trainer.agent", "--job", JOB_FILE)
"""The command line of an ordinary node, after the interpreter. It is measured, so nothing in it may vary."""


@dataclass(frozen=True)
class Chip:
    """A software TPM that was manufactured: its state, and its attestation key (TPM2B_PUBLIC).

    `ek_certificate` is the DER certificate of its endorsement key where its maker certified one.
    """

    folder: Path
    ak_public: bytes
    ek_certificate: bytes | None = None


@dataclass(frozen=True)
class Node:
    """A started node: the machine's id, and the environment in which code that runs on it finds everything."""

    machine: str
    environment: dict[str, str]


def manufacture(folder: Path) -> Chip:
    """A new TPM in `folder`. Raises `CommandError` where a tool is missing."""
    try:
        return Chip(folder, tpm.manufacture(folder).read_bytes())
    except ImageError as error:
        raise CommandError(_words(error)) from error


def launch(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, chip: Chip) -> str:
    """Registers a machine of the tenant with this TPM, as EC2 launches it with the trainer's instance profile."""
    body = {
        "account": tenant.id,
        "role": fleet.names(tenant).role("trainer"),
        "ak_public": base64.b64encode(chip.ak_public).decode(),
        "ek_certificate": base64.b64encode(chip.ek_certificate).decode() if chip.ek_certificate else None,
    }
    return str(cloud.control("machines", body)["machine"])


@contextmanager
def booted(cloud: LocalCloud, tenant: Tenant, chip: Chip, machine: str, extends: Sequence[Extend]) -> Iterator[Node]:
    """Switches the machine on: its TPM starts with clear registers, then makes `extends`. Off again at the end.

    Raises `CommandError` where the TPM does not work.
    """
    network = cloud.network(tenant.id)
    with tempfile.TemporaryDirectory(prefix="bulkhead-tpm-") as folder:
        # A copy: registers do not outlive the machine, and the same TPM may be started many times.
        state = shutil.copytree(chip.folder / "tpm", Path(folder) / "tpm")
        try:
            with tpm.running(state, tcti=True) as socket:
                tcti = {"TPM2TOOLS_TCTI": f"swtpm:path={socket}"}
                tpm.run([tpm.program("tpm2_startup"), "-c"], tcti)
                for entry in extends:
                    digests = ",".join(f"{bank}={entry.digest(bank)}" for bank in BANKS)
                    tpm.run([tpm.program("tpm2_pcrextend"), f"{entry.register}:{digests}"], tcti)
                yield Node(machine, environment(cloud, network, machine) | tcti)
        except ImageError as error:
            raise CommandError(_words(error)) from error


@contextmanager
def started(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, job: bytes, root: Path = CHECKOUT) -> Iterator[Node]:
    """A new node of the tenant that is about to run `job` with the trainer in `root`."""
    from operations.nodes.measurement import JOB  # noqa: PLC0415 - only here

    extends = (*measure(root, ARGUMENTS), Extend(JOB, "the job", job))
    with tempfile.TemporaryDirectory(prefix="bulkhead-node-") as folder:
        chip = manufacture(Path(folder))
        machine = launch(cloud, fleet, tenant, chip)
        with booted(cloud, tenant, chip, machine, extends) as node:
            yield node


def environment(cloud: LocalCloud, network: str, machine: str) -> dict[str, str]:
    """What the node's code reads: no credentials, only where the machine gets them."""
    return {
        "AWS_ENDPOINT_URL": network,
        "AWS_REGION": cloud.region,
        "AWS_DEFAULT_REGION": cloud.region,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{network}/_bulkhead/machines/{machine}/",
        "AWS_METADATA_SERVICE_TIMEOUT": "60",
        "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "3",
        "BULKHEAD_ATTESTATION": f"hosted:{network}",
    }


def _words(error: ImageError) -> str:
    return f"the node's software TPM: {error} (`make setup` installs swtpm and tpm2-tools)"
