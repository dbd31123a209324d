"""How a recipe failed, in words that can leave the sandbox: what kind of error, and where in the tenant's code."""

from __future__ import annotations

import traceback
from typing import Final

from trainer.recipes.bundle import ORIGIN

FAILURES: Final = (
    *(ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, ImportError, LookupError, MemoryError),
    *(NameError, OSError, ReferenceError, RuntimeError, StopIteration, SyntaxError, SystemError, TypeError, ValueError),
)
"""The ways in which a recipe may fail. Of an error of its own making the agent learns that the worker ended."""


def describe(error: BaseException) -> str:
    """The kind of the error and the last line of the bundle that led to it.

    Never the message, in which there may be training data.
    """
    kind = type(error).__name__
    if isinstance(error, SyntaxError) and (error.filename or "").startswith(ORIGIN):
        return f"{kind} in {error.filename}, line {error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(ORIGIN)]
    return f"{kind} in {frames[-1].filename}, line {frames[-1].lineno}" if frames else kind
