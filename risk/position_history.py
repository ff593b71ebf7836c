"""What a position has earned so far, for the queue of deleveraging (9.7).

A winner must not leave the queue by closing and opening anew, or by having its funding settled. So
a position carries what it has realised since it was opened, and for a while what its predecessor
in the contract had. Only pools whose mode is the queue write any of it: the others pay one branch.
"""

from engine.kernel import cold, kernel
from engine.schema.vocabulary import DELEVERAGING_QUEUE
from engine.state.access import ENGINE, POOL, POSITION, POSITION_EXTRA
from engine.state.arithmetic import clamp

# A record can sum up gains of many years that were paid out in between, so its sums end here: far
# above what any position is worth (2**53), and three of them still fit.
REALISED_MAX = 2**60


@kernel
def add_capped(realised, amount):
    return clamp(realised + amount, -REALISED_MAX, REALISED_MAX)


@kernel
def note_realised(arena, position, amount):
    """Funding settled and profit re-struck are profit that has left the entry value."""
    if POOL(arena, 0).deleveraging_mode == DELEVERAGING_QUEUE:
        extra = POSITION_EXTRA(arena, position)
        extra.realised = add_capped(extra.realised, amount)


@kernel
def compute_kept(arena, position):
    """What still counts of the profit of the positions before this one."""
    extra = POSITION_EXTRA(arena, position)
    if ENGINE(arena, 0).clock_ns - extra.kept_ns > POOL(arena, 0).deleveraging_profit_ns:
        return 0
    return extra.kept


@cold
def follow_fill(arena, position, lots_before, realised):
    """Carry a position's history over one fill: it goes on, is opened, ends, or both (a flip)."""
    lots = POSITION(arena, position).lots
    extra = POSITION_EXTRA(arena, position)
    engine = ENGINE(arena, 0)
    extra.realised = add_capped(extra.realised, realised)
    if lots_before != 0 and (lots > 0) == (lots_before > 0) and lots != 0:
        return 0
    if lots_before != 0:
        extra.kept = add_capped(compute_kept(arena, position), extra.realised)
        extra.kept_ns = engine.clock_ns
        extra.realised = 0
    extra.opened = engine.sequence if lots != 0 else 0
    return 0


@kernel
def note_fill(arena, position, lots_before, realised):
    """Follow one side of a fill or transfer, once its position has changed."""
    if POOL(arena, 0).deleveraging_mode == DELEVERAGING_QUEUE:
        follow_fill(arena, position, lots_before, realised)


@kernel
def forget_profit(arena, position):
    """A contract that has settled has no position any more whose profit could count."""
    extra = POSITION_EXTRA(arena, position)
    extra.kept = 0
    extra.kept_ns = 0
