"""All predicted registers of an image, from its files and the enrolled keys alone."""

from __future__ import annotations

from images.firmware import EnrolledKeys
from images.measure import pcr04, pcr07, pcr09, pcr11, pcr12
from images.measure.register import Register

BOUND = (pcr04.INDEX, pcr07.INDEX, pcr09.INDEX, pcr11.INDEX, pcr12.INDEX)
"""The registers a reference set binds."""


def predict(uki: bytes, keys: EnrolledKeys, *, secure_boot: bool = True) -> tuple[Register, ...]:
    """PCR 4, 7, 9, 11 and 12 when the node's agent asks for a quote.

    Args:
        uki: the signed unified kernel image.
        keys: what the firmware's Secure Boot variables hold.
        secure_boot: whether the firmware checks signatures.

    Raises:
        ImageError: `uki` is not a unified kernel image.
    """
    return (
        pcr04.predict(uki, secure_boot=secure_boot),
        pcr07.predict(keys, secure_boot=secure_boot),
        pcr09.predict(uki),
        pcr11.predict(uki),
        pcr12.predict(),
    )
