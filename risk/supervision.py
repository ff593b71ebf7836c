"""Who is under maintenance (9.1): suspects of fills and payments, and the scan of a step."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.vocabulary import NONE
from engine.state.access import (
    ACCOUNT,
    ACCOUNT_EXTRA,
    BAND,
    BAND_BLOCK,
    CONTRACT,
    ENGINE,
    HIT,
    HIT_ORDER,
    POOL,
    POSITION,
    POSITION_EXTRA,
    SHORT_ACCOUNT,
    WAKING_ACCOUNT,
)
from engine.state.access import COOLING as COOLING_AT
from engine.state.access import SUSPECT as SUSPECT_AT
from engine.state.arithmetic import multiply_rate_ceil
from engine.state.events import emit
from engine.state.layout import (
    ACCOUNT_ROWS,
    BAND_BLOCK_ROWS,
    BAND_BLOCKS,
    CALLED,
    COOLING,
    HOLDS_COLLATERAL,
    LIQUIDATING,
    NEGATIVE,
    SUSPECT,
    WAKING,
)
from engine.trading_state import COLLECTING, EVERY, STEPPED
from risk.accounts import holder_at
from risk.bands import effective_high, effective_low, set_bands
from risk.counterparties import value_changed
from risk.cover import convert_all, cover_short
from risk.liquidation import compute_target, is_equity_small
from risk.liquidation_queue import (
    WAITING_NS,
    enter_liquidation,
    rescore,
    wake_account,
)
from risk.margin import find_largest_position, value_whole

VALUE_MAX = 2**62  # no end of a band lies so far from zero


@kernel
def note_suspect(arena, account):
    """Look at the account again at the end of the command, once."""
    record = ACCOUNT(arena, account)
    if record.flags & SUSPECT:
        return
    record.flags |= SUSPECT
    engine = ENGINE(arena, 0)
    SUSPECT_AT(arena, engine.suspects).slot = account
    engine.suspects += 1


@kernel
def start_liquidation(arena, account, equity, maintenance):
    enter_liquidation(arena, account, equity - maintenance)
    emit(
        arena, events.LIQUIDATION_STARTED, 0, account, equity, maintenance, 0, 0, 0, 0
    )  # fmt: skip


@cold
def is_wait_over(arena, account, equity, maintenance):
    """1 when a cooling account should not wait: neither a whole close-out by equity (9.2 d) nor
    the end of the liquidation does. What waits for an auction can end, or, by a takeover of the
    fund's, have something to close again."""
    position = find_largest_position(arena, account, STEPPED)
    if position == NONE:
        position = find_largest_position(arena, account, COLLECTING)
        if position == NONE:
            return 1
        terms = CONTRACT(arena, POSITION_EXTRA(arena, position).contract)
        return 1 if equity >= compute_target(terms, maintenance) else 0
    if ACCOUNT_EXTRA(arena, account).ready_ns == WAITING_NS:
        return 1
    terms = CONTRACT(arena, POSITION_EXTRA(arena, position).contract)
    if is_equity_small(terms, equity, maintenance):
        return 1
    return 1 if equity >= compute_target(terms, maintenance) else 0


@kernel
def note_waking(arena, account):
    """Have the queue look at a cooling account, at the values that it then has."""
    engine = ENGINE(arena, 0)
    if ACCOUNT(arena, account).flags & WAKING == 0:
        ACCOUNT(arena, account).flags |= WAKING
        WAKING_ACCOUNT(arena, engine.waking).slot = account
        engine.waking += 1


@cold
def take_place(arena, account, equity, maintenance):
    """Move an account in liquidation to where its value belongs; if it cools and should not wait,
    the queue looks at it again."""
    rescore(arena, account, equity - maintenance)
    if ACCOUNT(arena, account).flags & COOLING:
        if is_wait_over(arena, account, equity, maintenance) == 1:
            note_waking(arena, account)
    return 0


@cold
def note_all_waking(arena):
    """The state of a contract has changed: what cools or waits may have something else to do."""
    for k in range(ENGINE(arena, 0).cooling):
        note_waking(arena, COOLING_AT(arena, k).slot)
    return 0


@cold
def wake_due_accounts(arena):
    """Put those noted back into the queue whose wait is over by their present values."""
    engine = ENGINE(arena, 0)
    for k in range(engine.waking):
        account = WAKING_ACCOUNT(arena, k).slot + 0
        record = ACCOUNT(arena, account)
        record.flags &= ~WAKING
        if record.flags & COOLING:
            equity, maintenance = value_whole(arena, account)
            if is_wait_over(arena, account, equity, maintenance) == 1:
                wake_account(arena, account)
    engine.waking = 0
    return 0


@cold
def value_again(arena, account):
    """An account in liquidation whose value has changed takes its new place in the queue."""
    if ACCOUNT(arena, account).flags & LIQUIDATING:
        equity, maintenance = value_whole(arena, account)
        take_place(arena, account, equity, maintenance)
    return 0


@cold
def drain_shorts(arena):
    """Convert collateral for those who are short of cash, in the order in which they became so."""
    engine = ENGINE(arena, 0)
    for k in range(engine.shorts):
        account = SHORT_ACCOUNT(arena, k).slot + 0
        cover_short(arena, account)
        value_again(arena, account)
    engine.shorts = 0
    return 0


@cold
def drain_suspects(arena):
    """Value the suspects, first in first out; those under maintenance enter liquidation. Before
    that collateral is converted for those who are short of cash (10.4)."""
    engine = ENGINE(arena, 0)
    if engine.shorts > 0:
        drain_shorts(arena)
    k = 0
    while k < engine.suspects:
        account = SUSPECT_AT(arena, k).slot
        ACCOUNT(arena, account).flags &= ~SUSPECT
        equity, maintenance = value_whole(arena, account)
        if ACCOUNT(arena, account).flags & LIQUIDATING:
            take_place(arena, account, equity, maintenance)
        elif equity < maintenance:
            start_liquidation(arena, account, equity, maintenance)
        k += 1
    engine.suspects = 0
    return 0


@kernel
def is_below_call(arena, account, equity, maintenance):
    """Whether equity lies below the account's margin-call level."""
    # nearly every account stands above the highest call level of all contracts: one comparison
    if equity >= multiply_rate_ceil(maintenance, POOL(arena, 0).margin_call_ppb_max):
        return False
    largest = find_largest_position(arena, account, EVERY)
    terms = CONTRACT(arena, POSITION_EXTRA(arena, largest).contract)
    return equity < multiply_rate_ceil(maintenance, terms.margin_call_ppb)


@cold
def add_hit(arena, account):
    """Value one account, once a step; below the margin-call level it becomes a hit."""
    engine = ENGINE(arena, 0)
    extra = ACCOUNT_EXTRA(arena, account)
    if extra.step_valued == engine.step:
        return 0
    extra.step_valued = engine.step
    equity, maintenance = value_whole(arena, account)
    record = ACCOUNT(arena, account)
    if record.flags & LIQUIDATING:
        take_place(arena, account, equity, maintenance)
    if not is_below_call(arena, account, equity, maintenance):
        record.flags &= ~CALLED
        set_bands(arena, account, equity, maintenance)
        return 0
    hit = HIT(arena, engine.hits)
    hit.account = account
    hit.equity = equity
    hit.excess = equity - maintenance
    hit.deficit = 0
    hit.fund = 0
    hit.given_up = 0
    hit.house = 0
    hit.haircut = 0
    HIT_ORDER(arena, engine.hits).slot = engine.hits
    engine.hits += 1
    set_bands(arena, account, equity, maintenance)
    return 1


@kernel
def is_hit_before(arena, left, right):
    """The order of 9.2: negative equity first, most negative first; then the least excess; ids."""
    a = HIT(arena, left)
    b = HIT(arena, right)
    if a.equity < 0 or b.equity < 0:
        if a.equity != b.equity:
            return a.equity < b.equity
    elif a.excess != b.excess:
        return a.excess < b.excess
    return a.account < b.account


@cold
def sift_hit(arena, root, count):
    """Restore the heap (last in order on top) below `root`."""
    moving = HIT_ORDER(arena, root).slot + 0
    while 2 * root + 1 < count:
        child = 2 * root + 1
        if child + 1 < count and is_hit_before(
            arena, HIT_ORDER(arena, child).slot, HIT_ORDER(arena, child + 1).slot
        ):
            child += 1
        if not is_hit_before(arena, moving, HIT_ORDER(arena, child).slot):
            break
        HIT_ORDER(arena, root).slot = HIT_ORDER(arena, child).slot
        root = child
    HIT_ORDER(arena, root).slot = moving
    return 0


@cold
def sort_hits(arena):
    """Heap sort of the hits into the order of 9.2: no recursion, no extra memory."""
    count = ENGINE(arena, 0).hits
    for k in range(count // 2 - 1, -1, -1):
        sift_hit(arena, k, count)
    for last in range(count - 1, 0, -1):
        top = HIT_ORDER(arena, 0).slot + 0
        HIT_ORDER(arena, 0).slot = HIT_ORDER(arena, last).slot
        HIT_ORDER(arena, last).slot = top
        sift_hit(arena, 0, last)
    return 0


@cold
def convert_hit(arena, row):
    """Convert the collateral of one who is below zero, and value it anew; a hit that it has brought
    back above the margin-call level is none any more, and has no account. No cash is left to cover
    then: who was short already was so by no more than what it is paid."""
    hit = HIT(arena, row)
    account = hit.account + 0
    record = ACCOUNT(arena, account)
    convert_all(arena, account)
    equity, maintenance = value_whole(arena, account)
    if record.flags & LIQUIDATING:
        take_place(arena, account, equity, maintenance)
    hit.equity = equity
    hit.excess = equity - maintenance
    if not is_below_call(arena, account, equity, maintenance):
        record.flags &= ~CALLED
        hit.account = NONE
    set_bands(arena, account, equity, maintenance)
    return 0


@cold
def order_hits(arena):
    """Sort the hits; those below zero, which then stand first, are converted before they are
    anybody's debtors (8.4, 10.4), and take their new places."""
    sort_hits(arena)
    engine = ENGINE(arena, 0)
    converted = 0
    kept = 0
    for k in range(engine.hits):
        row = HIT_ORDER(arena, k).slot + 0
        if HIT(arena, row).equity < 0:
            if ACCOUNT(arena, HIT(arena, row).account).flags & HOLDS_COLLATERAL:
                convert_hit(arena, row)
                converted += 1
        if HIT(arena, row).account != NONE:
            HIT_ORDER(arena, kept).slot = row
            kept += 1
    engine.hits = kept
    if converted > 0:
        sort_hits(arena)
    return 0


@cold
def sum_up_block(arena, contract, start, end):
    """Make the summary of a block of holders exact."""
    first = contract * ACCOUNT_ROWS
    low_value = -VALUE_MAX
    end_value = VALUE_MAX
    for k in range(first + start, first + end):
        band = BAND(arena, k)
        low_value = max(low_value, band.low_value)
        end_value = min(end_value, band.end_value)
    block = BAND_BLOCK(arena, (first + start) // BAND_BLOCK_ROWS)
    block.low_value = low_value
    block.end_value = end_value
    return 0


@cold
def scan_block(arena, contract, start):
    """Value the holders of one block whose band the contract's effective value has left."""
    low_value = effective_low(arena, contract)
    high_value = effective_high(arena, contract)
    end = min(start + BAND_BLOCK_ROWS, CONTRACT(arena, contract).holders)
    for k in range(start, end):
        band = BAND(arena, contract * ACCOUNT_ROWS + k)
        if low_value < band.low_value or high_value >= band.end_value:
            add_hit(arena, POSITION(arena, holder_at(arena, contract, k)).account)
    return sum_up_block(arena, contract, start, end)


@cold
def scan_bands(arena, contract):
    """Value the holders of a contract whose band its effective value has left: only a block whose
    summary it has left is looked through."""
    low_value = effective_low(arena, contract)
    high_value = effective_high(arena, contract)
    first = contract * BAND_BLOCKS
    for start in range(0, CONTRACT(arena, contract).holders, BAND_BLOCK_ROWS):
        block = BAND_BLOCK(arena, first + start // BAND_BLOCK_ROWS)
        if low_value < block.low_value or high_value >= block.end_value:
            scan_block(arena, contract, start)
    return 0


@cold
def announce_negative(arena):
    """Start the liquidation of the hits below zero, which stand first, and flag them; returns how
    many they are."""
    engine = ENGINE(arena, 0)
    negative = 0
    while negative < engine.hits:
        hit = HIT(arena, HIT_ORDER(arena, negative).slot)
        if hit.equity >= 0:
            break
        record = ACCOUNT(arena, hit.account)
        record.flags |= NEGATIVE
        if record.flags & LIQUIDATING == 0:
            start_liquidation(arena, hit.account, hit.equity, hit.equity - hit.excess)
        negative += 1
    return negative


@cold
def announce_hits(arena):
    """Start liquidations and send margin calls, worst first; returns how many are negative."""
    engine = ENGINE(arena, 0)
    negative = announce_negative(arena)
    for k in range(negative, engine.hits):
        hit = HIT(arena, HIT_ORDER(arena, k).slot)
        record = ACCOUNT(arena, hit.account)
        maintenance = hit.equity - hit.excess
        if hit.excess < 0:
            if record.flags & LIQUIDATING == 0:
                start_liquidation(arena, hit.account, hit.equity, maintenance)
        elif record.flags & CALLED == 0:
            record.flags |= CALLED
            emit(
                arena, events.MARGIN_CALLED, 0, hit.account, hit.equity, maintenance, 0, 0, 0, 0
            )  # fmt: skip
    return negative


@cold
def scan_step(arena):
    """Find every hit among the holders of the step's contracts, in the order of 9.2: those below
    zero stand first."""
    engine = ENGINE(arena, 0)
    engine.hits = 0
    value_changed(arena)
    contract = 1
    while contract <= engine.contracts:
        if CONTRACT(arena, contract).step == engine.step:
            scan_bands(arena, contract)
        contract += 1
    order_hits(arena)
    return engine.hits + 0
