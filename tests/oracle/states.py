"""Trading states: who may change which into which, and what an order meets in each (5.1)."""

from engine.schema import events, refusals
from engine.schema import vocabulary as words

FROZEN, CONTINUOUS, REDUCE_ONLY = (
    words.STATE_FROZEN,
    words.STATE_CONTINUOUS,
    words.STATE_REDUCE_ONLY,
)
PRE_OPEN, AUCTION, HALTED = words.STATE_PRE_OPEN, words.STATE_AUCTION, words.STATE_HALTED
POST_ONLY, SUSPENDED = words.STATE_POST_ONLY, words.STATE_SUSPENDED
SETTLING, SETTLED = words.STATE_SETTLING, words.STATE_SETTLED
DRAFT, APPROVED = words.STATE_DRAFT, words.STATE_APPROVED

TRADING = (CONTINUOUS, REDUCE_ONLY, POST_ONLY)
FIRING = (CONTINUOUS, REDUCE_ONLY)  # where triggers are looked at and fired orders worked off
COLLECTING = (PRE_OPEN, AUCTION)
CLOSED = (HALTED, SUSPENDED)
NOT_LIVE = (DRAFT, APPROVED)  # 3.2: not yet
LIFELESS = (*NOT_LIVE, SETTLED)  # nothing is traded, priced or due in them
KEPT_BY_A_FREEZE = (PRE_OPEN, *CLOSED)  # 5.4: sources that come back open nothing that was closed

# What an operator may do. Default is left by the waterfall alone, draft by an approval, settled by
# nothing; for frozen see below.
OPERATOR_CHANGES = {
    CONTINUOUS: (REDUCE_ONLY, POST_ONLY, PRE_OPEN, AUCTION, HALTED, SUSPENDED),
    REDUCE_ONLY: (CONTINUOUS, POST_ONLY, PRE_OPEN, AUCTION, HALTED, SUSPENDED),
    POST_ONLY: (CONTINUOUS, REDUCE_ONLY, PRE_OPEN, AUCTION, HALTED, SUSPENDED),
    PRE_OPEN: (AUCTION, HALTED, SUSPENDED, CONTINUOUS, REDUCE_ONLY, POST_ONLY),
    AUCTION: (PRE_OPEN, HALTED, SUSPENDED, CONTINUOUS, REDUCE_ONLY, POST_ONLY),
    HALTED: (PRE_OPEN, AUCTION, SUSPENDED),
    SUSPENDED: (PRE_OPEN, AUCTION, HALTED, SETTLING),
    APPROVED: (FROZEN,),  # it goes live
}


def operator_changes(market) -> tuple[int, ...]:
    """5.4: a delisting goes on though the sources died behind the suspension; else a frozen
    contract waits for its fresh mark."""
    if market.state == FROZEN and market.frozen_from == SUSPENDED:
        return (SETTLING,)
    return OPERATOR_CHANGES.get(market.state, ())


def check_state(market, order) -> int:
    """What the state refuses. An order that waits for a trigger meets no other one yet."""
    if market.state == FROZEN:
        return refusals.CONTRACT_FROZEN
    if market.state == SETTLED:
        return refusals.CONTRACT_SETTLED
    if market.state in NOT_LIVE:
        return refusals.CONTRACT_NOT_LIVE
    if market.state in CLOSED:
        return refusals.CONTRACT_CLOSED
    if order.is_waiting:
        return refusals.OK
    if market.state in COLLECTING and not order.may_rest:
        return refusals.CONTRACT_COLLECTING
    if market.state == POST_ONLY and not order.flags & words.POST_ONLY:
        return refusals.CONTRACT_POST_ONLY
    return refusals.OK


def must_reduce(market) -> bool:
    """A held mark takes no new risk in any state, nor does a collection for a contract that an
    operator set to reduce-only."""
    if market.state in COLLECTING and market.operator_state == REDUCE_ONLY:
        return True
    return market.state == REDUCE_ONLY or market.is_held


def change_state(exchange, market, state: int, why: int) -> None:
    """The bare change. A waterfall goes to default and back with it: no timer starts or ends."""
    before, market.state = market.state, state
    if why not in (words.WHY_WATERFALL, words.WHY_WATERFALL_DONE):
        market.is_reduced_by_mark = why == words.WHY_MARK_HELD
    now, contract = exchange.clock, market.contract
    exchange.emit(events.STATE_CHANGED, before, state, why, now, contract=contract)


def enter_state(exchange, market, state: int, why: int) -> None:
    """Any other change: a collection of orders starts or ends with it."""
    was_collecting = market.state in COLLECTING
    change_state(exchange, market, state, why)
    market.auction_end = None
    if state not in COLLECTING:
        market.next_indicative = None
    elif not was_collecting:
        market.next_indicative = exchange.clock + market.spec.auction_indicative_ns
    if state == AUCTION:
        market.auction_end = exchange.clock + market.spec.auction_ns
        market.extensions = 0
        exchange.emit(events.AUCTION_STARTED, market.auction_end, contract=market.contract)


def state_instead(market, state: int, why: int) -> tuple[int, int]:
    """6.2: no continuous trading while the move limit holds the mark outside its band."""
    if state == CONTINUOUS and market.is_held:
        return REDUCE_ONLY, words.WHY_MARK_HELD
    return state, why
