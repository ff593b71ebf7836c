"""What the next liquidation step of an account would do (9.2 c-d): a plan, nothing written.

The plan stands in the engine's `plan_` fields. Pairing (9.7) asks the same question, so an account
in liquidation is paired only for lots that its own step would close.
"""

from engine.book.depth import compute_visible_lots
from engine.book.levels import key_of
from engine.kernel import cold
from engine.schema.bounds import LOTS_MAX
from engine.schema.vocabulary import BUY, NONE, REDUCE_ONLY, SELL, STEP_PARTIAL, STEP_WHOLE
from engine.state.access import ACCOUNT, CONTRACT, ENGINE, ORDER, POSITION, POSITION_EXTRA
from engine.state.arithmetic import absolute, multiply_rate_floor
from engine.state.layout import WHOLE_NEXT
from engine.trading_state import CLOSED, COLLECTING, STEPPED, is_one_of
from engine.transition.orders import is_waiting
from risk.liquidation import (
    compute_limit,
    compute_share,
    compute_target,
    is_equity_small,
    plan_cut,
)
from risk.margin import find_largest_position, value_whole

STEP_WAIT = -1  # for an auction: what is left stands in contracts that collect orders


@cold
def is_whole_due(arena, account, position, equity, maintenance):
    """1 when 9.2(d) closes the whole position whatever a partial could do."""
    terms = CONTRACT(arena, POSITION_EXTRA(arena, position).contract)
    if ACCOUNT(arena, account).flags & WHOLE_NEXT or is_one_of(CLOSED, terms.state):
        return 1
    if absolute(POSITION(arena, position).lots) <= terms.liquidation_whole_lots:
        return 1
    if is_equity_small(terms, equity, maintenance):
        return 1
    return 0


@cold
def compute_own_lots(arena, position, side, limit_ticks):
    """The account's own orders within the limit that the step will cancel first (9.2 b)."""
    lots = 0
    head = POSITION(arena, position).order_head
    slot = head
    while slot != NONE:
        order = ORDER(arena, slot)
        if order.side == side and order.flags & REDUCE_ONLY == 0 and not is_waiting(arena, slot):
            if key_of(order.price_ticks, side) <= key_of(limit_ticks, side):
                lots += order.lots
        slot = order.account_next
        if slot == head:
            break
    return lots


@cold
def plan_close(arena, account, position):
    """Kind, lots and limit of a step that closes a position, not bounded by what the book shows;
    0 when the equity has reached the target."""
    engine = ENGINE(arena, 0)
    equity, maintenance = value_whole(arena, account)
    engine.plan_equity = equity
    engine.plan_maintenance = maintenance
    engine.plan_position = position
    contract = POSITION_EXTRA(arena, position).contract + 0
    engine.plan_contract = contract
    terms = CONTRACT(arena, contract)
    if equity >= compute_target(terms, maintenance):
        return 0
    share = compute_share(arena, contract, position, max(equity, 0), maintenance)
    engine.plan_share = share
    engine.plan_limit_ticks = compute_limit(arena, contract, position, share)
    engine.plan_lots = absolute(POSITION(arena, position).lots)
    if is_whole_due(arena, account, position, equity, maintenance) == 1:
        return STEP_WHOLE
    cut = plan_cut(arena, contract, position, equity, maintenance)
    if cut == 0:
        return STEP_WHOLE
    engine.plan_lots = cut
    return STEP_PARTIAL


@cold
def plan_step(arena, account):
    """Choose position, kind, lots and limit of the account's next step.

    Returns the kind of step, STEP_WAIT, or 0 when the account should leave liquidation: then
    `plan_position` is NONE when nothing is left that can be stepped, or the position whose target
    the equity has reached.
    """
    engine = ENGINE(arena, 0)
    position = find_largest_position(arena, account, STEPPED)
    if position == NONE:
        position = find_largest_position(arena, account, COLLECTING)
        engine.plan_position = position
        if position == NONE:
            return 0
        return STEP_WAIT if plan_close(arena, account, position) != 0 else 0
    step = plan_close(arena, account, position)
    if step != STEP_PARTIAL:
        return step
    contract = engine.plan_contract + 0
    terms = CONTRACT(arena, contract)
    side = BUY if POSITION(arena, position).lots > 0 else SELL
    visible = compute_visible_lots(arena, contract, side, engine.plan_limit_ticks, LOTS_MAX)
    visible -= compute_own_lots(arena, position, side, engine.plan_limit_ticks)
    cut = min(engine.plan_lots, multiply_rate_floor(visible, terms.liquidation_depth_ppb))
    engine.plan_lots = cut
    if cut > 0:
        return STEP_PARTIAL
    engine.plan_lots = absolute(POSITION(arena, position).lots)
    return STEP_WHOLE


@cold
def compute_step_lots(arena, account, contract):
    """The lots of one contract that the account's next step would close, 0 if it acts elsewhere."""
    if plan_step(arena, account) <= 0 or ENGINE(arena, 0).plan_contract != contract:
        return 0
    return ENGINE(arena, 0).plan_lots
