"""`python -m trainer.worker FD`: started by the agent with one end of a socket pair as an open descriptor."""

from __future__ import annotations

import socket
import sys

if __name__ == "__main__":
    from trainer.worker.main import work

    raise SystemExit(work(socket.socket(fileno=int(sys.argv[1]))))
