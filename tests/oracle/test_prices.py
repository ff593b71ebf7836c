"""Index and mark, every figure worked out by hand from the rulebook: caps, baskets and what an
operator changes about them, the terms of each way to make a mark (6.1, 6.2)."""

from typing import Any

import pytest

from engine.schema import commands, events, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import PriceSource, outside
from tests.oracle.desk import BUY, DAY, SELL, A, B, C, D, Desk, code_of, contract, of_kind
from tests.oracle.test_auctions import (
    AUCTION,
    CONTINUOUS,
    FROZEN,
    REDUCE_ONLY,
    SECOND,
    SETTLED,
    SUSPENDED,
    change,
    changes_of,
    state_of,
)
from tests.oracle.test_interruptions import kinds

MINUTE = 60 * SECOND
PERCENT = 10_000_000
UNIT = 10**9
INDEX, MARK, CONSTITUENT = (
    events.INDEX_PUBLISHED,
    events.MARK_PUBLISHED,
    events.CONSTITUENT_PUBLISHED,
)
OWN, PERPETUAL = words.SOURCE_OWN, words.SOURCE_PERPETUAL
FAR = {"source_outlier_ppb": UNIT}  # nobody is an outlier


def index_of(records: list[tuple]) -> tuple[int, ...]:
    """Index; used, stale, outliers; median; capped."""
    return next(record[1:7] for record in records if record[-1] == INDEX)


def mark_of(records: list[tuple]) -> tuple[int, ...]:
    """Mark, index; the three terms; held."""
    return next(record[1:7] for record in records if record[-1] == MARK)


def priced(desk: Desk, *prices: int) -> tuple[int, ...]:
    """One price from each source, in their order; the index of the last."""
    found: list[tuple] = []
    for source, price in enumerate(prices, 1):
        found = desk.price(source, price)
    return index_of(found)


# Caps (6.1).


def test_6_1_a_cap_gives_away_what_is_above_it():
    """60%, 30% and 10% become 50%, 37.5% and 12.5%."""
    desk = Desk(contract(sources=outside(6, 3, 1), source_cap_ppb=50 * PERCENT, **FAR))
    # 100 is exactly half: the mean with the next price
    assert priced(desk, 100, 104, 110) == (102, 0b111, 0, 0, 104, 0b001)
    desk = Desk(contract(sources=outside(6, 3, 1), **FAR))
    assert priced(desk, 100, 104, 110) == (100, 0b111, 0, 0, 104, 0)


def test_6_1_what_is_given_away_lifts_the_next_above_its_cap():
    """50%, 37.5% and twice 6.25%; then 40%, 45% and twice 7.5%; then 40%, 40%, 10%, 10%."""
    desk = Desk(contract(sources=outside(8, 6, 1, 1), source_cap_ppb=40 * PERCENT, **FAR))
    assert priced(desk, 100, 90, 95, 97) == (96, 0b1111, 0, 0, 96, 0b0011)


@pytest.mark.parametrize(
    ("weights", "cap", "own_cap", "prices", "index", "capped"),
    [
        # 10% and three times 30%: 90 and 100 make 40%, 101 more than half
        ((1, 1, 1, 1), 100, 10, (90, 100, 101, 102), 101, 0b0001),
        # four times 25%: the mean of 100 and 101
        ((1, 1, 1, 1), 100, 25, (90, 100, 101, 102), 100, 0),
        # 50% down to 30%, the lower of the two: three times 23.33% more
        ((3, 1, 1, 1), 30, 50, (90, 100, 101, 102), 100, 0b0001),
        ((3, 1, 1, 1), 50, 30, (90, 100, 101, 102), 100, 0b0001),
        ((3, 1, 1, 1), 60, 60, (90, 100, 101, 102), 95, 0),
    ],
)
def test_6_1_the_platforms_own_source_has_a_lower_cap(weights, cap, own_cap, prices, index, capped):
    sources = (PriceSource(weights[0], OWN), *outside(*weights[1:]))
    caps = {"source_cap_ppb": cap * PERCENT, "source_own_cap_ppb": own_cap * PERCENT}
    desk = Desk(contract(sources=sources, **caps, **FAR))
    assert priced(desk, *prices) == (index, 0b1111, 0, 0, 100, capped)


def test_6_1_a_share_at_its_cap_is_not_above_it():
    desk = Desk(contract(sources=outside(1, 1), source_cap_ppb=50 * PERCENT))
    assert priced(desk, 100, 103) == (101, 0b11, 0, 0, 101, 0)


def test_6_1_caps_that_can_not_be_held_degrade_the_index():
    spec = contract(
        sources=outside(1, 1, 1),
        source_cap_ppb=40 * PERCENT,
        sources_healthy_min=2,
        source_stale_ns=MINUTE,
    )
    desk = Desk(spec)
    assert priced(desk, 100, 100)[0] == 0 and state_of(desk) == FROZEN  # two of 50%
    assert index_of(desk.price(3, 102)) == (100, 0b111, 0, 0, 100, 0)
    assert state_of(desk) == CONTINUOUS
    desk.wait(MINUTE)
    desk.price(1, 100)
    desk.price(2, 102)
    # two are healthy, but their caps add up to 80%: it is due with the third
    assert changes_of(desk.wait(1)) == [(CONTINUOUS, FROZEN, words.WHY_SOURCES)]
    found = desk.price(1, 101)
    assert index_of(found) == (0, 0b011, 0b100, 0, 101, 0b011)
    assert not changes_of(found) and not of_kind(found, MARK)


def test_6_1_too_few_sources_meet_no_caps():
    desk = Desk(contract(sources=outside(1, 1), source_cap_ppb=10 * PERCENT, sources_healthy_min=2))
    assert index_of(desk.price(1, 100)) == (0, 0b01, 0b10, 0, 100, 0)


# Clamped mean (6.1).


@pytest.mark.parametrize(
    ("clamp", "cap", "index", "capped"),
    [
        (10, 100, 108, 0),  # within 94 to 114: (100 + 104 + 2 x 114) / 4
        (10, 40, 106, 0b100),  # 30 + 31.2 + 45.6
        (2, 100, 104, 0),  # within 102 to 106: (102 + 104 + 2 x 106) / 4 = 104.5
        (0, 100, 104, 0),
        (100, 100, 151, 0),
    ],
)
def test_6_1_a_clamped_mean(clamp, cap, index, capped):
    spec = contract(
        sources=outside(1, 1, 2),
        source_cap_ppb=cap * PERCENT,
        index_method=words.INDEX_CLAMPED_MEAN,
        index_clamp_ppb=clamp * PERCENT,
        **FAR,
    )
    assert priced(Desk(spec), 100, 104, 200) == (index, 0b111, 0, 0, 104, capped)


def test_6_1_the_median_that_clamps_is_that_of_all_who_are_fresh():
    """Also of those who are left out: 103 of these four, without the last it would be 101."""
    spec = contract(
        sources=outside(1, 1, 1, 1),
        index_method=words.INDEX_CLAMPED_MEAN,
        index_clamp_ppb=PERCENT,
    )
    # within 102 to 104: 102, 102 and 104
    assert priced(Desk(spec), 100, 101, 105, 140) == (102, 0b0111, 0, 0b1000, 103, 0)


# Perpetuals of other venues (6.1).


def test_6_1_a_perpetual_is_no_part_of_the_index():
    spec = contract(sources=(PriceSource(1), PriceSource(9, PERPETUAL)), source_stale_ns=MINUTE)
    desk = Desk(spec)
    assert index_of(desk.price(2, 300)) == (0, 0, 0b01, 0, 0, 0)
    assert index_of(desk.price(1, 100)) == (100, 0b01, 0, 0, 100, 0)  # and no outlier
    desk.wait(MINUTE)
    desk.price(2, 300)
    assert changes_of(desk.wait(1)) == [(CONTINUOUS, FROZEN, words.WHY_SOURCES)]
    assert index_of(desk.price(1, 100)) == (100, 0b01, 0, 0, 100, 0)
    desk.wait(MINUTE - 1)
    assert index_of(desk.price(1, 100)) == (100, 0b01, 0, 0, 100, 0)  # just not too old
    desk.wait(1)
    assert index_of(desk.price(1, 100)) == (100, 0b01, 0b10, 0, 100, 0)


# Baskets (6.1).

HALF = UNIT // 2
PAIR: dict[str, Any] = {
    "sources": (PriceSource(1), PriceSource(1, 0, 1)),
    "index_units_ppb": (2 * UNIT, HALF),
}


def test_6_1_a_basket_is_the_sum_of_its_constituents():
    desk = Desk(contract(**PAIR))
    found = desk.price(1, 100)
    assert kinds(found) == [events.PRICE_RECEIVED, CONSTITUENT, CONSTITUENT, INDEX]
    assert of_kind(found, CONSTITUENT) == [
        (CONSTITUENT, 0, 0, 100, 100, 2 * UNIT, UNIT),
        (CONSTITUENT, 0, 1, 0, 0, HALF, UNIT),
    ]
    assert index_of(found) == (0, 0b01, 0b10, 0, 100, 0)
    found = desk.price(2, 61)  # 200 + 30.5; 61 is no outlier beside 100
    assert index_of(found) == (230, 0b11, 0, 0, 100, 0)
    assert mark_of(found)[:2] == (230, 230)
    assert kinds(found)[1:5] == [CONSTITUENT, CONSTITUENT, INDEX, MARK]


@pytest.mark.parametrize(
    ("units", "first", "second", "index"),
    [
        ((2 * UNIT, HALF), 2_490, 40, 5_000),
        ((2 * UNIT, HALF), 2_490, 42, 0),  # 5,001
        ((1, UNIT // 100), 100, 99, 0),  # 0.99
        ((1, UNIT // 100), 100, 100, 1),
    ],
)
def test_6_1_a_level_outside_the_range_degrades_the_index(units, first, second, index):
    desk = Desk(contract(**PAIR | {"index_units_ppb": units}))
    assert priced(desk, first, second) == (index, 0b11, 0, 0, first, 0)
    assert state_of(desk) == (CONTINUOUS if index else FROZEN)


def test_6_1_each_constituent_needs_its_healthy_sources():
    """Outliers and dwells, too, are a matter of those who price the same asset."""
    sources = tuple(PriceSource(1, 0, asset) for asset in (0, 0, 1, 1, 1))
    spec = contract(sources=sources, sources_healthy_min=2, index_units_ppb=(UNIT, UNIT))
    desk = Desk(spec)
    assert priced(desk, 100, 102, 500, 520)[0] == 101 + 510
    found = desk.price(5, 600)  # of 500, 520, 600
    assert index_of(found) == (101 + 510, 0b01111, 0, 0b10000, 101, 0)
    found = desk.price(4, 580)  # of 500, 580, 600: 500 is 80 off, 600 within 20 and still out
    assert index_of(found) == (0, 0b01011, 0, 0b10100, 101, 0)
    assert of_kind(found, CONSTITUENT)[1][2:5] == (1, 0, 580)
    assert changes_of(found) == [(CONTINUOUS, FROZEN, words.WHY_SOURCES)]


def test_6_1_staleness_is_due_where_it_comes_first():
    desk = Desk(contract(**PAIR | {"source_stale_ns": MINUTE}))
    priced(desk, 100, 60)
    desk.wait(30 * SECOND)
    desk.price(1, 100)
    assert not changes_of(desk.wait(30 * SECOND))
    assert changes_of(desk.wait(1)) == [(CONTINUOUS, FROZEN, words.WHY_SOURCES)]
    found = desk.price(1, 100)
    assert index_of(found) == (0, 0b01, 0b10, 0, 100, 0)
    assert changes_of(desk.price(2, 60)) == [(FROZEN, AUCTION, words.WHY_FRESH_MARK)]


# Commands of an operator (6.1).


def reweigh(desk: Desk, asset: int, units: int, number: int = 1) -> list[tuple]:
    return desk.operator(commands.ChangeConstituent, contract=number, asset=asset, units_ppb=units)


def redenominate(desk: Desk, asset: int, units: int, number: int = 1) -> list[tuple]:
    return desk.operator(
        commands.RedenominateConstituent, contract=number, asset=asset, units_ppb=units
    )


def test_6_1_a_divisor_keeps_the_level():
    desk = Desk(contract(**PAIR | {"index_units_ppb": (UNIT, UNIT)}))
    assert priced(desk, 100, 50)[0] == 150
    # 250 for what was 150
    assert of_kind(reweigh(desk, 1, 3 * UNIT), *range(1, 100)) == [
        (events.CONSTITUENT_CHANGED, 0, 1, 3 * UNIT, 1_666_666_666),
    ]
    found = desk.price(1, 100)
    assert index_of(found)[0] == 150
    assert of_kind(found, CONSTITUENT)[1][2:] == (1, 50, 50, 3 * UNIT, 1_666_666_666)
    assert index_of(desk.price(2, 60))[0] == 168  # 280 / 1.666..
    # and once more: (500 + 180) x 1,666,666,666 / 280
    assert of_kind(reweigh(desk, 0, 5 * UNIT), events.CONSTITUENT_CHANGED)[0][2:] == (
        0, 5 * UNIT, 4_047_619_046,
    )  # fmt: skip
    assert index_of(desk.price(2, 60))[0] == 168


@pytest.mark.parametrize(
    ("asset", "units", "number", "code"),
    [
        (0, UNIT, 2, refusals.CONTRACT_UNKNOWN),
        (9, 0, 0, refusals.CONTRACT_UNKNOWN),
        (-1, UNIT, 1, refusals.ASSET_UNKNOWN),
        (2, 0, 1, refusals.ASSET_UNKNOWN),
        (1, 0, 1, refusals.UNITS_INVALID),
        (1, 2**38 + 1, 1, refusals.UNITS_INVALID),
    ],
)
def test_6_1_what_is_refused_of_a_constituent(asset, units, number, code):
    desk = Desk(contract(**PAIR))
    for command in (reweigh, redenominate):
        assert code_of(command(desk, asset, units, number)) == code
    # before the first index there is no level to keep, but units may be others
    assert code_of(reweigh(desk, 1, 2**38)) == refusals.INDEX_MISSING
    assert of_kind(redenominate(desk, 1, 2**38), events.CONSTITUENT_REDENOMINATED)
    desk.price(1, 100)
    assert code_of(reweigh(desk, 1, UNIT)) == refusals.INDEX_MISSING  # one of two


def test_6_1_a_divisor_that_is_too_coarse_keeps_no_level():
    desk = Desk(contract(index_units_ppb=(2**38,)))
    desk.price(1, 10)  # 2,748
    assert code_of(reweigh(desk, 0, 274)) == refusals.UNITS_INVALID  # 0.9968
    assert code_of(reweigh(desk, 0, 275)) == refusals.UNITS_INVALID  # 1, and the index 2,750
    changed = of_kind(reweigh(desk, 0, 2**37), events.CONSTITUENT_CHANGED)
    assert changed[0][2:] == (0, 2**37, UNIT // 2)


def test_6_1_new_units_wait_for_new_prices():
    """Two new for one old; the other constituent and the perpetual keep their prices."""
    sources = (PriceSource(1), PriceSource(1), PriceSource(1, 0, 1), PriceSource(1, PERPETUAL))
    spec = contract(
        sources=sources, sources_healthy_min=1, index_units_ppb=(UNIT, UNIT), auction_ns=SECOND
    )
    desk = Desk(spec)
    assert priced(desk, 100, 101, 50, 160) == (150, 0b0111, 0, 0, 100, 0)
    reweigh(desk, 1, 3 * UNIT)  # divisor 250 / 150
    found = redenominate(desk, 0, 2 * UNIT)
    assert kinds(found) == [events.CONSTITUENT_REDENOMINATED, events.STATE_CHANGED]
    assert of_kind(found, events.CONSTITUENT_REDENOMINATED)[0][3:] == (2 * UNIT,)
    assert changes_of(found) == [(CONTINUOUS, FROZEN, words.WHY_SOURCES)]
    found = desk.price(3, 50)
    assert index_of(found) == (0, 0b0100, 0b0011, 0, 0, 0)
    # a second time, while it is frozen: nothing to freeze
    assert kinds(redenominate(desk, 0, 4 * UNIT)) == [events.CONSTITUENT_REDENOMINATED]
    found = desk.price(1, 25)
    assert index_of(found) == (150, 0b0101, 0b0010, 0, 25, 0)
    assert of_kind(found, CONSTITUENT)[0][2:] == (0, 25, 25, 4 * UNIT, 1_666_666_666)
    assert changes_of(found) == [(FROZEN, AUCTION, words.WHY_FRESH_MARK)]


def test_6_1_new_units_take_back_marks_of_out():
    desk = Desk(contract(sources=outside(1, 1, 1), source_reentry_ns=MINUTE))
    assert priced(desk, 100, 101, 150) == (100, 0b011, 0, 0b100, 101, 0)
    desk.price(3, 101)  # its dwell begins
    redenominate(desk, 0, 2 * UNIT)
    assert priced(desk, 50, 51, 50) == (100, 0b111, 0, 0, 50, 0)


def test_6_1_of_a_settled_contract_nothing_is_changed():
    desk = Desk(contract())
    desk.mark(100)
    change(desk, SUSPENDED)
    change(desk, words.STATE_SETTLING)
    assert state_of(desk) == SETTLED
    assert code_of(reweigh(desk, 0, UNIT)) == refusals.INDEX_MISSING
    assert code_of(redenominate(desk, 0, UNIT)) == refusals.INDEX_MISSING
    assert code_of(redenominate(desk, 0, 0)) == refusals.UNITS_INVALID


# Terms of the mark (6.2). Where nothing is absent: fair 100, basis 104 of 98 and 110, last 96,
# book 98, external 106.

MEDIAN, BASIS, FAIR, LAST, EXTERNAL = range(5)
SAMPLED: dict[str, Any] = {
    "funding_sample_ns": MINUTE,
    "funding_impact_value": 100,
    "mark_band_ppb": 50 * PERCENT,
    "sources": (PriceSource(1), PriceSource(1, PERPETUAL)),
}


def quoted(desk: Desk, bid: int, ask: int) -> None:
    """The only orders: deep enough, 0 for none."""
    for account, side, price in ((A, BUY, bid), (B, SELL, ask)):
        desk.client(commands.MassCancel, account, contract=0)
        if price:
            desk.place(account, side, 10, price)


def sampled(method: int, bid: int = 0, ask: int = 0, last: int = 0, external: int = 0) -> Desk:
    """Behind one premium sample of this book and these trades, an index of 100."""
    desk = Desk(contract(mark_method=method, **SAMPLED))
    desk.open((A, 10**6), (B, 10**6), (C, 10**6), (D, 10**6))
    desk.price(1, 100)
    if last:
        desk.deal(C, D, 5, last)
    quoted(desk, bid, ask)
    desk.wait(MINUTE)
    if external:
        desk.price(2, external)
    return desk


@pytest.mark.parametrize(
    ("method", "bid", "ask", "last", "external", "mark", "terms"),
    [
        (MEDIAN, 98, 110, 96, 106, 100, (100, 104, 96)),
        (MEDIAN, 98, 110, 0, 106, 102, (100, 104, 0)),
        (MEDIAN, 98, 0, 96, 106, 98, (100, 0, 96)),
        (MEDIAN, 0, 110, 0, 106, 100, (100, 0, 0)),
        (BASIS, 98, 110, 96, 106, 104, (0, 104, 0)),
        (BASIS, 98, 0, 96, 106, 100, (0, 0, 0)),
        (FAIR, 98, 110, 96, 106, 100, (100, 0, 0)),
        (LAST, 98, 110, 96, 106, 98, (0, 0, 98)),
        (LAST, 98, 110, 99, 106, 99, (0, 0, 99)),
        (LAST, 98, 110, 111, 106, 110, (0, 0, 110)),
        (LAST, 98, 111, 0, 106, 104, (0, 0, 104)),
        (LAST, 98, 0, 96, 106, 96, (0, 0, 96)),
        (LAST, 0, 110, 96, 106, 96, (0, 0, 96)),
        (LAST, 0, 110, 0, 106, 100, (0, 0, 0)),
        (EXTERNAL, 98, 110, 96, 106, 104, (106, 104, 98)),
        (EXTERNAL, 98, 110, 96, 0, 101, (0, 104, 98)),
        (EXTERNAL, 98, 111, 0, 107, 104, (107, 104, 104)),
        (EXTERNAL, 0, 0, 96, 107, 101, (107, 0, 96)),
        (EXTERNAL, 0, 110, 0, 106, 106, (106, 0, 0)),
        (EXTERNAL, 0, 0, 96, 0, 96, (0, 0, 96)),
        (EXTERNAL, 98, 0, 0, 0, 100, (0, 0, 0)),
    ],
)
def test_6_2_the_terms_of_each_method(method, bid, ask, last, external, mark, terms):
    desk = sampled(method, bid, ask, last, external)
    assert mark_of(desk.price(1, 100)) == (mark, 100, *terms, 0)


def test_6_2_basis_follows_the_index_and_the_book_does_not():
    desk = sampled(EXTERNAL, 98, 110, 96, 106)
    assert mark_of(desk.price(1, 120)) == (106, 120, 106, 124, 98, 0)
    # 50% around an index of 60
    assert mark_of(desk.price(1, 60)) == (90, 60, 106, 64, 98, 0)


def test_6_2_the_external_term_is_a_weighted_median_of_the_fresh():
    perpetuals = (PriceSource(w, PERPETUAL) for w in (3, 1, 2))
    spec = contract(
        mark_method=EXTERNAL,
        **SAMPLED | {"sources": (PriceSource(1), *perpetuals), "source_stale_ns": MINUTE},
    )
    desk = Desk(spec)
    desk.price(1, 100)
    assert mark_of(desk.price(2, 106))[:3] == (106, 100, 106)
    assert mark_of(desk.price(3, 90))[:3] == (106, 100, 106)  # 1 and 3 of 4
    assert mark_of(desk.price(4, 109))[:3] == (106, 100, 106)  # 1, 3, 2 of 6
    desk.wait(MINUTE)
    desk.price(1, 100)
    assert mark_of(desk.price(3, 91))[:3] == (106, 100, 106)
    desk.wait(1)  # the others are too old
    assert mark_of(desk.price(1, 100))[:3] == (91, 100, 91)
    desk.price(2, 105)
    assert mark_of(desk.price(4, 96))[:3] == (100, 100, 100)  # 1 and 2 are half of 6


def test_6_2_a_sample_that_is_not_taken_leaves_no_book_and_no_last():
    """The average of the basis stays."""
    desk = sampled(EXTERNAL, 98, 110, 96)
    change(desk, REDUCE_ONLY)
    assert mark_of(desk.price(1, 100))[3:5] == (104, 98)
    desk.wait(MINUTE)
    assert mark_of(desk.price(1, 100)) == (104, 100, 0, 104, 0, 0)
    desk = sampled(MEDIAN, 98, 110, 96)
    change(desk, REDUCE_ONLY)
    desk.wait(MINUTE)
    assert mark_of(desk.price(1, 100)) == (102, 100, 100, 104, 0, 0)


def test_6_2_a_thin_sample_leaves_no_book_of_the_one_before():
    desk = sampled(LAST, 98, 110)
    quoted(desk, 98, 0)
    desk.wait(MINUTE)
    assert mark_of(desk.price(1, 100)) == (100, 100, 0, 0, 0, 0)


@pytest.mark.parametrize("ema", [0, 200_000_000])
def test_6_2_a_freeze_drops_the_terms(ema):
    spec = contract(mark_method=EXTERNAL, mark_basis_ema_ppb=ema, auction_ns=SECOND, **SAMPLED)
    desk = Desk(spec)
    desk.open((A, 10**6), (B, 10**6))
    desk.price(1, 100)
    quoted(desk, 98, 110)
    desk.wait(MINUTE)
    assert mark_of(desk.price(1, 100)) == (104, 100, 0, 104, 104, 0)
    redenominate(desk, 0, UNIT)
    assert mark_of(desk.price(1, 100)) == (100, 100, 0, 0, 0, 0)
    desk.wait(MINUTE)  # out of the auction, and the next sample
    assert mark_of(desk.price(1, 100)) == (104, 100, 0, 104, 104, 0)


def test_6_2_the_plain_average_has_a_window():
    desk = Desk(contract(mark_method=BASIS, mark_basis_samples=2, **SAMPLED))
    desk.open((A, 10**6), (B, 10**6))
    desk.price(1, 100)
    terms = []
    for bid, ask in ((98, 110), (88, 99), (88, 98)):  # 4, then -7, twice
        quoted(desk, bid, ask)
        desk.wait(MINUTE)
        terms.append(mark_of(desk.price(1, 100))[3])
    assert terms == [104, 98, 93]  # floor(-1.5), and the first is gone


def test_6_2_an_exponential_average_starts_with_its_first_sample():
    """A fifth of each. N 0.8, then 0.64 - 1.4 = -0.76, then -0.608 - 1.4 = -2.008; D 0.2, 0.36,
    0.488. The averages are 4, -2.11 and -4.11, to the nearest."""
    desk = Desk(contract(mark_method=BASIS, mark_basis_ema_ppb=200_000_000, **SAMPLED))
    desk.open((A, 10**6), (B, 10**6))
    assert mark_of(desk.price(1, 100))[3] == 0
    terms = []
    for bid, ask in ((98, 110), (88, 99), (88, 98)):
        quoted(desk, bid, ask)
        desk.wait(MINUTE)
        terms.append(mark_of(desk.price(1, 100))[3])
    assert terms == [104, 98, 96]
    assert desk.oracle.markets[1].basis_ema == (-2_008_000_000, 488_000_000)


def test_6_2_an_exponential_average_gives_up_shares_towards_zero():
    """A third of -1, then of 0: -333,333,333 less trunc(-111,111,110.9)."""
    desk = Desk(contract(mark_method=BASIS, mark_basis_ema_ppb=333_333_333, **SAMPLED))
    desk.open((A, 10**6), (B, 10**6))
    desk.price(1, 100)
    quoted(desk, 98, 100)
    desk.wait(MINUTE)
    assert desk.oracle.markets[1].basis_ema == (-333_333_333, 333_333_333)
    quoted(desk, 98, 102)
    desk.wait(MINUTE)
    assert desk.oracle.markets[1].basis_ema == (-222_222_223, 555_555_556)
    assert mark_of(desk.price(1, 100))[3] == 100  # -0.4


@pytest.mark.parametrize(("interest", "mark"), [(PERCENT, 1_007), (-PERCENT, 993)])
def test_6_2_fair_is_what_funding_is_left_of_the_interval(interest, mark):
    """Of 1% six hours of eight: 7.5 of 1,000, towards the index."""
    spec = contract(
        mark_method=FAIR,
        funding_method=words.RATE_SUM,
        funding_interest_ppb=interest,
        funding_cap_ppb=PERCENT,
        mark_band_ppb=50 * PERCENT,
    )
    desk = Desk(spec)
    assert mark_of(desk.mark(1_000))[:3] == (1_000, 1_000, 1_000)
    desk.wait(10 * 60 * MINUTE - SECOND)
    assert mark_of(desk.mark(1_000)) == (mark, 1_000, mark, 0, 0, 0)
    # a nanosecond is left
    desk.wait(DAY // 24 * 6 - 1)
    assert mark_of(desk.mark(1_000))[0] == 1_000


def test_6_2_a_mark_is_clamped_to_its_band_and_then_to_its_largest_move():
    spec = contract(
        mark_method=EXTERNAL,
        **SAMPLED | {"mark_band_ppb": 10 * PERCENT, "mark_move_ppb": 5 * PERCENT},
    )
    desk = Desk(spec)
    desk.price(2, 130)
    assert mark_of(desk.price(1, 100)) == (110, 100, 130, 0, 0, 0)  # no move limit: it was frozen
    assert mark_of(desk.price(1, 150)) == (115, 150, 130, 0, 0, 1)  # band 135 to 165, move 5
    assert state_of(desk) == REDUCE_ONLY
