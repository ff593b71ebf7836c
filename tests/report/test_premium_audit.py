"""7.1: terms, impact prices and premiums recomputed; expected numbers are worked out by hand."""

import pytest

from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.report.stream import MINUTE, SECOND, Stream


def sampled(stream, impact, premium):
    """One sample: value and lots of both sides with their terms, then what follows from them."""
    return stream.add("impact_sampled", *impact).add("premium_sampled", *premium, follows=True)


DEEP = (301_000, 10, 599_000, 20, 3_333_333, 1_666_666)
# 301,000 are 30 x 10033.3, 1,000 above 300,000; 599,000 are 60 x 9983.3, 1,000 below 600,000.
# The rate is the premium less the clamp of half a million.
OF_DEEP = (1_666_667, 10_033, 9_984, 1, MINUTE, 1_166_667)


def test_7_1_terms_and_impact_prices_follow_from_value_and_lots():
    assert sampled(Stream().open(), DEEP, OF_DEEP).differences() == []


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("place", [4, 5])
def test_7_1_a_term_that_is_off_by_one(place, step):
    impact = list(DEEP)
    impact[place] += step
    name = ("bid", "ask")[place - 4]
    expected = (f"impact_sampled.{name}_term_ppb", impact[place], DEEP[place])
    assert sampled(Stream().open(), impact, OF_DEEP).differences() == [expected]


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("place", range(6))
def test_7_1_a_number_of_a_sample_that_is_off_by_one(place, step):
    premium = list(OF_DEEP)
    premium[place] += step
    names = ("premium_ppb", "impact_bid_ticks", "impact_ask_ticks", "valid", "time_ns")
    name = (*names, "rate_next_ppb")[place]
    fields = [field for field, *_ in sampled(Stream().open(), DEEP, premium).differences()]
    assert f"premium_sampled.{name}" in fields


def test_7_1_a_price_on_the_wrong_side_of_the_index_has_no_term():
    impact = (299_000, 10, 601_000, 20, 0, 0)
    numbers = (0, 9_966, 10_017, 1, MINUTE, 100_000)
    assert sampled(Stream().open(), impact, numbers).differences() == []


def test_7_1_a_premium_and_a_term_have_their_caps():
    stream = Stream(premium_cap_ppb=1_000_000).open()
    numbers = (1_000_000, *OF_DEEP[1:5], 500_000)
    assert sampled(stream, DEEP, numbers).differences() == []
    stream = Stream(funding_cap_ppb=10**6, premium_cap_ppb=10**13).open(2)
    # 2,001 times the index is 2,000 times above it: 1,000 count
    numbers = (10**12, 4_002, 4_003, 1, MINUTE, 10**6)
    impact = (4_002 * 3, 1, 4_003 * 3, 1, 10**12, 0)
    assert sampled(stream, impact, numbers).differences() == []


def thin_bid(seconds_held):
    """A deep sample a minute after the opening, and one without a bid a minute later."""
    stream = Stream(funding_hold_ns=seconds_held * SECOND).open()
    return sampled(stream, DEEP, OF_DEEP)


def test_7_1_a_thin_side_uses_its_last_term_for_a_while():
    held = (0, 0, 600_000, 20, 3_333_333, 0)
    # (1,666,667 + 3,333,333) / 2 = 2,500,000
    stream = sampled(thin_bid(60), held, (3_333_333, 0, 10_000, 1, 2 * MINUTE, 2_000_000))
    assert stream.differences() == []
    gone = (0, 0, 600_000, 20, 0, 0)
    stream = sampled(thin_bid(59), gone, (0, 0, 10_000, 0, 2 * MINUTE, 100_000))
    assert stream.differences() == []
    stream = sampled(thin_bid(59), held, (3_333_333, 0, 10_000, 1, 2 * MINUTE, 2_000_000))
    assert [field for field, *_ in stream.differences()] == [
        "impact_sampled.bid_term_ppb", "premium_sampled.premium_ppb", "premium_sampled.valid",
    ]  # fmt: skip


def test_7_1_a_freeze_drops_what_is_held():
    stream = thin_bid(300).at(MINUTE).freeze().mark(10_000, 10_000, 10_000, 0, 0, 0)
    stream.change(0, 1, 1)
    gone = (0, 0, 600_000, 20, 0, 0)
    stream = sampled(stream, gone, (0, 0, 10_000, 0, 2 * MINUTE, 100_000))
    assert stream.differences() == []


def test_7_1_a_thin_side_has_no_value_and_a_deep_one_enough():
    stream = Stream(funding_impact_value=301_001).open()
    sampled(stream, DEEP, OF_DEEP)
    assert stream.differences() == [("impact_sampled.bid_value", 301_000, 301_001)]
    stream = sampled(Stream().open(), (5, 0, 0, 0, 0, 0), (0, 0, 0, 0, MINUTE, 100_000))
    assert stream.differences() == [("impact_sampled.bid_value", 5, 0)]


def test_7_1_a_sample_without_its_inputs():
    stream = Stream().open().add("premium_sampled", 0, 0, 0, 0, MINUTE, 100_000)
    assert stream.differences() == [("impact_sampled", 0, 1)]


def test_7_1_a_premium_of_the_mark():
    stream = Stream(premium_method=words.PREMIUM_MARK, mark_method=words.MARK_FAIR)
    stream.index(1, 9_000, 9_000, 1, 0, 0, 9_000, 0)
    stream.add("mark_published", 9_000, 9_000, 9_000, 0, 0, 0, follows=True).change(0, 1, 1)
    stream.sample(MINUTE, 0, 0, 0, 100_000)  # valid whatever the book
    assert stream.differences() == []
    stream.sample(2 * MINUTE, 0, 0, 1, 100_000, valid=0)
    fields = [field for field, *_ in stream.differences()]
    assert fields == ["premium_sampled.premium_ppb", "premium_sampled.valid"]


def test_7_1_a_premium_of_a_mark_below_the_index_goes_towards_zero():
    spec = {"premium_method": words.PREMIUM_MARK, "mark_method": words.MARK_LAST}
    stream = Stream(**spec)
    stream.index(1, 9_000, 9_000, 1, 0, 0, 9_000, 0)
    stream.add("mark_published", 9_000, 9_000, 0, 0, 0, 0, follows=True).change(0, 1, 1)
    stream.trade(8_995, 1).sample(MINUTE, 0, 0, 0, 100_000).mark(8_995, 9_000, 0, 0, 8_995, 0)
    # -5/9000 is -555,555.6; the average with 0 is within the clamp of the interest
    stream.sample(2 * MINUTE, 0, 0, -555_555, 100_000)
    assert stream.differences() == []


def test_7_1_samples_come_by_the_clock():
    stream = Stream(funding_sample_offset_ns=MINUTE // 4).open()
    stream.sample(MINUTE, 9_000, 11_000, 0, 100_000)
    assert stream.differences() == [("premium_sampled.time_ns", MINUTE, 5 * MINUTE // 4)]
    stream = Stream().open().add("sample_clock_set", MINUTE // 4)
    stream.sample(5 * MINUTE // 4, 9_000, 11_000, 0, 100_000)
    stream.sample(9 * MINUTE // 4, 9_000, 11_000, 0, 100_000)
    assert stream.differences() == []


@pytest.mark.parametrize(("bid", "ask", "premium"), [(9_990, 10_031, 1_000_000), (9_990, 0, 0)])
def test_7_1_the_middle_of_the_impact_prices_needs_both(bid, ask, premium):
    # floor of 10010.5 is 10 ticks of 10,000 above the index
    stream = Stream(premium_method=words.PREMIUM_MID, mark_band_ppb=PPB).open()
    stream.sample(MINUTE, bid, ask, premium, 500_000 if premium else 100_000, int(ask > 0))
    assert stream.differences() == []
