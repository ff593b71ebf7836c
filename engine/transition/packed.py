"""One command as MessagePack in, its events as MessagePack out: what `Exchange.submit` calls.

In Python a typed command took 1.4 us to become a record, and each event half of one to become
typed. msgspec makes an array of numbers of the one, and the other of such an array, in a tenth and
a quarter of that; what lies between arrays and records is here. The array's numbers are those of
the command's struct in its order, and a plan (`engine/schema/packing.py`) says where each belongs.
"""

from engine.kernel import entry, kernel
from engine.schema.commands import COMMAND
from engine.schema.packing import KIND_AT, PLAN_HEAD, PLAN_WORDS_A_FIELD
from engine.state.access import (
    ENGINE,
    EVENT,
    shift_left,
    swap_bytes,
    to_bits,
    to_int,
    word_accessor,
)
from engine.transition.step import apply_alone

WORD = word_accessor()
RECORD_WORDS = COMMAND.itemsize // 8

# In MessagePack the first byte of a number says how many follow, the highest first.
FIXED_LAST = 0x7F  # up to here it is the number itself
ARRAY_SHORT_FIRST = 0x90  # from here up to the next it holds an array's length
ARRAY_SHORT_LAST = 0x9F
UNSIGNED_FIRST = 0xCC  # of 1, 2, 4, 8 bytes
UNSIGNED_LAST = 0xCF
SIGNED_LAST = 0xD3  # the same four
ARRAY_LONG = 0xDD  # four bytes of length follow
NEGATIVE_FIRST = 0xE0  # from here on it is the number and 256

EVENT_NUMBERS = 10  # kind, sequence, contract, account, a to f
EVENT_OCTETS = 1 + EVENT_NUMBERS * 9
EVENTS_OCTETS = 5  # the array's head
SPARE_OCTETS = 8  # words are read, and written, across the end of what counts

NOT_READ = 0
NOT_TOLD = -1


@kernel
def write_field(record, place, mask, value):
    """Into the bytes of a record that are still zero; `place` counts bits."""
    word = WORD(record, place >> 6)
    word.bits |= shift_left(to_bits(value) & mask, place & 63)


@kernel
def read_command(packed, plan, record):
    """Make the record of the numbers; returns where they end, or NOT_READ when one is no number, a
    truth value for example, or more than its place can hold."""
    for k in range(RECORD_WORDS):
        WORD(record, k).bits = to_bits(0)
    WORD(record, KIND_AT // 8).bits = WORD(plan, 1).bits
    length = to_int(WORD(packed, 0).bits) & 255
    at = packed + (1 if length <= ARRAY_SHORT_LAST else 3)
    for k in range(to_int(WORD(plan, 0).bits)):
        value = to_int(WORD(at, 0).bits) & 255
        first = value + 0
        at += 1
        if first >= NEGATIVE_FIRST:
            value -= 256
        elif first > FIXED_LAST:
            if first < UNSIGNED_FIRST or first > SIGNED_LAST:
                return NOT_READ
            octets = 1 << (first & 3)
            value = to_int(swap_bytes(WORD(at, 0).bits)) >> 64 - 8 * octets
            at += octets
            if first <= UNSIGNED_LAST and value < 0:
                if first == UNSIGNED_LAST:
                    return NOT_READ
                value += 1 << 8 * octets
        field = PLAN_HEAD + k * PLAN_WORDS_A_FIELD
        lowest = to_int(WORD(plan, field + 1).bits)
        if value < lowest or value > -1 - lowest:
            return NOT_READ
        write_field(record, to_int(WORD(plan, field).bits), WORD(plan, field + 2).bits, value)
    return at


@kernel
def write_number(octets, at, value):
    """As a number of eight bytes, whatever it is; returns where the next belongs."""
    WORD(octets + at, 0).bits = to_bits(SIGNED_LAST)
    WORD(octets + at + 1, 0).bits = swap_bytes(to_bits(value))
    return at + 9


@kernel
def write_events(arena, told):
    """All events that stand in the arena; returns how many bytes they take."""
    count = ENGINE(arena, 0).events + 0
    WORD(told, 0).bits = to_bits(ARRAY_LONG)
    WORD(told + 1, 0).bits = swap_bytes(to_bits(count << 32))
    at = EVENTS_OCTETS
    for k in range(count):
        event = EVENT(arena, k)
        WORD(told + at, 0).bits = to_bits(ARRAY_SHORT_FIRST + EVENT_NUMBERS)
        at = write_number(told, at + 1, event.kind)
        at = write_number(told, at, event.sequence)
        at = write_number(told, at, event.contract)
        at = write_number(told, at, event.account)
        at = write_number(told, at, event.a)
        at = write_number(told, at, event.b)
        at = write_number(told, at, event.c)
        at = write_number(told, at, event.d)
        at = write_number(told, at, event.e)
        at = write_number(told, at, event.f)
    return at


@entry("int64(int64, int64, int64, int64, int64, int64, int64)")
def one_packed(arena, packed, octets, plan, record, told, events_max):
    """Apply the command that stands at `packed`, an array of numbers in so many bytes, its record
    at `record`.

    Returns the bytes of its events at `told`. NOT_READ: nothing was done, as the bytes make no
    record. NOT_TOLD: it was done, and its events, more than `events_max`, stand in the arena alone.
    """
    if read_command(packed, plan, record) != packed + octets:
        return NOT_READ
    engine = ENGINE(arena, 0)
    engine.events = 0
    engine.rows_left = 1
    apply_alone(arena, record, 0)
    if engine.events > events_max:
        return NOT_TOLD
    return write_events(arena, told)
