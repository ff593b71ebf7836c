"""Cash below zero is made good: funding, unrealised profit, then collateral (8.4, 10.4)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import PPB
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, COLLATERAL, ENGINE, POOL, POSITION
from engine.state.arithmetic import is_ratio_above, multiply_divide_ceil, multiply_rate_floor
from engine.state.events import emit
from engine.state.layout import HOLDS_COLLATERAL
from risk.accounts import contract_of, first_position, next_position
from risk.collateral import (
    capped_price,
    change_holding,
    held_of,
    value_at,
    value_collateral,
)
from risk.ledger import apply_cash, apply_entry, settle_all_funding
from risk.margin import compute_profit_of
from risk.position_history import note_realised


@cold
def convert_collateral(arena, account, asset, quantity):
    """Sell so much of a holding to the pool's conversion ledger for cash, at the asset's price
    less the published discount, rounded against the client (10.4), but never for less than it
    counted for: roundings could make that a unit or two, and an equity of 0 would fall below it."""
    proceeds = value_at(quantity, capped_price(arena, asset))
    paid = multiply_rate_floor(proceeds, PPB - COLLATERAL(arena, asset).discount_ppb)
    value_before = ACCOUNT_EXTRA(arena, account).collateral_value + 0
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
    """The least quantity whose conversion pays what is needed, all that is held if none does."""
    price_ppb = capped_price(arena, asset)
    share_ppb = PPB - COLLATERAL(arena, asset).discount_ppb
    if is_ratio_above(need, share_ppb, value_at(held, price_ppb), PPB):
        return held
    return multiply_divide_ceil(multiply_divide_ceil(need, PPB, share_ppb), PPB, price_ppb)


@cold
def convert_what_lacks(arena, account):
    """Convert assets in the order of their numbers, only what cash below zero needs (10.4).

    With equity >= 0 it always suffices: a discount is at most a haircut, so what is converted pays
    at least what it counted for.
    """
    if ACCOUNT(arena, account).flags & HOLDS_COLLATERAL == 0:
        return 0
    for asset in range(1, ENGINE(arena, 0).collaterals + 1):
        need = -ACCOUNT(arena, account).cash
        if need <= 0:
            return 0
        held = held_of(arena, account, asset)
        if held > 0 and COLLATERAL(arena, asset).price_ppb > 0:
            quantity = compute_quantity_for(arena, asset, held, need)
            convert_collateral(arena, account, asset, quantity)
    return 0


@cold
def convert_all(arena, account):
    """Convert whatever a debtor holds: nothing that it posted outlives its deficit (9.5)."""
    if ACCOUNT(arena, account).flags & HOLDS_COLLATERAL == 0:
        return 0
    for asset in range(1, ENGINE(arena, 0).collaterals + 1):
        held = held_of(arena, account, asset)
        if held > 0:
            convert_collateral(arena, account, asset, held)
    return 0


@cold
def cover_debit(arena, account):
    """Make good cash below zero: settle funding, then re-strike profits at mark (8.4).

    Each round takes the largest unrealised profit, only what is needed; with equity >= 0 the sum
    of profits and of what collateral is converted for covers it. Below zero (inside a waterfall)
    it stops when nothing is left.
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
            return convert_what_lacks(arena, account)
        amount = min(profit, -ACCOUNT(arena, account).cash)
        apply_entry(arena, richest, amount)
        note_realised(arena, richest, amount)
        apply_cash(arena, account, amount)
        emit(
            arena, events.PROFIT_RESTRUCK, richest_contract, account,
            amount, POSITION(arena, richest).entry_value, ACCOUNT(arena, account).cash, 0, 0, 0,
        )  # fmt: skip
    return 0
