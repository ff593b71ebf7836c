"""The command log as its callers see it: append, commit, read, trim.

A log holds commands in the order of their sequence numbers, dense from its first. A batch is
appended as a whole; a quote row is a record without a sequence number, so a batch of records may
hold fewer commands.

The law of every implementation: what was durable is a prefix of what is recovered. Not equal to
it: a batch that was written and never acknowledged may come back after a restart. So nobody may be
told that a command was taken before `durable` has reached it, and a client that was told nothing
must be able to ask.

How a replicated log fits. `append` is a compare-and-append: the expected sequence is what a
JetStream publish carries as the expected last sequence and what a Raft leader checks against its
last entry. The embedded log knows the answer at once; a replicated one may take a batch into its
window, advance `last` and learn later that another writer was first. It then stops: the next
call raises `LogStopped`, as after a failed disk, and the caller's state ahead of `durable` is
void. `commit` asks for durability and returns what is durable by then. The embedded log returns
with everything durable, one with a thread of its own or a replicated one may return with less, and
`durable` moves on as the disk or a majority acknowledges. A caller that releases answers up to
`durable`, and looks again on its next turn or waits, is right with all; one that takes `commit` for
the acknowledgement of all that it appended is wrong. `read_from` ends at `durable`, never behind
it, so a standby that follows the log applies nothing that could be taken back.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]


class CommandLog(Protocol):
    """A durable, ordered log of COMMAND records, with one writer."""

    @property
    def first(self) -> int:
        """The oldest sequence that is held, or would be once it is appended."""

    @property
    def last(self) -> int:
        """The last sequence appended; `first - 1` in a log that holds none."""

    @property
    def durable(self) -> int:
        """The last sequence that survives a loss of power."""

    @property
    def records_max(self) -> int:
        """Most records of a batch."""

    @property
    def chain_hash(self) -> bytes:
        """Of all batches so far: what a checkpoint signs."""

    def append(self, records: Records, expected_sequence: int) -> None:
        """Add one batch whose first command has the expected sequence, which is `last + 1`."""

    def commit(self) -> int:
        """Ask for durability of all that was appended; returns `durable`."""

    def wait(self) -> int:
        """Wait for what was asked for; returns `durable`, then all that was to be committed."""

    def pause(self) -> None:
        """Let nothing of the log run beside its caller until the next append: before a fork."""

    def read_from(self, sequence: int) -> Iterator[Records]:
        """The records from a command on, batch by batch, to the last durable one.

        Views that can't be written to; nothing in them is copied.
        """

    def trim(self, before_sequence: int) -> int:
        """Drop what lies before a sequence, in whole pieces only; returns the new `first`."""

    def close(self) -> None:
        """Commit and let go."""


class CommitPolicy(NamedTuple):
    """When a group of batches is committed: at whichever of the three comes first."""

    batches_max: int = 64
    bytes_max: int = 1 << 20
    wait_max_ns: int = 1_000_000


class GroupCommit:
    """Appends to a log and commits by a policy. The time is the caller's, nanoseconds.

    One sync carries every batch that came before it, so with many small batches the log is as fast
    as the disk is wide, not as its syncs are long; the price is the wait of the first of them.
    """

    def __init__(self, log: CommandLog, policy: CommitPolicy) -> None:
        self.log = log
        self.policy = policy
        self._batches = 0  # that wait for a commit
        self._bytes = 0
        self._since_ns = 0

    def append(self, records: Records, expected_sequence: int, now_ns: int) -> int:
        """Add a batch, commit when that is due; returns what is durable."""
        self.log.append(records, expected_sequence)
        if not self._batches:
            self._since_ns = now_ns
        self._batches += 1
        self._bytes += records.nbytes
        return self.commit_if_due(now_ns)

    def commit_if_due(self, now_ns: int) -> int:
        """Called now and then, so that the last batches of a burst do not wait for the next."""
        if self._is_due(now_ns):
            self._batches = self._bytes = 0
            return self.log.commit()
        return self.log.durable

    def _is_due(self, now_ns: int) -> bool:
        return self._batches > 0 and (
            self._batches >= self.policy.batches_max
            or self._bytes >= self.policy.bytes_max
            or now_ns - self._since_ns >= self.policy.wait_max_ns
        )
