"""What one group can do to prices with orders and trades: nothing that matters (6.3, 7.1, C10).

Two exchanges see the same market; in one of them a group, account M and its friend N, does what it
likes beside it. Seeds are fixed: a failure names its own.
"""

from random import Random
from typing import Any

import pytest

from engine.kernel import JIT
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.contract import PriceSource, outside
from tests.rules.story import BUY, GTC, IOC, PERCENT, SELL, A, B, C, D, Story, contract, named

INDEX = 100_000
CLAMP_PPB = 500_000  # 50 ticks of the index
SAMPLES = 60
SEEDS = range(12 if JIT else 1)
MARK_SEEDS = range(3 if JIT else 1)
MINUTE = 60
RICH = 10**14
M, N = C, D  # one group


def market(**terms: Any) -> Story:
    """One interval of 60 samples of a minute; A and B make the market, M and N are the group."""
    spec: dict[str, Any] = {
        "initial_ppb": 2 * PERCENT, "maintenance_ppb": PERCENT, "price_ticks_max": 2**18,
        "funding_sample_ns": MINUTE * NS_PER_SECOND, "funding_interval_ns": 3_600 * NS_PER_SECOND,
        "funding_base_ns": 3_600 * NS_PER_SECOND, "funding_clamp_ppb": CLAMP_PPB,
        "funding_interest_ppb": 0, "funding_cap_ppb": PPB, "funding_impact_value": 50 * INDEX,
    }  # fmt: skip
    story = Story(contract(**(spec | terms)))
    for account in (A, B, M, N):
        story.open(account, RICH, group=M if account == N else account)
    story.price(INDEX)
    return story


# Funding


def quote_around(stories: list[Story], random: Random, lean: int) -> None:
    """A makes a book of five levels a side whose both sides lie within the clamp of the index, on
    the side of it on which it leans (0: on either)."""
    reach = CLAMP_PPB * INDEX // PPB - 5
    distance = random.randint(0, reach - 10)
    middle = INDEX + (lean or random.choice((-1, 1))) * distance
    half = random.randint(1, 4)
    sizes = [random.randint(10, 40) for _ in range(10)]
    for story in stories:
        story.cancel_all(A)
        for k in range(5):
            story.order(A, BUY, sizes[k], max(middle - half - k, INDEX - reach))
            story.order(A, SELL, sizes[5 + k], min(middle + half + k, INDEX + reach))


def bend(story: Story, random: Random) -> None:
    """M adds a fifth of what both sides then show, as near to the other side as it can without
    trading, within the clamp."""
    reach = CLAMP_PPB * INDEX // PPB - 5
    bids, asks = story.exchange.depth(1)
    side = random.choice((BUY, SELL))
    lots = sum(level[1] for level in (bids if side == BUY else asks)) // 4
    price = asks[0][0] - 1 if side == BUY else bids[0][0] + 1
    price = min(price, INDEX + reach) if side == BUY else max(price, INDEX - reach)
    story.order(M, side, lots, price, flags=words.POST_ONLY)


@pytest.mark.parametrize("seed", SEEDS)
def test_rule_7_1_a_fifth_of_the_depth_for_a_tenth_of_the_time_moves_f_by_a_tenth_of_the_clamp(
    seed,
):
    random = Random(seed)
    lean = random.choice((-1, 1))
    # Interest on the other side of the clamp: F then follows the premium one to one. Where the two
    # are within the clamp of each other F is the interest, whatever anybody does.
    honest, bent = (market(funding_interest_ppb=-lean * CLAMP_PPB) for _ in range(2))
    bent_samples = set(random.sample(range(SAMPLES), SAMPLES // 10))
    rates = []
    for k in range(SAMPLES):
        quote_around([honest, bent], random, lean)
        if k in bent_samples:
            bend(bent, random)
        rates = [named(story.advance(MINUTE), "funding_published") for story in (honest, bent)]
        bent.cancel_all(M)
    f_honest, f_bent = (found[0].values["rate_ppb"] for found in rates)
    assert abs(f_honest - f_bent) <= CLAMP_PPB // 10


# Mark


@pytest.mark.parametrize("method", range(5))
@pytest.mark.parametrize("seed", MARK_SEEDS)
def test_rule_6_3_prints_below_the_minimum_notional_move_the_mark_by_zero(seed, method):
    """The smallest value that makes a last price is 100 lots; M and B trade up to 99 a window."""
    random = Random(seed)
    terms = {
        "mark_method": method, "mark_band_ppb": PPB // 50, "mark_last_value_min": 100 * INDEX,
        "sources": (*outside(1), PriceSource(kind=words.SOURCE_PERPETUAL)),
    }  # fmt: skip
    quiet, printed = market(**terms), market(**terms)
    for story in (quiet, printed):
        story.price(INDEX + 30, source=2)
    for _ in range(20):
        quote_around([quiet, printed], random, 0)
        side = random.choice((BUY, SELL))
        price = INDEX + random.randint(-900, 900)
        bids, asks = printed.exchange.depth(1)
        price = min(max(price, bids[0][0] + 1), asks[0][0] - 1)
        lots = random.randint(1, 90)
        if bids[0][0] < price < asks[0][0]:
            printed.order(M, side, lots, price)
            printed.order(B, SELL - side, lots, price, tif=IOC)
            printed.cancel_all(M)
        index = INDEX + random.randint(-200, 200)
        marks = []
        for story in (quiet, printed):
            story.advance(MINUTE)
            story.price(index)
            marks.append(story.mark())
        assert marks[0] == marks[1]


@pytest.mark.parametrize("method", range(5))
@pytest.mark.parametrize("seed", MARK_SEEDS)
def test_rule_6_3_no_stream_of_one_group_moves_the_mark_outside_its_band(seed, method):
    """M and N have the book for themselves, and trade with B, too."""
    random = Random(seed)
    band_ppb = 5_000_000
    story = market(
        mark_method=method, mark_band_ppb=band_ppb, affiliates_priced=True,
        mark_basis_ema_ppb=random.choice((0, PPB // 4)), stp_none_allowed=True,
        funding_impact_value=INDEX,
        sources=(*outside(1), PriceSource(kind=words.SOURCE_PERPETUAL)),
    )  # fmt: skip
    reached = set()
    for _ in range(60):
        index = INDEX + random.randint(-50, 50)
        for _ in range(random.randint(1, 6)):
            price = INDEX + random.choice((-1, 1)) * random.choice((3, 500, 5_000, 40_000))
            story.order(
                random.choice((M, N, B)), random.choice((BUY, SELL)), random.randint(1, 400), price,
                tif=random.choice((GTC, IOC)), stp=words.STP_NONE,
            )  # fmt: skip
        if random.random() < 0.3:
            story.cancel_all(random.choice((M, N)))
        story.advance(MINUTE)
        story.price(index)
        reach = index * band_ppb // PPB
        assert abs(story.mark() - index) <= reach
        reached.add(abs(story.mark() - index) == reach)
    # it was the band that held it, where the group has a hand in the terms alone
    assert True in reached or method in (words.MARK_FAIR, words.MARK_EXTERNAL)
