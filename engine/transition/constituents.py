"""What an operator changes in a contract's prices: constituents, the sample clock (6.1, 7.1)."""

from engine.kernel import cold, kernel
from engine.schema import bounds, events, refusals
from engine.schema.vocabulary import SOURCE_PERPETUAL, STATE_FROZEN
from engine.state.access import ASSET, CONTRACT, SOURCE
from engine.state.arithmetic import multiply_divide
from engine.state.events import emit
from engine.trading_state import LIFELESS, is_one_of
from engine.transition.due import freeze_contract
from engine.transition.due_times import note_due
from funding.index import asset_at, compute_basket
from funding.premium import compute_sample_time
from funding.sources import source_at
from risk.accounts import is_listed


@kernel
def check_constituent(arena, contract, asset, units_ppb):
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    if asset < 0 or asset >= CONTRACT(arena, contract).assets:
        return refusals.ASSET_UNKNOWN
    if units_ppb < 1 or units_ppb > bounds.UNITS_PPB_MAX:
        return refusals.UNITS_INVALID
    return refusals.OK


@cold
def change_constituent(arena, contract, asset, units_ppb):
    """Weigh a basket anew; the divisor follows, rounded down, so that the level stays. It has no
    upper bound to meet: the index is at least 1, so it is at most what the basket is worth."""
    code = check_constituent(arena, contract, asset, units_ppb)
    if code != refusals.OK:
        return code
    terms = CONTRACT(arena, contract)
    if terms.state == STATE_FROZEN or is_one_of(LIFELESS, terms.state):
        return refusals.INDEX_MISSING
    changed = ASSET(arena, asset_at(contract, asset))
    before = compute_basket(arena, contract)
    after = before + (units_ppb - changed.units_ppb) * changed.price_ticks
    divisor_ppb = multiply_divide(after, terms.divisor_ppb, before)
    if divisor_ppb < 1 or after // divisor_ppb != terms.index_ticks:
        return refusals.UNITS_INVALID  # too coarse a divisor to keep the level
    # From here the change stands; nothing below may refuse.

    changed.units_ppb = units_ppb
    terms.divisor_ppb = divisor_ppb
    emit(
        arena, events.CONSTITUENT_CHANGED, contract, 0, asset, units_ppb, divisor_ppb, 0, 0, 0
    )  # fmt: skip
    return refusals.OK


@cold
def redenominate_constituent(arena, contract, asset, units_ppb):
    """Count a constituent in other units from now on: its old prices are void, so the contract
    waits frozen until enough sources speak the new ones."""
    code = check_constituent(arena, contract, asset, units_ppb)
    if code != refusals.OK:
        return code
    terms = CONTRACT(arena, contract)
    if is_one_of(LIFELESS, terms.state):
        return refusals.INDEX_MISSING
    # From here the change stands; nothing below may refuse.

    for k in range(terms.sources):
        source = SOURCE(arena, source_at(contract, k))
        if source.asset == asset and source.kind != SOURCE_PERPETUAL:
            source.price_ticks = 0
            source.time_ns = 0
            source.back_ns = 0
            source.out = 0
    ASSET(arena, asset_at(contract, asset)).units_ppb = units_ppb
    emit(
        arena, events.CONSTITUENT_REDENOMINATED, contract, 0, asset, units_ppb, 0, 0, 0, 0
    )  # fmt: skip
    if terms.state != STATE_FROZEN:
        freeze_contract(arena, contract)
        note_due(arena)
    return refusals.OK


@cold
def set_sample_clock(arena, contract, seed):
    """Draw the offset of the samples from a seed, so that nobody knows when to bend the book."""
    if not is_listed(arena, contract):
        return refusals.CONTRACT_UNKNOWN
    if seed < 0 or seed > bounds.SEED_MAX:
        return refusals.SEED_INVALID
    # From here the clock stands; nothing below may refuse.

    terms = CONTRACT(arena, contract)
    terms.funding_sample_offset_ns = seed % terms.funding_sample_ns
    emit(
        arena, events.SAMPLE_CLOCK_SET, contract, 0,
        terms.funding_sample_offset_ns, 0, 0, 0, 0, 0,
    )  # fmt: skip
    if terms.state != STATE_FROZEN and not is_one_of(LIFELESS, terms.state):
        # never earlier than the one that was next: an interval has no more samples than listing
        # has counted on (1.3)
        terms.sample_next_ns = compute_sample_time(terms, terms.sample_next_ns - 1)
        note_due(arena)
    return refusals.OK
