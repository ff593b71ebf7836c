"""Record pointers into the arena, and the few bit operations that numba does not offer.

`ORDER(arena, slot)` is one getelementptr on the arena's address: no bounds, no reference counts,
and loops over records vectorise (add + inttoptr do not). Measured against named tuples of arrays:
15-20 ns a command instead of 300-550. With the JIT off the same names give views that refuse a
slot outside the section and a value outside its field, so an overflow is a failing test.
"""

import ctypes
from typing import Any

from engine.kernel import COMPILES
from engine.schema.commands import COMMAND as COMMAND_RECORD
from engine.state import layout

_CTYPES = {
    "i1": ctypes.c_int8,
    "i2": ctypes.c_int16,
    "i4": ctypes.c_int32,
    "i8": ctypes.c_int64,
    "u8": ctypes.c_uint64,
}


def _checked_field(name: str, kind: str):
    width = 8 * int(kind[1])
    low, high = (0, 2**width) if kind[0] == "u" else (-(2 ** (width - 1)), 2 ** (width - 1))

    def read(view):
        return getattr(view, "_" + name)

    def write(view, value):
        if not low <= value < high:
            raise OverflowError(f"{type(view).__name__}.{name} = {value}")
        setattr(view, "_" + name, int(value))

    return property(read, write)


def _shared_field(ctype, offset: int):
    return property(lambda view: ctype.from_address(ctypes.addressof(view) + offset).value)


def _twin(name: str, section: layout.Section):
    """The accessor with the JIT off: a ctypes view over the same bytes."""
    record = section.record
    places: Any = record.fields
    layouts: list[tuple[str, Any]] = []
    checked: dict[str, Any] = {}
    end = 0
    for field in sorted(places, key=lambda name: places[name][1]):
        kind, offset = places[field][:2]
        if offset < end:  # shares its bytes with another family's field (commands)
            checked[field] = _shared_field(_CTYPES[kind.str[1:]], offset)
            continue
        if offset > end:
            layouts.append((f"_gap_{end}", ctypes.c_char * (offset - end)))
        layouts.append(("_" + field, _CTYPES[kind.str[1:]]))
        checked[field] = _checked_field(field, kind.str[1:])
        end = offset + kind.itemsize
    structure: Any = type(name, (ctypes.Structure,), {"_pack_": 1, "_fields_": layouts, **checked})
    base, size, rows = section.offset, record.itemsize, section.rows

    def at(arena, slot):
        if not 0 <= slot < rows:
            raise IndexError(f"{name}[{slot}] of {rows}")
        return structure.from_address(arena + base + int(slot) * size)

    return at


if COMPILES:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic
    from numba.np.numpy_support import from_dtype

    _I1, _I8, _I32, _I64, _I128 = (ir.IntType(bits) for bits in (1, 8, 32, 64, 128))

    def _pointer(name: str, section: layout.Section):
        record = from_dtype(section.record)
        base, size = section.offset, section.record.itemsize

        @intrinsic
        def at(typing, arena, slot):
            def generate(context, builder, signature, arguments):
                start = builder.inttoptr(arguments[0], _I8.as_pointer())
                offset = builder.add(
                    builder.mul(arguments[1], ir.Constant(_I64, size)), ir.Constant(_I64, base)
                )
                place = builder.gep(start, [offset], source_etype=_I8)
                return builder.bitcast(place, context.get_value_type(record))

            return record(types.int64, types.int64), generate

        return at

    @intrinsic
    def prefetch(typing, arena, offset):
        """Ask for the cache line at `arena + offset`; results never depend on it."""

        def generate(context, builder, signature, arguments):
            module, name = builder.module, "llvm.prefetch.p0"
            function = module.globals.get(name)
            if function is None:
                parameters = [_I8.as_pointer(), _I32, _I32, _I32]
                function = ir.Function(module, ir.FunctionType(ir.VoidType(), parameters), name)
            place = builder.inttoptr(builder.add(*arguments), _I8.as_pointer())
            # As if to be read, though most will be written: 3% of a command at a million orders.
            read, keep, data = (ir.Constant(_I32, k) for k in (0, 3, 1))
            builder.call(function, [place, read, keep, data])
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    @intrinsic
    def count_trailing_zeros(typing, bits):
        """Position of the lowest set bit of a non-zero word."""

        def generate(context, builder, signature, arguments):
            return builder.cttz(arguments[0], ir.Constant(_I1, 1))

        return types.int64(types.uint64), generate

    @intrinsic
    def multiply_high(typing, left, right):
        """Upper 64 bits of the product of two non-negative int64."""

        def generate(context, builder, signature, arguments):
            wide = builder.mul(*(builder.zext(argument, _I128) for argument in arguments))
            return builder.trunc(builder.lshr(wide, ir.Constant(_I128, 64)), _I64)

        return types.uint64(types.int64, types.int64), generate

    @intrinsic
    def multiply_low(typing, left, right):
        """Lower 64 bits of the product of two non-negative int64."""

        def generate(context, builder, signature, arguments):
            return builder.mul(*arguments)

        return types.uint64(types.int64, types.int64), generate

    @intrinsic
    def divide_unsigned(typing, number, divisor):
        """number // divisor of two numbers that are not negative: no fix-up of signs."""

        def generate(context, builder, signature, arguments):
            return builder.udiv(*arguments)

        return types.int64(types.int64, types.int64), generate

    @intrinsic
    def set_bit(typing, bits, k):
        def generate(context, builder, signature, arguments):
            return builder.or_(arguments[0], builder.shl(ir.Constant(_I64, 1), arguments[1]))

        return types.uint64(types.uint64, types.int64), generate

    @intrinsic
    def clear_bit(typing, bits, k):
        def generate(context, builder, signature, arguments):
            bit = builder.shl(ir.Constant(_I64, 1), arguments[1])
            return builder.and_(arguments[0], builder.not_(bit))

        return types.uint64(types.uint64, types.int64), generate

    @intrinsic
    def bits_from(typing, bits, k):
        """The word without its bits below k, 0 <= k < 64."""

        def generate(context, builder, signature, arguments):
            return builder.and_(arguments[0], builder.shl(ir.Constant(_I64, -1), arguments[1]))

        return types.uint64(types.uint64, types.int64), generate

    @intrinsic
    def shift_left(typing, bits, k):
        """The word moved up by k bits, 0 <= k < 64; what leaves at the top is gone."""

        def generate(context, builder, signature, arguments):
            return builder.shl(*arguments)

        return types.uint64(types.uint64, types.int64), generate

    @intrinsic
    def swap_bytes(typing, bits):
        """The word with its eight bytes in the other order."""

        def generate(context, builder, signature, arguments):
            return builder.bswap(arguments[0])

        return types.uint64(types.uint64), generate

    @intrinsic
    def has_bit(typing, bits, k):
        def generate(context, builder, signature, arguments):
            return builder.and_(builder.lshr(*arguments), ir.Constant(_I64, 1))

        return types.int64(types.uint64, types.int64), generate

    @intrinsic
    def to_bits(typing, number):
        """The same 64 bits as an unsigned word."""

        def generate(context, builder, signature, arguments):
            return arguments[0]

        return types.uint64(types.int64), generate

    @intrinsic
    def to_int(typing, bits):
        """The same 64 bits as a signed number."""

        def generate(context, builder, signature, arguments):
            return arguments[0]

        return types.int64(types.uint64), generate

else:
    _pointer = _twin
    _WORD = 2**64 - 1

    def prefetch(arena, offset):
        return None

    def count_trailing_zeros(bits):
        return (bits & -bits).bit_length() - 1

    def multiply_high(left, right):
        return left * right >> 64

    def multiply_low(left, right):
        return left * right & _WORD

    def divide_unsigned(number, divisor):
        if number < 0 or divisor <= 0:
            raise OverflowError(f"divide_unsigned({number}, {divisor})")
        return number // divisor

    def set_bit(bits, k):
        return bits | 1 << k

    def clear_bit(bits, k):
        return bits & ~(1 << k)

    def bits_from(bits, k):
        return bits >> k << k

    def shift_left(bits, k):
        return bits << k & _WORD

    def swap_bytes(bits):
        return int.from_bytes(bits.to_bytes(8, "little"), "big")

    def has_bit(bits, k):
        return bits >> k & 1

    def to_bits(number):
        return number & _WORD

    def to_int(bits):
        return bits if bits < 2**63 else bits - 2**64


def _accessor(name: str):
    return _pointer(name, layout.SECTIONS[name])


def _view(name: str):
    return _pointer(name, layout.VIEWS[name])


ENGINE = _accessor("engine")
POOL = _accessor("pool")
SWEEP = _accessor("sweep")
ADMISSION = _accessor("admission")
CHILD_TERMS = _accessor("child_terms")
CONTRACT = _accessor("contracts")
TIER = _accessor("tiers")
COLLATERAL = _accessor("collaterals")
COLLATERAL_SOURCE = _accessor("collateral_sources")
HAIRCUT = _accessor("haircuts")
HOLDING = _accessor("holdings")
WITHDRAWAL = _accessor("withdrawals")
PORTFOLIO_MOVE = _accessor("portfolio_moves")
PORTFOLIO_RESULT = _accessor("portfolio_results")
SOURCE = _accessor("sources")
ASSET = _accessor("assets")
WINDOW = _accessor("windows")
WINDOW_VALUE = _accessor("window_values")
LADDER = _accessor("ladders")
LADDER_GROUP = _accessor("ladder_groups")
LADDER_PAGE = _accessor("ladder_pages")
PAGE_WORD = _accessor("page_words")
LEVEL = _accessor("levels")
LEVEL_ORDERS = _accessor("level_orders")
ORDER = _accessor("orders")
ORDER_EXTRA = _accessor("order_extras")
ACCOUNT = _accessor("accounts")
ACCOUNT_EXTRA = _accessor("account_extras")
WORTH = _accessor("worths")
GROUP_LEAD = _accessor("group_leads")
POSITION = _accessor("positions")
POSITION_EXTRA = _accessor("position_extras")
HOLDER = _accessor("holders")
BAND = _accessor("bands")
BAND_BLOCK = _accessor("band_blocks")
BAND_SHIFT = _accessor("band_shifts")
DIRTY_ACCOUNT = _accessor("dirty_accounts")
WAKING_ACCOUNT = _accessor("waking")
TIMER = _accessor("timers")
LINKED_ORDER = _accessor("linked")
PROTECTION = _accessor("protections")
VOLATILITY_TIME = _accessor("volatility_times")
LIQUIDATION = _accessor("liquidations")
COOLING = _accessor("cooling")
SUSPECT = _accessor("suspects")
SHORT_ACCOUNT = _accessor("shorts")
HIT = _accessor("hits")
HIT_ORDER = _accessor("hit_order")
CANDIDATE = _accessor("candidates")
CANDIDATE_ORDER = _accessor("candidate_order")
RANK = _accessor("ranks")
RANKING = _accessor("rankings")
CHOSEN = _accessor("chosen")
UNCROSS = _accessor("uncross")
UNCROSS_SIDE = _accessor("uncross_sides")
AUCTION_ORDER = _accessor("auction_orders")
AUCTION_RANK = _accessor("auction_ranks")
BREACH = _accessor("breaches")
LEFT_OVER_ORDER = _accessor("left_over_orders")
ICEBERG_LEFT = _accessor("icebergs_left")
EVENT = _accessor("events")
ACCOUNT_WORD = _view("account_words")
POSITION_WORD = _view("position_words")
POSITION_NUMBER = _view("position_numbers")


def command_accessor():
    """`COMMAND(commands, row)`: a record of a command array anywhere in memory."""
    return _pointer("command", layout.Section(COMMAND_RECORD, 2**40, 0))


def word_accessor():
    """`WORD(octets, k).bits`: eight bytes of anything anywhere in memory."""
    return _pointer("word", layout.Section(layout.WORD, 2**43, 0))
