"""Start, stop and look at the local cloud's process from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from localcloud.errors import LocalCloudError
from localcloud.places import Places

_PATIENCE_SECONDS = 60.0


def status(places: Places) -> dict[str, Any]:
    """What the running process says of itself, or `{"running": False}`."""
    try:
        found: dict[str, Any] = json.loads(places.status.read_text())
    except FileNotFoundError:
        return {"running": False}
    except json.JSONDecodeError as error:
        raise LocalCloudError(
            f"{places.status}: not JSON ({error}); remove the file and run `bulkhead local up`"
        ) from error
    if not is_ours(int(found["pid"]), places):
        return {"running": False}
    return found


def is_ours(pid: int, places: Places) -> bool:
    """Whether `pid` is a local cloud that runs on this directory: a recycled process id is not."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return False
    return b"localcloud" in words and str(places.root.resolve()).encode() in words


def up(places: Places, email: str, region: str) -> dict[str, Any]:
    """Start the local cloud unless it runs, and wait until it answers; its status.

    Raises:
        LocalCloudError: it did not come up; the message ends with what it wrote last.
    """
    found = status(places)
    if found["running"] and _answers(found["endpoint"]):
        return found
    places.make()
    root = str(places.root.resolve())
    with places.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "localcloud", root, email, region],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=Path(__file__).resolve().parent.parent,
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        )
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = status(places)
        if found["running"] and found["pid"] == process.pid and _answers(found["endpoint"]):
            return found
        if process.poll() is not None:
            raise LocalCloudError(
                f"The local cloud stopped while starting (exit {process.returncode}).\n{_last_words(places)}"
            )
        time.sleep(0.05)
    process.terminate()
    raise LocalCloudError(f"The local cloud did not answer within {_PATIENCE_SECONDS:.0f} s.\n{_last_words(places)}")


def down(places: Places) -> bool:
    """Stop the local cloud; whether it was running. Its state stays.

    Raises:
        LocalCloudError: it does not end.
    """
    found = status(places)
    if not found["running"]:
        return False
    pid = int(found["pid"])
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while is_ours(pid, places):
        if time.monotonic() > deadline:
            raise LocalCloudError(
                f"The local cloud (process {pid}) does not end; end it with `kill -9 {pid}`, its state is safe"
            )
        time.sleep(0.05)
    return True


def _answers(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(endpoint + "/", timeout=5):  # noqa: S310 - our own loopback address
            return True
    except urllib.error.HTTPError:
        # A refusal is an answer: an unsigned request is denied.
        return True
    except (urllib.error.URLError, OSError):
        return False


def _last_words(places: Places) -> str:
    lines = places.log.read_text(errors="replace").splitlines()[-8:] if places.log.exists() else []
    return f"Last lines of {places.log}:\n" + "\n".join(lines)


def environment(found: dict[str, Any], account: str) -> dict[str, str]:
    """The variables that point an AWS client at `account` of a running local cloud.

    Raises:
        LocalCloudError: it does not run, or has no such account.
    """
    if not found["running"]:
        raise LocalCloudError("The local cloud does not run; start it with `bulkhead local up`")
    accounts = found["accounts"]
    if account not in accounts:
        raise LocalCloudError(f"The local cloud has no account {account!r}; it has {', '.join(sorted(accounts))}")
    key = accounts[account]
    return {
        "AWS_ENDPOINT_URL": found["endpoint"],
        "AWS_ACCESS_KEY_ID": key["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
        "AWS_REGION": found["region"],
        "AWS_DEFAULT_REGION": found["region"],
    }
