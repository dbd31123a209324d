"""Load, start, stop and look at the Google Cloud half from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud.errors import LocalCloudError
from localcloud.gcp.places import GcpPlaces

_PATIENCE_SECONDS = 60.0


def status(places: GcpPlaces) -> dict[str, Any]:
    """What the running process says of itself, or `{"running": False}`."""
    try:
        found: dict[str, Any] = json.loads(places.status.read_text())
    except FileNotFoundError:
        return {"running": False}
    except json.JSONDecodeError as error:
        raise LocalCloudError(
            f"{places.status}: not JSON ({error}); remove the file and load the stacks again"
        ) from error
    return found if _is_ours(int(found["pid"]), places) else {"running": False}


def load(places: GcpPlaces, stacks: Mapping[str, Path], organisation: str, deployer: str) -> dict[str, Any]:
    """Takes synthesised stacks for what is deployed, and (re)starts the process on them; its status.

    `stacks` are `cdk.tf.json` files by stack's name. Keys and objects of an earlier load stay. What is loaded already
    is left running.

    Raises:
        LocalCloudError: the process does not come up on them; the message ends with what it wrote last.
    """
    places.make()
    wanted = {name: path.read_bytes() for name, path in stacks.items()}
    held = {path.name.removesuffix(".tf.json"): path.read_bytes() for path in places.stacks.glob("*.tf.json")}
    described = json.dumps({"organisation": organisation, "deployer": deployer, "stacks": sorted(stacks)}, indent=1)
    same = wanted == held and places.deployed.exists() and places.deployed.read_text(encoding="utf-8") == described
    now = status(places)
    if same and now["running"] and _answers(str(now["endpoint"])):
        return now
    down(places)
    shutil.rmtree(places.stacks)
    places.make()
    for name, content in wanted.items():
        (places.stacks / f"{name}.tf.json").write_bytes(content)
    places.deployed.write_text(described, encoding="utf-8")
    return up(places)


def up(places: GcpPlaces) -> dict[str, Any]:
    """Starts the process on what was loaded before, unless it runs; its status. Raises `LocalCloudError`."""
    now = status(places)
    if now["running"]:
        return now
    if not places.deployed.exists():
        raise LocalCloudError("nothing of Google Cloud was loaded; run `bulkhead local gcp load`")
    root = str(places.root.resolve())
    with places.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "localcloud.gcp", root],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=Path(__file__).resolve().parent.parent.parent,
            env={name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GOOGLE_"))},
        )
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        now = status(places)
        if now["running"] and now["pid"] == process.pid and _answers(str(now["endpoint"])):
            return now
        if process.poll() is not None:
            raise LocalCloudError(f"The Google Cloud half stopped while starting.\n{_last_words(places)}")
        time.sleep(0.05)
    process.terminate()
    raise LocalCloudError(f"The Google Cloud half did not answer in {_PATIENCE_SECONDS:.0f} s.\n{_last_words(places)}")


def down(places: GcpPlaces) -> bool:
    """Stops the process; whether it was running. Keys, objects and the loaded stacks stay."""
    found = status(places)
    if not found["running"]:
        return False
    pid = int(found["pid"])
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while _is_ours(pid, places):
        if time.monotonic() > deadline:
            raise LocalCloudError(f"The Google Cloud half (process {pid}) does not end; end it with `kill -9 {pid}`")
        time.sleep(0.05)
    return True


def _is_ours(pid: int, places: GcpPlaces) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return b"localcloud.gcp" in words and str(places.root.resolve()).encode() in words


def _answers(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/.well-known/jwks.json", timeout=5):  # noqa: S310 - our own loopback
            return True
    except (urllib.error.URLError, OSError):
        return False


def _last_words(places: GcpPlaces) -> str:
    lines = places.log.read_text(errors="replace").splitlines()[-8:] if places.log.exists() else []
    return f"Last lines of {places.log}:\n" + "\n".join(lines)
