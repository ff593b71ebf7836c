"""A disk in memory that forgets what was not synced, and fails where it is told to.

Content and names have two states each: what a process sees, and what a loss of power leaves. What
was written and not synced is kept as a list of writes; a loss of power stores of it what the test
wants: nothing, all, the first bytes, or some sectors in any order.
"""

import errno
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

SECTOR = 512


class File:
    """One file: as seen, as stored, and the writes between."""

    def __init__(self, octets=b""):
        self.seen = bytearray(octets)
        self.stored = bytearray(octets)
        self.unsynced = []  # (offset, bytes) in the order of the writes

    def sectors(self):
        """The unsynced writes in pieces that are stored each as a whole."""
        for offset, octets in self.unsynced:
            start = 0
            while start < len(octets):
                length = SECTOR - (offset + start) % SECTOR
                yield offset + start, octets[start : start + length]
                start += length


class SimulatedDisk:
    """A `Disk` in memory, with one directory."""

    def __init__(self, files: dict[Path, bytes] | None = None):
        self.files = {path: File(octets) for path, octets in (files or {}).items()}
        self.stored_names = dict(self.files)
        # The names as they were after each change that no sync has followed.
        self.name_changes: list[dict[Path, File]] = []
        self.handles: dict[int, File | None] = {}
        self.calls: Counter[str] = Counter()
        self.faults: dict[tuple[str, int], OSError | int] = {}
        self.watch: Callable[[], None] = lambda: None

    # What the log calls.

    def create(self, path):
        self._call("create")
        if path in self.files:
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        self.files[path] = File()
        return self._names_changed(self._handle(self.files[path]))

    def open(self, path):
        self._call("open")
        return self._handle(self._find(path))

    def open_to_read(self, path):
        self._call("open_to_read")
        return self._handle(self._find(path))

    def close(self, file):
        del self.handles[file]

    def preallocate(self, file, size):
        self._call("preallocate")
        found = self._of(file)
        found.seen.extend(bytes(size - len(found.seen)))
        found.unsynced.append((0, bytes(size)))  # only ever of a file that is new

    def size(self, file):
        return len(self._of(file).seen)

    def write(self, file, octets, offset):
        short = self._call("write")
        octets = bytes(octets)[:short]
        found = self._of(file)
        _put(found.seen, offset, octets)
        found.unsynced.append((offset, octets))
        self.watch()
        return len(octets)

    def read(self, file, count, offset):
        self._call("read")
        return bytes(self._of(file).seen[offset : offset + count])

    def read_into(self, file, octets, offset):
        self._call("read")
        found = self._of(file).seen[offset : offset + len(octets)]
        octets[: len(found)] = found
        return len(found)

    def sync(self, file):
        found = self._of(file)
        try:
            self._call("sync")
        except OSError:
            # As Linux does it: the pages that could not be written are no longer dirty, so the
            # next sync succeeds without them, and they can still be read.
            found.unsynced.clear()
            raise
        for offset, octets in found.unsynced:
            _put(found.stored, offset, octets)
        found.unsynced.clear()
        self.watch()

    def rename(self, old, new):
        self._call("rename")
        self.files[new] = self.files.pop(old)
        self._names_changed()

    def remove(self, path):
        self._call("remove")
        self._find(path)
        del self.files[path]
        self._names_changed()

    def names(self, directory):
        self._call("names")
        return sorted(path.name for path in self.files if path.parent == directory)

    def sync_directory(self, directory):
        self._call("sync_directory")
        self.stored_names = dict(self.files)
        self.name_changes.clear()
        self.watch()

    def lock(self, directory):
        return self._handle(None)

    # What a test calls.

    def fail(self, call: str, number: int, how: OSError | int) -> None:
        """Make the n-th call from now fail, or a write stop short after so many bytes."""
        self.faults[call, self.calls[call] + number] = how

    def restart(self) -> "SimulatedDisk":
        """The same disk for a new process: nothing is lost, what was not synced still is not."""
        disk = SimulatedDisk()
        disk.files, disk.stored_names = self.files, self.stored_names
        disk.name_changes = self.name_changes
        return disk

    def after_losing_all(self) -> "SimulatedDisk":
        """Power is lost, and only what was synced is there."""
        return self._stored(self.stored_names, lambda file: [])

    def after_storing_all(self) -> "SimulatedDisk":
        """Power is lost after everything was stored, synced or not."""
        return self._stored(self.files, lambda file: file.unsynced)

    def after_a_tear(self, count: int) -> "SimulatedDisk":
        """Power is lost when so many of the unsynced bytes of each file were stored, in order."""

        def first_of(file):
            left = count
            for offset, octets in file.unsynced:
                yield offset, octets[:left]
                left -= len(octets[:left])

        return self._stored(self.files, first_of)

    def after_a_loss(self, chance: random.Random) -> "SimulatedDisk":
        """Power is lost: any unsynced sectors were stored, in any order, some of them twice."""

        def some_of(file):
            kept = chance.random()
            pieces = [piece for piece in file.sectors() if chance.random() < kept]
            pieces += [piece for piece in pieces if chance.random() < 0.1]
            chance.shuffle(pieces)
            return pieces

        names = chance.choice([self.stored_names, *self.name_changes])
        return self._stored(self._without_some_removed(names, chance), some_of)

    def unsynced_bytes(self) -> int:
        """Most bytes of one file that a loss of power may take."""
        counts = [sum(len(o) for _, o in file.unsynced) for file in self.files.values()]
        return max(counts, default=0)

    def content(self) -> dict[Path, bytes]:
        return {path: bytes(file.seen) for path, file in self.files.items()}

    def _without_some_removed(self, names, chance):
        """Of removals, too, a directory may have stored any, in whatever order they were made."""
        removed = {path for path in names if path not in self.files and path.suffix == ".log"}
        gone = {path for path in sorted(removed) if chance.random() < 0.5}
        return {path: file for path, file in names.items() if path not in gone}

    def _stored(self, names, choose):
        files = {}
        for path, file in names.items():
            octets = bytearray(file.stored)
            for offset, piece in choose(file):
                _put(octets, offset, piece)
            files[path] = bytes(octets)
        return SimulatedDisk(files)

    def _call(self, name):
        """Count a call; fails, or returns after how many bytes a write stops, None for never."""
        self.calls[name] += 1
        how = self.faults.get((name, self.calls[name]))
        if isinstance(how, OSError):
            raise how
        return how

    def _names_changed(self, result=None):
        self.name_changes.append(dict(self.files))
        self.watch()
        return result

    def _handle(self, file):
        handle = max(self.handles, default=2) + 1
        self.handles[handle] = file
        return handle

    def _find(self, path):
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return self.files[path]

    def _of(self, handle):
        file = self.handles[handle]
        assert file is not None
        return file


def _put(octets, offset, piece):
    """Write a piece into bytes that grow as a file does."""
    octets.extend(bytes(max(0, offset + len(piece) - len(octets))))
    octets[offset : offset + len(piece)] = piece
