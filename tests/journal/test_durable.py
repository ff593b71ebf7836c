"""A durable exchange: what was told is a prefix of what is recovered, and the same (13.1, I10)."""

import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

import engine.exchange
from engine.exchange import Exchange
from engine.journal.checkpoint import (
    CheckpointRefused,
    must_be_signed,
    read_checkpoint,
    sign,
    write_checkpoint,
)
from engine.journal.command_log import CommitPolicy, GroupCommit
from engine.journal.config_file import read_config
from engine.journal.disk import RealDisk
from engine.journal.durable import DurableExchange
from engine.journal.json_lines import FieldError, pack_commands
from engine.journal.log_errors import (
    EventsHeld,
    ForeignLog,
    JournalError,
    LogDamaged,
    LogInUse,
    LogMissing,
    LogStopped,
    NewerVersion,
    RecordsRefused,
    SequenceBroken,
)
from engine.journal.log_thread import ThreadedLog
from engine.journal.segment_log import SegmentLog
from engine.journal.snapshot import find_snapshots, path_of
from engine.journal.verification import Verifier, state_at
from engine.kernel import JIT
from engine.schema import commands as c
from engine.schema import refusals
from engine.schema.commands import COMMAND
from tests.journal.durable_runs import (
    DIRECTORY,
    START_NS,
    Teller,
    by_caller,
    digests_of,
    must_recover,
    open_on,
    story_of,
    stream_of,
    trimmed,
)
from tests.journal.simulated_disk import SimulatedDisk
from tests.oracle.workload import configs
from tests.property.both import join

COMMANDS = 150
NAMES = ("queue", "collateral", "portfolio", "makers", "auctions", "isolated")


@pytest.mark.parametrize("name", NAMES)
def test_i10_opened_again_it_goes_on_in_the_same_way(name):
    """Digest and events, through closings, snapshots and openings from them."""
    config, commands = stream_of(name, 7, 600 if JIT else COMMANDS)
    disk = SimulatedDisk()
    teller = Teller(disk, config, commands)
    teller.run(seed=1)
    plain = Exchange(config)
    assert b"".join(teller.events) == plain.run(join(commands)).tobytes()
    assert open_on(disk, config).exchange.digest() == plain.digest()


@pytest.mark.parametrize(
    ("seed", "written_by"),
    [*((seed, by_caller) for seed in range(6)), *((seed, ThreadedLog) for seed in range(6, 10))],
)
def test_13_1_told_is_a_prefix_of_recovered_wherever_power_is_lost(seed, written_by):
    """At every change of the disk, with all, none, or some of what was not synced. What was told
    moves on while a thread writes: it is read before the disk is looked at, so it is never more."""
    config, commands = stream_of(NAMES[seed % len(NAMES)], seed, 60)
    digests = digests_of(config, commands)
    disk = SimulatedDisk()
    teller = Teller(disk, config, commands, written_by)
    chance = random.Random(seed)
    left: list[tuple[int, SimulatedDisk]] = []

    def lose_power() -> None:
        if chance.random() < 0.5:
            left.append((teller.told, disk.after_a_loss(random.Random(len(left)))))

    disk.watch = lose_power
    teller.run(seed)
    found = set()
    for told, lost in chance.sample(left, min(len(left), 50)):
        teller.told = told
        found.add(must_recover(lost, teller, digests))
    assert len(found) > 5


@pytest.mark.parametrize("written_by", [by_caller, ThreadedLog])
@pytest.mark.parametrize("call", ["write", "sync"])
@pytest.mark.parametrize("number", [1, 2, 5, 9])
def test_13_1_nothing_is_told_that_is_not_durable(call, number, written_by):
    """The disk fails: what was told before is there, and the exchange takes nothing any more."""
    config, commands = stream_of("queue", 3, 80)
    digests = digests_of(config, commands)
    disk = SimulatedDisk()
    teller = Teller(disk, config, commands)
    durable = open_on(disk, config, written_by)
    disk.fail(call, number, OSError(5, "Input/output error"))
    with pytest.raises(LogStopped):
        for _ in range(20):
            for events in durable.batches(join(commands[teller.told : teller.told + 4]), 1):
                teller.told = int(events["sequence"][-1])
    with pytest.raises(LogStopped):
        durable.run(join(commands[:1]))
    for look in (lambda: durable.exchange, lambda: durable.was(2, 1), lambda: durable.sequence):
        with pytest.raises(LogStopped):
            look()
    must_recover(disk.after_losing_all(), teller, digests)


def test_13_1_what_a_caller_leaves_behind_is_told_later():
    """A run broken off, and one with a batch that no log takes: all is told once, in order."""
    config, commands = stream_of("queue", 3, 60)
    durable = open_on(SimulatedDisk(), config)
    told = [next(durable.batches(join(commands[:20]), 2)).tobytes()]
    with pytest.raises(EventsHeld):
        durable.submit(c.AdvanceTime(time_ns=START_NS))
    done = durable.sequence
    told += [events.tobytes() for events in durable.batches(join(commands[done : done + 10]), 2)]
    done = durable.sequence
    with pytest.raises(RecordsRefused):
        for events in durable.batches(join([*commands[done : done + 4], np.zeros(1, COMMAND)]), 2):
            told.append(events.tobytes())
    assert durable.sequence == done + 4
    assert b"".join(told) == Exchange(config).run(join(commands[: done + 4])).tobytes()


@pytest.mark.parametrize("batches_a_commit", [1, 2, 3])
@pytest.mark.parametrize("events_a_part", [1, 4, 2**16])
def test_13_1_all_is_told_in_order_from_where_it_lies_and_from_where_it_waited(
    batches_a_commit, events_a_part, monkeypatch
):
    """A batch that is durable when it is applied is told from the arena, if all of its events are
    there and none of an earlier one waits."""
    monkeypatch.setattr(engine.exchange, "EVENTS_PER_RUN", events_a_part)
    config, commands = stream_of("queue", 3, 60)
    durable = open_on(SimulatedDisk(), config, by_caller)
    durable._commits = GroupCommit(
        durable.log, CommitPolicy(batches_max=batches_a_commit, wait_max_ns=10**18)
    )
    told, from_arena = [], 0
    for events in durable.batches(join(commands), 4):
        told.append(events.tobytes())
        from_arena += np.shares_memory(events, durable.exchange.last_events())
    assert b"".join(told) == Exchange(config).run(join(commands)).tobytes()
    assert (from_arena > 0) == (batches_a_commit == 1)
    assert (from_arena == len(told)) == (batches_a_commit == 1 and events_a_part == 2**16)


class LateLog:
    """A log that learns at an append what an earlier commit has made durable, as one with a thread
    or a replica may, and whose last sync fails."""

    def __init__(self, log):
        self._log = log
        self.durable = log.durable

    def __getattr__(self, name):
        return getattr(self._log, name)

    def append(self, records, expected_sequence):
        self.durable = self._log.commit()
        self._log.append(records, expected_sequence)

    def commit(self):
        return self.durable

    def wait(self):
        raise LogStopped("the last sync has failed")


def test_13_1_what_is_durable_is_told_before_the_last_commit_is_waited_for():
    config, commands = stream_of("queue", 3, 8)
    durable = open_on(SimulatedDisk(), config, LateLog)
    told = []
    with pytest.raises(LogStopped):
        for events in durable.batches(join(commands), 4):
            told.append(events.tobytes())
    assert b"".join(told) == Exchange(config).run(join(commands[:4])).tobytes()


def test_2_4_what_was_taken_is_known_after_a_restart():
    disk = SimulatedDisk()
    story_of(disk).close()
    durable = open_on(disk, configs()["queue"])
    assert durable.was(2, 5) is True
    assert durable.was(2, 4) is False
    assert durable.was(2, 6) is False
    assert durable.was(3, 5) is False
    assert durable.was(2, 0) is False
    assert durable.was(2**40, 5) is durable.was(-1, 5) is False
    again = c.Withdraw(time_ns=START_NS, account=2, client_id=5, amount=10)
    (event,) = durable.submit(again)
    assert event.values["code"] == refusals.CLIENT_ID_DUPLICATE
    durable.submit(c.Withdraw(time_ns=START_NS, account=2, client_id=69, amount=10))
    assert durable.was(2, 5) is None
    assert durable.was(2, 6) is False
    assert durable.was(2, 69) is True


def test_13_1_snapshots_and_checkpoints_right_behind_an_opening_are_of_the_log():
    """A clean close leaves a mark in the chain, without a command."""
    disk = SimulatedDisk()
    story_of(disk).close()
    durable = open_on(disk, configs()["queue"])
    sequence = durable.snapshot()
    write_checkpoint(disk, DIRECTORY, durable.checkpoint())
    durable.close()
    assert open_on(disk, configs()["queue"]).opening.snapshot == sequence
    found = Verifier(disk, DIRECTORY, None, 0).verify()
    assert (found.broken, found.snapshots, found.checkpoints) == ([], 1, 1)


def test_13_1_a_refused_opening_changes_nothing():
    disk = SimulatedDisk()
    durable = story_of(disk)
    durable.snapshot()
    durable.close()
    without = {p: o for p, o in disk.content().items() if not p.name.startswith("commands")}
    lost = SimulatedDisk(without)
    with pytest.raises(LogMissing, match="snapshots, and no command log"):
        open_on(lost, configs()["queue"])
    with pytest.raises(ForeignLog):
        open_on(disk, configs()["makers"])
    assert lost.content() == without


def test_13_1_a_forger_can_not_take_the_checkpoints_away():
    disk = SimulatedDisk()
    story_of(disk).close()
    broken = Verifier(disk, DIRECTORY, bytes(32), 0).verify().broken
    assert broken == ["no checkpoint is there that the key could have signed"]


def test_13_1_a_lost_log_is_not_begun_anew(tmp_path):
    """Where something stands that was made of it."""
    disk = SimulatedDisk()
    durable = story_of(disk)
    write_checkpoint(disk, DIRECTORY, durable.checkpoint())
    durable.close()
    files = disk.content()
    lost = {p: o for p, o in files.items() if not p.name.startswith("commands")}
    with pytest.raises(LogMissing, match="checkpoints, and no command log"):
        open_on(SimulatedDisk(lost), configs()["queue"])
    (checkpoint,) = (p for p in files if p.name.startswith("checkpoint"))
    ahead = files | {checkpoint.with_name(checkpoint.name.replace("3.", "9.")): files[checkpoint]}
    with pytest.raises(SequenceBroken, match="checkpoint is of sequence 9"):
        open_on(SimulatedDisk(ahead), configs()["queue"])
    with pytest.raises(LogMissing):
        DurableExchange.open(tmp_path / "nowhere", configs()["queue"])


def test_13_1_a_configuration_without_its_log_is_no_new_exchange():
    """It is kept once the log is durable: all that was in that has been lost."""
    disk = SimulatedDisk()
    story_of(disk).close()
    alone = {p: o for p, o in disk.content().items() if p.name == "config.json"}
    lost = SimulatedDisk(alone)
    with pytest.raises(LogMissing, match="config.json, and no command log"):
        open_on(lost, configs()["queue"])
    assert lost.content() == alone


def test_13_1_an_exchange_whose_creation_broke_off_is_begun_anew():
    """Wherever power is lost, no configuration stands there alone."""
    disk, chance = SimulatedDisk(), random.Random(4)
    images: list[SimulatedDisk] = []

    def lose_power() -> None:
        images.extend((disk.after_losing_all(), disk.after_storing_all()))
        images.extend(disk.after_a_loss(chance) for _ in range(20))

    disk.watch = lose_power
    open_on(disk, configs()["queue"]).close()
    assert any(".part" in path.name for image in images for path in image.content())
    for image in images:
        assert open_on(image, configs()["queue"]).sequence == 0


def test_13_1_parts_of_what_is_published_here_go_and_nobody_elses():
    disk = SimulatedDisk()
    story_of(disk).close()
    ours = (
        "config.json.41.part",
        f"state-{7:020}.snapshot.42.part",
        f"checkpoint-{7:020}.json.43.part",
    )
    theirs = ("film.1.part", "state-7.snapshot.42.part", "config.json.part", "xconfig.json.1.part")
    files = {DIRECTORY / name: b"half" for name in (*ours, *theirs)}
    disk = SimulatedDisk(disk.content() | files)
    open_on(disk, configs()["queue"]).close()
    left = {path.name for path in disk.content() if path.name.endswith(".part")}
    assert left == {*theirs}


def test_13_1_the_log_proves_whose_configuration_it_is():
    """The file beside it is that of an earlier try, or damaged: it is mended."""
    disk = SimulatedDisk()
    story_of(disk).close()
    for octets in (msgspec.json.encode(configs()["makers"]), b"{"):
        disk = SimulatedDisk(disk.content() | {DIRECTORY / "config.json": octets})
        open_on(disk, configs()["queue"]).close()
        assert read_config(disk, DIRECTORY).config == configs()["queue"]


def test_i10_verify_compares_what_stands_at_the_start_of_a_trimmed_log():
    disk, (first, _) = trimmed()
    found = Verifier(disk, DIRECTORY, None, 0).verify()
    assert (found.broken, found.since, found.snapshots, found.checkpoints) == ([], first, 2, 1)
    told = read_checkpoint(disk, DIRECTORY, first)
    write_checkpoint(disk, DIRECTORY, msgspec.structs.replace(told, state_digest="00" * 32))
    broken = Verifier(disk, DIRECTORY, None, 0).verify().broken
    assert broken == [f"the log is not the one of the checkpoint of sequence {first}"]


def test_i10_verify_goes_on_from_the_next_snapshot_where_one_is_damaged():
    disk, (first, second) = trimmed()
    path = path_of(DIRECTORY, first)
    octets = disk.content()[path]
    broken = SimulatedDisk(disk.content() | {path: octets[:-1] + bytes([octets[-1] ^ 1])})
    found = Verifier(broken, DIRECTORY, None, 0).verify()
    assert found.since == second
    assert len(found.broken) == 1 and "its hash does not fit" in found.broken[0]


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_13_1_a_key_of_another_length_is_refused(key):
    disk = SimulatedDisk()
    story_of(disk).close()
    with pytest.raises(CheckpointRefused, match="32 bytes"):
        Verifier(disk, DIRECTORY, key, 0)


def test_13_1_a_checkpoint_that_is_none_is_told_and_not_raised():
    disk = SimulatedDisk()
    durable = story_of(disk)
    disk.fail("write", 1, 10)
    with pytest.raises(OSError, match="wrote 10 of"):
        write_checkpoint(disk, DIRECTORY, durable.checkpoint())
    assert not [name for name in disk.names(DIRECTORY) if name.startswith("checkpoint")]
    write_checkpoint(disk, DIRECTORY, durable.checkpoint())
    durable.close()
    (path,) = (p for p in disk.content() if p.name.startswith("checkpoint"))
    torn = SimulatedDisk(disk.content() | {path: disk.content()[path][:20]})
    broken = Verifier(torn, DIRECTORY, None, 0).verify().broken
    assert len(broken) == 1 and path.name in broken[0]


def test_13_1_verify_wants_the_directory_for_itself_and_gives_it_back(tmp_path):
    with DurableExchange.open(tmp_path, configs()["queue"]) as durable:
        durable.submit(c.OpenAccount(time_ns=START_NS, account=2, owner=2, group=2))
        with pytest.raises(LogInUse):
            Verifier(RealDisk(), tmp_path, None, 0).verify()
    (log,) = tmp_path.glob("commands-*.log")
    octets = log.read_bytes()
    log.write_bytes(octets[:600] + bytes([octets[600] ^ 1]) + octets[601:])
    with pytest.raises(LogDamaged):
        Verifier(RealDisk(), tmp_path, None, 0).verify()
    log.write_bytes(octets)
    DurableExchange.open(tmp_path, configs()["queue"]).close()


class GlancingDisk(SimulatedDisk):
    """Shows a hole in the last segment once, as a read beside a write can."""

    glances = 1

    def read_into(self, file, octets, offset):
        count = super().read_into(file, octets, offset)
        if self.glances:
            self.glances -= 1
            octets[1_024:1_088] = bytes(64)
        return count


def test_13_1_a_fault_beside_a_writer_counts_at_a_second_look():
    config, commands = stream_of("queue", 2, 60)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands[:30]))
    durable.run(join(commands[30:]))
    digest = durable.exchange.digest()
    glancing = GlancingDisk(disk.content())
    assert state_at(glancing, DIRECTORY, 60).digest() == digest
    glancing.glances = 2
    with pytest.raises(LogDamaged):
        state_at(glancing, DIRECTORY, 60)


def test_13_1_a_reader_refuses_what_an_opening_refuses(monkeypatch):
    """A stray byte, logged by somebody who does not look: every hash fits."""
    disk = SimulatedDisk()
    story_of(disk).close()
    stray = np.zeros(1, COMMAND)
    stray["time_ns"], stray["kind"], stray["amount"] = START_NS, c.ADVANCE_TIME, 1
    monkeypatch.setattr("engine.journal.command_framing.find_fault", lambda records: None)
    kept = read_config(disk, DIRECTORY)
    with SegmentLog.open(disk, DIRECTORY, kept.digest, 1 << 14) as log:
        log.append(stray, log.last + 1)
    with pytest.raises(LogDamaged, match="must be zero"):
        Verifier(disk, DIRECTORY, None, 0).verify()


def test_13_1_another_configuration_is_refused():
    disk = SimulatedDisk()
    story_of(disk).close()
    with pytest.raises(ForeignLog):
        open_on(disk, configs()["makers"])
    assert read_config(disk, DIRECTORY).config == configs()["queue"]


@pytest.mark.parametrize(
    ("changes", "error", "what"),
    [
        ({8: 2, 32: 0}, NewerVersion, "version: 2 is newer than 1, the newest known here"),
        ({32: 0}, LogDamaged, "the checksum of the segment's header does not fit"),
        ({0: 0, 32: 0}, ForeignLog, "magic: "),
        ({600: 1}, LogDamaged, "offset 512"),
    ],
)
def test_13_1_damage_of_the_first_segment_is_no_other_configuration(changes, error, what):
    """It is told as what reading the segment tells, with another byte in the digest or not."""
    disk = SimulatedDisk()
    story_of(disk).close()
    (path,) = (p for p in disk.content() if p.name.startswith("commands"))
    whole = disk.content()[path]
    damaged = bytearray(whole)
    for at, octet in changes.items():
        assert damaged[at] != octet
        damaged[at] = octet
    with pytest.raises(error, match=what):
        open_on(SimulatedDisk(disk.content() | {path: bytes(damaged)}), configs()["queue"])
    with pytest.raises(LogDamaged, match="ends within the header"):
        open_on(SimulatedDisk(disk.content() | {path: whole[:500]}), configs()["queue"])


def test_13_2_an_old_configuration_means_the_same_to_a_later_version():
    """Written before a field was there: the log is bound to those bytes, the field is as ever."""
    config = configs()["queue"]
    octets = msgspec.json.encode(config)
    older = octets.replace(b'"approvals_required":false,', b"")
    assert len(older) < len(octets)
    disk = SimulatedDisk({DIRECTORY / "config.json": older})
    SegmentLog.create(disk, DIRECTORY, hashlib.sha256(older).digest(), 1 << 14).close()
    with open_on(disk, config) as durable:
        durable.submit(c.OpenAccount(time_ns=START_NS, account=2, owner=2, group=2))
    assert open_on(disk, config).sequence == 1
    with pytest.raises(ForeignLog, match="another configuration"):
        open_on(disk, configs()["makers"])


def test_13_1_a_lost_configuration_is_kept_anew():
    disk = SimulatedDisk()
    story_of(disk).close()
    disk.remove(DIRECTORY / "config.json")
    open_on(disk, configs()["queue"]).close()
    assert read_config(disk, DIRECTORY).config == configs()["queue"]


def test_13_1_what_can_not_be_packed_is_refused_before_it_is_logged():
    """A number beyond its field, and records with gaps between them: nothing is void."""
    durable = story_of(SimulatedDisk())
    before = durable.sequence
    with pytest.raises(FieldError):
        durable.submit(c.Deposit(time_ns=START_NS, account=2**40, amount=1))
    deposit = c.Deposit(time_ns=START_NS, account=2, amount=1)
    durable.run(join([pack_commands([deposit])] * 4)[::2])
    assert durable.sequence == before + 2


@pytest.mark.parametrize("written_by", [by_caller, ThreadedLog])
def test_13_1_a_void_exchange_logs_nothing_more(written_by):
    config, commands = stream_of("queue", 3, 20)
    disk = SimulatedDisk()
    durable = open_on(disk, config, written_by)
    durable.run(join(commands[:5]))
    durable._void = "interrupted"
    for _ in range(3):
        with pytest.raises(LogStopped):
            durable.run(join(commands[5:7]))
        with pytest.raises(LogStopped):
            durable.submit(c.AdvanceTime(time_ns=START_NS))
    durable.log.close()
    assert open_on(disk, config).sequence == 5


def test_13_1_what_was_begun_before_it_was_void_goes_no_further():
    """The first of 200 batches are told when 64 of them are committed."""
    config, commands = stream_of("queue", 3, 200)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    begun = durable.batches(join(commands), 1)
    next(begun)
    logged = durable.log.last
    assert logged < 200
    durable._void = "interrupted"
    with pytest.raises(LogStopped):
        for _ in begun:
            pass
    durable.log.close()
    assert open_on(disk, config).sequence == logged


def test_13_1_a_state_that_lost_its_log_is_void():
    """As when a process is interrupted between log and state: nothing is told any more."""
    durable = story_of(SimulatedDisk())
    command = c.Deposit(time_ns=START_NS, account=2, amount=1)
    durable.log.append(pack_commands([command]), durable.log.last + 1)
    with pytest.raises(SequenceBroken, match="open the directory again"):
        durable.submit(command)


def test_13_1_the_state_at_any_sequence():
    config, commands = stream_of("auctions", 4, 200)
    digests = digests_of(config, commands)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands[:120]))
    durable.snapshot()
    durable.run(join(commands[120:]))
    for sequence in (0, 1, 57, 119, 120, 121, 200):
        assert state_at(disk, DIRECTORY, sequence).digest() == digests[sequence]
    with pytest.raises(JournalError, match="the log ends with 200"):
        state_at(disk, DIRECTORY, 201)


def test_i10_verify_compares_snapshots_and_checkpoints_with_the_replay():
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    config, commands = stream_of("queue", 6, 240)
    disk = SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands[:100]))
    durable.snapshot()
    write_checkpoint(disk, DIRECTORY, sign(durable.checkpoint(), key.sign))
    durable.run(join(commands[100:]))
    durable.close()
    found = Verifier(disk, DIRECTORY, public, 50).verify()
    assert found.broken == []
    assert (found.last, found.snapshots, found.checkpoints) == (240, 1, 1)
    assert found.digest == durable.exchange.digest()
    stranger = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    broken = Verifier(disk, DIRECTORY, stranger, 0).verify().broken
    assert len(broken) == 1 and "was not signed by this key" in broken[0]
    must_be_signed(read_checkpoint(disk, DIRECTORY, 100), public)


def test_13_1_a_journal_written_anew_is_noticed_by_a_checkpoint():
    """Every hash of the forged log is right, but one command was never sent."""
    config, commands = stream_of("queue", 6, 120)
    disk, forged = SimulatedDisk(), SimulatedDisk()
    durable = open_on(disk, config)
    durable.run(join(commands))
    checkpoint = durable.checkpoint()
    durable.close()
    forger = open_on(forged, config)
    forger.run(join([*commands[:50], commands[51], commands[50], *commands[52:]]))
    forger.close()
    assert Verifier(forged, DIRECTORY, None, 0).verify().broken == []
    write_checkpoint(forged, DIRECTORY, checkpoint)
    broken = Verifier(forged, DIRECTORY, None, 0).verify().broken
    assert broken == ["the log is not the one of the checkpoint of sequence 120"]


CHILD = """
import sys
from pathlib import Path
from engine.journal.durable import DurableExchange
from tests.journal.durable_runs import stream_of
from tests.property.both import join
config, commands = stream_of("queue", 9, 400)
durable = DurableExchange.open(Path(sys.argv[1]), config)
print("open", durable.sequence, flush=True)
while durable.sequence < len(commands):
    start = durable.sequence
    for events in durable.batches(join(commands[start : start + 7]), 2):
        print(int(events["sequence"][-1]), flush=True)
    if start % 5 == 0:
        durable.snapshot()
print("done", flush=True)
"""


def kill_at_random(directory: Path, chance: random.Random) -> int:
    """Run the child for a moment, kill it, and return the last sequence that it told."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", CHILD, str(directory)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = int(child.stdout.readline().split()[1])
        time.sleep(chance.random() * 0.15)
        child.kill()
        lines = child.stdout.read().split()
    return max([told, *(int(line) for line in lines if line.isdigit())])


def must_survive_kills(directory: Path, rounds: int, seed: int) -> None:
    config, commands = stream_of("queue", 9, 400)
    digests = digests_of(config, commands)
    chance = random.Random(seed)
    for _ in range(rounds):
        told = kill_at_random(directory, chance)
        with DurableExchange.open(directory, config) as durable:
            assert told <= durable.sequence
            assert durable.exchange.digest() == digests[durable.sequence]
            is_done = durable.sequence == len(commands)
        if is_done:
            for path in directory.iterdir():
                path.unlink()


def test_13_1_a_killed_process_loses_nothing_that_it_told(tmp_path):
    must_survive_kills(tmp_path, rounds=3, seed=1)


@pytest.mark.soak
def test_13_1_two_hundred_killed_processes_lose_nothing(tmp_path):
    must_survive_kills(tmp_path, rounds=200, seed=2)


def test_13_1_snapshots_of_a_running_process_are_the_states_of_their_moments(tmp_path):
    config, commands = stream_of("portfolio", 5, 300)
    digests = digests_of(config, commands)
    with DurableExchange.open(tmp_path, config) as durable:
        durable.run(join(commands[:150]))
        child = durable.start_snapshot()
        durable.run(join(commands[150:]))
        child.wait()
    assert find_snapshots(RealDisk(), tmp_path) == [150]
    for sequence in (150, 299):
        assert state_at(RealDisk(), tmp_path, sequence).digest() == digests[sequence]
