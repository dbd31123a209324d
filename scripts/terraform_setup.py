"""Finds Terraform or OpenTofu and the providers on this machine, and writes down where they are.

Writes `.bulkhead/terraform.json` (`{"program", "version", "config"}`) and `.bulkhead/terraform.rc`, a CLI configuration
that names a filesystem mirror of providers where the machine has one, so that an air-gapped machine needs no registry.
If neither program is on PATH, downloads a pinned OpenTofu release and checks its SHA-256.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".bulkhead"

TOFU_VERSION = "1.12.6"
TOFU_SHA256 = {
    "amd64": "5dc43da4f750f33873dc25e94587128709e819e544b7be9016b255316153c3a8",
    "arm64": "e573979ba68a17fe7b881752051a694a7efcd970e39521f6a25775197861ed4d",
}
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}

REGISTRIES = ("registry.terraform.io", "registry.opentofu.org")
PROVIDER = Path("hashicorp") / "aws"


def mirror_roots() -> list[Path]:
    """Folders that may hold an unpacked mirror: Terraform's implied directories first, then the usual roots."""
    home = Path.home()
    data_dirs = os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":")
    roots = [ROOT / "terraform.d" / "plugins", home / ".terraform.d" / "plugins"]
    roots += [home / ".local" / "share" / "terraform" / "plugins"]
    roots += [Path(folder) / "terraform" / "plugins" for folder in data_dirs if folder]
    for parent in (Path("/opt"), Path("/usr/local/share"), Path("/srv")):
        roots += sorted(path for path in parent.glob("*") if path.is_dir())
        roots += sorted(path for path in parent.glob("*/*") if path.is_dir())
    return roots


def find_mirrors() -> list[tuple[Path, str]]:
    """Mirrors with the AWS provider for this machine: `(folder, registry host)`."""
    system = f"linux_{ARCHITECTURE.get(platform.machine(), platform.machine())}"
    return [
        (root, registry)
        for root in mirror_roots()
        for registry in REGISTRIES
        if any((root / registry / PROVIDER).glob(f"*/{system}"))
    ]


def configuration(mirrors: list[tuple[Path, str]]) -> str:
    """A Terraform CLI configuration: the mirrors first, a registry for what they do not hold."""
    lines = ["# Written by scripts/setup.", "disable_checkpoint = true"]
    if mirrors:
        lines.append("provider_installation {")
        for root, registry in mirrors:
            include = f'["{registry}/*/*"]'
            lines.append(f'  filesystem_mirror {{\n    path    = "{root}"\n    include = {include}\n  }}')
        held = ", ".join(f'"{registry}/{PROVIDER.as_posix()}"' for registry in sorted({host for _, host in mirrors}))
        lines.append(f"  direct {{\n    exclude = [{held}]\n  }}")
        lines.append("}")
    return "\n".join(lines) + "\n"


def download_tofu() -> Path:
    """The pinned OpenTofu under `.bulkhead/tools`. Ends the program with one sentence where it cannot be had."""
    tool = STATE / "tools" / "tofu"
    if tool.exists():
        return tool
    architecture = ARCHITECTURE.get(platform.machine())
    if architecture is None:
        sys.exit(f"set-up: neither terraform nor tofu is on PATH, and no release is pinned for {platform.machine()}")
    address = (
        f"https://github.com/opentofu/opentofu/releases/download/v{TOFU_VERSION}/"
        f"tofu_{TOFU_VERSION}_linux_{architecture}.zip"
    )
    print(f"set-up: downloading OpenTofu {TOFU_VERSION}", file=sys.stderr)
    try:
        with urllib.request.urlopen(address, timeout=120) as reply:
            content = reply.read()
    except (urllib.error.URLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        sys.exit(f"set-up: install Terraform >= 1.10 or OpenTofu >= 1.10 and run it again (no download: {reason})")
    found = hashlib.sha256(content).hexdigest()
    if found != TOFU_SHA256[architecture]:
        sys.exit(f"set-up: {address} has SHA-256 {found}, expected {TOFU_SHA256[architecture]}; nothing was installed")
    tool.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        partial = tool.with_suffix(".partial")
        partial.write_bytes(archive.read("tofu"))
    partial.chmod(partial.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    partial.rename(tool)
    return tool


def main() -> None:
    """Writes `.bulkhead/terraform.rc` and `.bulkhead/terraform.json`."""
    STATE.mkdir(exist_ok=True)
    found = shutil.which("terraform") or shutil.which("tofu")
    program = Path(found) if found else download_tofu()
    config = STATE / "terraform.rc"
    config.write_text(configuration(find_mirrors()), encoding="utf-8")
    environment = os.environ | {"TF_CLI_CONFIG_FILE": str(config), "CHECKPOINT_DISABLE": "1"}
    version = subprocess.run([program, "version", "-json"], env=environment, capture_output=True, text=True, check=True)
    described = {"program": str(program), "version": json.loads(version.stdout)["terraform_version"]}
    described["config"] = str(config)
    (STATE / "terraform.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
