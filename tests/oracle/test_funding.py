"""Premium samples and funding, every figure worked out by hand from the rulebook: whose quotes
count, votes and their weights, methods, caps, lengths of intervals, the clock of samples (7)."""

from typing import Any

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import PriceSource
from tests.oracle.desk import (
    BUY,
    DAY,
    HOURS_8,
    SELL,
    A,
    B,
    C,
    D,
    Desk,
    code_of,
    contract,
    of_kind,
)
from tests.oracle.test_auctions import CONTINUOUS, REDUCE_ONLY, SECOND, SUSPENDED, change
from tests.oracle.test_interruptions import kinds
from tests.oracle.test_prices import MINUTE, PERCENT, PERPETUAL, UNIT, mark_of, quoted, redenominate

SAMPLED, AVERAGED, PUBLISHED = (
    events.PREMIUM_SAMPLED,
    events.FUNDING_AVERAGED,
    events.FUNDING_PUBLISHED,
)
E = 6  # an affiliate
TICK = 1_000_000  # premium of one tick at an index of 1,000


def samples_of(records: list[tuple]) -> list[tuple[int, ...]]:
    """Premium, impact bid, impact ask, valid."""
    return [record[1:5] for record in records if record[-1] == SAMPLED]


def next_rates(records: list[tuple]) -> list[int]:
    return [record[6] for record in records if record[-1] == SAMPLED]


def averages_of(records: list[tuple]) -> list[tuple[int, ...]]:
    """Samples, valid ones, frozen and whole length in seconds, capped, mark."""
    return [
        (*record[1:3], record[3] // SECOND, record[4] // SECOND, *record[5:7])
        for record in records
        if record[-1] == AVERAGED
    ]


def rates_of(records: list[tuple]) -> list[int]:
    return [record[1] for record in records if record[-1] == PUBLISHED]


def premiums_of(records: list[tuple]) -> list[int]:
    """Averages of the intervals."""
    return [record[5] for record in records if record[-1] == PUBLISHED]


# Whose quotes and trades count (6.2, C10).


def with_affiliate(is_priced: bool) -> Desk:
    """Four clients, and an affiliate in whom impact prices may or may not see a maker."""
    desk = Desk(
        contract(
            affiliates_priced=is_priced,
            funding_sample_ns=MINUTE,
            funding_impact_value=1_000,
            funding_hold_ns=0,
        )
    )
    desk.open((A, 10**6), (B, 10**6), (C, 10**6), (D, 10**6))
    desk.open((E, 10**6), kind=words.KIND_AFFILIATE)
    desk.mark(100)
    return desk


@pytest.mark.parametrize(("is_priced", "ask"), [(False, 105), (True, 103)])
def test_7_1_an_affiliates_quotes_make_no_impact_price(is_priced, ask):
    """With them: 6 lots at 101 and 4 at 105, 102.6 on average, and an ask is rounded up."""
    desk = with_affiliate(is_priced)
    desk.place(A, BUY, 20, 95)
    desk.place(B, SELL, 20, 105)
    desk.place(E, SELL, 6, 101)
    assert samples_of(desk.wait(MINUTE)) == [(0, 95, ask, 1)]


@pytest.mark.parametrize(
    ("is_priced", "sample", "basis"), [(False, (0, 0, 105, 0), 0), (True, (0, 99, 105, 1), 102)]
)
def test_7_1_a_side_of_affiliates_alone_is_thin(is_priced, sample, basis):
    desk = with_affiliate(is_priced)
    desk.place(B, SELL, 20, 105)
    desk.place(E, BUY, 20, 99)
    assert samples_of(desk.wait(MINUTE)) == [sample]
    assert mark_of(desk.mark(100))[3] == basis


@pytest.mark.parametrize("is_taker", [False, True])
@pytest.mark.parametrize(("is_priced", "last"), [(False, 100), (True, 102)])
def test_7_1_an_affiliates_trades_make_no_last_price(is_taker, is_priced, last):
    desk = with_affiliate(is_priced)
    desk.deal(A, B, 5, 100)
    if is_taker:
        desk.deal(A, E, 5, 104)
    else:
        desk.deal(E, A, 5, 104)
    desk.wait(MINUTE)
    assert mark_of(desk.mark(100))[4] == last
    assert desk.oracle.markets[1].last_trade == 104  # what triggers and bands look at


def test_7_1_nor_do_they_in_an_uncross():
    desk = with_affiliate(False)
    change(desk, words.STATE_AUCTION)
    desk.place(E, BUY, 5, 104)
    desk.place(A, BUY, 3, 104)
    desk.place(B, SELL, 8, 104)
    change(desk, CONTINUOUS)
    market = desk.oracle.markets[1]
    assert (market.traded_lots, market.traded_value) == (3, 312)


# The sample (7.1).


def test_7_1_a_thin_side_keeps_its_last_value_for_a_while():
    desk = Desk(
        contract(
            funding_sample_ns=MINUTE, funding_hold_ns=2 * MINUTE, funding_method=words.RATE_SUM
        )
    )
    desk.open((A, 10**6), (B, 10**6))
    desk.mark(1_000)
    quoted(desk, 1_010, 1_020)
    found = desk.wait(MINUTE)
    quoted(desk, 0, 1_020)
    found += desk.wait(3 * MINUTE)
    assert samples_of(found) == [
        (10 * TICK, 1_010, 1_020, 1),
        (10 * TICK, 0, 1_020, 1),
        (10 * TICK, 0, 1_020, 1),
        (0, 0, 1_020, 0),
    ]


@pytest.mark.parametrize(
    ("index", "mark", "cap", "premium"),
    [
        (1_000, 1_003, 1_000 * UNIT, 3 * TICK),
        (1_000, 1_003, 2 * TICK, 2 * TICK),
        (1_000, 997, 2 * TICK, -2 * TICK),
        (700, 699, 1_000 * UNIT, -1_428_571),  # of -1,428,571.4
    ],
)
def test_7_1_a_premium_of_the_mark_is_valid_without_a_book(index, mark, cap, premium):
    desk = driven(premium_cap_ppb=cap)
    desk.price(1, index)
    desk.price(2, mark)
    assert samples_of(desk.wait(MINUTE)) == [(premium, 0, 0, 1)]


def test_7_1_a_premium_of_impact_prices_is_capped_too():
    desk = Desk(contract(funding_sample_ns=MINUTE, premium_cap_ppb=4 * TICK))
    desk.open((A, 10**6), (B, 10**6))
    desk.mark(1_000)
    quoted(desk, 1_010, 1_020)
    found = desk.wait(MINUTE)
    quoted(desk, 980, 990)
    found += desk.wait(MINUTE)
    assert samples_of(found) == [(4 * TICK, 1_010, 1_020, 1), (-4 * TICK, 980, 990, 1)]


# Votes and their average (7.2). Other venues' perpetuals drive the mark, the mark the premium:
# a sample every minute, funding every ten, rates per ten minutes.


def driven(**changes) -> Desk:
    terms: dict[str, Any] = {
        "sources": (PriceSource(1), PriceSource(1, PERPETUAL)),
        "mark_method": words.MARK_EXTERNAL,
        "mark_band_ppb": 50 * PERCENT,
        "premium_method": words.PREMIUM_MARK,
        "funding_sample_ns": MINUTE,
        "funding_interval_ns": 10 * MINUTE,
        "funding_base_ns": 10 * MINUTE,
        "funding_method": words.RATE_SUM,
        "funding_cap_ppb": UNIT,
        "auction_ns": SECOND,
    }
    desk = Desk(contract(**terms | changes))
    desk.price(1, 1_000)
    return desk


def run(desk: Desk, *ticks: int) -> list[tuple]:
    """A minute for each: the premium of its sample in ticks."""
    found = []
    for premium in ticks:
        desk.price(2, 1_000 + premium)
        found += desk.wait(MINUTE)
    return found


def test_7_2_a_vote_is_the_median_of_its_samples():
    """2, 0 and 3 of three each; the tenth sample is dropped. A third of 5 a lot of 1,100."""
    desk = driven(funding_vote_samples=3)
    found = run(desk, 1, 5, 2, 0, 0, 9, 3, 3, 3, 100)
    assert kinds(found)[-3:] == [AVERAGED, PUBLISHED, events.TIME_ADVANCED]
    assert averages_of(found) == [(10, 10, 0, 600, 0, 1_100)]
    assert [record[1:7] for record in found if record[-1] == PUBLISHED] == [
        (1_666_666, 1, 833_332_600, 1, 1_666_666, desk.now - SECOND),
    ]
    # the next interval begins with a collection of its own
    assert next_rates(run(desk, 7, 7, 1, 50)) == [0, 0, 7 * TICK, 7 * TICK]


def test_7_2_the_median_of_an_even_vote_is_rounded_down():
    desk = driven(funding_vote_samples=2)
    desk.price(1, 700)
    rates = []
    for mark in (701, 702, 699, 698):
        desk.price(2, mark)
        rates += next_rates(desk.wait(MINUTE))
    # floor(4,285,713 / 2); then -2,142,857 beside it, of which half of -1 is nothing
    assert rates == [0, 2_142_856, 2_142_856, 0]
    assert desk.oracle.markets[1].votes == [2_142_856, -2_142_857]


def test_7_2_an_even_vote_of_four_leaves_both_ends_out():
    desk = driven(funding_vote_samples=4)
    assert next_rates(run(desk, 90, 3, -90, 4)) == [0, 0, 0, 3_500_000]


def test_7_2_weights_rise_from_vote_to_vote():
    """1 x 1 + 2 x 2 + .. + 10 x 10 = 385 of 55; plain it is 55 of 10."""
    for weighting, rate in ((words.WEIGHTING_RISING, 7 * TICK), (words.WEIGHTING_PLAIN, 5_500_000)):
        found = run(driven(funding_weighting=weighting), *range(1, 11))
        assert rates_of(found) == premiums_of(found) == [rate]


def test_7_2_weights_are_of_votes_and_not_of_samples():
    """(1 x 2 + 2 x -5) / 3 = -2.67, towards zero."""
    desk = driven(funding_weighting=words.WEIGHTING_RISING, funding_vote_samples=2)
    assert next_rates(run(desk, 1, 3, -5, -5))[-1] == -2_666_666


def test_7_2_an_unfinished_vote_ends_with_a_freeze_and_not_with_a_silence():
    desk = driven(funding_vote_samples=2)
    run(desk, 4)
    redenominate(desk, 0, UNIT)
    desk.price(1, 1_000)
    # 2 and 6 are a vote, not 4 and 2; all three are samples of the interval
    assert next_rates(run(desk, 2, 6)) == [0, 4 * TICK]
    run(desk, 10)
    change(desk, REDUCE_ONLY)
    assert not samples_of(run(desk, 50))
    change(desk, CONTINUOUS)
    assert next_rates(run(desk, 20)) == [0]  # 5 of 6 are valid: the silence is no valid time
    found = run(desk, 0, 0, 0, 0)
    assert averages_of(found)[0][:2] == (10, 9)
    premium = of_kind(found, events.FUNDING_PUBLISHED)[0][6]
    assert premium == (4 + 15 + 0 + 0) * TICK // 4  # 10 and 20 are a vote


@pytest.mark.parametrize(("thin", "premium"), [(1, 9 * TICK), (2, 0)])
def test_7_2_nine_of_ten_samples_must_be_valid(thin, premium):
    desk = driven(premium_method=words.PREMIUM_IMPACT, funding_hold_ns=0)
    desk.open((A, 10**6), (B, 10**6))
    quoted(desk, 1_010, 1_020)
    desk.wait((10 - thin) * MINUTE)
    quoted(desk, 0, 1_020)
    found = desk.wait(thin * MINUTE)
    assert averages_of(found) == [(10, 10 - thin, 0, 600, 0, 1_000)]
    assert premiums_of(found) == rates_of(found) == [premium]


# Methods (7.2).


@pytest.mark.parametrize(
    ("method", "rates"),
    [
        # interest 1 within 5 of the premium, or as near as it comes
        (words.RATE_CLAMP, {3: 1, 6: 1, 8: 3, -4: 1, -8: -3}),
        (words.RATE_DAMPER, {3: 0, 5: 0, 8: 3, -5: 0, -8: -3}),
        (words.RATE_SUM, {3: 4, 0: 1, -8: -7}),
    ],
)
def test_7_2_how_premium_and_interest_make_a_rate(method, rates):
    for premium, rate in rates.items():
        desk = driven(funding_method=method, funding_interest_ppb=TICK, funding_clamp_ppb=5 * TICK)
        assert next_rates(run(desk, premium)) == [rate * TICK]


@pytest.mark.parametrize(("premium", "rate"), [(9, 187_500), (-7, -145_833)])
def test_7_2_a_rate_is_scaled_by_length_over_base(premium, rate):
    """Ten minutes of eight hours: a 48th, towards zero."""
    desk = driven(funding_base_ns=HOURS_8)
    assert next_rates(run(desk, premium)) == [rate]


# Caps (7.2).


@pytest.mark.parametrize(
    ("premium", "cap", "share", "rate", "capped"),
    [
        # half of (10% - 5%) in twenty minutes: 12.5 in ten
        (24, UNIT, UNIT // 2, 12 * TICK, 0),
        (25, UNIT, UNIT // 2, 12_500_000, 1),
        (30, UNIT, UNIT // 2, 12_500_000, 1),
        (-30, UNIT, UNIT // 2, -12_500_000, 1),
        (30, 10 * TICK, UNIT // 2, 10 * TICK, 1),  # the lower of the two
        (30, 15 * TICK, 2 * UNIT, 15 * TICK, 1),
        (30, UNIT, 0, 15 * TICK, 0),  # no share is no cap
        (30, UNIT, 1, 0, 0),  # 0.05 is nothing, and a cap of nothing is not reached
        (30, UNIT, 60, 1, 1),  # 3 in twenty minutes: 1.5
        (30, 0, 0, 0, 0),
    ],
)
def test_7_2_a_cap_of_margin(premium, cap, share, rate, capped):
    desk = driven(funding_base_ns=20 * MINUTE, funding_cap_ppb=cap, funding_cap_margin_ppb=share)
    found = run(desk, *[premium] * 10)
    assert rates_of(found) == [rate] and premiums_of(found) == [premium * TICK]
    assert averages_of(found) == [(10, 10, 0, 600, capped, 1_000 + premium)]


def test_7_2_a_days_rates_have_a_cap():
    """Fundings at 8, 16 and 24 h; that at midnight is the first of the next day."""
    desk = Desk(
        contract(
            funding_method=words.RATE_SUM,
            funding_interest_ppb=20 * TICK,
            funding_cap_ppb=UNIT,
            funding_cap_day_ppb=30 * TICK,
            funding_sample_ns=4 * 60 * MINUTE,
            source_stale_ns=2 * DAY,
        )
    )
    desk.mark(1_000)
    found = desk.wait(DAY)
    assert rates_of(found) == [20 * TICK, 10 * TICK, 20 * TICK]
    assert [record[5] for record in found if record[-1] == AVERAGED] == [0, 0, 0]
    # samples at 4, 8, .. 24 h tell the rate of the funding time to come
    ahead = [20, 20, 10, 10, 20, 20]
    assert next_rates(found) == [rate * TICK for rate in ahead]


# Lengths (7.2, 7.3).


def fast(**changes) -> Desk:
    """Interest alone, which reaches the cap in ten minutes and not in eight; after it two."""
    terms: dict[str, Any] = {
        "funding_interest_ppb": 20 * TICK,
        "funding_cap_ppb": 20 * TICK,
        "funding_interval_capped_ns": 2 * MINUTE,
        "funding_sample_ns": DAY,
    }
    return driven(**terms | changes)


def test_7_2_a_capped_rate_is_followed_by_a_shorter_interval():
    desk = fast()
    found = desk.wait(30 * MINUTE)
    lengths = [(row[3], row[4]) for row in averages_of(found)]
    # 10:00, 12:00, 20:00 as ever, 30:00
    assert lengths == [(600, 1), (120, 0), (480, 0), (600, 1)]
    assert rates_of(found) == [20 * TICK, 4 * TICK, 16 * TICK, 20 * TICK]
    due = [record[6] for record in found if record[-1] == PUBLISHED]
    assert [time % DAY // MINUTE for time in due] == [10, 12, 20, 30]


def test_7_2_without_another_interval_a_capped_rate_changes_nothing():
    found = fast(funding_interval_capped_ns=0).wait(20 * MINUTE)
    assert [(row[3], row[4]) for row in averages_of(found)] == [(600, 1), (600, 1)]


def test_7_2_it_stays_short_as_long_as_rates_are_capped():
    """The cap of margin shrinks with the interval."""
    desk = fast(funding_cap_ppb=UNIT, funding_cap_margin_ppb=UNIT // 5)  # 1% in ten minutes
    found = desk.wait(16 * MINUTE)
    assert [(row[3], row[4]) for row in averages_of(found)] == [(600, 1)] + [(120, 1)] * 3
    assert rates_of(found) == [10 * TICK] + [2 * TICK] * 3


def test_6_2_fair_counts_by_the_length_of_the_running_interval():
    desk = fast(mark_method=words.MARK_FAIR)
    desk.wait(16 * MINUTE - SECOND)  # since 12:00 0.4%, and half of eight minutes are left
    assert mark_of(desk.price(1, 1_000))[:3] == (1_002, 1_000, 1_002)


def test_7_3_frozen_time_is_taken_off_each_interval_by_its_length():
    """Frozen from 5:00 to 25:00. What ended in between is made up, at most as long as it was; F
    reaches its cap before the frozen time is taken off."""
    desk = fast()
    desk.wait(5 * MINUTE - SECOND)
    redenominate(desk, 0, UNIT)
    assert kinds(desk.wait(20 * MINUTE)) == [events.TIME_ADVANCED]
    desk.price(1, 1_000)
    found = desk.wait(5 * MINUTE)
    rows = [row[2:5] for row in averages_of(found)]
    assert rows == [(300, 600, 1), (120, 120, 0), (480, 480, 0), (300, 600, 1)]
    assert rates_of(found) == [10 * TICK, 0, 0, 10 * TICK]
    late = [record[2] // SECOND for record in found if record[-1] == events.FUNDING_LATE]
    assert late == [20 * 60, 18 * 60, 10 * 60]
    after_late = (events.FUNDING_LATE, AVERAGED, PUBLISHED)
    assert tuple(kind for kind in kinds(found) if kind in after_late)[:3] == after_late


def test_7_1_the_next_rate_knows_frozen_time():
    desk = driven(funding_interest_ppb=20 * TICK)
    desk.wait(MINUTE)
    redenominate(desk, 0, UNIT)
    desk.wait(3 * MINUTE)
    desk.price(1, 1_000)
    # three of ten minutes: 7 of 10 x (20 + 10)
    assert next_rates(run(desk, 20)) == [21 * TICK]


def test_7_3_a_rebase_comes_before_what_is_published():
    """2 x 2^30 lots x 4,500,000 would pass 2^53, from the first interval on."""
    desk = driven(
        tick_value=1_000,
        open_interest_lots_max=2**30,
        funding_interest_ppb=900 * TICK,
        funding_sample_ns=DAY,
    )
    desk.price(1, 5_000)
    found = desk.wait(20 * MINUTE - 2 * SECOND)
    found += desk.wait(SECOND)
    rebased = events.FUNDING_REBASED
    assert kinds(found)[1:] == [
        rebased, AVERAGED, PUBLISHED, events.TIME_ADVANCED, rebased, AVERAGED, PUBLISHED,
        events.TIME_ADVANCED,
    ]  # fmt: skip
    assert [record[1] for record in found if record[-1] == rebased] == [0, 4_500_000]
    assert [record[4] for record in found if record[-1] == PUBLISHED] == [4_500_000] * 2


# The clock of samples (7.1).


def set_clock(desk: Desk, seed: int, number: int = 1) -> list[tuple]:
    return desk.operator(commands.SetSampleClock, contract=number, seed=seed)


def times_of(records: list[tuple]) -> list[int]:
    """Of samples, in seconds after midnight."""
    return [record[5] % DAY // SECOND for record in records if record[-1] == SAMPLED]


def test_7_1_a_seed_sets_the_clock_of_samples():
    desk = driven()
    found = set_clock(desk, 5 * MINUTE + 7 * SECOND)
    assert of_kind(found, *range(1, 100)) == [(events.SAMPLE_CLOCK_SET, 0, 7 * SECOND)]
    # the sample of 60 was next, and none comes earlier than that
    assert times_of(desk.wait(2 * MINUTE)) == [67]  # now 2:01, next 127
    set_clock(desk, SECOND)
    assert times_of(desk.wait(2 * MINUTE)) == [181, 241]
    set_clock(desk, 2**62)
    assert desk.oracle.markets[1].sample_offset == 2**62 % MINUTE
    for seed in (-1, 2**62 + 1):
        assert code_of(set_clock(desk, seed)) == refusals.SEED_INVALID
        assert code_of(set_clock(desk, seed, 2)) == refusals.CONTRACT_UNKNOWN


def test_7_1_a_frozen_contracts_clock_runs_from_its_opening_on():
    desk = Desk(contract(funding_sample_ns=MINUTE, auction_ns=SECOND))
    set_clock(desk, 30 * SECOND)
    assert not times_of(desk.wait(MINUTE))
    desk.mark(100)  # 1:01
    assert times_of(desk.wait(MINUTE)) == [90]
    redenominate(desk, 0, UNIT)
    set_clock(desk, 20 * SECOND)
    assert not times_of(desk.wait(MINUTE))
    desk.mark(100)  # 3:01
    assert times_of(desk.wait(MINUTE)) == [200]


def test_7_1_the_clock_is_that_of_the_index_values_of_a_settlement():
    desk = Desk(contract(funding_sample_ns=MINUTE, delisting_samples=9))
    desk.mark(100)
    set_clock(desk, 10 * SECOND)
    change(desk, SUSPENDED)
    desk.wait(10 * SECOND)
    desk.mark(105)
    desk.wait(MINUTE)
    found = change(desk, words.STATE_SETTLING)
    assert of_kind(found, events.SETTLEMENT_PRICED)[0][2:] == (105, 1, 105)
    # nothing samples a settled contract any more
    assert of_kind(set_clock(desk, 3), events.SAMPLE_CLOCK_SET)[0][2:] == (3,)
    assert kinds(desk.wait(5 * MINUTE)) == [events.TIME_ADVANCED]
