"""A command log whose disk works in a thread of its own, while the engine applies what it writes.

Hashing, writing and syncing leave the interpreter, and so does a run of the engine: on two
processors the slower of the two is what counts. The law is the same: events wait for `durable`, and
that moves when a sync has succeeded.
"""

import threading
import weakref
from collections.abc import Iterator
from queue import Queue
from typing import NamedTuple, Self

import numpy as np

from engine.journal.command_framing import count_commands
from engine.journal.command_log import CommandLog, Records
from engine.journal.log_errors import LogStopped, RecordsRefused, SequenceMismatch
from engine.schema.commands import COMMAND

JOBS_MAX = 128  # that may wait: whoever appends more waits for the disk
# A commit is left to the next one that has been asked for, unless so much waits for it.
COMMIT_BYTES_MAX = 4 << 20


class Append(NamedTuple):
    records: Records
    first_sequence: int


class Commit(NamedTuple):
    number: int  # of the commits asked for


Job = Append | Commit | None  # None: the thread ends


class Desk:
    """What caller and thread share. The thread knows nothing else, so that a log that nobody holds
    any more is let go."""

    def __init__(self, log: CommandLog) -> None:
        self.log = log
        self.jobs: Queue[Job] = Queue(JOBS_MAX)
        self.commits_asked = 0
        self.failure: BaseException | None = None

    def work(self) -> None:
        """Do what is asked, in its order, until the end is asked for or something fails; what is
        asked behind a failure is dropped."""
        waiting_bytes = 0
        while True:
            job = self.jobs.get()
            try:
                if job is None:
                    return
                if self.failure is None and isinstance(job, Append):
                    self.log.append(job.records, job.first_sequence)
                    waiting_bytes += job.records.nbytes
                elif self.failure is None and isinstance(job, Commit):
                    is_last = job.number == self.commits_asked
                    if is_last or waiting_bytes >= COMMIT_BYTES_MAX:
                        self.log.commit()
                        waiting_bytes = 0
            except BaseException as error:
                self.failure = error
            finally:
                self.jobs.task_done()


class ThreadedLog:
    """A `CommandLog` around another one. `append` and `commit` ask and return; `wait` waits."""

    def __init__(self, log: CommandLog) -> None:
        self.last = log.last  # asked for
        self.records_max = log.records_max
        self._log = log
        self._desk = Desk(log)
        self._thread: threading.Thread | None = None
        self._is_told = False  # whether the failure has been raised
        # Whoever forgets to close it leaves no thread behind.
        self._end = weakref.finalize(self, self._desk.jobs.put, None)

    @property
    def first(self) -> int:
        return self._log.first

    @property
    def durable(self) -> int:
        return self._log.durable

    @property
    def chain_hash(self) -> bytes:
        """Of all that was appended."""
        self.wait()
        return self._log.chain_hash

    def append(self, records: Records, expected_sequence: int) -> None:
        """Refuse what can't be kept, as the log would; else a copy of it will be written."""
        self._must_run()
        if expected_sequence != self.last + 1:
            raise SequenceMismatch(expected_sequence, self.last)
        commands = count_commands(records)
        if len(records) > self.records_max:
            raise RecordsRefused(
                f"{len(records)} records where a segment has room for {self.records_max}"
            )
        copy = np.frombuffer(records.tobytes(), COMMAND)
        self._ask(Append(copy, expected_sequence))
        self.last += commands

    def commit(self) -> int:
        """Ask for durability; returns what is durable by now."""
        self._must_run()
        self._desk.commits_asked += 1
        self._ask(Commit(self._desk.commits_asked))
        return self._log.durable

    def wait(self) -> int:
        """Return once all that was asked for is done; what is durable then."""
        self._desk.jobs.join()
        self._must_run()
        return self._log.durable

    def pause(self) -> None:
        """End the thread until the next append: nothing of it may run while a process forks."""
        self.wait()
        self._end_thread()

    def read_from(self, sequence: int) -> Iterator[Records]:
        self.wait()
        return self._log.read_from(sequence)

    def trim(self, before_sequence: int) -> int:
        self.wait()
        return self._log.trim(before_sequence)

    def close(self) -> None:
        """Commit and let go. What has failed and was not said yet is said."""
        self._desk.jobs.join()
        self._end_thread()
        self._log.close()
        if self._desk.failure is not None and not self._is_told:
            self._must_run()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, job: Job) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._desk.work, name="log", daemon=True)
            self._thread.start()
        self._desk.jobs.put(job)

    def _end_thread(self) -> None:
        if self._thread is not None:
            self._desk.jobs.put(None)
            self._thread.join()
            self._thread = None

    def _must_run(self) -> None:
        if self._desk.failure is not None:
            self._is_told = True
            raise LogStopped(str(self._desk.failure)) from self._desk.failure
