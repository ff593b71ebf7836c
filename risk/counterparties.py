"""Who can take a debtor's lots, in their order: made once, then kept right (9.7).

A ranking (`ranking.py`) is made when a position first needs it, from all holders of that side. What
its keys are made of is

* an account's cash and positions, and whether it is in liquidation: each change of these notes the
  account as dirty (`bands.note_dirty`), and before each use the dirty accounts are valued, as they
  are before a scan: they get their bands and their places, come in, move or leave;
* marks, funding indexes and the states of contracts: where one of them changes, in a new step or a
  change of state, all rankings are void (`void_rankings`);
* in the queue, kept profit, which ends with time: the rankings know when the first of it does.

So a burst values every holder once for each ranking, and then those whom a transfer has touched.
Rankings are no part of the state: made anew, they are what they were.
"""

from engine.kernel import cold, kernel
from engine.schema.vocabulary import DELEVERAGING_QUEUE, NONE
from engine.state.access import (
    ACCOUNT,
    CONTRACT,
    COOLING,
    DIRTY_ACCOUNT,
    ENGINE,
    LIQUIDATION,
    POOL,
    POSITION,
    POSITION_EXTRA,
    RANKING,
)
from engine.state.layout import DIRTY, LIQUIDATING, NEGATIVE
from engine.trading_state import STEPPED
from risk.accounts import contract_of, first_position, holder_at, next_position
from risk.bands import set_bands
from risk.deleveraging import write_candidate
from risk.deleveraging_queue import compute_rank
from risk.liquidation import compute_target
from risk.margin import compute_equity, compute_notional, find_largest_position, value_whole
from risk.position_history import compute_kept
from risk.ranking import (
    ASKED,
    PAIRED,
    enter_ranking,
    entry_of,
    is_open,
    ranking_of,
    take_out,
    void_rankings,
    write_key,
)

# A key that is one number of either sign is taken from here, as a ratio to 1: ranks (up to 2^61),
# and excesses of accounts with equity >= 0 (deposits bound them) lie within it.
KEY_ZERO = 2**61


@cold
def note_kept(arena, position):
    """Kept profit counts in a rank until its time is over: the only thing that the clock ends."""
    if compute_kept(arena, position) != 0:
        engine = ENGINE(arena, 0)
        end_ns = POSITION_EXTRA(arena, position).kept_ns + POOL(arena, 0).deleveraging_profit_ns
        engine.rankings_until_ns = min(engine.rankings_until_ns, end_ns)
    return 0


@cold
def write_asked(arena, contract, position, notional, equity):
    """Write a holder as a candidate who has given nothing, with its key in the pool's mode."""
    write_candidate(arena, position, equity)
    entry = entry_of(position, ASKED)
    if POOL(arena, 0).deleveraging_mode == DELEVERAGING_QUEUE:
        note_kept(arena, position)
        over = KEY_ZERO + compute_rank(arena, contract, position, notional, equity)
        opened = POSITION_EXTRA(arena, position).opened + 0
        write_key(arena, entry, over, 1, opened, max(equity, 0))
    else:
        write_key(arena, entry, notional, equity, 0, max(equity, 0))
    return 0


@cold
def write_paired(arena, position, equity, maintenance):
    """The key of an account in liquidation: the least excess first."""
    over = KEY_ZERO - (equity - maintenance)
    write_key(arena, entry_of(position, PAIRED), over, 1, 0, equity)
    return 0


@cold
def find_paired(arena, account, equity, maintenance):
    """The position of which the next liquidation step of an account with equity >= 0 would close
    lots; NONE when there is none. A step closes at least one lot wherever it closes any."""
    flags = ACCOUNT(arena, account).flags
    if flags & LIQUIDATING == 0 or flags & NEGATIVE:
        return NONE
    position = find_largest_position(arena, account, STEPPED)
    if position == NONE:
        return NONE
    terms = CONTRACT(arena, POSITION_EXTRA(arena, position).contract)
    return NONE if equity >= compute_target(terms, maintenance) else position


@kernel
def is_any_open(arena, contract):
    return (
        is_open(arena, ranking_of(contract, ASKED, 0))
        or is_open(arena, ranking_of(contract, ASKED, 1))
        or is_open(arena, ranking_of(contract, PAIRED, 0))
        or is_open(arena, ranking_of(contract, PAIRED, 1))
    )


@cold
def place_position(arena, contract, position, notional, equity, maintenance, is_paired):
    """Take a position out of the rankings that it is in, maybe of the other side, and let it into
    those in which it now belongs, if they are open."""
    take_out(arena, entry_of(position, ASKED))
    take_out(arena, entry_of(position, PAIRED))
    lots = POSITION(arena, position).lots + 0
    if lots == 0:
        return 0
    asked = ranking_of(contract, ASKED, 1 if lots > 0 else 0)
    if is_open(arena, asked):
        write_asked(arena, contract, position, notional, equity)
        enter_ranking(arena, asked, entry_of(position, ASKED))
    paired = ranking_of(contract, PAIRED, 1 if lots > 0 else 0)
    if is_paired == 1 and is_open(arena, paired):
        write_paired(arena, position, equity, maintenance)
        enter_ranking(arena, paired, entry_of(position, PAIRED))
    return 0


@cold
def place_account(arena, account, equity, maintenance):
    """Give an account that has been valued its places in all rankings that are open."""
    notional = compute_notional(arena, account)
    paired = find_paired(arena, account, equity, maintenance)
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        contract = contract_of(arena, account, position, k)
        if is_any_open(arena, contract):
            is_paired = 1 if position == paired else 0
            place_position(
                arena, contract, position, notional, equity, maintenance, is_paired
            )
        k += 1
        position = next_position(arena, account, position, k)
    return 0


@cold
def value_changed(arena):
    """Value every account that changed since it was last valued: it gets its bands, and its places
    in the rankings that are open."""
    engine = ENGINE(arena, 0)
    for k in range(engine.dirty):
        account = DIRTY_ACCOUNT(arena, k).slot + 0
        ACCOUNT(arena, account).flags &= ~DIRTY
        equity, maintenance = value_whole(arena, account)
        set_bands(arena, account, equity, maintenance)
        if engine.rankings_open > 0:
            place_account(arena, account, equity, maintenance)
    engine.dirty = 0
    return 0


@cold
def enter_holders(arena, ranking, contract, is_long):
    """Let in all holders of a side, as candidates."""
    for k in range(CONTRACT(arena, contract).holders):
        position = holder_at(arena, contract, k) + 0
        if (POSITION(arena, position).lots > 0) == (is_long == 1):
            account = POSITION(arena, position).account + 0
            notional = compute_notional(arena, account)
            write_asked(arena, contract, position, notional, compute_equity(arena, account))
            enter_ranking(arena, ranking, entry_of(position, ASKED))
    return 0


@cold
def enter_paired(arena, ranking, contract, is_long, account):
    """Let in an account in liquidation if its next step would close lots of this side of the
    contract."""
    equity, maintenance = value_whole(arena, account)
    position = find_paired(arena, account, equity, maintenance)
    if position == NONE or POSITION_EXTRA(arena, position).contract != contract:
        return 0
    if (POSITION(arena, position).lots > 0) == (is_long == 1):
        write_paired(arena, position, equity, maintenance)
        enter_ranking(arena, ranking, entry_of(position, PAIRED))
    return 0


@cold
def open_ranking(arena, contract, kind, is_long):
    """A side's ranking at present values: made at its first use, then brought up to date."""
    engine = ENGINE(arena, 0)
    if engine.clock_ns > engine.rankings_until_ns:
        void_rankings(arena)
    value_changed(arena)
    ranking = ranking_of(contract, kind, is_long)
    if is_open(arena, ranking):
        return ranking
    RANKING(arena, ranking).stamp = engine.ranking
    RANKING(arena, ranking).root = NONE
    engine.rankings_open += 1
    if kind == ASKED:
        enter_holders(arena, ranking, contract, is_long)
    else:
        for k in range(engine.liquidations):
            enter_paired(arena, ranking, contract, is_long, LIQUIDATION(arena, k).slot)
        for k in range(engine.cooling):
            enter_paired(arena, ranking, contract, is_long, COOLING(arena, k).slot)
    return ranking
