"""Boots an image in QEMU with Secure Boot and a software TPM, asks it for evidence, and notes when what happened."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from images import firmware, tpm
from images.errors import ImageError
from images.guest.assignment import Assignment

MEMORY_MIB = 2048
CPUS = 2
CLOUD = "10.0.2.100:443"
"""The one address that a machine with a network can reach."""
LIMIT = 900.0
"""Seconds after which a machine is stopped."""
LONGEST_LINE = 8 << 20
GLANCE = 2.0
"""Seconds between two looks at the console while the node is silent."""
CRASHED = "not syncing: Fatal exception"
"""What a Linux kernel says when a processor's exception stops it (`kernel/panic.c`, `arch/x86/kernel/dumpstack.c`)."""
MOST_CRASHES = 2
GIVEN_UP = "No bootable option or device was found"
"""What the firmware says before it waits for a person for ever."""
TELLING = ("Kernel panic", "verity:", "Security Violation", "Access Denied", "No bootable option", "emergency")
"""Words in console lines that name why a boot ended."""
_STEERING = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""What steers a terminal and is no text: control sequences and control characters (ECMA-48, sections 5.3 to 5.6)."""


@dataclass(frozen=True)
class Machine:
    """A machine to boot.

    Args:
        directory: its own state: TPM, firmware variables, console log.
        disk: the raw disk; never written to.
        keys: what Secure Boot trusts.
        secure_boot: off leaves the firmware without keys.
        network: `host:port` on the loopback that the guest reaches as `CLOUD`; None for no network device.
        record: an existing directory where what the guest sends over its network is kept; None keeps nothing.
    """

    directory: Path
    disk: Path
    keys: firmware.EnrolledKeys
    secure_boot: bool = True
    network: str | None = None
    record: Path | None = None


@dataclass(frozen=True)
class Boot:
    """What came of one boot. Times are seconds since power-on."""

    nonce: str
    messages: tuple[Mapping[str, Any], ...]
    times: Mapping[str, float]
    seconds: float
    exit_status: int | None
    console: str
    ak_public: bytes
    timed_out: bool = False
    crashes: tuple[str, ...] = ()
    """What earlier starts of the same machine said that ended in a processor's exception."""

    @property
    def evidence(self) -> Mapping[str, Any] | None:
        """The machine's evidence, or None when it did not get that far."""
        return next((m["evidence"] for m in self.messages if m.get("event") == "evidence"), None)

    @property
    def good(self) -> bool:
        """The node gave evidence, did its work and powered off."""
        return any(m.get("event") == "end" and m.get("good") is True for m in self.messages)

    def why(self) -> str:
        """What the console says about the end: the lines that name a cause, else the last ones."""
        said = (_STEERING.sub("", line).strip() for line in self.console.splitlines())
        lines = [line for line in said if line]
        telling = [line for line in lines if any(word in line for word in TELLING)]
        return "\n".join((telling or lines)[-8:])


def boot(
    machine: Machine,
    *,
    assignment: Assignment | None = None,
    limit: float = LIMIT,
    told: Callable[[Mapping[str, Any], float], None] | None = None,
) -> Boot:
    """Boots and waits until the machine is off or the time is up.

    A machine whose kernel stops on a processor's exception before its node has said a word is started again: software
    emulation delivers one now and then. What such a start said is in `crashes`.

    Args:
        machine: what to boot.
        assignment: what the node is asked; by default for its evidence over a fresh nonce, and nothing more.
        limit: seconds until the machine is stopped.
        told: called with each message of the node and the seconds since power-on.

    Raises:
        ImageError: QEMU or the TPM did not start. A machine that does not come up is a result, not an error.
    """
    asked = assignment or Assignment(secrets.token_bytes(32))
    crashes: list[str] = []
    while True:
        found = _once(machine, asked, limit, told)
        if found.messages or CRASHED not in found.console or len(crashes) == MOST_CRASHES:
            return replace(found, crashes=tuple(crashes))
        crashes.append(found.why())


def _once(
    machine: Machine,
    asked: Assignment,
    limit: float,
    told: Callable[[Mapping[str, Any], float], None] | None,
) -> Boot:
    machine.directory.mkdir(parents=True, exist_ok=True)
    public = tpm.manufacture(machine.directory)
    variables = machine.directory / "variables.fd"
    firmware.write_variables(machine.keys if machine.secure_boot else None, variables)
    console = machine.directory / "console.log"
    console.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="bh-vm-") as short, tpm.running(machine.directory / "tpm") as chip:
        control = Path(short) / "control"
        started = time.monotonic()
        process = subprocess.Popen(
            tpm.tethered(qemu(machine, variables, chip, control, console)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            messages, times = converse(process, control, asked.line(), started, limit, given_up(console), told)
            timed_out = not given_up(console)() and not ended(process, started + limit)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            said = process.stderr.read() if process.stderr else ""
            if process.stderr:
                process.stderr.close()
        if process.returncode not in (0, -9):
            raise ImageError(f"qemu ended with {process.returncode}: {said.strip()[-500:]}")
    return Boot(
        nonce=asked.nonce.hex(),
        messages=tuple(messages),
        times=times,
        seconds=round(time.monotonic() - started, 1),
        exit_status=process.returncode,
        console=console.read_text(errors="replace"),
        ak_public=public.read_bytes(),
        timed_out=timed_out,
    )


def given_up(console: Path) -> Callable[[], bool]:
    """Whether the firmware has found nothing to boot, by its console."""
    return lambda: console.is_file() and GIVEN_UP in console.read_text(errors="replace")


def ended(process: subprocess.Popen[str], deadline: float) -> bool:
    """Whether the process ends before the deadline."""
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def qemu(machine: Machine, variables: Path, chip: Path, control: Path, console: Path) -> list[str]:
    """QEMU's command line. SMM guards the variables; the disk's writes go to a throw-away overlay."""
    network = ["-nic", "none"]
    if machine.network is not None:
        forward = f"guestfwd=tcp:{CLOUD}-cmd:{forwarder(machine)}".replace(",", ",,")
        device = "virtio-net-pci,netdev=net,romfile="
        network = ["-netdev", f"user,id=net,ipv6=off,restrict=on,{forward}", "-device", device]
    return [
        tpm.program("qemu-system-x86_64"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "q35,smm=on", "-accel", "tcg,thread=multi", "-cpu", "max"),
        *("-smp", str(CPUS), "-m", str(MEMORY_MIB)),
        *("-global", "driver=cfi.pflash01,property=secure,value=on"),
        *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={firmware.CODE}"),
        *("-drive", f"if=pflash,format=raw,unit=1,file={variables.resolve()}"),
        *("-chardev", f"socket,id=tpm,path={chip}", "-tpmdev", "emulator,id=tpm,chardev=tpm"),
        *("-device", "tpm-crb,tpmdev=tpm"),
        *("-drive", f"if=none,id=disk,format=raw,snapshot=on,file={machine.disk.resolve()}"),
        *("-device", "virtio-blk-pci,drive=disk,bootindex=0"),
        *("-device", "virtio-rng-pci", "-device", "virtio-serial-pci"),
        *("-chardev", f"socket,id=control,path={control},server=on,wait=off"),
        *("-device", "virtserialport,chardev=control,name=bulkhead.control"),
        *("-serial", f"file:{console.resolve()}"),
        *network,
    ]


def forwarder(machine: Machine) -> str:
    """The command that QEMU runs for each connection of the guest."""
    host, _, port = str(machine.network).rpartition(":")
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("forward.py")), host, port]
    return shlex.join([*command, *([str(machine.record.resolve())] if machine.record else [])])


def converse(
    process: subprocess.Popen[str],
    control: Path,
    question: bytes,
    started: float,
    limit: float,
    hopeless: Callable[[], bool],
    told: Callable[[Mapping[str, Any], float], None] | None = None,
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Asks the node and gathers its lines until it hangs up or the time is up; each event's time since power-on."""
    messages: list[dict[str, Any]] = []
    times: dict[str, float] = {}
    deadline = started + limit
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        while line.connect_ex(str(control)) != 0:
            # The socket is there before QEMU listens to it.
            if process.poll() is not None or time.monotonic() > deadline:
                return messages, times
            time.sleep(0.05)
        line.sendall(question)
        buffer = b""
        line.settimeout(GLANCE)
        while time.monotonic() < deadline and not hopeless():
            try:
                piece = line.recv(1 << 16)
            except TimeoutError:
                continue
            except ConnectionResetError:
                break
            if not piece or len(buffer) > LONGEST_LINE:
                break
            *whole, buffer = (buffer + piece).split(b"\n")
            for text in whole:
                message = json.loads(text)
                messages.append(message)
                at = round(time.monotonic() - started, 2)
                times.setdefault(str(message.get("event")), at)
                if told:
                    told(message, at)
    return messages, times
