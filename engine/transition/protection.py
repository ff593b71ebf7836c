"""Market-maker protection: what a group's quotes filled in a window, and the trip (4.8)."""

from engine.book.orders import quote_of
from engine.kernel import cold, kernel
from engine.schema import bounds, events
from engine.schema.vocabulary import BUY, CANCEL_PROTECTION, NONE, SELL
from engine.state.access import ENGINE, ORDER, ORDER_EXTRA, PROTECTION
from engine.state.arithmetic import absolute
from engine.state.events import emit
from engine.state.layout import EXTRA, PROTECTION_SHIFT, QUOTE
from engine.transition.orders import cancel_working
from risk.accounts import first_position, next_position

GROUP_BITS = bounds.PROTECTIONS_MAX - 1


@kernel
def is_quote(arena, slot):
    if slot == NONE or ORDER(arena, slot).flags & EXTRA == 0:
        return False
    return ORDER_EXTRA(arena, slot).bits & QUOTE != 0


@kernel
def protection_of(arena, slot):
    """The protection group of a quote, from 1."""
    return ((ORDER_EXTRA(arena, slot).bits >> PROTECTION_SHIFT) & GROUP_BITS) + 1


@kernel
def protection_at(account, group):
    return account * bounds.PROTECTIONS_MAX + group - 1


@kernel
def is_limit_reached(group, lots, fills, net_lots):
    """Whether these sums reach any of the group's limits; 0 is no limit."""
    return (
        (group.lots_max > 0 and lots >= group.lots_max)
        or (group.fills_max > 0 and fills >= group.fills_max)
        or (group.net_lots_max > 0 and absolute(net_lots) >= group.net_lots_max)
    )


@cold
def cancel_quotes(arena, account, group_number):
    """Cancel every quote of a group: the account's contracts in order, bid before ask."""
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        for side in range(BUY, SELL + 1):
            slot = quote_of(arena, position, side)
            if slot != NONE and protection_of(arena, slot) == group_number:
                cancel_working(arena, slot, CANCEL_PROTECTION)
        k += 1
        position = next_position(arena, account, position, k)
    return 0


@cold
def note_quote_fill(arena, account, group_number, side, lots):
    """Count a fill of a quote; at a limit the group trips and its quotes go."""
    group = PROTECTION(arena, protection_at(account, group_number))
    if group.window_ns == 0:
        return 0
    now_ns = ENGINE(arena, 0).clock_ns
    if now_ns - group.from_ns >= group.window_ns:
        group.from_ns = now_ns
        group.lots = 0
        group.fills = 0
        group.net_lots = 0
    group.lots += lots
    group.fills += 1
    group.net_lots += lots if side == BUY else -lots
    if group.tripped == 1 or not is_limit_reached(
        group, group.lots, group.fills, group.net_lots
    ):
        return 0
    group.tripped = 1
    emit(
        arena, events.PROTECTION_TRIPPED, 0, account,
        group_number, group.lots, group.fills, group.net_lots, 0, 0,
    )  # fmt: skip
    return cancel_quotes(arena, account, group_number)


@kernel
def is_tripped_on_trial(arena, slot):
    """Whether the quote's group has tripped in the present look-ahead."""
    group = PROTECTION(arena, protection_at(ORDER(arena, slot).account, protection_of(arena, slot)))
    return group.trial == ENGINE(arena, 0).trial and group.lots_trial < 0


@cold
def note_quote_fill_trial(arena, slot, lots):
    """The same count on trial values; a trip takes the group's quotes out of the look-ahead."""
    order = ORDER(arena, slot)
    group = PROTECTION(arena, protection_at(order.account, protection_of(arena, slot)))
    if group.window_ns == 0 or group.tripped == 1:
        return 0
    engine = ENGINE(arena, 0)
    if group.trial != engine.trial:
        is_old = engine.clock_ns - group.from_ns >= group.window_ns
        group.trial = engine.trial
        group.lots_trial = 0 if is_old else group.lots
        group.fills_trial = 0 if is_old else group.fills
        group.net_lots_trial = 0 if is_old else group.net_lots
    if group.lots_trial < 0:
        return 0
    group.lots_trial += lots
    group.fills_trial += 1
    group.net_lots_trial += lots if order.side == BUY else -lots
    if is_limit_reached(group, group.lots_trial, group.fills_trial, group.net_lots_trial):
        group.lots_trial = -1
    return 0
