"""Snapshots beside their log: which are taken, kept and gone by (13.1)."""

import itertools
import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from engine.journal import snapshot
from engine.journal.disk import RealDisk
from engine.journal.durable import DurableExchange
from engine.journal.log_errors import (
    JournalError,
    LogStopped,
    LogUnreadable,
    SequenceBroken,
    SequenceNotHeld,
)
from engine.journal.snapshot import find_snapshots, path_of
from engine.journal.snapshot_errors import OlderNotRemoved, SnapshotFailed
from engine.journal.verification import Verifier
from engine.journal.whole_file import publish
from engine.schema import commands as c
from engine.schema.contract import Config
from tests.journal.durable_runs import (
    DIRECTORY,
    START_NS,
    open_on,
    story_of,
    stream_of,
    trimmed,
)
from tests.journal.simulated_disk import SimulatedDisk
from tests.oracle.workload import configs
from tests.property.both import join


def test_13_1_a_damaged_snapshot_is_passed_over():
    disk = SimulatedDisk()
    durable = story_of(disk)
    first = durable.snapshot()
    durable.submit(c.Deposit(time_ns=START_NS, account=2, amount=1))
    second = durable.snapshot()
    digest = durable.exchange.digest()
    durable.close()
    content = disk.content()
    octets = bytearray(content[path_of(DIRECTORY, second)])
    octets[-1] ^= 1
    broken = SimulatedDisk(content | {path_of(DIRECTORY, second): bytes(octets)})
    opened = open_on(broken, configs()["queue"])
    assert (opened.opening.snapshot, opened.opening.replayed) == (first, 1)
    assert len(opened.opening.passed_over) == 1
    assert opened.exchange.digest() == digest


def test_13_1_a_snapshot_ahead_of_its_log_is_refused():
    disk = SimulatedDisk()
    durable = story_of(disk)
    sequence = durable.snapshot()
    durable.close()
    content = disk.content()
    ahead = content | {path_of(DIRECTORY, 9): content[path_of(DIRECTORY, sequence)]}
    with pytest.raises(SequenceBroken, match="snapshot is of sequence 9"):
        open_on(SimulatedDisk(ahead), configs()["queue"])


def test_13_1_a_snapshot_of_another_log_is_passed_over():
    """Of the same configuration and as many commands, but they were others."""
    config, commands = stream_of("queue", 2, 60)
    disk, other = SimulatedDisk(), SimulatedDisk()
    for where, swapped in ((disk, False), (other, True)):
        durable = open_on(where, config)
        first = [commands[1], commands[0]] if swapped else commands[:2]
        durable.run(join([*first, *commands[2:]]))
        sequence = durable.snapshot()
        durable.close()
    path = path_of(DIRECTORY, sequence)
    mixed = SimulatedDisk(disk.content() | {path: other.content()[path]})
    opened = open_on(mixed, config)
    assert opened.opening.snapshot == 0
    assert opened.opening.passed_over == (
        f"the snapshot of sequence {sequence} is one of another log, or its header is damaged",
    )
    assert opened.exchange.digest() == open_on(disk, config).exchange.digest()
    opened.close()
    assert len(Verifier(mixed, DIRECTORY, None, 0).verify().broken) == 1


def with_strangers(
    config: Config, commands: list[np.ndarray], at: tuple[int, ...]
) -> dict[Path, bytes]:
    """Sound snapshots of an exchange that was told the same commands, the first two swapped."""
    disk = SimulatedDisk()
    stranger = open_on(disk, config)
    told = [commands[1], commands[0], *commands[2:]]
    found: dict[Path, bytes] = {}
    for start, end in itertools.pairwise((0, *at)):
        stranger.run(join(told[start:end]))
        path = path_of(DIRECTORY, stranger.snapshot())
        found[path] = disk.content()[path]
    return found


@pytest.mark.parametrize("is_opened_anew", [False, True])
def test_13_1_a_snapshot_of_another_log_neither_trims_nor_removes(is_opened_anew):
    """Put there while the exchange runs or before it is opened: only its own count."""
    config, commands = stream_of("queue", 2, 700)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands[:120]))
    own = [durable.snapshot()]
    durable.run(join(commands[120:240]))
    own.append(durable.snapshot())
    durable.run(join(commands[240:650]))
    strangers = with_strangers(config, commands, (60, 400, 620))
    for path, octets in strangers.items():
        publish(disk, path, [octets])
    if is_opened_anew:
        durable.close()
        durable = open_on(disk, config)
        assert (durable.opening.snapshot, len(durable.opening.passed_over)) == (own[-1], 2)
    assert durable.trim() <= own[0]
    durable.run(join(commands[650:]))
    own.append(durable.snapshot())
    left = sorted([*own[1:], 60, 400, 620], reverse=True)
    assert find_snapshots(disk, DIRECTORY) == left
    assert 1 < durable.trim() <= own[1]
    durable.close()
    opened = open_on(disk, config)
    assert (opened.opening.snapshot, opened.sequence) == (700, 700)
    assert opened.exchange.digest() == durable.exchange.digest()


def test_13_1_a_child_does_not_go_by_a_snapshot_of_another_log(tmp_path):
    config, commands = stream_of("queue", 2, 120)
    strangers = with_strangers(config, commands, (20, 90, 100))
    with DurableExchange.open(tmp_path, config) as durable:
        for end in (30, 50, 120):
            durable.run(join(commands[durable.sequence : end]))
            if end < 120:
                durable.snapshot()
        for path, octets in strangers.items():
            (tmp_path / path.name).write_bytes(octets)
        durable.start_snapshot().wait()
        assert find_snapshots(RealDisk(), tmp_path) == [120, 100, 90, 50, 20]


def test_13_1_a_damaged_snapshot_of_this_log_goes_when_it_is_old():
    config, commands = stream_of("queue", 2, 60)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    for end in (20, 40, 60):
        durable.run(join(commands[durable.sequence : end]))
        sequence = durable.snapshot()
        path = path_of(DIRECTORY, sequence)
        if sequence == 20:
            publish(disk, path, [disk.content()[path][:-1] + b"?"])
    assert find_snapshots(disk, DIRECTORY) == [60, 40]


@pytest.mark.parametrize(("call", "number"), [("remove", 2), ("sync_directory", 2)])
def test_13_1_a_snapshot_is_written_though_an_older_one_stays(call, number):
    """The first of each call is that of writing. The next snapshot removes both."""
    config, commands = stream_of("queue", 2, 80)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    for end in (20, 40):
        durable.run(join(commands[durable.sequence : end]))
        durable.snapshot()
    durable.run(join(commands[40:60]))
    disk.fail(call, number, OSError(30, "Read-only file system"))
    with pytest.raises(OlderNotRemoved) as caught:
        durable.snapshot()
    assert caught.value.sequence == 60
    assert str(caught.value) == (
        "the snapshot of sequence 60 is written, but an older one could not be removed:"
        f" {path_of(DIRECTORY, 20).name}: Read-only file system"
    )
    assert find_snapshots(disk.after_losing_all(), DIRECTORY) == [60, 40, 20]
    durable.run(join(commands[60:]))
    assert durable.snapshot() == 80
    assert find_snapshots(disk.after_losing_all(), DIRECTORY) == [80, 60]


def test_13_1_a_log_is_trimmed_as_far_as_kept_snapshots_reach():
    config, commands = stream_of("queue", 2, 700)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    assert durable.trim() == 1
    kept = []
    for start in range(0, 700, 175):
        durable.run(join(commands[start : start + 175]))
        kept.append(durable.snapshot())
    first = durable.trim()
    assert 1 < first <= kept[-2] + 1
    durable.close()
    newest = path_of(DIRECTORY, kept[-1])
    damaged = disk.content() | {newest: b""}
    opened = open_on(SimulatedDisk(damaged), config)
    assert (opened.opening.snapshot, opened.sequence) == (kept[-2], 700)
    assert opened.exchange.digest() == durable.exchange.digest()


def test_13_1_no_log_is_trimmed_up_to_a_snapshot_that_is_not_durable():
    """It has its name, but the directory could not be synced, or the child that wrote it ended
    before that."""
    config, commands = stream_of("queue", 2, 300)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands))
    disk.fail("sync_directory", 1, OSError(5, "Input/output error"))
    with pytest.raises(SnapshotFailed):
        durable.snapshot()
    assert find_snapshots(disk, DIRECTORY) == [300]
    disk.fail("sync_directory", 1, OSError(5, "Input/output error"))
    with pytest.raises(LogUnreadable, match="Input/output error"):
        durable.trim()
    images: list[SimulatedDisk] = []
    chance = random.Random(8)
    disk.watch = lambda: images.extend(disk.after_a_loss(chance) for _ in range(30))
    assert durable.trim() > 1
    for image in images:
        assert open_on(image, config).sequence == 300


def with_one_too_many(
    config: Config, commands: list[np.ndarray], newest: int
) -> tuple[SimulatedDisk, DurableExchange]:
    """Three snapshots: when the newest came, the oldest could not be removed."""
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    for start, end in ((0, 10), (10, 30), (30, newest)):
        durable.run(join(commands[start:end]))
        if end == newest:  # the second: the first is that of a part, which is not there
            disk.fail("remove", 2, OSError(5, "Input/output error"))
        with suppress(OlderNotRemoved):
            durable.snapshot()
    return disk, durable


def test_13_1_what_could_not_be_removed_goes_before_the_log_that_proves_it_ours():
    """Behind the trim and an opening nobody could tell any more whose it is."""
    config, commands = stream_of("queue", 2, 400)
    disk, durable = with_one_too_many(config, commands, 260)
    durable.run(join(commands[260:]))
    assert find_snapshots(disk, DIRECTORY) == [260, 30, 10]
    disk.fail("remove", 1, OSError(5, "Input/output error"))
    first = durable.log.first
    with pytest.raises(LogUnreadable, match="snapshot: Input/output error"):
        durable.trim()
    assert durable.log.first == first
    durable.trim()
    assert find_snapshots(disk, DIRECTORY) == [260, 30]


def test_13_1_of_a_stranger_s_snapshot_nothing_but_its_header_is_read(monkeypatch):
    """It may be as large as somebody has made it."""
    config, commands = stream_of("queue", 2, 120)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands))
    durable.close()
    for path, octets in with_strangers(config, commands, (60,)).items():
        publish(disk, path, [octets])
    monkeypatch.setattr(snapshot, "read_whole", lambda *_: pytest.fail("all of it was read"))
    assert open_on(disk, config).opening.passed_over == (
        "the snapshot of sequence 60 is one of another log, or its header is damaged",
    )


def test_13_1_a_directory_that_can_not_be_listed_is_refused_in_words():
    """At each look of an opening, a snapshot and a trim."""

    def use(disk: SimulatedDisk) -> None:
        durable = story_of(disk)
        durable.snapshot()
        durable.trim()
        durable.close()

    sound = SimulatedDisk()
    use(sound)
    assert sound.calls["names"] > 5
    for number in range(1, sound.calls["names"] + 1):
        disk = SimulatedDisk()
        disk.fail("names", number, OSError(5, "Input/output error"))
        with pytest.raises(JournalError, match="Input/output error"):
            use(disk)
        assert open_on(disk.restart(), configs()["queue"]).sequence in (0, 3)


def test_13_1_a_snapshot_that_comes_behind_the_sync_of_names_is_not_counted():
    """A child renames it when the directory has just been synced, and power is lost."""
    config, commands = stream_of("queue", 2, 300)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands))
    path = path_of(DIRECTORY, durable.snapshot())
    octets = disk.content()[path]
    disk.remove(path)
    disk.sync_directory(DIRECTORY)
    sync = disk.sync_directory
    images: list[SimulatedDisk] = []

    def sync_and_rename(directory: Path) -> None:
        sync(directory)
        disk.sync_directory = sync  # type: ignore[method-assign]
        part = disk.create(path.with_suffix(".part"))
        disk.write(part, octets, 0)
        disk.sync(part)
        disk.rename(path.with_suffix(".part"), path)

    disk.sync_directory = sync_and_rename  # type: ignore[method-assign]
    chance = random.Random(8)
    disk.watch = lambda: images.extend(disk.after_a_loss(chance) for _ in range(30))
    assert durable.trim() == 1
    assert len(images) > 30
    for image in images:
        assert open_on(image, config).sequence == 300


def test_13_1_what_can_not_be_read_at_the_moment_is_kept():
    """An error of reading proves nothing: no log is trimmed and no snapshot removed for it."""
    config, commands = stream_of("queue", 2, 400)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    for start, end in ((0, 200), (200, 400)):
        durable.run(join(commands[start:end]))
        durable.snapshot()
    durable.close()
    for number in range(1, 9):
        again = disk.restart()
        durable = open_on(again, config)
        again.fail("open_to_read", number, OSError(24, "Too many open files"))
        with suppress(JournalError):
            assert durable.trim() <= 200
        assert find_snapshots(again, DIRECTORY) == [400, 200]
        assert durable.log.first <= 200
        durable.close()


def test_13_1_who_has_closed_removes_nothing():
    """Another may have the directory by now."""
    config, commands = stream_of("queue", 2, 400)
    disk, durable = with_one_too_many(config, commands, 400)
    durable.close()
    with pytest.raises(LogStopped):
        durable.trim()
    assert find_snapshots(disk, DIRECTORY) == [400, 30, 10]
    assert sum(len(batch) for batch in durable.log.read_from(1)) == len(join(commands))


def test_13_1_a_trimmed_log_opens_from_its_snapshot():
    config, commands = stream_of("queue", 2, 400)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands[:300]))
    sequence = durable.snapshot()
    durable.log.trim(sequence)
    durable.run(join(commands[300:]))
    digest = durable.exchange.digest()
    durable.close()
    assert durable.log.first > 1
    opened = open_on(disk, config)
    assert (opened.opening.snapshot, opened.exchange.digest()) == (sequence, digest)
    opened.close()
    without = {p: o for p, o in disk.content().items() if p != path_of(DIRECTORY, sequence)}
    with pytest.raises(SequenceNotHeld, match="there is no snapshot"):
        open_on(SimulatedDisk(without), config)


def test_13_1_a_snapshot_right_before_a_trimmed_log_is_proven_by_its_first_segment():
    """Its header has the hash of the batch before; of an earlier one nobody can tell."""
    disk, (first, second) = trimmed()
    config, commands = stream_of("queue", 2, 400)
    own = path_of(DIRECTORY, first)
    files = disk.content()
    del files[path_of(DIRECTORY, second)]
    opened = open_on(SimulatedDisk(files), config)
    assert (opened.opening.snapshot, opened.sequence) == (first, 400)
    strangers = with_strangers(config, commands, (60, first))
    with pytest.raises(SequenceNotHeld, match=f"of sequence {first} is one of another log"):
        open_on(SimulatedDisk(files | {own: strangers[own]}), config)
    del files[own]
    early = path_of(DIRECTORY, 60)
    with pytest.raises(SequenceNotHeld, match="of sequence 60 is of before the log, which begins"):
        open_on(SimulatedDisk(files | {early: strangers[early]}), config)


def test_13_1_a_snapshot_of_another_log_at_the_very_beginning_is_passed_over():
    """Of an exchange that was closed before its first command: the chain has that mark."""
    config = configs()["queue"]
    disk, other = SimulatedDisk(), SimulatedDisk()
    story_of(disk).close()
    open_on(other, config).close()
    with open_on(other, config) as stranger:
        path = path_of(DIRECTORY, stranger.snapshot())
    publish(disk, path, [other.content()[path]])
    opened = open_on(disk, config)
    assert opened.opening.passed_over == (
        "the snapshot of sequence 0 is one of another log, or its header is damaged",
    )


def test_13_1_a_trim_leaves_the_batch_that_proves_a_snapshot():
    """The mark of a clean close stands between the snapshot's batch and the next segment, so the
    hash that the snapshot carries is nowhere but there."""
    config, commands = stream_of("queue", 2, 300)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands[:120]))
    sequence = durable.snapshot()
    durable.close()
    durable = open_on(disk, config)
    durable.run(join(commands[120:]))
    assert durable.trim() <= sequence
    digest = durable.exchange.digest()
    durable.close()
    opened = open_on(disk, config)
    assert (opened.opening.snapshot, opened.exchange.digest()) == (sequence, digest)
