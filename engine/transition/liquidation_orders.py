"""Liquidation orders in an auction: limits at the bankruptcy price behind all others (9.2, 5.4)."""

from engine.book.levels import key_of
from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import (
    BUY,
    CANCEL_LIQUIDATION,
    NONE,
    REDUCE_ONLY,
    SELL,
    SIDES_BOTH,
    STEP_PARTIAL,
)
from engine.state.access import (
    ACCOUNT,
    AUCTION_ORDER,
    AUCTION_RANK,
    CONTRACT,
    COOLING,
    ENGINE,
    HIT,
    HIT_ORDER,
    LIQUIDATION,
    POSITION,
    UNCROSS,
)
from engine.state.arithmetic import absolute
from engine.state.events import emit
from engine.state.layout import COOLING as COOLING_FLAG
from engine.state.layout import LIQUIDATING, WHOLE_NEXT
from engine.transition.orders import cancel_linked, cancel_of_account, trim_reduce_only
from engine.transition.step_plan import plan_close
from risk.accounts import find_position
from risk.liquidation_queue import cool_account, wake_account
from risk.margin import value_whole
from risk.supervision import sort_hits, value_again


@cold
def list_if_holding(arena, contract, account):
    """Note an account in liquidation with a position here, among the hits, to be sorted."""
    engine = ENGINE(arena, 0)
    position = find_position(arena, account, contract)
    if position == NONE or POSITION(arena, position).lots == 0:
        return 0
    equity, maintenance = value_whole(arena, account)
    if equity < 0:
        return 0
    hit = HIT(arena, engine.hits)
    hit.account = account
    hit.equity = equity
    hit.excess = equity - maintenance
    HIT_ORDER(arena, engine.hits).slot = engine.hits
    engine.hits += 1
    return 1


@cold
def join_auction(arena, contract, account):
    """Announce the account's step, if one is due, and let its order join the uncross."""
    engine = ENGINE(arena, 0)
    position = find_position(arena, account, contract)
    step = plan_close(arena, account, position)
    if step == 0:
        return 0
    lots = engine.plan_lots + 0
    share = engine.plan_share + 0
    limit_ticks = engine.plan_limit_ticks + 0
    cancel_of_account(arena, account, CANCEL_LIQUIDATION, REDUCE_ONLY, SIDES_BOTH, 0)
    emit(
        arena, events.LIQUIDATION_STEPPED, contract, account,
        step, lots, limit_ticks, engine.plan_equity, engine.plan_maintenance, share,
    )  # fmt: skip
    ACCOUNT(arena, account).flags &= ~WHOLE_NEXT
    if POSITION(arena, position).lots_reduce_only != 0:
        trim_reduce_only(arena, position, lots)  # they count behind this order (4.3)
    uncross = UNCROSS(arena, 0)
    order = AUCTION_ORDER(arena, uncross.orders)
    order.account = account
    order.position = position
    order.side = SELL if POSITION(arena, position).lots > 0 else BUY
    order.key = key_of(limit_ticks, order.side)
    order.lots = lots
    order.lots_asked = lots
    order.step = step
    order.share = share
    order.share_lots = absolute(POSITION(arena, position).lots)
    AUCTION_RANK(arena, uncross.orders).slot = uncross.orders
    uncross.orders += 1
    if order.side == BUY:
        uncross.buys += 1
    return step


@kernel
def is_ranked_before(arena, left, right):
    """Buys, then sells, each best first, then in the order in which they joined."""
    a = AUCTION_ORDER(arena, left)
    b = AUCTION_ORDER(arena, right)
    if a.side != b.side:
        return a.side < b.side
    if a.key != b.key:
        return a.key < b.key
    return left < right


@cold
def sift_rank(arena, root, count):
    """Restore the heap (last in rank on top) below `root`."""
    moving = AUCTION_RANK(arena, root).slot + 0
    while 2 * root + 1 < count:
        child = 2 * root + 1
        if child + 1 < count and is_ranked_before(
            arena, AUCTION_RANK(arena, child).slot, AUCTION_RANK(arena, child + 1).slot
        ):
            child += 1
        if not is_ranked_before(arena, moving, AUCTION_RANK(arena, child).slot):
            break
        AUCTION_RANK(arena, root).slot = AUCTION_RANK(arena, child).slot
        root = child
    AUCTION_RANK(arena, root).slot = moving
    return 0


@cold
def rank_orders(arena):
    """Heap sort of the liquidation orders."""
    count = UNCROSS(arena, 0).orders
    for k in range(count // 2 - 1, -1, -1):
        sift_rank(arena, k, count)
    for last in range(count - 1, 0, -1):
        top = AUCTION_RANK(arena, 0).slot + 0
        AUCTION_RANK(arena, 0).slot = AUCTION_RANK(arena, last).slot
        AUCTION_RANK(arena, last).slot = top
        sift_rank(arena, 0, last)
    return 0


@cold
def join_liquidations(arena, contract):
    """Every account in liquidation with a position here, cooling or not, in the queue's order."""
    engine = ENGINE(arena, 0)
    engine.hits = 0
    for k in range(engine.liquidations):
        list_if_holding(arena, contract, LIQUIDATION(arena, k).slot)
    for k in range(engine.cooling):
        list_if_holding(arena, contract, COOLING(arena, k).slot)
    sort_hits(arena)
    for k in range(engine.hits):
        join_auction(arena, contract, HIT(arena, HIT_ORDER(arena, k).slot).account)
    cancel_linked(arena, NONE)
    rank_orders(arena)
    return UNCROSS(arena, 0).orders + 0


@cold
def cool_after_partial(arena, contract, account):
    """Start the account's cooldown anew; a waterfall may have ended its liquidation meanwhile."""
    cooldown_ns = CONTRACT(arena, contract).liquidation_cooldown_ns
    flags = ACCOUNT(arena, account).flags
    if cooldown_ns == 0 or flags & LIQUIDATING == 0:
        return 0
    if flags & COOLING_FLAG:
        wake_account(arena, account)
    return cool_account(arena, account, ENGINE(arena, 0).clock_ns + cooldown_ns)


@cold
def leave_auction(arena, contract):
    """After the uncross: a partial that filled nothing is whole next, one that filled cools (9.2
    d); all take their place in the queue again."""
    for row in range(UNCROSS(arena, 0).orders):
        order = AUCTION_ORDER(arena, row)
        if order.step == STEP_PARTIAL:
            if order.lots == order.lots_asked:
                ACCOUNT(arena, order.account).flags |= WHOLE_NEXT
            else:
                cool_after_partial(arena, contract, order.account)
        value_again(arena, order.account)
    return 0
