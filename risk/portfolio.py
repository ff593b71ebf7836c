"""Portfolio margin (8.7): an account's positions in a grid of price moves, what nets nets.

Risk is the sum, over underlyings, of the worst loss in any move, and of what basis and
concentration add to each position. Every sum is of lots at mark, so it changes with a mark by at
most the notional times the contract's worst rate: that is what bands and reserves reckon with.

`contract` and `lots` of a function say what one position should be taken to be; contract 0 changes
none.
"""

from engine.kernel import cold, kernel
from engine.schema.bounds import PORTFOLIO_MOVES_MAX, PPB
from engine.schema.vocabulary import NONE
from engine.state.access import CONTRACT, POOL, PORTFOLIO_MOVE, PORTFOLIO_RESULT, POSITION
from engine.state.arithmetic import (
    absolute,
    multiply_divide,
    multiply_divide_ceil,
    multiply_rate_ceil,
)
from engine.trading_state import is_one_of
from risk.accounts import contract_of, first_position, next_position
from risk.tiers import (
    compute_initial_with,
    compute_maintenance_of,
    compute_unnetted_initial,
)


@kernel
def lots_as(arena, position, held_in, contract, lots):
    """The lots of a position, or those that it should be taken to have."""
    return lots if held_in == contract else POSITION(arena, position).lots + 0


@kernel
def compute_result(terms, lots, move_ppb):
    """What signed lots gain when the price moves by a share, rounded down. An inverse lot is worth
    contract value / price, so the move acts on it by move / (1 + move) (1.2)."""
    base_ppb = PPB if terms.contract_value == 0 else PPB + move_ppb
    notional = absolute(lots) * terms.mark_size
    if (lots > 0) == (move_ppb > 0):
        return multiply_divide(notional, absolute(move_ppb), base_ppb)
    return -multiply_divide_ceil(notional, absolute(move_ppb), base_ppb)


@cold
def add_results(arena, contract, lots):
    """Add a position's result in every move to those of its underlying."""
    terms = CONTRACT(arena, contract)
    first = terms.portfolio_group * PORTFOLIO_MOVES_MAX
    for k in range(POOL(arena, 0).portfolio_moves):
        result = compute_result(terms, lots, PORTFOLIO_MOVE(arena, k).value + 0)
        PORTFOLIO_RESULT(arena, first + k).value += result
    return 0


@cold
def take_loss(arena, contract):
    """The worst loss of the contract's underlying, which is left empty for the next account; 0 when
    it has been taken already."""
    first = CONTRACT(arena, contract).portfolio_group * PORTFOLIO_MOVES_MAX
    worst = 0
    for k in range(POOL(arena, 0).portfolio_moves):
        result = PORTFOLIO_RESULT(arena, first + k)
        worst = min(worst, result.value)
        result.value = 0
    return -worst


@kernel
def compute_add_ons(terms, lots):
    """What the basis, against the position, and its concentration add; each rounded up."""
    notional = absolute(lots) * terms.mark_size
    beyond = max(0, notional - terms.concentration_value)
    add_ons = multiply_rate_ceil(notional, terms.basis_ppb)
    return add_ons + multiply_rate_ceil(beyond, terms.concentration_ppb)


@cold
def compute_risk(arena, account, contract, lots):
    """Worst losses of all underlyings, and what basis and concentration add (8.7)."""
    risk = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held_in = contract_of(arena, account, position, k)
        held = lots_as(arena, position, held_in, contract, lots)
        if held != 0:
            add_results(arena, held_in, held)
            risk += compute_add_ons(CONTRACT(arena, held_in), held)
        k += 1
        position = next_position(arena, account, position, k)
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held_in = contract_of(arena, account, position, k)
        if lots_as(arena, position, held_in, contract, lots) != 0:
            risk += take_loss(arena, held_in)
        k += 1
        position = next_position(arena, account, position, k)
    return risk


@cold
def sum_maintenance(arena, account, contract, lots):
    """Maintenance by tiers of all positions: the base of the floor, and of shares of equity."""
    maintenance = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held_in = contract_of(arena, account, position, k)
        held = lots_as(arena, position, held_in, contract, lots)
        if held != 0:
            maintenance += compute_maintenance_of(arena, held_in, held)
        k += 1
        position = next_position(arena, account, position, k)
    return maintenance


@cold
def compute_least_initial(arena, account, contract, lots):
    """What initial margin is never below: a share of what tiers and what raises them say of all
    positions, and all that floors and open interest say of them: a cap of leverage holds whatever
    nets (8.1)."""
    margin = 0
    unnetted = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held_in = contract_of(arena, account, position, k)
        held = lots_as(arena, position, held_in, contract, lots)
        if held != 0:
            margin += compute_initial_with(arena, held_in, position, held)
            unnetted += compute_unnetted_initial(arena, held_in, position, held)
        k += 1
        position = next_position(arena, account, position, k)
    return max(unnetted, multiply_rate_ceil(margin, POOL(arena, 0).portfolio_floor_ppb))


@cold
def compute_portfolio_maintenance(arena, account, contract, lots):
    """Maintenance of a portfolio account: its risk, or a share of what tiers say; rounded up."""
    by_tiers = sum_maintenance(arena, account, contract, lots)
    floor = multiply_rate_ceil(by_tiers, POOL(arena, 0).portfolio_floor_ppb)
    return max(compute_risk(arena, account, contract, lots), floor)


@cold
def compute_portfolio_requirement(arena, account, contract, lots):
    """Initial margin of a portfolio account with all its orders; rounded up (8.2, 8.7).

    A fill moves the risk by at most value x worst rate, which the order has reserved, so each
    contract needs the larger of its two sums of reserves on top, whatever the position.
    """
    pool = POOL(arena, 0)
    risk = compute_risk(arena, account, contract, lots)
    margin = multiply_rate_ceil(risk, pool.portfolio_initial_ppb)
    margin = max(margin, compute_least_initial(arena, account, contract, lots))
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        held = POSITION(arena, position)
        margin += max(held.reserve_buy, held.reserve_sell) + held.loss_fee
        k += 1
        position = next_position(arena, account, position, k)
    return margin


@cold
def find_heaviest_position(arena, account, states):
    """The position, in contracts of these states (a mask), without which the maintenance would be
    lowest, ties to the earlier contract; NONE when there is none."""
    found = NONE
    lowest = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        contract = contract_of(arena, account, position, k)
        if POSITION(arena, position).lots != 0 and is_one_of(
            states, CONTRACT(arena, contract).state
        ):
            maintenance = compute_portfolio_maintenance(arena, account, contract, 0)
            if found == NONE or maintenance < lowest:
                lowest = maintenance
                found = position
        k += 1
        position = next_position(arena, account, position, k)
    return found


@kernel
def compute_reserve_rate(arena, contract):
    """The least rate of an order's reserve: the worst rate, as initial margin takes it."""
    rate_ppb = CONTRACT(arena, contract).portfolio_rate_ppb
    return multiply_rate_ceil(rate_ppb, POOL(arena, 0).portfolio_initial_ppb)
