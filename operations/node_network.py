"""Several nodes on one machine: a network namespace for each, joined by a switch, with nothing else on the wire.

The stand-in for a tenant's subnet. Everything is held by open descriptors and disappears with this process. A node
reaches chosen ports of this machine's loopback address (the local cloud) through a forwarder, as a machine in a VPC
reaches the services through its endpoints.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network

from trainer.nodes.namespace import Namespace, new_namespace, run

NETWORK = IPv4Network("10.90.0.0/24")
WIRE = "eth0"
MTU = "9001"
"""Of every cable, as inside a VPC."""


@dataclass(frozen=True)
class Machine:
    """One machine on the switch."""

    space: Namespace
    address: str
    port: str
    """The switch's interface that leads to it."""


@dataclass(frozen=True)
class NodeNetwork:
    """The switch and the machines at it."""

    switch: Namespace
    machines: tuple[Machine, ...]


@contextmanager
def node_network(count: int, services: Sequence[int] = ()) -> Iterator[NodeNetwork]:
    """`count` machines at one switch; each reaches `services`, TCP ports of 127.0.0.1 outside, at 127.0.0.1 inside.

    Needs root.

    Raises `TrainerError(PEER)` or `TrainerError(SANDBOX)` with what the kernel refused.
    """
    with ExitStack() as stack:
        switch = stack.enter_context(new_namespace())
        switch.run("ip", "link", "add", "switch", "type", "bridge")
        switch.run("ip", "link", "set", "switch", "up")
        machines = []
        for index in range(count):
            space = stack.enter_context(new_namespace())
            address = str(NETWORK[index + 1])
            attach(switch, space, f"port{index}", WIRE, f"{address}/{NETWORK.prefixlen}")
            machines.append(Machine(space, address, f"port{index}"))
            for port in services:
                stack.enter_context(forwarded(space, port))
        yield NodeNetwork(switch, tuple(machines))


def attach(switch: Namespace, space: Namespace, port: str, interface: str, address: str) -> None:
    """A cable from `interface` inside, with an address and prefix length, to `port` of the switch."""
    peer = ("peer", "name", interface, "netns", f"/proc/self/fd/{space.descriptor}")
    words = switch.command("ip", "link", "add", port, "type", "veth", *peer)
    run(*words, descriptors=(switch.descriptor, space.descriptor))
    switch.run("ip", "link", "set", port, "mtu", MTU, "master", "switch", "up")
    space.run("ip", "address", "add", address, "dev", interface)
    space.run("ip", "link", "set", interface, "mtu", MTU, "up")


@contextmanager
def forwarded(space: Namespace, port: int) -> Iterator[None]:
    """Port `port` of 127.0.0.1 inside leads to the same port outside."""
    listener = space.call(lambda: socket.create_server(("127.0.0.1", port)))
    stop_read, stop_write = os.pipe2(os.O_CLOEXEC)
    thread = threading.Thread(target=_serve, args=(listener, port, stop_read), daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(stop_write)
        thread.join()
        os.close(stop_read)
        listener.close()


def _serve(listener: socket.socket, port: int, stop: int) -> None:
    while stop not in select.select([listener.fileno(), stop], [], [])[0]:
        inside, _ = listener.accept()
        threading.Thread(target=_carry, args=(inside, port), daemon=True).start()


def _carry(inside: socket.socket, port: int) -> None:
    """One connection, until either side ends it."""
    with inside:
        try:
            outside = socket.create_connection(("127.0.0.1", port))
        except OSError:
            # Closing is what a client sees of a service that is down.
            return
        with outside:
            back = threading.Thread(target=_copy, args=(outside, inside), daemon=True)
            back.start()
            _copy(inside, outside)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 18):
            target.sendall(data)
    for end, way in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):
            end.shutdown(way)
