"""What an account is worth, kept from one of its commands to the next (8.1-8.3).

Every check before the book and both sides of every fill ask for an account's equity and for what
it must hold. A walk over its positions tells them: some five cache lines and two hundred
instructions, most of what a command cost. Between two moves of a mark nothing changes them but what
the account itself does, so a record keeps three sums, and each writer keeps them true by what it
has just written:

    equity        as `margin.value_beside` has it; `ledger` and `settlement` write it
    maintenance   by tiers, of all positions; `settlement` alone changes lots
    requirement   initial margin of all positions, and every reserve, loss and fee of all orders,
                  of both sides; `reserve` writes it, and `settlement`

The last is never less than what rule 8.2 requires, because of a position with margin m and reserves
b and s it counts m + b + s, and no less than max(m + b, s - m): so who has that needs no closer
look, and nobody is refused for it.

The record is stamped with the number of the valuation it belongs to, and void under another: a
mark and a funding time begin a new one. Zero bytes are void, and so is the record of an account
whose floor under initial rates has just been set (`forget_worth`). Not asked are the records of
portfolios, whose margin is no sum, and of who has collateral, whose value has a clock of its own
(10.3); none has whoever holds where open interest moves initial rates (8.6). These are walked over
each time. That the sums equal the walk is an invariant (`engine/invariants.py`), checked wherever
the others are.
"""

from engine.kernel import cold, kernel, stage
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, CONTRACT, ENGINE, POSITION, WORTH
from engine.state.layout import HOLDS_COLLATERAL, LIMITS_RATE, PORTFOLIO
from risk.accounts import contract_of, first_position, next_position
from risk.tiers import (
    compute_initial_with,
    compute_maintenance_of,
    compute_margins_of,
    is_scaled,
)


@kernel
def is_kept(arena, account):
    """Whether the account's record belongs to the present valuation."""
    return WORTH(arena, account).valuation == ENGINE(arena, 0).valuation + 1


@kernel
def compute_profit_of(arena, contract, position):
    """Unrealised profit at mark less funding owed: what the position adds to equity. Exact."""
    terms = CONTRACT(arena, contract)
    held = POSITION(arena, position)
    owed = held.lots * (terms.funding_index - held.funding_index)
    return held.lots * terms.mark_value - held.entry_value - owed


@stage
def keep_worth(arena, account):
    """Walk over the account's positions and keep what it is worth; 0 when that can't be kept."""
    equity = ACCOUNT(arena, account).cash
    maintenance = 0
    requirement = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held = POSITION(arena, position)
        requirement += held.loss_fee + held.reserve_buy + held.reserve_sell
        if held.lots != 0:
            contract = contract_of(arena, account, position, k)
            if is_scaled(CONTRACT(arena, contract)):
                return 0
            requirement += compute_initial_with(arena, contract, position, held.lots)
            maintenance += compute_maintenance_of(arena, contract, held.lots)
            equity += compute_profit_of(arena, contract, position)
        k += 1
        position = next_position(arena, account, position, k)
    worth = WORTH(arena, account)
    worth.valuation = ENGINE(arena, 0).valuation + 1
    worth.equity = equity
    worth.maintenance = maintenance
    worth.requirement = requirement
    return 1


@kernel
def has_worth(arena, account):
    """Whether the account's record tells what it is worth, which is found out if need be."""
    if ACCOUNT(arena, account).flags & (HOLDS_COLLATERAL | PORTFOLIO):
        return False
    return is_kept(arena, account) or keep_worth(arena, account) == 1


@kernel
def add_equity(arena, account, amount):
    """Of cash that came or went, or of an entry value."""
    if is_kept(arena, account):
        WORTH(arena, account).equity += amount


@kernel
def add_requirement(arena, account, amount):
    """Of an order's reserve, loss and fee."""
    if is_kept(arena, account):
        WORTH(arena, account).requirement += amount


@kernel
def forget_worth(arena, account):
    """What the account requires is about to change by something else than its lots and orders."""
    WORTH(arena, account).valuation = 0


@cold
def change_raised_position(arena, contract, position, before, gained):
    """The same as `change_position` where something raises initial rates (8.1)."""
    held = POSITION(arena, position)
    terms = CONTRACT(arena, contract)
    if is_scaled(terms):
        forget_worth(arena, held.account)
        return 0
    worth = WORTH(arena, held.account)
    worth.equity += (held.lots - before) * terms.mark_value + gained
    worth.requirement += compute_initial_with(arena, contract, position, held.lots)
    worth.requirement -= compute_initial_with(arena, contract, position, before)
    worth.maintenance += compute_maintenance_of(arena, contract, held.lots)
    worth.maintenance -= compute_maintenance_of(arena, contract, before)
    return 0


@kernel
def change_position(arena, contract, position, before, margins_before, gained):
    """Of a position that had `before` lots, and margins by tiers for them, changed by a fill or a
    transfer; `gained` is what came to the account's cash by it, less what came to the entry value.
    Returns the margins that it has now, which the next fill of a sweep begins with."""
    held = POSITION(arena, position)
    margins = compute_margins_of(arena, contract, held.lots)
    if is_kept(arena, held.account):
        terms = CONTRACT(arena, contract)
        if terms.limits & LIMITS_RATE:
            change_raised_position(arena, contract, position, before, gained)
        else:
            worth = WORTH(arena, held.account)
            worth.equity += (held.lots - before) * terms.mark_value + gained
            worth.requirement += margins[0] - margins_before[0]
            worth.maintenance += margins[1] - margins_before[1]
    return margins
