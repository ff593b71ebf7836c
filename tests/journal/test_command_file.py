"""Command files: what is written is read back, and nothing damaged is ever read."""

import zlib

import msgspec
import numpy as np
import pytest

from engine.journal.command_file import (
    ZERO_MASKS,
    CommandFileError,
    CommandFileWriter,
    read_command_file,
    write_command_file,
)
from engine.journal.record_file import ALIGNMENT, BLOCK_RECORDS, HEADER, HEADER_CHECKSUM, Header
from engine.schema.commands import COMMAND, AdvanceTime
from engine.schema.contract import Config
from tests.journal.files import COMMANDS, CONFIG, refusal_of


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "day.lionrock"
    write_command_file(path, CONFIG, COMMANDS)
    return path


def restamp(octets, **changes):
    """Change fields of the header and make its checksum fit again."""
    header = Header(*HEADER.unpack_from(octets))._replace(**changes)
    packed = HEADER.pack(*header)
    return packed + HEADER_CHECKSUM.pack(zlib.crc32(packed)) + octets[ALIGNMENT:]


def refusal(path, octets):
    return refusal_of(read_command_file, CommandFileError, path, octets)


def test_records_lie_on_cache_lines(path):
    assert path.read_bytes().index(COMMANDS.tobytes()) % ALIGNMENT == 0


@pytest.mark.parametrize("count", [0, 1, BLOCK_RECORDS - 1, BLOCK_RECORDS, 2 * BLOCK_RECORDS + 1])
def test_blocks(tmp_path, count):
    records = np.zeros(count, COMMAND)
    records["kind"] = AdvanceTime.kind_code
    records["time_ns"] = np.arange(count)
    with CommandFileWriter(tmp_path / "f", CONFIG) as writer:
        for start in range(0, count, 40_000):
            writer.append(records[start : start + 40_000])
    found = read_command_file(tmp_path / "f").records
    assert found.tobytes() == records.tobytes()


def test_a_flip_in_a_later_block_names_it(tmp_path):
    records = np.zeros(BLOCK_RECORDS + 10, COMMAND)
    records["kind"] = AdvanceTime.kind_code
    write_command_file(tmp_path / "f", CONFIG, records)
    octets = bytearray((tmp_path / "f").read_bytes())
    octets[-64 * 5] ^= 1
    text = refusal(tmp_path / "f", bytes(octets))
    assert text.startswith(f"block 1 (records {BLOCK_RECORDS} to {BLOCK_RECORDS + 9})")


def test_faults_are_named(path):
    whole = path.read_bytes()
    assert refusal(path, b"").startswith("header: ")
    assert refusal(path, b"WRONG" + whole[5:]).startswith("magic: ")
    assert "is newer than 1" in refusal(path, restamp(whole, version=2))
    assert refusal(path, restamp(whole, version=0)).startswith("version: ")
    assert refusal(path, restamp(whole, record_bytes=32)).startswith("record_bytes: 32")
    assert refusal(path, restamp(whole, block_records=0)).startswith("block_records: 0")
    assert refusal(path, restamp(whole, reserved=b"x")).startswith("reserved: ")
    assert refusal(path, restamp(whole, records=4)).endswith("64 bytes short")
    assert refusal(path, whole + b"xyz") == "3 bytes follow the last checksum"
    assert refusal(path, whole[:-70]).startswith("record 1: ")
    assert refusal(path, whole[:-2]).startswith("checksums of the blocks: ")
    assert refusal(path, whole[:-1] + bytes([whole[-1] ^ 1])).startswith("blocks_checksum: ")
    # sizes that no file could have
    assert refusal(path, restamp(whole, records=2**64 - 1)).endswith("bytes short")
    assert refusal(path, restamp(whole, config_bytes=2**32 - 1)).endswith("bytes short")


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (b"{}", "missing required field `contracts`"),
        (b"no", "truncated"),
        (b'{"contracts":[],"fund_cash":1.5}', "got `float`"),
        (b"\xff", "malformed"),
        (msgspec.json.encode(Config(contracts=(), fund_cash=-1)), "fund_cash -1 is not between"),
    ],
)
def test_a_configuration_that_does_not_hold(path, config, what):
    whole = path.read_bytes()
    padded = config + bytes(-len(config) % ALIGNMENT)
    octets = whole[:ALIGNMENT] + padded + whole[whole.index(COMMANDS.tobytes()) :]
    octets = restamp(octets, config_bytes=len(config), config_checksum=zlib.crc32(config))
    text = refusal(path, octets)
    assert text.startswith("config: ") and what in text


def test_padding_must_be_zero(path):
    octets = bytearray(path.read_bytes())
    octets[octets.index(COMMANDS.tobytes()) - 1] = 1
    assert refusal(path, bytes(octets)) == "config: the bytes behind it must be zero"


def test_bytes_that_no_field_covers_are_refused(tmp_path):
    records = COMMANDS.copy()
    records.view(np.uint8).reshape(-1, 64)[1, 51] = 1
    with pytest.raises(CommandFileError, match="record 1: byte 51 must be zero"):
        write_command_file(tmp_path / "f", CONFIG, records)
    assert not list(tmp_path.iterdir())


def test_a_command_of_unknown_kind_is_kept_for_the_engine_to_refuse(tmp_path):
    records = COMMANDS.copy()
    records["kind"][1] = -3
    write_command_file(tmp_path / "f", CONFIG, records)
    assert read_command_file(tmp_path / "f").records["kind"].tolist() == [34, -3, 1]


def test_an_interrupted_writer_leaves_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), CommandFileWriter(path, CONFIG) as writer:
        writer.append(COMMANDS)
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(CommandFileError, match="nothing: No such file"):
        read_command_file(tmp_path / "nothing")
    with pytest.raises(CommandFileError, match="No such file"):
        write_command_file(tmp_path / "no" / "f", CONFIG, COMMANDS)
    with pytest.raises(CommandFileError, match="config: "):
        CommandFileWriter(tmp_path / "f", Config(contracts=(), fund_cash=-1))
    with pytest.raises(CommandFileError, match="dtype COMMAND"):
        write_command_file(tmp_path / "f", CONFIG, np.zeros(3, np.int64))
    assert not list(tmp_path.iterdir())


def test_every_kind_has_its_own_mask():
    masks = ZERO_MASKS
    assert not masks[99].any() and masks[AdvanceTime.kind_code].sum() == 0xFF * (64 - 8 - 1)
