"""Orders that wait, hide, expire or are linked: admission, trigger, turn (4.2, 4.5)."""

from engine.book.levels import has_armed_page_room
from engine.book.orders import (
    children_of,
    find_order,
    free_order_slot,
    list_order,
    mark_extra,
    order_id_of,
    take_order_slot,
    unlist_order,
)
from engine.book.timers import clear_order_timer, set_order_timer
from engine.book.triggers import (
    arm_order,
    direction_of,
    is_reached,
    leave_waiting,
    look_at,
    trailing_trigger_of,
    value_of_source,
)
from engine.kernel import cold, kernel
from engine.schema import bounds, events, refusals
from engine.schema.vocabulary import (
    BUY,
    CANCEL_LINKED,
    CANCEL_REDUCE_ONLY,
    CANCEL_TRIGGER,
    CLOSE_POSITION,
    DAY,
    FOK,
    GTD,
    IOC,
    MARKET,
    NONE,
    POST_ONLY,
    REDUCE_ONLY,
    SLIDE,
    SOURCE_INDEX,
    SOURCE_LAST,
    SOURCE_MARK,
    TRAILING_MARKET,
)
from engine.state.access import (
    ACCOUNT,
    ADMISSION,
    CONTRACT,
    ENGINE,
    ORDER,
    ORDER_EXTRA,
    POOL,
    POSITION,
    command_accessor,
)
from engine.state.arithmetic import absolute
from engine.state.events import emit
from engine.state.layout import BRACKET, CLOSES, ENDING, EXTRA, ICEBERG, QUOTE, SLIDES, WORKED
from engine.trading_state import TRIGGERING, is_one_of
from engine.transition.admission import (
    check_client,
    check_count,
    check_lots,
    check_order,
    check_shape,
    check_standing,
    check_trading_state,
    compute_market_price,
    compute_slid_price,
    has_room,
    is_market_kind,
)
from engine.transition.orders import (
    cancel_linked,
    cancel_working,
    emit_armed,
    emit_cancelled,
    emit_reduced,
    link_orders,
)
from engine.transition.placing import emit_accepted, place_plain, work_or_rest, write_order
from risk.accounts import find_position, open_position
from risk.reserve import apply_reserve
from risk.supervision import drain_suspects

COMMAND = command_accessor()


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
    if not can_rest(tif) or lots > display_lots * bounds.ICEBERG_SLICES_MAX:
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
    elif trail_bp != 0 or trigger_ticks < 1 or trigger_ticks > terms.price_ticks_max:
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
    now_ns = ENGINE(arena, 0).clock_ns
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
    code = check_expiry(order_type, command.tif, command.expiry_ns, now_ns)
    if code != refusals.OK:
        return code
    if command.session < 0:
        return refusals.SESSION_INVALID
    expiry_ns = find_day_end(terms, now_ns) if command.tif == DAY else command.expiry_ns + 0
    ADMISSION(arena, 0).expiry_ns = expiry_ns
    return check_link(arena, command.account, contract, command.linked_id)


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
    if not is_market_kind(command.order_type):
        if command.price_ticks < 1:
            return refusals.PRICE_NOT_POSITIVE
        if command.price_ticks > terms.price_ticks_max:
            return refusals.PRICE_ABOVE_MAX
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
    account = command.account
    contract = command.contract
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
    write_order(arena, slot, command, position, price_ticks, lots, flags)
    write_extra(arena, slot, command)
    emit_accepted(arena, slot, command, price_ticks, lots)
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
    account = command.account
    contract = command.contract
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
    write_order(arena, slot, command, position, price_ticks, lots, flags)
    write_extra(arena, slot, command)
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    emit_accepted(arena, slot, command, price_ticks, asked)
    if linked != NONE:
        link_orders(arena, slot, linked)
    if lots < asked:
        emit_reduced(arena, slot, asked - lots, CANCEL_REDUCE_ONLY)
    work_or_rest(arena, slot, command.tif)
    return refusals.OK


@kernel
def check_bracket(arena, command, price_ticks):
    """Stop and target on their sides of the entry's limit, or of the mark for a market entry."""
    if command.flags & (REDUCE_ONLY | CLOSE_POSITION):
        return refusals.BRACKET_INVALID
    if command.trigger_source < SOURCE_MARK or command.trigger_source > SOURCE_LAST:
        return refusals.BRACKET_INVALID
    stop_ticks = command.stop_ticks + 0
    target_ticks = command.target_ticks + 0
    highest_ticks = CONTRACT(arena, command.contract).price_ticks_max
    if min(stop_ticks, target_ticks) < 0 or max(stop_ticks, target_ticks) > highest_ticks:
        return refusals.BRACKET_INVALID
    if stop_ticks == 0 and target_ticks == 0:
        return refusals.BRACKET_INVALID
    low_ticks = stop_ticks if command.side == BUY else target_ticks
    high_ticks = target_ticks if command.side == BUY else stop_ticks
    if low_ticks >= price_ticks or (high_ticks != 0 and high_ticks <= price_ticks):
        return refusals.BRACKET_INVALID
    return refusals.OK


@cold
def check_bracket_entry(arena, commands, row):
    """The shape of a bracket's entry; its expiry is left in ADMISSION."""
    command = COMMAND(commands, row)
    terms = CONTRACT(arena, command.contract)
    now_ns = ENGINE(arena, 0).clock_ns
    if command.flags & CLOSE_POSITION == 0:
        code = check_lots(terms, command.lots, command.flags)
        if code != refusals.OK:
            return code
    is_market = command.order_type == MARKET
    code = check_bracket(arena, command, terms.mark_ticks if is_market else command.price_ticks)
    if code != refusals.OK:
        return code
    code = check_expiry(command.order_type, command.tif, command.expiry_ns, now_ns)
    if code != refusals.OK:
        return code
    if command.session < 0:
        return refusals.SESSION_INVALID
    expiry_ns = find_day_end(terms, now_ns) if command.tif == DAY else command.expiry_ns + 0
    ADMISSION(arena, 0).expiry_ns = expiry_ns
    return refusals.OK


@cold
def place_bracket(arena, commands, row):
    """An entry order with a stop and a target that come with its fills (4.5)."""
    command = COMMAND(commands, row)
    account = command.account
    contract = command.contract
    side = command.side
    flags = command.flags | 0
    code = check_client(arena, account, command.client_id, 0)
    if code == refusals.OK:
        # no entry waits for a trigger: such a type is none at all
        order_type = command.order_type if command.order_type <= MARKET else -1
        code = check_shape(arena, contract, side, order_type, command.tif, flags, command.stp)
    if code == refusals.OK:
        code = check_bracket_entry(arena, commands, row)
    if code != refusals.OK:
        return code
    price_ticks = command.price_ticks + 0
    if command.order_type == MARKET:
        price_ticks = compute_market_price(arena, contract, side)
    if flags & SLIDE:
        price_ticks = compute_slid_price(arena, contract, side, price_ticks)
    position = find_position(arena, account, contract)
    may_rest = 1 if can_rest(command.tif) else 0
    asked = command.lots + 0
    children = (1 if command.stop_ticks != 0 else 0) + (1 if command.target_ticks != 0 else 0)
    ADMISSION(arena, 0).children = children
    ENGINE(arena, 0).orders_live += 2  # the children's slots must be free, too
    code = check_order(
        arena, contract, account, position, side, price_ticks, asked, flags, NONE, may_rest
    )
    ENGINE(arena, 0).orders_live -= 2
    ADMISSION(arena, 0).children = 0
    if code != refusals.OK:
        return code
    # From here the order is accepted; nothing below may refuse.

    if position == NONE:
        position = open_position(arena, account, contract)
    slot = take_order_slot(arena)
    write_order(arena, slot, command, position, price_ticks, asked, flags)
    mark_extra(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    extra.expiry_ns = ADMISSION(arena, 0).expiry_ns
    extra.order_type = command.order_type
    extra.tif = command.tif
    extra.session = command.session
    extra.trigger_source = command.trigger_source
    extra.stop_ticks = command.stop_ticks
    extra.target_ticks = command.target_ticks
    extra.bits = BRACKET | (SLIDES if flags & SLIDE else 0)
    ENGINE(arena, 0).orders_live += children_of(arena, slot)
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    emit_accepted(arena, slot, command, price_ticks, asked)
    work_or_rest(arena, slot, command.tif)
    return refusals.OK


@kernel
def place_order(arena, commands, row):
    """A new order of any kind: client, shape, then the plain path or the special one."""
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
    return place_plain(arena, command)


@kernel
def is_triggering(terms):
    """Whether triggers are looked at and orders that have fired are worked off."""
    return is_one_of(TRIGGERING, terms.state)


@cold
def look_at_prices(arena, contract):
    """Show the triggers the contract's present index and mark."""
    terms = CONTRACT(arena, contract)
    if not is_triggering(terms):
        return 0
    look_at(arena, contract, SOURCE_INDEX, terms.index_ticks)
    return look_at(arena, contract, SOURCE_MARK, terms.mark_ticks)


@kernel
def turn_lots_of(arena, slot):
    """The lots with which a fired order takes its turn: its own, or the whole position."""
    order = ORDER(arena, slot)
    if ORDER_EXTRA(arena, slot).bits & CLOSES:
        return absolute(POSITION(arena, order.position).lots)
    return order.lots + 0


@kernel
def take_turn(arena, slot):
    """Take a fired order out of everything it waited in, with its event; it is then in motion."""
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    leave_waiting(arena, slot)
    unlist_order(arena, slot)
    ACCOUNT(arena, order.account).orders -= 1
    clear_order_timer(arena, slot)
    extra.bits |= WORKED
    emit(
        arena, events.ORDER_TRIGGERED, order.contract, order.account, order_id_of(arena, slot),
        order.client_id, extra.trigger_ticks, extra.trigger_source, extra.best_ticks,
        turn_lots_of(arena, slot),
    )  # fmt: skip
    sibling = extra.sibling + 0
    if sibling != NONE:
        extra.sibling = NONE
        ORDER_EXTRA(arena, sibling).sibling = NONE
        cancel_working(arena, sibling, CANCEL_LINKED)


@cold
def work_fired(arena, slot):
    """One order that has fired takes its turn: admitted as if it came now, or refused (4.2)."""
    take_turn(arena, slot)
    order = ORDER(arena, slot)
    extra = ORDER_EXTRA(arena, slot)
    contract = order.contract + 0
    side = order.side + 0
    flags = order.flags & (POST_ONLY | REDUCE_ONLY)
    if extra.bits & CLOSES:
        flags |= CLOSE_POSITION
    asked = turn_lots_of(arena, slot)
    price_ticks = order.price_ticks + 0
    if is_market_kind(extra.order_type):
        price_ticks = compute_market_price(arena, contract, side)
    if extra.bits & SLIDES:
        price_ticks = compute_slid_price(arena, contract, side, price_ticks)
    shown = order.lots + 0
    order.lots = 0  # as if it were not there
    code = check_order(
        arena, contract, order.account, order.position, side, price_ticks, asked, flags, slot,
        1 if can_rest(extra.tif) else 0,
    )  # fmt: skip
    if code != refusals.OK:
        order.lots = shown
        emit_cancelled(arena, slot, shown, CANCEL_TRIGGER, code)
        free_order_slot(arena, slot)
        return code
    # From here the order is admitted; nothing below may refuse.

    order.price_ticks = price_ticks
    order.lots = ADMISSION(arena, 0).lots
    apply_reserve(arena, slot, ADMISSION(arena, 0).reserve, ADMISSION(arena, 0).loss_fee)
    if order.lots < asked:
        emit_reduced(arena, slot, asked - order.lots, CANCEL_REDUCE_ONLY)
    work_or_rest(arena, slot, extra.tif)
    return refusals.OK


@kernel
def first_fired(arena, contract, is_reducing):
    """The contract's fired order whose turn comes first, NONE while the contract does not trade."""
    terms = CONTRACT(arena, contract)
    if not is_triggering(terms):
        return NONE
    return terms.fired_reducing_head + 0 if is_reducing == 1 else terms.fired_head + 0


@cold
def run_round(arena, is_reducing, turns_max):
    """One order of each contract, by contract id; returns how many took their turn."""
    done = 0
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        slot = first_fired(arena, contract, is_reducing)
        if slot != NONE and done < turns_max:
            work_fired(arena, slot)
            cancel_linked(arena, NONE)
            drain_suspects(arena)
            done += 1
    return done


@cold
def run_fired(arena):
    """Work off orders that have fired, a bounded number a command: round by round, the others
    only in a round in which no reducing order waits (2.5)."""
    turns = POOL(arena, 0).triggers_max
    while turns > 0 and ENGINE(arena, 0).fired > 0:
        done = run_round(arena, 1, turns)
        if done == 0:
            done = run_round(arena, 0, turns)
        if done == 0:
            break
        turns -= done
    return 0
