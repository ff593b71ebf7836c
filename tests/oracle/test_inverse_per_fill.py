"""Inverse contracts whose values are rounded once a fill, while marks go by lots (1.2). Every
figure is worked out by hand.

A *small* lot is worth 100.5 at 128, of which 100 count at the mark: F is 100, 201, 302, 402, 502,
603, 704 for 1 to 7 lots. At 127 it is 101.29 (101), at 126 102.1 (102), at 129 99.72 (100)."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import check_config, check_contract
from tests.oracle.desk import BUY, SELL, A, B, C, D, Desk, code_of, contract, of_kind, thin
from tests.oracle.matching import is_beyond_slippage
from tests.oracle.test_auctions import AUCTION, CONTINUOUS, change, ended, state_of, uncrossed
from tests.oracle.test_prices import MINUTE, mark_of
from tests.oracle.test_settlement import settled
from tests.oracle.values import size_of_fill, size_of_lot, value_of_fill

PERCENT = 10_000_000
LEG, TRADE, STEPPED = events.LEG, events.TRADE, events.LIQUIDATION_STEPPED
DELEVERAGED, CLOSED = events.POSITION_DELEVERAGED, events.WATERFALL_CLOSED


def per_fill(face: int, number: int = 1, **changes):
    terms = {"tick_value": 0, "contract_value": face, "rounding": words.ROUNDING_PER_FILL}
    return contract(number, **(terms | {"price_ticks_min": 10, "price_ticks_max": 1_000} | changes))


def opened(face: int = 1_000_000, cash: int = 10**7, mark: int = 128, **changes) -> Desk:
    """A with this much money, B, C and D with plenty. A lot is worth 7,812.5 at 128."""
    spec = per_fill(face, **changes)
    assert not check_contract(spec)
    desk = Desk(spec)
    desk.open((A, cash), (B, 10**7), (C, 10**7), (D, 10**7))
    desk.mark(mark)
    return desk


def small(cash: int = 10**7, mark: int = 128, **changes) -> Desk:
    return opened(12_864, cash, mark, **changes)


def equity_of(desk: Desk, account: int = A) -> int:
    """From what is told: cash, lots and entry value, and a lot's size at the mark."""
    lots, entry = desk.position(account)
    market = desk.oracle.markets[1]
    return desk.cash(account) - lots * size_of_lot(market.spec, market.mark) - entry


# Values.


@pytest.mark.parametrize(
    ("face", "lots", "price", "size"),
    [
        (1_000_000, 1, 128, 7_812),  # 7812.5
        (1_000_000, 2, 128, 15_625),
        (1_000_000, 3, 128, 23_438),  # 23437.5
        (1_000_000, 5, 128, 39_062),  # 39062.5
        (10, 1, 3, 3),
        (10, 2, 3, 7),
        (10, 3, 3, 10),
        (1, 3, 2, 2),  # 1.5
        (1, 5, 2, 2),  # 2.5
        (2**60, 2**30 - 1, 2**21 - 2, 590_296_372_759_439_606_272),  # which no float holds
    ],
)
def test_1_2_a_fill_is_rounded_once_half_to_even(face, lots, price, size):
    spec = per_fill(face)
    assert value_of_fill(spec, lots, price) == -size == -size_of_fill(spec, lots, price)


def test_1_2_per_lot_the_same_lots_are_rounded_one_by_one():
    assert value_of_fill(per_fill(1_000_000, rounding=0), 3, 128) == -23_436


def test_1_2_both_sides_book_the_value_of_the_fill_and_the_mark_goes_by_lots():
    """-23,438 where the mark's value is -23,436: what one has by it the other has lost."""
    desk = opened()
    desk.place(B, SELL, 3, 128)
    found = desk.place(A, BUY, 3, 128)
    assert [record[3:5] for record in of_kind(found, LEG)] == [(3, -23_438), (-3, 23_438)]
    assert (equity_of(desk), equity_of(desk, B)) == (10**7 + 2, 10**7 - 2)


@pytest.mark.parametrize(
    ("parts", "entry"),
    [((3,), -23_438), ((1, 2), -23_437), ((1, 1, 1), -23_436), ((7,), -54_688), ((5, 2), -54_687)],
)
def test_1_2_every_resting_order_makes_a_fill_of_its_own(parts, entry):
    desk = opened()
    for lots in parts:
        desk.place(B, SELL, lots, 128)
    desk.place(A, BUY, sum(parts), 128)
    assert desk.position(A) == (sum(parts), entry)
    assert desk.position(B) == (-sum(parts), -entry)


def test_1_2_so_does_every_slice_of_an_iceberg():
    desk = opened()
    desk.place(B, SELL, 7, 128, display_lots=3)
    desk.place(A, BUY, 7, 128)
    assert desk.position(A) == (7, -23_438 - 23_438 - 7_812)


def test_1_2_so_does_every_pair_of_an_uncross():
    """Buys of 3 and 4 meet sells of 5 and 2: 3, 2 and 2."""
    desk = opened()
    change(desk, AUCTION)
    for account, side, lots in ((A, BUY, 3), (C, BUY, 4), (B, SELL, 5), (D, SELL, 2)):
        desk.place(account, side, lots, 128)
    change(desk, CONTINUOUS)
    assert [desk.position(account) for account in (A, B, C, D)] == [
        (3, -23_438),
        (-5, 23_438 + 15_625),
        (4, -15_625 - 15_625),
        (-2, 15_625),
    ]


def test_1_5_what_was_booked_is_split_and_a_profit_is_exact():
    """A sells the 3 for 7,812 and 15,625: of 23,438 a third is 7,812.67, and two thirds are the
    rest. It has gained 1."""
    desk = opened()
    desk.deal(A, B, 3, 128)
    for lots, kept, gain in ((1, (2, -15_626), 0), (2, (0, 0), 1)):
        desk.place(C, BUY, lots, 128)
        found = desk.place(A, SELL, lots, 128)
        assert of_kind(found, LEG)[0][6:] in ((gain, desk.cash(A)), (0, desk.cash(A)))
        assert desk.position(A) == kept
    assert desk.cash(A) == 10**7 + 1


def test_1_5_a_flip_splits_the_value_of_its_fill():
    """Of 39,062 for five, 23,437.2 close."""
    desk = opened()
    desk.deal(A, B, 3, 128)
    desk.place(C, BUY, 5, 128)
    desk.place(A, SELL, 5, 128)
    assert desk.position(A) == (-2, 15_625)
    assert desk.cash(A) == 10**7 + 1


def test_8_8_fees_are_a_share_of_the_fill():
    """Half of 23,438, where three times 7,812 are 23,436."""
    desk = opened(fee_taker_ppb=50 * PERCENT, fee_maker_ppb=-50 * PERCENT)
    desk.place(B, SELL, 3, 128)
    found = desk.place(A, BUY, 3, 128)
    assert [record[5] for record in of_kind(found, LEG)] == [11_719, -11_719]


# Margin before the book.


@pytest.mark.parametrize(
    ("side", "price", "reserve", "charges"),
    [
        (BUY, 128, 402, 0),  # 4,020, and 20 better than the mark of 4,000
        (SELL, 128, 402, 20),
        (BUY, 129, 400, 11),  # 3,988.8 is less than the mark's 4,000
        (SELL, 129, 399, 0),
        (SELL, 126, 409, 84),  # 4,083.8
        (BUY, 126, 409, 0),
    ],
)
def test_8_2_an_order_is_admitted_as_one_fill(side, price, reserve, charges):
    """40 lots at 10%."""
    desk = small()
    desk.place(A, side, 40, price)
    totals = [0, 0, charges]
    totals[side] = reserve
    assert desk.oracle.state()["accounts"][A]["reserves"] == {1: totals}


def test_8_2_and_its_fee_is_one_of_its_value():
    """25% of 4,020 for 40 lots, and 20 of loss."""
    desk = small(fee_taker_ppb=25 * PERCENT)
    desk.place(A, SELL, 40, 128)
    assert desk.oracle.state()["accounts"][A]["reserves"] == {1: [0, 402, 1_005 + 20]}


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"order_value_min": 23_438}, 0),
        ({"order_value_min": 23_439}, refusals.VALUE_BELOW_MIN),
        ({"order_value_max": 23_438}, 0),
        ({"order_value_max": 23_437}, refusals.VALUE_ABOVE_MAX),
    ],
)
def test_4_9_limits_are_of_the_order_as_one_fill(limits, code):
    desk = opened(**limits)
    found = desk.place(A, BUY, 3, 128)
    assert (code_of(found) if code else found[0][-1]) == (code or events.ORDER_ACCEPTED)


@pytest.mark.parametrize(("value_min", "is_kept"), [(23_438, True), (23_439, False)])
def test_4_9_so_are_those_of_what_is_left_of_an_order_or_a_quote(value_min, is_kept):
    desk = opened(order_value_min=value_min)
    order = desk.place(A, BUY, 4, 128)[0][1]
    found = desk.client(commands.AmendOrder, A, order_id=order, price_ticks=128, lots=3)
    assert found[0][-1] == (events.ORDER_AMENDED if is_kept else events.REFUSED)
    for lots in (4, 3):
        row = commands.Quote(1, 128, lots, 0, 0)
        found = desk.client(commands.MassQuote, B, protection=1, rows=(row,))
    refused = [record[3] for record in of_kind(found, events.QUOTE_REFUSED)]
    assert refused == ([] if is_kept else [refusals.VALUE_BELOW_MIN])


@pytest.mark.parametrize(("value_min", "state"), [(48_544, AUCTION), (48_545, CONTINUOUS)])
def test_5_3_so_is_that_of_a_rest(value_min, state):
    """Five at 103 are 48,543.7, or five times 9,709."""
    desk = opened(mark=100, band_dynamic_value_min=value_min)
    desk.operator(commands.SetBand, contract=1, low_ticks=99, high_ticks=101)
    desk.place(B, SELL, 1, 101)
    desk.place(B, SELL, 5, 103)
    desk.place(A, BUY, 6, 103)
    assert state_of(desk) == state


# Solvency at the fill.


def thin_long() -> Desk:
    """A has bought 40 at 128, which is 4,020, with 41. At 127 they are 4,040: it has 21, of 21."""
    desk = small(41, **thin(liquidation_slippage_ppb=10**9))
    desk.deal(A, B, 40, 128)
    desk.mark(127)
    assert equity_of(desk) == 21
    return desk


@pytest.mark.parametrize(
    ("tif", "lots", "filled"),
    [
        (words.IOC, 40, 19),  # 19 are 1,939.8 at 126, and 1,919 at the mark; 20 would cost 22
        (words.IOC, 20, 19),
        (words.IOC, 19, 19),
        (words.FOK, 20, 0),
        (words.FOK, 19, 19),
    ],
)
def test_9_0_a_fill_is_cut_to_what_its_value_leaves(tif, lots, filled):
    """By lots it would be 21, a unit each. With nothing left A is closed out behind it."""
    desk = thin_long()
    desk.place(C, BUY, 40, 126)
    found = desk.place(A, SELL, lots, 126, flags=words.REDUCE_ONLY, tif=tif)
    assert [record[3] for record in of_kind(found, TRADE)] == ([filled] if filled else [])
    assert desk.position(A)[0] == (0 if filled else 40)
    whole = words.CANCEL_FOK if tif == words.FOK else words.CANCEL_SOLVENCY
    reasons = [record[-1] for record in ended(found) if record[0] == A]
    assert reasons == ([] if filled == lots else [whole])
    assert equity_of(desk) == (0 if filled else 21)


def test_9_0_in_parts_each_fill_is_judged_by_itself():
    """One by one at 126 a lot costs one unit: 21 of them do not cost more than all has."""
    desk = thin_long()
    for _ in range(40):
        desk.place(C, BUY, 1, 126)
    found = desk.place(A, SELL, 40, 126, flags=words.REDUCE_ONLY, tif=words.IOC)
    assert len(of_kind(found, TRADE)) == 21
    desk = thin_long()
    for _ in range(21):
        desk.place(C, BUY, 1, 126)
    found = desk.place(A, SELL, 21, 126, flags=words.REDUCE_ONLY, tif=words.FOK)
    assert len(of_kind(found, TRADE)) == 21


@pytest.mark.parametrize(("lots", "is_filled"), [(19, True), (20, False)])
def test_9_0_a_maker_is_judged_by_the_value_of_the_fill(lots, is_filled):
    desk = small(41, **thin(liquidation_slippage_ppb=10**9))
    desk.deal(A, B, 40, 128)
    desk.place(A, SELL, 40, 126, flags=words.REDUCE_ONLY)
    desk.mark(127)
    found = desk.place(C, BUY, lots, 126, tif=words.IOC)
    assert bool(of_kind(found, TRADE)) is is_filled
    assert (A, 40, words.CANCEL_SOLVENCY) in ended(found) or is_filled


@pytest.mark.parametrize(("lots", "is_filled"), [(19, True), (20, False)])
def test_9_0_so_is_a_pair_in_the_trial_of_an_uncross(lots, is_filled):
    desk = thin_long()
    change(desk, AUCTION)
    desk.place(A, SELL, lots, 126, flags=words.REDUCE_ONLY)
    desk.place(C, BUY, lots, 126)
    found = change(desk, CONTINUOUS)
    assert uncrossed(found)[1] == (lots if is_filled else 0)
    assert ended(found) == ([] if is_filled else [(A, lots, words.CANCEL_SOLVENCY)])


@pytest.mark.parametrize(
    ("sign", "lots", "price", "is_beyond"),
    [
        (-1, 1, 127, False),  # 101 less 100
        (-1, 2, 127, True),  # 202.6 less 200 is more than 2
        (-1, 3, 127, True),  # 303.9 less 300
        (1, 1, 129, False),
        (1, 3, 129, False),  # 300 less 299.2
        (1, 4, 130, False),  # 400 less 395.8 is 4
        (1, 40, 130, True),  # 4,000 less 3,958.2
        (-1, 40, 128, False),  # 20 by the rounding of the mark alone
    ],
)
def test_9_0_slippage_is_that_of_the_fill(sign, lots, price, is_beyond):
    """A unit a lot is allowed."""
    market = small(liquidation_slippage_ppb=PERCENT // 2).oracle.markets[1]
    assert is_beyond_slippage(market, sign, lots, price) is is_beyond


# Liquidation.


@pytest.mark.parametrize(("cash", "limit"), [(378, 117), (377, 118)])
def test_9_3_the_bankruptcy_price_of_a_long_is_that_of_all_lots_in_one_fill(cash, limit):
    """At 118 40 lots are 4,360 at the mark, 340 more than paid: 38 or 37 are left. 4,398 at 117 can
    be paid with 38."""
    desk = small(cash, initial=9)
    desk.deal(A, B, 40, 128)
    assert [record[4] for record in of_kind(desk.mark(118), STEPPED)] == [limit]


@pytest.mark.parametrize(("cash", "limit"), [(345, 140), (344, 139)])
def test_9_3_and_of_a_short(cash, limit):
    """At 139 they are 3,720, 300 less than A was paid: 45 or 44 are left. At 140 they are 3,675."""
    desk = small(cash, initial=8)
    desk.deal(B, A, 40, 128)
    assert [record[4] for record in of_kind(desk.mark(139), STEPPED)] == [limit]


def test_9_5_a_close_out_in_parts_ends_at_zero():
    """With 38 left, and a limit of 117 where all lots together cost 38. One by one they cost one
    unit each: 38 are sold, and the last two go at the mark."""
    desk = small(378, initial=9)
    desk.deal(A, B, 40, 128)
    for _ in range(40):
        desk.place(C, BUY, 1, 117)
    found = desk.mark(118)
    assert len(of_kind(found, TRADE)) == 38
    assert of_kind(found, DELEVERAGED) == [(DELEVERAGED, A, 2, -218, 0, B)]
    assert (desk.cash(A), desk.position(A)) == (0, (0, 0))
    assert not of_kind(found, CLOSED)


def test_9_7_transfers_book_marks_lot_by_lot():
    """41 at 128 are 4,120 (4,120.5). At 113 a lot is 114 (113.84), 41 are 4,674: 554 are lost, of
    412. B takes them, and gives up 142 of its 554."""
    desk = small(412, initial=10)
    desk.deal(A, B, 41, 128)
    found = desk.mark(113)
    assert of_kind(found, DELEVERAGED, LEG, CLOSED) == [
        (DELEVERAGED, A, 41, -4_674 + 142, 142, B, 142),
        (LEG, A, 0, 0, 0, 0, -412),
        (LEG, B, 0, 0, 0, 0, 412, 10**7 + 412),
        (CLOSED, A, 142, 0, 142),
    ]


# Marks go by lots.


def test_5_4_a_settlement_pays_lots():
    """At 128, for what was a fill of 23,438."""
    desk = opened()
    desk.deal(A, B, 3, 128)
    assert of_kind(settled(desk), events.POSITION_SETTLED, LEG) == [
        (events.POSITION_SETTLED, A, 3, -23_436),
        (LEG, A, 0, 0, 0, 0, 2, 10**7 + 2),
        (events.POSITION_SETTLED, B, 3, -23_436),
        (LEG, B, 0, 0, 0, 0, -2, 10**7 - 2),
    ]


def test_6_2_the_last_price_is_one_of_lots():
    """3,000,000 / 23,436 is 128.008; of the fill's 23,438 it would be 127.997."""
    desk = opened(funding_sample_ns=MINUTE)
    desk.deal(C, D, 3, 128)
    desk.wait(MINUTE)
    assert mark_of(desk.mark(128))[4] == 128


def test_8_1_a_position_is_margined_by_lots():
    """5% of 4,000 at 128, not of 4,020."""
    desk = small()
    desk.deal(A, B, 40, 128)
    market, holding = desk.oracle.markets[1], desk.oracle.accounts[A].holding(1)
    assert abs(holding.lots) * market.lot_size == 4_000
    assert desk.oracle.state()["accounts"][A]["positions"][1]["entry_value"] == -4_020


# What may be listed.


@pytest.mark.parametrize(
    ("terms", "is_listed"),
    [
        ({}, True),
        ({"rounding": 2}, False),
        ({"rounding": -1}, False),
        ({"tick_value": 1, "contract_value": 0}, False),  # linear values are exact
        ({"contract_value": 501}, True),  # 0.501 at the highest price is 1
        ({"contract_value": 500}, False),
    ],
)
def test_1_2_what_is_listed(terms, is_listed):
    assert (check_contract(per_fill(12_864, **terms)) == []) is is_listed


def test_10_1_an_inverse_contract_needs_a_coin():
    desk = small()
    config = desk.oracle.config
    assert check_config(config) == []
    plain = type(config)(contracts=config.contracts)
    assert any("coin" in problem for problem in check_config(plain))
