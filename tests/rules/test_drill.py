"""Drills (9.9): the real waterfall on a copy, every layer and amount; the live state stays."""

import pytest

from engine.drill import Layers, run_drill, stress
from engine.exchange import Exchange
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.events import typed_event
from risk.stress import Scenario, Screen, standard_scenarios
from tests.oracle.workload import Workload, configs
from tests.property.both import pack
from tests.rules.story import BUY, FUND, PERCENT, A, B, C, Story, contract, named

RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
RICH = 10**6
PRICES = ("price_received", "index_published", "mark_published")


def drill(story: Story, marks: dict[int, int], **failing):
    """The report; the live digest is unchanged and the copy holds every invariant."""
    digest = story.exchange.digest()
    report, records = run_drill(story.exchange, Scenario("drill", marks, **failing))
    assert story.exchange.digest() == digest and report.broken == []
    return report, tuple(typed_event(record) for record in records.tolist())


def long_ten(cash: int, *, orders: bool = False, fund: int = 0, **terms: int) -> Story:
    """A long 10 at 1000 against B; with orders C bids for 20 at 930."""
    story = Story(contract(1, **RATES, **terms), contract(2, **RATES), fund_cash=fund)
    for account, money in ((A, cash), (B, RICH), (C, RICH)):
        story.open(account, money)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 10, 1_000)
    if orders:
        story.order(C, BUY, 20, 930)
    return story


def test_rule_9_9_what_opposite_holders_give_up():
    """1000 - 10 x 130: 300 are missing, and B, who gained 1300, gives up 300."""
    report, _ = drill(long_ten(1_000), {1: 870})
    assert report.layers == Layers(found=300, given_up=300)
    assert (report.accounts_negative, report.liquidations, report.ended_flat) == (1, 1, 1)
    assert (report.lots_deleveraged, report.accounts_deleveraged, report.seconds) == (10, 1, 0)
    assert (report.fund_before, report.fund_after, report.fund_ratio_ppb) == (0, 0, 0)


def test_rule_9_9_holders_who_give_up_are_counted_once_each():
    """B and C, short 5 of A's 10 each, give up half of the 300 each."""
    story = Story(contract(1, **RATES))
    for account, cash in ((A, 1_000), (B, RICH), (C, RICH)):
        story.open(account, cash)
    story.price(1_000)
    for account in (B, C):
        story.trade(A, account, 5, 1_000)
    report, _ = drill(story, {1: 870})
    assert (report.lots_deleveraged, report.accounts_deleveraged) == (10, 2)
    assert report.layers == Layers(found=300, given_up=300)


def test_rule_9_9_what_the_fund_takes_over():
    """The fund, 1000, takes the 10 lots with their charge of 300: 3.33 times what was found."""
    story = long_ten(1_000, fund=1_000, fund_value_max=RICH, fund_share_ppb=PPB)
    report, _ = drill(story, {1: 870})
    assert report.layers == Layers(found=300, fund=300)
    assert (report.lots_taken_over, report.lots_deleveraged) == (10, 0)
    assert (report.fund_before, report.fund_after) == (1_000, 700)
    assert report.fund_ratio_ppb == 3_333_333_333
    assert [(move.before_ticks, move.after_ticks) for move in report.moves] == [(1_000, 870)]


@pytest.mark.parametrize(
    ("house", "layers", "is_stopped"),
    [
        (500, Layers(found=11, fund=4, house=7), False),
        (2, Layers(found=11, fund=4, house=2, haircut=5), True),
    ],
)
def test_rule_9_9_cash_layers_and_haircut(house, layers, is_stopped):
    """Rule 16 s: both marks move in one step, and what A lacks B can't give up."""
    rates = {"initial_ppb": PERCENT, "maintenance_ppb": PERCENT // 2}
    story = Story(contract(1, **rates), contract(2, **rates), fund_cash=4, house_cash=house)
    for account, cash in ((A, 1), (B, 2), (C, 20)):
        story.open(account, cash)
    story.price(1, 100, 2, 100)
    story.trade(B, A, 1, 100, number=2)
    story.trade(B, C, 1, 100, number=1)
    report, events = drill(story, {1: 90, 2: 112})
    assert report.layers == layers and report.withdrawals_stopped is is_stopped
    assert (report.house_before, report.house_after) == (house, house - layers.house)
    real = story.price(1, 90, 2, 112)
    told = [(e.name, e.account, e.values) for e in events if e.name not in PRICES]
    assert told == [(e.name, e.account, e.values) for e in real if e.name not in PRICES]


@pytest.mark.parametrize(("is_book_gone", "deleveraged"), [(False, 0), (True, 10)])
def test_rule_9_9_depth_loss(is_book_gone, deleveraged):
    """At 940 A keeps 400 of 470 to hold: C's bid takes what it sells, or else B must."""
    terms = {"liquidation_whole_lots": 10}
    story = long_ten(1_000, orders=True, **terms)
    report, events = drill(story, {1: 940}, is_book_gone=is_book_gone)
    assert (report.liquidations, report.accounts_negative) == (1, 0)
    assert (report.lots_deleveraged, report.ended_flat) == (deleveraged, 1)
    assert len(named(events, "trade")) == (0 if is_book_gone else 1)
    assert report.layers == Layers() and report.fund_ratio_ppb is None


def test_rule_9_9_a_silent_contract_keeps_its_mark_and_its_positions():
    """A is long 10 of each; X freezes, Y falls by 250: 2000 - 2500, and X stays with A."""
    story = long_ten(2_000)
    story.trade(A, B, 10, 1_000, number=2)
    report, events = drill(story, {2: 750}, frozen=(1,))
    assert report.layers == Layers(found=500, given_up=500)
    assert (report.ended_frozen, report.lots_deleveraged) == (1, 10)
    assert {event.contract for event in named(events, "position_deleveraged")} == {2}


def test_rule_9_9_a_member_in_default_brings_no_margin():
    """A's 5000 are gone: 10 ticks cost 100. With them nothing would have been found."""
    story = long_ten(5_000)
    assert drill(story, {1: 990})[0].layers == Layers()
    report, _ = drill(story, {1: 990}, defaulted=(A,))
    assert report.layers == Layers(found=100, given_up=100)


def test_rule_9_9_a_member_in_default_is_liquidated_though_its_contract_stands_still():
    """Only contract 2 moves, in which nobody holds anything: A, with nothing left, is under its
    maintenance of 500 and goes, at mark, so that nothing is missing (9.1)."""
    report, _ = drill(long_ten(5_000), {2: 990}, defaulted=(A,))
    assert (report.liquidations, report.ended_flat) == (1, 1)
    assert report.layers == Layers()


def test_rule_9_9_time_passes_until_the_liquidation_is_over():
    """9.2(c): 2 lots of the 20 shown a step, so cooldowns of 40 s pass; nothing freezes meanwhile
    though sources are stale after a minute."""
    terms = {
        "liquidation_depth_ppb": PPB // 10,
        "liquidation_whole_equity_ppb": 0,
        "source_stale_ns": 60 * NS_PER_SECOND,
        "liquidation_cooldown_ns": 40 * NS_PER_SECOND,
    }
    story = long_ten(1_000, orders=True, **terms)
    report, events = drill(story, {1: 940})
    assert len(named(events, "liquidation_stepped")) > 1 and report.in_liquidation == 0
    assert report.seconds >= 40 and report.ended_recovered + report.ended_flat == 1
    states = [event.values["state_to"] for event in named(events, "state_changed")]
    assert words.STATE_FROZEN not in states


def test_rule_9_9_an_auction_is_waited_for():
    """In an auction a liquidation order joins the uncross (9.2): 300 s, and a cooldown of one."""
    story = long_ten(1_000, orders=True)
    story.change_state(words.STATE_AUCTION)
    report, _ = drill(story, {1: 940})
    assert (report.in_liquidation, report.liquidations) == (0, 1)
    assert report.seconds == 301


def test_rule_9_9_what_is_frozen_or_unknown_is_refused():
    story = long_ten(1_000, source_stale_ns=60 * NS_PER_SECOND)
    story.go(61)
    for scenario in (Scenario("x", {1: 900}), Scenario("x", {}, frozen=(1,))):
        with pytest.raises(ValueError, match="contract 1 is frozen"):
            run_drill(story.exchange, scenario)
    with pytest.raises(KeyError):
        run_drill(story.exchange, Scenario("x", {3: 900}))


def test_rule_9_9_a_drill_starts_from_the_state_as_it_is():
    """The fund already holds what it took over: it, too, falls below zero, and has no takeover."""
    story = long_ten(1_000, fund=1_000, fund_value_max=RICH, fund_share_ppb=PPB)
    story.price(880)
    assert story.lots(FUND) == 10
    report, _ = drill(story, {1: 790})
    assert report.layers == Layers(found=100, given_up=100)
    assert (report.fund_before, report.fund_after) == (800, 0)


@pytest.mark.parametrize("name", sorted(configs())[::2])
def test_rule_9_9_a_drill_finds_what_the_screen_says(name):
    exchange = Exchange(configs()[name])
    workload = Workload(9, configs()[name])
    found = 0
    for number in range(300):
        workload.observe(exchange.run(pack(workload.next_command())).tolist())
        if number % 100 != 99:
            continue
        digest = exchange.digest()
        screen = Screen(exchange.config, exchange.arena)
        scenarios = list(standard_scenarios(screen))[2::4]
        for scenario in scenarios:
            report, _ = run_drill(exchange, scenario)
            told = screen.screen(scenario)
            assert report.broken == []
            assert (report.layers.found, report.accounts_negative) == (
                told.deficit,
                told.accounts_negative,
            )
            found += report.layers.found > 0
        rows = list(stress(exchange, scenarios))
        assert [row.layers.found for row in rows] == [row.screening.deficit for row in rows]
        assert exchange.digest() == digest
    assert found > 0
