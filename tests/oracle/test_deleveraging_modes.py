"""Who gives how many lots in the modes of 9.7 that are not the default, worked out by hand."""

import pytest

from engine.schema import commands, events
from engine.schema import vocabulary as words
from tests.oracle.desk import BUY, DAY, HOURS_8, SELL, A, B, C, D, Desk, contract, of_kind, thin
from tests.oracle.test_waterfall import broken_hedge

LONG = 6  # the other long beside A, with more money than it needs
QUEUE = {"deleveraging_mode": words.DELEVERAGING_QUEUE}
PRO_RATA = {"deleveraging_mode": words.DELEVERAGING_PRO_RATA}
SECOND = 10**9


def given(records: list[tuple], account: int = A) -> list[tuple]:
    """(lots, value, charge, counterparty, given up) of what became of this account's lots."""
    found = of_kind(records, events.POSITION_DELEVERAGED)
    return [record[2:] for record in found if record[1] == account]


def profits(desk: Desk, account: int, number: int = 1) -> dict[str, int]:
    found: dict[str, int] = desk.oracle.state()["accounts"][account]["profits"][number]
    return found


def shorts(desk: Desk, *holders: tuple[int, int, int], price: int = 100) -> None:
    """(account, cash, lots) each, sold to LONG."""
    desk.mark(100)
    desk.open((LONG, 1_000_000))
    for account, cash, lots in holders:
        desk.open((account, cash))
        desk.deal(LONG, account, lots, price)


def broken_long(desk: Desk, lots: int, cash: int, mark: int) -> list[tuple]:
    """A buys from LONG at 100, and breaks by the mark."""
    desk.open((A, cash))
    desk.deal(A, LONG, lots, 100)
    return desk.mark(mark)


# Queue.


def test_9_7_in_the_queue_one_holder_gives_all_before_the_next():
    desk = Desk(contract(), **QUEUE)
    shorts(desk, (B, 10_000, 10), (C, 200, 10), (D, 1_000, 10))
    # at 85 all have won 150 of 850; their equities are 10,150, 350 and 1,150. A stands at 150 - 225
    found = broken_long(desk, 15, 150, 85)
    assert given(found) == [(10, 850 + 50, 50, C, 50), (5, 425 + 25, 25, D, 25)]


def test_9_7_in_the_queue_the_older_position_goes_first():
    desk = Desk(contract(), **QUEUE)
    shorts(desk, (D, 1_000, 10), (C, 1_000, 10))
    assert profits(desk, D)["opened"] < profits(desk, C)["opened"]
    assert given(broken_long(desk, 10, 100, 85)) == [(10, 850 + 50, 50, D, 50)]


def test_9_7_in_the_queue_positions_of_one_command_go_by_id():
    desk = Desk(contract(), **QUEUE)
    desk.mark(100)
    desk.open((LONG, 100_000), (C, 1_000), (D, 1_000))
    desk.place(D, SELL, 10, 100)
    desk.place(C, SELL, 10, 100)
    desk.place(LONG, BUY, 20, 100)
    assert given(broken_long(desk, 10, 100, 85)) == [(10, 850 + 50, 50, C, 50)]


def test_9_7_losers_come_last_and_the_more_leveraged_of_them_before():
    """At 85 both have lost 250 of 850, with equities of 9,750 and 1,750: -3.37 and -0.61. The
    product would have it the other way round."""
    desk = Desk(contract(), **QUEUE)
    shorts(desk, (C, 10_000, 10), (D, 2_000, 10), price=60)
    assert given(broken_long(desk, 15, 150, 85)) == [
        (10, 850 + 50, 50, D, 50),
        (5, 425 + 25, 25, C, 25),
    ]


def test_9_7_hardly_any_leverage_is_the_least_that_counts():
    """850 in 10^12 and in 10^8 are 0.85 and 8,500 parts per billion: both count as 2^15."""
    desk = Desk(contract(), **QUEUE)
    shorts(desk, (C, 10**12, 10), (D, 10**8, 10))
    assert given(broken_long(desk, 10, 100, 85)) == [(10, 850 + 50, 50, C, 50)]


def test_9_7_in_the_queue_a_holder_gives_only_what_it_can_afford():
    """C is short of Y as well: 62 + 150 - 200 leave 12, and two lots at 5."""
    desk = Desk(contract(1, **thin()), contract(2, **thin()), **QUEUE)
    desk.mark(100, 100)
    desk.open((LONG, 10_000), (C, 62), (D, 10_000), (A, 150))
    desk.deal(LONG, C, 10, 100)
    desk.deal(LONG, C, 10, 100, 2)
    desk.deal(LONG, D, 20, 100)
    desk.deal(A, LONG, 15, 100)
    found = desk.mark(85, 120)
    assert given(found) == [(2, 170 + 10, 10, C, 10), (13, 1_105 + 65, 65, D, 65)]


@pytest.mark.parametrize(
    ("span", "first"), [(0, C), (60 * SECOND, C), (60 * SECOND + 1, D)]
)  # fmt: skip
def test_9_7_profit_survives_closing_and_opening_anew_for_a_while(span, first):
    """At 80 C has won 100 and keeps 100 of before, with an equity of 400 and a value of 800: 0.25 x
    2; without what it keeps 0.125 x 2. D: 200 and 600, 0.25 x 1.33."""
    desk = Desk(contract(), deleveraging_profit_ns=60 * SECOND, **QUEUE)
    shorts(desk, (C, 200, 10), (D, 400, 10))
    desk.mark(90)
    desk.deal(C, LONG, 10, 90)
    desk.deal(LONG, C, 10, 90)
    desk.open((A, 90))
    desk.deal(A, LONG, 10, 90)
    desk.wait(span)
    assert given(desk.mark(80)) == [(10, 800 + 10, 10, first, 10)]


@pytest.mark.parametrize(("span", "kept"), [(60 * SECOND, 150), (60 * SECOND + 1, 50)])
def test_9_7_what_still_counts_is_kept_with_what_comes_to_it(span, kept):
    desk = Desk(contract(), deleveraging_profit_ns=60 * SECOND, **QUEUE)
    shorts(desk, (C, 1_000, 10))
    desk.mark(90)
    desk.deal(C, LONG, 10, 90)
    assert (profits(desk, C)["kept"], profits(desk, C)["kept_at"]) == (100, desk.now)
    desk.deal(LONG, C, 10, 90)
    desk.wait(span)
    desk.mark(85)
    desk.deal(C, LONG, 4, 85)
    assert profits(desk, C)["realised"] == 20 and profits(desk, C)["kept"] == 100
    desk.deal(C, LONG, 6, 85)
    assert profits(desk, C)["realised"] == 0
    assert (profits(desk, C)["kept"], profits(desk, C)["kept_at"]) == (kept, desk.now)


def test_9_7_a_flip_ends_a_position_and_opens_one():
    desk = Desk(contract(), **QUEUE)
    shorts(desk, (C, 1_000, 10))
    desk.mark(90)
    before = profits(desk, C)["opened"]
    desk.deal(C, LONG, 15, 90)
    assert desk.position(C) == (5, 450)
    expected = {"opened": desk.oracle.sequence, "realised": 0, "kept": 100, "kept_at": desk.now}
    assert profits(desk, C) == expected and before < desk.oracle.sequence


def test_9_7_more_of_a_position_does_not_open_it_anew():
    desk = Desk(contract(), **QUEUE)
    shorts(desk, (C, 1_000, 10))
    before = profits(desk, C)["opened"]
    desk.deal(LONG, C, 5, 100)
    desk.deal(C, LONG, 5, 100)
    assert profits(desk, C)["opened"] == before


def test_9_7_settled_funding_counts_as_profit():
    """10 a lot, which a withdrawal settles: 100 received for good stand where 100 were owed."""
    tenth = 100_000_000
    rates = {"funding_interest_ppb": tenth, "funding_clamp_ppb": tenth, "funding_cap_ppb": tenth}
    desk = Desk(contract(**rates), **QUEUE)
    shorts(desk, (C, 1_000, 10))
    desk.now = 11_574 * DAY + HOURS_8
    desk.do(commands.AdvanceTime(time_ns=desk.now))
    assert profits(desk, C)["realised"] == 0
    found = desk.client(commands.Withdraw, C, amount=1)
    assert of_kind(found, events.FUNDING_SETTLED) == [
        (events.FUNDING_SETTLED, C, -100, -10, 10, 1_100)
    ]
    assert profits(desk, C)["realised"] == 100


def test_9_7_what_was_restruck_counts_as_profit():
    """X 100 -> 200 brings 1,000, of which 400 pay for the loss of 500 in Y; all 1,000 count."""
    desk = Desk(contract(), contract(2), **QUEUE)
    desk.open((A, 100), (B, 100_000))
    desk.mark(100, 100)
    desk.deal(A, B, 10, 100)
    desk.mark(200, 100)
    desk.deal(A, B, 10, 100, 2)
    desk.mark(200, 50)
    desk.deal(B, A, 10, 50, 2)
    assert desk.position(A) == (10, 1_400)
    assert profits(desk, A)["realised"] == 400
    assert profits(desk, A, 2)["kept"] == -500


def test_9_7_fees_are_no_loss_of_a_position():
    desk = Desk(contract(fee_taker_ppb=10_000_000), **QUEUE)
    shorts(desk, (C, 1_000, 10))
    desk.mark(90)
    desk.deal(LONG, C, 1, 90)
    assert desk.cash(C) == 1_000 - 10 - 1  # 1% of 1,000 and of 90
    assert profits(desk, C)["realised"] == 0


def test_5_4_a_settlement_forgets_what_was_kept():
    desk = Desk(contract(), contract(2), deleveraging_profit_ns=60 * SECOND, **QUEUE)
    shorts(desk, (C, 1_000, 10), (D, 1_000, 10))
    desk.mark(90, 100)
    desk.deal(C, LONG, 10, 90)
    desk.deal(D, LONG, 5, 90)
    for state in (words.STATE_SUSPENDED, words.STATE_SETTLING):
        desk.operator(commands.ChangeState, contract=1, state=state)
    accounts = desk.oracle.state()["accounts"]
    assert accounts[C]["profits"] == accounts[D]["profits"] == {}


# Pro rata.


def test_9_7_pro_rata_with_running_remainders():
    """9 of 20 lots: 7 x 9 / 20 -> 3, then 11 x 6 / 13 -> 5, then the rest of 1. A stands at 92 -
    135: two lots bear 4, the last seven 5."""
    desk = Desk(contract(), **PRO_RATA)
    shorts(desk, (D, 10_000, 2), (B, 10_000, 7), (C, 10_000, 11))
    assert given(broken_long(desk, 9, 92, 85)) == [
        (3, 255 + 13, 13, B, 13),
        (5, 425 + 25, 25, C, 25),
        (1, 85 + 5, 5, D, 5),
    ]


def test_9_7_pro_rata_the_lots_of_who_can_afford_no_more_go_round_again():
    """B and C are short of Y as well: 150 - 200 leave them 12 and 22, for two lots at 5 and for
    four. 15 of 40 lots: B is asked for 3 and gives 2, C for 4, D for 8. In the next round C, whose
    six are left, is asked for floor(1 x 6 / 18), D for the rest."""
    desk = Desk(contract(1, **thin()), contract(2, **thin()), **PRO_RATA)
    desk.mark(100, 100)
    desk.open((LONG, 10_000), (A, 150), (B, 62), (C, 72), (D, 10_000))
    for account, lots in ((B, 10), (C, 10), (D, 20)):
        desk.deal(LONG, account, lots, 100)
    for account in (B, C):
        desk.deal(LONG, account, 10, 100, 2)
    desk.deal(A, LONG, 15, 100)
    assert given(desk.mark(85, 120)) == [
        (2, 170 + 10, 10, B, 10),
        (4, 340 + 20, 20, C, 20),
        (9, 765 + 45, 45, D, 45),
    ]


def test_9_7_pro_rata_of_a_share_that_the_holders_receive():
    """9.2 f: A long 10 at 1,000 with an equity of 450 at 945, and an empty book; 10 of 20 lots."""
    desk = Desk(contract(), **PRO_RATA)
    desk.open((LONG, 100_000), (A, 1_000), (B, 100_000), (C, 100_000))
    desk.mark(1_000)
    desk.deal(LONG, B, 6, 1_000)
    desk.deal(LONG, C, 14, 1_000)
    desk.deal(A, LONG, 10, 1_000)
    assert given(desk.mark(945)) == [
        (3, 2_835 - 135, -135, B, -135),
        (7, 6_615 - 315, -315, C, -315),
    ]


# Both.


@pytest.mark.parametrize("mode", [QUEUE, PRO_RATA])
def test_9_8_what_is_left_closes_at_the_mark(mode):
    """16 r: B can't be deleveraged at a loss, A still ends flat."""
    desk, found = broken_hedge(**mode)
    assert given(found) == [(1, 112, 0, B)]
    assert desk.position(A, 2) == (0, 0)
