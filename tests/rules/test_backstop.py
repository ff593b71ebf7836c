"""What stands behind the book: liquidity providers (9.2 e), the fund's slices and cover (9.6).

Unless a story says otherwise A is long 10 at 1000 with a cash of 1000 against B, and nobody has an
order; 940 leaves 400 of the 470 that A must hold.
"""

import pytest

from engine.drill import Layers, run_drill
from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND, PPB
from engine.schema.commands import Quote
from risk.stress import Scenario
from tests.rules.backstop_story import (
    ANYTHING,
    LP,
    ONE_PERCENT,
    RATES,
    RICH,
    BackstopStory,
    long_ten,
    provided,
)
from tests.rules.story import (
    BUY,
    FUND,
    GTC,
    IOC,
    PERCENT,
    SELL,
    START_NS,
    A,
    B,
    C,
    D,
    E,
    Events,
    F,
    contract,
    named,
    only,
    order_id,
    refusal,
)

R = refusals


def names(events: Events) -> list[str]:
    return [event.name for event in events]


# Liquidity providers


def test_rule_9_2_providers_take_at_mark_less_the_penalty():
    """Rooms of 6 and 4 for 10 lots at 940. D: 6 x 940 less ceil(56.4); A then has 343, and E takes
    4 x 940 less ceil(37.6). A keeps 305, and the fund, which could take all, gets nothing."""
    story = long_ten(fund_cash=RICH, **ANYTHING, **ONE_PERCENT)
    story.provider(D, 6)
    story.provider(E, 4)
    events = story.price(940)
    first, second = named(events, "position_provided")
    assert (first.account, first.contract) == (A, 1)
    assert first.values == {"lots": 6, "value": 5_583, "provider": D, "penalty": 57}
    assert second.values == {"lots": 4, "value": 3_722, "provider": E, "penalty": 38}
    assert not named(events, "liquidation_fee_paid")
    assert (story.lots(A), story.lots(D), story.lots(E), story.lots(FUND)) == (0, 6, 4, 0)
    assert (story.cash(A), story.equity(D), story.equity(E)) == (305, RICH + 57, RICH + 38)
    assert story.cash(FUND) == RICH and only(events, "liquidation_ended")["end"] == words.END_FLAT


def test_rule_9_2_the_legs_of_debtor_and_provider_follow():
    story = long_ten()
    story.provider(D, 10)
    events = story.price(940)
    at = names(events).index("position_provided")
    legs = events[at + 1 : at + 3]
    assert [(leg.name, leg.account) for leg in legs] == [("leg", A), ("leg", D)]
    assert (legs[0].values["realised"], legs[1].values["entry_value"]) == (-600, 9_400)


def test_rule_9_2_a_provider_of_a_short_debtor_sells_above_the_mark():
    """Short 10 at 1000, mark 1060: 10 x 1060 plus ceil(106), out of the 400 left."""
    story = long_ten(side=SELL, **ONE_PERCENT)
    story.provider(D, 10)
    told = only(story.price(1_060), "position_provided")
    assert told == {"lots": 10, "value": 10_706, "provider": D, "penalty": 106}
    assert (story.lots(D), story.equity(D), story.cash(A)) == (-10, RICH + 106, 294)


def test_rule_9_2_a_provider_in_an_inverse_contract():
    """A lot is worth 10^9 / price: 1,000,000 at 1000, 1,063,830 at 940. A long 10 has lost 638,300
    of 1,000,000; the penalty is 1% of the size, and the value of a long is below zero."""
    story = long_ten(10**6, tick_value=0, contract_value=10**9, price_ticks_min=100, **ONE_PERCENT)
    story.provider(D, 10, cash=10**9)
    told = only(story.price(940), "position_provided")
    assert told == {"lots": 10, "value": -10_744_683, "provider": D, "penalty": 106_383}
    assert story.equity(D) == 10**9 + 106_383
    assert story.cash(A) == 1_000_000 - 638_300 - 106_383


@pytest.mark.parametrize(
    ("capacity", "held", "lots"),
    [(4, 0, 4), (4, 3, 1), (4, 4, 0), (4, 5, 0), (4, -3, 7), (10, -3, 10), (0, -3, 0), (20, 0, 10)],
)
def test_rule_9_2_room_is_capacity_less_what_the_provider_holds_on_the_side(capacity, held, lots):
    story = long_ten()
    story.provider(D, capacity)
    if held:
        buyer, seller = (D, B) if held > 0 else (B, D)
        story.trade(buyer, seller, abs(held), 1_000)
    events = story.price(940)
    assert provided(events) == ([(D, lots)] if lots else [])
    assert story.lots(A) == 0


def test_rule_9_2_who_holds_more_than_its_capacity_takes_no_room_from_others():
    story = long_ten()
    story.provider(D, 4)
    story.trade(D, B, 8, 1_000)
    story.provider(E, 10)
    assert provided(story.price(940)) == [(E, 10)]


@pytest.mark.parametrize(
    ("capacities", "lots"),
    [
        ((7, 7, 7), (3, 3, 4)),  # floor(10 x 7 / 21), floor(7 x 7 / 14), the rest
        ((3, 3, 3), (3, 3, 3)),  # nobody beyond his capacity: the last lot goes on
        ((1, 100, 0), (0, 10, 0)),  # floor(10 x 1 / 101)
        ((5, 0, 100), (0, 0, 10)),
        ((20, 20, 2), (4, 5, 1)),  # floor(200 / 42), floor(120 / 22), the rest
    ],
)
def test_rule_9_2_providers_are_asked_by_their_room_in_the_order_of_ids(capacities, lots):
    """Whatever the order in which their capacities were set."""
    story = long_ten()
    providers = (D, E, F)
    for account, capacity in reversed(tuple(zip(providers, capacities, strict=True))):
        story.provider(account, capacity)
    asked = [(account, n) for account, n in zip(providers, lots, strict=True) if n]
    assert provided(story.price(940)) == asked


def test_rule_9_2_a_capacity_can_be_changed_and_taken_back():
    story = long_ten()
    for account in (F, D, E):
        story.provider(account, 4)
    assert only(story.capacity(E, 0), "capacity_set") == {"lots": 0}
    story.capacity(E, 0)
    story.capacity(D, 2)
    story.capacity(F, 3)
    assert [story.position(account)["capacity"] for account in (D, E, F)] == [2, 0, 3]
    story.capacity(D, 0)
    story.capacity(E, 1)
    assert provided(story.price(940)) == [(E, 1), (F, 3)]


def test_rule_9_2_a_provider_of_the_debtors_group_is_not_asked():
    story = long_ten()
    story.provider(D, 10, group=A)
    story.provider(E, 2)
    assert provided(story.price(940)) == [(E, 2)]


@pytest.mark.parametrize(("is_back", "taken"), [(False, []), (True, [(D, 10)])])
def test_rule_8_5_a_provider_that_has_isolated_the_contract_is_not_asked(is_back, taken):
    """A's 10 lots are closed whole; D has room for them all, and is asked when it is back."""
    story = long_ten()
    story.provider(D, 10)
    story.isolate(D)
    if is_back:
        story.join(D)
    events = story.price(940)
    assert only(events, "liquidation_stepped")["step"] == words.STEP_WHOLE
    assert provided(events) == taken and story.lots(A) == 0
    assert (story.lots(D), story.lots(B)) == ((10, -10) if is_back else (0, 0))


def test_rule_9_2_a_provider_in_liquidation_is_not_asked():
    """D stands exactly as A does, and has more room."""
    story = long_ten()
    story.provider(D, 100, cash=1_000)
    story.trade(D, B, 10, 1_000)
    story.provider(E, 10)
    events = story.price(940)
    assert {event.account for event in named(events, "liquidation_started")} == {A, D}
    assert {provider for provider, _ in provided(events)} == {E}


def test_rule_9_2_a_provider_in_liquidation_is_not_asked_though_it_could_margin_more():
    """The target is three times the maintenance. D, long 10 with 450 at 945, sells 2 of the 20 lots
    bid for and cools; with 600 more it has 1010 at 940, of the 752 that 8 lots require and of the
    1128 that end its liquidation."""
    story = long_ten(
        1_050, liquidation_depth_ppb=10 * PERCENT, liquidation_whole_equity_ppb=0,
        liquidation_cooldown_ns=3_600 * NS_PER_SECOND, liquidation_buffer_ppb=2 * PPB,
    )  # fmt: skip
    story.provider(D, 100, cash=1_000)
    story.trade(D, B, 10, 1_000)
    story.open(C, RICH)
    story.order(C, BUY, 20, 945)
    story.price(945)
    story.cancel_all(C)
    story.deposit(D, 600)
    assert (story.lots(D), story.equity(D)) == (8, 1_050)
    events = story.price(940)
    assert story.account(D)["in_liquidation"] and story.equity(D) == 1_010
    assert named(events, "liquidation_ended", A) and not provided(events)


@pytest.mark.parametrize(("cash", "lots"), [(93, 0), (94, 1), (281, 2), (282, 3), (940, 10)])
def test_rule_9_2_a_provider_takes_only_what_it_can_margin(cash, lots):
    """A lot at 940 requires 94; no penalty."""
    story = long_ten()
    story.provider(D, 10, cash)
    assert provided(story.price(940)) == ([(D, lots)] if lots else [])


@pytest.mark.parametrize(("cash", "lots"), [(337, 3), (338, 4)])
def test_rule_9_2_the_penalty_counts_for_what_the_provider_can_margin(cash, lots):
    """Four lots require 376 and bring ceil(37.6)."""
    story = long_ten(**ONE_PERCENT)
    story.provider(D, 10, cash)
    assert provided(story.price(940)) == [(D, lots)]


@pytest.mark.parametrize(
    ("side", "lots", "price", "cash", "taken"),
    [
        (BUY, 1, 890, 300, 2),  # 94 a lot behind a reserve of 89
        (SELL, 5, 1_000, 500, 5),  # 500 reserved to sell: up to 94 x 5 nothing more is needed
    ],
)
def test_rule_9_2_a_providers_orders_count_in_its_requirement(side, lots, price, cash, taken):
    story = long_ten()
    story.provider(D, 10, cash)
    story.order(D, side, lots, price)
    assert provided(story.price(940)) == [(D, taken)]


@pytest.mark.parametrize(("side", "mark", "lots"), [(BUY, 940, 27), (SELL, 1_060, 25)])
def test_rule_9_2_a_provider_on_the_other_side_closes_and_then_opens(side, mark, lots):
    """A holds 30 lots, D 10 on the other side since 1000 with 1000, which are 1600 now: it closes
    10 and then opens the 17 for which 17 x 94 = 1598, or the 15 for which 15 x 106 = 1590."""
    story = long_ten(3_000, side=side)
    story.provider(D, 100, cash=1_000)
    for other in (D, B):
        buyer, seller = (A, other) if side == BUY else (other, A)
        story.trade(buyer, seller, 10, 1_000)
    assert provided(story.price(mark)) == [(D, lots)]
    assert (abs(story.lots(D)), story.equity(D)) == (lots - 10, 1_600)


def test_rule_9_4_the_fund_takes_the_rest_at_a_share_taken_anew():
    """At a rate of 100% the share of equity decides: of 401, D gets floor(401 x 6 / 10) = 240; the
    fund gets all the 161 left, not floor(401 x 4 / 10)."""
    story = long_ten(1_001, fund_cash=RICH, takeover_penalty_ppb=PPB, **ANYTHING)
    story.provider(D, 6)
    events = story.price(940)
    assert only(events, "position_provided")["penalty"] == 240
    assert only(events, "position_taken_over") == {
        "lots": 4, "value": 3_760, "charge": 0, "penalty": 161,
    }  # fmt: skip
    assert names(events).index("position_provided") < names(events).index("position_taken_over")
    assert (story.cash(A), story.equity(D), story.cash(FUND)) == (0, RICH + 240, RICH + 161)


def test_rule_9_4_each_provider_has_a_share_taken_anew():
    """Of 401: floor(401 x 6 / 10) = 240, then floor(161 x 4 / 4)."""
    story = long_ten(1_001, takeover_penalty_ppb=PPB)
    story.provider(D, 6)
    story.provider(E, 4)
    events = story.price(940)
    assert [e.values["penalty"] for e in named(events, "position_provided")] == [240, 161]
    assert story.cash(A) == 0


def test_rule_9_2_a_partial_step_reaches_nobody():
    """9.2 e: only a whole close-out. A sells 1 of the 10 lots bid for and cools down."""
    story = long_ten(
        liquidation_depth_ppb=10 * PERCENT, liquidation_whole_equity_ppb=0,
        liquidation_cooldown_ns=NS_PER_SECOND,
    )  # fmt: skip
    story.provider(D, 10)
    story.open(C, RICH)
    story.order(C, BUY, 10, 940)
    events = story.price(940)
    assert only(events, "liquidation_stepped")["step"] == words.STEP_PARTIAL
    assert not provided(events) and story.lots(A) == 9


@pytest.mark.parametrize("mark", [930, 880])
def test_rule_9_6_nobody_takes_the_funds_own_positions(mark):
    """The fund took 10 at 940 with 500: 930 brings it under maintenance, 880 below zero."""
    story = long_ten(fund_cash=500, **ANYTHING)
    assert only(story.price(940), "position_taken_over")["lots"] == 10
    story.provider(D, 10)
    events = story.price(mark)
    assert named(events, "liquidation_started", FUND) and not provided(events)
    assert story.lots(FUND) == 0


def test_rule_8_9_a_copy_knows_the_providers():
    story = long_ten()
    story.provider(E, 3)
    story.provider(D, 3)
    copy = story.exchange.copy()
    assert copy.digest() == story.exchange.digest()
    price = commands.PublishPrice(time_ns=START_NS, source=1, contract=1, price_ticks=940)
    told = copy.submit(price)
    assert told == story.price(940) and provided(told) == [(D, 3), (E, 3)]
    assert copy.digest() == story.exchange.digest()


def test_rule_13_2_a_capacity_is_in_the_digest():
    digests = set()
    for lots in (0, 3, 4):
        story = long_ten()
        story.provider(D, lots)
        digests.add(story.exchange.digest())
    assert len(digests) == 3


def test_rule_9_9_a_drill_counts_what_providers_take():
    """Nothing at 880, where A's lots bear 200 and B gives all of them back; at 940 4 x 940 less
    ceil(37.6)."""
    story = long_ten(**ONE_PERCENT)
    story.provider(D, 4)
    below, _ = run_drill(story.exchange, Scenario("below zero", {1: 880}))
    assert below.layers == Layers(found=200, given_up=200) and below.broken == []
    assert (below.lots_provided, below.penalties_provided, below.lots_deleveraged) == (0, 0, 10)
    above, _ = run_drill(story.exchange, Scenario("above zero", {1: 940}))
    assert (above.lots_provided, above.penalties_provided) == (4, 38)


# The fund's positions are worked back


SLICES = {
    "fund_slice_lots": 3,
    "fund_slice_ns": 60 * NS_PER_SECOND,
    "fund_slice_slippage_ppb": PERCENT,
}


def taken_over(seconds: int = 10, side: int = BUY, fund: int = RICH, **terms: int) -> BackstopStory:
    """The fund has taken over A's 10 lots so long after midnight, at a mark of 940 (or 1060)."""
    story = long_ten(side=side, fund_cash=fund, **ANYTHING, **{**SLICES, **terms})
    story.go(seconds)
    assert only(story.price(940 if side == BUY else 1_060), "position_taken_over")["lots"] == 10
    story.open(C, RICH)
    return story


def next_slice(story: BackstopStory) -> int | None:
    """Seconds after midnight at which the next slice is due."""
    due_ns = int(story.exchange.contract(1)["slice_next_ns"])
    return (due_ns - START_NS) // NS_PER_SECOND if due_ns else None


def test_rule_9_6_the_fund_sends_slices_at_their_times():
    """3 lots a minute, no lower than 940 - floor(9.4) = 931, until nothing is left."""
    story = taken_over()
    story.order(C, BUY, 2, 935)
    story.order(C, BUY, 5, 931)
    assert not named(story.go(59), "order_accepted")
    events = story.go(60)
    accepted = only(events, "order_accepted", FUND)
    terms = words.LIMIT | IOC << 8 | words.REDUCE_ONLY << 16 | words.STP_CANCEL_OLDEST << 24
    assert accepted | {"order_id": 0} == {
        "order_id": 0, "client_id": 0, "price_ticks": 931, "lots": 3, "side": SELL, "terms": terms,
    }  # fmt: skip
    trades = [(e.values["price_ticks"], e.values["lots"]) for e in named(events, "trade")]
    assert trades == [(935, 2), (931, 1)] and story.lots(FUND) == 7
    story.go(120)
    assert story.lots(FUND) == 4
    events = story.go(180)
    cancelled = only(events, "order_cancelled", FUND)
    assert (cancelled["lots"], cancelled["reason"]) == (2, words.CANCEL_IOC)
    story.order(C, BUY, 10, 931)
    story.go(239)
    assert story.lots(FUND) == 3 and next_slice(story) == 240
    story.go(240)
    assert story.lots(FUND) == 0 and next_slice(story) is None
    assert not named(story.go(300), "order_accepted")


def test_rule_2_6_slices_come_at_their_own_times_in_a_late_command():
    """Three minutes in one command: 3, 3 and 3 lots."""
    story = taken_over()
    story.order(C, BUY, 100, 935)
    events = story.go(185)
    assert [e.values["lots"] for e in named(events, "order_accepted", FUND)] == [3, 3, 3]
    assert (story.lots(FUND), next_slice(story)) == (1, 240)
    assert only(story.go(240), "order_accepted", FUND)["lots"] == 1


@pytest.mark.parametrize("sample_ns", [60 * NS_PER_SECOND, NS_PER_DAY])
def test_rule_2_6_a_slice_comes_behind_all_other_work_of_its_time(sample_ns):
    """An order that expires at the same time is gone before the slice could meet it, and the
    premium is sampled before it."""
    story = taken_over(funding_sample_ns=sample_ns)
    due_ns = START_NS + 60 * NS_PER_SECOND
    story.order(C, BUY, 5, 935, tif=words.GTD, expiry_ns=due_ns)
    events = story.go(60)
    assert not named(events, "trade") and story.lots(FUND) == 10
    before = names(events)[: names(events).index("order_accepted")]
    assert "order_cancelled" in before
    assert ("premium_sampled" in before) is (sample_ns < NS_PER_DAY)


def test_rule_9_6_a_slice_of_a_short_position_buys():
    """1060 + floor(10.6)."""
    story = taken_over(side=SELL)
    story.order(C, SELL, 1, 1_071)
    accepted = only(story.go(60), "order_accepted", FUND)
    limit = accepted["price_ticks"]
    assert (accepted["side"], limit, accepted["lots"]) == (BUY, 1_070, 3)
    assert story.lots(FUND) == -10


def test_rule_9_6_the_limit_is_kept_in_the_static_band():
    """940 - floor(4.7) = 936, not 931."""
    story = taken_over(band_static_ppb=PPB // 200)
    story.order(C, BUY, 5, 936)
    assert only(story.go(60), "order_accepted", FUND)["price_ticks"] == 936
    assert story.lots(FUND) == 7


@pytest.mark.parametrize(("seconds", "due"), [(59, 60), (60, 120), (61, 120)])
def test_rule_9_6_the_first_slice_comes_behind_the_opening(seconds, due):
    assert next_slice(taken_over(seconds)) == due


@pytest.mark.parametrize(
    ("seed", "offset", "due"), [(0, 0, 60), (7, 7, 67), (307, 7, 67), (25, 25, 25)]
)
def test_rule_9_6_a_seed_moves_the_slices(seed, offset, due):
    """At 10 s the slice that is due moves, too: 7 s of this minute have passed, 25 s have not."""
    story = taken_over()
    told = only(story.work_back(seed * NS_PER_SECOND), "work_back_set")
    assert told == {"offset_ns": offset * NS_PER_SECOND} and next_slice(story) == due
    story.order(C, BUY, 10, 935)
    assert not named(story.go(due - 1), "trade") and named(story.go(due), "trade")
    assert next_slice(story) == due + 60


def test_rule_9_6_a_seed_before_the_position_counts_for_it():
    story = long_ten(fund_cash=RICH, **ANYTHING, **SLICES)
    story.work_back(7 * NS_PER_SECOND)
    assert next_slice(story) is None
    story.price(940)
    assert next_slice(story) == 7


def test_rule_9_6_without_slices_the_fund_waits():
    story = taken_over(fund_slice_lots=0)
    story.order(C, BUY, 10, 935)
    story.work_back(1)
    assert next_slice(story) is None and not named(story.go(600), "trade")


@pytest.mark.parametrize(
    ("state", "is_sent"),
    [
        (words.STATE_REDUCE_ONLY, True),
        (words.STATE_POST_ONLY, False),
        (words.STATE_PRE_OPEN, False),
        (words.STATE_HALTED, False),
    ],
)
def test_rule_9_6_slices_are_sent_where_they_can_trade_at_once(state, is_sent):
    story = taken_over()
    story.order(C, BUY, 10, 935)
    story.change_state(state)
    events = story.go(60)
    assert bool(named(events, "order_accepted", FUND)) is is_sent
    assert (story.lots(FUND), next_slice(story)) == (7 if is_sent else 10, 120)


def test_rule_9_6_a_fund_in_liquidation_sends_none():
    """500 less 100 at 930 are less than 465: the fund sells 2 of the 20 lots bid for, and cools."""
    story = taken_over(
        fund=500, liquidation_depth_ppb=10 * PERCENT, liquidation_whole_equity_ppb=0,
        liquidation_cooldown_ns=3_600 * NS_PER_SECOND,
    )  # fmt: skip
    story.order(C, BUY, 20, 930)
    story.price(930)
    assert story.account(FUND)["in_liquidation"] and story.lots(FUND) == 8
    events = story.go(60)
    assert not named(events, "order_accepted") and next_slice(story) == 120
    story.pay_in(words.LEDGER_FUND, RICH)
    assert not story.account(FUND)["in_liquidation"]
    story.go(120)
    assert story.lots(FUND) == 5


def test_rule_9_6_a_refused_slice_leaves_no_trace():
    """3 lots at 931 are worth more than an order may be."""
    story = long_ten_of_small_orders()
    story.order(C, BUY, 1, 935)
    assert names(story.go(60)) == ["time_advanced"]
    assert (story.lots(FUND), next_slice(story)) == (10, 120)


def long_ten_of_small_orders() -> BackstopStory:
    """The fund has taken over 10 lots where an order is worth 1000 at most."""
    spec = contract(1, **RATES, **ANYTHING, **SLICES, order_value_max=1_000)
    story = BackstopStory(spec, fund_cash=RICH)
    for account, cash in ((A, 1_000), (B, RICH), (C, RICH)):
        story.open(account, cash)
    story.price(1_000)
    for _ in range(10):
        story.trade(A, B, 1, 1_000)
    story.go(10)
    story.price(940)
    assert story.lots(FUND) == 10
    return story


def test_rule_9_6_a_frozen_contract_has_no_slices():
    """Silent from 100 s on, the slice of 120 s waits; the price of 250 s brings an auction, in
    which the late slice is not sent, and the next one is that of 360 s."""
    terms = {"source_stale_ns": 90 * NS_PER_SECOND, "fund_slice_ns": 120 * NS_PER_SECOND}
    story = taken_over(**terms)
    story.go(240)
    assert story.state() == "frozen"
    assert next_slice(story) == 120
    story.go(250)
    story.price(940)
    assert story.state() == "auction"
    events = story.go(251)
    assert not named(events, "order_accepted") and next_slice(story) == 360
    assert story.exchange.pool()["clock_ns"] == story.now_ns


def test_rule_9_6_the_fund_pays_fees_and_meets_orders_as_a_client_does():
    """A slice takes: 3 x 935 at 0.1% is 2.8, rounded up."""
    story = taken_over(cash=1_010, fee_taker_ppb=PERCENT // 10)
    fund = story.cash(FUND)
    story.order(C, BUY, 3, 935)
    leg = only(story.go(60), "leg", FUND)
    assert (leg["fee"], leg["realised"]) == (3, -15)
    assert story.cash(FUND) == fund - 15 - 3


# New risk stops when the fund does not cover the stress


def stressed(amount: int = 2_001, **config: int) -> BackstopStory:
    """The fund, 1000, must cover half of this loss. A is long 10 against B, C bids 5 at 990."""
    story = long_ten(**{"fund_cash": 1_000, "fund_cover_min_ppb": PPB // 2} | config)
    story.open(C, RICH)
    story.order(C, BUY, 5, 990)
    assert only(story.stress_loss(amount), "stress_loss_set") == {
        "amount": amount, "fund_equity": config.get("fund_cash", 1_000),
    }  # fmt: skip
    return story


@pytest.mark.parametrize(
    ("amount", "config", "code"),
    [
        (2_001, {}, R.FUND_BELOW_COVER),
        (2_000, {}, R.OK),
        (0, {}, R.OK),
        (2**59, {}, R.FUND_BELOW_COVER),
        (2**59, {"fund_cover_min_ppb": 0}, R.OK),
        (1, {"fund_cash": 0}, R.FUND_BELOW_COVER),
        (2, {"fund_cash": 1_999, "fund_cover_min_ppb": 1_000 * PPB}, R.FUND_BELOW_COVER),
        (2, {"fund_cash": 2_000, "fund_cover_min_ppb": 1_000 * PPB}, R.OK),
        (2**59, {"fund_cover_min_ppb": 1_000 * PPB}, R.FUND_BELOW_COVER),
    ],
)
def test_rule_9_6_new_risk_is_refused_while_the_fund_is_below_its_share(amount, config, code):
    """1000 are less than half of 2001, and not less than half of 2000."""
    story = stressed(amount, **config)
    assert refusal(story.order(C, BUY, 1, 900)) == code


def test_rule_9_6_what_only_reduces_is_taken_and_working_orders_stay():
    story = stressed()
    assert refusal(story.order(A, SELL, 11, 1_100)) == R.FUND_BELOW_COVER
    assert refusal(story.order(A, BUY, 1, 900)) == R.FUND_BELOW_COVER
    assert only(story.order(A, SELL, 5, 990), "trade")["lots"] == 5
    assert story.lots(C) == 5
    assert refusal(story.order(A, SELL, 9, 1_100, flags=words.REDUCE_ONLY)) == R.OK
    assert refusal(story.order(B, BUY, 10, 900)) == R.OK
    assert refusal(story.order(B, BUY, 1, 900)) == R.FUND_BELOW_COVER


def test_rule_9_6_a_loss_of_the_funds_position_counts():
    """The fund, 10,000, takes 10 lots at 940; at 939 it has 9,990."""
    story = long_ten(fund_cash=10_000, fund_cover_min_ppb=PPB, **ANYTHING)
    story.open(C, RICH)
    story.price(940)
    assert only(story.stress_loss(10_000), "stress_loss_set")["fund_equity"] == 10_000
    assert refusal(story.order(C, BUY, 1, 900)) == R.OK
    story.price(939)
    assert refusal(story.order(C, BUY, 1, 900)) == R.FUND_BELOW_COVER
    assert only(story.stress_loss(9_990), "stress_loss_set")["fund_equity"] == 9_990
    assert refusal(story.order(C, BUY, 1, 900)) == R.OK


def test_rule_9_6_the_funds_equity_is_looked_at_order_by_order():
    """Half of 2001 is covered by one unit more."""
    story = stressed()
    story.pay_in(words.LEDGER_FUND, 1)
    assert refusal(story.order(C, BUY, 1, 900)) == R.OK
    story.stress_loss(2_003)
    assert refusal(story.order(C, BUY, 1, 900)) == R.FUND_BELOW_COVER
    story.stress_loss(0)
    assert refusal(story.order(C, BUY, 1, 900)) == R.OK


def test_rule_9_6_a_waiting_order_is_judged_at_its_turn():
    story = stressed()
    stop = {"order_type": words.STOP_LIMIT, "trigger_source": 1, "trigger_ticks": 1_010}
    assert only(story.order(C, BUY, 1, 1_020, **stop), "order_armed")
    cancelled = only(story.price(1_010), "order_cancelled")
    assert (cancelled["reason"], cancelled["code"]) == (words.CANCEL_TRIGGER, R.FUND_BELOW_COVER)


def test_rule_9_6_an_amendment_that_enters_anew_and_a_quote_are_refused():
    story = stressed(0)
    number = order_id(story.order(C, BUY, 5, 980))
    story.stress_loss(2_001)
    assert refusal(story.amend(C, number, 5, 985)) == R.FUND_BELOW_COVER
    assert refusal(story.amend(C, number, 4, 980)) == R.OK
    quoted = story.submit(
        commands.MassQuote(
            time_ns=story.now_ns, account=C, client_id=story.client_id(), protection=1,
            rows=(Quote(contract=1, bid_ticks=900, bid_lots=1, ask_ticks=0, ask_lots=0),),
        )
    )  # fmt: skip
    assert only(quoted, "quote_refused")["code"] == R.FUND_BELOW_COVER


def test_rule_9_6_eligibility_is_asked_first():
    story = BackstopStory(
        contract(1, **RATES), eligibility_checked=1, fund_cover_min_ppb=PPB, fund_cash=1
    )
    story.open(A, RICH)
    story.open(D, RICH, kind=LP)
    story.price(1_000)
    story.stress_loss(2)
    assert refusal(story.order(A, BUY, 1, 900)) == R.NOT_PROFESSIONAL
    assert refusal(story.order(D, BUY, 1, 900)) == R.FUND_BELOW_COVER


def test_rule_9_6_a_slice_of_the_funds_is_no_new_risk():
    """940: the fund, with 10 lots, covers nothing of a loss of 2^59."""
    story = long_ten(fund_cash=RICH, fund_cover_min_ppb=PPB, **ANYTHING, **SLICES)
    story.open(C, RICH)
    story.go(10)
    story.price(940)
    story.order(C, BUY, 3, 935, tif=GTC)
    story.stress_loss(2**59)
    story.go(60)
    assert story.lots(FUND) == 7
