"""What an account is worth and what it must hold: equity, maintenance, initial margin (8.1-8.3)."""

from engine.kernel import cold, kernel
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, CONTRACT, POSITION, WORTH
from engine.state.arithmetic import absolute
from engine.state.layout import HOLDS_COLLATERAL, PORTFOLIO
from engine.trading_state import is_one_of
from risk.accounts import contract_of, first_position, next_position
from risk.portfolio import (
    compute_portfolio_maintenance,
    compute_portfolio_requirement,
    find_heaviest_position,
    sum_maintenance,
)
from risk.tiers import compute_initial_of, compute_initial_with, compute_maintenance_of
from risk.worth import compute_profit_of, has_worth


@kernel
def posted_by(arena, account):
    """What stands behind the account's positions: its cash, and what counts beside it (10.2)."""
    record = ACCOUNT(arena, account)
    posted = record.cash
    if record.flags & HOLDS_COLLATERAL:
        posted += ACCOUNT_EXTRA(arena, account).collateral_value
    return posted


@kernel
def value_beside(arena, account, contract):
    """(equity of the whole account, maintenance by tiers of its positions beside one contract)."""
    equity = posted_by(arena, account)
    maintenance = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        if POSITION(arena, position).lots != 0:
            other = contract_of(arena, account, position, k)
            equity += compute_profit_of(arena, other, position)
            if other != contract:
                maintenance += compute_maintenance_of(arena, other, POSITION(arena, position).lots)
        k += 1
        position = next_position(arena, account, position, k)
    return equity, maintenance


@kernel
def is_portfolio(arena, account):
    """Whether the account is margined as a portfolio (8.7)."""
    return ACCOUNT(arena, account).flags & PORTFOLIO != 0


@kernel
def value_whole(arena, account):
    """(equity, maintenance margin) of the whole account."""
    equity, maintenance = value_beside(arena, account, 0)
    if is_portfolio(arena, account):
        maintenance = compute_portfolio_maintenance(arena, account, 0, 0)
    return equity, maintenance


@kernel
def compute_required(arena, account, contract, lots, beside):
    """Maintenance of the account if its position in a contract were of these lots; `beside` is that
    of its other positions, as `value_beside` has it."""
    if is_portfolio(arena, account):
        return compute_portfolio_maintenance(arena, account, contract, lots)
    return beside + compute_maintenance_of(arena, contract, lots)


@cold
def is_below_required(arena, account, contract, lots, equity):
    """1 when that equity is below the account's maintenance with so many lots in a contract."""
    _, beside = value_beside(arena, account, contract)
    return 1 if equity < compute_required(arena, account, contract, lots, beside) else 0


@kernel
def compute_weight(arena, account, maintenance):
    """What shares of the account's equity are pro rata to: its maintenance by tiers (9.3)."""
    return sum_maintenance(arena, account, 0, 0) if is_portfolio(arena, account) else maintenance


@cold
def compute_equity(arena, account):
    """Cash plus unrealised profit at mark less funding owed, over all contracts."""
    equity, _ = value_beside(arena, account, 0)
    return equity


@cold
def compute_maintenance(arena, account):
    """Maintenance margin of the whole account."""
    _, maintenance = value_whole(arena, account)
    return maintenance


@kernel
def equity_of(arena, account):
    """The same as `compute_equity`, as kept if it is kept."""
    if has_worth(arena, account):
        return WORTH(arena, account).equity
    return compute_equity(arena, account)


@kernel
def maintenance_of(arena, account):
    """The same as `compute_maintenance`, as kept if it is kept."""
    if has_worth(arena, account):
        return WORTH(arena, account).maintenance
    return compute_maintenance(arena, account)


@kernel
def compute_need(lots, margin, reserve_buy, reserve_sell):
    """Margin of a position with its orders after worst-case fills (8.2)."""
    if lots > 0:
        return max(margin + reserve_buy, reserve_sell - margin)
    if lots < 0:
        return max(margin + reserve_sell, reserve_buy - margin)
    return max(reserve_buy, reserve_sell)


@kernel
def value_for_order(arena, account):
    """(equity, initial margin with all orders), in one walk over the account's contracts."""
    equity = posted_by(arena, account)
    requirement = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held = POSITION(arena, position)
        margin = 0
        if held.lots != 0:
            contract = contract_of(arena, account, position, k)
            equity += compute_profit_of(arena, contract, position)
            margin = compute_initial_of(arena, contract, position)
        requirement += held.loss_fee
        requirement += compute_need(held.lots, margin, held.reserve_buy, held.reserve_sell)
        k += 1
        position = next_position(arena, account, position, k)
    if is_portfolio(arena, account):
        requirement = compute_portfolio_requirement(arena, account, 0, 0)
    return equity, requirement


@kernel
def compute_requirement_with(arena, account, contract, position, lots, requirement):
    """The initial margin of an account that now has this requirement, if its position in a contract
    were of these lots."""
    if is_portfolio(arena, account):
        return compute_portfolio_requirement(arena, account, contract, lots)
    held = POSITION(arena, position)
    margin = compute_initial_of(arena, contract, position)
    before = compute_need(held.lots, margin, held.reserve_buy, held.reserve_sell)
    margin = compute_initial_with(arena, contract, position, lots)
    after = compute_need(lots, margin, held.reserve_buy, held.reserve_sell)
    return requirement - before + after


@cold
def compute_requirement(arena, account):
    """Initial margin of the whole account, orders with their losses and fees included (8.2)."""
    _, requirement = value_for_order(arena, account)
    return requirement


@cold
def compute_notional(arena, account):
    """Sum of position values at mark, long and short alike."""
    notional = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        lots = POSITION(arena, position).lots
        if lots != 0:
            terms = CONTRACT(arena, contract_of(arena, account, position, k))
            notional += absolute(lots) * terms.mark_size
        k += 1
        position = next_position(arena, account, position, k)
    return notional


@cold
def find_largest_position(arena, account, states):
    """The position with the largest maintenance in contracts of these states (a mask), ties to
    the earlier contract; NONE when there is none."""
    if is_portfolio(arena, account):
        return find_heaviest_position(arena, account, states)
    found = NONE
    largest = -1
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        lots = POSITION(arena, position).lots
        if lots != 0:
            contract = contract_of(arena, account, position, k)
            maintenance = compute_maintenance_of(arena, contract, lots)
            if maintenance > largest and is_one_of(states, CONTRACT(arena, contract).state):
                largest = maintenance
                found = position
        k += 1
        position = next_position(arena, account, position, k)
    return found
