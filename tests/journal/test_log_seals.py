"""A segment that was full is sealed, whatever left its seal out: a missing one is missed (13.1)."""

import errno
import random
from contextlib import suppress
from pathlib import Path

import pytest

from engine.journal import segment_log
from engine.journal.log_errors import LogDamaged, LogStopped, SequenceBroken
from engine.journal.log_format import MARK_BYTES, SEGMENT_HEADER_BYTES, SLOT
from engine.journal.segment_log import SegmentLog
from tests.journal.log_runs import (
    SEGMENT_BYTES,
    Witness,
    commands_of,
    create_log,
    make_orders,
    open_log,
    read_all,
)
from tests.journal.simulated_disk import SimulatedDisk

EIO = OSError(errno.EIO, "Input/output error")
SEAL_AT = 512 + 2 * 7 * 64  # behind two batches of five records


def append(log: SegmentLog) -> None:
    log.append(make_orders(log.last + 1, 5), log.last + 1)
    log.commit()


def make_log(batches: int) -> tuple[SegmentLog, SimulatedDisk]:
    """Each segment has room for two of the batches."""
    disk = SimulatedDisk()
    log = create_log(disk)
    for _ in range(batches):
        append(log)
    return log, disk


def without_seal(files: dict[Path, bytes], number: int, kept: range) -> dict[Path, bytes]:
    """Of the seal of a segment only some bytes were stored."""
    path = sorted(files)[number]
    octets = bytearray(files[path])
    assert octets[SEAL_AT + 60 : SEAL_AT + 64] == b"seal"
    for at in range(MARK_BYTES):
        if at not in kept:
            octets[SEAL_AT + at] = 0
    return files | {path: bytes(octets)}


def must_miss_the_last(disk: SimulatedDisk) -> None:
    """All that is durable, but for the last segment, is no log."""
    files = disk.after_losing_all().content()
    del files[max(files)]
    with pytest.raises(SequenceBroken, match="was sealed, and the one that goes on"):
        open_log(SimulatedDisk(files))


@pytest.mark.parametrize(
    ("call", "how"),
    [("sync", EIO), ("write", EIO), *(("write", n) for n in (0, 1, 63, 64, 65, 100, 127))],
)
def test_13_1_a_seal_that_failed_is_put_by_the_next_opening(call, how):
    """The next segment was made, then the disk failed: the log has stopped, and the seal is not
    there, in part, or in memory only."""
    log, disk = make_log(2)
    disk.fail(call, 2, how)
    with pytest.raises(LogStopped):
        append(log)
    log.close()
    assert len(disk.content()) == 2
    for again in (disk.restart(), disk.after_losing_all(), disk.after_storing_all()):
        opened = open_log(again)
        assert opened.last == 10
        must_miss_the_last(again)
        append(opened)
        must_miss_the_last(again)
        assert open_log(again.after_losing_all()).recovery.seals_put == 0


@pytest.mark.parametrize("kept", [range(0), range(64), range(64, 128), range(100), range(40, 60)])
def test_13_1_a_seal_that_a_crash_left_out_is_put_by_the_next_opening(kept):
    """Of the last segment but one, with commands behind it, and of any before."""
    log, disk = make_log(7)
    commands = read_all(log, 1)
    files = without_seal(disk.content(), 2, kept)
    for one in (files, without_seal(files, 0, kept)):
        again = SimulatedDisk(one)
        opened = open_log(again)
        assert opened.recovery.seals_put == (1 if one is files else 2)
        assert read_all(opened, 1) == commands
        must_miss_the_last(again)
        assert again.after_losing_all().content() == disk.content()


def test_13_1_an_opening_that_puts_a_seal_may_be_broken_off():
    """At every change of the disk, with all, none, or some of what was not synced, and torn at
    every byte of the seal."""
    log, disk = make_log(3)
    witness = Witness()
    witness.commands, witness.acknowledged = read_all(log, 1), 15
    chance = random.Random(1)
    count = 0

    def lose_power(image: SimulatedDisk) -> None:
        nonlocal count
        tears = range(image.unsynced_bytes() + 1)
        images = [image.after_losing_all(), image.after_storing_all()]
        images += [image.after_a_tear(tear) for tear in tears]
        images += [image.after_a_loss(chance) for _ in range(8)]
        for lost in images:
            witness.must_recover(lost.restart())
        count += len(images)

    for kept in (range(0), range(64), range(64, 128), range(30)):
        image = SimulatedDisk(without_seal(disk.content(), 0, kept))
        image.watch = lambda image=image: lose_power(image)  # type: ignore[misc]
        open_log(image)
    assert count > 1_000


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("how", [EIO, 0, 1, 63, 64, 100, 127])
def test_13_1_an_opening_that_fails_to_put_a_seal_can_be_tried_again(number, how):
    _, disk = make_log(3)
    for kept in (range(0), range(64), range(64, 128), range(30)):
        image = SimulatedDisk(without_seal(disk.content(), 0, kept))
        image.fail("write", number, how)
        with suppress(LogStopped):
            open_log(image)
        again = image.restart()
        assert open_log(again).last == 15
        must_miss_the_last(again)


def test_13_1_what_stands_behind_a_seal_that_was_left_out_goes_before_it_comes():
    """Where no batch has come to a stray byte is cut; behind a seal it would be damage."""
    log, disk = make_log(3)
    files = without_seal(disk.content(), 0, range(0))
    path = min(files)
    files[path] = files[path][:-1] + b"?"
    image, images = SimulatedDisk(files), []
    image.watch = lambda: images.append(image.after_storing_all())
    open_log(image)
    append(log)
    more = commands_of(make_orders(11, 5))
    for left in [*images, image]:
        assert read_all(open_log(left), 11) == more
    assert image.content() == make_log(3)[1].content()
    assert len(files[path]) == SEGMENT_BYTES


def test_13_1_a_segment_without_room_for_its_seal_is_refused(monkeypatch):
    """No log writes one; a seal put into it would be put over its last batch."""
    disk = SimulatedDisk()
    log = create_log(disk)
    with monkeypatch.context() as patch:
        patch.setattr(segment_log, "MARK_BYTES", 0)
        patch.setattr(SegmentLog, "records_max", 10**6)
        orders = (SEGMENT_BYTES - SEGMENT_HEADER_BYTES) // SLOT - MARK_BYTES // SLOT
        log.append(make_orders(1, orders), 1)
        log.commit()
        log._make_segment(log.last + 1)
    log.append(make_orders(log.last + 1, 3), log.last + 1)
    log.close()
    before = disk.content()
    with pytest.raises(LogDamaged, match="no room for the segment's seal"):
        open_log(disk)
    assert disk.content() == before
