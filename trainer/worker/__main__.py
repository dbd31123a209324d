"""`python -m trainer.worker FD`: started by the agent with one end of a socket pair as an open descriptor."""

from __future__ import annotations

import os
import socket
import sys

if __name__ == "__main__":
    from trainer.worker.main import work

    # At once: everything has been said, and taking an interpreter with torch apart can outlast the agent's patience.
    os._exit(work(socket.socket(fileno=int(sys.argv[1]))))
