"""Deleveraging pro rata: every opposite holder gives the same share of its lots (9.7).

By account id, with running remainders. What a holder can't afford of its share is asked of those
who still can, round by round.
"""

from engine.kernel import cold
from engine.state.access import CANDIDATE, CANDIDATE_HEAP, ENGINE
from engine.state.arithmetic import multiply_divide
from risk.deleveraging import take_from_candidate
from risk.ranking import pop_ranked, rank_candidates


@cold
def sort_by_account(arena):
    """Put the candidates by account id, from the last place of the heap down; returns how many."""
    count = ENGINE(arena, 0).candidates + 0
    for k in range(count):
        candidate = CANDIDATE(arena, k)
        candidate.rank = -candidate.account
    rank_candidates(arena)
    for _ in range(count):
        pop_ranked(arena)
    return count


@cold
def count_lots_left(arena, count):
    """The lots of the candidates that are still in: who is out has none left to be asked for."""
    held = 0
    for k in range(count):
        held += CANDIDATE(arena, k).lots_left
    return held


@cold
def run_round(arena, count, lots, done, charge, gain_cap, must_afford):
    """Ask every candidate once for its share of the lots that are left; returns what they gave.

    Who gives less than it holds of what it was asked for can't afford its next lot: it is out for
    good, by having no lots left.
    """
    asked_left = lots - done
    held_left = count_lots_left(arena, count)
    given = 0
    for k in range(count - 1, -1, -1):
        slot = CANDIDATE_HEAP(arena, k).slot + 0
        held = CANDIDATE(arena, slot).lots_left + 0
        if held == 0:
            continue
        asked = multiply_divide(asked_left, held, held_left)
        asked_left -= asked
        held_left -= held
        taken = take_from_candidate(
            arena, slot, lots, done + given, asked, charge, gain_cap, must_afford
        )
        if taken < min(asked, held):
            CANDIDATE(arena, slot).lots_left = 0
        given += taken
    return given


@cold
def take_pro_rata(arena, lots, charge, gain_cap, must_afford):
    """Spread `lots` over the candidates by their lots; returns the lots that found a taker.

    It ends with a round in which nobody gave a lot nor fell out.
    """
    count = sort_by_account(arena)
    done = 0
    held = 0
    held_left = count_lots_left(arena, count)
    while done < lots and held != held_left:
        held = held_left
        done += run_round(arena, count, lots, done, charge, gain_cap, must_afford)
        held_left = count_lots_left(arena, count)
    return done
