"""Cash below zero is made good: funding, unrealised profit, then collateral (8.4, 10.4).

Funding and profit at once; collateral at the end of what made the account short, right before
suspects are looked at. A conversion pays more than what it takes counted for, and inside a sweep
that would give one and the same order more than its look-ahead could promise (4.2).
"""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import PPB
from engine.schema.vocabulary import NONE
from engine.state.access import (
    ACCOUNT,
    COLLATERAL,
    ENGINE,
    POOL,
    POSITION,
    SHORT_ACCOUNT,
)
from engine.state.arithmetic import is_ratio_above, multiply_divide_ceil, multiply_rate_floor
from engine.state.events import emit
from engine.state.layout import HOLDS_COLLATERAL, SHORT
from risk.accounts import contract_of, first_position, next_position
from risk.collateral import (
    change_holding,
    compute_collateral,
    compute_counted,
    conversion_price,
    held_of,
    value_at,
    value_collateral,
)
from risk.ledger import apply_cash, apply_entry, settle_all_funding
from risk.position_history import note_realised
from risk.worth import compute_profit_of


@kernel
def compute_paid(arena, asset, quantity):
    """What a conversion pays: the asset's price less the published discount, down (10.4)."""
    proceeds = value_at(quantity, conversion_price(arena, asset))
    return multiply_rate_floor(proceeds, PPB - COLLATERAL(arena, asset).discount_ppb)


@cold
def convert_collateral(arena, account, asset, quantity):
    """Sell so much of a holding to the pool's conversion ledger for cash, never for less than it
    counted for: roundings could make that a unit or two, and an equity of 0 would fall below it."""
    paid = compute_paid(arena, asset, quantity)
    value_before = compute_collateral(arena, account)
    change_holding(arena, account, asset, -quantity)
    COLLATERAL(arena, asset).converted += quantity
    value = value_collateral(arena, account)
    paid = max(paid, value_before - value)
    apply_cash(arena, account, paid)
    POOL(arena, 0).conversion_cash -= paid
    emit(
        arena, events.COLLATERAL_CONVERTED, 0, account,
        asset, quantity, paid, held_of(arena, account, asset), ACCOUNT(arena, account).cash, value,
    )  # fmt: skip
    return 0


@kernel
def compute_quantity_for(arena, asset, held, need):
    """How much pays for what is needed, rounded up twice; all that is held where that pays less."""
    price_ppb = conversion_price(arena, asset)
    share_ppb = PPB - COLLATERAL(arena, asset).discount_ppb
    if is_ratio_above(need, share_ppb, value_at(held, price_ppb), PPB):
        return held
    return multiply_divide_ceil(multiply_divide_ceil(need, PPB, share_ppb), PPB, price_ppb)


@kernel
def is_worth_converting(arena, asset, held):
    """Whether a holding pays anything, or counts for anything: else it stays with its owner."""
    return held > 0 and compute_paid(arena, asset, held) + compute_counted(arena, asset, held) > 0


@cold
def convert_what_lacks(arena, account):
    """Convert assets in the order of their numbers, only what cash below zero needs (10.4).

    With equity >= 0 it always suffices: a discount is at most a haircut, so what is converted pays
    at least what it counted for.
    """
    for asset in range(1, ENGINE(arena, 0).collaterals + 1):
        need = -ACCOUNT(arena, account).cash
        if need <= 0:
            return 0
        held = held_of(arena, account, asset)
        if is_worth_converting(arena, asset, held):
            quantity = compute_quantity_for(arena, asset, held, need)
            convert_collateral(arena, account, asset, quantity)
    return 0


@cold
def convert_all(arena, account):
    """Convert whatever an account holds, each asset whole."""
    if ACCOUNT(arena, account).flags & HOLDS_COLLATERAL == 0:
        return 0
    for asset in range(1, ENGINE(arena, 0).collaterals + 1):
        held = held_of(arena, account, asset)
        if is_worth_converting(arena, asset, held):
            convert_collateral(arena, account, asset, held)
    return 0


@cold
def restrike_profits(arena, account):
    """Make good cash below zero: settle funding, then re-strike profits at mark (8.4).

    Each round takes the largest unrealised profit, only what is needed; with equity >= 0 the sum
    of profits and of collateral covers it. It stops when no profit is left.
    """
    settle_all_funding(arena, account)
    while ACCOUNT(arena, account).cash < 0:
        richest = NONE
        richest_contract = 0
        profit = 0
        k = 0
        position = first_position(arena, account)
        while position != NONE:
            if POSITION(arena, position).lots != 0:
                contract = contract_of(arena, account, position, k)
                candidate = compute_profit_of(arena, contract, position)
                if candidate > profit:
                    profit = candidate
                    richest = position
                    richest_contract = contract
            k += 1
            position = next_position(arena, account, position, k)
        if richest == NONE:
            return 0
        amount = min(profit, -ACCOUNT(arena, account).cash)
        apply_entry(arena, richest, amount)
        note_realised(arena, richest, amount)
        apply_cash(arena, account, amount)
        emit(
            arena, events.PROFIT_RESTRUCK, richest_contract, account,
            amount, POSITION(arena, richest).entry_value, ACCOUNT(arena, account).cash, 0, 0, 0,
        )  # fmt: skip
    return 0


@cold
def cover_debit(arena, account):
    """Make good cash below zero; what profits can't, collateral will: the account is short."""
    restrike_profits(arena, account)
    record = ACCOUNT(arena, account)
    if record.cash < 0 and record.flags & (HOLDS_COLLATERAL | SHORT) == HOLDS_COLLATERAL:
        record.flags |= SHORT
        engine = ENGINE(arena, 0)
        SHORT_ACCOUNT(arena, engine.shorts).slot = account
        engine.shorts += 1
    return 0


@cold
def cover_short(arena, account):
    """Deal with a short account: once more what profits can, then collateral."""
    ACCOUNT(arena, account).flags &= ~SHORT
    if ACCOUNT(arena, account).cash < 0:
        restrike_profits(arena, account)
        convert_what_lacks(arena, account)
    return 0
