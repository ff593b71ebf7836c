"""What the tests of this directory have found, made small: each was another error than the
decoder's own once, or was taken."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.feed.encoding import decode_json, decode_msgpack
from engine.feed.messages import GapMarked
from engine.journal.log_errors import LogDamaged
from engine.journal.log_format import CLOSED, SEGMENT_HEADER_BYTES, BatchHeader, pack_batch, salt_of
from engine.journal.snapshot_errors import SnapshotDamaged
from engine.journal.snapshot_format import ALIGNMENT, HEADER, RUN, Description, Header
from engine.state.layout import SECTIONS
from tests.hostile.decoders import (
    DECODERS,
    decode_segment,
    decode_snapshot,
    seeds_of_segment,
    seeds_of_snapshot,
)
from tests.hostile.mutations import DEPTH
from tests.hostile.repairs import repair_segment

NOWHERE = Path("/nowhere")  # what reads from memory asks for no directory
DEEP = b"[" * DEPTH + b"]" * DEPTH
GAP = GapMarked(contract=1, engine_sequence=2, first_sequence=3, last_sequence=4)


@pytest.mark.parametrize(
    ("decoder", "text"),
    [
        ("config.json", b'{"a\\nb":1}'),
        ("checkpoint", b'{"a\\nb":1}'),
        ("feed as JSON", b'{"type":"a\\nb"}'),
    ],
)
def test_a_refusal_that_quotes_a_line_end_is_one_line(decoder, text):
    named = {each.name: each for each in DECODERS}[decoder]
    with pytest.raises(named.errors) as caught:
        named.decode(text, NOWHERE)
    assert str(caught.value).isprintable()


def framed(message: bytes, size: int) -> bytes:
    return size.to_bytes(4, "big") + message


@pytest.mark.parametrize(
    "octets",
    [
        b'{"type":"gap_marked","\xff":1}',
        b'{"zz":%b,' % DEEP + msgspec.json.encode(GAP)[1:],
        b'{"zz":%b,"type":"gap_marked"}' % DEEP,
    ],
)
def test_a_line_of_the_feed_is_text_and_not_deep(octets):
    with pytest.raises(msgspec.DecodeError):
        list(decode_json(octets))


WHOLE = msgspec.msgpack.encode(GAP)


@pytest.mark.parametrize(
    "octets",
    [
        framed(WHOLE, len(WHOLE) + 1),  # a whole message where more was announced
        framed(WHOLE, len(WHOLE))[:3],
        framed(WHOLE, len(WHOLE))[:4],
        framed(b"\x82\xa4type\xa1\xff\xa1a\x01", 12),
        framed(b"\x82\xa4type\xaagap_marked\xa2zz" + b"\x91" * DEPTH + b"\x01", DEPTH + 21),
    ],
)
def test_a_message_of_the_feed_is_whole_text_and_not_deep(octets):
    with pytest.raises(msgspec.DecodeError):
        list(decode_msgpack(octets))
    assert len(list(decode_msgpack(framed(WHOLE, len(WHOLE))))) == 1


@pytest.mark.parametrize(
    ("first_sequence", "what"),
    [(0, "numbers that were never written"), (2**64 - 1, "numbers that were never written")],
)
def test_a_mark_says_a_sequence_that_can_be_one(first_sequence, what):
    """Every checksum and hash fits; no end of a batch could say what came before."""
    octets = bytearray(seeds_of_segment()[0])
    header = BatchHeader(0, 0, 0, 0, 1, SEGMENT_HEADER_BYTES, bytes(octets[64:96]), CLOSED)
    batch = pack_batch(header, b"", salt_of(octets))
    octets[SEGMENT_HEADER_BYTES:] = bytes(len(octets) - SEGMENT_HEADER_BYTES)
    octets[SEGMENT_HEADER_BYTES : SEGMENT_HEADER_BYTES + len(batch.octets)] = batch.octets
    decode_segment(bytes(octets), NOWHERE)
    at = SEGMENT_HEADER_BYTES + 16
    octets[at : at + 8] = first_sequence.to_bytes(8, "little")
    with pytest.raises(LogDamaged, match=what):
        decode_segment(repair_segment(bytes(octets)), NOWHERE)


@pytest.mark.parametrize("first_sequence", [0, 2**63 + 1, 2**64 - 1])
def test_a_segment_says_a_sequence_that_can_be_one(first_sequence):
    octets = bytearray(seeds_of_segment()[0])
    octets[24:32] = first_sequence.to_bytes(8, "little")
    with pytest.raises(LogDamaged, match="numbers that were never written"):
        decode_segment(repair_segment(bytes(octets)), NOWHERE)


def described(octets: bytes, change: Any) -> bytes:
    """The snapshot with another description of itself, and every number and hash fits it."""
    header = Header(*HEADER.unpack_from(octets))
    end = HEADER.size + header.description_bytes
    description = msgspec.json.decode(octets[HEADER.size : end], type=Description)
    text = change(description)
    text += b" " * (-len(text) % ALIGNMENT)
    packed = HEADER.pack(*header._replace(description_bytes=len(text)))
    return rehashed(packed + text + octets[end:])


def rehashed(octets: bytes) -> bytes:
    return octets[:-32] + hashlib.sha256(octets[:-32]).digest()


def accounts_as(**changes: Any) -> Any:
    def change(description: Description) -> bytes:
        sections = [
            msgspec.structs.replace(section, **changes) if section.name == "accounts" else section
            for section in description.sections
        ]
        return msgspec.json.encode(Description(sections))

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda description: b'{"zz":' + DEEP + b"}",
        accounts_as(fields=[("cash", "<i8", 0), ("cash", "<i8", 8)]),
        accounts_as(record_bytes=2**31),
        accounts_as(record_bytes=2**40, fields=[]),
    ],
    ids=["deep", "two of one name", "wide", "wider"],
)
def test_a_description_of_records_is_one(change):
    with pytest.raises(SnapshotDamaged, match="description"):
        decode_snapshot(described(seeds_of_snapshot()[0], change), NOWHERE)


def with_number(octets: bytes, section: str, field: str, value: int) -> bytes:
    """One number of a section of one record, and a hash that fits."""
    header = Header(*HEADER.unpack_from(octets))
    end = HEADER.size + header.description_bytes
    table = np.frombuffer(octets, RUN, header.runs, end)
    names = list(msgspec.json.decode(octets[HEADER.size : end], type=Description).sections)
    place = end + table.nbytes
    for number, _, _, rows in table.tolist():
        if names[number].name == section:
            fields = SECTIONS[section].record.fields
            assert fields is not None
            place += fields[field][1]
            return rehashed(
                octets[:place] + value.to_bytes(8, "little", signed=True) + octets[place + 8 :]
            )
        place += rows * names[number].record_bytes
    raise KeyError(section)


COUNTS = [
    ("engine", name)
    for name in (
        "contracts", "collaterals", "accounts_top", "margin_accounts_top", "positions_top",
        "orders_top", "pages_top", "timers", "linked", "dirty", "liquidations", "cooling",
        "suspects", "shorts", "waking",
    )
] + [("pool", "portfolio_moves")]  # fmt: skip


@pytest.mark.parametrize("value", [-1, -2, -(2**63), 2**40, 2**63 - 1])
@pytest.mark.parametrize(("section", "field"), COUNTS, ids=[field for _, field in COUNTS])
def test_a_count_of_a_state_is_one_that_there_is_room_for(section, field, value):
    """-1 rows meant all that is behind them to numpy: terabytes."""
    if value == -1 and (field.endswith("_top") or field == "contracts"):
        value = -2  # these are the last row, not the count of rows: -1 says that there is none
    if field == "margin_accounts_top" and value < 0:
        pytest.skip("there are none below the first: 0 means none, too")
    with pytest.raises(SnapshotDamaged, match="its records are no state"):
        decode_snapshot(with_number(seeds_of_snapshot()[0], section, field, value), NOWHERE)


@pytest.mark.parametrize("value", [-1, -(2**63), 2**62 + 1, 2**63 - 1])
def test_a_number_of_valuations_is_one(value):
    """At -1 every account was worth the zeros of a record that nobody had written, and no digest
    told."""
    with pytest.raises(SnapshotDamaged, match="its records are no state"):
        decode_snapshot(with_number(seeds_of_snapshot()[0], "engine", "valuation", value), NOWHERE)
