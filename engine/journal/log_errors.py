"""What a command log refuses: one class for each thing a caller may want to tell apart.

Each is one English line. What damage is and what a torn tail is: `log_recovery.py`.
"""


class JournalError(Exception):
    """Anything that a command log refuses or fails in."""


class LogStopped(JournalError):
    """The log takes nothing any more: a write or a sync failed, or it was closed.

    A failed sync is never tried again: the kernel may have dropped the pages that it could not
    write, and the second call would then report success for data that is nowhere.
    """


class EventsHeld(JournalError):
    """Events of earlier commands wait to be told first."""


class SequenceMismatch(JournalError):
    """An append does not continue the log: it expected another sequence number."""

    def __init__(self, expected: int, last: int) -> None:
        super().__init__(
            f"the batch begins with sequence {expected}, but the log goes on with {last + 1}"
        )
        self.expected, self.last = expected, last


class RecordsRefused(JournalError):
    """A batch that can't be logged; nothing of it was written."""


class LogMissing(JournalError):
    """There is no log where one was to be opened."""


class LogExists(JournalError):
    """There is a log already where one was to be created."""


class LogInUse(JournalError):
    """Another process writes this log."""


class LogUnreadable(JournalError):
    """The operating system failed a read, or does not let us at the files."""


class ForeignLog(JournalError):
    """Not a segment of a log, or one of an exchange with another configuration."""


class NewerVersion(JournalError):
    """A later version of the product wrote this log."""


class SequenceBroken(JournalError):
    """Whole pieces do not follow each other: a gap, a fork, a swapped or a missing segment."""


class LogDamaged(JournalError):
    """Bytes that were durable are not what was written. `offset` is in the file, in bytes."""

    def __init__(self, name: str, offset: int, what: str) -> None:
        super().__init__(f"{name}: offset {offset}: {what}")
        self.name, self.offset, self.what = name, offset, what


class SequenceNotHeld(JournalError):
    """A reader asked for a sequence that was trimmed away or is not durable yet."""
