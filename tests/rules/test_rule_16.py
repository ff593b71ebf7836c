"""Rule 16: the scenarios that broke an earlier draft, each by hand arithmetic.

Elsewhere: h, in test_interruptions.py. Not here, because the engine has no words for it yet: j (no
inverse contract), m (no coin as collateral).
"""

import pytest

from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, PPB
from tests.rules.story import (
    BUY,
    FOK,
    FUND,
    HOUR_NS,
    IOC,
    PERCENT,
    SELL,
    A,
    B,
    C,
    D,
    Story,
    cancel_reasons,
    changes_of,
    contract,
    named,
    only,
    order_id,
    refusal,
)

REDUCE_ONLY = {"flags": words.REDUCE_ONLY}
WHOLE = words.STEP_WHOLE


def test_rule_16a_own_bankruptcy_sold_to_a_friend():
    """Long 100 at mark 1000 with equity 1%; a sell at 950 would hand 5,000 to a friend."""
    story = Story(
        contract(initial_ppb=PERCENT, maintenance_ppb=PERCENT // 2, band_static_ppb=5 * PERCENT)
    )
    story.open(A, 1_000)
    story.open(B, 100_000)
    story.open(C, 100_000)  # the friend
    story.price(1_000)
    story.trade(A, B, 100, 1_000)
    story.order(C, BUY, 100, 950)
    events = story.order(A, SELL, 100, 950, tif=IOC)
    # 50 a lot: 20 lots would leave equity 0, below the maintenance 400 of the 80 left: 9.0 stops it
    assert not named(events, "trade")
    assert cancel_reasons(events) == [(A, "slippage")]
    assert (story.lots(A), story.cash(A), story.lots(C)) == (100, 1_000, 0)


@pytest.mark.parametrize(
    ("band_ppb", "at_mark_move", "at_the_fill"),
    [
        (5 * PERCENT, [(A, "band")], []),  # 5.3: 900 +- 45 leaves 1000 outside
        (20 * PERCENT, [], [(A, "solvency"), (B, "ioc")]),  # 9.0: equity 5,000 - 100 x 100 < 0
    ],
)
def test_rule_16b_stale_maker(band_ppb, at_mark_move, at_the_fill):
    """A resting buy 100 at 1000 with reserve 5,000 outlives a fall of the mark to 900."""
    story = Story(
        contract(initial_ppb=5 * PERCENT, maintenance_ppb=2 * PERCENT, band_static_ppb=band_ppb)
    )
    story.open(A, 5_000)
    story.open(B, 100_000)
    story.price(1_000)
    story.order(A, BUY, 100, 1_000)
    assert story.position(A)["reserve_buy"] == 5_000
    assert cancel_reasons(story.price(900)) == at_mark_move
    price = 1_000 if at_the_fill else 940
    events = story.order(B, SELL, 100, price, tif=IOC)
    assert not named(events, "trade")
    if at_the_fill:
        assert cancel_reasons(events) == at_the_fill
    assert (story.lots(A), story.cash(A)) == (0, 5_000)
    assert story.position(A)["reserve_buy"] == 0


def test_rule_16c_a_debit_above_cash_restrikes_the_profit():
    """Cash 100, unrealised +1000 on X; realising -500 on Y takes 400 out of X's profit (8.4)."""
    rates = {"initial_ppb": 2 * PERCENT, "maintenance_ppb": PERCENT}
    story = Story(contract(1, **rates), contract(2, **rates))
    story.open(A, 100)
    story.open(B, 100_000)
    story.price(1, 100, 2, 100)
    story.trade(A, B, 10, 100, number=1)
    story.trade(A, B, 10, 100, number=2)
    story.price(1, 200, 2, 50)
    events = story.trade(B, A, 10, 50, number=2)
    restruck = only(events, "profit_restruck", A)
    assert restruck == {"amount": 400, "entry_value": 1_400, "cash": 0}
    assert only(events, "leg", A)["realised"] == -500
    # equity 100 + 1000 - 500 = 600, all of it what is left of the profit on X: 2000 - 1400
    assert (story.cash(A), story.equity(A), story.lots(A, 2)) == (0, 600, 0)


def test_rule_16d_a_fill_at_the_bankruptcy_price_pays_no_fee():
    """Equity 1,000 on 100 lots at 1000: at 990 nothing is left for the fee of 50 (8.8)."""
    story = Story(
        contract(
            initial_ppb=PERCENT * 5 // 2,
            maintenance_ppb=2 * PERCENT,
            fee_taker_ppb=500_000,
            liquidation_whole_lots=100,
        )
    )
    story.open(A, 3_000)
    story.open(B, 100_000)
    story.open(C, 100_000)
    story.price(1_020)
    story.trade(A, B, 100, 1_020)  # A is the maker, without a fee
    story.order(C, BUY, 100, 990)
    events = story.price(1_000)  # equity 3000 - 100 x 20 = 1000, maintenance 2000
    step = only(events, "liquidation_stepped")
    assert (step["step"], step["lots"], step["limit_ticks"]) == (WHOLE, 100, 990)
    trade = only(events, "trade")
    assert (trade["price_ticks"], trade["lots"]) == (990, 100)
    leg = only(events, "leg", A)
    assert (leg["fee"], leg["realised"], leg["cash"]) == (0, -3_000, 0)
    assert (story.cash(A), story.lots(A)) == (0, 0)


def test_rule_16e_nine_missed_funding_intervals_are_supervised_one_by_one():
    """Equity 0.6%, maintenance 0.5%, 0.03% an interval: the fourth of nine brings it under."""
    story = Story(
        contract(
            initial_ppb=6_000_000,
            maintenance_ppb=5_000_000,
            tick_value=1_000,
            funding_interval_ns=HOUR_NS,
            funding_interest_ppb=2_400_000,  # 0.24% in 8 h: 0.03% in an hour
            funding_clamp_ppb=PERCENT,
            funding_cap_ppb=PERCENT,
        )
    )
    story.open(A, 60_000)
    story.open(B, 1_000_000)
    story.price(1_000)
    story.trade(A, B, 10, 1_000)  # 10 x 1000 x 1000 = 10 million, 0.6% of it
    events = story.advance(9 * 3_600)
    rates = [event.values for event in named(events, "funding_published")]
    assert [(r["rate_ppb"], r["growth"]) for r in rates] == [(300_000, 300)] * 9
    assert [event.values["late_ns"] for event in named(events, "funding_late")] == [
        hours * HOUR_NS for hours in range(8, 0, -1)
    ]
    names = [event.name for event in events]
    started = names.index("liquidation_started")
    assert names[:started].count("funding_published") == 4
    # 60,000 - 4 x 10 x 300 against 0.5% of 10 million
    assert events[started].values == {"equity": 48_000, "margin_maintenance": 50_000}
    called = only(events, "margin_called")  # after the first: 57,000 under 1.2 x 50,000
    assert called == {"equity": 57_000, "margin_maintenance": 50_000}
    assert story.cash(A) >= 0


def test_rule_16f_a_deficit_is_charged_to_the_contract_that_made_it():
    """Long 50 X and 50 Y with cash 12,000; X 1000 -> 600 costs 20,000: Y goes at mark (9.3)."""
    rates = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
    story = Story(contract(1, **rates), contract(2, **rates))
    story.open(A, 12_000)
    story.open(B, 50_000)
    story.open(C, 50_000)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 50, 1_000, number=1)
    story.trade(A, C, 50, 1_000, number=2)
    events = story.price(1, 600)
    moved = {event.contract: event.values for event in named(events, "position_deleveraged")}
    # 12,000 - 50 x 400 = -8,000: X leaves at 600 x 50 + 8,000, Y at 1000 x 50
    assert moved[1] == {
        "lots": 50, "value": 38_000, "charge": 8_000, "counterparty": B, "given_up": 8_000,
    }  # fmt: skip
    assert moved[2] == {
        "lots": 50, "value": 50_000, "charge": 0, "counterparty": C, "given_up": 0,
    }  # fmt: skip
    closed = only(events, "waterfall_closed", A)
    assert closed == {"deficit": 8_000, "fund": 0, "given_up": 8_000, "house": 0, "haircut": 0}
    assert (story.cash(A), story.lots(A, 1), story.lots(A, 2)) == (0, 0, 0)
    assert (story.cash(B), story.cash(C)) == (50_000 + 20_000 - 8_000, 50_000)


@pytest.mark.parametrize(
    "slippage_ppb",
    [
        4_000_000,
        5_000_000,
    ],
)
def test_rule_16g_no_partial_cut_helps_so_the_whole_position_goes(slippage_ppb):
    """q = 100, price 1000, equity 400, maintenance 500. At 4 a lot (the bankruptcy price) a cut x
    has 400 - 4x against 1.2 x 5 x (100 - x): only x = 100, no part, is enough; at 5 none is."""
    story = Story(
        contract(
            initial_ppb=9_000_000,
            maintenance_ppb=5_000_000,
            liquidation_slippage_ppb=slippage_ppb,
        )
    )
    story.open(A, 1_000)
    story.open(B, 100_000)
    story.open(C, 100_000)
    story.price(1_006)
    story.trade(A, B, 100, 1_006)
    story.order(C, BUY, 100, 996)
    events = story.price(1_000)  # 1000 - 100 x 6 = 400
    step = only(events, "liquidation_stepped")
    assert (step["equity"], step["margin_maintenance"], step["limit_ticks"]) == (400, 500, 996)
    assert (step["step"], step["lots"]) == (WHOLE, 100)
    assert only(events, "trade")["lots"] == 100
    assert (story.lots(A), story.cash(A)) == (0, 0)


def test_rule_16i_a_new_short_pays_nothing_for_a_loss_before_it():
    """Long at 1000 with bankruptcy 900, mark 600; who is short from 600 on gave nothing up."""
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT))
    story.open(A, 1_000)
    story.open(B, 100_000)
    story.open(C, 100_000)
    story.open(D, 100_000)
    story.price(1_000)
    story.trade(A, B, 10, 1_000)
    events = story.price(600)
    # the waterfall is over within the transition that found it: nobody can enter in between (9.8)
    changes = [tuple(change.values()) for change in changes_of(events)]
    assert changes == [
        (words.STATE_CONTINUOUS, words.STATE_DEFAULT, words.WHY_WATERFALL),
        (words.STATE_DEFAULT, words.STATE_CONTINUOUS, words.WHY_WATERFALL_DONE),
    ]
    moved = only(events, "position_deleveraged")
    assert (moved["given_up"], moved["value"]) == (3_000, 10 * 900)  # at the bankruptcy price
    story.trade(D, C, 10, 600)
    assert (story.cash(C), story.equity(C)) == (100_000, 100_000)
    assert story.cash(B) == 100_000 + 10 * 400 - 3_000


def test_rule_16i_a_counterparty_gives_no_more_than_its_lots_gained():
    """Two longs of 10 and a short of 10 fail at once; what the pairing leaves can't all be given.

    Mark 100 -> 90. A, long 10 with cash 10, lacks 90. B, short 5, gained 50 but lost 66 in Y:
    with cash 11 it lacks 5 and is paired off 5 lots. C, short 5, gained 10 a lot: of the 90 that
    now fall on its 5 lots it gives up 50. The rest comes out of the gains.
    """
    rates = {"initial_ppb": PERCENT, "maintenance_ppb": PERCENT // 2}
    story = Story(contract(1, **rates), contract(2, **rates))
    story.open(A, 10)
    story.open(B, 11)
    story.open(C, 1_000)
    story.open(D, 1_000)
    story.price(1, 100, 2, 100)
    story.trade(A, B, 5, 100)
    story.trade(A, C, 5, 100)
    story.trade(B, D, 6, 100, number=2)
    events = story.price(1, 90, 2, 89)
    # B: 11 + 50 - 66 = -5. Its charge falls on Y, the contract that cost it.
    assert only(events, "positions_paired")["lots"] == 5
    given = [event for event in named(events, "position_deleveraged", A)]
    assert [(e.values["counterparty"], e.values["lots"]) for e in given] == [(C, 5)]
    assert (given[0].values["charge"], given[0].values["given_up"]) == (90, 50)
    closed = only(events, "waterfall_closed", A)
    assert closed == {"deficit": 90, "fund": 0, "given_up": 50, "house": 0, "haircut": 40}
    # B's 5 are given up by D, whose 66 of Y then bear the haircut of 40; C has given all it gained
    assert only(events, "gains_cut") == {"gain": 61, "amount": 40, "cash": 1_000 + 66 - 5 - 40}
    assert story.cash(C) == 1_000
    assert story.cash(A) == story.cash(B) == 0


def test_rule_16k_the_fund_is_margined_like_an_account():
    """The fund takes 100 at 995; at mark 950 it is under its own maintenance and is reduced.

    Cash 5,000 - 100 x 45 = 500 against 1% of 95,000 = 950: deleveraged at mark (9.6).
    """
    story = Story(
        contract(
            initial_ppb=2 * PERCENT,
            maintenance_ppb=16_000_000,
            liquidation_whole_lots=100,
            fund_value_max=100_000,
            fund_share_ppb=PPB,
        ),
        fund_cash=5_000,
    )
    story.open(A, 2_000)
    story.open(B, 100_000)
    story.price(1_000)
    story.trade(A, B, 100, 1_000)
    taken = only(story.price(995), "position_taken_over")  # 2,000 - 500 under 1.6% of 99,500
    assert taken == {"lots": 100, "value": 99_500, "charge": 0, "penalty": 0}
    assert (story.cash(A), story.lots(FUND)) == (1_500, 100)
    events = story.price(950)
    started = only(events, "liquidation_started", FUND)
    assert started == {"equity": 500, "margin_maintenance": 1_520}
    moved = only(events, "position_deleveraged", FUND)
    assert (moved["lots"], moved["value"], moved["given_up"]) == (100, 95_000, 0)
    assert (story.cash(FUND), story.cash(B)) == (500, 105_000)


def test_rule_16l_empty_book_fund_at_cap_deficit_zero():
    """Long 10, equity exactly 0: the fund takes the 5 lots of its cap, 9.7 the others."""
    story = Story(
        contract(
            initial_ppb=10 * PERCENT,
            maintenance_ppb=5 * PERCENT,
            fund_value_max=450,
            fund_share_ppb=PPB,
        ),
        fund_cash=1_000,
    )
    story.open(A, 100)
    story.open(B, 10_000)
    story.price(100)
    story.trade(A, B, 10, 100)
    events = story.price(90)
    assert only(events, "position_taken_over")["lots"] == 5  # 450 / 90
    moved = only(events, "position_deleveraged")
    assert moved == {"lots": 5, "value": 450, "charge": 0, "counterparty": B, "given_up": 0}
    assert only(events, "liquidation_ended", A)["end"] == words.END_FLAT
    assert (story.cash(A), story.lots(A), story.lots(FUND), story.lots(B)) == (0, 0, 5, -5)


# 1% a step, rounded down, from 1000 until 735, the edge of 700 x 105%, is passed
MARKS_OF_16N = [
    990, 981, 972, 963, 954, 945, 936, 927, 918, 909, 900, 891, 883, 875, 867, 859, 851, 843,
    835, 827, 819, 811, 803, 795, 788, 781, 774, 767, 760, 753, 746, 739, 732,
]  # fmt: skip


def test_rule_16n_a_mark_held_outside_its_band_stops_new_risk_and_withdrawals():
    """Index 1000 -> 700 with band 5% and move 1% (6.2)."""
    story = Story(
        contract(
            initial_ppb=20 * PERCENT,
            maintenance_ppb=10 * PERCENT,
            mark_band_ppb=5 * PERCENT,
            mark_move_ppb=PERCENT,
        )
    )
    for account in (A, B, C):
        story.open(account, 10_000)
    story.price(1_000)
    story.trade(A, B, 10, 1_000)
    for step, mark in enumerate(MARKS_OF_16N):
        events = story.price(700)
        held = int(mark > 735)
        published = only(events, "mark_published")
        assert (published["mark_ticks"], published["held"]) == (mark, held)
        if step == 0:
            assert story.state() == "reduce_only"
            assert refusal(story.order(C, BUY, 1, 900)) == refusals.CONTRACT_REDUCE_ONLY
            assert refusal(story.withdraw(A, 1)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
            events = story.order(A, SELL, 5, 1_200)  # reduces
            assert refusal(events) == refusals.OK
    assert (story.mark(), story.state()) == (732, "continuous")
    assert refusal(story.withdraw(A, 1)) == refusals.OK
    assert refusal(story.order(C, BUY, 1, 700)) == refusals.OK


@pytest.mark.parametrize(("last_value_min", "mark"), [(10_000, 1_000), (0, 1_020)])
def test_rule_16p_small_prints_against_a_thin_book_move_nothing(last_value_min, mark):
    """Two prints of one lot at 1040 around an index of 1000; without a minimum they would be the
    last price, and the mark the middle of 1000 and 1040 (6.3)."""
    story = Story(
        contract(
            initial_ppb=20 * PERCENT,
            maintenance_ppb=10 * PERCENT,
            mark_band_ppb=5 * PERCENT,
            mark_last_value_min=last_value_min,
            funding_sample_ns=HOUR_NS,
            funding_impact_value=10_000,
        )
    )
    story.open(A, 10_000)
    story.open(B, 10_000)
    story.price(1_000)
    story.trade(A, B, 1, 1_040)
    story.trade(A, B, 1, 1_040)
    story.advance(3_600)
    published = only(story.price(1_000), "mark_published")
    assert published["mark_ticks"] == mark
    assert published["basis_ticks"] == 0  # the book is thinner than the impact value


def test_rule_16q_the_counterparty_gives_what_is_missing_and_no_more():
    """tick_value 1000, long 1, cash 500, 100 -> 99: the deficit is 500 of a loss of 1000 (9.3)."""
    story = Story(contract(initial_ppb=5_000_000, maintenance_ppb=1_000_000, tick_value=1_000))
    story.open(A, 500)
    story.open(B, 10_000)
    story.price(100)
    story.trade(A, B, 1, 100)
    events = story.price(99)
    moved = only(events, "position_deleveraged")
    assert moved == {
        "lots": 1, "value": 99_500, "charge": 500, "counterparty": B, "given_up": 500,
    }  # fmt: skip
    assert (story.cash(A), story.lots(A), story.cash(B)) == (0, 0, 10_000 + 1_000 - 500)


def hedger(kind: int = words.KIND_CLIENT, **config: int) -> Story:
    """Marks 100; A short 1 Y, cash 1; B (the hedger) long 1 Y and 1 X, cash 2; C short 1 X."""
    rates = {"initial_ppb": PERCENT, "maintenance_ppb": PERCENT // 2}
    story = Story(contract(1, **rates), contract(2, **rates), **config)
    story.open(A, 1)
    story.open(B, 2)
    story.open(C, 20, kind=kind)
    story.price(1, 100, 2, 100)
    story.trade(B, A, 1, 100, number=2)
    story.trade(B, C, 1, 100, number=1)
    return story


@pytest.mark.parametrize(
    "kind", [words.KIND_CLIENT, words.KIND_LIQUIDITY_PROVIDER, words.KIND_AFFILIATE]
)
def test_rule_16r_a_hedger_is_not_bankrupted_and_the_debtor_still_ends_flat(kind):
    """Then Y 112, X 90. A: 1 - 12 = -11. B: 2 + 12 - 10 = 4 can't give up 11 for its lot. Whoever C
    is, its gain is in the haircut's base (9.8)."""
    story = hedger(kind)
    events = story.price(1, 90, 2, 112)
    # net gains of the step: B 12 - 10 = 2, C 10; by account id with running remainders:
    # B floor(11 x 2 / 12) = 1, C the rest 10
    cuts = [
        (event.account, event.values["gain"], event.values["amount"])
        for event in named(events, "gains_cut")
    ]
    assert cuts == [(B, 2, 1), (C, 10, 10)]
    assert only(events, "withdrawals_stopped") == {"deficit": 11}
    closed = only(events, "waterfall_closed")
    assert closed == {"deficit": 11, "fund": 0, "given_up": 0, "house": 0, "haircut": 11}
    moved = only(events, "position_deleveraged")  # at mark: it changes no equity
    assert (moved["value"], moved["given_up"]) == (112, 0)
    assert (story.cash(A), story.lots(A, 2)) == (0, 0)
    assert (story.cash(B), story.equity(B), story.lots(B, 2)) == (2 + 12 - 1, 3, 0)
    assert story.cash(C) == 20 - 10


def test_rule_16s_the_fund_pays_in_cash_before_house_and_haircut():
    """As r, with a fund of 1000 that may hold no position and a house layer of 500 (9.8)."""
    story = hedger(fund_cash=1_000, house_cash=500)
    events = story.price(1, 90, 2, 112)
    covered = only(events, "deficit_covered")
    assert (covered["layer"], covered["amount"]) == (words.LAYER_FUND, 11)
    assert not named(events, "gains_cut") and not named(events, "withdrawals_stopped")
    closed = only(events, "waterfall_closed")
    assert closed == {"deficit": 11, "fund": 11, "given_up": 0, "house": 0, "haircut": 0}
    assert (story.cash(FUND), story.exchange.pool()["house"]) == (989, 500)
    assert (story.cash(A), story.lots(A, 2)) == (0, 0)


def funding_of_one_percent() -> Story:
    """One interval makes a long pay 10 a lot at mark 1000."""
    return Story(
        contract(
            initial_ppb=2_000_000,
            maintenance_ppb=1_000_000,
            funding_interest_ppb=PERCENT,
            funding_clamp_ppb=PERCENT,
            funding_cap_ppb=PERCENT,
        )
    )


@pytest.mark.parametrize("cash_of_receiver", [1_000, 2])
def test_rule_16t_receivers_of_funding_give_up_what_the_payer_lacks(cash_of_receiver):
    """Long 1 with cash 2 owes 10; fund and house hold nothing: of the 10 received 8 are given up.

    With cash 2 this is x as well: the receipt is settled before it is given up (8.4).
    """
    story = funding_of_one_percent()
    story.open(A, 2)
    story.open(B, cash_of_receiver)
    story.price(1_000)
    story.trade(A, B, 1, 1_000)
    events = story.advance(8 * 3_600)
    assert only(events, "funding_published")["growth"] == 10
    moved = only(events, "position_deleveraged")
    assert moved == {
        "lots": 1, "value": 1_008, "charge": 8, "counterparty": B, "given_up": 8,
    }  # fmt: skip
    assert (story.cash(A), story.lots(A)) == (0, 0)
    assert story.cash(B) == cash_of_receiver + 2


def test_rule_16u_the_fund_is_in_the_base_of_the_haircut():
    """Fund 100, no loss allowed, long 1 against B; mark 98 -> 160 leaves B at -58."""
    story = Story(
        contract(
            initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT, fund_value_max=1_000,
            fund_share_ppb=PPB,
        ),
        fund_cash=100,
        fund_loss_day_max=0,
    )  # fmt: skip
    story.open(A, 2)
    story.open(B, 2)
    story.price(100)
    story.trade(A, B, 1, 100)
    story.price(98)  # A: 2 - 2 = 0, under maintenance: the fund takes its lot at mark
    assert (story.lots(FUND), story.cash(FUND), story.lots(A)) == (1, 100, 0)
    events = story.price(160)  # B: 2 - 60
    paired = only(events, "positions_paired", B)
    assert paired == {"lots": 1, "value": 160, "counterparty": FUND}
    cut = named(events, "gains_cut")
    assert [(e.account, e.values["gain"], e.values["amount"]) for e in cut] == [(FUND, 62, 58)]
    assert (story.cash(FUND), story.lots(FUND)) == (100 + 62 - 58, 0)
    assert (story.cash(B), story.lots(B)) == (0, 0)


def test_rule_16v_a_negative_fund_runs_the_waterfall_like_an_account():
    """Fund 12 takes 1 long at 97; mark 50: 12 - 47 = -35 is given up by the short that won 47."""
    story = Story(
        contract(
            initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT, fund_value_max=1_000,
            fund_share_ppb=PPB,
        ),
        fund_cash=12,
    )  # fmt: skip
    story.open(A, 3)
    story.open(B, 10)
    story.price(100)
    story.trade(A, B, 1, 100)
    story.price(97)
    assert (story.lots(FUND), story.position(FUND)["entry_value"]) == (1, 97)
    events = story.price(50)
    closed = only(events, "waterfall_closed", FUND)
    assert closed == {"deficit": 35, "fund": 0, "given_up": 35, "house": 0, "haircut": 0}
    assert only(events, "position_deleveraged", FUND)["value"] == 85
    assert (story.cash(FUND), story.lots(FUND)) == (0, 0)
    assert story.cash(B) == 10 + 50 - 35


def test_rule_16w_two_mark_moves_in_one_command_have_two_bases():
    """23 -> 31 -> 21 in one command.

    First step: A, short 1 with cash 2, lacks 6; B, long 10 with cash 14, gives 6 of its 8 a lot.
    Second: B, long 9, has 14 + 80 - 6 - 90 = -2. C, short 9 with cash 80, is in liquidation since
    the first step (8 under 5% of 279) and won 90 in the second: the base is 90, not 90 - 72.
    """
    story = Story(contract(initial_ppb=6 * PERCENT, maintenance_ppb=5 * PERCENT))
    story.open(A, 2)
    story.open(B, 14)
    story.open(C, 80)
    story.price(23)
    story.order(B, BUY, 10, 23)
    story.order(A, SELL, 1, 23)
    story.order(C, SELL, 9, 23)
    events = story.price(1, 31, 1, 21)
    closed = [(event.account, event.values) for event in named(events, "waterfall_closed")]
    assert closed == [
        (A, {"deficit": 6, "fund": 0, "given_up": 6, "house": 0, "haircut": 0}),
        (B, {"deficit": 2, "fund": 0, "given_up": 2, "house": 0, "haircut": 0}),
    ]
    assert not named(events, "gains_cut")
    assert [story.cash(account) for account in (A, B, C)] == [0, 0, 80 - 72 + 90 - 2]
    assert [story.lots(account) for account in (A, B, C)] == [0, 0, 0]


def test_rule_16x_an_unsettled_funding_receipt_is_settled_before_it_is_given_up():
    """B has cash 2 and 10 of funding to come, and gives up 8: its cash never falls below zero."""
    story = funding_of_one_percent()
    story.open(A, 2)
    story.open(B, 2)
    story.price(1_000)
    story.trade(A, B, 1, 1_000)
    events = story.advance(8 * 3_600)
    cash = [(e.name, e.values["cash"]) for e in events if e.account == B and "cash" in e.values]
    assert cash == [("funding_settled", 12), ("leg", 4)]


def test_rule_16y_a_cut_of_no_lots_sends_the_whole_position_on():
    """Long 10, one bid of 1 lot, half of the depth allowed: floor(0.5) = 0 (9.2 d).

    Mark 990, cash 200: equity 100 under 149. The cut would be 5: 95 >= 1.2 x 75 = 90, and with 4
    96 < 1.2 x 90 = 108. So all 10: 1 at 985 in the book, 9 deleveraged with their share
    100 - 5 = 95 at the bankruptcy price.
    """
    story = Story(contract(initial_ppb=2 * PERCENT, maintenance_ppb=15_000_000))
    story.open(A, 200)
    story.open(B, 10_000)
    story.open(C, 10_000)
    story.price(1_000)
    story.trade(A, B, 10, 1_000)
    story.order(C, BUY, 1, 985)
    events = story.price(990)
    step = only(events, "liquidation_stepped")
    assert (step["step"], step["lots"], step["limit_ticks"]) == (WHOLE, 10, 980)
    trade = only(events, "trade")
    assert (trade["lots"], trade["price_ticks"]) == (1, 985)
    moved = only(events, "position_deleveraged")
    assert (moved["lots"], moved["value"]) == (9, 9 * 990 - 95)
    assert only(events, "liquidation_ended")["end"] == words.END_FLAT
    assert (story.cash(A), story.cash(B)) == (0, 10_000 + 9_000 - 9 * 990 + 95)


def long_of_100() -> Story:
    """Long 100 at 1000, equity 1000, maintenance 0.5%; B sold, C is the friend."""
    story = Story(contract(initial_ppb=PERCENT, maintenance_ppb=PERCENT // 2))
    story.open(A, 1_000)
    story.open(B, 100_000)
    story.open(C, 100_000)
    story.price(1_000)
    story.trade(A, B, 100, 1_000)
    return story


def three_makers() -> Story:
    """A, B and C, one group, offer 40 each at 1001, 1002, 1003, in a window of 60; D is rich."""
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT))
    for account in (A, B, C):
        story.open(account, 10**6, group=77)
    story.open(D, 10**6)
    story.price(1_000)
    fields = {"time_ns": story.now_ns, "protection": 1}
    story.submit(
        commands.SetProtection(
            account=C, client_id=story.client_id(), window_ns=NS_PER_DAY, lots_max=60, **fields
        )
    )
    for account, ask_ticks in ((A, 1_001), (B, 1_002), (C, 1_003)):
        row = commands.Quote(1, 990, 1, ask_ticks, 40)
        story.submit(
            commands.MassQuote(account=account, client_id=story.client_id(), rows=(row,), **fields)
        )
    return story


@pytest.mark.parametrize(
    ("lots", "price", "traded"),
    [
        (100, 1_003, []),  # 120 stand there, 80 can be had: the third is gone behind the second
        (81, 1_003, []),
        (80, 1_003, [40, 40]),
        (60, 1_003, [40, 20]),  # the limit is reached, not passed
        (59, 1_003, [40, 19]),
    ],
)
def test_rule_16o_fill_or_kill_against_three_quotes_with_a_limit_of_60(lots, price, traded):
    story = three_makers()
    events = story.order(D, BUY, lots, price, tif=FOK)
    assert [trade.values["lots"] for trade in named(events, "trade")] == traded
    if not traded:
        assert cancel_reasons(events) == [(D, "fok")]
        assert story.exchange.depth(1)[1] == [(1_001, 40), (1_002, 40), (1_003, 40)]
    assert len(named(events, "protection_tripped")) == (1 if sum(traded) >= 60 else 0)


def test_rule_16o_protection_trips_between_two_fills_of_one_sweep():
    """A look at the book before the sweep would sell the third quote, too."""
    story = three_makers()
    events = story.order(D, BUY, 100, 1_003, tif=IOC)
    names = [event.name for event in events if event.name in ("trade", "protection_tripped")]
    assert names == ["trade", "trade", "protection_tripped"]
    tripped = only(events, "protection_tripped", B)
    assert tripped == {"protection": 1, "lots": 80, "fills": 2, "net_lots": -80}
    gone = [(A, "protection"), (B, "protection"), (C, "protection"), (C, "protection"), (D, "ioc")]
    assert cancel_reasons(events) == gone
    assert story.exchange.depth(1) == ([], [])


def test_rule_16o_decrement_reports_what_it_takes_from_both():
    """D's own 5 are in the way of its 8: 5 are cancelled on both, 3 trade with A; every lot asked
    for is told of, as filled or as cancelled."""
    story = three_makers()
    own = order_id(story.order(D, SELL, 5, 1_000))
    events = story.order(D, BUY, 8, 1_001, stp=words.STP_DECREMENT)
    reduced = only(events, "order_reduced", D)
    assert (reduced["lots"], reduced["lots_open"]) == (5, 3)
    assert reduced["reason"] == words.CANCEL_SELF_TRADE
    ended = only(events, "order_cancelled", D)
    assert (ended["order_id"], ended["lots"]) == (own, 5)
    assert ended["reason"] == words.CANCEL_SELF_TRADE
    assert [trade.values["lots"] for trade in named(events, "trade")] == [3]
    assert story.lots(D) == 3


def test_rule_16z_a_reduce_only_sell_beyond_the_slippage_is_refused():
    """50 at 980 would cost 1000, all its equity, with 50 lots left that need 250 (9.0)."""
    story = long_of_100()
    story.order(C, BUY, 50, 980)
    events = story.order(A, SELL, 50, 980, tif=IOC, **REDUCE_ONLY)
    assert not named(events, "trade")
    assert cancel_reasons(events) == [(A, "slippage")]
    assert (story.lots(A), story.cash(A)) == (100, 1_000)


def test_rule_16z_a_resting_reduce_only_sell_is_cancelled_before_it_trades():
    """The same story with the friend as the aggressor: the maker's order goes, whole."""
    story = long_of_100()
    assert order_id(story.order(A, SELL, 50, 980, **REDUCE_ONLY))
    events = story.order(C, BUY, 50, 980)
    assert not named(events, "trade")
    assert cancel_reasons(events) == [(A, "slippage")]
    assert (story.lots(A), story.cash(A), story.lots(C)) == (100, 1_000, 0)
