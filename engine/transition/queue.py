"""The queue: liquidation steps of accounts not below zero, some per command (2.5, 9.2)."""

from engine.kernel import cold
from engine.schema import events
from engine.schema.vocabulary import (
    BUY,
    CANCEL_LIQUIDATION,
    END_FLAT,
    END_FROZEN,
    END_RECOVERED,
    FUND,
    NONE,
    REDUCE_ONLY,
    SELL,
    SIDES_BOTH,
    STEP_WHOLE,
    STP_CANCEL_OLDEST,
)
from engine.state.access import ACCOUNT, CONTRACT, ENGINE, LIQUIDATION, POOL, POSITION, SWEEP
from engine.state.arithmetic import absolute, multiply_divide
from engine.state.events import emit
from engine.state.layout import WHOLE_NEXT
from engine.trading_state import CLOSED, EVERY, is_one_of
from engine.transition.interruptions import is_rest_small, start_volatility_auction
from engine.transition.orders import cancel_linked, cancel_of_account
from engine.transition.step_plan import STEP_WAIT, plan_step
from engine.transition.sweep import look_at_trades, sweep
from engine.transition.transfers import (
    ask_providers,
    compute_present_share,
    deleverage,
    pair_off,
    take_over_with_penalty,
)
from engine.transition.waterfall import end_liquidation
from risk.liquidation_queue import WAITING_NS, cool_account, wake_accounts
from risk.margin import find_largest_position
from risk.supervision import drain_suspects, value_again, wake_due_accounts


@cold
def close_whole(arena, account, contract, position):
    """What the book did not take of a whole position: liquidity providers, fund, both at mark,
    pairing, deleveraging."""
    if account != FUND:
        ask_providers(arena, contract, position, 1)
        if POSITION(arena, position).lots == 0:
            return 0
    share = compute_present_share(arena, contract, position)
    lots = absolute(POSITION(arena, position).lots)
    if account == FUND:
        share = 0  # the fund's own positions are deleveraged at mark (9.6)
    else:
        take_over_with_penalty(arena, contract, position, share)
    pair_off(arena, contract, position)
    left_lots = absolute(POSITION(arena, position).lots)
    received = multiply_divide(share, left_lots, lots)
    deleverage(arena, contract, position, -received, 1)
    return 0


@cold
def stop_at_band(arena, contract, leaves):
    """The dynamic band ended a liquidation order's sweep (5.3): 1 when an auction begins, and the
    step is over; 0 when too little is left for that, and the step goes on without the book.

    It never halts: where nothing trades, those who are above zero would be closed at their
    bankruptcy price, past the bids that the halt is there to protect.
    """
    if is_rest_small(arena, contract, leaves, ENGINE(arena, 0).plan_limit_ticks) == 1:
        look_at_trades(arena, contract)
        return 0
    start_volatility_auction(arena, contract)
    return 1


@cold
def step_account(arena, account):
    """One step of one account: end, partial or whole."""
    engine = ENGINE(arena, 0)
    step = plan_step(arena, account)
    if step == STEP_WAIT:
        cancel_of_account(arena, account, CANCEL_LIQUIDATION, REDUCE_ONLY, SIDES_BOTH, 0)
        cool_account(arena, account, WAITING_NS)
        return step
    if step == 0:
        if engine.plan_position != NONE:
            return end_liquidation(arena, account, END_RECOVERED)
        is_flat = find_largest_position(arena, account, EVERY) == NONE
        return end_liquidation(arena, account, END_FLAT if is_flat else END_FROZEN)
    cancel_of_account(arena, account, CANCEL_LIQUIDATION, REDUCE_ONLY, SIDES_BOTH, 0)
    contract = engine.plan_contract
    position = engine.plan_position
    lots = engine.plan_lots
    share = engine.plan_share
    emit(
        arena, events.LIQUIDATION_STEPPED, contract, account, step, lots,
        engine.plan_limit_ticks, engine.plan_equity, engine.plan_maintenance, share,
    )  # fmt: skip
    ACCOUNT(arena, account).flags &= ~WHOLE_NEXT
    side = SELL if POSITION(arena, position).lots > 0 else BUY
    leaves = lots
    is_interrupted = 0
    if not is_one_of(CLOSED, CONTRACT(arena, contract).state):  # without trading: (e), (f) at once
        leaves = sweep(
            arena, contract, account, position, NONE,
            side, engine.plan_limit_ticks, lots, STP_CANCEL_OLDEST, share,
        )  # fmt: skip
        if SWEEP(arena, 0).banded == 1:
            is_interrupted = stop_at_band(arena, contract, leaves)
    if step == STEP_WHOLE:
        if leaves > 0 and is_interrupted == 0:
            close_whole(arena, account, contract, position)
    elif leaves == lots:
        if is_interrupted == 0:
            ACCOUNT(arena, account).flags |= WHOLE_NEXT
    else:
        cooldown_ns = CONTRACT(arena, contract).liquidation_cooldown_ns
        if cooldown_ns > 0:
            cool_account(arena, account, engine.clock_ns + cooldown_ns)
    value_again(arena, account)
    return step


@cold
def run_queue(arena):
    """Up to `liquidation_steps_max` steps, always of the account with the least excess."""
    engine = ENGINE(arena, 0)
    if engine.cooling > 0 and engine.cooling_ns <= engine.clock_ns:
        wake_accounts(arena)
    steps = 0
    while steps < POOL(arena, 0).liquidation_steps_max:
        if engine.waking > 0:
            wake_due_accounts(arena)
        if engine.liquidations == 0:
            break
        step = step_account(arena, LIQUIDATION(arena, 0).slot)
        cancel_linked(arena, NONE)
        if step != STEP_WAIT:
            drain_suspects(arena)
            steps += 1
    return steps
