"""Whatever a loss of power leaves: what was acknowledged is a prefix of what is recovered."""

import errno
import random
from contextlib import suppress

import pytest

from engine.journal import segment_writer
from engine.journal.log_errors import JournalError, LogStopped
from engine.journal.segment_writer import LARGE_BATCH_BYTES, ZEROS_AHEAD_BYTES
from tests.journal.log_runs import (
    Witness,
    create_log,
    make_orders,
    make_quotes,
    open_log,
    read_all,
    run_log,
)
from tests.journal.simulated_disk import SimulatedDisk

EIO = OSError(errno.EIO, "Input/output error")
ENOSPC = OSError(errno.ENOSPC, "No space left on device")


class CrashPoints:
    """Loses power behind every change on a disk, in several ways, and recovers each time."""

    def __init__(self, disk, witness, seed, losses):
        self.disk, self.witness, self.losses = disk, witness, losses
        self.chance = random.Random(seed)
        self.count = 0
        self.had_segment = False
        disk.watch = self.lose_power

    def lose_power(self):
        # Before its first segment is durable there is no log to recover.
        if not any(path.suffix == ".log" for path in self.disk.stored_names):
            return
        tear = self.chance.randint(0, self.disk.unsynced_bytes())
        images = [self.disk.after_losing_all(), self.disk.after_storing_all()]
        images.append(self.disk.after_a_tear(tear))
        images += [self.disk.after_a_loss(self.chance) for _ in range(self.losses)]
        for image in images:
            self.witness.must_recover(image)
        self.count += len(images)


def lose_power_often(seed, steps, losses):
    disk, witness = SimulatedDisk(), Witness()
    points = CrashPoints(disk, witness, seed, losses)
    run_log(disk, witness, seed, steps)
    return points.count


@pytest.mark.parametrize("zeros_bytes", [256, ZEROS_AHEAD_BYTES])
@pytest.mark.parametrize("large_bytes", [1, 512, LARGE_BATCH_BYTES])
def test_acknowledged_is_a_prefix_of_recovered_after_any_loss(
    large_bytes, zeros_bytes, monkeypatch
):
    """Where every batch, some, or none goes without zeros written before it, and these reach far
    or not."""
    monkeypatch.setattr(segment_writer, "LARGE_BATCH_BYTES", large_bytes)
    monkeypatch.setattr(segment_writer, "ZEROS_AHEAD_BYTES", zeros_bytes)
    assert sum(lose_power_often(seed, steps=40, losses=4) for seed in range(3)) > 2_000


@pytest.mark.soak
def test_acknowledged_is_a_prefix_of_recovered_after_100_000_losses():
    count = seed = 0
    while count < 100_000:
        seed += 1
        count += lose_power_often(1_000 + seed, steps=100, losses=20)


def test_a_batch_may_be_torn_at_every_byte():
    disk, witness = SimulatedDisk(), Witness()
    witness.log = create_log(disk)
    witness.append(make_orders(1, 3))
    witness.log.commit()
    witness.append(make_quotes(4, 3))
    witness.append(make_orders(5, 2))
    for count in range(disk.unsynced_bytes() + 1):
        witness.must_recover(disk.after_a_tear(count))


def test_a_recovery_may_be_broken_off_itself():
    disk, witness = SimulatedDisk(), Witness()
    witness.log = create_log(disk)
    witness.append(make_orders(1, 5))
    witness.log.commit()
    witness.acknowledged = 5
    for first in range(6, 20, 2):
        witness.append(make_orders(first, 2))
    witness.log = None
    chance, count = random.Random(1), 0
    for _ in range(60):
        image = disk.after_a_loss(chance)
        points = CrashPoints(image, witness, seed=2, losses=4)
        open_log(image)
        count += points.count
    assert count > 60  # a recovery that writes nothing can't be broken off


def test_a_cut_is_reported():
    disk = SimulatedDisk()
    log = create_log(disk)
    log.append(make_orders(1, 2), 1)
    log.commit()
    log.append(make_orders(3, 2), 3)
    torn = disk.after_a_tear(disk.unsynced_bytes() - 1)
    recovery = open_log(torn).recovery
    assert recovery.last == 2
    assert recovery.cut_bytes == 4 * 64 - 1
    assert recovery.cut_offset == 512 + 4 * 64
    assert recovery.cut_what == "the end of a batch was not stored"
    assert open_log(torn.after_losing_all()).recovery.cut_bytes == 0, "it was cut once"


def test_what_follows_a_torn_batch_goes_with_it():
    disk = SimulatedDisk()
    log = create_log(disk)
    log.append(make_orders(1, 12), 1)
    log.append(make_orders(13, 4), 13)
    whole = disk.after_storing_all()
    (path,) = whole.files
    octets = bytearray(whole.content()[path])
    octets[1024:1536] = bytes(512)
    recovered = open_log(SimulatedDisk({path: bytes(octets)}))
    assert recovered.last == 0
    assert recovered.recovery.cut_bytes == 64 * (1 + 12 + 1 + 1 + 4 + 1)


# A fault at the n-th call from the fourth batch on: the call, which one, how.
FAULTS = [
    ("write", 1, EIO),
    ("write", 1, ENOSPC),
    ("write", 1, 0),
    ("write", 1, 63),
    ("write", 1, 200),
    ("write", 2, 319),
    ("write", 5, EIO),
    ("write", 5, 100),
    ("write", 6, 1),
    ("sync", 1, EIO),
    ("sync", 2, EIO),
    ("sync", 3, ENOSPC),
    ("sync", 4, EIO),
    ("sync", 5, EIO),
    ("create", 1, ENOSPC),
    ("preallocate", 1, ENOSPC),
    ("rename", 1, EIO),
    ("sync_directory", 1, EIO),
]


@pytest.mark.parametrize(("call", "number", "how"), FAULTS)
def test_a_failed_disk_stops_the_log_for_good(call, number, how):
    disk, witness = SimulatedDisk(), Witness()
    log = witness.log = create_log(disk)
    witness.append(make_orders(1, 3))
    log.commit()
    disk.fail(call, number, how)
    with pytest.raises(LogStopped, match=r"durable to sequence \d+$") as caught:
        for _ in range(30):
            witness.append(make_orders(log.last + 1, 3))
            log.commit()
    assert "\n" not in str(caught.value)
    assert log.durable >= 3
    calls = disk.calls.copy()
    for attempt in (log.commit, lambda: log.append(make_orders(1, 1), log.last + 1), log.close):
        if attempt == log.close:
            attempt()
        else:
            with pytest.raises(LogStopped):
                attempt()
    assert disk.calls == calls
    chance = random.Random(number)
    for _ in range(20):
        witness.must_recover(disk.after_a_loss(chance))
    witness.must_recover(disk.after_losing_all())


def test_what_a_failed_sync_left_in_memory_is_written_again():
    """The pages count as clean after the failure: a sync alone would not store them."""
    disk, witness = SimulatedDisk(), Witness()
    log = witness.log = create_log(disk)
    witness.append(make_orders(1, 3))
    disk.fail("sync", 1, EIO)
    with pytest.raises(LogStopped):
        log.commit()
    log.close()
    restarted = disk.restart()
    witness.log = open_log(restarted)
    assert witness.log.durable == 3
    witness.must_recover(restarted.after_losing_all())


@pytest.mark.parametrize("call", ["open", "open_to_read", "read", "write", "sync", "remove"])
def test_a_disk_that_fails_while_a_log_is_opened(call):
    disk, witness = SimulatedDisk(), Witness()
    witness.log = create_log(disk)
    witness.append(make_orders(1, 3))
    witness.acknowledged = witness.log.commit()
    witness.append(make_orders(4, 3))
    image = disk.after_a_tear(disk.unsynced_bytes() - 70)
    part = next(iter(image.files)).with_name(f"commands-{7:020}.log.part")
    image.files[part] = image.stored_names[part] = next(iter(image.files.values()))
    image.fail(call, 1, EIO)
    with pytest.raises(JournalError, match="Input/output error"):
        open_log(image)
    assert not image.handles
    witness.log = None
    witness.must_recover(image.restart())


def test_a_segment_in_the_making_is_removed():
    disk = SimulatedDisk()
    log = create_log(disk)
    disk.fail("rename", 1, EIO)
    with pytest.raises(LogStopped, match="creation of the segment of sequence"):
        while True:
            log.append(make_orders(log.last + 1, 3), log.last + 1)
            log.commit()
    durable = log.durable
    opened = open_log(disk.restart())
    assert opened.recovery.parts_removed == 1
    assert opened.last == durable == len(read_all(opened, 1))


@pytest.mark.parametrize("tear", range(64, 448, 64))
def test_zeros_over_a_torn_end_that_fall_short_leave_a_log_that_opens(tear):
    """The opening that cuts a torn batch is stopped by a short write, and the next one is not."""
    disk = SimulatedDisk()
    log = create_log(disk)
    log.append(make_orders(1, 2), 1)
    log.commit()
    log.append(make_orders(3, 4), 3)
    for write in (1, 2, 3):
        for written in (0, 1, 7, 63, 64, 100):
            again = disk.after_a_tear(tear)
            again.fail("write", write, written)
            with suppress(LogStopped):
                open_log(again)
            assert open_log(again.restart()).last >= 2
