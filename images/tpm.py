"""A software TPM for one machine: manufactured with an attestation key, then run beside the machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from images.errors import ImageError
from images.guest.evidence import AK_HANDLE

START_PATIENCE = 60.0
BANKS = "sha256,sha384"


def program(name: str) -> str:
    """The path of a program.

    Raises:
        ImageError: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise ImageError(f"{name} is not installed: scripts/setup installs what images/apt-packages.txt lists")
    return found


def tethered(command: list[str]) -> list[str]:
    """The command, killed when the process that starts it ends in whatever way: no machine outlives its owner.

    Raises:
        ImageError: setpriv (util-linux) is not installed.
    """
    return [program("setpriv"), "--pdeathsig", "KILL", *command]


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Runs one tool.

    Raises:
        ImageError: it failed.
    """
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}
    )
    if done.returncode != 0:
        raise ImageError(f"{command[0]} ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-500:]}")


def manufacture(directory: Path, setup: Sequence[str] = ()) -> Path:
    """Makes a TPM with both banks active and a restricted attestation key at `AK_HANDLE`.

    `setup` is told to `swtpm_setup` besides: `images.endorsement` has a certificate made with it.
    Returns the file with the key's TPM2B_PUBLIC. Whoever made the machine knows from here which key it attests with:
    this is the part that the hypervisor plays for EC2's NitroTPM and Google's vTPM.

    Raises:
        ImageError: a tool is missing or failed.
    """
    state = directory / "tpm"
    public = directory / "ak.pub"
    if public.is_file():
        return public
    state.mkdir(parents=True, exist_ok=True)
    run([program("swtpm_setup"), "--tpm2", "--tpmstate", str(state), "--pcr-banks", BANKS, "--overwrite", *setup])
    with running(state, tcti=True) as socket, tempfile.TemporaryDirectory() as scratch:
        access = {"TPM2TOOLS_TCTI": f"swtpm:path={socket}"}
        endorsement, key = f"{scratch}/ek.ctx", f"{scratch}/ak.ctx"
        run([program("tpm2_startup"), "-c"], access)
        # The template of RSA endorsement keys gives the same key again that a certificate was made for.
        run([program("tpm2_createek"), "-c", endorsement, "-G", "rsa" if setup else "ecc", "-Q"], access)
        attesting = ["-C", endorsement, "-c", key, "-G", "ecc", "-g", "sha256", "-s", "ecdsa", "-u", str(public), "-Q"]
        run([program("tpm2_createak"), *attesting], access)
        run([program("tpm2_flushcontext"), "-t"], access)
        run([program("tpm2_evictcontrol"), "-C", "o", "-c", key, AK_HANDLE, "-Q"], access)
        run([program("tpm2_shutdown"), "-c"], access)
    return public


@contextlib.contextmanager
def running(state: Path, *, tcti: bool = False) -> Iterator[Path]:
    """Runs a TPM over its state; yields the socket: QEMU's control channel or, with `tcti`, the command channel.

    Raises:
        ImageError: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="bh-tpm-") as short:
        control, data = Path(short) / "ctrl", Path(short) / "data"
        command = [program("swtpm"), "socket", "--tpm2", "--tpmstate", f"dir={state.resolve()}"]
        command += ["--ctrl", f"type=unixio,path={data}.ctrl" if tcti else f"type=unixio,path={control}"]
        if tcti:
            command += ["--server", f"type=unixio,path={data}"]
        command += ["--flags", "not-need-init" if tcti else "startup-clear"]
        process = subprocess.Popen(tethered(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        socket = data if tcti else control
        try:
            deadline = time.monotonic() + START_PATIENCE
            while not socket.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise ImageError(f"swtpm did not start: {process.stderr.read() if process.stderr else ''}")
                time.sleep(0.02)
            yield socket
        finally:
            process.terminate()
            process.wait()
            if process.stderr:
                process.stderr.close()
