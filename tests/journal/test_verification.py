"""What `verify` and a look into the past do with directories that others change or have trimmed."""

import pytest

from engine.journal.checkpoint import write_checkpoint
from engine.journal.config_file import read_config
from engine.journal.disk import RealDisk
from engine.journal.log_errors import LogUnreadable, SequenceNotHeld
from engine.journal.log_reading import LogReader
from engine.journal.snapshot import path_of
from engine.journal.verification import Verifier, state_at
from engine.state import arena
from tests.journal.durable_runs import DIRECTORY, open_on, stream_of
from tests.journal.simulated_disk import SimulatedDisk
from tests.property.both import join

COMMANDS = 400


def trimmed() -> tuple[SimulatedDisk, int]:
    """A log that begins behind 1, and the sequence of the one snapshot that reaches it."""
    config, commands = stream_of("queue", 2, COMMANDS)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands[:120]))
    durable.run(join(commands[120:300]))
    snapshot = durable.snapshot()
    durable.run(join(commands[300:]))
    assert 1 < durable.log.trim(snapshot + 1) <= snapshot + 1
    durable.close()
    return disk, snapshot


def test_13_1_what_is_held_of_a_trimmed_log_is_told_in_one_line():
    disk, snapshot = trimmed()
    first = LogReader(disk, DIRECTORY, read_config(disk, DIRECTORY).digest).first
    for held in (0, snapshot, snapshot + 1, COMMANDS):
        state_at(disk, DIRECTORY, held)
    for sequence in (1, snapshot - 1):
        with pytest.raises(SequenceNotHeld) as refusal:
            state_at(disk, DIRECTORY, sequence)
        assert str(refusal.value) == (
            f"sequence {sequence} is not held: the log begins with {first};"
            f" held are 0 and all from {snapshot} on"
        )


def test_13_1_a_damaged_snapshot_is_not_told_as_held():
    disk, snapshot = trimmed()
    left = SimulatedDisk(disk.content() | {path_of(DIRECTORY, snapshot): b""})
    for sequence in (1, snapshot, COMMANDS):
        with pytest.raises(SequenceNotHeld, match="no snapshot reaches it; held is 0 alone$"):
            state_at(left, DIRECTORY, sequence)
    state_at(left, DIRECTORY, 0)


class HandedOver(SimulatedDisk):
    """An exchange runs in it, and ends just before somebody else gets its lock."""

    def __init__(self, before, behind):
        super().__init__(before)
        self.behind = behind

    def lock(self, directory):
        self.files = SimulatedDisk(self.behind).files
        return super().lock(directory)


def test_i10_verify_looks_at_what_stands_once_it_has_the_directory():
    config, commands = stream_of("queue", 2, COMMANDS)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands[:20]))
    before = disk.content()
    durable.run(join(commands[20:]))
    last = durable.snapshot()
    write_checkpoint(disk, DIRECTORY, durable.checkpoint())
    first = durable.trim()
    durable.close()
    found = Verifier(HandedOver(before, disk.content()), DIRECTORY, None, 0).verify()
    assert (found.broken, found.first, found.last) == ([], first, last)
    assert first > 1 and (found.snapshots, found.checkpoints) == (1, 1)


def test_13_1_a_directory_that_is_none_is_one_refusal(tmp_path):
    with pytest.raises(LogUnreadable, match="nowhere: No such file"):
        Verifier(RealDisk(), tmp_path / "nowhere", None, 0).verify()
    assert list(tmp_path.iterdir()) == []


def test_13_1_a_directory_put_back_is_noticed_by_the_checkpoint_that_was_kept_outside():
    config, commands = stream_of("queue", 6, 60)
    disk = SimulatedDisk()
    with open_on(disk, config) as durable:
        durable.run(join(commands[:40]))
        write_checkpoint(disk, DIRECTORY, durable.checkpoint())
    earlier = SimulatedDisk(disk.content())
    with open_on(disk, config) as durable:
        durable.run(join(commands[40:]))
        kept = durable.checkpoint()
    found = Verifier(earlier, DIRECTORY, None, 0).verify()
    assert (found.broken, found.checkpoints) == ([], 1)
    write_checkpoint(earlier, DIRECTORY, kept)
    broken = Verifier(earlier, DIRECTORY, None, 0).verify().broken
    assert broken == ["a snapshot or checkpoint is of sequence 60, and the log ends with 40"]


def test_13_1_a_checkpoint_with_another_form_of_the_digest_is_told_as_of_another_log(monkeypatch):
    config, commands = stream_of("queue", 6, 40)
    disk = SimulatedDisk()
    with open_on(disk, config) as durable:
        durable.run(join(commands))
        write_checkpoint(disk, DIRECTORY, durable.checkpoint())
    monkeypatch.setattr(arena, "DIGEST_VERSION", arena.DIGEST_VERSION + 1)
    broken = Verifier(disk, DIRECTORY, None, 0).verify().broken
    assert broken == ["the log is not the one of the checkpoint of sequence 40"]
