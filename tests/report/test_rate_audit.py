"""7.1-7.3: premiums, averages, rates and growth recomputed; expected numbers worked out by hand."""

import pytest

from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, PPB
from tests.report.stream import MINUTE, SECOND, Stream

INTERVAL = 5 * MINUTE


def deep(stream, place, excess, rate_next):
    """The sample of this place on the clock; its bid lies `excess` ticks above an index of 10,000:
    100,000 ppb a tick."""
    bid = 10_000 + excess
    return stream.sample(
        place * stream.spec.funding_sample_ns, bid, bid + 1, excess * 100_000, rate_next
    )


def invalid(stream, place, rate_next):
    return stream.sample(place * stream.spec.funding_sample_ns, 0, 10_001, 0, rate_next, valid=0)


def publish(stream, inputs, outputs, minute=5):
    """`funding_averaged` with the open contract's mark, `funding_published` behind it."""
    stream.add("funding_averaged", *inputs, 10_000)
    return stream.add("funding_published", *outputs, minute * MINUTE, follows=True)


def frozen(stream, since_ns, until_ns):
    """Frozen from one time to the other."""
    stream.at(since_ns).freeze().at(until_ns)
    index = (10_000, 1, 0, 0, 10_000, 0)
    stream.index(1, 10_000, *index)
    stream.add("mark_published", 10_000, 10_000, 10_000, 0, 0, 0, follows=True)
    return stream.change(0, 1, 1)


def rates(*pairs, **spec):
    """One interval of samples (excess, rate published with it), which fill it if no clock is
    given."""
    stream = Stream(**{"funding_sample_ns": INTERVAL // len(pairs), **spec}).open()
    for place, (excess, rate_next) in enumerate(pairs, 1):
        deep(stream, place, excess, rate_next)
    return stream


def test_7_2_plain_mean_and_clamp():
    # means 1, 1.5, 2, 2.5, 3 million, less the clamp of half a million; 30,000 x 0.25% = 75
    stream = rates(
        (10, 500_000), (20, 1_000_000), (30, 1_500_000), (40, 2_000_000), (50, 2_500_000)
    )
    publish(stream, (5, 5, 0, INTERVAL, 0), (2_500_000, 75, 0, 75, 3_000_000))
    audit = stream.audit()
    assert audit.differences == []
    assert (audit.intervals, audit.samples, audit.indexes, audit.marks) == (1, 5, 1, 1)


def test_7_2_the_mean_goes_towards_zero():
    # ticks 1, 1, 0 below: -200,000 / 3 = -66,666.67; the interest is 100,000
    stream = Stream(funding_method=words.RATE_SUM, funding_sample_ns=INTERVAL // 3).open()
    for place, (ask, premium, rate) in enumerate(
        ((9_999, -100_000, 0), (9_999, -100_000, 0), (10_000, 0, 33_334)), 1
    ):
        stream.sample(place * INTERVAL // 3, ask - 5, ask, premium, rate)
    publish(stream, (3, 3, 0, INTERVAL, 0), (33_334, 1, 20_000, 1, -66_666))
    assert stream.differences() == []


def test_7_2_rising_weights():
    # (1 x 10 + 2 x 40) / 3 = 30; alone 10
    rising = {"funding_weighting": words.WEIGHTING_RISING}
    stream = rates((10, 500_000), (40, 2_500_000), **rising)
    publish(stream, (2, 2, 0, INTERVAL, 0), (2_500_000, 75, 0, 75, 3_000_000))
    assert stream.differences() == []


def test_7_1_votes_are_medians_and_what_is_unfinished_is_dropped():
    # votes: median (10, 40, 20) = 20; the fourth and fifth are no vote
    stream = rates(
        (10, 100_000), (40, 100_000), (20, 1_500_000), (50, 1_500_000), (50, 1_500_000),
        funding_vote_samples=3,
    )  # fmt: skip
    publish(stream, (5, 5, 0, INTERVAL, 0), (1_500_000, 45, 0, 45, 2_000_000))
    for minute, rate in enumerate((100_000, 100_000, 500_000, 500_000, 500_000), 6):
        deep(stream, minute, 10, rate)
    publish(stream, (5, 5, 0, INTERVAL, 0), (500_000, 15, 0, 60, 1_000_000), 10)
    assert stream.differences() == []


def test_7_1_a_freeze_drops_an_unfinished_vote():
    stream = rates((10, 100_000), funding_vote_samples=2, funding_sample_ns=MINUTE)
    frozen(stream, 90 * SECOND, 150 * SECOND)
    # one vote of 30; a minute was frozen: 4/5 of 0.01% and of 2.5 million
    deep(stream, 3, 40, 80_000)
    deep(stream, 4, 20, 2_000_000)
    deep(stream, 5, 90, 2_000_000)
    publish(stream, (4, 4, MINUTE, INTERVAL, 0), (2_000_000, 60, 0, 60, 3_000_000))
    assert stream.differences() == []


def test_7_1_under_ninety_per_cent_of_valid_samples_there_is_no_premium():
    stream = Stream(funding_hold_ns=0, funding_sample_ns=INTERVAL // 2).open()
    deep(stream, 1, 10, 500_000)
    invalid(stream, 2, 100_000)
    publish(stream, (2, 1, 0, INTERVAL, 0), (100_000, 3, 0, 3, 0))
    assert stream.differences() == []


@pytest.mark.parametrize(
    ("method", "rate"),
    [(words.RATE_CLAMP, 500_000), (words.RATE_DAMPER, 500_000), (words.RATE_SUM, 1_100_000)],
)
def test_7_2_methods(method, rate):
    stream = rates((10, rate), funding_method=method)
    growth, carry = divmod(30_000 * rate, PPB)
    publish(stream, (1, 1, 0, INTERVAL, 0), (rate, growth, carry, growth, 1_000_000))
    assert stream.differences() == []


def test_7_2_within_the_damper_there_is_no_rate():
    stream = rates((5, 0), funding_method=words.RATE_DAMPER)
    publish(stream, (1, 1, 0, INTERVAL, 0), (0, 0, 0, 0, 500_000))
    assert stream.differences() == []


def test_7_2_a_length_shorter_than_the_base():
    # 2.5 million x 5 / 15 minutes, towards zero
    stream = rates((30, 833_333), funding_base_ns=3 * INTERVAL)
    publish(stream, (1, 1, 0, INTERVAL, 0), (833_333, 24, 999_990_000, 24, 3_000_000))
    assert stream.differences() == []


def test_7_2_a_capped_rate_brings_a_shorter_interval():
    spec = {"funding_cap_ppb": 2_500_000, "funding_interval_capped_ns": 2 * MINUTE}
    stream = rates(*[(30, 2_500_000)] * 5, **spec)
    publish(stream, (5, 5, 0, INTERVAL, 1), (2_500_000, 75, 0, 75, 3_000_000))
    # the first multiple of 2 minutes behind 5 is 6: a fifth of the base
    deep(stream, 6, 30, 500_000)
    publish(stream, (1, 1, 0, MINUTE, 0), (500_000, 15, 0, 90, 3_000_000), 6)
    deep(stream, 7, 10, 400_000)  # then 10 again: 4 minutes of 5
    assert stream.differences() == []


def test_7_2_a_cap_by_margin():
    # a fifth of (2% - 1%) = 2,000,000 per base
    stream = rates((30, 2_000_000), funding_cap_margin_ppb=PPB // 5)
    publish(stream, (1, 1, 0, INTERVAL, 1), (2_000_000, 60, 0, 60, 3_000_000))
    assert stream.differences() == []


def test_7_2_a_day_has_its_cap_and_the_next_day_begins_anew():
    day = NS_PER_DAY // MINUTE
    spec = {"funding_cap_day_ppb": 3_000_000}
    stream = rates((30, 2_500_000), **spec)
    publish(stream, (1, 1, 0, INTERVAL, 0), (2_500_000, 75, 0, 75, 3_000_000))
    deep(stream, 2, 30, 500_000)
    publish(stream, (1, 1, 0, INTERVAL, 0), (500_000, 15, 0, 90, 3_000_000), 10)
    assert stream.differences() == []
    # an interval that ends at midnight belongs to the day that begins
    stream = Stream(**spec, funding_sample_ns=INTERVAL).at((day - 10) * MINUTE).open()
    deep(stream, day // 5 - 1, 30, 2_500_000)
    publish(stream, (1, 1, 0, INTERVAL, 0), (2_500_000, 75, 0, 75, 3_000_000), day - 5)
    deep(stream, day // 5, 30, 2_500_000)
    publish(stream, (1, 1, 0, INTERVAL, 0), (2_500_000, 75, 0, 150, 3_000_000), day)
    assert stream.differences() == []


def test_7_3_growth_goes_down_and_the_rest_is_carried():
    stream = rates((5, 100_000), tick_value=7)  # within the clamp the premium is gone
    publish(stream, (1, 1, 0, INTERVAL, 0), (100_000, 7, 0, 7, 500_000))
    stream.at(10 * MINUTE).index(1, 10_001, 10_001, 1, 0, 0, 10_001, 0)
    stream.add("mark_published", 10_003, 10_001, 10_001, 10_006, 0, 0)
    stream.add("funding_averaged", 1, 0, 0, INTERVAL, 0, 10_003)
    # 70,021 x 100,000 = 7.0021 billion; at minute 15 nothing was sampled either
    stream.add("funding_published", 100_000, 7, 2_100_000, 14, 0, 10 * MINUTE, follows=True)
    stream.add("funding_averaged", 1, 0, 0, INTERVAL, 0, 10_003)
    stream.add("funding_published", 100_000, 7, 4_200_000, 21, 0, 15 * MINUTE, follows=True)
    assert stream.differences() == []


def test_7_3_an_index_near_its_bound_is_rebased():
    # 2^53 over twice the open interest is 2^32; 4000 x 2^32 x 0.0075% is 0.3 of it an interval
    spec = {"tick_value": 2**32, "price_ticks_max": 4_096}
    stream = Stream(**spec, funding_interest_ppb=75_000).open(4_000)
    inputs = ("funding_averaged", 5, 0, 0, INTERVAL, 0, 4_000)
    reached = carry = 0
    for ended_before in range(4):
        growth, carry = divmod(4_000 * 2**32 * 75_000 + carry, PPB)
        if ended_before == 3:
            break
        reached += growth
        outputs = (75_000, growth, carry, reached, 0, (ended_before + 1) * INTERVAL)
        stream.add(*inputs).add("funding_published", *outputs, follows=True)
    assert reached <= 2**32 < reached + growth and stream.differences() == []
    silent = list(stream.rows)
    stream.add("funding_rebased", reached).add(*inputs, follows=True)
    outputs = (75_000, growth, carry, growth, 0, 4 * INTERVAL)
    assert stream.add("funding_published", *outputs, follows=True).differences() == []
    stream.rows = silent
    outputs = (75_000, growth, carry, reached + growth, 0, 4 * INTERVAL)
    stream.add(*inputs).add("funding_published", *outputs, follows=True)
    assert stream.differences() == [("funding_rebased", 0, 1)]


def test_7_3_frozen_time_leaves_the_interval():
    # 2.5 million of 5 minutes; 40 seconds frozen, then 20 more: 260 and 240 of 300 seconds
    stream = rates((30, 2_500_000), funding_sample_ns=MINUTE)
    frozen(stream, 70 * SECOND, 110 * SECOND)
    deep(stream, 2, 30, 2_166_666)
    frozen(stream, 130 * SECOND, 150 * SECOND)
    for minute in (3, 4, 5):
        deep(stream, minute, 30, 2_000_000)
    publish(stream, (5, 5, MINUTE, INTERVAL, 0), (2_000_000, 60, 0, 60, 3_000_000))
    assert stream.differences() == []


def test_7_3_the_first_opening_brings_no_frozen_time():
    stream = Stream().at(4 * MINUTE).open()
    deep(stream, 5, 30, 2_500_000)
    publish(stream, (1, 1, 0, INTERVAL, 0), (2_500_000, 75, 0, 75, 3_000_000))
    assert stream.differences() == []


def test_7_3_without_a_freeze_no_time_is_frozen():
    stream = rates((30, 2_500_000))
    publish(stream, (1, 1, MINUTE, INTERVAL, 0), (2_500_000, 75, 0, 75, 3_000_000))
    assert stream.differences() == [("funding_averaged.frozen_ns", MINUTE, 0)]


def test_7_3_a_freeze_may_reach_over_funding_times():
    stream = rates(*[(30, 2_500_000)] * 3, funding_sample_ns=MINUTE)
    # Two minutes of the first interval, the whole second and two of the third: each is worked off
    # after the opening, and begins with what reaches into it.
    frozen(stream, 3 * MINUTE, 12 * MINUTE)
    publish(stream, (3, 3, 2 * MINUTE, INTERVAL, 0), (1_500_000, 45, 0, 45, 3_000_000))
    publish(stream, (0, 0, INTERVAL, INTERVAL, 0), (0, 0, 0, 45, 0), 10)
    for minute in (13, 14, 15):
        deep(stream, minute, 30, 1_500_000)
    publish(stream, (3, 3, 2 * MINUTE, INTERVAL, 0), (1_500_000, 45, 0, 90, 3_000_000), 15)
    assert stream.differences() == []
    publish(stream, (5, 0, MINUTE, INTERVAL, 0), (100_000, 3, 0, 93, 0), 20)
    assert stream.differences() == [("funding_averaged.frozen_ns", MINUTE, 0)]


def test_7_3_frozen_again_before_the_funding_time_that_is_late_is_worked_off():
    stream = rates(*[(30, 2_500_000)] * 3, funding_sample_ns=MINUTE)
    frozen(stream, 3 * MINUTE, 6 * MINUTE)  # reopened a minute late, and frozen again at once
    frozen(stream, 6 * MINUTE, 7 * MINUTE)  # min(7, 5) - 6 is below nothing
    publish(stream, (3, 3, 2 * MINUTE, INTERVAL, 0), (1_500_000, 45, 0, 45, 3_000_000))
    publish(stream, (3, 0, 2 * MINUTE, INTERVAL, 0), (60_000, 1, 800_000_000, 46, 0), 10)
    assert stream.differences() == []


def test_7_2_the_first_funding_time_is_the_first_multiple_behind_the_opening():
    stream = Stream().at(5 * MINUTE).open()
    publish(stream, (5, 0, 0, INTERVAL, 0), (100_000, 3, 0, 3, 0), 10)
    assert stream.differences() == []
    stream = Stream().at(5 * MINUTE).open()
    publish(stream, (5, 0, 0, INTERVAL, 0), (100_000, 3, 0, 3, 0), 5)
    assert stream.differences() == [("funding_published.time_ns", 5 * MINUTE, 10 * MINUTE)]


@pytest.mark.parametrize(("skipped", "rate"), [(1, 500_000), (2, 100_000)])
def test_7_1_a_sample_that_was_not_taken_counts_as_one_that_is_not_valid(skipped, rate):
    """Of ten samples nine must be valid; reduced, the contract takes none."""
    stream = Stream(funding_sample_ns=MINUTE // 2).open()
    for place in range(1, 10 - skipped):
        deep(stream, place, 10, 500_000)
    reduced_ns = (10 - skipped) * MINUTE // 2 - SECOND
    stream.add("state_changed", 1, 2, 7, reduced_ns)
    stream.add("state_changed", 2, 1, 7, INTERVAL - SECOND)
    deep(stream, 10, 10, rate)
    growth, premium = 30_000 * rate // PPB, 1_000_000 * (skipped == 1)
    publish(stream, (10, 10 - skipped, 0, INTERVAL, 0), (rate, growth, 0, growth, premium))
    assert stream.differences() == []


def test_an_interval_that_has_not_ended_is_compared_as_far_as_it_goes():
    stream = rates((10, 500_000), (10, 500_001))
    assert stream.differences() == [("premium_sampled.rate_next_ppb", 500_001, 500_000)]


def ended():
    stream = rates((10, 500_000), (30, 1_500_000))
    return publish(stream, (2, 2, 0, INTERVAL, 0), (1_500_000, 45, 0, 45, 2_000_000))


@pytest.mark.parametrize("row", range(-6, 0))
@pytest.mark.parametrize("step", [1, -1])
def test_every_number_of_samples_and_intervals_is_compared(row, step):
    assert ended().differences() == []
    is_impact = row in (-4, -6)  # value and lots are inputs
    for place in (5, 6) if is_impact else range(1, 7):
        stream = ended()
        changed = list(stream.rows[row])
        changed[place] += step
        stream.rows[row] = tuple(changed)
        assert stream.differences(), place


def test_an_interval_whose_inputs_are_missing():
    stream = ended()
    del stream.rows[-2]
    assert ("funding_averaged", 0, 1) in stream.differences()


def test_contracts_are_told_apart_and_differences_stand_in_order():
    stream = ended()
    stream.rows[-3] = (*stream.rows[-3][:6], 1, *stream.rows[-3][7:])
    stream.rows[-5] = (*stream.rows[-5][:6], 2, *stream.rows[-5][7:])
    differences = stream.audit().differences
    assert [d.sequence for d in differences] == sorted(d.sequence for d in differences)
    assert str(differences[0]) == (
        "contract 1, sequence 2, premium_sampled.rate_next_ppb: published 2, recomputed 500000"
    )
