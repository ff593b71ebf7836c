"""Bands: inside them nothing can happen to an account, so a step need not value it (9.1).

Each holder of a contract has a band of values of a lot. While the *effective value* of a lot, its
value at mark less all funding so far, stays in the band in every contract that an account holds,
its equity stays at or above its margin-call level. So one scan serves marks and funding times.

For a position of q lots let V be the value of a lot at mark (`state/values.py`), F the sum of all
funding a lot, U = V - F, and a delta before a letter what has changed since the band was set:

    equity      changes by q dU, exactly: funding not yet settled counts, settling it moves nothing
    call level  rises by at most |q| rho |dV|, and rounding; rho = r x call, r the highest rate of
                the contract, of a portfolio (8.7) its worst rate if that is higher. Maintenance is
                a share of the size of the lots, |V|, by marginal tiers or by a grid, in both kinds
                of contract; a ceil per position and one for the level are what rounding adds

The trap is that maintenance follows V and not U: a mark that rises by just what longs pay leaves U
where it was, and their margin grows. But |dV| <= |dU| + |dF| <= |dU| + dT, where T sums funding by
its size, whoever paid, and never falls. So all of a position is at most

    |q| (|dU| + rho |dV|)  <=  |q| ((1 + rho) |dU| + rho dT)  <=  |q| (1 + rho) (|dU| + dD)

where D sums rho x |growth|, each rounded up, at the contract's highest rho. A position with the
room x asks for |dU| + dD <= x. As D never falls, that is: neither has U - D fallen by more than x,
nor has U + D risen by more. The two are what the ends of a band are compared with, and a contract
keeps F + D and F - D in its `band_shifts`. So a band closes in from both sides while funding is
paid, by rho of it.

    S = equity - level - rounding, when the bands are set    N = |q| |V|
    x = |V| S / W, rounded down    W = sum of N (1 + rho) over the account's positions, rounded up

Then the sum of |q| (1 + rho) x is at most S, whatever the directions. Nothing here is rounded but
for x, D and the margins, because a lot's value and its funding are whole money, of an inverse
contract too. Splitting by notional gives every contract the same relative room.

F and D are sums of their own: the index starts anew when it is rebased (7.3), they don't. Before
they can pass their bound they do, too, and all bands of the contract are emptied. An end is stored
so that zero bytes are an empty band: it is the first value that the band does not hold, and U - D
is never above U + D.

A block of holders has a summary, the values that all of its bands hold: inside it nobody of the
block is hit. Writing a band only narrows it, so it may be too narrow, never too wide; a scan that
finds it left makes it exact again.

A band is void when anything but mark and funding changes the account: every such change passes
`write_cash`, which notes the account as dirty, as its coming into and out of liquidation does, and
the dirty accounts are valued before the next scan or ranking (`counterparties.value_changed`). An
account below its call level, called, or in liquidation has an empty band, so every step of a
contract that it holds values it.
"""

from engine.kernel import cold, kernel
from engine.schema.bounds import BAND_SHIFT_MAX
from engine.schema.vocabulary import NONE
from engine.state.access import (
    ACCOUNT,
    BAND,
    BAND_SHIFT,
    CONTRACT,
    DIRTY_ACCOUNT,
    ENGINE,
    POOL,
    POSITION,
    POSITION_EXTRA,
)
from engine.state.arithmetic import absolute, multiply_divide, multiply_rate_ceil
from engine.state.layout import ACCOUNT_ROWS, CALLED, DIRTY, LIQUIDATING, PORTFOLIO
from risk.accounts import contract_of, first_position, next_position, note_band

# Money that rounding can move the call level by, per position: call <= 4 (schema) and two ceils.
ROUNDING_PER_POSITION = 12
# A portfolio's: a result, the basis and the concentration of a position are rounded, at both marks.
ROUNDING_PER_POSITION_OF_PORTFOLIO = 36


@kernel
def note_dirty(arena, account):
    """The account's bands are void: value it before the next scan."""
    record = ACCOUNT(arena, account)
    if record.flags & DIRTY == 0:
        record.flags |= DIRTY
        engine = ENGINE(arena, 0)
        DIRTY_ACCOUNT(arena, engine.dirty).slot = account
        engine.dirty += 1


@kernel
def effective_low(arena, contract):
    """U - D: what the lower ends of the contract's bands are compared with."""
    return CONTRACT(arena, contract).mark_value - BAND_SHIFT(arena, contract).low_value


@kernel
def effective_high(arena, contract):
    """U + D: what the upper ends are compared with."""
    return CONTRACT(arena, contract).mark_value - BAND_SHIFT(arena, contract).high_value


@kernel
def write_row(arena, row, low_value, end_value):
    band = BAND(arena, row)
    band.low_value = low_value
    band.end_value = end_value
    note_band(arena, row)


@cold
def empty_bands(arena, contract):
    """Empty the bands of all holders: the next scan values everybody and looks at every block."""
    first = contract * ACCOUNT_ROWS
    for row in range(first, first + CONTRACT(arena, contract).holders):
        write_row(arena, row, 0, 0)
    return 0


@cold
def shift_bands(arena, contract, growth):
    """What bands are compared with takes its part in a funding interval in which a long lot pays
    `growth`: less that, and apart by the most that it can raise the call level of a lot by."""
    terms = CONTRACT(arena, contract)
    shift = BAND_SHIFT(arena, contract)
    if max(absolute(shift.low_value), absolute(shift.high_value)) > BAND_SHIFT_MAX:
        empty_bands(arena, contract)
        shift.low_value = 0
        shift.high_value = 0
    rate_ppb = max(terms.rate_maintenance_max_ppb, terms.portfolio_rate_ppb)
    raised = multiply_rate_ceil(absolute(growth), rate_ppb)
    raised = multiply_rate_ceil(raised, POOL(arena, 0).margin_call_ppb_max)
    shift.low_value += growth + raised
    shift.high_value += growth - raised
    return 0


@kernel
def weigh_position(arena, account, contract, lots):
    """N x (1 + r x call), rounded up: what one unit of relative move can cost the slack."""
    terms = CONTRACT(arena, contract)
    notional = absolute(lots) * terms.mark_size
    rate_ppb = terms.rate_maintenance_max_ppb + 0
    if ACCOUNT(arena, account).flags & PORTFOLIO:
        rate_ppb = max(rate_ppb, terms.portfolio_rate_ppb)
    raised = multiply_rate_ceil(notional, rate_ppb)
    return notional + multiply_rate_ceil(raised, POOL(arena, 0).margin_call_ppb_max) + 1


@kernel
def write_band(arena, contract, position, low_value, end_value):
    row = contract * ACCOUNT_ROWS + POSITION_EXTRA(arena, position).holder - 1
    write_row(arena, row, low_value, end_value)


@cold
def set_band(arena, contract, position, slack, weight):
    """Write one position's band: the values at which its share of the slack is not used up. It is
    no wider than a lot is worth: what is worth nothing, or twice as much, is looked at again."""
    size = CONTRACT(arena, contract).mark_size + 0
    room = multiply_divide(size, min(slack, weight), weight)
    low_value = effective_low(arena, contract) - room
    end_value = effective_high(arena, contract) + room + 1
    write_band(arena, contract, position, low_value, end_value)
    return 0


@cold
def set_bands(arena, account, equity, maintenance):
    """Write the bands of all positions of an account that has just been valued."""
    level = multiply_rate_ceil(maintenance, POOL(arena, 0).margin_call_ppb_max)
    is_watched = ACCOUNT(arena, account).flags & (CALLED | LIQUIDATING) != 0 or equity < level
    slack = equity - level
    is_portfolio = ACCOUNT(arena, account).flags & PORTFOLIO != 0
    rounding = ROUNDING_PER_POSITION_OF_PORTFOLIO if is_portfolio else ROUNDING_PER_POSITION
    weight = 0
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        if POSITION(arena, position).lots != 0:
            contract = contract_of(arena, account, position, k)
            lots = POSITION(arena, position).lots
            weight += weigh_position(arena, account, contract, lots)
            slack -= rounding
        k += 1
        position = next_position(arena, account, position, k)
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        if POSITION(arena, position).lots != 0:
            contract = contract_of(arena, account, position, k)
            if is_watched or slack < 0:
                write_band(arena, contract, position, 0, 0)
            else:
                set_band(arena, contract, position, slack, weight)
        k += 1
        position = next_position(arena, account, position, k)
    return 0
