"""Deleveraging pro rata: every opposite holder gives the same share of its lots (9.7).

By account id, with running remainders. What a holder can't afford of its share is asked of those
who still can, round by round.
"""

from engine.kernel import cold
from engine.schema.vocabulary import NONE
from engine.state.access import CANDIDATE, CANDIDATE_ORDER, POSITION
from engine.state.arithmetic import multiply_divide
from risk.accounts import find_next_holder
from risk.deleveraging import take_from_candidate, write_candidate
from risk.margin import compute_equity


@cold
def list_holders(arena, contract, is_long):
    """List all holders of a side by account id, as candidates; returns how many they are."""
    count = 0
    position = find_next_holder(arena, contract, NONE)
    while position != NONE:
        account = POSITION(arena, position).account + 0
        if (POSITION(arena, position).lots > 0) == (is_long == 1):
            write_candidate(arena, position, compute_equity(arena, account))
            CANDIDATE_ORDER(arena, count).slot = position
            count += 1
        position = find_next_holder(arena, contract, account)
    return count


@cold
def count_lots_left(arena, count):
    """The lots of the candidates that are still in: who is out has none left to be asked for."""
    held = 0
    for k in range(count):
        held += CANDIDATE(arena, CANDIDATE_ORDER(arena, k).slot).lots_left
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
    for k in range(count):
        position = CANDIDATE_ORDER(arena, k).slot + 0
        held = CANDIDATE(arena, position).lots_left + 0
        if held == 0:
            continue
        asked = multiply_divide(asked_left, held, held_left)
        asked_left -= asked
        held_left -= held
        taken = take_from_candidate(
            arena, position, lots, done + given, asked, charge, gain_cap, must_afford
        )
        if taken < min(asked, held):
            CANDIDATE(arena, position).lots_left = 0
        given += taken
    return given


@cold
def take_pro_rata(arena, contract, is_long, lots, charge, gain_cap, must_afford):
    """Spread `lots` over the candidates by their lots; returns the lots that found a taker.

    It ends with a round in which nobody gave a lot nor fell out.
    """
    count = list_holders(arena, contract, is_long)
    done = 0
    held = 0
    held_left = count_lots_left(arena, count)
    while done < lots and held != held_left:
        held = held_left
        done += run_round(arena, count, lots, done, charge, gain_cap, must_afford)
        held_left = count_lots_left(arena, count)
    return done
