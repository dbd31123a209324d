"""Checks the image's configuration: what must be there, what must not, and how exposed its units are."""

from __future__ import annotations

import configparser
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from images import tpm
from images.build import MKOSI
from images.errors import ImageError
from images.guest.gpu import MINIMUM_DRIVER
from images.packages import read_lock
from images.tools import names

UNITS = MKOSI / "node" / "mkosi.extra" / "usr" / "lib" / "systemd" / "system"
WORKER_LIMIT = 1.0
AGENT_LIMIT = 2.5
"""The agent needs the TPM, the network and its credentials; the worker needs a socket."""
COMMAND_LINE = (
    "ro",
    "systemd.verity_root_options=panic-on-corruption",
    "panic=-1",
    "lockdown=confidentiality",
    "module.sig_enforce=1",
    "systemd.import_credentials=no",
    "systemd.swap=no",
    "noresume",
)
FORBIDDEN_WORDS = re.compile(r"^(systemd\.debug_shell|rd\.shell|init=|single|rescue|emergency|console=tty0)")
FORBIDDEN_PACKAGES = Path(__file__).with_name("forbidden-packages.txt")


def read(path: Path) -> configparser.ConfigParser:
    """An mkosi or repart file.

    Raises:
        ImageError: it is missing or not in that format.
    """
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        with path.open() as file:
            parser.read_file(file)
    except (OSError, configparser.Error) as error:
        raise ImageError(f"{path}: {error}") from error
    return parser


def words(path: Path, section: str, name: str) -> list[str]:
    """A list setting's words; empty when it is not set."""
    return (read(path).get(section, name, fallback="") or "").split()


def check(profile: str) -> list[str]:
    """Everything that is not as it must be, one sentence each.

    Raises:
        ImageError: a file or a tool is missing.
    """
    tree = MKOSI / "node"
    findings = list(packages(tree, profile))
    findings += exposure(UNITS / "bulkhead-worker.service", WORKER_LIMIT)
    findings += exposure(UNITS / "bulkhead-agent.service", AGENT_LIMIT)
    if profile != "oci":
        findings += command_line(words(tree / "disk.conf", "Content", "KernelCommandLine"))
        findings += partitions(tree / "mkosi.repart")
        findings += signing(tree / "disk.conf")
    return findings


def command_line(given: list[str]) -> Iterator[str]:
    """Words that are missing from the kernel command line, and words that must not be there."""
    yield from (f"kernel command line lacks {word}" for word in COMMAND_LINE if word not in given)
    yield from (f"kernel command line has {word}" for word in given if FORBIDDEN_WORDS.match(word))


def partitions(directory: Path) -> Iterator[str]:
    """Partitions other than the system partition and one verity pair."""
    found = {path.name: read(path)["Partition"] for path in sorted(directory.glob("*.conf"))}
    kinds = sorted(entry.get("Type", "") for entry in found.values())
    if kinds != ["esp", "root", "root-verity"]:
        yield f"partitions are {', '.join(kinds)}; a node has esp, root and root-verity only"
    for name, entry in found.items():
        if entry.get("Type") == "root" and (entry.get("Verity") != "data" or entry.get("Format") != "erofs"):
            yield f"{name}: the root must be erofs under verity"


def signing(path: Path) -> Iterator[str]:
    """Secure Boot and boot loader settings."""
    parser = read(path)
    if parser.get("Validation", "SecureBoot", fallback="no") != "yes":
        yield f"{path.name}: SecureBoot is not on"
    if parser.get("Content", "Bootloader", fallback="") != "uki":
        yield f"{path.name}: the boot loader must be the unified kernel image itself"


def packages(tree: Path, profile: str) -> Iterator[str]:
    """Packages that must not be in an image, asked for or installed; and, for a GPU, the driver."""
    asked = words(tree / "mkosi.conf", "Content", "Packages")
    asked += words(tree / "mkosi.profiles" / profile / "mkosi.conf", "Content", "Packages")
    pinned = read_lock()["profiles"].get(profile, {}).get("node", {})
    for name in sorted((set(asked) | set(pinned)) & set(names(FORBIDDEN_PACKAGES))):
        yield f"package {name} must not be in an image"
    if profile == "gpu":
        built = words(tree / "mkosi.profiles" / profile / "mkosi.conf", "Content", "BuildPackages")
        if "nvidia-kernel-open-dkms" not in built:
            yield "the GPU image must build NVIDIA's open kernel modules: no other supports confidential mode"
        version = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", pinned.get("libcuda1", ""))
        if version and tuple(int(part) for part in version[1].split(".")) < MINIMUM_DRIVER:
            yield f"libcuda1 {version[1]} is older than {'.'.join(map(str, MINIMUM_DRIVER))}"


def exposure(unit: Path, limit: float) -> list[str]:
    """A finding when `systemd-analyze security` judges a unit more exposed than allowed (0 best, 10 worst).

    Raises:
        ImageError: systemd-analyze is missing or says nothing.
    """
    command = [tpm.program("systemd-analyze"), "security", "--offline=yes", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None:
        raise ImageError(
            f"systemd-analyze says nothing about {unit.name}: {(done.stdout + done.stderr).strip()[-300:]}"
        )
    level = float(found[1])
    return [f"{unit.name}: exposure {level}, at most {limit} is allowed"] if level > limit else []
