"""A WireGuard tunnel whose plaintext end is in the worker's network namespace and whose ciphertext leaves the agent's.

The interface is made in the agent's namespace, where its UDP socket stays, and is then moved into the worker's, where
it is the only one (https://www.wireguard.com/netns/). The kernel's WireGuard is used where there is one, else
wireguard-go. Keys live for one generation of a job, in the agent's memory and WireGuard's; they touch no disk.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from trainer.errors import Reason, TrainerError
from trainer.nodes.namespace import Namespace, run

NETWORK: Final = IPv4Network("10.64.0.0/24")
"""Addresses inside the tunnel; the worker's namespace has no others, so they can collide with nothing."""
OVERHEAD: Final = 80
"""Bytes that WireGuard, UDP and IPv6 add to a packet."""
_SOCKETS: Final = Path("/var/run/wireguard")
_PATIENCE: Final = 60.0


@dataclass(frozen=True)
class TunnelPeer:
    """The other end: its WireGuard public key, where its packets are sent, and its only address in the tunnel."""

    public_key: bytes
    endpoint: tuple[str, int]
    address: IPv4Address


def tunnel_address(rank: int) -> IPv4Address:
    """The address of a rank in the tunnel."""
    return NETWORK[rank + 1]


def outer_mtu(address: str) -> int:
    """The largest packet on the interface of this machine that has the address. Raises when none has it."""
    for entry in json.loads(run("ip", "-json", "address", "show", "to", address)):
        if entry:
            # Loopback's is one more than an IP packet can have.
            return min(int(entry["mtu"]), 65535)
    raise TrainerError(Reason.PEER, f"no interface of this machine has the address {address}")


@contextmanager
def tunnel(
    key: X25519PrivateKey, port: int, address: IPv4Address, peers: Sequence[TunnelPeer], inner: Namespace, mtu: int
) -> Iterator[tuple[str, str]]:
    """A tunnel to `peers` that ends in `inner`; yields the interface's name and which implementation it is.

    `mtu` is that of the network outside: large packets (9001 bytes inside a VPC) cost a sixth of small ones.

    Each peer may only send from, and is only sent what is for, its own address (WireGuard's cryptokey routing).
    """
    name = f"bh{os.urandom(5).hex()}"
    with _interface(name) as implementation:
        run("wg", "setconf", name, "/dev/stdin", given=_configuration(key, port, peers))
        run("ip", "link", "set", name, "netns", f"/proc/self/fd/{inner.descriptor}", descriptors=(inner.descriptor,))
        inner.run("ip", "address", "add", f"{address}/{NETWORK.prefixlen}", "dev", name)
        inner.run("ip", "link", "set", name, "mtu", str(mtu - OVERHEAD), "up")
        yield name, implementation


def _configuration(key: X25519PrivateKey, port: int, peers: Sequence[TunnelPeer]) -> bytes:
    """wg(8), "CONFIGURATION FILE FORMAT"."""
    lines = ["[Interface]", f"PrivateKey = {_text(key.private_bytes_raw())}", f"ListenPort = {port}"]
    for peer in peers:
        host, peer_port = peer.endpoint
        shown = f"[{host}]" if ":" in host else host
        lines += ["[Peer]", f"PublicKey = {_text(peer.public_key)}", f"Endpoint = {shown}:{peer_port}"]
        lines += [f"AllowedIPs = {peer.address}/32"]
    return ("\n".join(lines) + "\n").encode()


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


@contextmanager
def _interface(name: str) -> Iterator[str]:
    """A WireGuard interface of this name for as long as the context lasts."""
    if _in_kernel(name):
        # It goes with the namespace that it is moved to.
        yield "kernel"
        return
    with _userspace(name):
        yield "wireguard-go"


def _in_kernel(name: str) -> bool:
    try:
        run("ip", "link", "add", name, "type", "wireguard")
    except TrainerError:
        # This kernel has no WireGuard (ip: "Unknown device type"), or the module may not be loaded here.
        return False
    return True


@contextmanager
def _userspace(name: str) -> Iterator[None]:
    if shutil.which("wireguard-go") is None:
        raise TrainerError(
            Reason.PEER, "this kernel has no WireGuard and wireguard-go is not installed: apt-get install wireguard-go"
        )
    # setpriv: the tunnel ends with the agent, however that ends.
    words = ["setpriv", "--pdeathsig", "KILL", "wireguard-go", "-f", name]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LOG_LEVEL": "error"}
    process = subprocess.Popen(
        words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not (_SOCKETS / f"{name}.sock").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise TrainerError(
                    Reason.PEER, f"wireguard-go {name} did not start (status {process.poll()}); it needs /dev/net/tun"
                )
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
