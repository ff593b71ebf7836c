"""Modes of deleveraging: draining, queue and pro rata, and the band that a client reads (9.7).

Rates are 4% and 2%, a tick of a lot is worth 1. A fails, long; B to E are short, D or H, who are
rich, have the other side of what A does not hold.
"""

from typing import Any

import pytest

from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from tests.rules.story import (
    BUY,
    HOUR_NS,
    PERCENT,
    SELL,
    A,
    B,
    C,
    D,
    E,
    Events,
    F,
    G,
    H,
    Story,
    contract,
    named,
    only,
)

RICH = 10**6
DRAINING, QUEUE = words.DELEVERAGING_DRAINING, words.DELEVERAGING_QUEUE
PRO_RATA = words.DELEVERAGING_PRO_RATA
MODES = (DRAINING, QUEUE, PRO_RATA)


def listing(number: int = 1, maintenance_ppb: int = 2 * PERCENT, **terms: Any) -> Any:
    return contract(number, initial_ppb=4 * PERCENT, maintenance_ppb=maintenance_ppb, **terms)


def two(maintenance_ppb: int = 2 * PERCENT) -> tuple[Any, Any]:
    return listing(1, maintenance_ppb), listing(2, maintenance_ppb)


def market(mode: int, cash: dict[int, int], *listings: Any, **config: Any) -> Story:
    """Contracts (one if none is given) at a mark of 100, accounts with this cash, and H, rich."""
    story = Story(*(listings or [listing()]), deleveraging_mode=mode, **config)
    for account, amount in cash.items():
        story.open(account, amount)
    story.open(H, RICH)
    story.price(*((1, 100, 2, 100) if listings else (1, 100)))
    return story


def moved(events: Events) -> list[tuple[int, int, int]]:
    """(counterparty, lots, given up) of every deleveraging, in order."""
    names = ("counterparty", "lots", "given_up")
    rows = [event.values for event in named(events, "position_deleveraged")]
    return [tuple(row[name] for name in names) for row in rows]  # type: ignore[misc]


def history(story: Story, account: int, number: int = 1) -> tuple[int, ...]:
    """(opened, realised, kept, its time) of the account's first position record."""
    slot = story.exchange.arena.records("accounts", account + 1)[account]["position_1"]
    extra = story.exchange.arena.records("position_extras", slot + 1)[slot]
    assert extra["contract"] == number
    return tuple(int(extra[name]) for name in ("opened", "realised", "kept", "kept_ns"))


def sequence(story: Story) -> int:
    return story.exchange.pool()["sequence"]


# Who gives how many lots.


@pytest.mark.parametrize(
    ("mode", "taken"),
    [
        # B has 380 / 38 = 10, 7.5, 5, 2.5 and C 475 / 95 = 5, 4: B, B, B (a tie), C, C
        (DRAINING, [(B, 3, 0), (C, 2, 0)]),
        # both have 5 of 95, so B's rank is twice that of C: all 4 of B, then 1
        (QUEUE, [(B, 4, 0), (C, 1, 0)]),
        # floor(5 x 4 / 9) = 2, then the rest
        (PRO_RATA, [(B, 2, 0), (C, 3, 0)]),
    ],
)
def test_rule_9_7_each_mode_takes_other_lots(mode, taken):
    """A's 5 lots go at mark at 95, where it has nothing left."""
    story = market(mode, {A: 25, B: 18, C: 70})
    story.trade(A, C, 5, 100)
    story.trade(H, B, 4, 100)
    assert moved(story.price(95)) == taken
    assert (story.lots(A), story.cash(A)) == (0, 0)


@pytest.mark.parametrize(
    ("mode", "given"),
    [
        # 10 lots cost 3, 3, 3, 3, 3, 4, 4, 4, 4, 4. C has 4.5, 3.85, 3.16 (three lots), B 3 (one),
        # C 2.43, B 2.31, C 1.67, B 1.59, C 0.87, B 0.83
        (DRAINING, [(C, 6, 4 * 3 + 2 * 4), (B, 4, 3 + 3 * 4)]),
        # one share of profit, 10 / 90, and leverages of 4.5 and 3
        (QUEUE, [(C, 6, 5 * 3 + 4), (B, 4, 4 * 4)]),
        (PRO_RATA, [(B, 4, 4 * 3), (C, 6, 3 + 5 * 4)]),
    ],
)
def test_rule_9_7_and_i9_the_deficit_is_given_up_in_the_order_of_the_lots(mode, given):
    """A lacks 35 at 90. B has 360 / 120 = 3, C 540 / 120 = 4.5."""
    story = market(mode, {A: 65, B: 80, C: 60})
    story.trade(A, B, 4, 100)
    story.trade(A, C, 6, 100)
    events = story.price(90)
    assert moved(events) == given
    closed = only(events, "waterfall_closed")
    assert (closed["deficit"], closed["given_up"]) == (35, 35)
    paid = {account: amount for account, _, amount in given}
    assert story.cash(B) == 80 + 40 - paid[B]
    assert story.cash(C) == 60 + 60 - paid[C]


@pytest.mark.parametrize("mode", MODES)
def test_rule_9_7_nobody_gives_a_lot_that_it_cannot_afford(mode):
    """B, long 4 Y that fall by 18, has 39 + 40 - 72 = 7 left: two lots of 3; the third is skipped.

    C gives its 6: 3 at 3, 3 at 4. The last 2 lots' 8 are cut from the gains of the step: C's
    60 - 21 = 39 bear floor(8 x 39 / 111) = 2, H's 72 the rest. Then B's other 2 close at mark.
    (With next to no maintenance B is not in liquidation, so it is not paired off before.)
    """
    story = market(mode, {A: 65, B: 39, C: 100}, *two(maintenance_ppb=1))
    story.trade(A, B, 4, 100)
    story.trade(A, C, 6, 100)
    story.trade(B, H, 4, 100, number=2)
    events = story.price(1, 90, 2, 82)
    assert [row for row in moved(events) if row[0] != H] == [(B, 2, 6), (C, 6, 21), (B, 2, 0)]
    closed = only(events, "waterfall_closed")
    layers = [closed[name] for name in ("deficit", "fund", "given_up", "house", "haircut")]
    assert layers == [35, 0, 27, 0, 8]
    cuts = [(event.account, event.values["amount"]) for event in named(events, "gains_cut")]
    assert cuts == [(C, 2), (H, 6)]
    assert story.equity(B) == 1


@pytest.mark.parametrize(
    ("mode", "taken"),
    [
        # C has 1100 / 300 = 3.67, 3.3, 2.93 (three lots), B 1100 / 400 = 2.75, C 2.57
        (DRAINING, [(C, 4, 0), (B, 1, 0)]),
        # a loss of 10 / 110 over 3.67 is less than over 2.75
        (QUEUE, [(C, 5, 0)]),
    ],
)
def test_rule_9_7_a_hedged_account_gives_less_than_an_unhedged_one_of_its_size(mode, taken):
    """B: short 5 X, long 5 Y. C: short 10 X. Both put up 400 and hold 1000 at 100 and 1100 at 110.

    On the way up to 120 C lost what B did not. A, long from 120, has nothing left at 110.
    """
    story = market(mode, {A: 50, B: 400, C: 400}, *two())
    story.trade(H, B, 5, 100, number=1)
    story.trade(B, H, 5, 100, number=2)
    story.trade(H, C, 10, 100, number=1)
    story.price(1, 120, 2, 120)
    story.trade(A, H, 5, 120, number=1)
    assert moved(story.price(1, 110, 2, 110)) == taken


# The queue.


@pytest.mark.parametrize(("mode", "first"), [(DRAINING, B), (QUEUE, C)])
def test_rule_9_7_in_the_queue_profit_counts_beside_leverage(mode, first):
    """At 95 B has 20 of 380 at a leverage of 10: 0.53. C, short since 120, has 125 of 475 at one
    of 475 / 195 = 2.44: 0.64."""
    story = market(mode, {A: 25, B: 18, C: 70})
    story.price(120)
    story.trade(H, C, 5, 120)
    story.price(100)
    story.trade(H, B, 4, 100)
    story.trade(A, H, 5, 100)
    assert moved(story.price(95))[0][0] == first


def test_rule_9_7_of_two_losers_the_one_with_more_leverage_comes_first():
    """Short since 90, both have lost 5 of 95: over leverages of 5 and 10 that is 1.05%, 0.53%."""
    story = market(QUEUE, {A: 25, B: 120, C: 58})
    story.price(90)
    story.trade(H, B, 5, 90)
    story.trade(H, C, 4, 90)
    story.price(100)
    story.trade(A, H, 5, 100)
    assert moved(story.price(95)) == [(C, 4, 0), (B, 1, 0)]


def test_rule_9_7_ties_go_to_the_position_that_was_opened_first_then_to_the_lower_id():
    """B, C and E are alike at 95. E was opened alone, B and C by one order of H; C was first in the
    book."""
    story = market(QUEUE, {A: 40, B: 50, C: 50, E: 50})
    story.trade(H, E, 3, 100)
    for account in (C, B):
        story.order(account, SELL, 3, 100)
    story.order(H, BUY, 6, 100)
    assert history(story, B)[0] == history(story, C)[0] > history(story, E)[0]
    story.trade(A, H, 8, 100)
    assert moved(story.price(95)) == [(E, 3, 0), (B, 3, 0), (C, 2, 0)]


def test_rule_9_7_ranks_are_rounded_down():
    """At 95 B, short since 100, has won 0.052631578 at a leverage of 1, C, short since 110,
    0.157894736 at one of 0.333333333, which is 0.0526315786: the same rank. B was opened first."""
    story = market(QUEUE, {A: 25, B: 360, C: 1_080})
    story.trade(H, B, 4, 100)
    story.price(110)
    story.trade(H, C, 4, 110)
    story.price(100)
    story.trade(A, H, 5, 100)
    assert moved(story.price(95)) == [(B, 4, 0), (C, 1, 0)]


def alike(profit_ns: int) -> Story:
    """B and C are short 5 since 120 with 60 and 70; the mark is 100. B, with 475 / 185 = 2.57 at
    95, is before C, with 2.44, unless its profit of 125 is only that of the last 5 ticks."""
    story = market(QUEUE, {A: 25, B: 60, C: 70}, deleveraging_profit_ns=profit_ns)
    story.price(120)
    story.trade(H, B, 5, 120)
    story.trade(H, C, 5, 120)
    story.price(100)
    story.trade(A, H, 5, 100)
    return story


def reopen(story: Story, account: int) -> None:
    """Close 5 lots at the mark of 100 and sell them again, both against H."""
    story.trade(account, H, 5, 100)
    story.trade(H, account, 5, 100)


@pytest.mark.parametrize(("seconds", "second"), [(60, B), (61, C)])
def test_rule_9_7_kept_profit_ends_while_others_wait_for_their_step(seconds, second):
    """B, C and D are short 5 since 120 with 60, 70 and 50: at 95 leverages of 2.57, 2.44 and 2.71.
    B has opened anew at 100, so 100 of its profit count for a minute. D gives its lots to A, whose
    step is the one of that command; whose are F's, that minute decides."""
    cash = {A: 25, B: 60, C: 70, D: 50, F: 26}
    story = market(
        QUEUE, cash, deleveraging_profit_ns=60 * NS_PER_SECOND, liquidation_steps_max=1
    )
    story.price(120)
    for account in (B, C, D):
        story.trade(H, account, 5, 120)
    story.price(100)
    for account in (A, F):
        story.trade(account, H, 5, 100)
    reopen(story, B)
    assert [row[:2] for row in moved(story.price(95))] == [(D, 5)]
    assert [row[:2] for row in moved(story.advance(seconds))] == [(second, 5)]


@pytest.mark.parametrize(
    ("profit_seconds", "pauses", "first"),
    [
        (60, [60], B),
        (60, [61], C),
        (0, [0], B),
        (0, [1], C),
        (60, [50, 50], B),  # what is still kept is kept anew
        (60, [61, 10], C),
    ],
)
def test_rule_9_7_profit_survives_closing_and_opening_anew_for_a_while(
    profit_seconds, pauses, first
):
    story = alike(profit_seconds * NS_PER_SECOND)
    for seconds in pauses:
        reopen(story, B)
        story.advance(seconds)
    assert moved(story.price(95)) == [(first, 5, 0)]


def test_rule_9_7_partly_closed_lots_leave_their_profit_behind():
    """B closes 1 of 5 at 100: 20 realised, and 100 on the lots left at 95. 120 of 380 at 380 / 185
    is 0.649, more than the 0.641 of C; 100 would be 0.54."""
    story = alike(0)
    story.trade(B, H, 1, 100)
    assert history(story, B)[1:] == (20, 0, 0)
    assert moved(story.price(95)) == [(B, 4, 0), (C, 1, 0)]


def test_rule_9_7_a_flip_ends_one_position_and_opens_another():
    story = alike(60 * NS_PER_SECOND)
    opened = history(story, B)[0]
    story.advance(1)
    story.trade(B, H, 8, 100)  # 5 lots won 20 ticks each, 3 are opened
    assert history(story, B) == (sequence(story), 0, 100, story.now_ns)
    assert history(story, B)[0] > opened
    story.advance(1)
    story.trade(H, B, 3, 100)
    assert history(story, B) == (0, 0, 100, story.now_ns)


def total_profit(story: Story, account: int) -> int:
    """Profit of the account's position in contract 1 with what it has realised."""
    position = story.position(account)
    return position["unrealised"] - position["funding_owed"] + history(story, account)[1]


def test_rule_9_7_settling_funding_and_restriking_moves_nobody():
    """B is long 10 X and receives 8 h of -1% of 200; then a loss of 500 in Y restrikes X."""
    terms = {"funding_interest_ppb": -PERCENT, "funding_clamp_ppb": PERCENT}
    terms |= {"funding_cap_ppb": PERCENT, "source_stale_ns": 24 * HOUR_NS}
    story = Story(listing(1, **terms), listing(2), deleveraging_mode=QUEUE)
    story.open(B, 100)
    story.open(H, RICH)
    story.price(1, 100, 2, 100)
    story.trade(B, H, 10, 100, number=1)
    story.trade(B, H, 10, 100, number=2)
    story.price(1, 200, 2, 50)
    story.advance(8 * 3_600)
    assert total_profit(story, B) == 1_000 + 20
    events = story.trade(H, B, 10, 50, number=2)
    assert only(events, "funding_settled", B)["amount"] == -20
    assert only(events, "profit_restruck", B)["amount"] == 500 - 100 - 20
    assert history(story, B)[1] == 20 + 380
    assert total_profit(story, B) == 1_000 + 20


def test_rule_9_7_a_settlement_forgets_what_was_kept():
    story = alike(60 * NS_PER_SECOND)
    reopen(story, B)
    assert history(story, B)[2] == 100
    story.change_state(words.STATE_SUSPENDED)
    story.change_state(words.STATE_SETTLING)
    assert [history(story, account) for account in (A, B, C, H)] == [(0, 0, 0, 0)] * 4


@pytest.mark.parametrize("mode", [DRAINING, PRO_RATA])
def test_rule_9_7_other_modes_keep_no_history(mode):
    story = market(mode, {B: 60})
    story.trade(H, B, 5, 100)
    story.price(90)
    story.trade(B, H, 5, 90)
    assert history(story, B) == (0, 0, 0, 0)


# Pro rata.


def test_rule_9_7_pro_rata_shares_run_by_account_with_what_is_left():
    """7 of 10: B floor(7 x 3 / 10) = 2, C floor(5 x 3 / 7) = 2, E 3 of its 4."""
    story = market(PRO_RATA, {A: 35, B: 90, C: 40, E: 90})
    for account, lots in ((E, 4), (C, 3), (B, 3)):
        story.trade(H, account, lots, 100)
    story.trade(A, H, 7, 100)
    assert moved(story.price(95)) == [(B, 2, 0), (C, 2, 0), (E, 3, 0)]


def test_rule_9_7_pro_rata_asks_again_for_what_one_could_not_afford():
    """B is asked for floor(10 x 4 / 16) = 2 and has 36 + 40 - 72 = 4: one lot at 3. C gives 8, then
    the tenth: 4 at 3 and 5 at 4."""
    story = market(PRO_RATA, {A: 65, B: 36, C: 300}, *two(maintenance_ppb=1))
    story.trade(A, B, 4, 100)
    story.trade(A, C, 6, 100)
    story.trade(H, C, 6, 100)
    story.trade(B, H, 4, 100, number=2)
    events = story.price(1, 90, 2, 82)
    given = [event.values for event in named(events, "position_deleveraged") if event.contract == 1]
    assert [(row["counterparty"], row["lots"], row["given_up"]) for row in given[:2]] == [
        (B, 1, 3), (C, 9, 4 * 3 + 5 * 4),
    ]  # fmt: skip
    assert only(events, "waterfall_closed")["given_up"] == 35


def test_rule_9_7_pro_rata_is_done_for_good_with_who_could_not_afford_a_lot():
    """B, long 8 Y that fall by 18, has 66 + 80 - 144 = 2 left: none of the floor(10 x 8 / 20) = 4
    lots asked for. C and E give 3 each, then, without B, floor(4 x 3 / 6) = 2 each."""
    story = market(PRO_RATA, {A: 65, B: 66, C: 300, E: 300}, *two(maintenance_ppb=1))
    for account, lots in ((B, 8), (C, 6), (E, 6)):
        story.trade(H, account, lots, 100)
    story.trade(A, H, 10, 100)
    story.trade(B, H, 8, 100, number=2)
    events = story.price(1, 90, 2, 82)
    # C: 3 at 3, then 2 at 4. E: 2 at 3, 1 at 4, then 2 at 4
    assert moved(events) == [(C, 5, 17), (E, 5, 18)]


# The band of a client.


@pytest.mark.parametrize(
    ("mode", "order"),
    [
        # of 2 lots at 100: 200 / cash
        (DRAINING, [E, C, F, B, D]),
        # the same profit of nothing: who was opened first
        (QUEUE, [D, F, E, C, B]),
        (PRO_RATA, [B, C, D, E, F]),
    ],
)
def test_rule_9_7_a_client_reads_the_fifth_of_its_side_before_it(mode, order):
    story = market(mode, {B: 80, C: 40, D: 100, E: 20, F: 60, G: 100})
    for account in (D, F, E, C, B):
        story.trade(H, account, 2, 100)
    before = story.exchange.digest()
    assert [story.exchange.rank_band(account, 1) for account in order] == [1, 2, 3, 4, 5]
    assert story.exchange.rank_band(H, 1) == 1  # alone on its side
    assert story.exchange.rank_band(G, 1) == 0  # holds nothing
    assert story.exchange.digest() == before
    for account, number in ((A, 1), (B, 2), (B, 0)):
        with pytest.raises(KeyError):
            story.exchange.rank_band(account, number)


@pytest.mark.parametrize(("ahead", "band"), [(1, 1), (2, 2), (5, 3), (8, 5), (9, 5)])
def test_rule_9_7_a_band_counts_lots_not_holders(ahead, band):
    """10 lots: a fifth of them ahead is the second band."""
    story = market(PRO_RATA, {B: RICH, C: RICH})
    story.trade(H, B, ahead, 100)
    story.trade(H, C, 10 - ahead, 100)
    assert story.exchange.rank_band(C, 1) == band


@pytest.mark.parametrize("mode", MODES)
def test_rule_9_7_the_first_band_is_asked_first(mode):
    story = market(mode, {A: 25, B: 60, C: 18, E: 70})
    for account in (B, C, E):
        story.trade(H, account, 5 if account == E else 4, 100)
    story.price(96)
    story.trade(A, H, 5, 96)
    first = [account for account in (B, C, E) if story.exchange.rank_band(account, 1) == 1]
    assert moved(story.price(91))[0][0] == first[0]


def test_rule_9_7_ranks_of_the_largest_positions_fit():
    """128 and 64 of the dearest lots that a listing takes, short over their whole value, of which B
    closes 100. Shares of 2^22 and 2^20 and leverages of 2^-25 and 2^-26 end at their bounds, 2^45
    and 2^15 PPB, so that C, who came first, is first: 64 of 92 lots are before B."""
    terms = {"tick_value": 2**24, "open_interest_lots_max": 2**8, "position_lots_max": 2**8}
    story = Story(listing(order_lots_max=2**8, **terms), deleveraging_mode=QUEUE)
    for account, cash in ((A, 2**54), (B, 2**54), (C, 2**56)):
        story.open(account, cash)
    story.price(2**20)
    story.trade(A, C, 64, 2**20)
    story.trade(A, B, 128, 2**20)
    story.price(1)
    story.trade(B, A, 100, 1)
    assert history(story, B)[1] == 100 * (2**20 - 1) * 2**24
    assert [story.exchange.rank_band(account, 1) for account in (C, B)] == [1, 4]
