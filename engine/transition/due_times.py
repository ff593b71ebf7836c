"""When the next due work comes, of which kind, and whose it is (2.6 b)."""

from engine.book.timers import next_timer_ns
from engine.kernel import cold, kernel
from engine.schema.bounds import TIME_NS_MAX
from engine.schema.vocabulary import NONE, STATE_FROZEN
from engine.state.access import COLLATERAL, CONTRACT, ENGINE, TIMER
from engine.state.layout import TIMER_EXPIRY, TIMER_PROFESSIONAL
from engine.trading_state import LIFELESS, is_one_of
from engine.transition.settling import freeze_end_of
from risk.eligibility import has_lapsed

# Kinds of due work, in the order in which they come at one time
STALE = 1
AUCTION_END = 2
INDICATIVE = 3
EXPIRY = 4
HEARTBEAT = 5
PROFESSIONAL_END = 6
REFERENCE_END = 7
SAMPLE = 8
FUNDING = 9
FREEZE_END = 10
SLICE = 11
LICENCE_END = 12
HAIRCUT_RISE = 13
SILENCE = 14
NO_WORK = 15
NEVER = TIME_NS_MAX + 1


@kernel
def reference_end_of(terms):
    """When the contract's reference asset will lapse, in whatever state the contract is (3.3)."""
    if terms.reference_until_ns == 0 or has_lapsed(terms):
        return NEVER
    return terms.reference_until_ns + 0


@kernel
def next_of(arena, contract):
    """(due time, kind) of the contract's earliest work. A frozen contract's is the end of the
    longest freeze, if it has been open before; one that has settled, or is not live, has none; the
    end of the reference asset comes in either. A slice of the fund's waits for the end of a freeze:
    its time may be past then."""
    terms = CONTRACT(arena, contract)
    reference_ns = reference_end_of(terms)
    if terms.state == STATE_FROZEN or is_one_of(LIFELESS, terms.state):
        if terms.state == STATE_FROZEN and terms.opened == 1:
            end_ns = freeze_end_of(terms)
            if end_ns < reference_ns:
                return end_ns, FREEZE_END
        return reference_ns, REFERENCE_END if reference_ns != NEVER else NO_WORK
    due_ns = terms.stale_ns
    kind = STALE
    if terms.auction_end_ns != 0 and terms.auction_end_ns < due_ns:
        due_ns = terms.auction_end_ns
        kind = AUCTION_END
    if terms.auction_next_ns != 0 and terms.auction_next_ns < due_ns:
        due_ns = terms.auction_next_ns
        kind = INDICATIVE
    if reference_ns < due_ns:
        due_ns = reference_ns
        kind = REFERENCE_END
    if terms.sample_next_ns < due_ns:
        due_ns = terms.sample_next_ns
        kind = SAMPLE
    if terms.funding_next_ns < due_ns:
        due_ns = terms.funding_next_ns
        kind = FUNDING
    if terms.slice_next_ns != 0 and terms.slice_next_ns < due_ns:
        due_ns = terms.slice_next_ns
        kind = SLICE
    return due_ns, kind


@kernel
def next_of_asset(arena, asset):
    """(due time, kind) of the earliest work of an asset beside the pool's cash."""
    record = COLLATERAL(arena, asset)
    due_ns = NEVER
    kind = NO_WORK
    if record.licence_next_ns != 0:
        due_ns = record.licence_next_ns + 0
        kind = LICENCE_END
    if record.raise_next_ns != 0 and record.raise_next_ns < due_ns:
        due_ns = record.raise_next_ns + 0
        kind = HAIRCUT_RISE
    if record.silent_next_ns != 0 and record.silent_next_ns < due_ns:
        due_ns = record.silent_next_ns + 0
        kind = SILENCE
    return due_ns, kind


@kernel
def note_time(arena, due_ns):
    """One more due time."""
    engine = ENGINE(arena, 0)
    if engine.due_ns == 0 or due_ns < engine.due_ns:
        engine.due_ns = due_ns


@cold
def note_due(arena):
    """Set the earliest due time over timers, assets and contracts; 0 when nothing is due."""
    engine = ENGINE(arena, 0)
    engine.due_ns = next_timer_ns(arena)
    for asset in range(1, engine.collaterals + 1):
        due_ns, kind = next_of_asset(arena, asset)
        if kind != NO_WORK:
            note_time(arena, due_ns)
    for contract in range(1, engine.contracts + 1):
        due_ns, kind = next_of(arena, contract)
        if kind != NO_WORK:
            note_time(arena, due_ns)
    return 0


@cold
def find_due_contract(arena, due_ns):
    """The contract whose work comes first at a time, by kind, then id; NONE when none is due."""
    best_contract = NONE
    best_kind = NO_WORK
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        next_ns, kind = next_of(arena, contract)
        if next_ns == due_ns and kind < best_kind:
            best_contract = contract
            best_kind = kind
    return best_contract


@cold
def find_due_asset(arena, due_ns):
    """The asset whose work comes first at a time, by kind, then number; NONE when none is due."""
    best_asset = NONE
    best_kind = NO_WORK
    for asset in range(1, ENGINE(arena, 0).collaterals + 1):
        next_ns, kind = next_of_asset(arena, asset)
        if next_ns == due_ns and kind < best_kind:
            best_asset = asset
            best_kind = kind
    return best_asset


@kernel
def kind_of_timer(arena, due_ns):
    """The kind of the earliest timer if it is due at this time, beyond all kinds if not."""
    if next_timer_ns(arena) != due_ns:
        return NO_WORK
    if TIMER(arena, 0).kind == TIMER_EXPIRY:
        return EXPIRY
    return PROFESSIONAL_END if TIMER(arena, 0).kind == TIMER_PROFESSIONAL else HEARTBEAT
