"""Premium samples, the rate, its growth and who pays: rules 7.1 to 7.4, by hand arithmetic."""

from typing import Any

import pytest

from engine.schema import refusals
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from engine.schema.commands import ConfirmWithdrawal
from engine.schema.contract import check_approval
from tests.rules.story import (
    BUY,
    HOUR_NS,
    PERCENT,
    SELL,
    START_NS,
    A,
    B,
    C,
    D,
    E,
    Events,
    Story,
    contract,
    named,
    only,
    refusal,
)

HOUR = 3_600
RICH = 10**12


def funded(index: int = 1_000, **terms: Any) -> Story:
    """Rich accounts; C bids and D asks; the mark is the index."""
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT, **terms))
    for account in (A, B, C, D):
        story.open(account, RICH)
    story.price(index)
    return story


def sample_of(events: Events) -> tuple[int, ...]:
    values = only(events, "premium_sampled")
    return tuple(
        values[n] for n in ("premium_ppb", "impact_bid_ticks", "impact_ask_ticks", "valid")
    )


# fmt: off
BOOKS = [
    # bids and asks as (price, lots), best first; impact value 10,000; premium, bid, ask, valid
    #
    # Bids: 5 x 1002 = 5,010; 4,990 are missing, at 1001 5 lots: 10 lots for 10,015, 15 above
    # 10,000: 1,500,000 ppb. Impact bid floor(1001.5). Asks: 10 x 1004 = 10,040, not below.
    ([(1_002, 5), (1_001, 10)], [(1_004, 20)], (1_500_000, 1_001, 1_004, 1)),
    # Asks: 5 x 996 = 4,980; 5,020 missing, at 997 6 lots: 11 lots for 10,962, 38 below 11,000:
    # 3,454,545.45 ppb. Impact ask ceil(996.545). Bids: ceil(10,000 / 990) = 11 lots.
    ([(990, 20)], [(996, 5), (997, 10)], (-3_454_545, 990, 997, 1)),
    # Bids exactly worth the value at the index: no premium, and one level is enough.
    ([(1_000, 10)], [(1_001, 10)], (0, 1_000, 1_001, 1)),
    # Thin sides: 9 x 1002 = 9,018 is not 10,000.
    ([(1_002, 9)], [(1_004, 20)], (0, 0, 1_004, 0)),
    ([(1_002, 20)], [(1_004, 9)], (2_000_000, 1_002, 0, 0)),
    ([], [], (0, 0, 0, 0)),
]
# fmt: on


@pytest.mark.parametrize(("bids", "asks", "sample"), BOOKS)
def test_rule_7_1_a_sample_of_a_book_made_by_hand(bids, asks, sample):
    story = funded(funding_impact_value=10_000, funding_sample_ns=HOUR_NS)
    for account, side, levels in ((C, BUY, bids), (D, SELL, asks)):
        for price, lots in levels:
            story.order(account, side, lots, price)
    assert sample_of(story.go(HOUR)) == sample


def test_rule_7_1_tick_value_scales_the_impact_value():
    """Lots worth 100 a tick: 3 x 100,400 is the first sum above 250,000."""
    story = funded(funding_impact_value=250_000, tick_value=100, funding_sample_ns=HOUR_NS)
    story.order(C, BUY, 2, 1_004)
    story.order(C, BUY, 1, 1_001)
    story.order(D, SELL, 3, 1_005)
    # V = 200,800 + 100,100 = 300,900 on 300,000: 3,000,000 ppb
    assert sample_of(story.go(HOUR)) == (3_000_000, 1_003, 1_005, 1)


def test_rule_7_1_samples_stand_on_a_fixed_clock_with_an_offset():
    story = funded(funding_sample_ns=HOUR_NS, funding_sample_offset_ns=600 * NS_PER_SECOND)
    events = story.go(3 * HOUR)
    times = [event.values["time_ns"] - START_NS for event in named(events, "premium_sampled")]
    assert times == [(600 + HOUR * k) * NS_PER_SECOND for k in range(3)]


@pytest.mark.parametrize(
    ("hold_hours", "premiums"),
    [
        (0, [(2_000_000, 1), (0, 0), (0, 0), (0, 0)]),
        (1, [(2_000_000, 1), (2_000_000, 1), (0, 0), (0, 0)]),
        (2, [(2_000_000, 1), (2_000_000, 1), (2_000_000, 1), (0, 0)]),
    ],
)
def test_rule_7_1_a_thin_side_uses_its_last_value_for_a_limited_time(hold_hours, premiums):
    """The bid at 1002 leaves after the first of four hourly samples."""
    story = funded(funding_sample_ns=HOUR_NS, funding_hold_ns=hold_hours * HOUR_NS)
    story.order(C, BUY, 1, 1_002)
    story.order(D, SELL, 1, 1_004)
    samples = [sample_of(story.go(HOUR))]
    story.cancel_all(C)
    samples += [sample_of(story.go(hour * HOUR)) for hour in (2, 3, 4)]
    assert [(sample[0], sample[3]) for sample in samples] == premiums


@pytest.mark.parametrize(
    ("invalid", "premium_ppb", "rate_ppb"),
    [
        (0, 1_500_000, 1_000_000),  # 1,500,000 + clamp(100,000 - 1,500,000) = 1,000,000
        (1, 1_350_000, 850_000),  # nine of ten are valid, and count: 13,500,000 / 10
        (2, 0, 100_000),  # under 90%: the premium is 0, the interest remains
    ],
)
def test_rule_7_1_under_90_percent_valid_the_premium_is_zero(invalid, premium_ppb, rate_ppb):
    """Ten samples of 48 minutes in 8 hours; the last ones find the bid gone."""
    story = funded(
        funding_sample_ns=2_880 * NS_PER_SECOND,
        funding_hold_ns=0,
        funding_interest_ppb=100_000,
        funding_impact_value=2_000,
    )
    story.order(C, BUY, 1, 1_002)
    story.order(C, BUY, 1, 1_001)
    story.order(D, SELL, 2, 1_004)
    story.go(2_880 * (10 - invalid))
    if invalid:
        story.cancel_all(C)
        story.go(8 * HOUR)
    published = named(tuple(story.events), "funding_published")[0].values
    assert (published["premium_ppb"], published["rate_ppb"]) == (premium_ppb, rate_ppb)


# fmt: off
RATES = [
    # bid, ask around an index of 1,000,000; interest, clamp, cap, hours; rate
    (1_001_000, 1_002_000, 100_000, 500_000, 3_750_000, 8, 500_000),    # 1,000,000 - 500,000
    (1_001_000, 1_002_000, 100_000, 2_000_000, 3_750_000, 8, 100_000),  # the pull reaches I
    (1_010_000, 1_011_000, 100_000, 500_000, 3_750_000, 8, 3_750_000),  # 9,500,000, capped
    (989_000, 990_000, 100_000, 500_000, 3_750_000, 8, -3_750_000),     # -9,500,000, capped
    (1_001_000, 1_002_000, 100_000, 500_000, 3_750_000, 4, 250_000),    # half of 8 h
    (1_001_000, 1_002_000, 100_000, 500_000, 3_750_000, 24, 1_500_000),
    (1_010_000, 1_011_000, 100_000, 500_000, 3_750_000, 24, 3_750_000), # capped after scaling
    (999_999, 1_000_001, 3, 500_000, 3_750_000, 1, 0),                  # 3 / 8 towards zero
    (999_999, 1_000_001, -9, 500_000, 3_750_000, 1, -1),                # -9 / 8 towards zero
    (1_000_001, 1_000_002, 100_000, 500_000, 3_750_000, 1, 12_500),     # P = 1,000: pulled to I
    (1_000_001, 1_000_002, 100_000, 0, 3_750_000, 1, 125),              # F = P
]
# fmt: on


@pytest.mark.parametrize(("bid", "ask", "interest", "clamp", "cap", "hours", "rate"), RATES)
def test_rule_7_2_rate_clamp_scale_and_cap(bid, ask, interest, clamp, cap, hours, rate):
    story = funded(
        1_000_000,
        funding_interest_ppb=interest,
        funding_clamp_ppb=clamp,
        funding_cap_ppb=cap,
        funding_interval_ns=hours * HOUR_NS,
        funding_sample_ns=HOUR_NS,
    )
    story.order(C, BUY, 1, bid)
    story.order(D, SELL, 1, ask)
    assert only(story.go(hours * HOUR), "funding_published")["rate_ppb"] == rate


def fixed_rate(hourly_ppb: int, **terms: Any) -> Story:
    """The same rate every hour whatever the book says: interest alone, no samples."""
    spec: dict[str, Any] = {
        "funding_interval_ns": HOUR_NS,
        "funding_interest_ppb": 8 * hourly_ppb,
        "funding_clamp_ppb": 100 * PERCENT,
        "funding_cap_ppb": 100 * PERCENT,
    }
    return funded(**(spec | terms))


@pytest.mark.parametrize(
    ("hourly_ppb", "cap_day_ppb", "rates"),
    [
        (1_000, 2_500, [1_000, 1_000, 500, 0, 0]),
        (-1_000, 2_500, [-1_000, -1_000, -500, 0, 0]),
        (1_000, 0, [0] * 5),
        (1_000, 5_000, [1_000] * 5),
    ],
)
def test_rule_7_2_the_rates_of_a_day_are_capped_together(hourly_ppb, cap_day_ppb, rates):
    story = fixed_rate(hourly_ppb, funding_cap_day_ppb=cap_day_ppb)
    published = [
        only(story.go(hour * HOUR), "funding_published")["rate_ppb"] for hour in range(1, 6)
    ]
    assert published == rates


def test_rule_7_2_the_daily_cap_starts_again_at_midnight_utc():
    """Due at 22:00 and 23:00 of one day, at 0:00 and 1:00 of the next."""
    story = fixed_rate(1_000, funding_cap_day_ppb=22_500)
    story.go(21 * HOUR)
    story.price(1_000)  # within a day of the last
    published = [
        only(story.go(hour * HOUR), "funding_published")["rate_ppb"] for hour in range(22, 26)
    ]
    assert published == [1_000, 500, 1_000, 1_000]


@pytest.mark.parametrize(
    ("terms", "faults"),
    [
        ({"mark_band_ppb": PERCENT - 1, "funding_cap_ppb": PERCENT}, []),
        ({"mark_band_ppb": PERCENT, "funding_cap_ppb": PERCENT}, ["6.2"]),
        (
            {"mark_band_ppb": 0, "funding_cap_ppb": PERCENT - 1, "liquidation_fee_ppb": 2},
            ["7.2"],
        ),
    ],
)
def test_rules_6_2_and_7_2_what_approval_asks_beyond_listing(terms, faults):
    spec = contract(initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT, **terms)
    found = check_approval(spec)
    assert [fault for line in found for fault in ("6.2", "7.2") if fault in line] == faults


@pytest.mark.parametrize(
    ("rate_ppb", "growth_and_carry"),
    [
        # mark 1000: 0.3 a lot and hour, rounded down, the rest carried on
        (300_000, [(0, 300), (0, 600), (0, 900), (1, 200), (0, 500)]),
        (-300_000, [(-1, 700), (0, 400), (0, 100), (-1, 800), (0, 500)]),
        (1_700_000, [(1, 700), (2, 400), (2, 100), (1, 800), (2, 500)]),
        (1_000_000, [(1, 0)] * 5),
    ],
)
def test_rule_7_3_growth_is_rounded_down_and_its_rest_carried(rate_ppb, growth_and_carry):
    story = fixed_rate(rate_ppb)
    story.trade(A, B, 7, 1_000)
    found, index = [], 0
    for hour in range(1, 6):
        values = only(story.go(hour * HOUR), "funding_published")
        index += values["growth"]
        assert values["funding_index"] == index
        assert values["rate_ppb"] == rate_ppb
        found.append((values["growth"], values["carry_ppb"] // 1_000_000))
        assert values["carry_ppb"] % 1_000_000 == 0
    assert found == growth_and_carry
    # five hours of 1000 x rate, up to the carry: paid by the long, received by the short
    assert index * 1_000 + found[-1][1] == 5 * rate_ppb // 1_000
    assert story.equity(A) == RICH - 7 * index
    assert story.equity(B) == RICH + 7 * index


@pytest.mark.parametrize("rate_ppb", [300_000, -300_000, 1_700_001])
def test_rule_7_3_lazy_settlement_equals_eager(rate_ppb):
    """A and B are touched at every interval in one run, and only at the end in the other."""
    runs = []
    for is_eager in (True, False):
        story = fixed_rate(rate_ppb)
        story.trade(A, B, 7, 1_000)
        story.trade(C, B, 4, 1_000)
        for hour in range(1, 12):
            story.go(hour * HOUR)
            if is_eager:
                touch(story)
        touch(story)
        runs.append(
            [
                (story.equity(account), story.cash(account), story.position(account)["entry_value"])
                for account in (A, B, C)
            ]
        )
        assert story.exchange.pool()["funding_clearing"] == 0
    assert runs[0] == runs[1]
    # hand: 11 hours of 1000 x rate, rounded down once
    owed = 11 * 1_000 * rate_ppb // 10**9
    assert [cash for _, cash, _ in runs[0]] == [
        RICH - 7 * owed,
        RICH + 11 * owed,
        RICH - 4 * owed,
    ]


def test_rule_7_3_the_index_is_rebased_before_its_bound():
    """2 x 2^29 lots x 2^23 are 2^53, the most that may be owed; a long pays 2^20 an hour. After
    eight hours the index is there. In the ninth both holders are settled first, and it is 2^20."""
    story = fixed_rate(
        100 * PERCENT, index=2**20, open_interest_lots_max=2**29,
        funding_base_ns=HOUR_NS, funding_interest_ppb=100 * PERCENT,
    )  # fmt: skip
    story.trade(A, B, 1, 2**20)
    for hour in range(1, 9):
        events = story.go(hour * HOUR)
        assert not named(events, "funding_rebased")
    assert only(events, "funding_published")["funding_index"] == 2**23
    events = story.go(9 * HOUR)
    settled = [(e.account, e.values["amount"]) for e in named(events, "funding_settled")]
    assert settled == [(A, 2**23), (B, -(2**23))]  # what each owed
    assert only(events, "funding_rebased") == {"funding_index": 2**23}
    assert only(events, "funding_published")["funding_index"] == 2**20


def touch(story: Story) -> None:
    """A withdrawal settles; the deposit brings the unit back."""
    for account in (A, B, C):
        events = story.withdraw(account, 1)
        assert refusal(events) == refusals.OK
        story.submit(
            ConfirmWithdrawal(
                time_ns=story.now_ns,
                account=account,
                client_id=only(events, "withdrawal_reserved")["client_id"],
            )
        )
        story.deposit(account, 1)


def test_rule_7_3_an_entry_pays_only_what_accrues_after_it():
    """1 a lot and hour: A holds 5 for two hours, 8 for one; a fill settles before it changes."""
    story = fixed_rate(1_000_000)
    story.trade(A, B, 5, 1_000)
    story.go(2 * HOUR)
    events = story.trade(A, C, 3, 1_000)
    settled = only(events, "funding_settled", A)
    assert (settled["amount"], settled["position_lots"]) == (10, 5)
    story.go(3 * HOUR)
    assert story.equity(A) == RICH - 10 - 8
    assert story.equity(B) == RICH + 15
    assert story.equity(C) == RICH + 3


@pytest.mark.parametrize(("side", "mark", "withdrawable"), [(BUY, 3_000, 940), (SELL, 500, 1_010)])
def test_rule_8_3_cash_that_is_owed_in_funding_is_not_withdrawn(side, mark, withdrawable):
    """Ten lots at 1000 have won 20,000 or 5000, so cash alone bounds it: 1000. At 0.2% of the mark
    the long owes 6 a lot for the hour, and the short is owed 1."""
    story = fixed_rate(2_000_000)
    story.open(E, 1_000)
    story.trade(*((E, B) if side == BUY else (B, E)), 10, 1_000)
    story.price(mark)
    story.go(HOUR)
    answer = story.withdraw(E, withdrawable + 1)
    assert refusal(answer) == refusals.WITHDRAWAL_ABOVE_AVAILABLE
    assert only(story.withdraw(E, withdrawable), "withdrawal_reserved")["cash"] == 0


def test_rule_7_3_frozen_time_is_taken_off_the_interval():
    """1% in 8 h at mark 1000; frozen from hour 1 to hour 3: 6/8 of it, then the whole."""
    story = Story(
        contract(
            initial_ppb=10 * PERCENT,
            maintenance_ppb=5 * PERCENT,
            source_stale_ns=HOUR_NS,
            funding_interest_ppb=PERCENT,
            funding_clamp_ppb=PERCENT,
            funding_cap_ppb=PERCENT,
        )
    )
    story.price(1_000)
    story.go(HOUR, 1)  # stale a nanosecond after its hour
    assert story.state() == "frozen"
    story.go(3 * HOUR, 1)
    published = []
    for half_hour in range(6, 33):
        published += named(story.go(half_hour * HOUR // 2, 1), "funding_published")
        story.price(1_000)
    rates = [(event.values["rate_ppb"], event.values["growth"]) for event in published]
    assert rates == [(7_500_000, 7), (10_000_000, 10)]
    assert published[0].values["carry_ppb"] == 500_000_000  # 7.5 rounded down


def test_rule_7_3_a_freeze_across_a_funding_time_is_shared_out():
    """Frozen from 7 h + 1 ns to 9 h + 1 ns around the funding time of 8 h.

    No accrual while frozen: the interval is made up after the reopening, at 7 h + 1 ns of 8 h;
    the next loses 1 h + 1 ns: trunc(1% x (7 h - 1 ns) / 8 h) = 8,749,999.
    """
    story = Story(
        contract(
            initial_ppb=10 * PERCENT,
            maintenance_ppb=5 * PERCENT,
            source_stale_ns=7 * HOUR_NS,
            funding_interest_ppb=PERCENT,
            funding_clamp_ppb=PERCENT,
            funding_cap_ppb=PERCENT,
        )
    )
    story.price(1_000)
    story.go(7 * HOUR, 1)
    assert story.state() == "frozen"
    assert not named(story.go(9 * HOUR, 1), "funding_published")
    story.price(1_000)
    events = story.go(9 * HOUR, 2)
    first = only(events, "funding_published")
    assert (first["rate_ppb"], first["time_ns"]) == (8_750_000, START_NS + 8 * HOUR_NS)
    assert only(events, "funding_late") == {
        "due_ns": START_NS + 8 * HOUR_NS,
        "late_ns": HOUR_NS + 2,
    }
    story.price(1_000)
    second = only(story.go(16 * HOUR), "funding_published")
    assert second["rate_ppb"] == 8_749_999


def test_rule_7_4_missed_intervals_are_made_up_in_order():
    """Three hours at once: each interval with its own time, as if nobody had been late."""
    story = fixed_rate(300_000)
    story.trade(A, B, 7, 1_000)
    events = story.go(3 * HOUR)
    published = [event.values for event in named(events, "funding_published")]
    assert [values["time_ns"] - START_NS for values in published] == [
        HOUR_NS * hour for hour in (1, 2, 3)
    ]
    assert [values["carry_ppb"] for values in published] == [300 * 10**6, 600 * 10**6, 900 * 10**6]


@pytest.mark.parametrize(("extra_ns", "is_late"), [(0, False), (1, True)])
def test_rule_7_4_later_than_the_limit_is_an_incident(extra_ns, is_late):
    """The limit is a second."""
    story = fixed_rate(300_000)
    events = story.go(HOUR + 1, extra_ns)
    late = named(events, "funding_late")
    assert bool(late) is is_late
    if is_late:
        assert late[0].values == {"due_ns": START_NS + HOUR_NS, "late_ns": NS_PER_SECOND + 1}
    assert named(events, "funding_published")


def test_rule_3_4_no_interval_is_longer_than_a_day():
    assert funded(funding_interval_ns=NS_PER_DAY)
    with pytest.raises(ValueError, match="funding_interval_ns"):
        funded(funding_interval_ns=NS_PER_DAY + 1)
