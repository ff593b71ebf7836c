"""Which opposite holders close a position that neither book nor fund could take (9.7).

Here is what the three modes share, the candidates with their affordable lots and the charges of
those lots, and the default mode; `deleveraging_queue.py` and `deleveraging_pro_rata.py` are the
others, `deleveraging_modes.py` chooses.

Leverage-draining: lot by lot, the holder with the highest portfolio notional / equity first, ties
by account id. The result is that of single lots but not their cost: while the charge per lot stays
the same a holder's leverage moves in one direction, so the level that all lots reach, and then the
end of each run of lots for which one holder stays first, are found by bisection.
"""

from engine.kernel import cold, kernel
from engine.schema.bounds import LOTS_MAX
from engine.state.access import (
    ACCOUNT,
    CANDIDATE,
    CANDIDATE_HEAP,
    CHOSEN,
    CONTRACT,
    ENGINE,
    POSITION,
)
from engine.state.arithmetic import absolute, is_ratio_above
from engine.state.layout import NEGATIVE
from risk.accounts import holder_at
from risk.margin import compute_equity, compute_notional

# Once holders are drained to one leverage they take turns lot by lot. Beyond this many lots a
# candidate, finding the level that all lots reach (some 1,200 comparisons a candidate) costs less.
LEVEL_FROM_LOTS = 64
LEVEL_ONE = 2**40  # a leverage of 1 on the scale on which levels are found
LEVEL_BITS = 62

EVERYBODY = 0  # no account flag excludes a holder
SOLVENT = NEGATIVE  # the flag that excludes accounts below zero: debtors themselves


@kernel
def is_before(arena, notional, equity, account, other):
    """Whether a holder with these values comes before candidate `other`."""
    b = CANDIDATE(arena, other)
    if is_ratio_above(notional, equity, b.notional, b.equity):
        return True
    if is_ratio_above(b.notional, b.equity, notional, equity):
        return False
    return account < b.account


@kernel
def find_first_child(arena, root, count):
    """The child of a heap node that comes first."""
    child = 2 * root + 1
    if child + 1 < count:
        right = CANDIDATE(arena, CANDIDATE_HEAP(arena, child + 1).slot)
        left_slot = CANDIDATE_HEAP(arena, child).slot
        if is_before(arena, right.notional, right.equity, right.account, left_slot):
            return child + 1
    return child


@cold
def sift_candidate(arena, root):
    """Move the candidate at `root` down the heap to where its leverage belongs."""
    count = ENGINE(arena, 0).candidates
    moving = CANDIDATE_HEAP(arena, root).slot + 0
    a = CANDIDATE(arena, moving)
    while 2 * root + 1 < count:
        child = find_first_child(arena, root, count)
        if is_before(arena, a.notional, a.equity, a.account, CANDIDATE_HEAP(arena, child).slot):
            break
        CANDIDATE_HEAP(arena, root).slot = CANDIDATE_HEAP(arena, child).slot
        root = child
    CANDIDATE_HEAP(arena, root).slot = moving
    return 0


@cold
def collect_candidates(arena, contract, lots, excluded_flags):
    """List the holders opposite to signed `lots`, without those that carry an excluded flag."""
    engine = ENGINE(arena, 0)
    terms = CONTRACT(arena, contract)
    engine.candidates = 0
    engine.chosen = 0
    for k in range(terms.holders):
        position = holder_at(arena, contract, k)
        held = POSITION(arena, position)
        if (held.lots > 0) == (lots > 0):
            continue
        if ACCOUNT(arena, held.account).flags & excluded_flags:
            continue
        candidate = CANDIDATE(arena, engine.candidates)
        candidate.account = held.account
        candidate.position = position
        candidate.notional = compute_notional(arena, held.account)
        candidate.equity = compute_equity(arena, held.account)
        candidate.lots_left = absolute(held.lots)
        candidate.lots_taken = 0
        candidate.given_up = 0
        candidate.charge = 0
        CANDIDATE_HEAP(arena, engine.candidates).slot = engine.candidates
        engine.candidates += 1
    return engine.candidates


@cold
def drop_first(arena):
    """Take the first candidate out of the heap for good."""
    engine = ENGINE(arena, 0)
    engine.candidates -= 1
    CANDIDATE_HEAP(arena, 0).slot = CANDIDATE_HEAP(arena, engine.candidates).slot
    if engine.candidates > 0:
        sift_candidate(arena, 0)
    return 0


@cold
def compute_run(arena, lots_max, lot_value, given_each):
    """How many lots in a row the first candidate takes before another comes first."""
    count = ENGINE(arena, 0).candidates
    if count == 1:
        return lots_max
    first = CANDIDATE(arena, CANDIDATE_HEAP(arena, 0).slot)
    second = CANDIDATE_HEAP(arena, find_first_child(arena, 0, count)).slot
    low = 1
    high = lots_max
    while low < high:
        middle = (low + high + 1) // 2
        notional = first.notional - (middle - 1) * lot_value
        equity = first.equity - (middle - 1) * given_each
        if is_before(arena, notional, equity, first.account, second):
            low = middle
        else:
            high = middle - 1
    return low


@cold
def count_lots_above(arena, slot, level, lots_max, lot_value, given_each):
    """How many of a candidate's next lots it gives while its leverage stands above a level.

    Its leverage moves in one direction, so if the first lot is above, the last such one is found
    by bisection.
    """
    candidate = CANDIDATE(arena, slot)
    low = 0
    high = lots_max
    if lots_max <= 0 or not is_ratio_above(
        candidate.notional, candidate.equity, level, LEVEL_ONE
    ):
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        notional = candidate.notional - (middle - 1) * lot_value
        equity = candidate.equity - (middle - 1) * given_each
        if is_ratio_above(notional, equity, level, LEVEL_ONE):
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def compute_lots_max(arena, slot, lots, given_each, must_afford):
    """The most lots of `lots` that a candidate holds and can afford."""
    candidate = CANDIDATE(arena, slot)
    lots_max = min(candidate.lots_left, lots)
    if must_afford == 1 and given_each > 0:
        lots_max = min(lots_max, candidate.equity // given_each)
    return lots_max


@cold
def count_all_above(arena, level, lots, lot_value, given_each, must_afford):
    """The lots of all candidates above a level; stops counting beyond `lots`."""
    above = 0
    k = 0
    while k < ENGINE(arena, 0).candidates and above <= lots:
        slot = CANDIDATE_HEAP(arena, k).slot
        lots_max = compute_lots_max(arena, slot, LOTS_MAX, given_each, must_afford)
        above += count_lots_above(arena, slot, level, lots_max, lot_value, given_each)
        k += 1
    return above


@cold
def find_level(arena, lots, lot_value, given_each, must_afford):
    """The lowest leverage above which the candidates' lots are not more than `lots`.

    -1 when even above the scale's top there are more: next to nothing stands behind those lots
    (equity 0 is above every level), and they go run by run.
    """
    low = 0
    high = 1 << LEVEL_BITS
    if count_all_above(arena, high, lots, lot_value, given_each, must_afford) > lots:
        return -1
    while low < high:
        middle = (low + high) // 2
        if count_all_above(arena, middle, lots, lot_value, given_each, must_afford) <= lots:
            high = middle
        else:
            low = middle + 1
    return low


@kernel
def find_charge(lots, charge, done):
    """(what the next lot bears, how many lots from it on bear as much) once so many are done.

    Each lot bears the same share of a charge, the last ones a unit more. Sizes: a negative charge
    is what the holders receive.
    """
    each = absolute(charge) // lots
    rest_from = lots - (absolute(charge) - each * lots)
    if done < rest_from:
        return each, rest_from - done
    return each + 1, lots - done


@kernel
def compute_given(charge, charge_each, gain_cap):
    """What a holder gives up for a lot that bears so much: never more than the lot has gained."""
    return min(charge_each, gain_cap) if charge >= 0 else -charge_each


@kernel
def record_lots(arena, slot, lots, given_each, charge_each):
    """Write down with a candidate the lots that it gives at these amounts a lot."""
    engine = ENGINE(arena, 0)
    candidate = CANDIDATE(arena, slot)
    if candidate.lots_taken == 0:
        CHOSEN(arena, engine.chosen).slot = slot
        engine.chosen += 1
    candidate.lots_taken += lots
    candidate.lots_left -= lots
    candidate.given_up += lots * given_each
    candidate.charge += lots * charge_each
    candidate.equity -= lots * given_each


@cold
def take_from_candidate(arena, slot, lots, done, asked, charge, gain_cap, must_afford):
    """Ask one candidate for the next so many of `lots`, of which some are done: it gives what it
    holds and can afford, lot by lot as their charges come. Returns the lots it gave."""
    sign = 1 if charge >= 0 else -1
    taken = 0
    while taken < asked:
        charge_each, region_lots = find_charge(lots, charge, done + taken)
        given_each = compute_given(charge, charge_each, gain_cap)
        run = compute_lots_max(
            arena, slot, min(region_lots, asked - taken), given_each, must_afford
        )
        if run <= 0:
            break
        record_lots(arena, slot, run, given_each, charge_each * sign)
        taken += run
    return taken


@kernel
def take_lots(arena, slot, lots, lot_value, given_each, charge_each):
    """Let the candidate, who is first, take lots at these amounts a lot."""
    record_lots(arena, slot, lots, given_each, charge_each)
    candidate = CANDIDATE(arena, slot)
    candidate.notional -= lots * lot_value
    if candidate.lots_left == 0:
        drop_first(arena)
    else:
        sift_candidate(arena, 0)


@cold
def level_candidates(arena, lots, lot_value, given_each, charge_each, must_afford):
    """Take at once every lot above the level that `lots` reaches; returns the lots taken.

    The result is that of single lots: whoever is first takes all of its lots above the level, and
    lots of one amount come in the order of leverage whoever gives them.
    """
    level = find_level(arena, lots, lot_value, given_each, must_afford)
    done = 0
    if level < 0:
        return 0
    while ENGINE(arena, 0).candidates > 0:
        slot = CANDIDATE_HEAP(arena, 0).slot + 0
        if not is_ratio_above(
            CANDIDATE(arena, slot).notional, CANDIDATE(arena, slot).equity, level, LEVEL_ONE
        ):
            break
        lots_max = compute_lots_max(arena, slot, LOTS_MAX, given_each, must_afford)
        above = count_lots_above(arena, slot, level, lots_max, lot_value, given_each)
        if above == 0:
            drop_first(arena)  # it can't afford its next lot
            continue
        take_lots(arena, slot, above, lot_value, given_each, charge_each)
        done += above
    return done


@cold
def drain_lots(arena, contract, lots, charge, gain_cap, must_afford):
    """Spread `lots` with their charge over the candidates; returns the lots that found a taker.

    charge > 0: lot by lot the holders give it up, at most `gain_cap` each; charge < 0: they
    receive it. With `must_afford` 1 a holder whose next lot would take it below zero is out.
    Results stand in the candidates, in the order of CHOSEN.
    """
    engine = ENGINE(arena, 0)
    terms = CONTRACT(arena, contract)
    lot_value = terms.mark_size + 0
    sign = 1 if charge >= 0 else -1
    done = 0
    levelled_each = -1
    for k in range(engine.candidates // 2 - 1, -1, -1):
        sift_candidate(arena, k)
    while done < lots and engine.candidates > 0:
        charge_each, region_lots = find_charge(lots, charge, done)
        given_each = compute_given(charge, charge_each, gain_cap)
        if charge_each != levelled_each and region_lots > LEVEL_FROM_LOTS * engine.candidates:
            levelled_each = charge_each
            done += level_candidates(
                arena, region_lots, lot_value, given_each, charge_each * sign, must_afford
            )
            continue
        slot = CANDIDATE_HEAP(arena, 0).slot + 0
        lots_max = compute_lots_max(arena, slot, region_lots, given_each, must_afford)
        if lots_max <= 0:
            drop_first(arena)
            continue
        run = compute_run(arena, lots_max, lot_value, given_each)
        take_lots(arena, slot, run, lot_value, given_each, charge_each * sign)
        done += run
    return done
