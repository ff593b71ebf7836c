"""Bad prices and books: a defined result for each, an event, and no stale mark in use (6, 7)."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.commands import RedenominateConstituent
from engine.schema.contract import PriceSource, outside
from tests.rules.story import BUY, HOUR_NS, PERCENT, SELL, A, B, Events, Story, contract, named

MINUTE = 60
Act = Callable[[Story], Events]


def market(**terms: Any) -> Story:
    """Three sources at 1000, of which two must be healthy: no older than a minute, within 5%."""
    spec: dict[str, Any] = {
        "initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT, "sources": outside(1, 1, 1),
        "sources_healthy_min": 2, "source_stale_ns": MINUTE * NS_PER_SECOND,
        "source_outlier_ppb": 5 * PERCENT, "source_reentry_ppb": 2 * PERCENT,
        "funding_sample_ns": 30 * NS_PER_SECOND, "funding_impact_value": 10_000,
    }  # fmt: skip
    story = Story(contract(**(spec | terms)))
    for account in (A, B):
        story.open(account, 10**9)
    for source in (1, 2, 3):
        story.price(1_000, source=source)
    return story


def price(ticks: int, source: int = 1) -> Act:
    return lambda story: story.price(ticks, source=source)


def one_stops(story: Story) -> Events:
    for price_ticks in (1_000, 1_010):
        story.advance(40)
        story.price(1_000, source=1)
        events = story.price(price_ticks, source=2)
    return events


def all_stop(story: Story) -> Events:
    return story.advance(2 * MINUTE)


def all_disagree(story: Story) -> Events:
    story.price(1_300, source=2)
    return story.price(700, source=3)


def quiet(story: Story) -> Events:
    return story.go(30)


def one_sided(story: Story) -> Events:
    story.order(A, BUY, 20, 1_001)
    return story.go(30)


def crossed_auction(story: Story) -> Events:
    story.change_state(words.STATE_AUCTION)
    story.order(A, BUY, 20, 1_010)
    story.order(B, SELL, 20, 990)
    return story.go(30)


# What is done; refusal code; then the last index, its used and left out sources, state, and the
# last premium sample with its validity, None where there is none.
TABLE: list[tuple[str, Act, int, tuple[int, int, int] | None, str, tuple[int, int] | None]] = [
    ("negative", price(-5), refusals.SOURCE_PRICE_INVALID, None, "continuous", None),
    ("zero", price(0), refusals.SOURCE_PRICE_INVALID, None, "continuous", None),
    ("above the grid", price(2**20 + 1), refusals.SOURCE_PRICE_INVALID, None, "continuous", None),
    ("no such source", price(1_000, 4), refusals.SOURCE_UNKNOWN, None, "continuous", None),
    ("a thousand times", price(1_000_000), 0, (1_000, 0b110, 0b001), "continuous", None),
    ("a thousandth", price(1), 0, (1_000, 0b110, 0b001), "continuous", None),
    ("a source stops", one_stops, 0, (1_005, 0b011, 0), "continuous", (0, 0)),
    ("all stop", all_stop, 0, (0, 0, 0), "frozen", (0, 0)),
    ("all disagree", all_disagree, 0, (0, 0b001, 0b110), "frozen", None),
    ("empty book", quiet, 0, None, "continuous", (0, 0)),
    ("one-sided book", one_sided, 0, None, "continuous", (1_000_000, 0)),
    ("crossed auction book", crossed_auction, 0, None, "auction", None),
]


@pytest.mark.parametrize(
    ("act", "code", "index", "state", "sample"), [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)  # fmt: skip
def test_rules_6_and_7_bad_prices_and_books(act, code, index, state, sample):
    story = market()
    mark = story.mark()
    events = act(story)
    refused = named(events, "refused")
    assert [event.values["code"] for event in refused] == ([code] if code else [])
    published = named(events, "index_published")
    if index and index[0]:
        found = published[-1].values
        assert (found["index_ticks"], found["used"], found["outliers"]) == index
    assert story.state() == state
    taken = [event.values for event in named(tuple(story.events), "premium_sampled")]
    samples: list[tuple[int, int] | None] = [(t["premium_ppb"], t["valid"]) for t in taken]
    assert (samples[-1:] or [None]) == [sample]
    if code:
        assert story.mark() == mark
    if state == "frozen":  # the mark that stands is not used: nothing trades at it
        assert named(events, "state_changed")
        answered = story.order(A, BUY, 1, 1_000)
        assert named(answered, "refused")[0].values["code"] == refusals.CONTRACT_FROZEN


def test_rule_7_4_a_time_jump_over_five_intervals_makes_up_each_in_order():
    story = market(funding_interval_ns=HOUR_NS, source_stale_ns=24 * HOUR_NS)
    events = story.go(5 * 3_600)
    times = [event.values["time_ns"] for event in named(events, "funding_published")]
    assert times == [story.now_ns - k * HOUR_NS for k in (4, 3, 2, 1, 0)]
    late = [event.values["late_ns"] for event in named(events, "funding_late")]
    assert late == [k * HOUR_NS for k in (4, 3, 2, 1)]


def hourly(**terms: Any) -> Story:
    """One source, one sample a minute, intervals of an hour, a clamp that hides nothing."""
    return market(
        sources=outside(1), sources_healthy_min=1, source_stale_ns=24 * HOUR_NS,
        funding_sample_ns=MINUTE * NS_PER_SECOND, funding_interval_ns=HOUR_NS,
        funding_base_ns=HOUR_NS, funding_interest_ppb=0, funding_cap_ppb=10 * PERCENT,
        funding_method=words.RATE_SUM, **terms,
    )  # fmt: skip


def quoted(story: Story, bid: int, ask: int) -> None:
    story.order(A, BUY, 20, bid)
    story.order(A, SELL, 20, ask)


@pytest.mark.parametrize(
    ("minutes", "premium"),
    [
        (60, 50_000_000),
        (54, 50_000_000),  # 54 of 60 is 90%: a halt of six minutes does not matter
        (53, 0),
        (1, 0),  # nobody sets the rate by one bent sample and a halt behind it
    ],
)
def test_rule_7_1_time_in_which_nothing_can_be_sampled_is_no_valid_time(minutes, premium):
    story = hourly()
    quoted(story, 1_050, 1_060)
    story.go(minutes * MINUTE)
    if minutes < 60:
        story.change_state(words.STATE_HALTED)
        story.go(60 * MINUTE)
    averaged = named(tuple(story.events), "funding_averaged")[0].values
    assert (averaged["samples"], averaged["valid"]) == (60, minutes)
    assert named(tuple(story.events), "funding_published")[0].values["premium_ppb"] == premium


def test_rule_6_1_the_index_is_stale_when_its_caps_can_not_be_held_any_more():
    """Three of 40%: without the third two of 80% are no index, though one source is enough."""
    story = market(
        source_cap_ppb=40 * PERCENT, sources_healthy_min=1, source_outlier_ppb=50 * PERCENT
    )
    story.go(50)
    story.price(1_000, source=1)
    story.price(1_000, source=2)
    assert story.state() == "continuous"
    story.go(60)
    assert story.state() == "continuous"
    story.go(60, 1)
    assert story.state() == "frozen"


def test_rule_6_2_a_basis_without_a_book_ages():
    """A mid 10% above the index, for once; five minutes and one second later it says nothing."""
    story = market(
        sources=outside(1), sources_healthy_min=1, source_stale_ns=24 * HOUR_NS,
        mark_method=words.MARK_BASIS, mark_band_ppb=20 * PERCENT,
        mark_basis_hold_ns=300 * NS_PER_SECOND,
    )  # fmt: skip
    quoted(story, 1_099, 1_101)
    story.go(30)
    story.cancel_all(A)
    marks = []
    for seconds in (31, 330, 331):
        story.go(seconds)
        story.price(1_000)
        marks.append(story.mark())
    assert marks == [1_100, 1_100, 1_000]


@pytest.mark.parametrize(("interest_ppb", "capped"), [(PERCENT, 1), (PERCENT - 1, 0)])
def test_rule_7_2_a_rate_at_its_cap_is_capped_and_the_next_interval_shorter(interest_ppb, capped):
    story = market(
        sources=outside(1), sources_healthy_min=1, source_stale_ns=24 * HOUR_NS,
        funding_interval_ns=2 * HOUR_NS, funding_base_ns=2 * HOUR_NS,
        funding_interval_capped_ns=HOUR_NS, funding_interest_ppb=interest_ppb,
        funding_clamp_ppb=2 * PERCENT, funding_cap_ppb=PERCENT,
    )  # fmt: skip
    [averaged] = [event.values for event in named(story.go(7_200), "funding_averaged")]
    assert averaged["capped"] == capped
    lengths = [e.values["length_ns"] for e in named(story.go(14_400), "funding_averaged")]
    assert lengths[0] == (HOUR_NS if capped else 2 * HOUR_NS)


def test_rule_6_1_an_own_venue_has_the_lower_of_both_caps():
    """One own source of four: at most a quarter by the cap of all, whatever its own cap says."""
    sources = (*outside(1, 1, 1), PriceSource(9, words.SOURCE_OWN))
    story = market(
        sources=sources, source_cap_ppb=35 * PERCENT, source_own_cap_ppb=90 * PERCENT,
        index_method=words.INDEX_CLAMPED_MEAN, index_clamp_ppb=5 * PERCENT,
    )  # fmt: skip
    events = story.price(1_040, source=4)
    found = named(events, "index_published")[0].values
    # 35% of 1040 and 65% of 1000
    assert (found["index_ticks"], found["capped"]) == (1_014, 0b1000)


def test_rule_6_1_a_redenomination_forgets_who_was_left_out():
    story = market()
    story.price(1_200, source=3)
    story.submit(
        RedenominateConstituent(
            time_ns=story.now_ns, contract=1, asset=0, units_ppb=2 * PPB
        )
    )  # fmt: skip
    for source in (1, 2, 3):
        events = story.price(500, source=source)
    assert named(events, "index_published")[0].values["used"] == 0b111


def test_rule_7_2_a_vote_that_a_freeze_interrupts_is_dropped():
    """Samples 5% above and, behind the freeze, 1%: the vote is 1% and 1%, not 5% and 1%."""
    story = hourly(funding_vote_samples=2)
    quoted(story, 1_050, 1_060)
    story.go(60)
    story.submit(RedenominateConstituent(time_ns=story.now_ns, contract=1, asset=0, units_ppb=PPB))
    story.cancel_all(A)
    story.price(1_000)
    story.change_state(words.STATE_CONTINUOUS)
    quoted(story, 1_010, 1_060)
    sampled = named(story.go(180), "premium_sampled")
    assert [event.values["rate_next_ppb"] for event in sampled] == [0, PERCENT]


@pytest.mark.parametrize(
    ("bid", "ask", "premium", "valid"),
    [
        (990, 1_020, 5_000_000, 1),  # a mid of 1005: here impact prices make no premium at all
        (980, 1_001, -10_000_000, 1),  # floor(990.5)
        (990, 0, 0, 0),
    ],
)
def test_rule_7_1_the_spread_of_the_mid_needs_both_sides(bid, ask, premium, valid):
    story = hourly(premium_method=words.PREMIUM_MID)
    for side, price_ticks in ((BUY, bid), (SELL, ask)):
        if price_ticks:
            story.order(A, side, 20, price_ticks)
    [sampled] = [event.values for event in named(story.go(60), "premium_sampled")]
    assert (sampled["premium_ppb"], sampled["valid"]) == (premium, valid)
