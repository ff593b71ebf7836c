"""CRC32C, as every file of this package that is checked by it counts it.

The library takes bytes and arrays; a view is wrapped, nothing is copied.
"""

import google_crc32c
import numpy as np

from engine.journal.disk import Octets


def crc32c(octets: Octets, begun: int = 0) -> int:
    """The checksum of some bytes, or of those and what `begun` is the checksum of before them."""
    return int(google_crc32c.extend(begun, np.frombuffer(octets, np.uint8)))
