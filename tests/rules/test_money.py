"""Margin, cash and fees (8.2, 8.3, 8.4, 8.8) and the steps of a liquidation (9.2 to 9.4).

The mark is 1000 and rounding has something to do: a lot is worth 7 a tick where margin is tested.
"""

from typing import Any

import pytest

from engine.exchange import ConfigError
from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Tier
from tests.rules.story import (
    BUY,
    FUND,
    IOC,
    PERCENT,
    SELL,
    A,
    B,
    C,
    D,
    Events,
    Story,
    cancel_reasons,
    contract,
    named,
    only,
    order_id,
    refusal,
)

RICH = 10**9
PARTIAL, WHOLE = words.STEP_PARTIAL, words.STEP_WHOLE
BASIS_POINT = PERCENT // 100


def margined(cash: int, **terms: Any) -> Story:
    """A has this cash; 7 a tick and lot; initial 3%, maintenance 1.5%, fees 0.05% and 0.02%."""
    spec: dict[str, Any] = {
        "tick_value": 7,
        "initial_ppb": 3 * PERCENT,
        "maintenance_ppb": 15_000_000,
        "fee_taker_ppb": 5 * BASIS_POINT,
        "fee_maker_ppb": 2 * BASIS_POINT,
    }
    story = Story(contract(**(spec | terms)))
    story.open(A, cash)
    story.open(B, RICH)
    story.price(1_000)
    return story


def reserves(story: Story) -> tuple[int, int, int]:
    position = story.position(A)
    return position["reserve_buy"], position["reserve_sell"], position["loss_fee"]


# Margin before the book.


@pytest.mark.parametrize(
    ("side", "price", "expected"),
    [
        # 10 lots: value 69,300, 3% 2079, no loss, fee ceil(34.65)
        (BUY, 990, (2_079, 0, 35)),
        # value 70,700, 3% 2121, 10 ticks x 70 worse than the mark, fee ceil(35.35)
        (BUY, 1_010, (2_121, 0, 700 + 36)),
        # a sell below the mark is valued at the mark: 70,000
        (SELL, 990, (0, 2_100, 700 + 35)),
        (SELL, 1_010, (0, 2_121, 36)),
    ],
)
def test_rule_8_2_reserve_loss_and_fee_of_an_order(side, price, expected):
    story = margined(RICH)
    story.order(A, side, 10, price)
    assert reserves(story) == expected
    story.price(1_100)  # a mark that moves later leaves the reserve as it is
    assert reserves(story) == expected


def test_rule_8_2_reserve_is_rounded_up():
    story = margined(RICH)
    story.order(A, BUY, 1, 999)  # 6,993: 3% is 209.79, the fee 3.4965
    assert reserves(story) == (210, 0, 4)


def test_rule_8_2_the_rate_is_that_of_the_worst_case_notional():
    """From 20 lots x 7000 on the rate is 5%; the first order keeps its 3%."""
    tiers = (Tier(0, 3 * PERCENT, PERCENT), Tier(140_000, 5 * PERCENT, 2 * PERCENT))
    story = margined(RICH, tiers=tiers)
    story.order(A, BUY, 10, 990)
    story.order(A, BUY, 10, 990)
    assert reserves(story)[0] == 2_079 + 3_465
    story.cancel_all(A)
    story.order(A, BUY, 10, 990)
    story.order(A, BUY, 9, 990)  # 19 x 7000 is below the floor: 62,370 x 3% = 1871.1
    assert reserves(story)[0] == 2_079 + 1_872


@pytest.mark.parametrize(
    ("cash", "code"), [(2_192, refusals.OK), (2_191, refusals.MARGIN_INSUFFICIENT)]
)
def test_rule_8_2_a_flat_account_needs_the_dearer_side(cash, code):
    """Buy 10 at 990: 2079 and 35. Sell 10 at 1010: 2121 and 36. max(2079, 2121) + 35 + 36."""
    story = margined(cash)
    assert refusal(story.order(A, BUY, 10, 990)) == refusals.OK
    assert refusal(story.order(A, SELL, 10, 1_010)) == code


def test_rule_8_2_partial_fills_release_pro_rata_and_the_last_the_rest():
    """2079 and 35 on 10 lots. Fill 3: 623 and 10. Fill 6 of 7: 1248 and 21. Fill 1: the rest."""
    story = margined(RICH)
    story.order(A, BUY, 10, 990)
    left = []
    for lots in (3, 6, 1):
        story.order(B, SELL, lots, 990, tif=IOC)
        left.append(reserves(story))
    assert left == [(1_456, 0, 25), (208, 0, 4), (0, 0, 0)]


def amend(story: Story, number: int, price: int, lots: int) -> Events:
    return story.submit(
        commands.AmendOrder(
            time_ns=story.now_ns,
            account=A,
            client_id=story.client_id(),
            order_id=number,
            price_ticks=price,
            lots=lots,
        )
    )


@pytest.mark.parametrize(
    ("cash", "code"), [(2_117, refusals.OK), (2_116, refusals.MARGIN_INSUFFICIENT)]
)
def test_rule_8_2_an_amendment_is_margined_as_if_the_order_were_not_there(cash, code):
    """10 at 991: 69,370 x 3% is 2081.1, the fee 34.685; the old 2079 + 35 come back first."""
    story = margined(cash)
    number = order_id(story.order(A, BUY, 10, 990))
    assert refusal(amend(story, number, 991, 10)) == code
    assert reserves(story) == ((2_082, 0, 35) if code == refusals.OK else (2_079, 0, 35))


def test_rule_8_2_a_decrease_releases_pro_rata_and_a_cancel_all():
    story = margined(RICH)
    number = order_id(story.order(A, BUY, 10, 990))
    assert only(amend(story, number, 990, 4), "order_amended")["priority_kept"] == 1
    assert reserves(story) == (2_079 - 1_247, 0, 35 - 21)  # 6 of 10
    story.cancel(A, number)
    assert reserves(story) == (0, 0, 0)


def test_rule_8_2_a_position_and_the_orders_against_it():
    """Long 10: P = 2100. A sell of 25 has S = 5250: max(P, S - P) = 3150, and a fee of 88.

    After the opening fee of 14 (70,000 x 0.02%) a cash of 3252 is exactly enough.
    """
    for spare, code in ((0, refusals.OK), (-1, refusals.MARGIN_INSUFFICIENT)):
        story = margined(3_150 + 88 + 14 + spare)
        story.trade(A, B, 10, 1_000)
        assert refusal(story.order(A, SELL, 25, 1_000)) == code


def test_rule_8_2_what_only_reduces_passes_without_margin():
    """Long 10 with 2286 at 990: P = 2079 is above the equity of 1572; to reduce needs nothing."""
    story = margined(2_286)
    story.trade(A, B, 10, 1_000)
    story.price(990)
    assert story.equity(A) == 2_286 - 14 - 700
    assert refusal(story.order(A, BUY, 1, 980)) == refusals.MARGIN_INSUFFICIENT
    assert refusal(story.order(A, SELL, 11, 1_000)) == refusals.MARGIN_INSUFFICIENT
    assert refusal(story.order(A, SELL, 10, 1_000)) == refusals.OK
    assert refusal(story.order(A, SELL, 1, 1_000)) == refusals.MARGIN_INSUFFICIENT  # an 11th


def test_rule_8_2_a_reduce_only_order_reserves_nothing():
    story = margined(RICH)
    story.trade(A, B, 10, 1_000)
    story.order(A, SELL, 10, 1_000, flags=words.REDUCE_ONLY)
    assert reserves(story) == (0, 0, 0)


# Withdrawals.


@pytest.mark.parametrize(
    ("mark", "withdrawable"),
    [
        # long 10, cash 9986 after the fee of 14; 10% of the notional is above the initial margin
        (1_000, 9_986 - 7_000),
        (1_100, 9_986 + 7_000 - 7_700),
        (1_200, 9_986),  # 9,986 + 14,000 - 8,400 is more than the cash: profit stays
        (950, 0),  # 9,986 - 3,500 - 6,650 < 0
    ],
)
def test_rule_8_3_withdrawable_beside_a_position(mark, withdrawable):
    story = margined(10_000)
    story.trade(A, B, 10, 1_000)
    story.price(mark)
    code = refusal(story.withdraw(A, withdrawable + 1))
    assert code == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    if withdrawable:
        withdrawn = only(story.withdraw(A, withdrawable), "withdrawal_reserved")
        assert withdrawn["cash"] == 9_986 - withdrawable
    assert refusal(story.withdraw(A, 1)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE


def test_rule_8_3_withdrawable_beside_an_order():
    """2079 + 35 are reserved of 5000."""
    story = margined(5_000)
    story.order(A, BUY, 10, 990)
    assert refusal(story.withdraw(A, 2_887)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    assert only(story.withdraw(A, 2_886), "withdrawal_reserved")["cash"] == 2_114


def test_rule_8_3_the_tenth_of_the_notional_is_rounded_up():
    """9 lots of 7 x 1001 = 63,063: a tenth is 6306.3. Cash 10,000 - 13 of fee, profit 63."""
    story = margined(10_000)
    story.trade(A, B, 9, 1_000)
    story.price(1_001)
    limit = 10_000 - 13 + 63 - 6_307
    assert refusal(story.withdraw(A, limit + 1)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    assert refusal(story.withdraw(A, limit)) == refusals.OK


# Re-striking.


@pytest.mark.parametrize(
    ("mark_z", "restruck"),
    [
        (41, [(2, 490, 1_490)]),  # -590 and 100 of cash: only what is needed of the largest
        (40, [(2, 500, 1_500)]),
        (30, [(2, 500, 1_500), (1, 100, 1_100)]),  # then the next
    ],
)
def test_rule_8_4_the_largest_profit_first_and_only_what_is_needed(mark_z, restruck):
    """Long 10 of X, Y, Z at 100, cash 100; X 130 (+300), Y 150 (+500); Z is closed at a loss."""
    rates = {"initial_ppb": 2 * PERCENT, "maintenance_ppb": PERCENT}
    story = Story(*(contract(number, **rates) for number in (1, 2, 3)))
    story.open(A, 100)
    story.open(B, RICH)
    story.price(1, 100, 2, 100, 3, 100)
    for number in (1, 2, 3):
        story.trade(A, B, 10, 100, number=number)
    story.price(1, 130, 2, 150, 3, mark_z)
    equity = story.equity(A)
    events = named(story.trade(B, A, 10, mark_z, number=3), "profit_restruck", A)
    assert [(e.contract, e.values["amount"], e.values["entry_value"]) for e in events] == restruck
    assert (story.cash(A), story.equity(A)) == (0, equity)


def test_rule_8_4_of_equal_profits_the_contract_used_first():
    rates = {"initial_ppb": 2 * PERCENT, "maintenance_ppb": PERCENT}
    story = Story(*(contract(number, **rates) for number in (1, 2, 3)))
    story.open(A, 100)
    story.open(B, RICH)
    story.price(1, 100, 2, 100, 3, 100)
    for number in (2, 3, 1):
        story.trade(A, B, 10, 100, number=number)
    story.price(1, 130, 2, 130, 3, 80)
    events = story.trade(B, A, 10, 80, number=3)
    assert [event.contract for event in named(events, "profit_restruck", A)] == [2]


# Fees.


@pytest.mark.parametrize(
    ("cash", "fee", "rebate"),
    [
        # 99,000: fee 49.5 up, rebate of 0.02% 19.8 down
        (1_060, 50, 19),
        (1_040, 40, 19),  # 40 is left after the loss of 1000
        (1_019, 19, 19),
        (1_015, 15, 15),  # the rebate is paid only out of the fee of the fill
        (1_001, 1, 1),
    ],
)
def test_rule_8_8_a_fee_is_cut_to_what_remains_and_a_rebate_to_the_fee(cash, fee, rebate):
    """Long 100 from 1000 with this cash, closed at a mark of 990; maintenance is 1 unit."""
    story = Story(
        contract(
            initial_ppb=9_000_000,
            maintenance_ppb=1,
            fee_taker_ppb=5 * BASIS_POINT,
            fee_maker_ppb=-2 * BASIS_POINT,
        )
    )
    for account, amount in ((A, cash - 20), (B, RICH), (C, RICH)):
        story.open(account, amount)
    story.price(1_000)
    story.trade(A, B, 100, 1_000)  # A's order rests: a rebate of 20
    assert (story.cash(A), story.exchange.pool()["fees"]) == (cash, 30)
    story.order(C, BUY, 100, 990)
    story.price(990)
    events = story.order(A, SELL, 100, 990, tif=IOC)
    assert only(events, "leg", A)["fee"] == fee
    assert only(events, "leg", C)["fee"] == -rebate
    assert story.cash(A) == cash - 1_000 - fee
    assert story.cash(C) == RICH + rebate
    assert story.exchange.pool()["fees"] == 30 + fee - rebate


def test_rule_8_8_the_fee_is_one_rate_a_side_rounded_up():
    """7 x 1001 = 7007: 0.05% is 3.5035, 0.02% 1.4014."""
    story = margined(RICH)
    story.order(A, BUY, 1, 1_001)
    events = story.order(B, SELL, 1, 1_001)
    assert (only(events, "leg", B)["fee"], only(events, "leg", A)["fee"]) == (4, 2)


def test_rule_8_8_a_rebate_above_the_taker_rate_is_refused():
    terms = {"initial_ppb": 2 * PERCENT, "maintenance_ppb": PERCENT, "fee_taker_ppb": 10}
    assert Story(contract(fee_maker_ppb=-10, **terms))
    with pytest.raises(ConfigError, match="rebate exceeds the taker rate"):
        Story(contract(fee_maker_ppb=-11, **terms))


# Liquidation: long 100 from 1000 with cash 2000, initial 1.9%, maintenance 1.5%. At 990 equity is
# 1000 under 1485. The target is 120% of maintenance; closing is assumed to cost ceil(0.99) a lot.


def failing(mark: int = 990, bids: tuple[tuple[int, int], ...] = (), **terms: Any) -> Story:
    """C's bids as (price, lots), then the mark falls; the story's last events are that step."""
    config = {name: terms.pop(name) for name in ("fund_cash",) if name in terms}
    group = terms.pop("bidder_group", 0)
    spec = {"initial_ppb": 19_000_000, "maintenance_ppb": 15_000_000} | terms
    story = Story(contract(**spec), **config)
    story.open(A, 2_000)
    story.open(B, RICH)
    story.open(C, RICH, group=group)
    story.price(1_000)
    story.trade(A, B, 100, 1_000)
    for price, lots in bids:
        story.order(C, BUY, lots, price)
    story.events.clear()
    story.price(mark)
    return story


def steps_of(events: Events) -> list[tuple[int, int, int]]:
    """(kind, lots, limit) of every step."""
    return [
        (e.values["step"], e.values["lots"], e.values["limit_ticks"])
        for e in named(events, "liquidation_stepped")
    ]


def test_rule_9_2_a_margin_call_comes_once_until_it_is_cleared():
    """At 996 equity is 1600, between 1494 and 120% of it, 1792.8; at 998 1800 is above 1796.4."""
    story = failing(mark=996)
    called = only(tuple(story.events), "margin_called", A)
    assert called == {"equity": 1_600, "margin_maintenance": 1_494}
    assert not named(story.price(997), "margin_called")  # 1700 under 1795: called already
    assert not named(story.price(998), "margin_called")
    assert named(story.price(997), "margin_called", A)


def test_rule_9_2_a_margin_call_is_cleared_by_a_step_after_a_deposit():
    """With 1,000 more A has 2,700 at 997, above 1794.6: the next call is a new one. At 986 1,600
    are between 1479 and 1774.8."""
    story = failing(mark=996)
    assert named(tuple(story.events), "margin_called", A)
    story.deposit(A, 1_000)
    assert not named(story.price(997), "margin_called")
    assert named(story.price(986), "margin_called", A)


def test_rule_9_2_c_the_smallest_cut_that_reaches_the_target():
    """47 lots: 953 >= 120% of 788 = 945.6 for the 53 left; 46: 954 < 120% of 802 = 962.4."""
    story = failing(bids=((990, 200),))
    events = tuple(story.events)
    assert steps_of(events) == [(PARTIAL, 47, 980)]
    step = only(events, "liquidation_stepped")
    assert (step["equity"], step["margin_maintenance"], step["share"]) == (1_000, 1_485, 1_000)
    assert (story.lots(A), story.equity(A)) == (53, 1_000)
    ended = only(events, "liquidation_ended")  # at its target: the end waits for no cooldown
    assert ended == {"end": words.END_RECOVERED, "equity": 1_000, "margin_maintenance": 788}


def test_rule_9_2_c_a_cut_is_bounded_by_the_share_of_visible_depth():
    """60 bid: 30 lots. A second later 70 are held and 30 bid: 15 lots are both the cut and half.

    70 - 15 = 55: 985 >= 120% of 817 = 980.4; with 14: 986 < 120% of 832 = 998.4.
    """
    story = failing(bids=((990, 60),))
    assert steps_of(tuple(story.events)) == [(PARTIAL, 30, 980)]
    assert steps_of(story.go(1)) == [(PARTIAL, 15, 976)]  # 990 - floor(1000 / 70)
    assert (story.lots(A), story.equity(A)) == (55, 1_000)


def test_rule_9_2_c_depth_beyond_the_bankruptcy_price_does_not_count():
    story = failing(bids=((985, 20), (979, 100)))
    events = tuple(story.events)
    assert steps_of(events) == [(PARTIAL, 10, 980)]
    assert only(events, "trade")["price_ticks"] == 985
    assert (story.lots(A), story.equity(A)) == (90, 950)


def test_rule_9_2_d_a_step_that_fills_nothing_is_followed_by_the_whole_at_once():
    """The bids are of A's own group: they go (4.7), and 100 lots follow without a cooldown."""
    story = failing(bids=((990, 200),), bidder_group=A)
    events = tuple(story.events)
    assert steps_of(events) == [(PARTIAL, 47, 980), (WHOLE, 100, 980)]
    assert cancel_reasons(events) == [(C, "self_trade")]
    moved = only(events, "position_deleveraged")
    assert (moved["lots"], moved["value"]) == (100, 98_000)  # at the bankruptcy price
    assert (story.lots(A), story.cash(A)) == (0, 0)


@pytest.mark.parametrize(
    ("mark", "whole_lots", "kind"),
    [
        (990, 99, PARTIAL),
        (990, 100, WHOLE),  # a position of at most so many lots
        (985, 0, PARTIAL),  # 500 is at least a third of 1478: 492
        (984, 0, WHOLE),  # 400 is less than a third of 1476: 491
    ],
)
def test_rule_9_2_d_small_positions_and_small_equity_go_whole(mark, whole_lots, kind):
    story = failing(mark, bids=((mark, 200),), liquidation_whole_lots=whole_lots)
    assert steps_of(tuple(story.events))[0][0] == kind


@pytest.mark.parametrize(
    ("whole_equity_ppb", "kind"),
    [
        (338_200_000, PARTIAL),  # of 1478: 499.8596
        (338_300_000, WHOLE),  # 500.0074
        (338_500_000, WHOLE),  # 500.303
    ],
)
def test_rule_9_2_d_below_a_share_of_maintenance_is_below_its_fraction(whole_equity_ppb, kind):
    """At 985 equity is 500: below every share that is more, by however little."""
    story = failing(985, bids=((985, 200),), liquidation_whole_equity_ppb=whole_equity_ppb)
    assert steps_of(tuple(story.events))[0][0] == kind


def test_rule_9_2_b_orders_that_could_add_risk_are_cancelled_first():
    story = failing(mark=1_000, bids=((990, 200),))
    story.order(A, SELL, 5, 1_100, flags=words.REDUCE_ONLY)
    story.order(A, SELL, 5, 1_100)
    events = story.price(990)
    assert cancel_reasons(events)[0] == (A, "liquidation")
    assert story.exchange.depth(1)[1] == [(1_100, 5)]  # the reduce-only one stays


def test_rule_9_2_a_deposit_ends_the_liquidation():
    """The book takes 40 lots only; 60 lots need 891; 120% of it is 1069.2. It cools at 1000."""
    story = failing(bids=((990, 80),), liquidation_cooldown_ns=2 * 10**9)
    assert (story.lots(A), story.equity(A)) == (60, 1_000)
    assert not named(story.deposit(A, 69), "liquidation_ended")
    ended = only(story.deposit(A, 1), "liquidation_ended")
    assert ended == {"end": words.END_RECOVERED, "equity": 1_070, "margin_maintenance": 891}


@pytest.mark.parametrize("whole_equity_ppb", [333_333_333, 318_000_000])
def test_rule_9_2_d_the_whole_position_waits_for_no_cooldown(whole_equity_ppb):
    """After the partial the mark falls: 1000 - 60 x 12 = 280 is under a third of 881, and under
    280.158."""
    story = failing(
        bids=((990, 80),), liquidation_cooldown_ns=10**12,
        liquidation_whole_equity_ppb=whole_equity_ppb,
    )  # fmt: skip
    assert not steps_of(story.price(989))
    story.order(B, BUY, 100, 978)
    assert steps_of(story.price(978))[0][0] == WHOLE


def test_rule_9_2_d_who_cools_shorter_is_ready_first():
    """Of 60 lots bid at 990 each of A and D may sell 30. A's contract cools for 100 s, D's, which
    comes second, for 10."""
    rates = {"initial_ppb": 19_000_000, "maintenance_ppb": 15_000_000}
    story = Story(
        *(
            contract(number, liquidation_cooldown_ns=seconds * 10**9, **rates)
            for number, seconds in ((1, 100), (2, 10))
        )
    )
    for account, cash in ((A, 2_000), (D, 2_000), (B, RICH), (C, RICH)):
        story.open(account, cash)
    story.price(1, 1_000, 2, 1_000)
    for account, number in ((A, 1), (D, 2)):
        story.trade(account, B, 100, 1_000, number)
        story.order(C, BUY, 60, 990, number)
    for number in (1, 2):
        assert steps_of(story.price(number, 990)) == [(PARTIAL, 30, 980)]
    assert not steps_of(story.go(9))
    stepped = named(story.go(10), "liquidation_stepped")
    assert [event.account for event in stepped] == [D]


def test_rule_9_2_in_liquidation_nothing_can_be_withdrawn():
    """The client may deposit and cancel. Initial 10%, maintenance 9.5%: the target is 11.4%.

    At 994 9400 are under 9443; 20 bid lots allow 10. The 90 left need 8947 to open and 10,199
    to leave liquidation: 453 above the initial margin may not leave before.
    """
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=95_000_000))
    for account, cash in ((A, 10_000), (B, RICH), (C, RICH)):
        story.open(account, cash)
    story.price(1_000)
    story.trade(A, B, 100, 1_000)
    story.order(C, BUY, 20, 994)
    story.price(994)
    assert story.account(A)["in_liquidation"] and story.lots(A) == 90
    assert story.equity(A) == 9_400
    assert refusal(story.order(A, SELL, 1, 994)) == refusals.ACCOUNT_IN_LIQUIDATION
    assert refusal(story.withdraw(A, 453)) == refusals.ACCOUNT_IN_LIQUIDATION


@pytest.mark.parametrize(
    ("fee_ppb", "limit"),
    [
        (0, 980),  # 1000 / 100 lots
        (5_000_000, 985),  # less a fee of 495: 505 / 100, down: towards earlier bankruptcy
        (10_000_000, 990),  # 10 / 100
        (2 * PERCENT, 1_000),  # (1000 - 1980) / 100 = -9.8, down
    ],
)
def test_rule_9_3_the_limit_of_a_long_includes_the_liquidation_fee(fee_ppb, limit):
    story = failing(liquidation_fee_ppb=fee_ppb, liquidation_whole_lots=100)
    assert steps_of(tuple(story.events)) == [(WHOLE, 100, limit)]


@pytest.mark.parametrize(("fee_ppb", "limit"), [(0, 1_020), (5_000_000, 1_014)])
def test_rule_9_3_the_limit_of_a_short_is_its_mirror(fee_ppb, limit):
    """Short 100 from 1000 with cash 2000, mark 1010: equity 1000; 0.5% of 101,000 is 505."""
    story = Story(
        contract(
            initial_ppb=2 * PERCENT,
            maintenance_ppb=15_000_000,
            liquidation_fee_ppb=fee_ppb,
            liquidation_whole_lots=100,
        )
    )
    story.open(A, 2_000)
    story.open(B, RICH)
    story.price(1_000)
    story.trade(B, A, 100, 1_000)
    assert steps_of(story.price(1_010)) == [(WHOLE, 100, limit)]


def test_rule_9_3_equity_is_shared_by_maintenance():
    """100 X at 990 (1485) and 50 Y at 1000 (750), cash 3000 less 1000: X has 2000 x 1485 / 2235,
    1328, and its limit is 990 - 13; under 120% of 2235 its 100 lots go first."""
    rates = {"initial_ppb": 2 * PERCENT, "maintenance_ppb": 15_000_000}
    story = Story(*(contract(number, liquidation_whole_lots=100, **rates) for number in (1, 2)))
    story.open(A, 3_000)
    story.open(B, RICH)
    story.open(C, RICH)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 100, 1_000, number=1)
    story.trade(A, B, 50, 1_000, number=2)
    story.order(C, BUY, 100, 977)
    events = story.price(1, 990)
    step = named(events, "liquidation_stepped")[0]
    assert (step.contract, step.values["share"], step.values["limit_ticks"]) == (1, 1_328, 977)
    assert only(events, "trade")["price_ticks"] == 977
    # 2000 - 1300 = 700, above 120% of 750? No, 900: Y follows, whole and alone with all of it
    assert [s.contract for s in named(events, "liquidation_stepped")] == [1, 2]
    assert named(events, "liquidation_stepped")[1].values["share"] == 700


@pytest.mark.parametrize(
    ("fee_ppb", "taker_ppb", "bid", "fee", "left"),
    [
        (5_000_000, 0, 985, 493, 7),  # surplus 500; 0.5% of 98,500 is 492.5
        (6_000_000, 0, 986, 592, 8),  # surplus 600; 0.6% of 98,600 is 591.6
        (5_000_000, 0, 990, 495, 505),  # at mark: the rest of 1000 stays the client's
        (5_000_000, 500_000, 985, 450, 0),  # a trading fee of 50 comes first: what is left
    ],
)
def test_rule_9_4_the_liquidation_fee_is_cut_to_the_surplus(fee_ppb, taker_ppb, bid, fee, left):
    """Closed at 985 of a bankruptcy price of 980, 500 are above it."""
    story = failing(
        bids=((bid, 100),),
        liquidation_fee_ppb=fee_ppb,
        fee_taker_ppb=taker_ppb,
        liquidation_whole_lots=100,
    )
    events = tuple(story.events)
    assert only(events, "liquidation_fee_paid", A)["amount"] == fee
    assert (story.cash(A), story.lots(A)) == (left, 0)
    assert story.cash(FUND) == fee


def test_rule_9_4_the_surplus_is_that_of_the_position_not_of_the_account():
    """Contract 1 falls to 860: 8000 are left, under 4300 + 5000. The share of the position in
    contract 2 is 8000 x 5000 / 9300 = 4301. Sold at 980 it loses 2000, and 980 go as taker's fee:
    1321 are above its bankruptcy, less than 2% of 98,000, while the account has 5020 left."""
    terms = {"fee_taker_ppb": PERCENT, "liquidation_fee_ppb": 2 * PERCENT}
    rates = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
    story = Story(
        *(contract(k, **terms, **rates, liquidation_whole_lots=100) for k in (1, 2))
    )  # fmt: skip
    for account, cash in ((A, 22_000), (B, RICH), (C, RICH)):
        story.open(account, cash)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 100, 1_000, 1)
    story.trade(A, B, 100, 1_000, 2)
    story.order(C, BUY, 100, 980, 2)
    events = story.price(1, 860)
    first = named(events, "liquidation_stepped", A)[0]
    assert (first.contract, first.values["equity"], first.values["share"]) == (2, 8_000, 4_301)
    assert only(events, "liquidation_fee_paid", A)["amount"] == 1_321


@pytest.mark.parametrize(
    ("rate_ppb", "penalty"),
    [
        (0, 0),
        (5_000_000, 495),  # 0.5% of 99,000
        (5_000_001, 496),  # rounded up
        (2 * PERCENT, 1_000),  # its share of equity, all it has
    ],
)
def test_rule_9_4_the_takeover_penalty_is_at_most_the_share_of_equity(rate_ppb, penalty):
    """An empty book: the fund takes 100 lots at mark; the rest of the 1000 is returned."""
    story = failing(
        fund_cash=RICH,
        fund_value_max=RICH,
        fund_share_ppb=PPB,
        takeover_penalty_ppb=rate_ppb,
        liquidation_whole_lots=100,
    )
    taken = only(tuple(story.events), "position_taken_over")
    assert taken == {"lots": 100, "value": 99_000, "charge": 0, "penalty": penalty}
    assert (story.cash(A), story.lots(A)) == (1_000 - penalty, 0)
    assert (story.cash(FUND), story.lots(FUND)) == (RICH + penalty, 100)


def test_rule_9_4_a_fund_at_its_cap_takes_a_part_and_the_rest_is_deleveraged():
    """40 lots fit 39,600: their penalty is 198 of a share of 400. 60 lots go with 600 to B."""
    story = failing(
        fund_cash=RICH,
        fund_value_max=39_600 + 989,
        fund_share_ppb=PPB,
        takeover_penalty_ppb=5_000_000,
        liquidation_whole_lots=100,
    )
    events = tuple(story.events)
    taken = only(events, "position_taken_over")
    assert (taken["lots"], taken["penalty"]) == (40, 198)
    moved = only(events, "position_deleveraged")
    assert (moved["lots"], moved["value"]) == (60, 60 * 980)
    assert (story.cash(A), story.lots(A)) == (1_000 - 198 - 600, 0)
