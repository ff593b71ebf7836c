"""6.2: the mark recomputed from its terms; expected numbers are worked out by hand."""

import pytest

from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import PriceSource
from tests.report.stream import MINUTE, Stream


def sample(stream, minute, bid, ask, premium=0, index=10_000):
    """A premium sample of deep sides around the index; both terms 0 unless said."""
    rate = 100_000 if premium == 0 else premium
    return stream.add("premium_sampled", premium, bid, ask, 1, minute * MINUTE, rate)


def test_6_2_the_median_of_three_of_two_and_of_one():
    stream = Stream(mark_band_ppb=PPB // 10).open()
    sample(stream, 1, 9_990, 10_031)  # mid 10010, basis 10
    stream.index(1, 10_000, 10_000, 1, 0, 0, 10_000, 0)
    stream.add("mark_published", 10_005, 10_000, 10_000, 10_010, 0, 0)
    stream.add("mark_published", 10_010, 10_000, 10_000, 10_010, 10_020, 0)
    stream.add("mark_published", 10_000, 10_000, 10_000, 10_010, 9_000, 0)
    assert stream.differences() == []


def test_6_2_the_basis_is_a_window_that_a_freeze_drops():
    stream = Stream(mark_basis_samples=2, mark_method=words.MARK_BASIS).index(
        1, 10_000, 10_000, 1, 0, 0, 10_000, 0
    )
    stream.add("mark_published", 10_000, 10_000, 0, 0, 0, 0).add("state_changed", 0, 1, 1)
    for minute, mid in ((1, 10_050), (2, 10_011), (3, 10_014)):
        sample(stream, minute, mid - 50, mid + 50)
    stream.add("mark_published", 10_012, 10_000, 0, 10_012, 0, 0)  # floor of 12.5
    stream.add("state_changed", 1, 0, 2)
    stream.add("mark_published", 10_000, 10_000, 0, 0, 0, 0)
    assert stream.differences() == []


def test_6_2_an_exponential_basis_starts_up_without_a_bias():
    # a = 1/4: after 8: N = 2, D = 1/4; after 4: N = 2 - 0.5 + 1 = 2.5, D = 7/16: 5.71
    spec = {"mark_basis_ema_ppb": PPB // 4, "mark_method": words.MARK_BASIS}
    stream = Stream(**spec).index(1, 10_000, 10_000, 1, 0, 0, 10_000, 0)
    stream.add("mark_published", 10_000, 10_000, 0, 0, 0, 0).add("state_changed", 0, 1, 1)
    sample(stream, 1, 9_958, 10_058)
    stream.add("mark_published", 10_008, 10_000, 0, 10_008, 0, 0)
    sample(stream, 2, 9_954, 10_054)
    assert stream.add("mark_published", 10_005, 10_000, 0, 10_005, 0, 0).differences() == []


def test_6_2_the_band_holds_the_mark():
    stream = Stream(mark_band_ppb=PPB // 1000, mark_method=words.MARK_LAST).index(
        1, 10_000, 10_000, 1, 0, 0, 10_000, 0
    )
    stream.add("mark_published", 10_010, 10_000, 0, 0, 10_500, 0)
    stream.add("mark_published", 9_990, 10_000, 0, 0, 9_500, 0)
    assert stream.add("mark_published", 10_000, 10_000, 0, 0, 0, 0).differences() == []


def test_6_2_the_move_limit_holds_it_outside_but_not_out_of_a_freeze():
    stream = Stream(mark_move_ppb=PPB // 100).open()
    stream.index(1, 8_000, 8_000, 1, 0, 0, 8_000, 0)
    stream.add("mark_published", 9_900, 8_000, 8_000, 0, 0, 1)
    stream.add("state_changed", 1, 2, 3).add("state_changed", 2, 0, 2)
    assert stream.add("mark_published", 8_000, 8_000, 8_000, 0, 0, 0).differences() == []


def test_6_2_the_smallest_move_is_one_tick():
    stream = Stream(mark_move_ppb=1, mark_band_ppb=PPB).open(100)
    stream.index(1, 102, 102, 1, 0, 0, 102, 0)
    assert stream.add("mark_published", 101, 102, 102, 0, 0, 0).differences() == []


def test_6_2_the_delisting_price_is_a_mark():
    stream = Stream(mark_move_ppb=PPB // 100).open()
    stream.add("settlement_priced", 9_000, 1, 10_000)
    assert stream.add("settlement_priced", 8_000, 1, 9_000).differences() == []


def test_6_2_the_external_term_is_the_weighted_median_of_fresh_perpetuals():
    perpetuals = tuple(PriceSource(w, words.SOURCE_PERPETUAL) for w in (3, 2, 1))
    spec = {"sources": (PriceSource(), *perpetuals), "mark_method": words.MARK_EXTERNAL}
    stream = Stream(**spec)
    for source, price in ((2, 10_010), (3, 10_020), (4, 10_030)):
        stale = 0b1111 ^ (1 << source) - 2
        stream.index(source, price, 0, 0, stale, 0, 0, 0)
    stream.index(1, 10_000, 10_000, 0b0001, 0, 0, 10_000, 0)
    stream.add("mark_published", 10_015, 10_000, 10_015, 0, 0, 0)  # just half at 10010
    stream.index(1, 10_000, 10_000, 0b0001, 0b0010, 0, 10_000, 0)
    stream.add("mark_published", 10_020, 10_000, 10_020, 0, 0, 0)
    assert stream.differences() == []


def test_6_2_the_fair_price_lies_within_its_interval():
    stream = Stream().open()
    for minute in range(1, 6):
        sample(stream, minute, 9_950, 10_050)
    stream.add("funding_averaged", 5, 5, 0, 5 * MINUTE, 0, 10_000)
    stream.add("funding_published", 100_000, 3, 0, 3, 0, 5 * MINUTE, follows=True)
    # 0.01% of 10000 is 1 tick
    for fair in (10_000, 10_001):
        stream.add("mark_published", 10_000, 10_000, fair, 10_000, 0, 0)
    stream.add("mark_published", 10_001, 10_000, 10_002, 10_000, 0, 0)
    assert stream.differences() == [("mark_published.fair_ticks", 10_002, 10_001)]


@pytest.mark.parametrize("method", [words.MARK_BASIS, words.MARK_FAIR, words.MARK_LAST])
def test_a_term_that_the_method_does_not_use_is_0(method):
    stream = Stream(mark_method=method).index(1, 10_000, 10_000, 1, 0, 0, 10_000, 0)
    stream.add("mark_published", 10_000, 10_000, 10_000, 10_000, 10_000, 0)
    used = {words.MARK_BASIS: "", words.MARK_FAIR: "fair", words.MARK_LAST: "last"}[method]
    expected = {"fair", "basis", "last"} - {used}
    names = {field.split(".")[1].removesuffix("_ticks") for field, *_ in stream.differences()}
    assert names == expected


@pytest.mark.parametrize("place", range(1, 7))
def test_every_number_of_a_mark_is_compared(place):
    stream = Stream().open()
    sample(stream, 1, 9_990, 10_031)
    stream.add("mark_published", 10_010, 10_000, 10_000, 10_010, 10_010, 0)
    assert stream.differences() == []
    row = list(stream.rows[-1])
    row[place] += 1 if place != 5 else -5  # the last term is an input, but moves the median
    stream.rows[-1] = tuple(row)
    assert stream.differences()


def test_a_state_that_does_not_follow():
    stream = Stream().open().add("state_changed", 2, 1, 4)
    assert stream.differences() == [("state_changed.state_from", 2, 1)]
