"""A small training run in the worker's sandbox: shows that torch works there, and when its first step ran."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

SOCKET = "/run/bulkhead/worker.sock"
STEPS = 50


def main() -> int:
    """0 when the loss fell; each milestone is sent to the agent as a JSON line."""
    agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    agent.connect(SOCKET)

    def tell(**message: object) -> None:
        agent.sendall(json.dumps(message).encode() + b"\n")

    tell(event="worker-started", network=sorted(path.name for path in Path("/sys/class/net").glob("*")))
    import torch  # noqa: PLC0415 - the milestone before it is the measurement

    tell(event="torch-imported", torch=torch.__version__)
    torch.manual_seed(0)
    data = torch.randn(256, 16)
    target = data @ torch.randn(16, 1)
    model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    losses: list[float] = []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(model(data), target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
        if step == 0:
            tell(event="first-step", loss=losses[0])
    good = losses[-1] < losses[0]
    tell(event="trained" if good else "error", steps=STEPS, first_loss=losses[0], last_loss=losses[-1])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
