"""A command log whose disk works in a thread of its own, while the engine applies what it writes.

Hashing, writing and syncing leave the interpreter, and so does a run of the engine: on two
processors the slower of the two is what counts. The law is the same: events wait for `durable`, and
that moves when a sync has succeeded.

One caller at a time, who may be interrupted anywhere. So nothing is shared but queues whose calls
are each one step of the interpreter (`SimpleQueue`; a `Queue` that is left half-way through a put
never wakes anybody again), and whoever waits looks whether the thread still lives.
"""

import os
import threading
import time
import weakref
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import NamedTuple, Self

import numpy as np

from engine.journal.command_framing import must_continue
from engine.journal.command_log import Records
from engine.journal.log_errors import LogStopped, SequenceMismatch
from engine.journal.segment_log import SegmentLog
from engine.schema.commands import COMMAND

BATCHES_MAX = 128  # that may wait: whoever appends more waits for the disk
# A commit waits while there is more to write, unless so much waits for it: syncs carry more when
# the disk is behind, and come at once when it is not.
COMMIT_BYTES_MAX = 4 << 20
LOOK_SECONDS = 0.2  # between two looks whether a thread that should answer still lives
PAUSE_SECONDS = 0.0005


class Append(NamedTuple):
    """A batch that continues the log."""

    records: Records
    commands: int
    first_sequence: int


class Commit(NamedTuple):
    """Make durable what was appended."""


class Question(NamedTuple):
    """Answered by its number once everything before it is done."""

    number: int


Job = Append | Commit | Question | None  # None: the thread ends


class Desk:
    """What caller and thread share. The thread knows nothing else, so that a log that nobody holds
    any more is let go."""

    def __init__(self, log: SegmentLog) -> None:
        self.log = log
        self.jobs: SimpleQueue[Job] = SimpleQueue()
        self.answers: SimpleQueue[int] = SimpleQueue()
        self.appended = 0  # batches, by the thread
        self.failure: BaseException | None = None
        self._turn = threading.Lock()  # of the one thread that works
        self._is_wanted = False  # a commit
        self._waiting, self._waiting_bytes = 0, 0  # batches without one

    def work(self) -> None:
        """Do what is asked, in its order, until the end is asked for; what is asked behind a
        failure is dropped. A second thread, of a start that was interrupted, has nothing to do."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._work()
        finally:
            self._turn.release()

    def _work(self) -> None:
        while (job := self.jobs.get()) is not None:
            try:
                match job:
                    case Question():
                        self._commit_if_wanted()
                    case Append():
                        self._append(job)
                    case Commit():
                        self._is_wanted = True
                is_much = self._waiting_bytes >= COMMIT_BYTES_MAX
                if self.jobs.empty() or is_much or self._waiting >= BATCHES_MAX:
                    self._commit_if_wanted()
            except BaseException as error:
                self.failure = error
            if isinstance(job, Question):  # whoever is answered must see what has failed
                self.answers.put(job.number)

    def _append(self, job: Append) -> None:
        try:
            if self.failure is None:
                self._must_continue(job)
                self._waiting += 1
                self._waiting_bytes += job.records.nbytes
                self.log.append_checked(job.records, job.commands)
        finally:
            self.appended += 1

    def _must_continue(self, job: Append) -> None:
        """Whoever has asked believes that other commands stand before his than do. To leave his
        batch out would not do: he goes on counting, and takes what is durable for his own."""
        if job.first_sequence != self.log.last + 1:
            raise SequenceMismatch(job.first_sequence, self.log.last)

    def _commit_if_wanted(self) -> None:
        if self._is_wanted and self.failure is None:
            self.log.commit()
            self._is_wanted = False
            self._waiting, self._waiting_bytes = 0, 0


class ThreadedLog:
    """A `CommandLog` around one of segments. `append` and `commit` ask and return; `wait` waits.

    A close that was interrupted has let nothing go, and can be called again.
    """

    def __init__(self, log: SegmentLog) -> None:
        self.last = log.last  # asked for
        self.records_max = log.records_max
        self._log = log
        self._desk = Desk(log)
        self._process = os.getpid()
        self._thread: threading.Thread | None = None
        self._batches = 0  # asked for
        self._is_counted = True  # what was asked for, in `last` and `_batches`
        self._questions = 0
        self._is_closed = False
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
        """Refuse what can't be kept, as the log would; else a copy of it will be written. Behind
        one that was interrupted, SequenceMismatch tells that its batch was taken."""
        self._must_run()
        if not self._is_counted:
            self._count_anew()
        records, commands = must_continue(records, expected_sequence, self.last, self.records_max)
        while self._batches - self._desk.appended >= BATCHES_MAX:
            self._keep_thread()
            time.sleep(PAUSE_SECONDS)
        copied = np.frombuffer(records.tobytes(), COMMAND)
        self._is_counted = False
        self._ask(Append(copied, commands, expected_sequence))
        self._batches += 1
        self.last += commands
        self._is_counted = True

    def commit(self) -> int:
        """Ask for durability; returns what is durable by now."""
        self._must_run()
        self._ask(Commit())
        return self._log.durable

    def wait(self) -> int:
        """Return once all that was asked for is done; what is durable then."""
        self._must_run()
        self._settle()
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
        """Commit and let go. What has failed and was not said yet is said. In a child of the
        process the log is not its own, and nothing is done."""
        if os.getpid() != self._process:
            return
        self._is_closed = True
        self._settle()
        self._end_thread()
        self._log.close()
        if self._desk.failure is not None and not self._is_told:
            self._is_told = True
            raise LogStopped(str(self._desk.failure)) from self._desk.failure

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _count_anew(self) -> None:
        """An append that was interrupted may have asked for its batch and not have counted it. The
        log knows, once all is done; before that, another batch with the same sequence would be
        asked for, and what is durable of the first be told of the second."""
        self.wait()
        self.last, self._batches = self._log.last, self._desk.appended
        self._is_counted = True

    def _ask(self, job: Job) -> None:
        self._keep_thread()
        self._desk.jobs.put(job)

    def _keep_thread(self) -> None:
        """Start the thread where none is at work: at first, behind a pause, or when the end of one
        was asked for by a call that was interrupted."""
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._desk.work, name="log", daemon=True)
            thread.start()
            self._thread = thread

    def _settle(self) -> None:
        """Wait until nothing that was asked for is left to do."""
        if self._thread is None and self._desk.jobs.empty():
            return
        self._questions += 1
        number, answered = self._questions, 0
        self._ask(Question(number))
        while answered < number:  # there may be answers that an interrupted call did not take
            try:
                answered = self._desk.answers.get(timeout=LOOK_SECONDS)
            except Empty:
                self._keep_thread()

    def _end_thread(self) -> None:
        if self._thread is not None:
            self._desk.jobs.put(None)
            self._thread.join()
            self._thread = None

    def _must_run(self) -> None:
        if self._desk.failure is not None:
            self._is_told = True
            raise LogStopped(str(self._desk.failure)) from self._desk.failure
        if self._is_closed:
            raise LogStopped("the log has stopped: it is closed")
        if os.getpid() != self._process:
            raise LogStopped("the log is that of another process")
