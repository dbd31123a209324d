"""The PCR files of tpm2-tools (`tpm2_quote -o`, `tpm2_pcrread -o`), in each format of its option `-F`.

`serialized` is C structures as they lie in memory, little-endian (in the oldest versions: as the machine had it):
TPML_PCR_SELECTION, the number of lists, and that many TPML_DIGEST, every array at its full size. `marshaled` (of the
newest) is the same as a TPM writes it. `values` is the digests alone: what they are of is known from the quote.
"""

from __future__ import annotations

from collections.abc import Sequence

from attestation.errors import AttestationError
from attestation.kinds.tpm_pcrs import put
from attestation.reader import Reader
from attestation.tcg.algorithms import HASHES, IDS, SIZES

Selections = Sequence[tuple[str, tuple[int, ...]]]

_BANKS, _BITMAP, _LIST, _BUFFER = 16, 4, 8, 64
"""TPM2_NUM_PCR_BANKS, TPM2_PCR_SELECT_MAX, digests in a TPML_DIGEST, bytes in a TPMU_HA (tpm2-tss)."""
_SELECT = 3
_SELECTION = 4 + _BANKS * (2 + 1 + _BITMAP + 1)
_DIGESTS = 4 + _LIST * (2 + _BUFFER)
_MOST_LISTS = 32
_WHAT = "PCR file of tpm2-tools"


def is_structured(data: bytes) -> bool:
    """True for a file that says which registers it holds: the formats `serialized` and `marshaled`."""
    return _is_serialized(data) or _is_marshaled(data)


def read_pcr_file(data: bytes, quoted: Selections) -> dict[str, dict[int, bytes]]:
    """Values by bank and register; `quoted` is what the quote selects, which the format `values` needs.

    Raises:
        AttestationError: none of the formats, or a count that does not agree with the rest.
    """
    if _is_serialized(data):
        return _named(*_serialized(data))
    if len(data) == sum(SIZES[IDS[bank]] * len(indexes) for bank, indexes in quoted):
        reader = Reader(data, _WHAT)
        sizes = [SIZES[IDS[bank]] for bank, indexes in quoted for _ in indexes]
        return _named(quoted, [reader.take(size, "digest") for size in sizes])
    if _is_marshaled(data):
        return _named(*_marshaled(data))
    raise AttestationError(
        f"{_WHAT}: {len(data)} bytes are neither `serialized` nor `marshaled` nor as many `values` as the quote "
        "selects: give the file that tpm2_quote wrote with -o beside this quote"
    )


def _is_serialized(data: bytes) -> bool:
    lists, rest = divmod(len(data) - _SELECTION - 4, _DIGESTS)
    return rest == 0 and lists > 0 and 1 <= int.from_bytes(data[:4], "little") <= _BANKS


def _is_marshaled(data: bytes) -> bool:
    known = int.from_bytes(data[4:6], "big") in HASHES
    return known and data[6:7] == bytes([_SELECT]) and 1 <= int.from_bytes(data[:4], "big") <= _BANKS


def _named(selections: Selections, digests: Sequence[bytes]) -> dict[str, dict[int, bytes]]:
    places = [(bank, index) for bank, indexes in selections for index in indexes]
    if len(places) != len(digests):
        raise AttestationError(f"{_WHAT}: {len(places)} registers are selected, {len(digests)} digests follow")
    pcrs: dict[str, dict[int, bytes]] = {}
    for (bank, index), digest in zip(places, digests, strict=True):
        put(pcrs, bank, index, digest)
    return pcrs


def _selection(algorithm: int, bitmap: bytes) -> tuple[str, tuple[int, ...]]:
    if algorithm not in HASHES:
        raise AttestationError(f"{_WHAT}: PCR bank {algorithm:#x} is not one of {sorted(HASHES.values())}")
    bits = int.from_bytes(bitmap, "little")
    return HASHES[algorithm], tuple(index for index in range(8 * len(bitmap)) if bits >> index & 1)


def _whole(size: int) -> None:
    """The tools write bitmaps of 24 registers, whichever are selected."""
    if size != _SELECT:
        raise AttestationError(f"{_WHAT}: sizeofSelect {size}, expected {_SELECT}")


def _unused(data: bytes) -> None:
    """The tools clear what they do not use; anything there was put there by someone else."""
    if data.strip(b"\0"):
        raise AttestationError(f"{_WHAT}: bytes that are not zero in an unused part of a structure")


def _serialized(data: bytes) -> tuple[Selections, list[bytes]]:
    reader = Reader(data, _WHAT)
    selections = []
    count = reader.le(4, "number of selections")
    for number in range(_BANKS):
        algorithm, size = reader.le(2, "PCR bank"), reader.le(1, "sizeofSelect")
        bitmap, padding = reader.take(_BITMAP, "pcrSelect"), reader.take(1, "padding")
        if number >= count:
            _unused(bytes([algorithm & 0xFF, algorithm >> 8, size]) + bitmap + padding)
            continue
        _whole(size)
        _unused(bitmap[size:] + padding)
        selections.append(_selection(algorithm, bitmap[:size]))
    digests = []
    lists = reader.le(4, "number of lists")
    if lists * _DIGESTS != reader.left:
        raise AttestationError(f"{_WHAT}: says {lists} lists of digests, holds {reader.left // _DIGESTS}")
    for _ in range(lists):
        used = reader.le(4, "number of digests")
        if used > _LIST:
            raise AttestationError(f"{_WHAT}: a list of {used} digests, at most {_LIST}")
        for number in range(_LIST):
            size, buffer = reader.le(2, "digest size"), reader.take(_BUFFER, "digest")
            if size > _BUFFER:
                raise AttestationError(f"{_WHAT}: a digest of {size} bytes, at most {_BUFFER}")
            if number >= used:
                _unused(bytes([size]) + buffer)
                continue
            _unused(buffer[size:])
            digests.append(buffer[:size])
    return selections, digests


def _marshaled(data: bytes) -> tuple[Selections, list[bytes]]:
    reader = Reader(data, _WHAT)
    selections = []
    for _ in range(reader.be(4, "number of selections")):
        algorithm, size = reader.be(2, "PCR bank"), reader.be(1, "sizeofSelect")
        _whole(size)
        selections.append(_selection(algorithm, reader.take(size, "pcrSelect")))
    digests = []
    lists = reader.be(4, "number of lists")
    if lists > _MOST_LISTS:
        raise AttestationError(f"{_WHAT}: {lists} lists of digests, at most {_MOST_LISTS}")
    for _ in range(lists):
        used = reader.be(4, "number of digests")
        if used > _LIST:
            raise AttestationError(f"{_WHAT}: a list of {used} digests, at most {_LIST}")
        digests += [reader.tpm2b("digest", _BUFFER) for _ in range(used)]
    reader.end()
    return selections, digests
