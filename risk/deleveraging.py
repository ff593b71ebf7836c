"""Which opposite holders close a position that neither book nor fund could take (9.7).

Here is what the three modes share, the candidates with their affordable lots and the charges of
those lots, and the default mode; `deleveraging_queue.py` and `deleveraging_pro_rata.py` are the
others, `deleveraging_modes.py` chooses. Candidates are the holders of one side in their ranking
(`counterparties.py`). None of them is below zero: a debtor is paired off first with the others
below zero, until he or they have no lots left.

Leverage-draining: lot by lot, the holder with the highest portfolio notional / equity first, ties
by account id. The result is that of single lots but not their cost: while the charge per lot stays
the same a holder's leverage moves in one direction, so the level that all lots reach, and then the
end of each run of lots for which one holder stays first, are found by bisection.
"""

from engine.kernel import cold, kernel
from engine.schema.bounds import LOTS_MAX
from engine.schema.vocabulary import NONE
from engine.state.access import CANDIDATE, CHOSEN, CONTRACT, ENGINE, POSITION, RANK
from engine.state.arithmetic import absolute, is_ratio_above
from risk.accounts import holder_at
from risk.ranking import (
    ASKED,
    contract_ranked,
    enter_ranking,
    entry_of,
    find_first,
    is_key_before,
    leave_ranking,
    write_key,
)

# Once holders are drained to one leverage they take turns lot by lot. Beyond this many lots a
# candidate, finding the level that all lots reach (some 1,200 comparisons a candidate) costs less.
LEVEL_FROM_LOTS = 64
LEVEL_ONE = 2**40  # a leverage of 1 on the scale on which levels are found
LEVEL_BITS = 62


@kernel
def write_candidate(arena, position, equity):
    """A holder who has given nothing."""
    candidate = CANDIDATE(arena, position)
    candidate.equity = equity
    candidate.lots_left = absolute(POSITION(arena, position).lots)
    candidate.lots_taken = 0
    candidate.given_up = 0
    candidate.charge = 0


@cold
def compute_run(arena, first, second, lots_max, lot_value, given_each):
    """How many lots in a row the first candidate takes before the second one comes first."""
    if second == NONE:
        return lots_max
    rank = RANK(arena, first)
    low = 1
    high = lots_max
    while low < high:
        middle = (low + high + 1) // 2
        notional = rank.over - (middle - 1) * lot_value
        equity = rank.under - (middle - 1) * given_each
        if is_key_before(arena, notional, equity, first, second):
            low = middle
        else:
            high = middle - 1
    return low


@cold
def count_lots_above(arena, position, level, lots_max, lot_value, given_each):
    """How many of a candidate's next lots it gives while its leverage stands above a level.

    Its leverage moves in one direction, so if the first lot is above, the last such one is found
    by bisection.
    """
    rank = RANK(arena, entry_of(position, ASKED))
    low = 0
    high = lots_max
    if lots_max <= 0 or not is_ratio_above(rank.over, rank.under, level, LEVEL_ONE):
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        notional = rank.over - (middle - 1) * lot_value
        equity = rank.under - (middle - 1) * given_each
        if is_ratio_above(notional, equity, level, LEVEL_ONE):
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def compute_lots_max(arena, position, lots, given_each, must_afford):
    """The most lots of `lots` that a candidate holds and can afford."""
    candidate = CANDIDATE(arena, position)
    lots_max = min(candidate.lots_left, lots)
    if must_afford == 1 and given_each > 0:
        lots_max = min(lots_max, candidate.equity // given_each)
    return lots_max


@cold
def count_all_above(arena, contract, is_long, level, lots, lot_value, given_each, must_afford):
    """The lots of all candidates above a level; stops counting beyond `lots`."""
    above = 0
    k = 0
    while k < CONTRACT(arena, contract).holders and above <= lots:
        position = holder_at(arena, contract, k) + 0
        if (POSITION(arena, position).lots > 0) == (is_long == 1):
            lots_max = compute_lots_max(arena, position, LOTS_MAX, given_each, must_afford)
            above += count_lots_above(arena, position, level, lots_max, lot_value, given_each)
        k += 1
    return above


@cold
def find_level(arena, contract, is_long, lots, lot_value, given_each, must_afford):
    """The lowest leverage above which the candidates' lots are not more than `lots`.

    -1 when even above the scale's top there are more: next to nothing stands behind those lots
    (equity 0 is above every level), and they go run by run.
    """
    low = 0
    high = 1 << LEVEL_BITS
    above = count_all_above(
        arena, contract, is_long, high, lots, lot_value, given_each, must_afford
    )
    if above > lots:
        return -1
    while low < high:
        middle = (low + high) // 2
        above = count_all_above(
            arena, contract, is_long, middle, lots, lot_value, given_each, must_afford
        )
        if above <= lots:
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
def record_lots(arena, position, lots, given_each, charge_each):
    """Write down with a candidate the lots that it gives at these amounts a lot."""
    engine = ENGINE(arena, 0)
    candidate = CANDIDATE(arena, position)
    if candidate.lots_taken == 0:
        CHOSEN(arena, engine.chosen).slot = position
        engine.chosen += 1
    candidate.lots_taken += lots
    candidate.lots_left -= lots
    candidate.given_up += lots * given_each
    candidate.charge += lots * charge_each
    candidate.equity -= lots * given_each


@kernel
def find_able(arena, ranking, given_each, must_afford):
    """The first entry that can afford one more lot; NONE when nobody can."""
    return find_first(arena, ranking, given_each if must_afford == 1 else 0)


@cold
def take_from_candidate(arena, position, lots, done, asked, charge, gain_cap, must_afford):
    """Ask one candidate for the next so many of `lots`, of which some are done: it gives what it
    holds and can afford, lot by lot as their charges come. Returns the lots it gave."""
    sign = 1 if charge >= 0 else -1
    taken = 0
    while taken < asked:
        charge_each, region_lots = find_charge(lots, charge, done + taken)
        given_each = compute_given(charge, charge_each, gain_cap)
        run = compute_lots_max(
            arena, position, min(region_lots, asked - taken), given_each, must_afford
        )
        if run <= 0:
            break
        record_lots(arena, position, run, given_each, charge_each * sign)
        taken += run
    return taken


@kernel
def take_lots(arena, ranking, entry, lots, lot_value, given_each, charge_each):
    """Let a candidate that was taken out of the ranking take lots at these amounts a lot. It comes
    back as what the transfer will make of it, if it has lots left."""
    position = entry // 2
    record_lots(arena, position, lots, given_each, charge_each)
    if CANDIDATE(arena, position).lots_left > 0:
        rank = RANK(arena, entry)
        equity = CANDIDATE(arena, position).equity + 0
        write_key(arena, entry, rank.over - lots * lot_value, equity, 0, equity)
        enter_ranking(arena, ranking, entry)


@cold
def level_candidates(arena, ranking, lots, lot_value, given_each, charge_each, must_afford):
    """Take at once every lot above the level that `lots` reaches; returns the lots taken.

    The result is that of single lots: whoever is first takes all of its lots above the level, and
    lots of one amount come in the order of leverage whoever gives them.
    """
    contract = contract_ranked(ranking)
    is_long = ranking & 1
    level = find_level(arena, contract, is_long, lots, lot_value, given_each, must_afford)
    done = 0
    if level < 0:
        return 0
    first = find_able(arena, ranking, given_each, must_afford)
    while first != NONE:
        lots_max = compute_lots_max(arena, first // 2, LOTS_MAX, given_each, must_afford)
        above = count_lots_above(arena, first // 2, level, lots_max, lot_value, given_each)
        if above == 0:
            break
        leave_ranking(arena, ranking, first)
        take_lots(arena, ranking, first, above, lot_value, given_each, charge_each)
        done += above
        first = find_able(arena, ranking, given_each, must_afford)
    return done


@cold
def drain_lots(arena, ranking, lots, charge, gain_cap, must_afford):
    """Spread `lots` with their charge over the candidates; returns the lots that found a taker.

    charge > 0: lot by lot the holders give it up, at most `gain_cap` each; charge < 0: they
    receive it. With `must_afford` 1 a holder whose next lot would take it below zero is passed
    over, and for good: what a lot costs only rises. Results stand in the candidates, in the order
    of CHOSEN.
    """
    terms = CONTRACT(arena, contract_ranked(ranking))
    lot_value = terms.mark_size + 0
    sign = 1 if charge >= 0 else -1
    done = 0
    levelled_each = -1
    while done < lots:
        charge_each, region_lots = find_charge(lots, charge, done)
        given_each = compute_given(charge, charge_each, gain_cap)
        if charge_each != levelled_each and region_lots > LEVEL_FROM_LOTS * terms.holders:
            levelled_each = charge_each
            done += level_candidates(
                arena, ranking, region_lots, lot_value, given_each, charge_each * sign,
                must_afford,
            )  # fmt: skip
            continue
        first = find_able(arena, ranking, given_each, must_afford)
        if first == NONE:
            break
        lots_max = compute_lots_max(arena, first // 2, region_lots, given_each, must_afford)
        leave_ranking(arena, ranking, first)
        second = find_able(arena, ranking, given_each, must_afford)
        run = compute_run(arena, first, second, lots_max, lot_value, given_each)
        take_lots(arena, ranking, first, run, lot_value, given_each, charge_each * sign)
        done += run
    return done
