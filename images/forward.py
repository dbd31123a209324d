"""One guest connection to one address of the host's loopback: QEMU starts it for each (`guestfwd=…-cmd:…`).

QEMU's own `tcp:` target keeps a single connection for the machine's whole life, so that a second one would be mixed
into the first. Standard input and output are the guest's connection. Needs the standard library only, so that it can be
started without the site packages, in some ten milliseconds.
"""

import contextlib
import os
import selectors
import socket
import sys
from pathlib import Path

PIECE = 1 << 16


def forward(host: str, port: int, record: Path | None = None) -> None:
    """Copies both ways until both sides have ended.

    Args:
        host: where to connect to.
        port: its port.
        record: a directory where what the guest sends is kept, one file per connection: what somebody on the wire sees.
    """
    sink = (record / f"{os.getpid()}.request").open("ab", buffering=0) if record else None
    with contextlib.ExitStack() as stack:
        far = stack.enter_context(socket.create_connection((host, port)))
        kept = stack.enter_context(sink) if sink else None
        chosen = stack.enter_context(selectors.DefaultSelector())
        chosen.register(0, selectors.EVENT_READ, "guest")
        chosen.register(far, selectors.EVENT_READ, "host")
        while chosen.get_map():
            for key, _ in chosen.select():
                data = os.read(key.fd, PIECE)
                if not data:
                    chosen.unregister(key.fileobj)
                    if key.data == "host":
                        return
                    far.shutdown(socket.SHUT_WR)
                elif key.data == "guest":
                    if kept:
                        kept.write(data)
                    far.sendall(data)
                else:
                    write_all(1, data)


def write_all(descriptor: int, data: bytes) -> None:
    """Writes everything, however little is taken at a time."""
    while data:
        data = data[os.write(descriptor, data) :]


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, ConnectionError):
        forward(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
