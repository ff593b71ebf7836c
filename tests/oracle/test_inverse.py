"""Contracts whose lots are worth a face value over the price, every figure worked out by hand from
the rulebook: values, reserves, solvency, liquidation, funding, ends; and lowest prices (1.2)."""

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.desk import (
    BUY,
    DAY,
    FUND,
    HOURS_8,
    SELL,
    A,
    B,
    C,
    D,
    Desk,
    code_of,
    contract,
    of_kind,
    thin,
)
from tests.oracle.matching import is_beyond_slippage
from tests.oracle.test_auctions import AUCTION, CONTINUOUS, change, ended, state_of, uncrossed
from tests.oracle.test_funding import samples_of
from tests.oracle.test_interruptions import MARKET_STOP
from tests.oracle.test_prices import MINUTE, mark_of
from tests.oracle.test_settlement import settled
from tests.oracle.values import size_of_lot, value_of_lot

PERCENT = 10_000_000
LEG, STEPPED, DELEVERAGED = events.LEG, events.LIQUIDATION_STEPPED, events.POSITION_DELEVERAGED
TAKEN_OVER = events.POSITION_TAKEN_OVER


def inverse(number: int = 1, **changes):
    """A lot is worth 10,000 at 100, 12,500 at 80 and 8,000 at 125."""
    return contract(number, **({"tick_value": 0, "contract_value": 1_000_000} | changes))


def opened(cash: int = 10**7, mark: int = 100, **changes) -> Desk:
    """A with this much money, B, C and D with plenty."""
    desk = Desk(inverse(**changes))
    desk.open((A, cash), (B, 10**7), (C, 10**7), (D, 10**7))
    desk.mark(mark)
    return desk


# Values.


@pytest.mark.parametrize(
    ("face", "price", "size"),
    [
        (10, 3, 3),
        (20, 3, 7),
        (30, 4, 8),  # 7.5
        (30, 12, 2),  # 2.5
        (1_000_000, 128, 7_812),  # 7812.5
        (2**60 - 1, 1, 2**60 - 1),  # which no float holds
        (2**60 - 2, 4, 2**58),
        (3, 7, 0),
    ],
)
def test_1_2_a_lot_is_its_face_value_over_the_price_half_to_even(face, price, size):
    spec = inverse(contract_value=face)
    assert value_of_lot(spec, price) == -size
    assert size_of_lot(spec, price) == size


def test_1_2_lots_are_rounded_one_by_one():
    """At 128 one lot is 7,812, so that three are 23,436 and not round(23437.5)."""
    desk = opened(mark=128)
    desk.deal(A, B, 3, 128)
    assert desk.position(A) == (3, -23_436)


def test_1_5_the_entry_value_of_a_long_is_negative_and_it_gains_when_the_price_rises():
    desk = opened()
    desk.place(B, SELL, 10, 100)
    found = desk.place(A, BUY, 10, 100)
    assert [record[3:5] for record in of_kind(found, LEG)] == [(10, -100_000), (-10, 100_000)]
    desk.mark(125)
    desk.place(C, BUY, 4, 125)
    found = desk.place(A, SELL, 4, 125)
    # 4 lots: -32,000 less -40,000; six of them keep -60,000
    assert of_kind(found, LEG)[0][3:] == (6, -60_000, 0, 8_000, 10**7 + 8_000)


def test_1_5_a_flip_is_split():
    """Short 4 from 80 (12,500 each): -50,000 + 40,000 comes back by the 4 bought at 100."""
    desk = opened(mark=80)
    desk.deal(B, A, 4, 80)
    desk.mark(100)
    desk.place(C, SELL, 10, 100)
    found = desk.place(A, BUY, 10, 100)
    assert of_kind(found, LEG)[0][3:] == (6, -60_000, 0, -10_000, 10**7 - 10_000)


def test_8_8_fees_are_a_share_of_the_size():
    desk = opened(fee_taker_ppb=500_000, fee_maker_ppb=-250_000)
    desk.place(B, SELL, 7, 101)  # 1,000,000 / 101 = 9,900.99
    found = desk.place(A, BUY, 7, 101)
    # of 7 x 9,901 = 69,307: ceil(34.6535) and floor(17.32675)
    assert [record[5] for record in of_kind(found, LEG)] == [35, -17]


# Margin before the book.


@pytest.mark.parametrize(
    ("side", "price", "reserve", "loss"),
    [
        (BUY, 80, 12_500, 0),
        (BUY, 125, 10_000, 20_000),  # the mark's size, for a fill at the mark or below
        (SELL, 125, 8_000, 0),
        (SELL, 80, 12_500, 25_000),
    ],
)
def test_8_2_a_reserve_is_of_the_larger_size_and_its_loss_of_values(side, price, reserve, loss):
    """Ten lots at 10%, a taker's fee of 1% of the same value; a mark of 100."""
    desk = opened(fee_taker_ppb=PERCENT)
    desk.place(A, side, 10, price)
    totals = [0, 0, loss + reserve // 10]
    totals[side] = reserve
    assert desk.oracle.state()["accounts"][A]["reserves"] == {1: totals}


def test_8_2_the_margin_of_a_position_is_of_its_size_at_the_mark():
    """Long 10 from 100, at 80: a loss of 25,000 and 12,500 of margin; one more asks for 1,250."""
    for cash, kind in ((38_750, events.ORDER_ACCEPTED), (38_749, events.REFUSED)):
        desk = opened(cash)
        desk.deal(A, B, 10, 100)
        desk.mark(80)
        assert desk.place(A, BUY, 1, 80)[0][-1] == kind


def test_8_3_a_tenth_of_the_notional_stays():
    """The position's margin is 1%; 10% of 10 x 12,500 is more."""
    desk = opened(100_000, mark=80, **thin())
    desk.deal(A, B, 10, 80)
    taken = desk.client(commands.Withdraw, A, amount=87_501)
    assert code_of(taken) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    assert desk.client(commands.Withdraw, A, amount=87_500)[0][-1] == events.WITHDRAWAL_RESERVED


@pytest.mark.parametrize(
    ("limits", "price", "code"),
    [
        ({"order_value_min": 100_000}, 125, refusals.VALUE_BELOW_MIN),  # 80,000
        ({"order_value_min": 100_000}, 80, 0),
        ({"order_value_max": 100_000}, 125, 0),
        ({"order_value_max": 100_000}, 80, refusals.VALUE_ABOVE_MAX),  # 125,000
    ],
)
def test_4_9_a_low_price_makes_an_order_large(limits, price, code):
    desk = opened(**limits)
    found = desk.place(A, BUY, 10, price)
    assert (code_of(found) if code else found[0][-1]) == (code or events.ORDER_ACCEPTED)


def test_4_9_what_is_left_of_an_amended_order_or_a_quote_has_a_value_too():
    desk = opened(order_value_min=100_000)
    order = desk.place(A, BUY, 11, 100)[0][1]
    cut = {"order_id": order, "price_ticks": 100}
    assert desk.client(commands.AmendOrder, A, lots=10, **cut)[0][-1] == events.ORDER_AMENDED
    assert code_of(desk.client(commands.AmendOrder, A, lots=9, **cut)) == refusals.VALUE_BELOW_MIN
    for lots in (10, 9):
        row = commands.Quote(1, 100, lots, 0, 0)
        found = desk.client(commands.MassQuote, B, protection=1, rows=(row,))
    assert of_kind(found, events.QUOTE_REFUSED)[0][3] == refusals.VALUE_BELOW_MIN


# Solvency at the fill.


def reducing_below_the_mark(tif: int) -> list[tuple]:
    """Long 10 at 100 with 26,000; at 80 equity is 1,000. A sale at 79 (12,658) costs 158 a lot."""
    desk = opened(26_000, **thin(liquidation_slippage_ppb=10**9))
    desk.deal(A, B, 10, 100)
    desk.mark(80)
    desk.place(C, BUY, 10, 79)
    return desk.place(A, SELL, 10, 79, flags=words.REDUCE_ONLY, tif=tif)


def test_9_0_a_fill_is_cut_to_what_the_values_leave():
    found = reducing_below_the_mark(words.GTC)
    assert of_kind(found, events.TRADE)[0][2:4] == (79, 6)  # 1,000 / 158 = 6.3
    assert ended(found)[0] == (A, 4, words.CANCEL_SOLVENCY)


def test_9_0_fok_sees_it_before_anything_trades():
    found = reducing_below_the_mark(words.FOK)
    assert ended(found) == [(A, 10, words.CANCEL_FOK)] and not of_kind(found, events.TRADE)


@pytest.mark.parametrize(
    ("sign", "price", "is_beyond"),
    [(-1, 99, False), (-1, 98, True), (1, 102, False), (1, 103, True)],
)
def test_9_0_slippage_is_measured_in_values(sign, price, is_beyond):
    """2% of 10,000 at the mark. A lot is worth 10,101 at 99, 10,204 at 98, 9,804 at 102 (196 less)
    and 9,709 at 103."""
    market = opened(liquidation_slippage_ppb=2 * PERCENT).oracle.markets[1]
    assert is_beyond_slippage(market, sign, 1, price) is is_beyond


@pytest.mark.parametrize(("cash", "lots"), [(27_779, 0), (27_780, 10)])
def test_9_0_the_trial_of_an_uncross_counts_values(cash, lots):
    """At a mark of 90 (11,111) a purchase at 120 (8,333) loses 2,778 a lot."""
    desk = opened(cash, liquidation_slippage_ppb=10**9)
    change(desk, AUCTION)
    desk.place(A, BUY, 10, 120)
    desk.place(B, SELL, 10, 120)
    desk.mark(90)
    found = change(desk, CONTINUOUS)
    assert uncrossed(found)[1] == lots
    assert ended(found) == ([] if lots else [(A, 10, words.CANCEL_SOLVENCY)])


@pytest.mark.parametrize(("cash", "lots"), [(34_169, 0), (34_170, 10)])
def test_9_0_and_a_fee_of_the_size(cash, lots):
    """27,780 of loss, 5% of 111,110 as maintenance, and 1% of 83,330."""
    desk = opened(cash, fee_maker_ppb=PERCENT)
    change(desk, AUCTION)
    desk.place(A, BUY, 10, 120)
    desk.place(B, SELL, 10, 120)
    desk.mark(90)
    found = change(desk, CONTINUOUS)
    assert uncrossed(found)[1] == lots
    assert ended(found) == ([] if lots else [(A, 10, words.CANCEL_SLIPPAGE)])


@pytest.mark.parametrize(("value_min", "state"), [(48_545, AUCTION), (48_546, CONTINUOUS)])
def test_5_3_a_small_rest_at_its_limit_starts_no_auction(value_min, state):
    """5 lots of 9,709 each at 103."""
    desk = opened(band_dynamic_value_min=value_min)
    desk.operator(commands.SetBand, contract=1, low_ticks=99, high_ticks=101)
    desk.place(B, SELL, 1, 101)
    desk.place(B, SELL, 5, 103)
    desk.place(A, BUY, 6, 103)
    assert state_of(desk) == state


# Liquidation.


@pytest.mark.parametrize(
    ("side", "mark", "cash", "changes", "limit"),
    [
        # equity 5,000: the 500 a lot lie between 12,987 at 77 and 13,158 at 76
        (BUY, 80, 30_000, {}, 77),
        (BUY, 80, 30_000, {"liquidation_fee_ppb": PERCENT}, 78),  # 1,250: 375 a lot, 12,821 at 78
        (BUY, 80, 30_000, {"price_ticks_min": 79}, 79),
        (BUY, 80, 30_000, {"liquidation_fee_ppb": 40 * PERCENT, "price_ticks_max": 110}, 110),
        # equity 3,000: the 300 a lot lie between 7,752 at 129 and 7,692 at 130
        (SELL, 125, 23_000, {}, 129),
        (SELL, 125, 23_000, {"liquidation_fee_ppb": PERCENT}, 128),  # 800: 220 a lot, 7,812 at 128
        (SELL, 125, 23_000, {"price_ticks_max": 127}, 127),
        (SELL, 125, 23_000, {"liquidation_fee_ppb": 50 * PERCENT, "price_ticks_min": 98}, 98),
    ],
)
def test_9_3_the_bankruptcy_price_is_the_farthest_whose_loss_can_be_paid(
    side, mark, cash, changes, limit
):
    desk = opened(cash, **changes)
    desk.deal(*((A, B) if side == BUY else (B, A)), 10, 100)
    assert of_kind(desk.mark(mark), STEPPED)[0][4] == limit


def test_9_2_c_the_cut_and_its_cost_are_of_sizes():
    """At 80 a lot costs ceil(12,500 x 1.01%) = 127, and asks for 750 of what must be left: 5,000
    - 4 x 127 is not enough for 6 x 750, 5,000 - 5 x 127 is for 5 x 750."""
    desk = opened(30_000, liquidation_slippage_ppb=10_100_000)
    desk.deal(A, B, 10, 100)
    desk.place(C, BUY, 20, 80)
    found = desk.mark(80)
    assert of_kind(found, STEPPED) == [
        (STEPPED, A, words.STEP_PARTIAL, 5, 77, 5_000, 6_250, 5_000),
    ]
    assert desk.position(A) == (5, -50_000)


def test_9_6_the_funds_cap_is_one_of_sizes_and_the_rest_is_given_at_value_and_share():
    """60,000 are 4 lots of 12,500; their penalty is 1%. The six others bring 3,000 of the share."""
    terms = {"fund_value_max": 60_000, "fund_share_ppb": 10**9, "takeover_penalty_ppb": PERCENT}
    desk = Desk(inverse(**terms), fund_cash=10_000)
    desk.open((A, 30_000), (B, 10**6))
    desk.mark(100)
    desk.deal(A, B, 10, 100)
    found = desk.mark(80)
    assert of_kind(found, TAKEN_OVER, LEG, events.LIQUIDATION_FEE_PAID, DELEVERAGED) == [
        (TAKEN_OVER, A, 4, -50_000, 0, 500),
        (LEG, A, 0, 6, -60_000, 0, -10_000, 20_000),
        (events.LIQUIDATION_FEE_PAID, A, 500, 19_500),
        (LEG, FUND, 0, 4, -50_000, 0, 0, 10_500),
        (DELEVERAGED, A, 6, -78_000, -3_000, B, -3_000),
        (LEG, A, 0, 0, 0, 0, -18_000, 1_500),
        (LEG, B, 0, -4, 40_000, 0, 18_000, 1_018_000),
    ]


@pytest.mark.parametrize(
    ("side", "mark", "deficit", "value"),
    [(BUY, 80, 13_000, -125_000 + 13_000), (SELL, 125, 8_000, -80_000 - 8_000)],
)
def test_9_7_a_deficit_goes_over_at_the_marks_value_with_its_sign(side, mark, deficit, value):
    """Ten lots from 100 on lose 25,000 or 20,000; 12,000 are there."""
    desk = opened(12_000)
    desk.deal(*((A, B) if side == BUY else (B, A)), 10, 100)
    found = desk.mark(mark)
    assert of_kind(found, DELEVERAGED) == [(DELEVERAGED, A, 10, value, deficit, B, deficit)]
    assert desk.cash(A) == 0 and desk.cash(B) == 10**7 + 12_000


def test_9_3_a_deficit_is_split_by_what_each_contract_cost_in_value():
    """A has 20,000, is short of 10 lots here and long of one in a linear contract. The first rises
    from 100 to 125, the second falls from 100,000 to 80,000: 20,000 each."""
    desk = Desk(inverse(), contract(2, initial=1, maintenance=0, price_ticks_max=200_000))
    desk.open((A, 20_000), (B, 10**7), (C, 10**7))
    desk.mark(100, 100_000)
    desk.deal(B, A, 10, 100)
    desk.deal(A, C, 1, 100_000, 2)
    found = desk.mark(125, 80_000)
    assert of_kind(found, DELEVERAGED) == [
        (DELEVERAGED, A, 10, -80_000 - 10_000, 10_000, B, 10_000),
        (DELEVERAGED, A, 1, 80_000 + 10_000, 10_000, C, 10_000),
    ]


# Prices and funding.


def quoted(bids: tuple, asks: tuple) -> list[tuple]:
    """One sample behind these orders (lots, price), with an index of 100."""
    desk = opened(funding_sample_ns=MINUTE, funding_impact_value=50_000)
    for account, side, orders in ((A, BUY, bids), (B, SELL, asks)):
        for lots, price in orders:
            desk.place(account, side, lots, price)
    return desk.wait(MINUTE)


def impact_of(records: list[tuple]) -> tuple[int, ...]:
    return next(record[1:7] for record in records if record[-1] == events.IMPACT_SAMPLED)


def test_7_1_an_impact_bid_is_the_price_of_the_sizes_that_it_takes():
    """2 of 9,524 at 105, then ceil(30,952 / 9,804) at 102: 6,000,000 / 58,264 = 102.98. Of the
    asks 6 of 9,091: 6,000,000 / 54,546 = 109.9989."""
    found = quoted(((2, 105), (9, 102)), ((10, 110),))
    # (6,000,000 - 5,826,400) / 5,826,400
    assert impact_of(found) == (58_264, 6, 54_546, 6, 29_795_413, 0)
    assert samples_of(found) == [(29_795_413, 102, 110, 1)]


def test_7_1_an_impact_ask_too():
    """2 of 10,526 at 95, then ceil(28,948 / 10,309) at 97: 5,000,000 / 51,979 = 96.19; 5 of 11,111
    at 90."""
    found = quoted(((10, 90),), ((2, 95), (9, 97)))
    # (5,197,900 - 5,000,000) / 5,197,900
    assert impact_of(found) == (55_555, 5, 51_979, 5, 0, 38_073_067)
    assert samples_of(found) == [(-38_073_067, 90, 97, 1)]


@pytest.mark.parametrize(("value_min", "last"), [(49_535, 100), (49_536, 0)])
def test_6_2_the_last_price_is_the_face_value_over_the_sizes_traded(value_min, last):
    """2 of 10,204 at 98 and 3 of 9,709 at 103: 5,000,000 / 49,535 = 100.9 where the mean price is
    101."""
    desk = opened(funding_sample_ns=MINUTE, mark_last_value_min=value_min)
    desk.deal(C, D, 2, 98)
    desk.deal(C, D, 3, 103)
    desk.wait(MINUTE)
    assert mark_of(desk.mark(100))[4] == last


def test_7_3_longs_pay_a_share_of_the_size():
    """10% of 3,333 at 300, the rest of the growth is carried."""
    tenth = 10 * PERCENT
    rates = {name: tenth for name in ("funding_interest_ppb", "funding_clamp_ppb")}
    desk = opened(mark=300, funding_cap_ppb=tenth, **rates)
    desk.deal(A, B, 3, 300)
    desk.now = 11_574 * DAY + HOURS_8
    found = desk.do(commands.AdvanceTime(time_ns=desk.now))
    assert of_kind(found, events.FUNDING_PUBLISHED)[0][2:6] == (tenth, 333, 300_000_000, 333)
    found = settled(desk)
    assert of_kind(found, events.FUNDING_SETTLED)[0] == (
        events.FUNDING_SETTLED, A, 999, 3, 333, 10**7 - 999,
    )  # fmt: skip


def test_5_4_a_settlement_pays_the_value_with_its_sign():
    desk = opened()
    desk.deal(A, B, 3, 100)
    desk.mark(125)
    assert of_kind(settled(desk), events.POSITION_SETTLED, LEG) == [
        (events.POSITION_SETTLED, A, 3, -24_000),
        (LEG, A, 0, 0, 0, 0, 6_000, 10**7 + 6_000),
        (events.POSITION_SETTLED, B, 3, -24_000),
        (LEG, B, 0, 0, 0, 0, -6_000, 10**7 - 6_000),
    ]


def test_5_4_whom_a_settlement_ruins_is_charged_by_value():
    """It is 80, the only index value kept: 25,000 of loss, of which A has 12,000."""
    desk = opened(12_000, mark=80, funding_sample_ns=MINUTE, delisting_samples=1)
    desk.wait(MINUTE)
    desk.mark(100)
    desk.deal(A, B, 10, 100)
    found = settled(desk)
    assert of_kind(found, DELEVERAGED) == [
        (DELEVERAGED, A, 10, -125_000 + 13_000, 13_000, B, 13_000),
    ]


# The lowest price, of both kinds.


def floored(mark: int = 60, **changes) -> Desk:
    """A linear contract with prices of 50 and above."""
    desk = Desk(contract(price_ticks_min=50, **changes))
    desk.open((A, 10**6), (B, 10**6))
    desk.mark(mark)
    return desk


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (0, refusals.PRICE_NOT_POSITIVE),
        (1, refusals.PRICE_BELOW_MIN),
        (49, refusals.PRICE_BELOW_MIN),
    ],
)
def test_1_2_a_limit_below_the_lowest_price_is_refused(price, code):
    desk = floored()
    assert code_of(desk.place(A, BUY, 1, price)) == code
    waiting = {"order_type": words.STOP_LIMIT, "trigger_source": 1, "trigger_ticks": 70}
    assert code_of(desk.place(A, BUY, 1, price, **waiting)) == code
    order = desk.place(A, BUY, 1, 50)[0][1]
    amended = {"order_id": order, "price_ticks": price, "lots": 1}
    assert code_of(desk.client(commands.AmendOrder, A, **amended)) == code
    row = commands.Quote(1, price, 1, 0, 0)
    found = desk.client(commands.MassQuote, B, protection=1, rows=(row,))
    assert of_kind(found, events.QUOTE_REFUSED)[0][3] == code


def test_1_2_so_are_triggers_brackets_and_bands_below_it():
    desk = floored()
    for ticks, code in ((49, refusals.TRIGGER_INVALID), (50, refusals.REDUCE_ONLY_NOTHING)):
        terms = MARKET_STOP | {"trigger_ticks": ticks, "flags": words.REDUCE_ONLY}
        assert code_of(desk.place(A, SELL, 1, 0, **terms)) == code
    entry = {"contract": 1, "side": BUY, "lots": 1, "price_ticks": 60, "trigger_source": 1}
    for ticks, kind in ((49, events.REFUSED), (50, events.ORDER_ACCEPTED)):
        found = desk.client(commands.PlaceBracket, A, stop_ticks=ticks, **entry)
        assert found[0][-1] == kind
    for low, kind in ((49, events.REFUSED), (50, events.BAND_SET)):
        found = desk.operator(commands.SetBand, contract=1, low_ticks=low, high_ticks=60)
        assert found[0][-1] == kind


def test_1_2_a_source_does_not_go_below_it():
    desk = floored()
    assert code_of(desk.mark(49)) == refusals.SOURCE_PRICE_INVALID
    assert mark_of(desk.mark(50))[:2] == (50, 50)


def test_6_1_an_index_below_it_is_degraded():
    """Half a unit of what the source prices."""
    desk = floored(100, index_units_ppb=(500_000_000,))
    assert desk.oracle.markets[1].mark == 50
    found = desk.mark(99)
    assert of_kind(found, events.INDEX_PUBLISHED)[0][2] == 0
    assert of_kind(found, events.STATE_CHANGED)[0][4] == words.WHY_SOURCES


def test_6_2_a_mark_stops_at_it():
    """The book's middle of 55 lies 5 below the index of 60; 51 - 5 is too low."""
    desk = floored(
        mark_method=words.MARK_BASIS, mark_band_ppb=20 * PERCENT, funding_sample_ns=MINUTE
    )
    desk.place(A, BUY, 10, 54)
    desk.place(B, SELL, 10, 56)
    desk.wait(MINUTE)
    assert mark_of(desk.mark(60))[0] == 55
    assert mark_of(desk.mark(51))[:2] == (50, 51)


def test_5_3_the_static_band_stops_at_it_and_so_does_a_market_order():
    """60 less 50% is 30; 52 less 10% is 47."""
    desk = floored(market_range_ppb=10 * PERCENT)
    assert desk.oracle.markets[1].band() == (50, 90)
    desk.place(B, BUY, 1, 52)
    found = desk.place(A, SELL, 2, 0, order_type=words.MARKET, tif=words.IOC)
    assert of_kind(found, events.ORDER_ACCEPTED)[0][4] == 50


def test_4_2_nothing_slides_below_it():
    """With an ask of 51 it goes to 50; with one of 50 it keeps its limit, and would trade."""
    desk = floored()
    flags = words.POST_ONLY | words.SLIDE
    desk.place(B, SELL, 1, 51)
    assert of_kind(desk.place(A, BUY, 1, 55, flags=flags), events.ORDER_ACCEPTED)[0][4] == 50
    desk = floored()
    desk.place(B, SELL, 1, 50)
    assert code_of(desk.place(A, BUY, 1, 55, flags=flags)) == refusals.POST_ONLY_WOULD_TRADE
