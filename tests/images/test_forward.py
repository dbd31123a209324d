"""The one address that a machine can reach: each of its connections is carried on its own."""

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from images import boot, firmware, forward

PROGRAM = Path(forward.__file__)


@pytest.fixture
def cloud():
    """Answers each connection with its own bytes reversed, once the client has said everything."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4)

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as asked:
                    connection.sendall(asked.read()[::-1])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)


def carried(port, data, *more):
    command = [sys.executable, "-I", "-S", str(PROGRAM), "127.0.0.1", str(port), *more]
    return subprocess.run(command, input=data, capture_output=True, timeout=60, check=True).stdout


def test_both_directions_are_carried_whole(cloud):
    data = bytes(range(256)) * 4000
    assert carried(cloud, data) == data[::-1]
    assert carried(cloud, b"") == b""


def test_what_the_guest_sends_can_be_kept(cloud, tmp_path):
    assert carried(cloud, b"hello", str(tmp_path)) == b"olleh"
    (kept,) = tmp_path.iterdir()
    assert kept.read_bytes() == b"hello"


def test_a_cloud_that_is_not_there_ends_the_connection():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert carried(closed.getsockname()[1], b"hello") == b""


def line(tmp_path, **options):
    keys = firmware.EnrolledKeys(b"", b"", b"")
    machine = boot.Machine(tmp_path, tmp_path / "disk.raw", keys, **options)
    return boot.qemu(machine, *(tmp_path / name for name in ("variables", "chip", "control", "console")))


@pytest.fixture
def emulator(monkeypatch):
    monkeypatch.setattr(boot.tpm, "program", lambda name: name)


@pytest.mark.usefixtures("emulator")
def test_a_machine_reaches_one_address_and_nothing_else(tmp_path):
    (network,) = [word for word in line(tmp_path, network="127.0.0.1:4566") if word.startswith("user,")]
    assert "restrict=on" in network.split(",")
    assert network.count("guestfwd=") == 1
    assert "guestfwd=tcp:10.0.2.100:443-cmd:" in network
    assert network.endswith("forward.py 127.0.0.1 4566")
    assert "hostfwd" not in network


@pytest.mark.usefixtures("emulator")
def test_a_machine_without_a_network_has_no_card(tmp_path):
    words = line(tmp_path)
    assert words[-2:] == ["-nic", "none"]
    assert not any("virtio-net" in word for word in words)


def test_nothing_outlives_the_process_that_started_it():
    script = "import subprocess; from images import tpm; print(subprocess.Popen(tpm.tethered(['sleep', '600'])).pid)"
    started = subprocess.run([sys.executable, "-c", script], cwd=PROGRAM.parent.parent, capture_output=True, check=True)
    pid = int(started.stdout)
    deadline = time.monotonic() + 60
    while runs(pid):
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.05)


def runs(pid):
    """Whether a process is alive; one that ended and was not waited for yet is not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
