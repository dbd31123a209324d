"""The parts of the sandbox that can be judged without running it: the filter's decisions, the list's contents."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from trainer.errors import TrainerError
from trainer.sandbox import seccomp
from trainer.sandbox.command import unavailable, worker_environment
from trainer.sandbox.syscalls import ALLOWED, SOCKETS

X86, ARM = 0xC000003E, 0xC00000B7
EPERM, ENOSYS = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS


def judge(
    machine: str, arch: int, number: int, arguments: tuple[int, ...] = (0, 0, 0), *, sockets: bool = False
) -> int:
    """Runs the program as the kernel would (classic BPF, the instructions that occur)."""
    code = seccomp.program(machine, sockets=sockets)
    memory = {0: number, 4: arch} | {16 + 8 * index: value for index, value in enumerate(arguments)}
    at, accumulator = 0, 0
    while True:
        operation, yes, no, operand = code[at]
        at += 1
        if operation == 0x06:
            return operand
        if operation == 0x20:
            accumulator = memory[operand]
            continue
        taken = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: bool(accumulator & operand)}[
            operation
        ]
        at += yes if taken else no


@pytest.mark.parametrize(("machine", "arch", "column"), [("x86_64", X86, 0), ("aarch64", ARM, 1)])
def test_the_filter_allows_the_list_and_nothing_else(machine: str, arch: int, column: int) -> None:
    allowed = {numbers[column] for numbers in ALLOWED.values()} - {None}
    for number in range(600):
        expected = seccomp.ALLOW if number in allowed else ENOSYS if number == 435 else EPERM
        assert judge(machine, arch, number) == expected, number


def test_special_cases() -> None:
    assert judge("x86_64", ARM, 0) == seccomp.KILL
    assert judge("aarch64", X86, 63) == seccomp.KILL
    assert judge("x86_64", X86, 0x40000000) == seccomp.KILL
    clone, ioctl = ALLOWED["clone"][0], ALLOWED["ioctl"][0]
    assert clone is not None
    assert ioctl is not None
    assert judge("x86_64", X86, clone, (17, 0)) == seccomp.ALLOW
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x80):
        assert judge("x86_64", X86, clone, (17 | flag, 0)) == EPERM
    assert judge("x86_64", X86, ioctl, (0, 0x5401)) == seccomp.ALLOW
    assert judge("x86_64", X86, ioctl, (0, 0x5412)) == EPERM


@pytest.mark.parametrize(("machine", "arch", "column"), [("x86_64", X86, 0), ("aarch64", ARM, 1)])
def test_a_worker_with_peers_opens_internet_sockets_and_nothing_else_more(machine: str, arch: int, column: int) -> None:
    more = {name: numbers[column] for name, numbers in SOCKETS.items()}
    make = more.pop("socket")
    assert make is not None
    for number in range(600):
        expected = seccomp.ALLOW if number in more.values() else judge(machine, arch, number)
        if number != make:
            assert judge(machine, arch, number, sockets=True) == expected, number
    for family in range(64):
        expected = seccomp.ALLOW if family in {2, 10, 16} else EPERM
        assert judge(machine, arch, make, (family, 1, 0), sockets=True) == expected, family
        assert judge(machine, arch, make, (family, 1, 0)) == EPERM
    # NETLINK_ROUTE (0) only: not netfilter (12), audit (9), crypto (21) or generic (16).
    assert [judge(machine, arch, make, (16, 3, kind), sockets=True) == EPERM for kind in range(32)].count(False) == 1


def test_dangerous_calls_are_not_on_the_list() -> None:
    names = (
        "socket connect bind listen accept accept4 ptrace process_vm_readv process_vm_writev mount umount2 pivot_root"
    )
    names += " chroot unshare setns bpf keyctl add_key request_key io_uring_setup perf_event_open userfaultfd reboot"
    names += " init_module finit_module delete_module kexec_load open_by_handle_at memfd_create pidfd_getfd setuid"
    names += " setresuid mknod mknodat swapon acct syslog personality quotactl fsopen move_mount clone3 seccomp"
    assert not set(names.split()) & set(ALLOWED)
    assert {"read", "mmap", "futex", "execve"} <= set(ALLOWED)


def test_the_numbers_are_the_kernels() -> None:
    """Against the headers of this machine, where it has them; the check above stands without."""
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    known = {"read": 0, "mmap": 9, "clone": 56, "execve": 59, "openat": 257, "rseq": 334, "faccessat2": 439}
    if header.exists():
        known |= {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}
    for name, number in known.items():
        if name in ALLOWED:
            assert ALLOWED[name][0] == number, name


def test_unknown_machines_are_refused() -> None:
    with pytest.raises(TrainerError, match="riscv64"):
        seccomp.program("riscv64")


def test_the_worker_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert not [value for value in worker_environment().values() if "secret" in value]
    assert not [name for name in worker_environment() if name.startswith("AWS")]


def test_this_machine_can_confine() -> None:
    assert unavailable() is None


def test_nothing_in_the_trainer_pickles() -> None:
    root = Path(seccomp.__file__).parents[1]
    found = [
        p
        for p in root.rglob("*.py")
        if re.search(
            r"^\s*(import|from) (c?[pP]ickle|dill|cloudpickle)|(?<!safetensors\.)torch\.load\(", p.read_text(), re.M
        )
    ]
    assert found == []
