"""Which Debian mirror to use: the one this machine already uses, if it is a Debian machine."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from images.errors import ImageError

RELEASE = "trixie"
NVIDIA = "https://developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64"
NVIDIA_KEYRING = Path(__file__).with_name("mkosi") / "nvidia.asc"
NAMES = ("debian", "debian-security")
SNAPSHOT = r"(?:/[0-9]{8}T[0-9]{6}Z)?"
"""What follows an archive's name in the URI of its snapshot: the time, in UTC."""
FROZEN = "Check-Valid-Until: no\n"
"""A snapshot's index is past its validity by intention; its signature is checked all the same."""
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class Mirror:
    """A mirror of the Debian archive and of its security archive (URIs), and apt's proxy settings."""

    archive: str
    security: str
    proxy: tuple[tuple[str, str], ...] = ()

    def sources(self) -> str:
        """deb822 sources of the image's release. The debug archive is left out: mirrors rarely carry it."""
        entries = ((self.archive, f"{RELEASE} {RELEASE}-updates"), (self.security, f"{RELEASE}-security"))
        return "\n".join(
            f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main contrib non-free non-free-firmware\n"
            f"Signed-By: {KEYRING}\n{'' if uri.endswith(NAMES) else FROZEN}"
            for uri, suites in entries
        )

    def apt_configuration(self) -> str:
        """The proxy settings as apt reads them; empty without a proxy."""
        return "".join(f'{name} "{value}";\n' for name, value in self.proxy)


def nvidia_sources() -> str:
    """NVIDIA's own repository, for drivers newer than Debian's.

    Raises:
        ImageError: the repository's key is not beside the configuration.
    """
    if not NVIDIA_KEYRING.is_file():
        raise ImageError(f"{NVIDIA_KEYRING} is missing: put the key of {NVIDIA} there, checked by its fingerprint")
    key = "".join(f" {line or '.'}\n" for line in NVIDIA_KEYRING.read_text().splitlines())
    return f"\nTypes: deb\nURIs: {NVIDIA}\nSuites: ./\nSigned-By:\n{key}"


def uris(text: str) -> Iterator[str]:
    """The archive URIs in a sources file, deb822 or one-line."""
    for line in text.splitlines():
        if match := re.match(r"URIs:\s*(.+)", line, re.IGNORECASE):
            yield from match[1].split()
        elif match := re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)", line):
            yield match[1]


def find(apt: Path = Path("/etc/apt")) -> Mirror:
    """The mirror in this machine's apt configuration.

    Raises:
        ImageError: it names no Debian archive, or none with security updates.
    """
    files = [
        apt / "sources.list",
        *sorted(apt.glob("sources.list.d/*.list")),
        *sorted(apt.glob("sources.list.d/*.sources")),
    ]
    found = [uri.rstrip("/") for file in files if file.is_file() for uri in uris(file.read_text())]
    archive, security = (next((uri for uri in found if re.search(f"/{name}{SNAPSHOT}$", uri)), None) for name in NAMES)
    if archive is None or security is None:
        missing = "archive" if archive is None else "security archive"
        way_out = "add a source whose URI ends in /debian or /debian-security, or in the time of a snapshot of it"
        raise ImageError(f"{apt}: names no Debian {missing}: {way_out}")
    return Mirror(archive, security, proxy())


def proxy() -> tuple[tuple[str, str], ...]:
    """Proxy settings on this machine as (name, value); empty when apt is not installed."""
    try:
        done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ()
    return tuple(re.findall(r'^(Acquire::https?::Proxy\S*) "([^"]+)";$', done.stdout, re.MULTILINE))
