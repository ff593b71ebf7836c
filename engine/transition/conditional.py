"""Orders that wait, hide, expire or are linked: their shape and their admission (4.2, 4.5)."""

from engine.book.icebergs import has_too_many_slices
from engine.book.levels import has_armed_page_room
from engine.book.orders import (
    find_order,
    list_order,
    mark_extra,
    take_order_slot,
)
from engine.book.timers import set_order_timer
from engine.book.triggers import (
    arm_order,
    direction_of,
    is_reached,
    trailing_trigger_of,
    value_of_source,
)
from engine.kernel import cold, kernel
from engine.schema import bounds, refusals
from engine.schema.commands import COMMAND as COMMAND_RECORD
from engine.schema.commands import offset_of
from engine.schema.vocabulary import (
    BUY,
    CANCEL_REDUCE_ONLY,
    CLOSE_POSITION,
    DAY,
    FOK,
    GTC,
    GTD,
    IOC,
    LIMIT,
    MARKET,
    NONE,
    POST_ONLY,
    REDUCE_ONLY,
    SLIDE,
    SOURCE_LAST,
    SOURCE_MARK,
    STP_CANCEL_NEWEST,
    STP_DECREMENT,
    TRAILING_MARKET,
)
from engine.state.access import (
    ACCOUNT,
    ADMISSION,
    CONTRACT,
    ENGINE,
    ORDER,
    ORDER_EXTRA,
    POSITION,
    command_accessor,
    word_accessor,
)
from engine.state.arithmetic import absolute
from engine.state.layout import CLOSES, ENDING, EXTRA, ICEBERG, QUOTE, SLIDES
from engine.transition.admission import (
    check_client,
    check_count,
    check_lots,
    check_market,
    check_order,
    check_price_range,
    check_shape,
    check_standing,
    check_trading_state,
    compute_market_price,
    compute_slid_price,
    has_room,
    is_market_kind,
)
from engine.transition.orders import (
    emit_armed,
    emit_reduced,
    link_orders,
)
from engine.transition.placing import (
    emit_accepted,
    place_flagged,
    place_plain,
    work_or_rest,
    write_command,
)
from risk.accounts import find_position, open_position
from risk.eligibility import find_lack, is_eligible
from risk.isolation import trading_account_of
from risk.reserve import apply_reserve

COMMAND = command_accessor()
WORD = word_accessor()

# An order's record in words of eight bytes: its link, its expiry, its terms (from the lowest byte:
# type, time in force, flags, self-trade mode, then lots to display), and what else is special.
COMMAND_WORDS = COMMAND_RECORD.itemsize // 8
LINK_WORD = offset_of("linked_id") // 8
EXPIRY_WORD = offset_of("expiry_ns") // 8
TERMS_WORD = offset_of("order_type") // 8
SPECIAL_WORD = TERMS_WORD + 1
PLAIN_TERMS = IOC << 8 | STP_DECREMENT << 24  # all that a plain order's terms can be
assert [offset_of(name) - 8 * TERMS_WORD for name in ("order_type", "tif", "flags", "stp")] == [
    0, 1, 2, 3,
]  # fmt: skip
assert (LIMIT, GTC, IOC, STP_CANCEL_NEWEST, STP_DECREMENT) == (0, 0, 1, 0, 3), "by their bits"


@kernel
def is_plain(commands, row):
    """Whether an order asks for nothing but its price and lots: limit, GTC or IOC, no flag, a mode
    against self-trades, and zeros in whatever only other orders have. Four words, for a plain order
    asks nothing of its shape beyond them."""
    first = row * COMMAND_WORDS
    rare = WORD(commands, first + LINK_WORD).bits | WORD(commands, first + EXPIRY_WORD).bits
    rare |= WORD(commands, first + SPECIAL_WORD).bits
    rare |= WORD(commands, first + TERMS_WORD).bits & ~PLAIN_TERMS
    return rare == 0


@kernel
def is_special(command):
    """Whether an order asks for more than the plain path knows."""
    rare = (
        command.linked_id | command.expiry_ns | command.display_lots | command.trigger_ticks
        | command.trail_bp | command.trigger_source | command.session
    )  # fmt: skip
    return (
        rare != 0 or command.order_type > MARKET or command.tif > FOK
        or command.flags > POST_ONLY + REDUCE_ONLY
    )  # fmt: skip


@kernel
def can_rest(tif):
    return tif != IOC and tif != FOK


@kernel
def check_display(order_type, tif, display_lots, lots):
    if display_lots == 0:
        return refusals.OK
    if display_lots < 0 or display_lots > lots or is_market_kind(order_type):
        return refusals.DISPLAY_INVALID
    if not can_rest(tif) or has_too_many_slices(lots, display_lots):
        return refusals.DISPLAY_INVALID
    return refusals.OK


@kernel
def check_trigger(terms, order_type, source, trigger_ticks, trail_bp):
    """Whether these fields make the trigger that the type needs, or none."""
    if order_type <= MARKET:
        if source != 0 or trigger_ticks != 0 or trail_bp != 0:
            return refusals.TRIGGER_INVALID
        return refusals.OK
    if source < SOURCE_MARK or source > SOURCE_LAST:
        return refusals.TRIGGER_INVALID
    if order_type == TRAILING_MARKET:
        if trigger_ticks != 0 or trail_bp < 1 or trail_bp > bounds.TRAIL_BP_MAX:
            return refusals.TRIGGER_INVALID
    elif trail_bp != 0 or trigger_ticks < terms.price_ticks_min:
        return refusals.TRIGGER_INVALID
    elif trigger_ticks > terms.price_ticks_max:
        return refusals.TRIGGER_INVALID
    return refusals.OK


@kernel
def check_expiry(order_type, tif, expiry_ns, now_ns):
    """GTD needs a time ahead; an order that waits may have one unless it is a day order."""
    if tif == GTD or (order_type > MARKET and tif != DAY and expiry_ns != 0):
        if expiry_ns <= now_ns:
            return refusals.EXPIRY_INVALID
    elif expiry_ns != 0:
        return refusals.EXPIRY_INVALID
    return refusals.OK


@kernel
def find_day_end(terms, now_ns):
    """The end of the trading day that `now_ns` lies in (4.2)."""
    past_ns = (now_ns - terms.day_end_ns) % bounds.NS_PER_DAY
    return now_ns - past_ns + bounds.NS_PER_DAY


@kernel
def check_lifetime(arena, command):
    """How long the order may work, and for which session; its expiry is left in ADMISSION."""
    terms = CONTRACT(arena, command.contract)
    now_ns = ENGINE(arena, 0).clock_ns
    code = check_expiry(command.order_type, command.tif, command.expiry_ns, now_ns)
    if code != refusals.OK:
        return code
    if command.session < 0:
        return refusals.SESSION_INVALID
    expiry_ns = find_day_end(terms, now_ns) if command.tif == DAY else command.expiry_ns + 0
    ADMISSION(arena, 0).expiry_ns = expiry_ns
    return refusals.OK


@kernel
def check_link(arena, account, contract, linked_id):
    """Find the order to link with; it stands in ADMISSION, NONE when none is asked for."""
    ADMISSION(arena, 0).linked = NONE
    if linked_id == 0:
        return refusals.OK
    slot = find_order(arena, linked_id, account)
    if slot == NONE or ORDER(arena, slot).contract != contract:
        return refusals.LINK_INVALID
    if ORDER(arena, slot).flags & EXTRA:
        extra = ORDER_EXTRA(arena, slot)
        if extra.sibling != NONE or extra.bits & (ENDING | QUOTE) != 0:
            return refusals.LINK_INVALID
    ADMISSION(arena, 0).linked = slot
    return refusals.OK


@cold
def check_special(arena, commands, row):
    """The shape of an order beyond the plain one: display, trigger, expiry, session, link."""
    command = COMMAND(commands, row)
    contract = command.contract
    terms = CONTRACT(arena, contract)
    order_type = command.order_type
    flags = command.flags
    if flags & CLOSE_POSITION == 0:
        code = check_lots(terms, command.lots, flags)
        if code != refusals.OK:
            return code
    code = check_display(order_type, command.tif, command.display_lots, command.lots)
    if code != refusals.OK:
        return code
    code = check_trigger(
        terms, order_type, command.trigger_source, command.trigger_ticks, command.trail_bp
    )
    if code != refusals.OK:
        return code
    code = check_lifetime(arena, command)
    if code != refusals.OK:
        return code
    account = trading_account_of(arena, command.account, contract)
    return check_link(arena, account, contract, command.linked_id)


@kernel
def reducing_lots_of(arena, position, side):
    """The lots of the position that an order of this side would reduce, 0 when there are none."""
    lots = POSITION(arena, position).lots
    return max(-lots if side == BUY else lots, 0)


@kernel
def write_extra(arena, slot, command):
    """The extra fields of an accepted order, with its link."""
    mark_extra(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    extra.expiry_ns = ADMISSION(arena, 0).expiry_ns
    extra.order_type = command.order_type
    extra.tif = command.tif
    extra.session = command.session
    extra.trigger_source = command.trigger_source
    extra.trigger_ticks = command.trigger_ticks
    extra.trail_bp = command.trail_bp
    bits = 0
    if command.display_lots != 0 and command.display_lots < command.lots:
        bits |= ICEBERG
        extra.lots_display = command.display_lots
    if command.flags & CLOSE_POSITION:
        bits |= CLOSES
    if command.flags & SLIDE:
        bits |= SLIDES
    extra.bits = bits


@kernel
def check_waiting(arena, contract, account, position, command, flags):
    """What an order that waits must pass at its entry; margin and limits come with its turn."""
    terms = CONTRACT(arena, contract)
    code = check_trading_state(arena, contract, POST_ONLY, 1)  # it neither trades now nor rests
    if code != refusals.OK:
        return code
    code = check_standing(arena, contract, account, flags, 1)
    if code != refusals.OK:
        return code
    if flags & REDUCE_ONLY == 0 and not is_eligible(arena, account):
        return find_lack(arena, account)
    if not is_market_kind(command.order_type):
        code = check_price_range(terms, command.price_ticks)
        if code != refusals.OK:
            return code
    if flags & REDUCE_ONLY and reducing_lots_of(arena, position, command.side) == 0:
        return refusals.REDUCE_ONLY_NOTHING
    value_ticks = value_of_source(terms, command.trigger_source)
    direction = direction_of(command.order_type, command.side)
    trigger_ticks = command.trigger_ticks + 0
    if command.order_type == TRAILING_MARKET:
        if value_ticks == 0:
            return refusals.TRIGGER_REACHED
        trigger_ticks = trailing_trigger_of(value_ticks, command.trail_bp, direction)
    if value_ticks != 0 and is_reached(value_ticks, trigger_ticks, direction):
        return refusals.TRIGGER_REACHED
    code = check_count(arena, account, position, flags, 1)
    if code != refusals.OK:
        return code
    if not has_room(arena, position, flags, NONE, 1) or not has_armed_page_room(arena):
        return refusals.POOL_FULL
    return refusals.OK


@cold
def place_waiting(arena, commands, row):
    """An order that waits for its trigger: it reserves nothing and is not in the book."""
    command = COMMAND(commands, row)
    contract = command.contract
    account = trading_account_of(arena, command.account, contract)
    flags = command.flags | 0
    if flags & CLOSE_POSITION:
        flags |= REDUCE_ONLY
    position = find_position(arena, account, contract)
    code = check_waiting(arena, contract, account, position, command, flags)
    if code != refusals.OK:
        return code
    linked = ADMISSION(arena, 0).linked
    # From here the order is accepted; nothing below may refuse.

    if position == NONE:
        position = open_position(arena, account, contract)
    lots = command.lots + 0
    if flags & CLOSE_POSITION:
        lots = absolute(POSITION(arena, position).lots)
    price_ticks = 0 if is_market_kind(command.order_type) else command.price_ticks + 0
    slot = take_order_slot(arena)
    write_command(arena, slot, command, account, position, price_ticks, lots, flags)
    write_extra(arena, slot, command)
    emit_accepted(
        arena, slot, command.order_type, command.tif, command.flags, price_ticks, lots
    )
    if linked != NONE:
        link_orders(arena, slot, linked)
    extra = ORDER_EXTRA(arena, slot)
    if command.order_type == TRAILING_MARKET:
        extra.best_ticks = value_of_source(CONTRACT(arena, contract), command.trigger_source)
    list_order(arena, slot)
    ACCOUNT(arena, account).orders += 1
    arm_order(arena, slot)
    set_order_timer(arena, slot)
    emit_armed(arena, slot)
    return refusals.OK


@cold
def place_special(arena, commands, row):
    """An order with anything beyond the plain path; its plain shape has been checked."""
    code = check_special(arena, commands, row)
    if code != refusals.OK:
        return code
    command = COMMAND(commands, row)
    if command.order_type > MARKET:
        return place_waiting(arena, commands, row)
    contract = command.contract
    account = trading_account_of(arena, command.account, contract)
    side = command.side
    flags = command.flags | 0
    position = find_position(arena, account, contract)
    asked = command.lots + 0
    if flags & CLOSE_POSITION:
        flags |= REDUCE_ONLY
        asked = absolute(POSITION(arena, position).lots)
    price_ticks = command.price_ticks + 0
    if command.order_type == MARKET:
        price_ticks = compute_market_price(arena, contract, side)
    if flags & SLIDE:
        price_ticks = compute_slid_price(arena, contract, side, price_ticks)
    may_rest = 1 if can_rest(command.tif) else 0
    code = check_order(
        arena, contract, account, position, side, price_ticks, asked, flags, NONE, may_rest
    )
    if code != refusals.OK:
        return code
    lots = ADMISSION(arena, 0).lots
    linked = ADMISSION(arena, 0).linked
    # From here the order is accepted; nothing below may refuse.

    if position == NONE:
        position = open_position(arena, account, contract)
    slot = take_order_slot(arena)
    write_command(arena, slot, command, account, position, price_ticks, lots, flags)
    write_extra(arena, slot, command)
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    emit_accepted(
        arena, slot, command.order_type, command.tif, command.flags, price_ticks, asked
    )
    if linked != NONE:
        link_orders(arena, slot, linked)
    if lots < asked:
        emit_reduced(arena, slot, asked - lots, CANCEL_REDUCE_ONLY)
    work_or_rest(arena, slot, command.tif)
    return refusals.OK


@cold
def place_unusual(arena, commands, row):
    """A new order of any kind but the plain one: client, shape, then what it asks for."""
    command = COMMAND(commands, row)
    flags = command.flags
    is_immediate = not can_rest(command.tif) and command.order_type <= MARKET
    may_exceed = 1 if is_immediate and flags & (REDUCE_ONLY | CLOSE_POSITION) else 0
    code = check_client(arena, command.account, command.client_id, may_exceed)
    if code != refusals.OK:
        return code
    # the whole position neither waits behind the touch nor hides: such flags are none
    is_bent = flags & CLOSE_POSITION and (flags & POST_ONLY or command.display_lots != 0)
    code = check_shape(
        arena, command.contract, command.side, command.order_type, command.tif,
        -1 if is_bent else flags, command.stp,
    )  # fmt: skip
    if code != refusals.OK:
        return code
    if is_special(command):
        return place_special(arena, commands, row)
    return place_flagged(arena, commands, row)


@kernel
def place_order(arena, commands, row):
    """A new order of any kind: the plain one in line."""
    if not is_plain(commands, row):
        return place_unusual(arena, commands, row)
    command = COMMAND(commands, row)
    code = check_client(arena, command.account, command.client_id, 0)
    if code != refusals.OK:
        return code
    code = check_market(arena, command.contract, command.side)
    if code != refusals.OK:
        return code
    return place_plain(arena, command)
