"""Accounts in liquidation (9.2): a heap by equity less maintenance, and those that cool down.

The heap is an array of account ids; each account knows its place (stored + 1), so a valuation
moves it in place and the order is that of present values. It is sized by accounts: detection is
never bounded, only the steps of one command are (2.5). A cooling account is out of the heap.
"""

from engine.kernel import cold, kernel
from engine.schema.bounds import TIME_NS_MAX
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, COOLING, ENGINE, LIQUIDATION
from engine.state.layout import COOLING as COOLING_FLAG
from engine.state.layout import LIQUIDATING, NEGATIVE, WHOLE_NEXT
from risk.bands import note_dirty

WAITING_NS = TIME_NS_MAX + 1  # cools until an auction, not until a time


@kernel
def is_worse(arena, left, right):
    a = ACCOUNT_EXTRA(arena, left).excess
    b = ACCOUNT_EXTRA(arena, right).excess
    return a < b if a != b else left < right


@kernel
def put_at(arena, place, account):
    LIQUIDATION(arena, place).slot = account
    ACCOUNT_EXTRA(arena, account).heap = place + 1


@cold
def sift_account(arena, place):
    """Move the account at `place` up or down to where its excess belongs."""
    count = ENGINE(arena, 0).liquidations
    moving = LIQUIDATION(arena, place).slot + 0
    while place > 0:
        parent = (place - 1) // 2
        if not is_worse(arena, moving, LIQUIDATION(arena, parent).slot):
            break
        put_at(arena, place, LIQUIDATION(arena, parent).slot)
        place = parent
    while 2 * place + 1 < count:
        child = 2 * place + 1
        if child + 1 < count and is_worse(
            arena, LIQUIDATION(arena, child + 1).slot, LIQUIDATION(arena, child).slot
        ):
            child += 1
        if not is_worse(arena, LIQUIDATION(arena, child).slot, moving):
            break
        put_at(arena, place, LIQUIDATION(arena, child).slot)
        place = child
    put_at(arena, place, moving)
    return 0


@kernel
def push_account(arena, account):
    engine = ENGINE(arena, 0)
    put_at(arena, engine.liquidations, account)
    engine.liquidations += 1
    sift_account(arena, engine.liquidations - 1)


@cold
def take_account(arena, account):
    """Take an account out of the heap."""
    engine = ENGINE(arena, 0)
    place = ACCOUNT_EXTRA(arena, account).heap - 1
    engine.liquidations -= 1
    last = LIQUIDATION(arena, engine.liquidations).slot
    ACCOUNT_EXTRA(arena, account).heap = 0
    if last != account:
        put_at(arena, place, last)
        sift_account(arena, place)
    return 0


@kernel
def enter_liquidation(arena, account, excess):
    ACCOUNT(arena, account).flags |= LIQUIDATING
    ACCOUNT_EXTRA(arena, account).excess = excess
    note_dirty(arena, account)
    push_account(arena, account)


@cold
def rescore(arena, account, excess):
    """A new valuation of an account in liquidation."""
    ACCOUNT_EXTRA(arena, account).excess = excess
    if ACCOUNT(arena, account).flags & COOLING_FLAG == 0:
        sift_account(arena, ACCOUNT_EXTRA(arena, account).heap - 1)
    return 0


@cold
def cool_account(arena, account, ready_ns):
    """Take an account out of the queue until a time."""
    engine = ENGINE(arena, 0)
    take_account(arena, account)
    ACCOUNT(arena, account).flags |= COOLING_FLAG
    extra = ACCOUNT_EXTRA(arena, account)
    extra.ready_ns = ready_ns
    COOLING(arena, engine.cooling).slot = account
    extra.heap = engine.cooling + 1
    engine.cooling += 1
    if engine.cooling == 1 or ready_ns < engine.cooling_ns:
        engine.cooling_ns = ready_ns
    return 0


@cold
def uncool_account(arena, account):
    """Take an account off the list of those that cool."""
    engine = ENGINE(arena, 0)
    extra = ACCOUNT_EXTRA(arena, account)
    engine.cooling -= 1
    last = COOLING(arena, engine.cooling).slot
    COOLING(arena, extra.heap - 1).slot = last
    ACCOUNT_EXTRA(arena, last).heap = extra.heap
    extra.heap = 0
    ACCOUNT(arena, account).flags &= ~COOLING_FLAG
    return 0


@cold
def wake_account(arena, account):
    """Put a cooling account back into the queue before its time."""
    uncool_account(arena, account)
    push_account(arena, account)
    return 0


@cold
def wake_accounts(arena):
    """Put back into the queue every account whose cooldown is over."""
    engine = ENGINE(arena, 0)
    next_ns = 0
    k = 0
    while k < engine.cooling:
        account = COOLING(arena, k).slot + 0
        ready_ns = ACCOUNT_EXTRA(arena, account).ready_ns
        if ready_ns <= engine.clock_ns:
            uncool_account(arena, account)
            push_account(arena, account)
        else:
            if next_ns == 0 or ready_ns < next_ns:
                next_ns = ready_ns
            k += 1
    engine.cooling_ns = next_ns
    return 0


@cold
def leave_liquidation(arena, account):
    """The account is out of liquidation, from wherever it stood."""
    if ACCOUNT(arena, account).flags & COOLING_FLAG:
        uncool_account(arena, account)
    else:
        take_account(arena, account)
    ACCOUNT(arena, account).flags &= ~(LIQUIDATING | WHOLE_NEXT | NEGATIVE)
    note_dirty(arena, account)
    return 0
