"""Mark bands: inside them nothing can happen to an account, so a step need not value it (9.1).

Each holder of a contract has a band of marks. While the mark of every contract that an account
holds stays in its band, the account's equity stays at or above its margin-call level:

    slack S = equity - ceil(maintenance x call), at the marks where the bands were set
    a move of every mark by at most the share d costs at most  sum N x d  of equity, and raises
    the call level by at most  sum N x d x r x call + call x positions + 1  (tiers are marginal, r
    is the highest rate of the contract, of a portfolio's (8.7) its worst rate if that is higher;
    a ceil per position and one for the level)
    so d = (S - rounding) / sum N x (1 + r x call) is safe, in both directions

An inverse lot is worth contract value / mark: a fall of the mark by the share f is one of the lot's
size by f / (1 - f), a rise costs less than its share. So f = d / (1 + d) = S / (sum + S) is safe
downwards and d upwards. Its size is rounded where the bands were set, where the mark went and in N:
with d <= 1 that is at most 1 1/2 x (1 + r x call) a lot, at most 7 1/2.

A block of holders has a summary, the marks that all of its bands hold: a mark inside it can hit
nobody of the block. Writing a band only narrows it, so it may be too narrow, never too wide; a scan
that finds a mark outside makes it exact again.

Splitting by notional gives every contract the same relative room. A band is void when anything
but a mark changes the account: every such change passes `apply_cash`, which notes the account as
dirty, as its coming into and out of liquidation does, and the dirty accounts are valued before the
next scan or ranking (`counterparties.value_changed`). An account below its call level,
called, or in liquidation has an empty band (zero bytes), so every step values it. Funding is not
in the bands: at a funding time every holder is valued.
"""

from engine.kernel import cold, kernel
from engine.schema.vocabulary import NONE
from engine.state.access import (
    ACCOUNT,
    BAND,
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
ROUNDING_PER_LOT = 8  # of an inverse contract


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
def write_band(arena, contract, position, low_ticks, high_ticks):
    row = contract * ACCOUNT_ROWS + POSITION_EXTRA(arena, position).holder - 1
    band = BAND(arena, row)
    band.low_ticks = low_ticks
    band.high_ticks = high_ticks
    note_band(arena, row)


@cold
def set_band(arena, contract, position, slack, weight):
    """Write one position's band: the marks at which its share of the slack is not used up."""
    terms = CONTRACT(arena, contract)
    mark_ticks = terms.mark_ticks + 0
    used = min(slack, weight)
    rise_ticks = multiply_divide(mark_ticks, used, weight)
    fall_ticks = rise_ticks
    if terms.contract_value != 0:
        fall_ticks = multiply_divide(mark_ticks, used, weight + used)
    write_band(arena, contract, position, mark_ticks - fall_ticks, mark_ticks + rise_ticks)
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
            if CONTRACT(arena, contract).contract_value != 0:
                slack -= ROUNDING_PER_LOT * absolute(lots)
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
