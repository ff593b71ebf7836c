"""Index, mark and what follows from them: rules 6.1, 6.2 and 5.4, by hand arithmetic."""

from typing import Any

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from engine.schema.contract import outside
from tests.rules.story import (
    BUY,
    HOUR_NS,
    PERCENT,
    SELL,
    START_NS,
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
    refusal,
)

MINUTE_NS = 60 * NS_PER_SECOND


def priced_by(weights: tuple[int, ...], healthy: int, **terms: Any) -> Story:
    """One contract with these sources and no price yet."""
    return Story(
        contract(
            initial_ppb=10 * PERCENT,
            maintenance_ppb=5 * PERCENT,
            sources=outside(*weights),
            sources_healthy_min=healthy,
            **terms,
        )
    )


def index_of(events: Events) -> dict[str, int]:
    return only(events, "index_published")


# fmt: off
MEDIANS = [
    # weights, prices by source, index
    ((1,), (100,), 100),
    ((1, 1, 1), (100, 110, 120), 110),
    ((1, 1, 1), (120, 100, 110), 110),  # sources in any order
    ((1, 1), (100, 104), 102),          # half reached at 100: the mean with the next
    ((1, 1), (100, 101), 100),          # rounded down
    ((3, 1, 1), (100, 200, 300), 100),  # 3 of 5 is above half
    ((2, 1, 1), (100, 200, 300), 150),  # 2 of 4 is half
    ((1, 2, 1), (100, 200, 300), 200),
    ((1, 1, 2), (5, 5, 6), 5),          # half reached at the second 5: floor(5.5)
    ((1, 1, 1, 1), (9, 5, 9, 5), 7),    # ties of price: 5, 5, 9, 9
    ((4, 1, 1, 1, 1), (7, 1, 2, 3, 5), 6),  # 4 of 8 at 5: the mean of 5 and 7
]
# fmt: on


def test_rule_6_1_a_clamped_mean_clamps_to_whole_ticks_within_the_share():
    """3.5% of the median of 100 are 3 ticks: (4 x 100 + 3 x 100 + 3 x 103) / 10 = 100.9; with 4 it
    would be 101.2."""
    terms = {"index_method": words.INDEX_CLAMPED_MEAN, "index_clamp_ppb": 35 * PERCENT // 10}
    story = priced_by((4, 3, 3), 3, **terms)
    for source, price in enumerate((100, 100, 110), 1):
        events = story.price(1, price, source=source)
    assert index_of(events)["index_ticks"] == 100


def test_rule_6_1_a_price_of_one_tick_is_a_price():
    assert index_of(priced_by((1,), 1).price(1))["index_ticks"] == 1


@pytest.mark.parametrize(("weights", "prices", "index"), MEDIANS)
def test_rule_6_1_weighted_median(weights, prices, index):
    story = priced_by(weights, len(weights))
    for source, price in enumerate(prices, 1):
        events = story.price(price, source=source)
    published = index_of(events)
    assert published["index_ticks"] == index
    assert (published["used"], published["stale"]) == (2 ** len(weights) - 1, 0)


def test_rule_6_1_an_outlier_is_judged_by_one_vote_a_source():
    """The heavy source decides the index, but not whether it is itself an outlier."""
    story = priced_by((9, 1, 1), 2, source_outlier_ppb=5 * PERCENT)
    for source, price in ((1, 1_000), (2, 1_000), (3, 1_000)):
        story.price(price, source=source)
    published = index_of(story.price(1_050, source=1))
    assert (published["index_ticks"], published["median"]) == (1_050, 1_000)
    published = index_of(story.price(1_051, source=1))
    assert (published["index_ticks"], published["outliers"]) == (1_000, 1)


def test_rule_6_1_too_few_sources_give_no_index():
    story = priced_by((1, 1, 1), 2)
    published = index_of(story.price(100, source=2))
    assert published == {
        "index_ticks": 0, "used": 2, "stale": 5, "outliers": 0, "median": 100, "capped": 0,
    }  # fmt: skip
    assert story.state() == "frozen"
    published = index_of(story.price(104, source=3))
    assert published == {
        "index_ticks": 102, "used": 6, "stale": 1, "outliers": 0, "median": 102, "capped": 0,
    }  # fmt: skip
    assert story.state() == "continuous"


def test_rule_6_1_a_source_is_left_out_when_older_than_its_limit():
    """Prices 100, 110, 120; the third is last heard at second 0, the limit is a minute."""
    story = priced_by((1, 1, 1), 2, source_stale_ns=MINUTE_NS)
    for source, price in enumerate((100, 110, 120), 1):
        story.price(price, source=source)
    story.go(40)
    story.price(110, source=2)
    story.go(60)
    assert index_of(story.price(100, source=1))["index_ticks"] == 110  # exactly at its limit
    story.go(60, 1)
    published = index_of(story.price(100, source=1))
    assert published == {
        "index_ticks": 105, "used": 3, "stale": 4, "outliers": 0, "median": 105, "capped": 0,
    }  # fmt: skip


def test_rule_5_4_a_stale_mark_freezes_the_contract_at_its_time():
    """Two of three are needed. The second newest is of second 40: it is stale after second 100."""
    story = priced_by((1, 1, 1), 2, source_stale_ns=MINUTE_NS)
    story.price(100, source=1)
    story.price(100, source=2)
    story.go(40)
    story.price(100, source=2)
    story.go(50)
    story.price(100, source=1)
    assert not named(story.go(100), "state_changed")
    assert only(story.go(100, 1), "state_changed") == {
        "state_from": words.STATE_CONTINUOUS,
        "state_to": words.STATE_FROZEN,
        "why": words.WHY_SOURCES,
        "time_ns": START_NS + 100 * NS_PER_SECOND + 1,
    }
    story.open(A, 1_000)
    assert refusal(story.order(A, BUY, 1, 100)) == refusals.CONTRACT_FROZEN
    story.go(105)
    changed = only(story.price(100, source=2), "state_changed")
    assert (changed["state_to"], changed["why"]) == (
        words.STATE_AUCTION,
        words.WHY_FRESH_MARK,
    )


@pytest.mark.parametrize(("price", "outliers"), [(1_050, 0), (1_051, 4), (950, 0), (949, 4)])
def test_rule_6_1_a_source_beyond_the_band_is_left_out(price, outliers):
    """Median 1000, band 5%: 50 is within, 51 is not."""
    story = priced_by((1, 1, 1), 2, source_outlier_ppb=5 * PERCENT)
    story.price(1_000, source=1)
    story.price(1_000, source=2)
    published = index_of(story.price(price, source=3))
    assert published["outliers"] == outliers
    assert (published["median"], published["index_ticks"]) == (1_000, 1_000)
    assert published["used"] == 7 - outliers


def dwelling() -> Story:
    """Source 3 went out at second 0; it may return after a minute within 2% of the median."""
    story = priced_by(
        (1, 1, 1),
        2,
        source_outlier_ppb=5 * PERCENT,
        source_reentry_ppb=2 * PERCENT,
        source_reentry_ns=MINUTE_NS,
    )
    for source, price in ((1, 1_000), (2, 1_000), (3, 1_060)):
        events = story.price(price, source=source)
    assert index_of(events)["outliers"] == 4
    return story


def test_rule_6_1_a_source_returns_after_its_dwell():
    story = dwelling()
    story.go(10)
    assert index_of(story.price(1_020, source=3))["outliers"] == 4  # 20 is within: it starts
    story.go(69)
    assert index_of(story.price(1_000, source=1))["outliers"] == 4
    story.go(70)
    published = index_of(story.price(1_000, source=1))
    assert (published["used"], published["outliers"]) == (7, 0)


def test_rule_6_1_leaving_the_narrow_band_restarts_the_dwell():
    story = dwelling()
    story.go(10)
    story.price(1_020, source=3)
    story.go(40)
    assert index_of(story.price(1_021, source=3))["outliers"] == 4  # inside 5%, outside 2%
    story.go(41)
    story.price(1_020, source=3)
    story.go(100)
    assert index_of(story.price(1_000, source=1))["outliers"] == 4
    story.go(101)
    assert index_of(story.price(1_000, source=1))["outliers"] == 0


def test_rule_5_4_sources_that_disagree_freeze_the_contract():
    """1000 and 1100: the median 1050 is 50 from both, 4% of it is 42. Both are left out."""
    story = priced_by((1, 1), 2, source_outlier_ppb=4 * PERCENT)
    story.price(1_000, source=1)
    story.price(1_000, source=2)
    events = story.price(1_100, source=2)
    assert index_of(events)["outliers"] == 3
    assert index_of(events)["index_ticks"] == 0
    assert only(events, "state_changed")["state_to"] == words.STATE_FROZEN
    assert story.mark() == 1_000  # the last one stands


def test_rule_5_4_frozen_is_no_liquidation_and_reopening_supervises():
    """Long 10 with cash 1000 at 1000, bankrupt below 900. Frozen, then reopened at 850: the
    waterfall of 500 runs before any order; the move limit does not hold a fresh mark back."""
    story = priced_by((1,), 1, source_stale_ns=MINUTE_NS, mark_move_ppb=PERCENT)
    story.open(A, 1_000)
    story.open(B, 100_000)
    story.price(1_000)
    story.trade(A, B, 10, 1_000)
    story.order(B, BUY, 1, 600)
    story.go(61)
    assert story.state() == "frozen"
    assert refusal(story.withdraw(B, 1)) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    assert story.exchange.depth(1)[0] == [(600, 1)]  # orders stay, cancels live on
    assert cancel_reasons(story.cancel_all(B)) == [(B, "mass_cancel")]
    events = story.price(850)
    assert only(events, "mark_published")["mark_ticks"] == 850
    closed = only(events, "waterfall_closed")
    assert (closed["deficit"], closed["given_up"]) == (500, 500)
    changes = [event.values["state_to"] for event in named(events, "state_changed")]
    assert changes == [words.STATE_AUCTION, words.STATE_DEFAULT, words.STATE_AUCTION]
    assert (story.cash(A), story.cash(B)) == (0, 100_000 + 1_500 - 500)


# The mark.


def marked(**terms: Any) -> Story:
    """Index 1000, hourly samples, rich accounts; the mark may stand 50% off the index."""
    spec: dict[str, Any] = {
        "mark_band_ppb": 50 * PERCENT,
        "funding_sample_ns": HOUR_NS,
        "mark_basis_samples": 2,
    }
    story = priced_by((1,), 1, **(spec | terms))
    for account in (A, B, C, D):
        story.open(account, 10**7)
    story.price(1_000)
    return story


def quote(story: Story, bid: int, ask: int) -> None:
    """Replace the book of C and D by one bid and one ask."""
    story.cancel_all(C)
    story.cancel_all(D)
    story.order(C, BUY, 100, bid)
    story.order(D, SELL, 100, ask)


def mark_terms(events: Events) -> tuple[int, ...]:
    published = only(events, "mark_published")
    names = ("mark_ticks", "fair_ticks", "basis_ticks", "last_ticks")
    return tuple(published[name] for name in names)


def test_rule_6_2_the_mark_is_the_median_of_its_terms():
    """A trade at 1004, quotes 1008 / 1012 with the middle 1010."""
    story = marked()
    assert mark_terms(story.price(1_000)) == (1_000, 1_000, 0, 0)  # none left: the index
    story.trade(A, B, 1, 1_004)
    quote(story, 1_008, 1_012)
    story.go(3_600)
    assert mark_terms(story.price(1_000)) == (1_004, 1_000, 1_010, 1_004)
    assert mark_terms(story.price(980)) == (990, 980, 990, 1_004)
    story.go(7_200)
    # No trade in this hour: of two terms the middle. The second sample saw 1010 over an index of
    # 980; the mean of 10 and 30 is 20.
    assert mark_terms(story.price(1_000)) == (1_010, 1_000, 1_020, 0)


def test_rule_6_2_the_basis_is_the_mean_of_the_last_samples_rounded_down():
    story = marked()
    means = []
    for hour, middle in enumerate((1_010, 1_021, 997, 996), 1):
        quote(story, middle - 1, middle + 1)
        story.go(hour * 3_600)
        means.append(mark_terms(story.price(1_000))[2] - 1_000)
    # 10; floor(31 / 2); floor((21 - 3) / 2); floor(-7 / 2)
    assert means == [10, 15, 9, -4]


def test_rule_6_2_samples_of_the_smallest_weight_count_alike():
    """Weights of a billionth: what they lose by the next sample is no whole one. 10, and a mean of
    10 and 13, to the nearest: 11.5 is 12."""
    story = marked(mark_basis_ema_ppb=1)
    means = []
    for hour, middle in enumerate((1_010, 1_013), 1):
        quote(story, middle - 1, middle + 1)
        story.go(hour * 3_600)
        means.append(mark_terms(story.price(1_000))[2] - 1_000)
    assert means == [10, 12]


@pytest.mark.parametrize(("value_min", "last"), [(2_007, 1_003), (2_008, 0)])
def test_rule_6_2_the_last_price_is_the_average_of_enough_trading(value_min, last):
    """One lot at 1002 and one at 1005: 2,007 in all, 1003.5 rounded down."""
    story = marked(mark_last_value_min=value_min)
    story.trade(A, B, 1, 1_002)
    story.trade(A, B, 1, 1_005)
    story.go(3_600)
    assert mark_terms(story.price(1_000))[3] == last


@pytest.mark.parametrize(
    ("rate_ppb", "hours", "fair"),
    [
        (PERCENT, 8, 1_010),  # the whole interval is left
        (PERCENT, 12, 1_005),
        (PERCENT, 15, 1_001),  # 1% x 1/8 = 0.125%: 1.25
        (-PERCENT, 12, 995),
        (-PERCENT, 15, 999),  # towards the index as well
    ],
)
def test_rule_6_2_the_fair_price_carries_the_funding_that_is_left(rate_ppb, hours, fair):
    story = marked(
        funding_interest_ppb=rate_ppb,
        funding_clamp_ppb=PERCENT,
        funding_cap_ppb=PERCENT,
        funding_sample_ns=NS_PER_DAY,
    )
    story.go(hours * 3_600)
    assert mark_terms(story.price(1_000)) == (fair, fair, 0, 0)


@pytest.mark.parametrize(
    ("band_ppb", "move_ppb", "index", "mark", "held"),
    [
        (10 * PERCENT, 0, 1_000, 1_050, 0),  # the middle of the index and the last price 1100
        (2 * PERCENT, 0, 1_000, 1_020, 0),  # 6.3: trades can't take it further
        (500_000, 0, 1_000, 1_000, 0),  # 0.05% of 1000 is no tick
        (10 * PERCENT, PERCENT, 1_000, 1_010, 0),
        (10 * PERCENT, 1, 1_000, 1_001, 0),  # at least one tick
        (2 * PERCENT, 2 * PERCENT, 1_040, 1_020, 0),  # 1070, band 1020 to 1060, move to 1020
        (2 * PERCENT, PERCENT, 1_040, 1_010, 1),  # the move limit holds it outside
        (2 * PERCENT, PERCENT, 900, 990, 1),  # 1000, band 882 to 918, move to 990
    ],
)
def test_rule_6_2_band_and_move_limit(band_ppb, move_ppb, index, mark, held):
    story = marked(mark_band_ppb=band_ppb, mark_move_ppb=move_ppb)
    story.trade(A, B, 1, 1_100)
    story.go(3_600)
    published = only(story.price(index), "mark_published")
    assert (published["mark_ticks"], published["held"]) == (mark, held)
    assert story.state() == ("reduce_only" if held else "continuous")


def test_rule_6_2_while_the_mark_is_held_no_premium_is_sampled():
    story = marked(mark_band_ppb=PERCENT, mark_move_ppb=PERCENT)
    quote(story, 999, 1_001)
    assert only(story.go(3_600), "premium_sampled")["valid"] == 1
    story.price(900)
    assert not named(story.go(7_200), "premium_sampled")
    assert mark_terms(story.price(1_000))[3] == 0
    story.price(1_000)
    assert story.state() == "continuous"
    assert only(story.go(10_800), "premium_sampled")
