"""Memory for decrypted shards, used again: fresh pages cost more than the decryption that fills them."""

from __future__ import annotations

import sys
import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray

KEPT: Final = 256
"""Most buffers that are kept; a job reads two cuts at a time, and a cut has a buffer for each group of columns."""
_ALONE: Final = 2
"""References to an array that only the pool's list holds: the list's, and that of `getrefcount` itself."""


class BufferPool:
    """Byte arrays that come back by themselves.

    A buffer is given out again once nothing refers to it any more: every view of an array holds the array, so memory
    that a batch still looks at is never overwritten. Threads may share a pool.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buffers: list[NDArray[np.uint8]] = []

    def take(self, size: int) -> NDArray[np.uint8]:
        """An array of `size` bytes with any content."""
        with self._lock:
            for place in range(len(self._buffers)):
                fits = size <= self._buffers[place].nbytes <= 2 * size
                if fits and sys.getrefcount(self._buffers[place]) == _ALONE:
                    return self._buffers[place][:size]
            if len(self._buffers) >= KEPT:
                # The oldest; whoever still uses it keeps it alive.
                del self._buffers[0]
            self._buffers.append(np.empty(size, dtype=np.uint8))
            return self._buffers[-1][:size]
