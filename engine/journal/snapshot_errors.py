"""What reading or writing a snapshot refuses: one class for each thing a caller may tell apart."""

from engine.journal.log_errors import JournalError


class SnapshotFailed(JournalError):
    """A snapshot is not known to be written: what was there before still is, and it may be there,
    whole, if only the sync of its name failed."""


class OlderNotRemoved(JournalError):
    """The snapshot of `sequence` is written; only one that it makes needless is still there."""

    def __init__(self, sequence: int, what: str) -> None:
        super().__init__(
            f"the snapshot of sequence {sequence} is written, but an older one could not be"
            f" removed: {what}"
        )
        self.sequence = sequence


class SnapshotMissing(JournalError):
    """There is no snapshot of that sequence."""


class SnapshotDamaged(JournalError):
    """A snapshot's bytes are not what was written, or can't be a snapshot."""


class SnapshotForeign(JournalError):
    """A snapshot of another exchange, or no snapshot at all."""


class SnapshotNewer(JournalError):
    """A later version of the product wrote this snapshot."""
