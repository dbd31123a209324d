"""Mutual TLS 1.3 between the agents of a job, and framed messages over it."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json, parse_json_object
from trainer.nodes.certificates import Identity, load

LIMIT: Final = 1 << 20
"""Longest frame; the largest is the list of 64 nodes with their attestation documents."""
HANDSHAKE_SECONDS: Final = 20.0
_LENGTH: Final = struct.Struct(">I")


def context(identity: Identity, trusted: Sequence[x509.Certificate], *, server: bool) -> ssl.SSLContext:
    """Settings that show `identity` and insist on a certificate of the other side under one of `trusted`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    # The certificate's name is compared by our own code: it is a rank's, not a host's.
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    if server:
        # Nothing is ever resumed; and a socket is readable only when a message or the end has come.
        made.num_tickets = 0
    made.load_verify_locations(cadata="".join(entry.public_bytes(Encoding.PEM).decode() for entry in trusted))
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with _in_memory(key + identity.certificate.public_bytes(Encoding.PEM)) as path:
        made.load_cert_chain(path)
    return made


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """A path under which the ssl module finds `data` without its touching a disk."""
    descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, data)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


class Link:
    """A TLS connection that has been authenticated on both sides. One thread at a time uses it."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._socket = sock
        der = sock.getpeercert(binary_form=True)
        if der is None:
            raise TrainerError(Reason.PEER, "the other side of a connection showed no certificate")
        self.certificate = load(der, "certificate of the other side")
        self.local_address: str = sock.getsockname()[0]
        self.remote_address: str = sock.getpeername()[0]

    def fileno(self) -> int:
        """For poll(2); see `buffered` too."""
        return self._socket.fileno()

    @property
    def buffered(self) -> bool:
        """Whether a message has come that poll(2) cannot see any more."""
        return self._socket.pending() > 0

    def timeout(self, seconds: float | None) -> None:
        """How long sending and receiving may take."""
        self._socket.settimeout(seconds)

    def send(self, message: dict[str, Any]) -> None:
        """Sends one message."""
        data = canonical_json(message)
        if len(data) > LIMIT:
            raise TrainerError(Reason.PEER, f"a message of {len(data)} bytes is over the limit of {LIMIT}")
        try:
            self._socket.sendall(_LENGTH.pack(len(data)) + data)
        except OSError as error:
            raise TrainerError(Reason.PEER, f"the connection to {self.remote_address} failed: {error}") from error

    def receive(self) -> dict[str, Any] | None:
        """The next message, or None when the other side has closed."""
        head = self._exactly(_LENGTH.size, may_end=True)
        if not head:
            return None
        (length,) = _LENGTH.unpack(head)
        if length > LIMIT:
            raise TrainerError(Reason.PEER, f"a message of {length} bytes is over the limit of {LIMIT}")
        try:
            return parse_json_object(self._exactly(length), f"message from {self.remote_address}")
        except TrainerError as error:
            raise TrainerError(Reason.PEER, str(error)) from error

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def _exactly(self, size: int, *, may_end: bool = False) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                piece = self._socket.recv(size - len(data))
            except OSError as error:
                raise TrainerError(Reason.PEER, f"the connection to {self.remote_address} failed: {error}") from error
            if not piece and may_end and not data:
                return b""
            if not piece:
                raise TrainerError(Reason.PEER, f"{self.remote_address} stopped in the middle of a message")
            data += piece
        return bytes(data)


def accept(sock: socket.socket, settings: ssl.SSLContext) -> Link:
    """The link over an accepted connection. Raises `TrainerError(PEER)` for whoever has no certificate of the job."""
    return _handshake(sock, settings, server=True)


def connect(host: str, port: int, settings: ssl.SSLContext) -> Link:
    """A link to the leader."""
    try:
        sock = socket.create_connection((host, port), HANDSHAKE_SECONDS)
    except OSError as error:
        raise TrainerError(Reason.PEER, f"{host}:{port} does not answer: {error}") from error
    return _handshake(sock, settings, server=False)


def _handshake(sock: socket.socket, settings: ssl.SSLContext, *, server: bool) -> Link:
    try:
        sock.settimeout(HANDSHAKE_SECONDS)
        _watch(sock)
        return Link(settings.wrap_socket(sock, server_side=server))
    except OSError as error:
        sock.close()
        raise TrainerError(Reason.PEER, f"no authenticated connection: {error}") from error


def _watch(sock: socket.socket) -> None:
    """Has the kernel notice within about half a minute that the other machine is gone."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4), ("TCP_USER_TIMEOUT", 30000)):
        sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
