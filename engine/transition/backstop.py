"""What an operator sets of what stands behind the book: providers, the fund (9.2 e, 9.6)."""

from engine.kernel import cold
from engine.schema import bounds, events, refusals
from engine.schema.vocabulary import FUND, KIND_LIQUIDITY_PROVIDER, NONE
from engine.state.access import CONTRACT, ENGINE, POOL
from engine.state.events import emit
from engine.state.layout import COVER_ASKED
from engine.transition.cancelling import set_stop
from risk.accounts import find_position, has_kind, has_position_room, is_listed, open_position
from risk.margin import compute_equity
from risk.providers import write_capacity
from risk.work_back import set_next_slice


@cold
def set_capacity(arena, account, contract, lots):
    """An operator writes down the largest position that a liquidity provider has agreed to hold in
    a contract for what the book can't take (9.2 e)."""
    if not has_kind(arena, account, KIND_LIQUIDITY_PROVIDER):
        return refusals.ACCOUNT_UNKNOWN
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    if lots < 0 or lots > bounds.LOTS_MAX:
        return refusals.CAPACITY_INVALID
    position = find_position(arena, account, contract)
    if position == NONE and not has_position_room(arena):
        return refusals.POOL_FULL
    # From here it is written; nothing below may refuse.

    if position == NONE:
        position = open_position(arena, account, contract)
    write_capacity(arena, contract, position, lots)
    emit(arena, events.CAPACITY_SET, contract, account, lots, 0, 0, 0, 0, 0)
    return refusals.OK


@cold
def set_work_back(arena, contract, seed):
    """Draw the offset of the fund's slices from a seed; one that is due comes at the new times."""
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    if seed < 0 or seed > bounds.SEED_MAX:
        return refusals.SEED_INVALID
    # From here the times stand; nothing below may refuse.

    terms = CONTRACT(arena, contract)
    terms.slice_offset_ns = seed % terms.fund_slice_ns
    emit(arena, events.WORK_BACK_SET, contract, 0, terms.slice_offset_ns, 0, 0, 0, 0, 0)
    if terms.slice_next_ns != 0:
        set_next_slice(arena, contract)
    return refusals.OK


@cold
def set_stress_loss(arena, amount):
    """An operator writes down the uncovered loss that the last stress test found. Whether the fund
    covers its share of it is asked at every order that adds risk, so admission is told to look."""
    if amount < 0:
        return refusals.AMOUNT_NOT_POSITIVE
    if amount > bounds.DEPOSITS_MAX:
        return refusals.AMOUNT_ABOVE_MAX
    # From here it is written; nothing below may refuse.

    pool = POOL(arena, 0)
    pool.stress_loss = amount
    is_asked = 1 if amount > 0 and pool.fund_cover_min_ppb > 0 else 0
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        set_stop(arena, contract, COVER_ASKED, is_asked)
    emit(arena, events.STRESS_LOSS_SET, 0, 0, amount, compute_equity(arena, FUND), 0, 0, 0, 0)
    return refusals.OK
