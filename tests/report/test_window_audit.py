"""5.4, 6.2: last and book term, delisting price recomputed; numbers are worked out by hand."""

import pytest

from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.report.stream import MINUTE, SECOND, Stream

WIDE = {"mark_band_ppb": PPB}
AFFILIATE, CLIENT = 7, 2


def window(*trades, **terms):
    """A window of trades (price, lots) and the mark behind its sample, of the last price alone."""
    stream = Stream(**WIDE, **terms).open()
    for price, lots in trades:
        stream.trade(price, lots)
    return stream


def thin(stream, minute=1):
    return stream.sample(minute * MINUTE, 0, 0, 0, 100_000, valid=0)


def marked(stream, last, fair=10_000):
    """The median of two is the floor of their mean."""
    return stream.mark((fair + last) // 2 if last else fair, 10_000, fair, 0, last, 0)


def test_6_2_the_last_term_is_the_mean_by_lots():
    # (2 x 9,000 + 9,001) / 3 = 9,000.3
    assert marked(thin(window((9_000, 2), (9_001, 1))), 9_000).differences() == []
    wrong = marked(thin(window((9_000, 2), (9_001, 1))), 9_001).differences()
    assert wrong == [("mark_published.last_ticks", 9_001, 9_000)]


def test_6_2_a_window_without_enough_value_has_no_last_term():
    # 9,000 x 2 x 3
    for least, last in ((54_000, 9_000), (54_001, 0)):
        stream = thin(window((9_000, 2), mark_last_value_min=least))
        assert marked(stream, last).differences() == []


def test_6_2_every_window_begins_anew():
    stream = marked(thin(window((9_000, 2))), 9_000)
    assert marked(thin(stream, 2), 0).differences() == []


def test_6_2_a_sum_that_has_passed_its_bound_does_not_grow():
    # 2^60 and 3 x 2^30 more is passed behind the second trade
    spec = {"tick_value": 3 * 2**30, "price_ticks_max": 12_000}
    stream = window((10_000, 2**15), (10_000, 2**15), (9_000, 2**15), **spec)
    value = 10_000 * 2**15 * spec["tick_value"]
    assert value < 2**60 < 2 * value
    assert marked(thin(stream), 10_000).differences() == []


@pytest.mark.parametrize("accounts", [(AFFILIATE, CLIENT), (CLIENT, AFFILIATE)])
def test_6_2_an_affiliate_on_either_side_makes_no_price(accounts):
    for is_priced, last in ((False, 8_000), (True, 8_500)):
        stream = Stream(**WIDE, affiliates_priced=is_priced)
        stream.add("account_opened", 1, 1, words.KIND_AFFILIATE, account=AFFILIATE)
        stream.add("account_opened", 1, 1, words.KIND_CLIENT, account=CLIENT)
        stream.open().trade(8_000, 1).trade(9_000, 1, accounts=accounts)
        assert marked(thin(stream), last).differences() == []


@pytest.mark.parametrize(
    ("bid", "ask", "traded", "book"),
    [
        (9_900, 10_101, 0, 10_000),  # floor of the mean
        (9_900, 10_101, 9_950, 9_950),
        (9_900, 10_101, 9_000, 9_900),
        (9_900, 10_101, 11_000, 10_101),
        (0, 10_101, 11_000, 11_000),  # no book
        (0, 10_101, 0, 0),
    ],
)
def test_6_2_the_book_term(bid, ask, traded, book):
    spec = {"mark_method": words.MARK_LAST, "funding_hold_ns": 0, **WIDE}
    stream = Stream(**spec).index(1, 10_000, 10_000, 1, 0, 0, 10_000, 0)
    stream.add("mark_published", 10_000, 10_000, 0, 0, 0, 0, follows=True).change(0, 1, 1)
    if traded:
        stream.trade(traded, 1)
    stream.sample(MINUTE, bid, ask, 0, 100_000, valid=int(bid > 0))
    stream.mark(book or 10_000, 10_000, 0, 0, book, 0)
    assert stream.differences() == []


def reduced(*between):
    """Reduce-only at second 10, a trade between the times around it, continuous at second 70.

    The sample of second 60 is skipped: what was traded ahead of it is dropped.
    """
    stream = Stream(**WIDE).open().at(10 * SECOND).add("state_changed", 1, 2, 7, 10 * SECOND)
    since, until = between
    stream.add("time_advanced", since * SECOND).trade(9_000, 1)
    stream.add("time_advanced", until * SECOND).at(70 * SECOND)
    stream.add("state_changed", 2, 1, 7, 70 * SECOND)
    return thin(stream, 2)


def test_6_2_a_sample_that_is_skipped_drops_what_was_traded():
    assert marked(reduced(20, 59), 0).differences() == []
    assert marked(reduced(60, 65), 9_000).differences() == []
    assert marked(reduced(20, 59), 9_000).differences() != []
    assert marked(reduced(60, 65), 0).differences() != []


def test_6_2_where_no_time_tells_both_last_terms_are_possible():
    assert marked(reduced(59, 60), 0).differences() == []
    assert marked(reduced(59, 60), 9_000).differences() == []
    wrong = marked(reduced(59, 60), 9_001).differences()
    assert wrong == [("mark_published.last_ticks", 9_001, 0)]


def test_6_2_a_time_of_due_work_behind_a_trade_is_later_than_it():
    stream = Stream(**WIDE, funding_interval_ns=MINUTE, funding_base_ns=MINUTE).open()
    stream.add("state_changed", 1, 2, 7, 10 * SECOND).trade(9_000, 1)
    stream.add("funding_averaged", 1, 0, 0, MINUTE, 0, 10_000)
    stream.add("funding_published", 100_000, 3, 0, 3, 0, MINUTE, follows=True)
    stream.add("state_changed", 2, 1, 7, 70 * SECOND).at(120 * SECOND)
    assert marked(thin(stream, 2), 0).differences() == []


def test_6_2_a_trade_in_a_transition_with_a_time_has_that_time():
    stream = Stream(**WIDE).open().add("state_changed", 1, 2, 7, 10 * SECOND)
    stream.at(MINUTE).mark(10_000, 10_000, 10_000, 0, 0, 0)
    stream.add("trade", 9_000, 1, 1, 2, 0, follows=True)  # triggered by that price
    for account in (2, 3):
        stream.add("leg", 0, 0, 0, 0, 0, 0, follows=True, account=account)
    stream.at(70 * SECOND).add("state_changed", 2, 1, 7, 70 * SECOND)
    assert marked(thin(stream, 2), 9_000).differences() == []
    assert marked(thin(stream, 2), 0).differences() != []


def test_6_2_a_clock_set_where_samples_are_skipped_may_have_dropped_a_trade():
    # between seconds 10 and 70: of second 60 there was a sample, ahead of the trade or behind it,
    # or it came at second 90
    for second, last in ((90, 9_000), (150, 9_000), (150, 0)):
        assert clock_set(second, last).differences() == []
    assert clock_set(90, 0).differences() != []
    assert clock_set(150, 9_001).differences() != []


def clock_set(second, last):
    """Reduced at second 10, a trade, the clock moved by half a minute, continuous at 70."""
    stream = Stream(**WIDE).open().add("state_changed", 1, 2, 7, 10 * SECOND)
    stream.trade(9_000, 1).add("sample_clock_set", 30 * SECOND)
    stream.at(70 * SECOND).add("state_changed", 2, 1, 7, 70 * SECOND)
    stream.sample(second * SECOND, 0, 0, 0, 100_000, valid=0).at(second * SECOND)
    return marked(stream, last)


def test_7_1_the_clock_goes_on_at_or_behind_the_sample_that_was_next():
    for offset, second in ((0, 60), (30, 90), (59, 119)):
        stream = Stream(**WIDE).open().add("sample_clock_set", offset * SECOND)
        stream.add("time_advanced", 59 * SECOND)
        stream.sample(second * SECOND, 0, 0, 0, 100_000, valid=0)
        assert stream.differences() == []


@pytest.mark.parametrize("samples", [5, 6])
def test_7_1_the_number_of_samples_tells_if_one_came_ahead_of_its_new_time(samples):
    """Of minute 5, an instant before the interval ends: the clock was set behind it or ahead."""
    stream = Stream(**WIDE, funding_interval_ns=6 * MINUTE, funding_base_ns=6 * MINUTE).open()
    stream.add("state_changed", 1, 2, 7, 10 * SECOND)
    stream.add("time_advanced", 350 * SECOND).add("sample_clock_set", 30 * SECOND)
    stream.at(6 * MINUTE).price(1, 10_000)
    stream.add("index_published", 10_000, 1, 0, 0, 10_000, 0, follows=True)
    stream.add("funding_averaged", samples, 0, 0, 6 * MINUTE, 0, 10_000)
    stream.add("funding_published", 100_000, 3, 0, 3, 0, 6 * MINUTE, follows=True)
    # behind it: of minute 6.5 or no more until minute 7.5
    stream.add("time_advanced", 395 * SECOND)
    stream.add("state_changed", 2, 1, 7, 395 * SECOND)
    stream.sample(450 * SECOND, 0, 0, 0, 100_000, valid=0)
    assert stream.differences() == []


def test_absurd_times_end_at_once():
    for time_ns in (2**62, -(2**62), 2**63 - 1, -(2**63)):
        stream = Stream().open().add("sample_clock_set", 1)
        stream.add("time_advanced", time_ns).at(time_ns).price(1, 10_000).trade(1, 1)
        stream.add("state_changed", 1, 2, 7, time_ns).add("sample_clock_set", time_ns)
        stream.add("funding_averaged", 0, 0, 0, 0, 0, 0).freeze().open()
        assert stream.differences()


def uncrossed(ends_ns, why):
    """An auction whose trade is at second 60, at the time of a sample, and then continuous."""
    stream = Stream(**WIDE).open().at(10 * SECOND)
    stream.add("state_changed", 1, 5, 7, 10 * SECOND)
    stream.add("auction_started", ends_ns, follows=True)
    stream.add("trade", 9_000, 1, 1, 2, 2)
    for account in (2, 3):
        stream.add("leg", 0, 0, 0, 0, 0, 0, follows=True, account=account)
    return stream.add("state_changed", 5, 1, why, MINUTE, follows=True)


def test_6_2_a_sample_comes_behind_an_auction_that_ends_at_its_time():
    stream = thin(uncrossed(MINUTE, words.WHY_UNCROSSED))
    assert marked(stream, 9_000).differences() == []
    assert marked(thin(stream, 2), 0).differences() == []


def test_6_2_a_sample_comes_ahead_of_what_an_operator_does_at_its_time():
    stream = thin(uncrossed(2 * MINUTE, words.WHY_OPERATOR), 2)
    assert marked(stream, 9_000).differences() == []


def suspended(prices, **terms):
    """Index values of minutes 1, 2, ..: one sampled, the others taken while it is suspended."""
    stream = Stream(**WIDE, **terms).open(prices[0])
    thin(stream, 1).at(MINUTE + SECOND).add("state_changed", 1, 8, 7, MINUTE + SECOND)
    for minute, price in enumerate(prices[1:], 2):
        stream.at(minute * MINUTE - SECOND).index(1, price, price, 1, 0, 0, price, 0)
        stream.add("mark_published", price, price, price, 0, 0, 0, follows=True)
    return stream.at(len(prices) * MINUTE)


def settle(stream, *settlement_priced):
    stream.add("state_changed", 8, 9, 7, stream.now)
    stream.add("settlement_priced", *settlement_priced, follows=True)
    return stream.change(9, 10, 12)


def test_5_4_the_delisting_price_is_the_mean_of_the_last_index_values():
    prices = (10_000, 9_990, 9_985)
    stream = settle(suspended(prices), 9_991, 3, 9_985)  # 29,975 / 3, floor
    assert stream.differences() == [] and stream.audit().settlements == 1
    assert settle(suspended(prices, delisting_samples=2), 9_987, 2, 9_985).differences() == []
    for place, name in enumerate(("price_ticks", "samples", "mark_ticks_before")):
        for step in (1, -1):
            numbers = [9_991, 3, 9_985]
            numbers[place] += step
            fields = [field for field, *_ in settle(suspended(prices), *numbers).differences()]
            assert fields == [f"settlement_priced.{name}"]


def test_5_4_without_an_index_value_it_is_the_last_mark():
    stream = Stream().open().add("state_changed", 1, 8, 7, 0)
    assert settle(stream, 10_000, 0, 10_000).differences() == []


def test_5_4_nothing_comes_of_a_price_for_what_has_settled():
    stream = settle(suspended((10_000,)), 10_000, 1, 10_000)
    assert stream.at(5 * MINUTE).price(99, 1).differences() == []


def test_5_4_values_are_open_where_the_clock_was_set_at_an_unknown_time():
    # Second 120 had its value, or has it at second 150; behind that two are all that count. A
    # clock that is set ahead of second 120 leaves nothing open.
    for until, settled, is_open in ((130, 140, 1), (130, 220, 1), (130, 280, 0), (110, 220, 0)):
        stream = suspended((10_000,), delisting_samples=2).add("sample_clock_set", 30 * SECOND)
        stream.add("time_advanced", until * SECOND).at(settled * SECOND)
        audit = settle(stream, 10_000, 2, 10_000).audit()
        assert audit.differences == [] and audit.settlements_open == is_open
