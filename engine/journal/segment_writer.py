"""The open end of a command log: one segment file that is being filled."""

from pathlib import Path

from engine.journal.disk import Disk, Octets
from engine.journal.log_format import MARK_BYTES

# How far ahead of the batches zeros are written. A file that was only reserved syncs in 345 us a
# batch of 1,000 records, one that was filled with zeros in 215 us; all 64 MiB at once would hold
# up the batch that needs a new segment for 52 ms.
ZEROS_AHEAD_BYTES = 1 << 20
# A batch of so much goes without: writing twice costs more than its sync saves. Written and synced,
# mean of three runs each, milliseconds with zeros and without: 64 KiB 0.17 to 0.24, 0.20 to 0.41;
# 256 KiB 0.37 to 0.58, 0.30 to 0.43; 1 MiB 1.1 to 1.2, 0.8 to 0.9.
LARGE_BATCH_BYTES = 256 << 10


class SegmentWriter:
    """Writes batches one behind the other. All that fails is an `OSError`, a short write, too."""

    def __init__(self, disk: Disk, path: Path, file: int, size: int, salt: int, end: int) -> None:
        """`end` is the offset behind the last batch; nothing counts as durable yet."""
        self.name = path.name
        self.size = size  # bytes
        self.salt = salt
        self.end = end
        self.durable_end = 0  # of this file, by a sync that succeeded
        self._disk = disk
        self._file = file
        self._zeros_end = end  # no zeros were written behind this

    def append(self, octets: Octets) -> None:
        """Write behind the last batch; there must be room."""
        end = self.end + len(octets)
        assert end <= self.size
        if MARK_BYTES < len(octets) < LARGE_BATCH_BYTES:  # behind a mark often nothing comes
            self._write_zeros_ahead(end)
        self.write(octets, self.end)
        self.end = end

    def write(self, octets: Octets, offset: int) -> None:
        """Write all of it or fail."""
        if not octets:
            return
        what = f"write of {len(octets)} bytes at offset {offset} of {self.name}"
        try:
            written = self._disk.write(self._file, octets, offset)
        except OSError as error:
            raise OSError(error.errno, f"{what}: {error.strerror}") from error
        if written != len(octets):
            raise OSError(f"{what}: only {written} were written")

    def sync(self) -> None:
        """Make durable what was written; the rest of the file is never called durable."""
        end = self.end
        try:
            self._disk.sync(self._file)
        except OSError as error:
            raise OSError(error.errno, f"sync of {self.name}: {error.strerror}") from error
        self.durable_end = end

    def close(self) -> None:
        """Once: behind it the number may be that of a stranger's file; it is forgotten before."""
        file, self._file = self._file, -1
        if file >= 0:
            self._disk.close(file)

    def _write_zeros_ahead(self, end: int) -> None:
        """Have zeros written, not only reserved, to behind the small batch that comes."""
        if end > self._zeros_end:
            zeros_end = min(end + ZEROS_AHEAD_BYTES, self.size)
            start = max(self._zeros_end, self.end)
            self.write(bytes(zeros_end - start), start)
            self._zeros_end = zeros_end
