"""Due work: staleness, auctions, what lapses, samples, funding, the longest freeze, slices of the
fund's positions, at their times (2.6 b).

`engine.due_ns` is the earliest due time of all contracts, so a command that finds nothing due pays
one comparison. `due_times.py` says which work comes next.
"""

from engine.book.depth import compute_impact
from engine.kernel import cold
from engine.schema import events
from engine.schema.vocabulary import (
    BUY,
    NONE,
    SELL,
    STATE_FROZEN,
    WHY_SOURCES,
)
from engine.state.access import CONTRACT, ENGINE, POSITION, TIMER
from engine.state.events import emit
from engine.trading_state import KEPT, SAMPLED, is_one_of
from engine.transition.auctions import end_auction, publish_indicative
from engine.transition.cancelling import do_timer
from engine.transition.collateral import do_asset_item, step_unlicensed
from engine.transition.due_times import (
    AUCTION_END,
    FREEZE_END,
    INDICATIVE,
    NO_WORK,
    PROFESSIONAL_END,
    REFERENCE_END,
    SAMPLE,
    SLICE,
    STALE,
    find_due_asset,
    find_due_contract,
    kind_of_timer,
    next_of,
    next_of_asset,
    note_due,
)
from engine.transition.eligibility import end_professional, lapse_reference
from engine.transition.orders import cancel_linked
from engine.transition.settling import settle_frozen
from engine.transition.states import enter_state
from engine.transition.waterfall import supervise_step
from engine.transition.work_back import work_slice
from funding.mark import forget_market
from funding.premium import sample_index, sample_premium, skip_sample
from funding.rate import (
    compute_growth,
    compute_rate_due,
    must_rebase,
    publish_funding,
    rebase_index,
)
from risk.accounts import find_next_holder, find_position, next_account
from risk.bands import shift_bands
from risk.collateral_prices import note_licences
from risk.eligibility import note_reference
from risk.ledger import settle_funding
from risk.settlement import cover_if_short
from risk.step import begin_step, enter_step
from risk.supervision import drain_suspects


@cold
def settle_holders(arena, contract):
    """Settle every holder of a contract, by account id, before its index is rebased."""
    position = find_next_holder(arena, contract, NONE)
    while position != NONE:
        account = POSITION(arena, position).account + 0
        settle_funding(arena, account, contract, position)
        cover_if_short(arena, account)
        position = find_next_holder(arena, contract, account)
    return 0


@cold
def do_funding(arena, contract, now_ns):
    """One funding interval: rate, growth of the index, supervision (7.2-7.4)."""
    terms = CONTRACT(arena, contract)
    due_ns = terms.funding_next_ns
    if now_ns - due_ns > terms.funding_late_ns:
        emit(arena, events.FUNDING_LATE, contract, 0, due_ns, now_ns - due_ns, 0, 0, 0, 0)
    rate_ppb = compute_rate_due(arena, contract)
    growth = compute_growth(arena, contract, rate_ppb)
    if must_rebase(arena, contract, growth) == 1:
        settle_holders(arena, contract)
        rebase_index(arena, contract)
        account = next_account(arena, NONE)
        while account != NONE:
            position = find_position(arena, account, contract)
            if position != NONE:
                POSITION(arena, position).funding_index = 0
            account = next_account(arena, account)
    publish_funding(arena, contract, rate_ppb, growth)
    begin_step(arena)
    if growth != 0:
        shift_bands(arena, contract, growth)
        enter_step(arena, contract, -growth)
        supervise_step(arena)
    return 0


@cold
def freeze_contract(arena, contract):
    """Too few healthy sources: no new risk, no liquidation, no accrual until a fresh mark (5.4)."""
    terms = CONTRACT(arena, contract)
    terms.frozen_from_ns = ENGINE(arena, 0).clock_ns
    forget_market(arena, contract)
    terms.held = 0
    terms.state_kept = terms.state if is_one_of(KEPT, terms.state) else STATE_FROZEN
    enter_state(arena, contract, STATE_FROZEN, WHY_SOURCES)
    return 0


@cold
def do_sample(arena, contract):
    """Sample the premium out of the book; while the mark is held or nothing can trade the sample is
    skipped (6.2). The index is kept at each."""
    terms = CONTRACT(arena, contract)
    sample_index(arena, contract)
    if is_one_of(SAMPLED, terms.state) and terms.held == 0:
        bid_value = compute_impact(arena, contract, BUY)
        bid_lots = ENGINE(arena, 0).impact_lots
        ask_value = compute_impact(arena, contract, SELL)
        ask_lots = ENGINE(arena, 0).impact_lots
        sample_premium(arena, contract, bid_value, bid_lots, ask_value, ask_lots)
    else:
        skip_sample(arena, contract)
    terms.sample_next_ns += terms.funding_sample_ns
    return 0


@cold
def do_item(arena, contract, kind, now_ns):
    if kind == STALE:
        return freeze_contract(arena, contract)
    if kind == AUCTION_END:
        return end_auction(arena, contract)
    if kind == INDICATIVE:
        return publish_indicative(arena, contract)
    if kind == REFERENCE_END:
        return lapse_reference(arena, contract)
    if kind == SAMPLE:
        return do_sample(arena, contract)
    if kind == FREEZE_END:
        return settle_frozen(arena)
    if kind == SLICE:
        return work_slice(arena, contract)
    return do_funding(arena, contract, now_ns)


@cold
def note_references(arena, now_ns):
    """The clock is set for the first time: what has lapsed by then did so before there was anybody
    to tell (3.3, 10.3)."""
    engine = ENGINE(arena, 0)
    engine.clock_ns = now_ns
    for contract in range(1, engine.contracts + 1):
        note_reference(arena, contract)
    note_licences(arena)
    return step_unlicensed(arena)


@cold
def do_due_work(arena, now_ns):
    """Do everything due at or before `now_ns`, by time, then kind, then id."""
    engine = ENGINE(arena, 0)
    if engine.clock_ns == 0:
        note_references(arena, now_ns)
    note_due(arena)  # the time at hand may be that of a timer which is gone
    while engine.due_ns != 0 and engine.due_ns <= now_ns:
        engine.clock_ns = max(engine.clock_ns, engine.due_ns)  # a slice may come late (9.6)
        contract = find_due_contract(arena, engine.due_ns)
        kind = NO_WORK
        if contract != NONE:
            _, kind = next_of(arena, contract)
        timer_kind = kind_of_timer(arena, engine.due_ns)
        if timer_kind < kind and timer_kind == PROFESSIONAL_END:
            end_professional(arena, TIMER(arena, 0).slot + 0)
        elif timer_kind < kind:
            do_timer(arena)
        elif kind == NO_WORK:
            asset = find_due_asset(arena, engine.due_ns)
            _, kind = next_of_asset(arena, asset)
            do_asset_item(arena, asset, kind)
        else:
            do_item(arena, contract, kind, now_ns)
        cancel_linked(arena, NONE)
        drain_suspects(arena)
        note_due(arena)
    return 0
