"""What a command log needs of a disk, and the real one.

Everything above takes a `Disk`, so that a test can give it one that loses power. Whatever the
operating system refuses comes up as `OSError`; a write may also store less than it was given and
say so in its result. No call here retries: the caller knows what a failure means.
"""

import fcntl
import os
from pathlib import Path
from typing import Protocol

Octets = bytes | bytearray | memoryview


class Disk(Protocol):
    """Files by descriptor; names become durable by `sync_directory`, content by `sync`."""

    def create(self, path: Path) -> int:
        """Open a file that must not be there yet, to read and write."""

    def open(self, path: Path) -> int:
        """Open a file that is there, to read and write."""

    def open_to_read(self, path: Path) -> int:
        """Open a file that is there, to read only."""

    def close(self, file: int) -> None: ...

    def preallocate(self, file: int, size: int) -> None:
        """Give a new file its size: the room is reserved and reads as zeros."""

    def size(self, file: int) -> int:
        """Size in bytes."""

    def write(self, file: int, octets: Octets, offset: int) -> int:
        """Write at an offset; returns how many bytes were written, which may be less than all."""

    def read(self, file: int, count: int, offset: int) -> bytes:
        """Read `count` bytes, less only where the file ends."""

    def read_into(self, file: int, octets: memoryview, offset: int) -> int:
        """Read as many bytes as there is room for, less only where the file ends; how many."""

    def sync(self, file: int) -> None:
        """Make content and size durable; the modification time need not be (fdatasync)."""

    def rename(self, old: Path, new: Path) -> None: ...

    def remove(self, path: Path) -> None: ...

    def names(self, directory: Path) -> list[str]:
        """Names of the files in a directory, in order."""

    def sync_directory(self, directory: Path) -> None:
        """Make creations, renames and removals in a directory durable."""

    def lock(self, directory: Path) -> int:
        """Keep other writers out until `close`; `BlockingIOError` where one is in already."""


class RealDisk:
    """The operating system's."""

    def create(self, path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    def open(self, path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def open_to_read(self, path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self, file: int) -> None:
        os.close(file)

    def preallocate(self, file: int, size: int) -> None:
        os.posix_fallocate(file, 0, size)

    def size(self, file: int) -> int:
        return os.fstat(file).st_size

    def write(self, file: int, octets: Octets, offset: int) -> int:
        return os.pwrite(file, octets, offset)

    def read(self, file: int, count: int, offset: int) -> bytes:
        # Not a map: a read error or a file cut short under a map kills the process by a signal,
        # here it is an exception or a short result. One call of the system reads 2 GiB at most,
        # which no segment reaches.
        return os.pread(file, count, offset)

    def read_into(self, file: int, octets: memoryview, offset: int) -> int:
        return os.preadv(file, [octets], offset)

    def sync(self, file: int) -> None:
        os.fdatasync(file)

    def rename(self, old: Path, new: Path) -> None:
        old.rename(new)

    def remove(self, path: Path) -> None:
        path.unlink()

    def names(self, directory: Path) -> list[str]:
        return sorted(os.listdir(directory))

    def sync_directory(self, directory: Path) -> None:
        file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def lock(self, directory: Path) -> int:
        file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise
        return file
