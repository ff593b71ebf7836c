"""What was durable and is no longer as it was written is refused, and never cut away."""

import pytest

from engine.journal.checksum import crc32c
from engine.journal.log_errors import (
    ForeignLog,
    JournalError,
    LogDamaged,
    LogMissing,
    NewerVersion,
    SequenceBroken,
)
from engine.journal.log_format import SEGMENT_HEADER, SegmentHeader
from engine.journal.segment_log import SegmentLog
from engine.schema.commands import ADVANCE_TIME
from tests.journal.log_runs import (
    CONFIG_DIGEST,
    DIRECTORY,
    create_log,
    make_orders,
    make_quotes,
    open_log,
    read_all,
)
from tests.journal.simulated_disk import SimulatedDisk

SMALL = 1_216  # bytes of a segment: a header, eleven slots
HEADER, SLOT = 512, 64


def open_small(files):
    return SegmentLog.open(SimulatedDisk(files), DIRECTORY, CONFIG_DIGEST, SMALL)


def make_small_log():
    """Three segments with a batch in each, the last with room for one more."""
    disk = SimulatedDisk()
    log = SegmentLog.create(disk, DIRECTORY, CONFIG_DIGEST, SMALL)
    log.append(make_orders(1, 2), 1)
    log.append(make_quotes(3, 2), 3)
    log.append(make_orders(4, 1), 4)
    log.commit()
    return log, disk


def make_log():
    """Four segments on a disk, a commit behind each batch; not closed."""
    disk = SimulatedDisk()
    log = create_log(disk)
    for first in range(1, 60, 5):
        log.append(make_orders(first, 5), first)
        log.commit()
    return log, disk


def refusal_of(error, files):
    with pytest.raises(error) as caught:
        open_log(SimulatedDisk(files))
    text = str(caught.value)
    assert "\n" not in text
    return text


def flip(octets, bit):
    flipped = bytearray(octets)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def end_of(octets):
    """Offset behind the last slot that is not zeros."""
    return -(-len(octets.rstrip(b"\0")) // SLOT) * SLOT


@pytest.mark.parametrize(
    "how", ["written", pytest.param("committed", marks=pytest.mark.soak), "closed"]
)
def test_a_flipped_bit_is_refused_or_lies_where_nothing_was_written(how):
    log, disk = make_small_log()
    if how == "written":
        log.append(make_orders(5, 1), 5)
    if how == "closed":
        log.close()
    files = disk.content()
    commands = read_all(open_small(files), 1)
    assert len(files) == 3 and len(commands) == log.last
    refused = harmless = 0
    for path, octets in files.items():
        end = end_of(octets)
        for bit in range(len(octets) * 8):
            # Of the 412 zeros of a segment's header one bit of each byte is enough.
            if 100 * 8 <= bit < 508 * 8 and bit % 8 != bit // 8 % 8:
                continue
            try:
                opened = open_small(files | {path: flip(octets, bit)})
            except JournalError:
                refused += 1
                continue
            assert bit // 8 >= end, (path.name, bit)
            assert read_all(opened, 1) == commands, (path.name, bit)
            harmless += 1
    assert refused > 8_000 and harmless > 0


def test_a_flip_in_the_end_that_no_batch_has_reached_is_reported():
    _, disk = make_log()
    path, octets = sorted(disk.content().items())[-1]
    opened = open_log(SimulatedDisk(disk.content() | {path: flip(octets, end_of(octets) * 8 + 3)}))
    assert opened.last == 60
    assert opened.recovery.cut_bytes == 1
    assert opened.recovery.cut_what == "the header of a batch was not stored as a whole"


def test_a_lost_sector_of_a_durable_batch_is_proven_by_the_batch_behind_it():
    log, disk = make_log()
    files = disk.content()
    path = sorted(files)[-1]
    octets = bytearray(files[path])
    octets[HEADER + SLOT : HEADER + 6 * SLOT] = bytes(5 * SLOT)
    text = refusal_of(LogDamaged, files | {path: bytes(octets)})
    assert text == (
        f"{path.name}: offset 512: record 0 of a batch was not stored, and the batch at offset 960"
        " says that it was durable"
    )


def test_a_lost_sector_of_the_last_batch_is_proven_by_a_clean_close():
    log, disk = make_log()
    log.close()
    path, octets = sorted(disk.content().items())[-1]
    at = end_of(octets) - 128 - 64
    lost = octets[:at] + bytes(SLOT) + octets[at + SLOT :]
    text = refusal_of(LogDamaged, disk.content() | {path: lost})
    assert "the end of a batch was not stored, and the batch at offset" in text


# What is damaged in the last segment, whose first batch is at 512 and has five records: from which
# byte on, with what, and what is said.
PLACES = [
    (512, b"\xff", "offset 512: the header of a batch is damaged"),
    (512 + 63, b"\x00", "says that it was durable"),
    (576, b"\xff", "offset 512: the records of a batch are damaged"),
    (576 + 5 * 64, b"\xff", "offset 512: the end of a batch is damaged"),
    (576 + 6 * 64, b"\xff", "offset 960: the header of a batch is damaged"),
    (0, b"x", "magic: b'xIONSEGM' is not b'LIONSEGM'"),
    (200, b"\x01", "the checksum of the segment's header does not fit"),
    (90, b"\xff", "the checksum of the segment's header does not fit"),
]


@pytest.mark.parametrize(("at", "octets", "what"), PLACES)
def test_damage_is_named_with_file_and_offset(at, octets, what):
    _, disk = make_log()
    path, whole = sorted(disk.content().items())[-1]
    damaged = whole[:at] + octets + whole[at + 1 :]
    text = refusal_of(JournalError, disk.content() | {path: damaged})
    assert text.startswith(f"{path.name}: ") and what in text


def restamp(octets, **changes):
    """Change the header of a segment and make its checksum fit again."""
    header = SegmentHeader(*SEGMENT_HEADER.unpack_from(octets))._replace(**changes)
    packed = SEGMENT_HEADER.pack(*header)
    return packed + crc32c(packed).to_bytes(4, "little") + octets[HEADER:]


# A change in the header of the last segment with a checksum that fits; the refusal.
HEADERS = [
    ({"version": 2}, NewerVersion, "version: 2 is newer than 1, the newest known here"),
    ({"version": 0}, LogDamaged, "never written"),
    ({"config_digest": bytes(32)}, ForeignLog, "written for another configuration"),
    ({"record_bytes": 32}, LogDamaged, "numbers that were never written"),
    ({"segment_bytes": 2**63}, LogDamaged, "numbers that were never written"),
    ({"segment_bytes": 4_096}, LogDamaged, "has 2048 bytes where a segment has 4096"),
    ({"first_sequence": 47}, SequenceBroken, "not with that of its name"),
    ({"previous_hash": bytes(32)}, SequenceBroken, "follows another one"),
]


@pytest.mark.parametrize(("changes", "error", "what"), HEADERS)
def test_a_segment_header_that_does_not_hold(changes, error, what):
    _, disk = make_log()
    path, octets = sorted(disk.content().items())[-1]
    assert what in refusal_of(error, disk.content() | {path: restamp(octets, **changes)})


def test_padding_of_a_segment_header_must_be_zero():
    _, disk = make_log()
    path, octets = max(disk.content().items())
    packed = octets[:200] + b"\x01" + octets[201 : HEADER - 4]
    padded = packed + crc32c(packed).to_bytes(4, "little") + octets[HEADER:]
    text = refusal_of(LogDamaged, disk.content() | {path: padded})
    assert "bytes that were never written" in text


def test_another_configuration_is_foreign():
    _, disk = make_log()
    with pytest.raises(ForeignLog, match="written for another configuration"):
        SegmentLog.open(SimulatedDisk(disk.content()), DIRECTORY, bytes(32), 2_048)


def test_a_file_of_another_kind_is_foreign():
    path = DIRECTORY / f"commands-{1:020}.log"
    assert "magic" in refusal_of(ForeignLog, {path: b"LIONROCK" + bytes(2_040)})
    assert "ends within the header" in refusal_of(LogDamaged, {path: b"LIONSEGM"})


def test_a_segment_that_is_missing_in_the_middle_is_a_gap():
    _, disk = make_log()
    files = disk.content()
    for path in sorted(files)[1:-1]:
        rest = {other: octets for other, octets in files.items() if other != path}
        assert "what follows it begins with" in refusal_of(SequenceBroken, rest)


def test_a_last_segment_that_is_missing_is_told_by_the_seal():
    _, disk = make_log()
    files = disk.content()
    del files[max(files)]
    assert "is missing" in refusal_of(SequenceBroken, files)


def test_no_segment_is_no_log():
    _, disk = make_log()
    with pytest.raises(LogMissing):
        open_log(SimulatedDisk({}))


def test_swapped_segments_are_told_by_their_names():
    _, disk = make_log()
    files = disk.content()
    first, second, *_ = sorted(files)
    files[first], files[second] = files[second], files[first]
    assert "not with that of its name" in refusal_of(SequenceBroken, files)


def test_a_segment_that_is_there_twice_is_told_by_its_name():
    _, disk = make_log()
    files = disk.content()
    files[DIRECTORY / f"commands-{61:020}.log"] = files[max(files)]
    assert "not with that of its name" in refusal_of(SequenceBroken, files)


def test_a_segment_of_another_history_is_a_fork():
    _, disk = make_log()
    other_disk = SimulatedDisk()
    other = create_log(other_disk)
    other.append(make_orders(2, 5), 1)
    for first in range(6, 60, 5):
        other.append(make_orders(first, 5), first)
    other.commit()
    files, path = disk.content(), max(disk.content())
    files[path] = other_disk.content()[path]
    assert "follows another one than the one before it" in refusal_of(SequenceBroken, files)


def make_unsynced(*batches):
    """One segment with batches that were not synced; returns where it is and its bytes."""
    disk = SimulatedDisk()
    log = create_log(disk)
    for records in batches:
        log.append(records, log.last + 1)
    ((path, octets),) = disk.content().items()
    return path, octets


def test_a_batch_of_another_history_is_a_fork():
    path, octets = make_unsynced(make_orders(1, 2), make_orders(3, 2))
    _, others = make_unsynced(make_orders(9, 2), make_orders(3, 2))
    second = HEADER + 4 * SLOT
    text = refusal_of(SequenceBroken, {path: octets[:second] + others[second:]})
    assert text.endswith("the batch of sequence 3 follows another batch than the one before it")


def test_a_batch_that_is_missing_in_the_middle_is_a_gap():
    path, octets = make_unsynced(make_orders(1, 2), make_orders(3, 2), make_orders(5, 2))
    second, third = HEADER + 4 * SLOT, HEADER + 8 * SLOT
    text = refusal_of(SequenceBroken, {path: octets[:second] + octets[third:] + bytes(4 * SLOT)})
    assert text.endswith("offset 768: the batch has sequence 5 where 3 follows")


def test_a_record_that_no_version_has_written_is_refused(monkeypatch):
    records = make_orders(1, 3)
    records["kind"][1] = ADVANCE_TIME
    monkeypatch.setattr("engine.journal.command_framing.count_commands", len)
    path, octets = make_unsynced(records)
    text = refusal_of(LogDamaged, {path: octets})
    assert "offset 640: record: byte 8 must be zero" in text


def test_a_count_of_commands_that_is_not_that_of_the_records_is_refused(monkeypatch):
    monkeypatch.setattr("engine.journal.command_framing.count_commands", len)
    path, octets = make_unsynced(make_quotes(1, 2))
    assert "not as many commands as is said" in refusal_of(LogDamaged, {path: octets})


def test_a_batch_of_another_segment_is_not_taken():
    """Whole and in sequence, but sealed with the salt of another segment."""
    _, disk = make_log()
    *_, before, last = sorted(disk.content().items())
    path, octets = last
    pasted = octets[:HEADER] + before[1][HEADER:]
    refusal_of(LogDamaged, disk.content() | {path: pasted})


@pytest.mark.parametrize("keep", [0, 100, 512, 1_000, 2_047])
def test_a_truncated_segment_is_refused(keep):
    _, disk = make_log()
    files = disk.content()
    for path, octets in files.items():
        refusal_of(LogDamaged, files | {path: octets[:keep]})


def test_a_segment_that_has_grown_is_refused():
    _, disk = make_log()
    path, octets = max(disk.content().items())
    text = refusal_of(LogDamaged, disk.content() | {path: octets + bytes(64)})
    assert "has 2112 bytes where a segment has 2048" in text


def test_damage_is_found_while_reading_too():
    log, disk = make_log()
    path = min(disk.files)
    disk.files[path].seen[HEADER + SLOT + 5] ^= 1
    with pytest.raises(LogDamaged, match="the records of a batch are damaged"):
        read_all(log, 1)
