"""The brackets of a venue for all its contracts, listed as ours: the same deductions (8.1).

Money is a millionth of the quote asset. The venue tells a highest leverage instead of an initial
rate; one over it goes up to the next ppm, of which floors times rises are whole money.
"""

import gzip
import json
from fractions import Fraction
from functools import cache
from math import gcd
from pathlib import Path
from typing import Any

import pytest

from engine.schema.bounds import PPB, TIERS_MAX
from engine.schema.contract import Contract, Tier, check_contract
from risk.from_python import value_at_mark
from tests.rules.story import A, B, Story
from tests.vectors.files import whole
from tests.vectors.stories import RICH, bounded, deductions

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data"
FILE = FOLDER / "leverage_tiers" / "binance_leverage_tiers.json.gz"
WHY_ABSENT = f"there is no folder {FOLDER.relative_to(FOLDER.parents[1])} beside the repository"
CONTRACTS, BRACKETS = 349, 2_805
MONEY = 10**6
PPM = PPB // 10**6
LOTS = 1_000
NO_CAP = 2**63 - 1

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=WHY_ABSENT)

Bracket = dict[str, str]


@cache
def brackets() -> dict[str, list[Bracket]]:
    """The venue's own fields of every bracket, by contract."""
    with gzip.open(FILE) as file:
        found = json.load(file)
    return {symbol: [row["info"] for row in rows] for symbol, rows in found.items()}


def cap_of(row: Bracket) -> int:
    """Where a bracket ends; one without an end is asked at twice its floor."""
    cap = int(row["notionalCap"])
    return (2 * int(row["notionalFloor"]) if cap == NO_CAP else cap) * MONEY


def tier_of(bracket: Bracket) -> Tier:
    initial_ppm = -(-(10**6) // int(bracket["initialLeverage"]))
    return Tier(
        floor_value=whole(bracket["notionalFloor"], MONEY),
        rate_initial_ppb=initial_ppm * PPM,
        rate_maintenance_ppb=whole(bracket["maintMarginRatio"], PPB),
    )


def listing(symbol: str, rows: list[Bracket]) -> Contract:
    """A tick of a thousand lots is worth what divides every floor and cap."""
    bounds = [cap_of(row) for row in rows]
    value = gcd(*bounds)
    return bounded(
        2 * LOTS, bounds[-1] // value, symbol=symbol, tick_value=whole(Fraction(value, LOTS), 1),
        tiers=tuple(tier_of(row) for row in rows),
    )  # fmt: skip


def test_every_deduction_is_that_of_the_venue() -> None:
    """What a listing writes into the tiers, bracket by bracket."""
    agree, compared = 0, 0
    for symbol, rows in brackets().items():
        assert len(rows) <= TIERS_MAX
        spec = listing(symbol, rows)
        assert check_contract(spec) == []
        for deduction, row in zip(deductions(Story(spec)), rows, strict=True):
            compared += 1
            agree += deduction == whole(row["cum"], MONEY)
    assert len(brackets()) == CONTRACTS
    assert (agree, compared) == (BRACKETS, BRACKETS)


@pytest.mark.slow
def test_every_cap_needs_the_maintenance_of_the_venue() -> None:
    """A position whose notional at mark is the cap of a bracket: cap x rate - cum."""
    agree = 0
    for symbol, rows in brackets().items():
        story = Story(listing(symbol, rows))
        story.open(A, RICH)
        story.open(B, RICH)
        story.price(1)
        story.trade(A, B, LOTS, 1)
        agree += sum(maintenance_at_cap(story, row) == venue_maintenance(row) for row in rows)
    assert agree == BRACKETS


def maintenance_at_cap(story: Story, row: Bracket) -> int:
    (spec,) = story.exchange.config.contracts
    ticks = Fraction(cap_of(row), LOTS * spec.tick_value)
    assert ticks.denominator == 1
    _, maintenance = value_at_mark(story.exchange.arena.base, A, 1, int(ticks))
    return int(maintenance)


def venue_maintenance(row: Bracket) -> Any:
    return cap_of(row) * Fraction(row["maintMarginRatio"]) - Fraction(row["cum"]) * MONEY
