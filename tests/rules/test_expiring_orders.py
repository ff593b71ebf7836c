"""Orders that end by the clock: good till date, day, and triggers that never fired (4.2, 2.6 b)."""

import pytest

from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from tests.rules.market import (
    DAY,
    GTD,
    ended,
    fills,
    market,
    market_stop_at,
    rests,
    stop_at,
    trail,
    triggered,
)
from tests.rules.story import (
    BUY,
    HOUR_NS,
    SELL,
    START_NS,
    A,
    B,
    C,
    Story,
    named,
    order_id,
)

SECOND = NS_PER_SECOND
AT = START_NS + 60 * SECOND
HOURS_16 = 16 * HOUR_NS


def until(expiry_ns: int = AT) -> dict[str, int]:
    return {"tif": GTD, "expiry_ns": expiry_ns}


def expired(story: Story, seconds: int, extra_ns: int = 0) -> list[int]:
    """Ids of what has ended by expiry when the clock has come so far."""
    events = story.go(seconds, extra_ns)
    assert all(reason == "expiry" for _, _, reason in ended(events))
    return [order for order, _, _ in ended(events)]


def test_rule_4_2_good_till_date_ends_at_its_time_and_not_a_nanosecond_before():
    story = market()
    number = order_id(story.order(A, BUY, 5, 900, **until()))
    assert expired(story, 59, SECOND - 1) == []
    assert rests(story, number)
    events = story.go(60)
    assert ended(events) == [(number, 5, "expiry")]
    assert not rests(story, number)
    assert story.position(A)["reserve_buy"] == 0


def test_rule_2_6_an_order_that_comes_at_the_time_of_expiry_finds_it_gone():
    story = market()
    number = order_id(story.order(A, BUY, 5, 1_000, **until()))
    story.now_ns = AT
    events = story.order(B, SELL, 5, 1_000)
    assert ended(events) == [(number, 5, "expiry")]
    assert fills(events) == []


def test_rule_2_6_expiries_come_by_time_then_order_id():
    story = market()
    later = order_id(story.order(C, BUY, 1, 900, **until(AT + 1)))
    first = order_id(story.order(B, BUY, 1, 900, **until()))
    second = order_id(story.order(A, BUY, 1, 950, **until()))
    sooner = order_id(story.order(A, BUY, 1, 950, **until(AT - 1)))
    assert expired(story, 61) == [sooner, first, second, later]


def test_rule_4_2_a_partly_filled_order_expires_with_its_rest():
    story = market()
    number = order_id(story.order(A, BUY, 5, 1_000, **until()))
    story.order(B, SELL, 2, 1_000)
    assert ended(story.go(60)) == [(number, 3, "expiry")]


def test_rule_4_4_an_amendment_keeps_the_expiry():
    story = market()
    number = order_id(story.order(A, BUY, 5, 900, **until()))
    story.amend(A, number, 7, 950)
    assert rests(story, number)
    assert ended(story.go(60)) == [(number, 7, "expiry")]


def test_an_order_that_has_filled_or_was_cancelled_expires_no_more():
    story = market()
    gone = order_id(story.order(A, BUY, 5, 900, **until()))
    story.order(A, BUY, 5, 1_000, **until())
    story.order(B, SELL, 5, 1_000)
    story.cancel(A, gone)
    # the slots are used again by orders without an expiry
    again = [order_id(story.order(A, BUY, 5, 900)) for _ in range(2)]
    assert expired(story, 120) == []
    assert all(rests(story, number) for number in again)


@pytest.mark.parametrize(
    ("entered_ns", "ends_ns"),
    [
        (0, HOURS_16),  # START_NS is midnight UTC: 08:00 in Hong Kong, the day ends at its midnight
        (HOURS_16 - 1, HOURS_16),
        (HOURS_16, HOURS_16 + NS_PER_DAY),  # the next day has begun
        (HOURS_16 + 1, HOURS_16 + NS_PER_DAY),
        (NS_PER_DAY - 1, HOURS_16 + NS_PER_DAY),
    ],
)
def test_rule_4_2_a_day_order_ends_at_midnight_in_hong_kong(entered_ns, ends_ns):
    story = market()
    story.now_ns = START_NS
    for hour in range(0, entered_ns // HOUR_NS + 1, 12):  # prices stay fresh
        story.now_ns = START_NS + hour * HOUR_NS
        story.price(1_000)
    story.go(0, entered_ns)
    number = order_id(story.order(A, BUY, 5, 900, tif=DAY))
    assert expired(story, 0, ends_ns - 1) == []
    assert expired(story, 0, ends_ns) == [number]


def test_rule_4_2_the_day_of_a_contract_is_its_own():
    """A contract whose day ends at midnight UTC."""
    story = market(day_end_ns=0)
    number = order_id(story.order(A, BUY, 5, 900, tif=DAY))
    assert expired(story, 86_399) == []
    assert expired(story, 86_400) == [number]


def test_rule_5_4_orders_expire_while_the_contract_is_frozen():
    """The price is stale after a day and a nanosecond."""
    story = market()
    number = order_id(story.order(A, BUY, 5, 900, **until(START_NS + 2 * NS_PER_DAY)))
    waits = order_id(
        story.order(A, BUY, 5, 1_100, **stop_at(1_100, expiry_ns=START_NS + 3 * NS_PER_DAY))
    )
    story.go(86_400, 1)
    assert story.state() == "frozen"
    assert rests(story, number)
    assert expired(story, 2 * 86_400) == [number]
    assert expired(story, 3 * 86_400) == [waits]
    assert story.state() == "frozen"


@pytest.mark.parametrize(
    "terms",
    [
        stop_at(1_010, expiry_ns=AT),
        stop_at(1_010, **until()),
        market_stop_at(1_010, expiry_ns=AT),
        trail(500, expiry_ns=AT),
    ],
)
def test_rule_4_2_a_trigger_that_has_not_fired_expires(terms):
    story = market()
    number = order_id(story.order(A, BUY, 5, 900, **terms))
    assert expired(story, 59, SECOND - 1) == []
    assert ended(story.go(60)) == [(number, 5, "expiry")]
    assert triggered(story.price(1_400)) == []


def test_rule_4_2_a_day_order_that_waits_ends_with_the_day():
    story = market()
    number = order_id(story.order(A, BUY, 5, 900, **stop_at(1_010, tif=DAY)))
    assert expired(story, 16 * 3_600) == [number]


@pytest.mark.parametrize(
    ("terms", "expires"),
    [({"expiry_ns": AT}, False), (until(), True), ({"tif": DAY}, True)],
)
def test_rule_4_2_what_has_fired_keeps_only_the_expiry_of_its_time_in_force(terms, expires):
    """Good till cancelled: the time was that of the trigger alone."""
    story = market()
    number = order_id(story.order(A, BUY, 5, 900, **stop_at(1_010), **terms))
    assert triggered(story.price(1_010)) == [number]
    assert expired(story, 16 * 3_600) == ([number] if expires else [])
    assert rests(story, number) is not expires


@pytest.mark.parametrize(("terms", "expires"), [({"expiry_ns": AT}, False), (until(), True)])
def test_rule_4_2_the_expiry_of_a_trigger_ends_when_it_fires_that_of_the_order_does_not(
    terms, expires
):
    """One a command: the second has fired and waits when its time comes."""
    story = market(config={"triggers_max": 1})
    first = order_id(story.order(A, BUY, 1, 900, **stop_at(1_010)))
    second = order_id(story.order(A, BUY, 1, 900, **stop_at(1_010), **terms))
    assert triggered(story.price(1_010)) == [first]
    events = story.go(60)
    assert triggered(events) == ([] if expires else [second])
    assert ended(events) == ([(second, 1, "expiry")] if expires else [])


def test_rule_2_6_due_work_of_one_time_staleness_then_expiry_then_heartbeat():
    """All at one time: the freeze, the expiry, the heartbeat."""
    story = market()
    at = START_NS + NS_PER_DAY + 1
    number = order_id(story.order(A, BUY, 5, 900, **until(at)))
    other = order_id(story.order(A, BUY, 5, 901))
    story.go(1, 1)
    story.heartbeat(A, NS_PER_DAY - SECOND)
    events = story.go(86_400, 1)
    kinds = [
        e.name for e in events if e.name in ("state_changed", "order_cancelled", "heartbeat_lost")
    ]
    assert kinds == ["state_changed", "order_cancelled", "order_cancelled", "heartbeat_lost"]
    assert ended(events) == [(number, 5, "expiry"), (other, 5, "heartbeat")]
    assert named(events, "heartbeat_lost")[0].values == {"orders": 1, "due_ns": at}
