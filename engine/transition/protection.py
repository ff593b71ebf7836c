"""Market-maker protection: what quotes filled in a window of their group, and the trip (4.8).

A group of accounts (15.1) has up to four windows, each with its limits; a quote names the one it
counts in. They are the group's, not the account's: who quotes from three accounts has one risk.
"""

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
from risk.groups import lead_of, next_member

NUMBER_BITS = bounds.PROTECTIONS_MAX - 1


@kernel
def is_quote(arena, slot):
    if slot == NONE or ORDER(arena, slot).flags & EXTRA == 0:
        return False
    return ORDER_EXTRA(arena, slot).bits & QUOTE != 0


@kernel
def protection_of(arena, slot):
    """The number of the window a quote counts in, from 1."""
    return ((ORDER_EXTRA(arena, slot).bits >> PROTECTION_SHIFT) & NUMBER_BITS) + 1


@kernel
def window_at(arena, account, number):
    """The row of the window with this number in the account's group."""
    return lead_of(arena, account) * bounds.PROTECTIONS_MAX + number - 1


@kernel
def is_limit_reached(window, lots, fills, net_lots):
    """Whether these sums reach any of the window's limits; 0 is no limit."""
    return (
        (window.lots_max > 0 and lots >= window.lots_max)
        or (window.fills_max > 0 and fills >= window.fills_max)
        or (window.net_lots_max > 0 and absolute(net_lots) >= window.net_lots_max)
    )


@cold
def cancel_quotes_of(arena, account, number):
    """Cancel an account's quotes of a window: its contracts in order, bid before ask."""
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        for side in range(BUY, SELL + 1):
            slot = quote_of(arena, position, side)
            if slot != NONE and protection_of(arena, slot) == number:
                cancel_working(arena, slot, CANCEL_PROTECTION)
        k += 1
        position = next_position(arena, account, position, k)
    return 0


@cold
def cancel_quotes(arena, account, number):
    """Cancel every quote of a window: the group's accounts in the order of their opening."""
    member = lead_of(arena, account)
    while member != NONE:
        cancel_quotes_of(arena, member, number)
        member = next_member(arena, member)
    return 0


@cold
def note_quote_fill(arena, account, number, side, lots):
    """Count a fill of a quote; at a limit the window trips and its quotes go."""
    window = PROTECTION(arena, window_at(arena, account, number))
    if window.window_ns == 0:
        return 0
    now_ns = ENGINE(arena, 0).clock_ns
    if now_ns - window.from_ns >= window.window_ns:
        window.from_ns = now_ns
        window.lots = 0
        window.fills = 0
        window.net_lots = 0
    window.lots += lots
    window.fills += 1
    window.net_lots += lots if side == BUY else -lots
    if window.tripped == 1 or not is_limit_reached(
        window, window.lots, window.fills, window.net_lots
    ):
        return 0
    window.tripped = 1
    emit(
        arena, events.PROTECTION_TRIPPED, 0, account,
        number, window.lots, window.fills, window.net_lots, 0, 0,
    )  # fmt: skip
    return cancel_quotes(arena, account, number)


@kernel
def is_tripped_on_trial(arena, slot):
    """Whether the quote's window has tripped in the present look-ahead."""
    number = protection_of(arena, slot)
    window = PROTECTION(arena, window_at(arena, ORDER(arena, slot).account, number))
    return window.trial == ENGINE(arena, 0).trial and window.lots_trial < 0


@cold
def note_quote_fill_trial(arena, slot, lots):
    """The same count on trial values; a trip takes the window's quotes out of the look-ahead."""
    order = ORDER(arena, slot)
    window = PROTECTION(arena, window_at(arena, order.account, protection_of(arena, slot)))
    if window.window_ns == 0 or window.tripped == 1:
        return 0
    engine = ENGINE(arena, 0)
    if window.trial != engine.trial:
        is_old = engine.clock_ns - window.from_ns >= window.window_ns
        window.trial = engine.trial
        window.lots_trial = 0 if is_old else window.lots
        window.fills_trial = 0 if is_old else window.fills
        window.net_lots_trial = 0 if is_old else window.net_lots
    if window.lots_trial < 0:
        return 0
    window.lots_trial += lots
    window.fills_trial += 1
    window.net_lots_trial += lots if order.side == BUY else -lots
    if is_limit_reached(window, window.lots_trial, window.fills_trial, window.net_lots_trial):
        window.lots_trial = -1
    return 0
