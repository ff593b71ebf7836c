"""6.2: the mark recomputed from its terms; expected numbers are worked out by hand."""

import pytest

from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import PriceSource
from tests.report.stream import MINUTE, SECOND, Stream

METHODS_OF_BOOK = {"mark_method": words.MARK_LAST, "mark_band_ppb": PPB // 10}


def sample(stream, minute, bid, ask):
    """A premium sample around the index of 10,000, without a premium."""
    return stream.sample(minute * MINUTE, bid, ask, 0, 100_000)


def first(stream, index=10_000):
    """The first price of a contract whose mark has no fair term."""
    stream.index(1, index, index, 1, 0, 0, index, 0)
    return stream.add("mark_published", index, index, 0, 0, 0, 0, follows=True).change(0, 1, 1)


def test_6_2_the_median_of_three_of_two_and_of_one():
    stream = Stream(mark_band_ppb=PPB // 10).open()
    sample(stream, 1, 9_990, 10_031)  # mid 10010, basis 10
    stream.mark(10_005, 10_000, 10_000, 10_010, 0, 0)
    sample(stream.trade(10_020, 3), 2, 9_990, 10_031)
    stream.mark(10_010, 10_000, 10_000, 10_010, 10_020, 0)
    sample(stream.trade(9_000, 3), 3, 9_990, 10_031)
    stream.mark(10_000, 10_000, 10_000, 10_010, 9_000, 0)
    assert stream.differences() == []


def test_6_2_a_basis_term_of_0_is_no_absent_one():
    stream = first(Stream(mark_method=words.MARK_BASIS, mark_band_ppb=PPB), 10)
    stream.sample(MINUTE, 10, 10, 0, 100_000).sample(2 * MINUTE, 1, 10, 0, 100_000)
    # samples 0 and -5: floor of -2.5; alone an index of 3 has a term of 0, the band holds it at 1
    stream.index(1, 3, 3, 1, 0, 0, 3, 0)
    stream.add("mark_published", 1, 3, 0, 0, 0, 0)
    assert stream.differences() == []


def test_6_2_the_basis_is_a_window_that_a_freeze_drops():
    stream = first(Stream(mark_basis_samples=2, mark_method=words.MARK_BASIS))
    for minute, mid in ((1, 10_050), (2, 10_011), (3, 10_014)):
        sample(stream, minute, mid - 51, mid + 51)
    stream.mark(10_012, 10_000, 0, 10_012, 0, 0)  # floor of 12.5
    stream.freeze().mark(10_000, 10_000, 0, 0, 0, 0)
    assert stream.differences() == []


def test_6_2_an_exponential_basis_starts_up_without_a_bias():
    # a = 1/4: after 8: N = 2, D = 1/4; after 4: N = 2 - 0.5 + 1 = 2.5, D = 7/16: 5.71, nearly 6
    stream = first(Stream(mark_basis_ema_ppb=PPB // 4, mark_method=words.MARK_BASIS))
    sample(stream, 1, 9_958, 10_058).mark(10_008, 10_000, 0, 10_008, 0, 0)
    sample(stream, 2, 9_954, 10_054).mark(10_006, 10_000, 0, 10_006, 0, 0)
    assert stream.differences() == []


@pytest.mark.parametrize("weight_ppb", [0, PPB // 4])
def test_6_2_a_basis_that_has_stood_too_long_is_absent_and_begins_anew(weight_ppb):
    spec = {"mark_method": words.MARK_BASIS, "mark_basis_hold_ns": 90 * SECOND}
    stream = sample(first(Stream(**spec, mark_basis_ema_ppb=weight_ppb)), 1, 9_958, 10_058)
    stream.at(150 * SECOND).mark(10_008, 10_000, 0, 10_008, 0, 0)
    stream.at(150 * SECOND + 1).mark(10_000, 10_000, 0, 0, 0, 0)
    # of minute 3, skipped minute 2: later than the hold, so 8 is forgotten
    sample(stream, 3, 9_954, 10_054).at(3 * MINUTE).mark(10_004, 10_000, 0, 10_004, 0, 0)
    assert stream.differences() == []


def traded(stream, minute, price, bid=0, ask=0):
    """A trade and the sample that ends its window, at an index of 10,000 without a premium."""
    valid = int(bool(bid and ask))
    stream.trade(price, 1)
    return stream.sample(minute * MINUTE, bid, ask, 0, 100_000, valid)


def test_6_2_the_band_holds_the_mark():
    stream = first(Stream(mark_band_ppb=PPB // 1000, mark_method=words.MARK_LAST))
    traded(stream, 1, 10_500).mark(10_010, 10_000, 0, 0, 10_500, 0)
    traded(stream, 2, 9_500).mark(9_990, 10_000, 0, 0, 9_500, 0)
    stream.sample(3 * MINUTE, 0, 0, 0, 100_000, 0).mark(10_000, 10_000, 0, 0, 0, 0)
    assert stream.differences() == []


def test_6_2_the_move_limit_holds_it_outside_but_not_out_of_a_freeze():
    stream = Stream(mark_move_ppb=PPB // 100).open()
    stream.index(1, 8_000, 8_000, 1, 0, 0, 8_000, 0)
    stream.add("mark_published", 9_900, 8_000, 8_000, 0, 0, 1, follows=True).change(1, 2, 3)
    stream.add("constituent_redenominated", 0, PPB).change(2, 0, 2)
    assert stream.mark(8_000, 8_000, 8_000, 0, 0, 0).differences() == []


def test_6_2_the_smallest_move_is_one_tick():
    stream = Stream(mark_move_ppb=1, mark_band_ppb=PPB).open(100)
    stream.index(1, 102, 102, 1, 0, 0, 102, 0)
    assert stream.add("mark_published", 101, 102, 102, 0, 0, 0).differences() == []


def test_6_2_the_external_term_is_the_weighted_median_of_fresh_perpetuals():
    perpetuals = tuple(PriceSource(w, words.SOURCE_PERPETUAL) for w in (3, 2, 1))
    spec = {"sources": (PriceSource(), *perpetuals), "mark_method": words.MARK_EXTERNAL}
    stream = Stream(**spec, source_stale_ns=60 * SECOND)
    for source, price in ((2, 10_010), (3, 10_020), (4, 10_030)):
        stale = 0b1111 ^ (1 << source) - 2
        stream.at(source * SECOND).index(source, price, 0, 0, stale, 0, 0, 0)
    stream.at(62 * SECOND).index(1, 10_000, 10_000, 0b0001, 0, 0, 10_000, 0)
    stream.add("mark_published", 10_015, 10_000, 10_015, 0, 0, 0)  # just half at 10010
    stream.at(62 * SECOND + 1).index(1, 10_000, 10_000, 0b0001, 0b0010, 0, 10_000, 0)
    stream.add("mark_published", 10_020, 10_000, 10_020, 0, 0, 0)
    assert stream.differences() == []


def paid(rate=1_000_000):
    """An interval with a rate of 0.1%, 10 ticks of 10,000, has ended at minute 5."""
    stream = Stream(funding_interest_ppb=rate, funding_clamp_ppb=2 * rate).open()
    stream.add("funding_averaged", 5, 0, 0, 5 * MINUTE, 0, 10_000)
    numbers = (rate, 30_000 * rate // PPB, 0, 30_000 * rate // PPB, 0, 5 * MINUTE)
    return stream.add("funding_published", *numbers, follows=True)


@pytest.mark.parametrize(
    ("time_ns", "fair"),
    [
        (5 * MINUTE, 10_010),
        (6 * MINUTE, 10_008),
        (6 * MINUTE + 1, 10_007),  # the rate towards zero, and the ticks
        (9 * MINUTE, 10_002),
        (10 * MINUTE, 10_000),
        (11 * MINUTE, 10_000),  # a funding time that is not worked off yet leaves nothing
    ],
)
def test_6_2_the_fair_price_is_what_is_left_of_the_interval(time_ns, fair):
    assert paid().at(time_ns).mark(fair, 10_000, fair, 0, 0, 0).differences() == []
    wrong = paid().at(time_ns).mark(fair, 10_000, fair + 1, 0, 0, 0).differences()
    assert ("mark_published.fair_ticks", fair + 1, fair) in wrong


def test_6_2_before_the_first_funding_time_there_is_no_rate_to_be_left():
    assert Stream().open().at(MINUTE).mark(10_000, 10_000, 10_000, 0, 0, 0).differences() == []


@pytest.mark.parametrize("method", [words.MARK_BASIS, words.MARK_FAIR, words.MARK_LAST])
def test_a_term_that_the_method_does_not_use_is_0(method):
    stream = Stream(mark_method=method).index(1, 10_000, 10_000, 1, 0, 0, 10_000, 0)
    stream.add("mark_published", 10_000, 10_000, 10_000, 10_000, 10_000, 0)
    used = {words.MARK_FAIR: {"fair"}}.get(method, set())
    names = {field.split(".")[1].removesuffix("_ticks") for field, *_ in stream.differences()}
    assert names == {"fair", "basis", "last"} - used


@pytest.mark.parametrize("place", range(1, 7))
@pytest.mark.parametrize("step", [1, -1])
def test_every_number_of_a_mark_is_compared(place, step):
    stream = Stream().open().trade(10_010, 1)
    sample(stream, 1, 9_990, 10_031).mark(10_010, 10_000, 10_000, 10_010, 10_010, 0)
    assert stream.differences() == []
    row = list(stream.rows[-1])
    row[place] += step
    stream.rows[-1] = tuple(row)
    assert stream.differences()
