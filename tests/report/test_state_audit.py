"""5.1, 5.4: states follow from one another, and most changes have their time from rules."""

import pytest

from engine.schema.bounds import NS_PER_DAY
from engine.schema.contract import PriceSource, outside
from tests.report.stream import MINUTE, SECOND, Stream


def times(stream):
    """Times of changes that differ, as published less recomputed."""
    return [a - b for field, a, b in stream.differences() if field == "state_changed.time_ns"]


def test_a_state_that_does_not_follow():
    stream = Stream().open().change(2, 1, 4)
    assert stream.differences() == [("state_changed.state_from", 2, 1)]


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_a_change_by_a_price_has_its_time(step):
    stream = Stream().at(5 * SECOND)
    stream.index(1, 100, 100, 1, 0, 0, 100, 0)
    stream.add("mark_published", 100, 100, 100, 0, 0, 0, follows=True)
    stream.add("state_changed", 0, 1, 1, 5 * SECOND + step, follows=True)
    assert times(stream) == [step] * bool(step)


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_5_4_a_freeze_comes_just_when_too_few_are_fresh(step):
    spec = {"sources": outside(1, 1, 1), "sources_healthy_min": 2}
    stream = Stream(**spec, source_stale_ns=60 * SECOND)
    stream.at(1 * SECOND).index(1, 100, 0, 0b001, 0b110, 0, 100, 0)
    stream.at(2 * SECOND).index(2, 100, 100, 0b011, 0b100, 0, 100, 0)
    stream.add("mark_published", 100, 100, 100, 0, 0, 0, follows=True).change(0, 1, 1)
    stream.at(3 * SECOND).index(3, 100, 100, 0b111, 0, 0, 100, 0)
    stream.add("mark_published", 100, 100, 100, 0, 0, 0, follows=True)
    # the second newest of seconds 1, 2, 3
    stream.add("state_changed", 1, 0, 2, 62 * SECOND + 1 + step)
    assert times(stream) == [step] * bool(step)


def test_5_4_the_fresh_ones_must_be_enough_for_the_caps():
    spec = {"sources": outside(1, 1, 1), "source_cap_ppb": 400_000_000}
    stream = Stream(**spec, source_stale_ns=60 * SECOND)
    for source, bits in ((1, (0b001, 0b110)), (2, (0b011, 0b100))):
        capped = bits[0]  # all of them: one or two can't hold the caps
        stream.at(source * SECOND).index(source, 100, 0, *bits, 0, 100, capped)
    stream.at(3 * SECOND).index(3, 100, 100, 0b111, 0, 0, 100, 0)
    stream.add("mark_published", 100, 100, 100, 0, 0, 0, follows=True).change(0, 1, 1)
    # one is healthy, but three times 40% are needed
    assert stream.add("state_changed", 1, 0, 2, 61 * SECOND + 1).differences() == []


def test_5_4_every_constituent_must_be_fresh():
    spec = {"sources": (PriceSource(), PriceSource(asset=1)), "source_stale_ns": 60 * SECOND}
    stream = Stream(**spec, index_units_ppb=(10**9, 10**9))
    for source, price, index in ((1, 100, 0), (2, 50, 150)):
        stream.at(source * SECOND).price(source, price)
        other = 0 if source == 1 else 50
        stream.add("constituent_published", 0, 100, 100, 10**9, 10**9, follows=True)
        stream.add("constituent_published", 1, other, other, 10**9, 10**9, follows=True)
        bits = (1, 2) if source == 1 else (3, 0)
        stream.add("index_published", index, *bits, 0, 100, 0, follows=True)
    stream.add("mark_published", 150, 150, 150, 0, 0, 0, follows=True).change(0, 1, 1)
    assert stream.add("state_changed", 1, 0, 2, 61 * SECOND + 1).differences() == []


def test_5_4_a_freeze_by_staleness_that_is_missing():
    stream = Stream(source_stale_ns=60 * SECOND).open()
    stream.at(60 * SECOND).mark(10_000, 10_000, 10_000, 0, 0, 0)
    assert stream.differences() == []
    stream.at(120 * SECOND + 1).mark(10_000, 10_000, 10_000, 0, 0, 0)
    assert stream.differences() == [("state_changed", 0, 1)]


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_5_4_a_degraded_index_freezes_at_its_price(step):
    stream = Stream(price_ticks_max=15_000, index_units_ppb=(2 * 10**9,))
    stream.index(1, 7_000, 14_000, 1, 0, 0, 7_000, 0)
    stream.add("mark_published", 14_000, 14_000, 14_000, 0, 0, 0, follows=True).change(0, 1, 1)
    stream.at(5 * SECOND).index(1, 8_000, 0, 1, 0, 0, 8_000, 0)
    stream.add("state_changed", 1, 0, 2, 5 * SECOND + step, follows=True)
    assert times(stream) == [step] * bool(step)


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_5_2_an_auction_ends_when_it_was_said_to(step):
    stream = Stream().open().add("state_changed", 1, 5, 7, SECOND)
    stream.add("auction_started", 20 * SECOND, follows=True)
    stream.add("auction_extended", 40 * SECOND, 1, 10_500)
    stream.add("state_changed", 5, 1, 9, 40 * SECOND + step)
    assert times(stream) == [step] * bool(step)


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_5_4_the_longest_freeze_ends_in_a_settlement(step):
    stream = Stream(freeze_max_ns=NS_PER_DAY).open().at(MINUTE // 2).freeze()
    stream.add("state_changed", 0, 9, 11, NS_PER_DAY + MINUTE // 2 + step)
    assert times(stream) == [step] * bool(step)


def test_9_8_a_waterfall_has_the_time_of_its_step():
    stream = Stream().open().change(1, 3, 5).change(3, 1, 6)
    assert stream.differences() == []
    stream.add("state_changed", 1, 3, 5, 1).add("state_changed", 3, 1, 6, 2)
    assert times(stream) == [1, 1]
