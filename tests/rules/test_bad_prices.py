"""Bad prices and books: a defined result for each, an event, and no stale mark in use (6, 7)."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from engine.schema.contract import outside
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
    assert ([(t["premium_ppb"], t["valid"]) for t in taken][-1:] or [None]) == [sample]
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
