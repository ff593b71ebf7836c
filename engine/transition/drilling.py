"""What a drill does to a copy of the state (9.9): whatever fails, steps of assets, one of marks.

A mark is set where a price command would have found it; from there on everything is what a price
command does: band cancels, triggers, supervision, the waterfall, the queue. All of it writes, and
none of it is a command: these entries are for copies.
"""

from engine.kernel import entry
from engine.schema import events
from engine.schema.bounds import COLLATERAL_SOURCES_MAX, TIME_NS_MAX
from engine.schema.vocabulary import CANCEL_KILL, NONE, STATE_FROZEN
from engine.state.access import COLLATERAL, COLLATERAL_SOURCE, CONTRACT, ENGINE, POOL
from engine.state.events import emit
from engine.transition.collateral import publish_collateral
from engine.transition.due import freeze_contract
from engine.transition.due_times import note_due
from engine.transition.orders import cancel_linked, cancel_of_contract
from engine.transition.prices import close_step, work_mark
from engine.transition.step import follow_command
from funding.mark import set_mark
from risk.collateral_prices import is_silent
from risk.cover import convert_all
from risk.ledger import apply_cash
from risk.margin import compute_equity
from risk.settlement import cover_if_short
from risk.step import begin_step
from risk.supervision import note_suspect


@entry("int64(int64)")
def begin_drill(arena: int) -> int:
    """A sequence number and a step of its own, as a price command has."""
    engine = ENGINE(arena, 0)
    engine.events = 0
    engine.sequence += 1
    begin_step(arena)
    return 0


@entry("int64(int64)")
def empty_books(arena: int) -> int:
    """Depth is gone: every order of every contract is cancelled."""
    count = 0
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        count += cancel_of_contract(arena, contract, CANCEL_KILL)
    cancel_linked(arena, NONE)
    return count


@entry("int64(int64, int64)")
def silence_sources(arena: int, contract: int) -> int:
    """The contract freezes, as it does when its sources fall silent (5.4)."""
    return freeze_contract(arena, contract)


@entry("int64(int64)")
def hold_prices(arena: int) -> int:
    """From here on the sources of all other contracts, and of assets that are not silent, go on
    saying what they say: none freezes, and none falls silent, because a drill, in which time
    passes, has nobody who publishes prices."""
    for asset in range(1, ENGINE(arena, 0).collaterals + 1):
        if is_silent(arena, asset) == 0:
            COLLATERAL(arena, asset).stale_ns = TIME_NS_MAX
            COLLATERAL(arena, asset).silent_next_ns = 0
    for contract in range(1, ENGINE(arena, 0).contracts + 1):
        if CONTRACT(arena, contract).state != STATE_FROZEN:
            CONTRACT(arena, contract).stale_ns = TIME_NS_MAX
    return note_due(arena)


@entry("int64(int64, int64)")
def lose_margin(arena: int, account: int) -> int:
    """The account's margin turns out to be worth nothing: its equity is taken out of the pool. It
    enters the step at zero, so whatever the step costs it is a deficit (9.3). What it holds beside
    cash is converted first: a conversion pays more than what it takes counted for."""
    convert_all(arena, account)
    amount = max(0, compute_equity(arena, account))
    apply_cash(arena, account, -amount)
    POOL(arena, 0).deposits_net -= amount
    cover_if_short(arena, account)
    note_suspect(arena, account)  # no contract of its own needs to move
    return amount


@entry("int64(int64, int64, int64)")
def move_asset(arena: int, asset: int, price_ppb: int) -> int:
    """All sources of an asset say this price, and its step follows; what comes behind is another
    step."""
    first = asset * COLLATERAL_SOURCES_MAX
    last = COLLATERAL(arena, asset).sources + 0
    for row in range(first, first + last):
        COLLATERAL_SOURCE(arena, row).price_ppb = price_ppb
        COLLATERAL_SOURCE(arena, row).time_ns = ENGINE(arena, 0).clock_ns
    publish_collateral(arena, asset, last, price_ppb)
    begin_step(arena)
    return 0


@entry("int64(int64, int64, int64)")
def move_mark(arena: int, contract: int, mark_ticks: int) -> int:
    """One mark of the step, with the index at it; 1 when the holders must be valued."""
    terms = CONTRACT(arena, contract)
    terms.index_ticks = mark_ticks
    mark_before = terms.mark_ticks + 0
    value_before = terms.mark_value + 0
    set_mark(arena, contract, mark_ticks)
    emit(
        arena, events.MARK_PUBLISHED, contract, 0, mark_ticks, mark_ticks, 0, 0, 0, terms.held
    )  # fmt: skip
    return work_mark(arena, contract, mark_before, value_before, 0)


@entry("int64(int64, int64)")
def end_drill(arena: int, must_supervise: int) -> int:
    """Supervision with its waterfall, then suspects, the queue and fired triggers."""
    close_step(arena, must_supervise)
    return follow_command(arena)
