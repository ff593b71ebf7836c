"""Where the worked examples of venues lie, which of them run where, and which have no rule here.

An example runs through the functions of the engine, with units that make its numbers whole.
"""

import json
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors"
WHY_ABSENT = f"there is no folder {FOLDER.relative_to(FOLDER.parents[1])} beside the repository"

# The topics that run, by what they are about: each has a file of its own.
TOPICS: dict[str, tuple[str, ...]] = {
    "prices": (
        "contract.inverse.value", "funding.cap", "funding.impact_notional", "funding.index_delta",
        "funding.payment", "funding.payment.inverse", "funding.premium_impact",
        "funding.rate.clamp", "funding.rate.damper", "funding.rate.interest_only",
        "funding.rounding", "funding.sampling", "funding.settlement_ppm", "funding.weighted_twap",
        "index.clamped_mean", "index.outlier", "index.weighted_median",
        "mark.bid_ask_clamped_last", "mark.median", "notional.linear", "pnl.inverse",
        "pnl.inverse.net",
    ),
    "margin": (
        "margin.im.size_linear", "margin.im_mm", "margin.im_mm.oi_scaled", "margin.im_rounding",
        "margin.mm.size_linear", "margin.oi_scaled_imf", "margin.order_cost.inverse",
        "margin.tier_deduction", "margin.tier_progressive",
    ),
    "trading": ("circuit_breaker.variant", "fees.maker_taker", "position.netting", "price_band"),
    "liquidation": (
        "liquidation.partial_size", "liquidation.price.linear.cross",
        "liquidation.price.linear.isolated",
    ),
    "bankruptcy": (
        "bankruptcy.cross_multi", "bankruptcy.price.inverse.isolated",
        "bankruptcy.price.linear.cross",
    ),
    "waterfall": (
        "insurance_fund.credit", "insurance_fund.debit", "insurance_fund.delta",
        "liquidation.backstop_trigger", "liquidation.fee_insurance", "socialized_loss.waterfall",
    ),
}  # fmt: skip

# By topic where no example of it has a rule, by id where the others of its topic run.
EXCLUDED = {
    "contract.quanto.value": "rule 1.2 knows linear and inverse contracts, no quanto",
    "adl.quintile": "the light of the venue counts the lots up to the holder's last one, the band"
    " of 9.7 here those before its first one",
    "adl.rank": "9.7 ranks by notional / equity or by profit x leverage; mark / entry x leverage"
    " is neither",
    "collateral.haircut_liquidation": "an account owes nothing in another asset: what is missing"
    " is converted at once (10.4), no liability stays to be taken over",
    "collateral.seize": "no rule lets a liquidator seize collateral for a liability",
    "liquidation.fee_dynamic": "the fee of 9.4 does not grow with the time under maintenance",
    "liquidation.fillable_price": "a liquidation order is limited at the bankruptcy price (9.2 c);"
    " no rule puts a price between it and the mark",
    "liquidation.price.inverse.cross": "maintenance on the entry value and a fee at the bankruptcy"
    " price; 8.1 takes the notional at mark",
    "margin.mm_ppm": "a tier states its maintenance rate (8.1), no rule makes it of the initial",
    "socialized_loss.via_deposits": "what a borrower leaves behind never enters a pool (12.5)",
    "socialized_loss.via_funding": "a loss is never spread by position size through the funding"
    " index: 9.8 cuts the gains of the step",
    "bybit-iso-1": "maintenance on the entry value; 8.1 takes the notional at mark",
    "ft-binance-long-buf": "the distance that a client's program adds to the price is no rule",
    "ft-binance-short-buf": "the distance that a client's program adds to the price is no rule",
    "dydx-if-13": "a fill at a 49,000,000,000th of the bankruptcy price: 2^21 ticks do not hold"
    " both",
    "dydx-margin-6": "a value of 3.4 x 10^37 is far beyond the bound of every sum, 2^62 (1.3)",
    "dydx-margin-11": "the venue rounds the scaled rate down to ppm before it takes the margin,"
    " 8.6 here to ppb",
    "hl-partial-1": "a first order of a fixed share of the position; 9.2 c cuts what it takes to"
    " be back above maintenance, within a share of visible depth",
    "perc-haircut-5": "the equity of all clients bears what is left behind the fund; 9.8 takes"
    " only the gains of the step",
}
RUN_COUNT, EXCLUDED_COUNT = 93, 30

Vector = dict[str, Any]
Run = Callable[[Vector, dict[str, Any]], None]

needs_folder = pytest.mark.skipif(not FOLDER.is_dir(), reason=WHY_ABSENT)


class Runs(dict[str, Run]):
    """What runs the examples of each topic of one subject."""

    def of(self, *topics: str) -> Callable[[Run], Run]:
        def register(function: Run) -> Run:
            self.update(dict.fromkeys(topics, function))
            return function

        return register

    def run(self, vector: Vector) -> None:
        self[vector["topic"]](vector, vector["inputs"])


@cache
def vectors() -> tuple[Vector, ...]:
    """Every example, in the order of the file; none when the folder is absent."""
    if not FOLDER.is_dir():
        return ()
    return tuple(json.loads((FOLDER / "perp.json").read_text()))


def is_excluded(vector: Vector) -> bool:
    return vector["topic"] in EXCLUDED or vector["id"] in EXCLUDED


def rows(subject: str) -> list[Any]:
    """The examples of a subject that run, as parameters of a test."""
    return [
        pytest.param(vector, id=vector["id"])
        for vector in vectors()
        if vector["topic"] in TOPICS[subject] and not is_excluded(vector)
    ]


def whole(number: Any, unit: int) -> int:
    """A decimal of an example in units that make it a whole number, or it is not given exactly."""
    scaled = Fraction(str(number)) * unit
    assert scaled.denominator == 1, (number, unit)
    return int(scaled)


def must_equal(vector: Vector, found: Fraction | int, expected: Any) -> None:
    """Within the example's tolerance, exact where it gives none."""
    tolerance = Fraction(str(vector["tolerance"] or 0))
    assert abs(Fraction(found) - Fraction(str(expected))) <= tolerance, vector["id"]
