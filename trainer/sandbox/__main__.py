"""`python -m trainer.sandbox SPEC COMMAND…`: runs a command confined; status 125 when that cannot be set up."""

from __future__ import annotations

import sys

from trainer.errors import TrainerError
from trainer.sandbox.launch import launch
from trainer.sandbox.spec import SandboxSpec


def main(arguments: list[str]) -> int:
    """The command's exit status."""
    try:
        code = launch(SandboxSpec.decode(arguments[0]), arguments[1:])
    except TrainerError as error:
        sys.stderr.write(f"{error}\n")
        return 125
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
