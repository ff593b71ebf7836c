"""Auctions: what falls due in them, and the uncross that ends them (5.2, 5.3)."""

from engine.book.uncross import compute_indicative, compute_uncross
from engine.kernel import cold
from engine.schema import events
from engine.schema.vocabulary import WHY_UNCROSSED
from engine.state.access import CONTRACT, UNCROSS
from engine.state.events import emit
from engine.transition.auction_trial import run_trial
from engine.transition.band import is_outside_band
from engine.transition.liquidation_orders import join_liquidations, leave_auction
from engine.transition.states import enter_state, open_state_of
from engine.transition.uncrossing import cancel_breaches, cancel_crossing, walk_book


@cold
def uncross_into(arena, contract, state_to, why):
    """Uncross the contract, then change its state."""
    uncross = UNCROSS(arena, 0)
    uncross.orders = 0
    uncross.buys = 0
    uncross.done = 0
    uncross.traded = 0
    uncross.left_over = 0
    join_liquidations(arena, contract)
    while compute_uncross(arena, contract) != 0 and run_trial(arena, contract) > 0:
        cancel_breaches(arena)
    if uncross.price_ticks != 0:
        walk_book(arena, contract)
    emit(
        arena, events.UNCROSSED, contract, 0,
        uncross.price_ticks, uncross.traded, uncross.surplus, 0, 0, 0,
    )  # fmt: skip
    cancel_crossing(arena, contract)
    enter_state(arena, contract, state_to, why)
    leave_auction(arena, contract)
    return 0


@cold
def publish_indicative(arena, contract):
    """Due work: the price at which the contract would uncross now, and the next time to tell it."""
    terms = CONTRACT(arena, contract)
    compute_indicative(arena, contract)
    uncross = UNCROSS(arena, 0)
    emit(
        arena, events.INDICATIVE_PUBLISHED, contract, 0,
        uncross.price_ticks, uncross.lots, uncross.surplus, 0, 0, 0,
    )  # fmt: skip
    terms.auction_next_ns += terms.auction_indicative_ns
    return 0


@cold
def end_auction(arena, contract):
    """Due work: extend an auction whose price has left the dynamic band, else uncross it."""
    terms = CONTRACT(arena, contract)
    price_ticks = compute_indicative(arena, contract)
    if (
        price_ticks != 0
        and terms.auction_extensions < terms.auction_extensions_max
        and is_outside_band(arena, contract, price_ticks) == 1
    ):
        terms.auction_extensions += 1
        terms.auction_end_ns += terms.auction_ns
        emit(
            arena, events.AUCTION_EXTENDED, contract, 0,
            terms.auction_end_ns, terms.auction_extensions, price_ticks, 0, 0, 0,
        )  # fmt: skip
        return 0
    return uncross_into(arena, contract, open_state_of(terms), WHY_UNCROSSED)
