"""Merkle trees as certificate logs have them (RFC 6962 section 2.1): roots, inclusion and consistency proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from attestation.errors import AttestationError


def leaf_hash(data: bytes) -> bytes:
    """SHA-256 of 0x00 and the entry."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below `size` (which is above 1)."""
    return 1 << ((size - 1).bit_length() - 1)


def root(leaves: Sequence[bytes]) -> bytes:
    """The tree's root over leaf hashes; of no leaves, the hash of nothing."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def prefix_roots(leaves: Sequence[bytes]) -> list[bytes]:
    """The roots of the first 1, 2, … leaves, in n log n steps altogether."""
    roots: list[bytes] = []
    perfect: list[tuple[int, bytes]] = []
    for leaf in leaves:
        perfect.append((1, leaf))
        while len(perfect) > 1 and perfect[-1][0] == perfect[-2][0]:
            (size, right), (_, left) = perfect.pop(), perfect.pop()
            perfect.append((2 * size, node_hash(left, right)))
        value = perfect[-1][1]
        for _, left in reversed(perfect[:-1]):
            value = node_hash(left, value)
        roots.append(value)
    return roots


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The audit path of leaf `index`, nearest sibling first (section 2.1.1).

    Raises:
        AttestationError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise AttestationError(f"ledger: no entry {index} in a tree of {len(leaves)}")
    path: list[bytes] = []
    low, high = 0, len(leaves)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(root(leaves[middle:high]))
            high = middle
        else:
            path.append(root(leaves[low:middle]))
            low = middle
    return path[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], expected: bytes) -> bool:
    """Whether the path leads from the leaf to the root of a tree of `size` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position % 2 or position == last:
            value = node_hash(sibling, value)
            while position % 2 == 0 and position:
                position, last = position >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and value == expected


def consistency_proof(first: int, leaves: Sequence[bytes]) -> list[bytes]:
    """What shows that the tree of `first` leaves is a prefix of this one (section 2.1.2).

    Raises:
        AttestationError: `first` is not 1 to the number of leaves.
    """
    if not 0 < first <= len(leaves):
        raise AttestationError(f"ledger: a tree of {first} is no prefix of one of {len(leaves)}")
    path: list[bytes] = []
    low, high, size, whole = 0, len(leaves), first, True
    while size != high - low:
        middle = _split(high - low)
        if size <= middle:
            path.append(root(leaves[low + middle : high]))
            high = low + middle
        else:
            path.append(root(leaves[low : low + middle]))
            low, size, whole = low + middle, size - middle, False
    if not whole:
        path.append(root(leaves[low:high]))
    return path[::-1]


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path shows that the first tree is a prefix of the second (RFC 9162 section 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    steps = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not steps:
        return False
    position, last = first - 1, second - 1
    while position % 2:
        position, last = position >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position % 2 or position == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while position % 2 == 0 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, step)
        position, last = position >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root
