"""The embedded log on the operating system's files: killed, short of room, and locked."""

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.journal.disk import RealDisk
from engine.journal.log_errors import LogInUse, LogMissing, LogStopped
from engine.journal.segment_log import SegmentLog
from engine.journal.segment_writer import SegmentWriter
from tests.journal.log_runs import CONFIG_DIGEST, make_orders, read_all

SEGMENT_BYTES = 64 << 10
ROOT = Path(__file__).resolve().parents[2]


def create(directory, disk=None):
    return SegmentLog.create(disk or RealDisk(), directory, CONFIG_DIGEST, SEGMENT_BYTES)


def reopen(directory):
    return SegmentLog.open(RealDisk(), directory, CONFIG_DIGEST, SEGMENT_BYTES)


def fill(log, batches, count=20):
    for _ in range(batches):
        log.append(make_orders(log.last + 1, count), log.last + 1)
        log.commit()


def must_hold(log, acknowledged):
    """All that was appended, from sequence 1, without a gap."""
    assert log.last >= acknowledged
    found = b"".join(read_all(log, 1))
    assert found == make_orders(1, log.last).tobytes()


def test_a_log_lives_on_files(tmp_path):
    with create(tmp_path) as log:
        fill(log, 100)
        assert len(list(tmp_path.iterdir())) > 2
    with reopen(tmp_path) as log:
        assert log.recovery.cut_bytes == 0
        must_hold(log, 2_000)
        log.trim(1_500)
        fill(log, 3)
    with reopen(tmp_path) as log:
        assert log.first > 1 and log.last == 2_060


def test_one_process_writes_a_log(tmp_path):
    with create(tmp_path):
        with pytest.raises(LogInUse):
            reopen(tmp_path)
    reopen(tmp_path).close()
    with pytest.raises(LogMissing):
        reopen(tmp_path / "nothing")


class WithoutPreallocation(RealDisk):
    """Files that grow with their writes, so that a limit on their size is met by a write."""

    def preallocate(self, file, size):
        pass


@pytest.fixture
def file_size_limit():
    """A limit on the size of files that is an error and not a signal."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("limit", [6_000, 9_999, 10_048, 20_001])
def test_a_short_write_stops_the_log(tmp_path, file_size_limit, monkeypatch, limit):
    # The batch itself shall be short, not the zeros before it.
    monkeypatch.setattr(SegmentWriter, "_write_zeros_ahead", lambda writer, end: None)
    log = create(tmp_path, WithoutPreallocation())
    fill(log, 3)
    file_size_limit(limit)
    with pytest.raises(LogStopped, match=r"(only \d+ were written|File too large)"):
        fill(log, 100)
    with pytest.raises(LogStopped):
        log.append(make_orders(log.last + 1, 1), log.last + 1)
    durable = log.durable
    log.close()
    file_size_limit(resource.RLIM_INFINITY)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_size == limit
    os.truncate(path, SEGMENT_BYTES)
    with reopen(tmp_path) as log:
        assert log.last == durable and log.recovery.cut_bytes > 0
        must_hold(log, durable)


def test_no_room_for_the_next_segment_stops_the_log(tmp_path, file_size_limit):
    create(tmp_path).close()
    log = SegmentLog.open(RealDisk(), tmp_path, CONFIG_DIGEST, 2 * SEGMENT_BYTES)
    file_size_limit(SEGMENT_BYTES)
    what = r"creation of the segment of sequence \d+: File too large; durable to sequence \d+$"
    with pytest.raises(LogStopped, match=what):
        fill(log, 100)
    assert log.durable == log.last > 500
    durable = log.durable
    log.close()
    file_size_limit(resource.RLIM_INFINITY)
    with reopen(tmp_path) as log:
        must_hold(log, durable)


class FailingSync(RealDisk):
    def __init__(self, number):
        self.left = number

    def sync(self, file):
        self.left -= 1
        if self.left == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(file)


@pytest.mark.parametrize("number", [2, 3, 9])
def test_a_failed_sync_may_bring_back_what_nobody_was_told(tmp_path, number):
    """Acknowledged is a prefix of recovered and not equal to it."""
    log = create(tmp_path, FailingSync(number))
    with pytest.raises(LogStopped, match="sync of commands-.*: Input/output error"):
        fill(log, 100)
    durable, last = log.durable, log.last
    log.close()
    with reopen(tmp_path) as log:
        assert log.last == last == durable + 20
        must_hold(log, durable)


def kill_once(directory, wait_seconds):
    """Start a child that appends, kill it; returns what it said was acknowledged."""
    command = [sys.executable, "-m", "tests.journal.log_child", str(directory), str(SEGMENT_BYTES)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = child.stdout.readline()
    time.sleep(wait_seconds)
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().splitlines()
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    # The last line may have been cut by the kill.
    return max(int(said), *(int(line) for line in rest[:-1])) if len(rest) > 1 else int(said)


def kill_often(directory, rounds):
    create(directory).close()
    chance = random.Random(1)
    for _ in range(rounds):
        acknowledged = kill_once(directory, chance.random() * 0.03)
        with reopen(directory) as log:
            must_hold(log, acknowledged)


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path):
    kill_often(tmp_path, rounds=5)


@pytest.mark.soak
def test_a_process_killed_200_times_loses_nothing_that_it_acknowledged(tmp_path):
    kill_often(tmp_path, rounds=200)
