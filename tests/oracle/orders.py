"""Placing and amending: what follows when nothing is wrong; and orders that were triggered (4)."""

from dataclasses import replace
from functools import partial

from engine.schema import events, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import RESTING, Bracket, Order
from tests.oracle.bands import interrupt, is_worth_an_auction
from tests.oracle.brackets import check_bracket, plain_order
from tests.oracle.cancels import find_order
from tests.oracle.ladder import check_entry, check_shape, check_slices, reduce_only_room
from tests.oracle.linked import cancel_ended, find_free, link
from tests.oracle.market import Market
from tests.oracle.matching import can_fill_whole, end_aggressor, sweep
from tests.oracle.resting import (
    cancel,
    dissolve_link,
    emit_accepted,
    emit_amended,
    emit_reduced,
    leave,
    rest,
)
from tests.oracle.states import COLLECTING, FIRING
from tests.oracle.timers import day_end
from tests.oracle.triggers import arm, look_after_sweep
from tests.oracle.values import size_of_fill


def order_of(exchange, command) -> Order:
    """The order that a command describes."""
    flags, lots = command.flags, command.lots
    if flags & words.CLOSE_POSITION:
        flags |= words.REDUCE_ONLY
        lots = abs(exchange.accounts[command.account].lots(command.contract))
    expiry = command.expiry_ns
    if command.tif == words.DAY:
        expiry = day_end(exchange.markets[command.contract].spec, exchange.clock)
    is_stop_market = command.order_type in (
        words.STOP_MARKET,
        words.TAKE_MARKET,
        words.TRAILING_MARKET,
    )
    return Order(
        0,
        command.account,
        command.client_id,
        command.contract,
        command.side,
        0 if is_stop_market else command.price_ticks,
        lots,
        command.order_type,
        command.tif,
        flags,
        command.stp,
        entered=lots,
        # what shows all of itself is a plain order
        display=command.display_lots if command.display_lots < lots else 0,
        expiry=expiry,
        session=command.session,
        trigger=command.trigger_ticks,
        source=command.trigger_source,
        trail_bp=command.trail_bp,
    )


def place_order(exchange, command) -> int:
    code = check_shape(exchange, command)
    if code:
        return code
    return enter(exchange, order_of(exchange, command), command.flags, command.linked_id)


def place_bracket(exchange, command) -> int:
    plain = plain_order(command)
    code = check_shape(exchange, plain, partial(check_bracket, command))
    if code:
        return code
    order = order_of(exchange, plain)
    order.bracket = Bracket(command.stop_ticks, command.target_ticks, command.trigger_source)
    return enter(exchange, order, command.flags)


def enter(exchange, order: Order, flags: int, linked_id: int = 0) -> int:
    """A new order of good shape; `flags` as its owner gave them."""
    code = check_entry(exchange, order)
    if code:
        return code
    # From here the order is accepted.
    order.order_id = exchange.order_ids.take()
    exchange.accounts[order.account].holding(order.contract)
    emit_accepted(exchange, order, flags)
    if linked_id:
        other = find_free(exchange, order.account, order.contract, linked_id)
        assert other is not None, "the ladder found it"
        link(exchange, order, other)
    if order.is_waiting:
        arm(exchange, order)
    else:
        work_order(exchange, order)
    return refusals.OK


def work_order(exchange, order: Order) -> None:
    """Cut by reduce-only, sweep, then rest or end. While orders are collected none is swept."""
    market = exchange.markets[order.contract]
    if order.is_reduce_only:
        holding = exchange.accounts[order.account].holding(order.contract)
        excess = order.open - reduce_only_room(holding, order, None)
        if excess > 0:
            order.open -= excess
            emit_reduced(exchange, order, excess, words.CANCEL_REDUCE_ONLY)
    prices: list[int] = []
    is_stopped = False  # at the dynamic band
    if order.tif == words.FOK and not can_fill_whole(exchange, order):
        end_aggressor(exchange, order, words.CANCEL_FOK)
    elif market.state not in COLLECTING:
        prices, is_stopped = sweep(exchange, order)
    if is_stopped and not is_worth_an_auction(market, order):
        end_aggressor(exchange, order, words.CANCEL_DYNAMIC_BAND)
        is_stopped = False
    if order.open > 0 and order.may_rest:
        rest(exchange, order)  # crossed, if the band stopped it: orders are about to be collected
    elif order.open > 0:
        end_aggressor(exchange, order, words.CANCEL_IOC)
    cancel_ended(exchange)
    if is_stopped:
        interrupt(exchange, market, may_halt=True)  # in an auction nobody looks
    look_after_sweep(exchange, market, prices)


def take_terms(order: Order, wanted: Order) -> None:
    """What the checks of a copy resolved becomes the order's own. More lots than before came in,
    fewer were cancelled (I6)."""
    grown = wanted.open - order.open
    order.entered += max(0, grown)
    order.cancelled += max(0, -grown)
    order.price, order.open = wanted.price, wanted.open
    order.reserve, order.charges = wanted.reserve, wanted.charges


# Amending (4.4).


def amend_order(exchange, command) -> int:
    order = find_order(exchange, command)
    if order is None or order.place != RESTING:
        return refusals.ORDER_UNKNOWN
    market = exchange.markets[order.contract]
    if command.lots < 0:
        return refusals.LOTS_NOT_POSITIVE
    if command.lots > market.spec.order_lots_max:
        return refusals.LOTS_ABOVE_MAX
    new_open = command.lots - order.filled
    if new_open <= 0:
        cancel(exchange, order, words.CANCEL_AMEND)
        return refusals.OK
    code = check_new_size(market, order, command.lots, new_open)
    if code:
        return code
    if command.price_ticks == order.price and new_open == order.open:
        return refusals.AMEND_NOTHING
    if command.price_ticks == order.price and new_open < order.open:
        size = size_of_fill(market.spec, command.lots, order.price)
        if size < market.spec.order_value_min and not order.is_reduce_only:
            return refusals.VALUE_BELOW_MIN
        decrease(exchange, market, order, order.open - new_open)
        return refusals.OK
    return move(exchange, order, command.price_ticks, new_open)


def check_new_size(market: Market, order: Order, lots: int, new_open: int) -> int:
    """What placing asks of lots and display; filled lots count in the first alone."""
    if lots < market.spec.order_lots_min and not order.is_reduce_only:
        return refusals.LOTS_BELOW_MIN
    return check_slices(new_open, order.display) if order.display else refusals.OK


def move(exchange, order: Order, price: int, new_open: int) -> int:
    """To another price or to more lots: it arrives anew."""
    wanted = replace(order, price=price, open=new_open, reserve=0, charges=0)
    code = check_entry(exchange, wanted, without=order)
    if code:
        return code
    # From here the amendment is accepted.
    leave(exchange, order)
    order.hidden = 0
    take_terms(order, wanted)
    emit_amended(exchange, order, priority_kept=False)
    work_order(exchange, order)
    return refusals.OK


def decrease(exchange, market: Market, order: Order, lots: int) -> None:
    """Fewer lots at the same price keep their place, in every state of the contract."""
    order.release(lots)
    market.book.cut(order, lots)
    order.cancelled += lots
    emit_amended(exchange, order, priority_kept=True)


# Triggered orders (2.5, 4.2).


def work_off_fired(exchange) -> None:
    """In rounds: the first reducing order of each contract; only when there is none, the first
    other one of each."""
    room = exchange.triggers_left = exchange.config.triggers_max
    while room:
        before = room
        for kind in (0, 1):
            for number in sorted(exchange.markets):
                market = exchange.markets[number]
                if room and market.fired[kind] and market.state in FIRING:
                    trigger(exchange, next(iter(market.fired[kind].values())))
                    exchange.drain_suspects()
                    room -= 1
                    exchange.triggers_left = room
            if room < before:
                break
        if room == before:
            return


def trigger(exchange, order: Order) -> None:
    leave(exchange, order)
    exchange.emit(
        events.ORDER_TRIGGERED,
        order.order_id,
        order.client_id,
        order.trigger,
        order.source,
        order.fired_at,
        abs(exchange.accounts[order.account].lots(order.contract))
        if order.flags & words.CLOSE_POSITION
        else order.open,
        account=order.account,
        contract=order.contract,
    )
    other = dissolve_link(order)
    if other is not None:
        cancel(exchange, other, words.CANCEL_LINKED)
    wanted = replace(order)
    if order.flags & words.CLOSE_POSITION:
        wanted.open = abs(exchange.accounts[order.account].lots(order.contract))
    code = check_entry(exchange, wanted)
    if code:
        cancel(exchange, order, words.CANCEL_TRIGGER, code)
        return
    take_terms(order, wanted)
    work_order(exchange, order)
