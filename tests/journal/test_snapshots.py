"""Snapshots of the state (13.1, I10): restored it is the same, and goes on in the same way."""

import errno
import hashlib
import os
import random
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.exchange import Exchange
from engine.journal.disk import RealDisk
from engine.journal.log_format import NO_HASH, compute_config_digest
from engine.journal.snapshot import (
    NAME,
    Shelf,
    SnapshotChild,
    find_snapshots,
    path_of,
    read_snapshot,
    remove_older,
    write_snapshot,
)
from engine.journal.snapshot_errors import (
    OlderNotRemoved,
    SnapshotDamaged,
    SnapshotFailed,
    SnapshotForeign,
    SnapshotMissing,
    SnapshotNewer,
)
from engine.journal.snapshot_format import ALIGNMENT, HEADER, RUN, Description, Header
from engine.journal.whole_file import remove_parts
from engine.kernel import JIT
from engine.schema.contract import Config
from engine.state.arena import DIGEST_VERSION
from engine.state.copying import ROWS
from engine.state.layout import LAYOUT_VERSION
from tests.journal.durable_runs import DIRECTORY, stream_of
from tests.journal.simulated_disk import SimulatedDisk
from tests.oracle.workload import configs
from tests.property.both import join

COMMANDS = 1_200 if JIT else 250
BEHIND = 300 if JIT else 60
NAMES = (
    "auctions", "isolated", "collateral", "backstop", "queue", "portfolio", "listing", "makers",
    "eligibility", "waiting_in_line",
)  # fmt: skip


# Of a log whose hashes nobody knew, at any sequence that a test has a snapshot of.
CHAIN = {sequence: {NO_HASH} for sequence in range(1_000)}


def run_to(config: Config, commands: list[np.ndarray]) -> Exchange:
    exchange = Exchange(config)
    exchange.run(join(commands))
    return exchange


def save(disk: SimulatedDisk, exchange: Exchange) -> int:
    return write_snapshot(
        disk, DIRECTORY, exchange.arena, compute_config_digest(exchange.config)
    )


def load(disk: SimulatedDisk, config: Config, sequence: int) -> Exchange:
    _, arena = read_snapshot(disk, DIRECTORY, sequence, compute_config_digest(config))
    return Exchange.restore(config, arena)


@pytest.mark.parametrize("name", NAMES)
def test_i10_a_restored_state_is_the_same_and_goes_on_in_the_same_way(name):
    """At three places of a stream: the digest, and every event behind it."""
    config, commands = stream_of(name, 5, COMMANDS + BEHIND)
    chance = random.Random(name)
    for cut in (chance.randrange(10, 60), chance.randrange(60, COMMANDS), COMMANDS):
        exchange, disk = run_to(config, commands[:cut]), SimulatedDisk()
        restored = load(disk, config, save(disk, exchange))
        assert restored.digest() == exchange.digest()
        assert restored.check() == []
        tail = join(commands[cut : cut + BEHIND])
        assert restored.run(tail).tobytes() == exchange.run(tail).tobytes()
        assert restored.digest() == exchange.digest()


def test_i10_what_an_account_is_worth_is_found_out_and_not_read(monkeypatch):
    """No digest covers it: what a snapshot says of it could be anything."""
    config, commands = stream_of("queue", 5, 120)
    exchange, disk = run_to(config, commands), SimulatedDisk()
    with monkeypatch.context() as told:
        told.setitem(ROWS, "worths", ROWS["accounts"])
        sequence = save(disk, exchange)
    restored = load(disk, config, sequence)
    worths = [e.arena.records("worths", 64)["valuation"] for e in (exchange, restored)]
    assert worths[0].any() and not worths[1].any()


@pytest.fixture(scope="module")
def small() -> tuple[Exchange, bytes]:
    """An exchange with a little of everything, and its snapshot."""
    config, commands = stream_of("collateral", 3, 120)
    exchange, disk = run_to(config, commands), SimulatedDisk()
    sequence = save(disk, exchange)
    return exchange, disk.content()[path_of(DIRECTORY, sequence)]


def load_of(exchange: Exchange, sequence: int) -> bytes:
    """A whole snapshot that says that it is of another sequence."""
    disk = SimulatedDisk()
    octets = disk_content(disk, save(disk, exchange))
    return rehashed(with_header(octets, sequence=sequence))


def disk_content(disk: SimulatedDisk, sequence: int) -> bytes:
    return disk.content()[path_of(DIRECTORY, sequence)]


def rehashed(octets: bytes) -> bytes:
    """With a hash that fits."""
    return octets[:-32] + hashlib.sha256(octets[:-32]).digest()


def must_refuse(exchange: Exchange, octets: bytes, *errors: type[Exception]) -> None:
    sequence = int(exchange.arena.engine["sequence"][0])
    disk = SimulatedDisk({path_of(DIRECTORY, sequence): octets})
    with pytest.raises(errors):
        load(disk, exchange.config, sequence)


def test_i10_no_flipped_bit_is_taken(small):
    """Every bit of the header, and of every 64th byte behind it."""
    exchange, octets = small
    places = [*range(HEADER.size), *range(HEADER.size, len(octets), 64), len(octets) - 1]
    for place in places:
        for bit in range(8) if place < HEADER.size else (place // 64 % 8,):
            flipped = bytearray(octets)
            flipped[place] ^= 1 << bit
            must_refuse(
                exchange, bytes(flipped), SnapshotDamaged, SnapshotForeign, SnapshotNewer
            )


def test_i10_no_other_length_is_taken(small):
    exchange, octets = small
    chance = random.Random(1)
    ends = [0, 1, HEADER.size - 1, HEADER.size, len(octets) - 1]
    for end in [*ends, *(chance.randrange(len(octets)) for _ in range(50))]:
        must_refuse(exchange, octets[:end], SnapshotDamaged)
    must_refuse(exchange, octets + b"\0", SnapshotDamaged)


def test_i10_arbitrary_bytes_are_refused_in_one_line(small):
    exchange, octets = small
    chance = random.Random(2)
    for _ in range(200):
        noise = chance.randbytes(chance.randrange(2_000))
        must_refuse(exchange, noise, SnapshotDamaged, SnapshotForeign)
        mixed = octets[: HEADER.size] + noise
        must_refuse(exchange, mixed, SnapshotDamaged)


def with_header(octets: bytes, **fields: Any) -> bytes:
    header = Header(*HEADER.unpack_from(octets))._replace(**fields)
    return HEADER.pack(*header) + octets[HEADER.size :]


def test_13_2_what_is_not_ours_is_named(small):
    exchange, octets = small
    must_refuse(exchange, with_header(octets, version=2), SnapshotNewer)
    must_refuse(exchange, with_header(octets, magic=b"LIONSEGM"), SnapshotForeign)
    other = Exchange(configs()["queue"])
    sequence = int(exchange.arena.engine["sequence"][0])
    disk = SimulatedDisk({path_of(DIRECTORY, sequence): octets})
    with pytest.raises(SnapshotForeign):
        load(disk, other.config, sequence)
    with pytest.raises(SnapshotMissing):
        load(disk, exchange.config, sequence + 1)
    renamed = SimulatedDisk({path_of(DIRECTORY, sequence + 1): octets})
    with pytest.raises(SnapshotDamaged):
        load(renamed, exchange.config, sequence + 1)


def with_longer_accounts(octets: bytes) -> bytes:
    """The same snapshot by another version: an account's record has 64 bytes more, its fields lie
    behind them, and one is not there yet."""
    header = Header(*HEADER.unpack_from(octets))
    end = HEADER.size + header.description_bytes
    description = msgspec.json.decode(octets[HEADER.size : end], type=Description)
    sections = [
        msgspec.structs.replace(
            section,
            record_bytes=128,
            fields=[
                (name, kind, at + 64) for name, kind, at in section.fields if name != "orders"
            ],
        )
        if section.name == "accounts"
        else section
        for section in description.sections
    ]
    table = np.frombuffer(octets, RUN, header.runs, end)
    place, rows = end + table.nbytes, []
    for number, _, _, count in table.tolist():
        section = description.sections[number]
        size = count * section.record_bytes
        run = np.frombuffer(octets, np.uint8, size, place).reshape(count, -1)
        if section.name == "accounts":
            run = np.hstack([np.full_like(run, 0xEE), run])
        rows.append(run.tobytes())
        place += size
    text = msgspec.json.encode(Description(sections))
    text += b" " * (-len(text) % ALIGNMENT)
    header = header._replace(
        description_bytes=len(text), rows_bytes=sum(map(len, rows)), versions=1 << 32
    )
    covered = b"".join((HEADER.pack(*header), text, table.tobytes(), *rows))
    return covered + hashlib.sha256(covered).digest()


def test_13_2_an_older_snapshot_is_read_by_the_names_of_its_fields(small):
    exchange, octets = small
    sequence = int(exchange.arena.engine["sequence"][0])
    disk = SimulatedDisk({path_of(DIRECTORY, sequence): with_longer_accounts(octets)})
    restored = load(disk, exchange.config, sequence)
    top = int(exchange.arena.engine["accounts_top"][0]) + 1
    old, new = (e.arena.records("accounts", top) for e in (exchange, restored))
    assert old["orders"].any() and not new["orders"].any()
    for field in ("cash", "client_ids", "flags", "contracts", "position_1"):
        assert (old[field] == new[field]).all()
    other = exchange.arena.records("positions", 64).tobytes()
    assert restored.arena.records("positions", 64).tobytes() == other


@pytest.mark.parametrize("versions", [LAYOUT_VERSION + 1 << 32, DIGEST_VERSION + 1])
def test_13_2_records_of_a_later_version_are_refused(small, versions):
    exchange, octets = small
    must_refuse(exchange, rehashed(with_header(octets, versions=versions)), SnapshotNewer)


@pytest.mark.parametrize(
    ("kind", "offset"),
    [
        ("<f8", 0), ("|O", 0), ("<M8[s]", 0), ("f8,(", 0), ("(2)i8,,", 0), ("<i16", 0),
        ("<i8", -1), ("<i8", 57), ("<i8", 2**63), ("", 0),
    ],
)  # fmt: skip
def test_13_2_a_hostile_description_is_refused(small, kind, offset):
    """Every hash fits: somebody wants the reader to stumble."""
    exchange, octets = small
    header = Header(*HEADER.unpack_from(octets))
    end = HEADER.size + header.description_bytes
    description = msgspec.json.decode(octets[HEADER.size : end], type=Description)
    sections = [
        msgspec.structs.replace(section, fields=[("cash", kind, offset)])
        if section.name == "accounts"
        else section
        for section in description.sections
    ]
    text = msgspec.json.encode(Description(sections))
    text += b" " * (-len(text) % ALIGNMENT)
    header = header._replace(description_bytes=len(text))
    hostile = HEADER.pack(*header) + text + octets[end:]
    must_refuse(exchange, rehashed(hostile), SnapshotDamaged)


def test_13_2_records_that_are_no_state_are_refused(small):
    """Described as accounts without fields: nobody, not even the fund, is there."""
    exchange, octets = small
    header = Header(*HEADER.unpack_from(octets))
    end = HEADER.size + header.description_bytes
    text = octets[HEADER.size : end].replace(b'"accounts"', b'"nobodies"')
    must_refuse(
        exchange, rehashed(octets[: HEADER.size] + text + octets[end:]), SnapshotDamaged
    )


def test_13_2_a_size_is_not_believed_before_the_header(tmp_path, small):
    """8 TiB of nothing behind a good header."""
    exchange, octets = small
    sequence = int(exchange.arena.engine["sequence"][0])
    path = path_of(tmp_path, sequence)
    path.write_bytes(octets)
    os.truncate(path, 1 << 43)
    with pytest.raises(SnapshotDamaged, match="not as many as its header says"):
        read_snapshot(RealDisk(), tmp_path, sequence, compute_config_digest(exchange.config))


# The disk


def files_of(disk: SimulatedDisk) -> set[str]:
    return {path.name for path in disk.content()}


@pytest.mark.parametrize("call", ["create", "write", "sync", "rename", "sync_directory"])
def test_13_1_a_disk_that_fails_leaves_what_was_there(small, call):
    exchange, octets = small
    disk = SimulatedDisk({path_of(DIRECTORY, 1): octets})
    disk.fail(call, 1, OSError(28, "No space left on device"))
    with pytest.raises(SnapshotFailed):
        save(disk, exchange)
    lost = disk.after_losing_all()
    remove_parts(lost, DIRECTORY, [NAME])
    assert find_snapshots(lost, DIRECTORY) == [1]


def test_13_1_a_snapshot_that_failed_can_be_tried_again(small):
    exchange, _ = small
    disk = SimulatedDisk()
    disk.fail("sync", 1, OSError(28, "No space left on device"))
    with pytest.raises(SnapshotFailed):
        save(disk, exchange)
    sequence = save(disk, exchange)
    assert find_snapshots(disk, DIRECTORY) == [sequence]


def test_13_1_a_short_write_is_no_snapshot(small):
    exchange, _ = small
    disk = SimulatedDisk()
    disk.fail("write", 1, 100)
    with pytest.raises(SnapshotFailed, match="wrote 100 of"):
        save(disk, exchange)
    assert find_snapshots(disk, DIRECTORY) == []


def test_13_1_power_lost_at_any_change_leaves_all_or_nothing(small):
    """Whatever was stored of what no sync had followed: the snapshot is whole, or there is none
    that is taken."""
    exchange, _ = small
    sequence = int(exchange.arena.engine["sequence"][0])
    seen: list[SimulatedDisk] = []
    disk = SimulatedDisk()

    def lose_power() -> None:
        for seed in range(3):
            seen.append(disk.after_a_loss(random.Random(len(seen) + seed)))
        seen.append(disk.after_losing_all())
        seen.append(disk.after_storing_all())

    disk.watch = lose_power
    save(disk, exchange)
    taken = 0
    for left in seen:
        remove_parts(left, DIRECTORY, [NAME])
        for found in find_snapshots(left, DIRECTORY):
            assert load(left, exchange.config, found).digest() == exchange.digest()
            taken += 1
    assert taken > 0
    assert find_snapshots(disk.after_losing_all(), DIRECTORY) == [sequence]


def shelf_of(disk, directory, config):
    return Shelf(disk, directory, compute_config_digest(config), CHAIN)


def test_13_1_old_snapshots_go_and_the_newest_stay(small):
    exchange, octets = small
    digest = compute_config_digest(exchange.config)
    disk = SimulatedDisk({path_of(DIRECTORY, k): octets for k in (1, 5, 9, 12)})
    assert remove_older(Shelf(disk, DIRECTORY, digest, CHAIN), 2) == [1, 5]
    assert find_snapshots(disk.after_losing_all(), DIRECTORY) == [12, 9]
    assert remove_older(Shelf(disk, DIRECTORY, digest, CHAIN), 0) == [9]


def test_13_1_where_none_is_proven_none_is_removed(small):
    """However few are to be kept."""
    exchange, octets = small
    disk = SimulatedDisk({path_of(DIRECTORY, 1): octets[:-1] + b"?"})
    assert remove_older(shelf_of(disk, DIRECTORY, exchange.config), 0) == []
    assert find_snapshots(disk, DIRECTORY) == [1]


def test_13_1_a_damaged_snapshot_does_not_count_among_those_kept(small):
    exchange, octets = small
    digest = compute_config_digest(exchange.config)
    files = {path_of(DIRECTORY, k): octets for k in (1, 5, 9)}
    disk = SimulatedDisk(files | {path_of(DIRECTORY, 12): octets[:-1] + b"?"})
    assert remove_older(Shelf(disk, DIRECTORY, digest, CHAIN), 2) == [1]
    assert find_snapshots(disk, DIRECTORY) == [12, 9, 5]


def test_13_1_a_child_writes_the_state_of_its_moment(tmp_path):
    """The parent goes on at once; what is published is the state of the fork."""
    config, commands = stream_of("queue", 4, 400)
    exchange = run_to(config, commands[:300])
    before = exchange.digest()
    for sequence in (7, 8):
        older = load_of(exchange, sequence)
        path_of(tmp_path, sequence).write_bytes(older)
    child = SnapshotChild(shelf_of(RealDisk(), tmp_path, config), exchange.arena, b"", 2)
    exchange.run(join(commands[300:]))
    child.wait()
    assert child.poll()
    assert find_snapshots(RealDisk(), tmp_path) == [child.sequence, 8]
    _, arena = read_snapshot(
        RealDisk(), tmp_path, child.sequence, compute_config_digest(config)
    )
    assert Exchange.restore(config, arena).digest() == before != exchange.digest()


def test_13_1_a_child_that_fails_says_so(tmp_path):
    config, commands = stream_of("queue", 4, 50)
    exchange = run_to(config, commands)
    path = path_of(tmp_path, int(exchange.arena.engine["sequence"][0]))
    path.mkdir()  # what can't be replaced by a file
    child = SnapshotChild(shelf_of(RealDisk(), tmp_path, config), exchange.arena, b"", 2)
    with pytest.raises(SnapshotFailed):
        child.wait()
    assert remove_parts(RealDisk(), tmp_path, [NAME]) == 0  # it has cleared up behind itself
    assert [path.name] == os.listdir(tmp_path)


class ReadOnlyDirectory(RealDisk):
    """From which no snapshot can be removed."""

    def remove(self, path):
        if path.suffix == ".snapshot":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        super().remove(path)


def test_13_1_a_child_that_has_written_and_not_removed_says_so(tmp_path):
    config, commands = stream_of("queue", 4, 50)
    exchange = run_to(config, commands)
    for sequence in (7, 8):
        path_of(tmp_path, sequence).write_bytes(load_of(exchange, sequence))
    child = SnapshotChild(shelf_of(ReadOnlyDirectory(), tmp_path, config), exchange.arena, b"", 2)
    for ask in (child.wait, child.wait, child.poll):
        with pytest.raises(OlderNotRemoved, match=f"of sequence {child.sequence} is written, but"):
            ask()
    assert find_snapshots(RealDisk(), tmp_path) == [child.sequence, 8, 7]


class SharedDisk(SimulatedDisk):
    """On which another process has been a moment faster."""

    def remove(self, path):
        super().remove(path)
        super().remove(path)


def test_13_1_what_another_process_has_removed_is_removed(small):
    exchange, octets = small
    digest = compute_config_digest(exchange.config)
    disk = SharedDisk({path_of(DIRECTORY, k): octets for k in (1, 5, 9)})
    assert remove_older(Shelf(disk, DIRECTORY, digest, CHAIN), 1) == [1, 5]
    assert find_snapshots(disk, DIRECTORY) == [9]
