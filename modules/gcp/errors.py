"""The one error of this package."""

from __future__ import annotations


class ConstructError(Exception):
    """A construct cannot be made from what it was given. The message names the resource and the way out."""
