"""Whole-number chance that is the same on every machine and in every release.

Only the raw stream of PCG64 is used: numpy promises it for ever, while the methods of its
generators may change their streams. No float is ever drawn.
"""

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]

_HALF = np.uint64(32)


class Draws:
    """A seeded stream of whole numbers."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def below(self, bound: int, size: int) -> Whole:
        """`size` numbers from 0 to `bound` - 1.

        The high half of a draw times the bound, over 2**32: exact for bounds to 2**32, and no
        number is favoured by more than one part in 2**32 / bound.
        """
        assert 1 <= bound <= 2**32
        raw = self._bits.random_raw(size)
        return ((raw >> _HALF) * np.uint64(bound) >> _HALF).astype(np.int64)

    def between(self, low: int, high: int, size: int) -> Whole:
        """`size` numbers from `low` to `high`, both included."""
        return self.below(high - low + 1, size) + low

    def around_zero(self, width: int, size: int) -> Whole:
        """`size` numbers from `-width` to `width`, small ones likelier: the sum of two dice."""
        return self.below(width + 1, size) - self.below(width + 1, size)
