"""Stories that broke an earlier draft of the engine; each must stay mended."""

from engine.schema import bounds, commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Config, check_config
from tests.rules.story import (
    BUY,
    PERCENT,
    SELL,
    START_NS,
    A,
    B,
    C,
    D,
    H,
    Story,
    cancel_reasons,
    contract,
    named,
    only,
    refusal,
)


def test_rule_9_0_an_account_that_meets_its_own_order_keeps_its_fee_within_its_equity():
    """Its two legs cancel out, so equity bears the fee alone: 2000 of 100 x 1000, cut to 1400."""
    story = Story(
        contract(
            1, initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT, fee_taker_ppb=2 * PERCENT,
            stp_none_allowed=True,
        ),
        contract(2, initial_ppb=200_000, maintenance_ppb=100_000),
    )  # fmt: skip
    story.open(A, 8_100)
    story.open(B, 10**9)
    story.price(1, 1_000, 2, 1_000)
    story.order(B, SELL, 100, 1_000, number=1)
    story.order(A, BUY, 100, 1_000, number=1)
    story.order(A, BUY, 100, 1_000, number=1)
    story.order(B, SELL, 100, 1_000, number=2)
    story.order(A, BUY, 100, 1_000, number=2)
    story.price(1, 990, 2, 963)
    story.order(B, BUY, 100, 963, number=2)
    story.order(A, SELL, 100, 963, number=2, flags=words.REDUCE_ONLY)
    story.order(A, SELL, 100, 1_000, number=1, flags=words.REDUCE_ONLY, stp=words.STP_NONE)
    assert story.equity(A) >= 0


def test_rule_2_5_no_account_in_liquidation_blocks_the_queue():
    """A, long X, can only close against B, who is in liquidation too and would act on Y first."""
    story = Story(
        contract(1, initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT),
        contract(2, initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT),
    )
    story.open(A, 10_400)
    story.open(B, 94_850)
    story.open(C, 10**7)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 100, 1_000, number=1)
    story.trade(B, C, 1_000, 1_000, number=2)
    story.price(1, 900, 2, 905)
    assert not story.account(A)["in_liquidation"]
    assert not story.account(B)["in_liquidation"]


def test_rule_2_2_a_client_cannot_set_the_clock():
    story = Story(contract(initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT))
    wild = commands.CancelOrder(time_ns=bounds.TIME_NS_MAX, account=A, client_id=1, order_id=1)
    event = story.submit(wild)[0]
    assert event.values["code"] == refusals.TIME_AHEAD
    story.open(A, 1)  # the exchange lives
    assert story.exchange.pool()["clock_ns"] == START_NS


def test_rule_1_3_listing_keeps_every_multiple_of_every_position_inside_the_bound():
    """200 contracts that pass alone would let the bands of one account pass 2**63."""
    many = tuple(
        contract(
            number, initial_ppb=2, maintenance_ppb=1, price_ticks_max=2**21 - 2, tick_value=2,
            open_interest_lots_max=2**30 - 1,
        )
        for number in range(1, 201)
    )  # fmt: skip
    assert check_config(Config(contracts=many[:1])) == []
    assert any("2**58" in problem for problem in check_config(Config(contracts=many)))


def test_rule_1_3_a_margin_call_level_has_a_bound():
    spec = contract(initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT, margin_call_ppb=10 * PPB)
    assert any("margin_call_ppb" in problem for problem in check_config(Config(contracts=(spec,))))


def test_rule_9_8_without_limits_only_an_operator_lets_withdrawals_go_on():
    story = Story(
        contract(1, initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT),
        contract(2, initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT),
    )
    story.open(A, 101)
    story.open(B, 202)
    story.open(C, 10_000)
    story.price(1, 1_000, 2, 1_000)
    story.trade(B, A, 1, 1_000, number=2)
    story.trade(B, C, 1, 1_000, number=1)
    story.price(1, 550, 2, 1_400)
    assert story.exchange.pool()["withdrawals_stopped"] == 1
    story.deposit(C, 1)
    assert story.exchange.pool()["withdrawals_stopped"] == 1


def test_rule_1_3_a_takeover_without_a_free_position_record_goes_to_deleveraging():
    story = Story(
        contract(
            initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT, fund_value_max=10**9,
            fund_share_ppb=PPB,
        ),
        fund_cash=10**6,
    )  # fmt: skip
    story.open(A, 25)
    story.open(B, 1_000)
    story.price(1_000)
    story.trade(A, B, 1, 1_000)
    story.exchange.arena.engine["positions_top"] = bounds.POSITIONS_MAX
    before = story.exchange.arena.records("position_extras", 1).tobytes()
    story.exchange.arena.engine["positions_top"] = bounds.POSITIONS_MAX
    events = story.exchange.submit(
        commands.PublishPrice(time_ns=story.now_ns, source=1, contract=1, price_ticks=970)
    )
    assert not named(events, "position_taken_over")
    assert only(events, "waterfall_closed")["given_up"] == 5
    assert story.exchange.arena.records("position_extras", 1).tobytes() == before


def test_rule_4_4_an_amendment_to_a_new_page_needs_a_page():
    story = Story(contract(initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT))
    story.open(D, 10**6)
    story.price(10_000)
    order_id = only(story.order(D, BUY, 1, 9_000), "order_accepted")["order_id"]
    story.exchange.arena.engine["pages_top"] = bounds.PAGES_MAX
    story.exchange.arena.engine["pages_free"] = words.NONE
    amend = commands.AmendOrder(
        time_ns=story.now_ns, account=D, client_id=10**6, order_id=order_id, price_ticks=5_000,
        lots=1,
    )  # fmt: skip
    refused = only(story.exchange.submit(amend), "refused")
    assert refused["code"] == refusals.POOL_FULL


def test_rule_4_9_a_position_that_closes_first_does_not_make_room_for_a_larger_one():
    """Long 10 of at most 10: sells of 20 would make it short 20 once a reduce-only sell of 10 has
    filled before them."""
    story = Story(
        contract(
            initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT, position_lots_max=10,
            order_lots_max=10, open_interest_lots_max=100,
        )
    )  # fmt: skip
    story.open(A, 10**6)
    story.open(B, 10**6)
    story.open(C, 10**6)
    story.price(1_000)
    story.trade(A, B, 10, 1_000)
    assert refusal(story.order(A, SELL, 10, 1_001)) == refusals.OK
    assert refusal(story.order(A, SELL, 1, 1_001)) == refusals.POSITION_LIMIT
    story.order(B, BUY, 10, 999)
    story.order(A, SELL, 10, 999, flags=words.REDUCE_ONLY)
    story.order(C, BUY, 10, 1_001)
    assert story.lots(A) == -10


def test_rule_9_7_no_more_lots_than_are_left_however_little_stands_behind_the_first():
    """H has an equity of 1000 behind 9 billion: lots go by runs, and A ends flat, not turned."""
    wide = {"order_lots_max": 2**23, "position_lots_max": 2**23, "open_interest_lots_max": 2**23}
    rates = {"initial_ppb": 2 * PERCENT, "maintenance_ppb": PERCENT}
    story = Story(contract(1, **rates, **wide), contract(2, **rates, **wide))
    story.open(A, 2_000)
    story.open(H, 189_701_000)
    story.open(B, 10**12)
    story.price(1, 1_000, 2, 1_000)
    story.trade(B, H, 4_299_900, 1_000, number=1)
    story.trade(A, H, 100, 1_000, number=1)
    story.trade(H, B, 5_000_000, 1_000, number=2)
    events = story.price(1, 979, 2, 944)
    moved = [event.values["lots"] for event in named(events, "position_deleveraged", A)]
    closed = only(events, "waterfall_closed")
    assert (sum(moved), closed["deficit"], closed["given_up"]) == (100, 100, 100)
    assert (story.lots(A), story.cash(A)) == (0, 0)


def test_rule_9_0_a_rebate_that_may_fall_short_saves_no_maker():
    """A bids 10 at 1000 with an equity of 600, mark 990: 500 are left behind the fill and 515 are
    needed. The rebate of 40 would lift him over, but it comes out of the taker's fee."""
    rates = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
    fees = {"fee_taker_ppb": 5_000_000, "fee_maker_ppb": -4_000_000}
    story = Story(
        contract(1, liquidation_slippage_ppb=0, **fees, **rates), contract(2, **rates)
    )
    for account, cash in ((A, 1_200), (B, 10**6), (C, 10**6)):
        story.open(account, cash)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, C, 1, 1_000, number=2)
    story.order(A, BUY, 10, 1_000)
    story.price(1, 990, 2, 400)
    events = story.order(B, SELL, 10, 1_000)
    assert cancel_reasons(events) == [(A, "slippage")]
    assert not named(events, "trade")
