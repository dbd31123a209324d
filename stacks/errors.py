"""The one error of this package."""

from __future__ import annotations


class StackError(Exception):
    """Stacks cannot be synthesised as asked. The message names the setting, its value and the way out."""
