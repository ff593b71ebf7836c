"""A command log keeps order, refuses what it can't keep, and calls nothing durable too early."""

import numpy as np
import pytest

from engine.journal.command_log import CommandLog, CommitPolicy, GroupCommit
from engine.journal.log_errors import (
    JournalError,
    LogExists,
    LogStopped,
    RecordsRefused,
    SequenceMismatch,
    SequenceNotHeld,
)
from engine.journal.log_format import SEGMENT_BYTES_MIN, compute_config_digest
from engine.journal.segment_log import SegmentLog
from engine.schema.commands import ADVANCE_TIME, COMMAND, MASS_QUOTE, PLACE_ORDER
from engine.schema.contract import Config
from tests.journal.files import CONFIG
from tests.journal.log_runs import (
    CONFIG_DIGEST,
    DIRECTORY,
    SEGMENT_BYTES,
    commands_of,
    create_log,
    make_orders,
    make_quotes,
    open_log,
    read_all,
)
from tests.journal.simulated_disk import SimulatedDisk


@pytest.fixture
def disk():
    return SimulatedDisk()


@pytest.fixture
def log(disk):
    return create_log(disk)


def join(*parts):
    return np.frombuffer(b"".join(part.tobytes() for part in parts), COMMAND)


def test_a_log_begins_with_sequence_1(log):
    assert (log.first, log.last, log.durable) == (1, 0, 0)
    assert read_all(log, 1) == []


@pytest.mark.parametrize("expected", [-1, 0, 1, 2, 4, 2**63])
def test_an_append_continues_the_log_or_is_refused(log, disk, expected):
    log.append(make_orders(1, 2), 1)
    before = disk.content()
    with pytest.raises(SequenceMismatch) as caught:
        log.append(make_orders(3, 1), expected)
    assert (caught.value.expected, caught.value.last) == (expected, 2)
    assert str(caught.value).endswith("but the log goes on with 3")
    assert disk.content() == before and log.last == 2
    log.append(make_orders(3, 1), 3)


def test_rows_of_a_mass_quote_have_no_sequence(log):
    log.append(join(make_orders(1, 1), make_quotes(2, 3), make_orders(3, 1)), 1)
    assert log.last == 3
    log.commit()
    for sequence, rows in ((1, 6), (2, 5), (3, 1)):
        (records,) = log.read_from(sequence)
        assert len(records) == rows


def changed(records, **fields):
    records = records.copy()
    for name, value in fields.items():
        records[name][1] = value
    return records


BLANK = changed(make_orders(1, 3), client_id=0, account=0, time_ns=0)
# A batch; why it is refused.
REFUSED = [
    (np.zeros(3, np.int64), "records must be one row of dtype COMMAND"),
    (make_orders(1, 4).reshape(2, 2), "records must be one row of dtype COMMAND"),
    (make_orders(1, 0), "the batch is empty"),
    (changed(make_orders(1, 3), kind=ADVANCE_TIME), "record 1: byte 8 must be zero in a command"),
    (BLANK, "record 1: it is blank"),
    (changed(BLANK, kind=0), "record 1: it is blank"),
    (changed(BLANK, kind=0, time_ns=64), "record 1: it is blank"),
    (make_quotes(1, 2)[1:], "record 0: a quote row that belongs to no mass quote"),
    (make_quotes(1, 3)[:3], "record 1: a quote row that belongs to no mass quote"),
    (join(make_orders(1, 1), make_quotes(2, 1)[1:]), "record 1: a quote row"),
    (join(make_quotes(1, 1), make_quotes(2, 1)[1:]), "record 1: a quote row"),
    (make_orders(1, 17), "17 records where a segment has room for 16"),
]


@pytest.mark.parametrize(("records", "what"), REFUSED)
def test_a_batch_that_cannot_be_kept_is_refused_whole(log, disk, records, what):
    before = disk.content()
    with pytest.raises(RecordsRefused) as caught:
        log.append(records, 1)
    assert str(caught.value).startswith(what)
    assert disk.content() == before and log.last == 0
    log.append(make_orders(1, 16), 1)


def test_what_only_the_engine_refuses_is_kept(log):
    """A mass quote without its rows and a kind nobody knows are commands with a sequence."""
    odd = changed(make_orders(1, 3), kind=99)
    odd["kind"][2] = MASS_QUOTE
    odd["order_id"][2] = 0
    log.append(odd, 1)
    log.append(make_orders(4, 1), 4)
    log.commit()
    assert read_all(log, 1) == commands_of(odd) + commands_of(make_orders(4, 1))
    assert changed(make_orders(1, 3), kind=PLACE_ORDER).dtype == COMMAND


def test_a_batch_that_lies_scattered_is_kept(log):
    log.append(make_orders(1, 6)[::2], 1)
    log.commit()
    (records,) = log.read_from(1)
    assert records["time_ns"].tolist() == [1, 3, 5]


def test_durable_moves_with_a_sync_and_not_before(log, disk):
    log.append(make_orders(1, 2), 1)
    log.append(make_orders(3, 2), 3)
    assert (log.last, log.durable) == (4, 0)
    assert read_all(log, 1) == []
    syncs = disk.calls["sync"]
    assert log.commit() == log.durable == 4
    assert disk.calls["sync"] == syncs + 1
    assert log.commit() == 4
    assert disk.calls["sync"] == syncs + 1, "nothing was there to be synced"
    assert len(read_all(log, 1)) == 4


def test_reading_from_any_sequence(log):
    whole = make_orders(1, 40)
    for first in range(0, 40, 4):
        log.append(whole[first : first + 4], first + 1)
    log.commit()
    commands = commands_of(whole)
    for sequence in range(1, 42):
        assert read_all(log, sequence) == commands[sequence - 1 :]
    for sequence in (0, 42):
        with pytest.raises(SequenceNotHeld, match="the log has 1 to 40"):
            log.read_from(sequence)


def test_what_is_read_is_not_copied_and_cannot_be_written(log):
    log.append(make_orders(1, 3), 1)
    log.commit()
    (records,) = log.read_from(1)
    assert records.dtype == COMMAND and records.base is not None
    with pytest.raises(ValueError, match="read-only"):
        records["lots"] = 1


def test_trimming_drops_whole_segments_and_never_the_open_one(log, disk):
    for first in range(1, 41, 4):
        log.append(make_orders(first, 4), first)
    log.commit()
    firsts = sorted(int(path.name[9:29]) for path in disk.files)
    assert len(firsts) == 4
    assert log.trim(firsts[1] - 1) == 1
    assert log.trim(firsts[2]) == firsts[2]
    with pytest.raises(SequenceNotHeld):
        log.read_from(firsts[2] - 1)
    assert log.trim(1_000) == firsts[-1]
    opened = open_log(disk.restart())
    assert (opened.first, opened.last) == (firsts[-1], 40)
    assert len(read_all(opened, opened.first)) == 41 - firsts[-1]


def test_a_closed_log_takes_nothing_and_opens_again(log, disk):
    with log:
        log.append(make_orders(1, 3), 1)
    assert log.durable == 3
    log.close()
    for attempt in (log.commit, lambda: log.append(make_orders(4, 1), 4), lambda: log.trim(2)):
        with pytest.raises(LogStopped, match="it is closed"):
            attempt()
    for _ in range(30):  # the marks of many closings need no room
        with open_log(disk) as opened:
            assert opened.last == 3 and opened.recovery.cut_bytes == 0
    assert len(disk.files) == 1
    opened = open_log(disk)
    opened.append(make_orders(4, 14), 4)
    opened.commit()
    assert len(read_all(opened, 1)) == 17


def test_a_log_is_created_once(log, disk):
    with pytest.raises(LogExists):
        create_log(disk)


@pytest.mark.parametrize("size", [SEGMENT_BYTES_MIN - 64, SEGMENT_BYTES + 1, 2**31])
def test_a_segment_has_a_size_that_can_be_read(disk, size):
    with pytest.raises(ValueError, match="is no size of a segment"):
        SegmentLog.create(disk, DIRECTORY, CONFIG_DIGEST, size)


def test_the_smallest_segment_holds_one_record(disk):
    log = SegmentLog.create(disk, DIRECTORY, CONFIG_DIGEST, SEGMENT_BYTES_MIN)
    for sequence in range(1, 6):
        log.append(make_orders(sequence, 1), sequence)
    log.close()
    opened = SegmentLog.open(disk, DIRECTORY, CONFIG_DIGEST, SEGMENT_BYTES_MIN)
    assert len(read_all(opened, 1)) == 5


def test_a_smaller_open_segment_bounds_the_next_batch(disk):
    SegmentLog.create(disk, DIRECTORY, CONFIG_DIGEST, SEGMENT_BYTES_MIN).close()
    log = open_log(disk)
    with pytest.raises(RecordsRefused, match="room for 1"):
        log.append(make_orders(1, 2), 1)
    log.append(make_orders(1, 1), 1)


def test_a_configuration_has_one_digest():
    assert compute_config_digest(CONFIG) == compute_config_digest(CONFIG)
    assert compute_config_digest(CONFIG) != compute_config_digest(Config(contracts=()))
    with pytest.raises(ValueError, match="has 32 bytes"):
        SegmentLog.create(SimulatedDisk(), DIRECTORY, b"short")


POLICY = CommitPolicy(batches_max=3, bytes_max=10 * 64, wait_max_ns=100)
# Batches as (time, records); the number of syncs behind each.
GROUPS = [
    ([(0, 1), (1, 1), (2, 1), (3, 1)], [0, 0, 1, 1]),  # by count
    ([(0, 9), (1, 1), (2, 1)], [0, 1, 1]),  # by bytes
    ([(0, 1), (99, 1)], [0, 0]),
    ([(0, 1), (100, 1)], [0, 1]),  # by time
    ([(50, 1), (149, 1), (150, 1), (250, 1)], [0, 0, 1, 1]),  # the wait is that of the first
]


@pytest.mark.parametrize(("batches", "syncs"), GROUPS)
def test_a_group_is_committed_by_the_first_of_three_limits(log, disk, batches, syncs):
    group = GroupCommit(log, POLICY)
    before, found = disk.calls["sync"], []
    for now_ns, count in batches:
        durable = group.append(make_orders(log.last + 1, count), log.last + 1, now_ns)
        assert durable == log.durable
        found.append(disk.calls["sync"] - before)
    assert found == syncs


def test_the_last_group_of_a_burst_is_committed_by_the_clock(log):
    group = GroupCommit(log, POLICY)
    group.append(make_orders(1, 1), 1, 1_000)
    assert group.commit_if_due(1_099) == 0
    assert group.commit_if_due(1_100) == 1
    assert group.commit_if_due(2_000) == 1


def test_a_refused_batch_does_not_wait_for_a_commit(log):
    group = GroupCommit(log, POLICY)
    with pytest.raises(JournalError):
        group.append(make_orders(1, 1), 5, 0)
    assert group.commit_if_due(1_000) == 0


def test_the_embedded_log_is_a_command_log(disk):
    found: CommandLog = create_log(disk)  # for mypy: it has all that the protocol asks for
    assert found.commit() == 0


@pytest.mark.parametrize("segment_bytes", [SEGMENT_BYTES_MIN, SEGMENT_BYTES])
def test_the_largest_batch_fits_behind_a_close_that_came_before_the_first_one(disk, segment_bytes):
    """Else the next segment would begin with the same sequence, and take the place of this one."""
    SegmentLog.create(disk, DIRECTORY, CONFIG_DIGEST, segment_bytes).close()
    with SegmentLog.open(disk, DIRECTORY, CONFIG_DIGEST, segment_bytes) as log:
        records = make_orders(1, log.records_max)
        log.append(records, 1)
        log.commit()
        assert log.trim(1) == 1
    with SegmentLog.open(disk, DIRECTORY, CONFIG_DIGEST, segment_bytes) as log:
        assert log.last == len(records)
        assert read_all(log, 1) == commands_of(records)


def test_13_1_a_segment_is_never_made_over_a_file(log, disk):
    """Somebody has put one of the next name there while the log was open."""
    log.append(make_orders(1, 12), 1)
    log.commit()
    path = DIRECTORY / f"commands-{13:020}.log"
    file = disk.create(path)
    disk.write(file, b"not ours", 0)
    disk.close(file)
    with pytest.raises(LogStopped, match="there is a file of that name"):
        log.append(make_orders(13, 12), 13)
    assert disk.content()[path] == b"not ours"
    assert log.durable == 12
