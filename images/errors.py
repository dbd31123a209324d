"""The one exception of this package."""

from __future__ import annotations


class ImageError(Exception):
    """An image could not be built, measured, booted or verified.

    The message names the tool, file or field, what was found, and the way out.
    """
