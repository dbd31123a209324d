"""PCR 12: what was added from outside the image: a command line, credential files, add-ons.

Nothing may be. The register stays zero, and any file put beside the image on the system partition shows here, though
PCR 4, 7 and 11 do not notice it.
"""

from __future__ import annotations

from images.measure.register import Register

INDEX = 12


def predict() -> Register:
    """The untouched register."""
    return Register(INDEX, ())
