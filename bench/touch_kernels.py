"""The part of a fill that settles what a position owes in funding, by itself."""

from engine.kernel import entry, kernel
from engine.state.access import CONTRACT, ENGINE, POSITION
from risk.ledger import apply_cash, settle_funding


@kernel
def touch(arena, contract, position):
    """What `settlement.settle_side` does before it books a fill."""
    held = POSITION(arena, position)
    if held.lots != 0 and held.funding_index != CONTRACT(arena, contract).funding_index:
        settle_funding(arena, held.account, contract, position)


@entry("int64(int64, int64, int64, int64)")
def touch_all(arena, contract, first, end):
    """Touch the positions of these slots; returns how many events that made."""
    engine = ENGINE(arena, 0)
    before = engine.events + 0
    for position in range(first, end):
        touch(arena, contract, position)
    return engine.events - before


@entry("int64(int64, int64, int64)")
def credit_nothing(arena, first, end):
    """Note the accounts of these positions as changed, as the fill itself does, which brings their
    lines, too."""
    for position in range(first, end):
        apply_cash(arena, POSITION(arena, position).account, 0)
    return 0
