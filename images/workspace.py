"""Where the image's inputs and outputs lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
"""Root of the source tree that this package belongs to."""
PROFILES = ("cpu", "gpu", "oci")


@dataclass(frozen=True)
class Workspace:
    """Directories under `.bulkhead/images`: all of it can be deleted, all of it is made again.

    Args:
        root: the directory; its parents are made when something is written.
    """

    root: Path = CHECKOUT / ".bulkhead" / "images"

    @property
    def tools(self) -> Path:
        """The Debian 13 tree that holds mkosi and its helpers."""
        return self.root / "tools"

    @property
    def debs(self) -> Path:
        """Packages that debootstrap fetched for the tools tree."""
        return self.root / "debs"

    @property
    def package_cache(self) -> Path:
        """Packages and index files that mkosi fetched for the image."""
        return self.root / "packages"

    @property
    def tree_cache(self) -> Path:
        """Trees of installed packages, so that a second build installs nothing."""
        return self.root / "trees"

    @property
    def wheels(self) -> Path:
        """Python wheels that replace older Debian packages inside the image."""
        return self.root / "wheels"

    @property
    def keys(self) -> Path:
        """Secure Boot and reference-value signing keys of this checkout."""
        return self.root / "keys"

    @property
    def sandbox(self) -> Path:
        """Configuration of apt for mkosi: sources, pins, proxy."""
        return self.root / "sandbox"

    def output(self, profile: str) -> Path:
        """Where a profile's artefacts are put."""
        return self.root / "out" / profile

    def payload(self, profile: str) -> Path:
        """What is laid over the image besides packages: our code and wheels."""
        return self.root / "payload" / profile

    @property
    def scratch(self) -> Path:
        """Working directory of builds and boots."""
        return self.root / "scratch"
