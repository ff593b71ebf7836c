"""Leverage-draining deleveraging (9.7) against its definition: one lot at a time, in fractions."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.schema.bounds import LOTS_MAX
from tests.rules.story import BUY, PERCENT, SELL, A, B, H, Story, contract, named

START, RICH = 1_000, 10**12
HOLDERS = range(B, H)


def take_lot_by_lot(holders, lots, charge, fall, mark):
    """[(account, lots, given up)] in the order of first choice; holders: account -> (lots, equity).

    The charge is spread evenly, the last lots bearing one unit more; a lot costs its holder at
    most what the mark's fall gave it.
    """
    each, more = divmod(charge, lots)
    left = {account: [held, equity] for account, (held, equity) in holders.items()}
    taken: dict[int, list[int]] = {}
    for done in range(lots):
        given = min(each + (done >= lots - more), fall)
        able = [a for a, (held, equity) in left.items() if held > 0 and equity >= given]
        for account in set(left) - set(able):
            del left[account]  # skipped for good
        if not able:
            break

        def rank(account):
            held, equity = left[account]
            leverage = Fraction(held * mark, equity) if equity else Fraction(LOTS_MAX * RICH)
            return -leverage, account

        first = min(able, key=rank)
        left[first][0] -= 1
        left[first][1] -= given
        mine = taken.setdefault(first, [0, 0])
        mine[0] += 1
        mine[1] += given
    return [(account, *mine) for account, mine in taken.items()]


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    lots=st.integers(1, 1_500),
    fall=st.integers(1, 300),
    short_of=st.integers(0, 1_000),
)
def test_rule_9_7_lots_go_one_by_one_to_the_highest_leverage(data, lots, fall, short_of):
    story = Story(contract(initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT))
    story.open(H, RICH)
    story.open(A, max(lots * START // 50, lots * fall * (1_000 - short_of) // 1_000))
    holders = {}
    story.price(START)
    for account in HOLDERS:
        held = data.draw(st.integers(0, 900), label="lots")
        # few shares of the notional make ties likely; with next to nothing beside what the fall
        # gave it, what a lot costs is much of a holder's equity
        cash = held * START * data.draw(st.sampled_from((2, 3, 10, 50)), label="per cent") // 100
        story.open(account, cash)
        if held:
            story.order(account, SELL, held, START)
            story.order(H, BUY, held, START)
            holders[account] = (held, cash + held * fall)
    story.order(H, SELL, lots, START)
    story.order(A, BUY, lots, START)
    cash = story.cash(A)
    if sum(held for held, _ in holders.values()) < lots or story.lots(H) < 0:
        return
    events = story.price(START - fall)
    charge = lots * fall - cash
    if charge < 0:
        return
    moved = [
        (event.values["counterparty"], event.values["lots"], event.values["given_up"])
        for event in named(events, "position_deleveraged", A)
    ]
    assert moved == take_lot_by_lot(holders, lots, charge, fall, START - fall)
