"""A log written by a thread of its own keeps the law of every command log."""

import errno
import itertools
import sys
import threading
import time
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from engine.journal import log_thread
from engine.journal.command_log import CommandLog
from engine.journal.disk import RealDisk
from engine.journal.log_errors import LogStopped, RecordsRefused, SequenceMismatch
from engine.journal.log_thread import (
    BATCHES_MAX,
    COMMIT_BYTES_MAX,
    Append,
    Commit,
    Desk,
    Question,
    ThreadedLog,
)
from engine.journal.read_ahead import read_ahead
from engine.journal.segment_log import SegmentLog
from tests.journal.log_runs import (
    CONFIG_DIGEST,
    SEGMENT_BYTES,
    commands_of,
    create_log,
    make_orders,
    open_log,
    read_all,
)
from tests.journal.simulated_disk import SimulatedDisk


@pytest.fixture
def disk():
    return SimulatedDisk()


@pytest.fixture
def log(disk):
    with ThreadedLog(create_log(disk)) as threaded:
        yield threaded


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "log"]


class CountingLog:
    """What a thread is asked to do, written down."""

    def __init__(self):
        self.last = 0
        self.done = []

    def append_checked(self, records, commands):
        self.last += commands
        self.done.append(self.last)

    def commit(self):
        self.done.append("commit")


def test_13_1_what_is_waited_for_is_durable(disk, log):
    written = make_orders(1, 3)
    log.append(written, 1)
    log.commit()
    assert log.wait() == 3 == log.durable
    recovered = open_log(disk.after_losing_all())
    assert read_all(recovered, 1) == commands_of(written)


def test_13_1_what_was_given_is_what_is_written(disk, log):
    records = make_orders(1, 2)
    given = commands_of(records)
    log.append(records, 1)
    records["client_id"] = 0  # the caller's array is the caller's again
    log.commit()
    log.wait()
    assert read_all(open_log(disk.after_losing_all()), 1) == given


@pytest.mark.parametrize(
    ("records", "expected_sequence", "refusal"),
    [
        (make_orders(1, 1), 2, SequenceMismatch),
        (make_orders(1, 0), 1, RecordsRefused),
        (np.zeros(1, "<u8"), 1, RecordsRefused),
        (make_orders(1, 1_000), 1, RecordsRefused),  # no segment of the test has room for it
    ],
)
def test_13_1_a_refusal_is_that_of_the_call(log, records, expected_sequence, refusal):
    with pytest.raises(refusal):
        log.append(records, expected_sequence)
    assert (log.last, log.wait()) == (0, 0)


@pytest.mark.parametrize("call", ["write", "sync"])
def test_13_1_a_disk_that_fails_stops_it_at_the_next_call(disk, log, call):
    disk.fail(call, 1, OSError(errno.EIO, "Input/output error"))
    log.append(make_orders(1, 1), 1)
    log.commit()
    with pytest.raises(LogStopped, match="Input/output error"):
        log.wait()
    for again in (log.commit, log.wait, lambda: log.append(make_orders(2, 1), 2)):
        with pytest.raises(LogStopped):
            again()
    assert log.durable == 0


def test_13_1_a_failure_that_nobody_was_told_is_said_at_the_end(disk):
    log = ThreadedLog(create_log(disk))
    disk.fail("sync", 1, OSError(errno.EIO, "Input/output error"))
    log.append(make_orders(1, 1), 1)
    log.commit()
    with pytest.raises(LogStopped):
        log.close()
    log.close()
    open_log(disk.after_losing_all())  # and it has let the directory go


def done_of(*jobs):
    log = CountingLog()
    desk = Desk(log)  # type: ignore[arg-type]
    for job in jobs:
        desk.jobs.put(job)
    desk.jobs.put(None)
    desk.work()
    return log.done


def test_13_1_a_commit_waits_while_there_is_more_to_write_but_not_for_ever():
    one, much = np.zeros(1, "V64"), np.zeros(COMMIT_BYTES_MAX // 64, "V64")
    first, second, third, fourth = (
        Append(records, 1, sequence) for sequence, records in enumerate((one, much, one, one), 1)
    )
    asked = [first, Commit(), second, third, Commit(), fourth]
    assert done_of(*asked, Question(1)) == [1, 2, "commit", 3, 4, "commit"]
    many = [Append(one, 1, sequence) for sequence in range(1, BATCHES_MAX + 2)]
    assert done_of(Commit(), *many)[-2:] == ["commit", BATCHES_MAX + 1]


def test_13_1_whoever_is_ahead_of_the_disk_waits_for_it(log):
    released = threading.Event()

    class HeldLog(CountingLog):
        def append_checked(self, records, commands):
            released.wait()
            super().append_checked(records, commands)

    log._desk.log = HeldLog()
    caller = threading.Thread(
        target=lambda: [log.append(make_orders(k, 1), k) for k in range(1, BATCHES_MAX + 3)]
    )
    caller.start()
    while log.last < BATCHES_MAX:
        time.sleep(0.001)
    time.sleep(0.01)
    assert caller.is_alive() and log.last == BATCHES_MAX
    released.set()
    caller.join()
    assert log.last == BATCHES_MAX + 2


def test_13_1_an_end_that_was_asked_for_by_an_interrupted_call_holds_up_nobody(log):
    log.append(make_orders(1, 1), 1)
    log._desk.jobs.put(None)  # as if a pause had been interrupted behind it
    log.append(make_orders(2, 1), 2)
    log.commit()
    assert log.wait() == 2
    log._questions += 1
    log._desk.answers.put(log._questions)  # of a wait that was interrupted
    log.append(make_orders(3, 1), 3)
    log.commit()
    assert log.wait() == 3


@contextmanager
def interrupted_at(step):
    """Interrupt the calls of a log at a line, or, where a Python tells them, at an instruction;
    yields a list that has an item once it has happened."""
    left = [step]
    happened: list[str] = []

    def count(frame, event, _):
        if event in ("line", "opcode") and not happened:
            left[0] -= 1
            if not left[0]:
                happened.append(frame.f_code.co_name)
                raise KeyboardInterrupt
        return count

    def look(frame, event, _):
        if frame.f_code.co_filename != log_thread.__file__:
            return None
        frame.f_trace_opcodes = True
        return count

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield happened
    finally:
        sys.settrace(before)


def test_13_1_an_append_that_was_interrupted_anywhere_is_never_written_twice():
    """What is tried in its place is another batch. It is there, or refused, and then the first is
    there: what was taken and became durable is a prefix of what is recovered."""
    endings = set()
    for step in itertools.count(1):
        disk = SimulatedDisk()
        with ThreadedLog(create_log(disk)) as log:
            log.append(make_orders(1, 1), 1)
            log.commit()
            expected, other = make_orders(2, 2), make_orders(9, 1)
            try:
                with interrupted_at(step) as happened:
                    log.append(expected, 2)
            except KeyboardInterrupt:
                try:
                    log.append(other, 2)
                    expected = other
                except SequenceMismatch as mismatch:
                    assert mismatch.last == 3
            assert log.last == 1 + len(expected)
            log.append(make_orders(4, 1), log.last + 1)
            log.commit()
            assert log.wait() == log.last
        if not happened:
            break
        endings.add(len(expected))
        found = read_all(open_log(disk.after_losing_all()), 1)
        taken = (make_orders(1, 1), expected, make_orders(4, 1))
        assert found == [command for records in taken for command in commands_of(records)]
    assert endings == {1, 2}


def test_13_1_a_batch_that_does_not_continue_the_log_stops_its_thread(log):
    """Somebody has asked whose count is wrong, a second caller or what no test has thought of."""
    log.append(make_orders(1, 1), 1)
    log._ask(Append(make_orders(7, 1), 1, 1))
    with pytest.raises(LogStopped, match="begins with sequence 1, but the log goes on with 2"):
        log.wait()
    with pytest.raises(LogStopped):
        log.append(make_orders(2, 1), 2)


def test_13_1_two_threads_never_work_at_once():
    desk = Desk(CountingLog())  # type: ignore[arg-type]
    first = threading.Thread(target=desk.work)
    first.start()
    while not desk._turn.locked():
        time.sleep(0.001)
    desk.work()  # returns at once
    assert first.is_alive()
    desk.jobs.put(None)
    first.join()
    assert desk.jobs.empty() and not desk._turn.locked()


def test_13_1_a_thread_that_can_not_start_leaves_the_directory_free(tmp_path, monkeypatch):
    log = ThreadedLog(SegmentLog.create(RealDisk(), tmp_path, CONFIG_DIGEST, SEGMENT_BYTES))

    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        log.append(make_orders(1, 1), 1)
    log.close()
    SegmentLog.open(RealDisk(), tmp_path, CONFIG_DIGEST, SEGMENT_BYTES).close()


def test_13_1_what_is_closed_takes_nothing_more(disk):
    log = ThreadedLog(create_log(disk))
    log.close()
    for call in (log.commit, log.wait, lambda: log.append(make_orders(1, 1), 1)):
        with pytest.raises(LogStopped, match="closed"):
            call()
    assert threads() == []


def test_13_1_a_child_process_has_no_part_in_it(log, monkeypatch):
    log.append(make_orders(1, 1), 1)
    monkeypatch.setattr(log, "_process", -1)
    with pytest.raises(LogStopped, match="another process"):
        log.append(make_orders(2, 1), 2)
    log.close()
    monkeypatch.undo()
    assert log.commit() <= 1 and log.wait() == 1


def test_13_1_no_thread_runs_before_it_is_needed_nor_beside_a_fork(log):
    assert threads() == []
    log.append(make_orders(1, 1), 1)
    assert len(threads()) == 1
    log.pause()
    assert threads() == []
    log.append(make_orders(2, 1), 2)
    log.commit()
    assert log.wait() == 2


def test_a_log_that_nobody_holds_leaves_no_thread(disk):
    log = ThreadedLog(create_log(disk))
    log.append(make_orders(1, 1), 1)
    (thread,) = threads()
    del log
    thread.join(10)
    assert not thread.is_alive()


def test_a_threaded_log_is_a_command_log(disk):
    found: CommandLog = ThreadedLog(create_log(disk))  # for mypy: it has all that is asked for
    assert found.commit() == 0
    found.close()


def test_items_are_read_ahead_in_their_order_and_what_making_them_raises_is_raised():
    def make():
        yield from range(20)
        raise ValueError("the twenty-first")

    found = []
    with pytest.raises(ValueError, match="twenty-first"):
        for item in read_ahead(make(), 4):
            found.append(item)
    assert found == list(range(20))
    assert list(read_ahead(iter(()), 4)) == []


def test_what_is_read_ahead_can_be_left():
    made = []

    def make():
        for k in range(1_000):
            made.append(k)
            yield k

    for item in read_ahead(make(), 4):
        if item == 10:
            break
    assert len(made) <= 20


class FailingLog(CountingLog):
    def commit(self):
        raise OSError(errno.EIO, "no")


def test_who_is_answered_can_see_what_has_failed():
    log: Any = FailingLog()
    desk = Desk(log)
    for job in (Commit(), Question(1), None):
        desk.jobs.put(job)
    seen = []

    class Answers:
        def put(self, number):
            seen.append((number, desk.failure is not None))

    answers: Any = Answers()
    desk.answers = answers
    desk.work()
    assert seen == [(1, True)]
