"""Contracts of which the configurations are made."""

from typing import Any

from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from engine.schema.contract import Contract, Tier, outside
from tests.oracle.price_terms import MINUTE

FLAT_TIERS = (Tier(0, 20_000_000, 10_000_000),)
WIDE_TIERS = (Tier(0, 100_000_000, 60_000_000), Tier(3_000_000, 200_000_000, 120_000_000))
INVERSE_TIERS = (Tier(0, 100_000_000, 60_000_000), Tier(5_000_000, 200_000_000, 120_000_000))
STEEP_TIERS = (
    Tier(0, 10_000_000, 5_000_000),
    Tier(2_000_000, 50_000_000, 25_000_000),
    Tier(20_000_000, 200_000_000, 100_000_000),
)

ISOLATED = "ISOLATED"  # begins the symbols of contracts in which the workload isolates positions
BRIEF = 2 * MINUTE  # the longest freeze of contracts that may end by one

UNFUNDED: dict[str, Any] = {
    "fund_value_max": 0,
    "liquidation_fee_ppb": 0,
    "takeover_penalty_ppb": 0,
}
SHORT_AUCTIONS: dict[str, Any] = {
    "auction_ns": 15 * NS_PER_SECOND,
    "auction_indicative_ns": 4 * NS_PER_SECOND,
    "band_dynamic_ppb": 30_000_000,
    "volatility_window_ns": 2 * MINUTE,
}


def tiny(contract: int, tick_value: int, **changes) -> Contract:
    """A contract with a mark near 100: sums stay small enough to follow by hand."""
    values: dict[str, Any] = {
        "symbol": f"TINY{contract}",
        "tick_value": tick_value,
        "price_ticks_max": 2_000,
        "order_lots_max": 500,
        "position_lots_max": 1_500,
        "open_interest_lots_max": 4_000,
        "tiers": FLAT_TIERS,
        "fee_taker_ppb": 500_000,
        "fee_maker_ppb": 200_000,
        "band_static_ppb": 200_000_000,
        "liquidation_fee_ppb": 2_000_000,
        "liquidation_slippage_ppb": 5_000_000,
        "takeover_penalty_ppb": 1_000_000,
        "funding_impact_value": 15 * 100 * tick_value,
        "funding_interval_ns": 60 * MINUTE,
        "fund_value_max": 10**12,
        "fund_share_ppb": 500_000_000,
        "mark_last_value_min": 20 * 100 * tick_value,
        "delisting_samples": 3,
        "auction_ns": 2 * NS_PER_SECOND,  # back in trading soon after a freeze
        "auction_indicative_ns": 2 * NS_PER_SECOND,
    }
    return Contract(contract=contract, **(values | changes))


def tiny_inverse(contract: int, **changes) -> Contract:
    """The same, inverse: a lot is worth 121,621.5 at 100, one of many prices at which the value
    lies halfway between two units, and twice as much at the lowest one."""
    values: dict[str, Any] = {
        "contract_value": 12_162_150,
        "lot_value_min": 30_000,
        "price_ticks_min": 50,
        "price_ticks_max": 400,
        "funding_impact_value": 15 * 120_000,
        "fund_value_max": 6_000_000,
        "mark_last_value_min": 20 * 120_000,
    }
    return tiny(contract, 0, **(values | changes))


def tiny_per_fill(contract: int, **changes) -> Contract:
    """Lots of few units, so that it shows whether a value was rounded for a lot or for a fill: at
    100 one is worth 100.5, at the prices around it all between 95 and 106."""
    values: dict[str, Any] = {
        "contract_value": 10_050,
        "rounding": words.ROUNDING_PER_FILL,
        "tiers": (Tier(0, 100_000_000, 60_000_000), Tier(5_000, 200_000_000, 120_000_000)),
        "funding_impact_value": 15 * 100,
        "fund_value_max": 5_000,
        "mark_last_value_min": 20 * 100,
        "liquidation_fee_ppb": 4_000_000,
        "takeover_penalty_ppb": 3_000_000,
    }
    return tiny_inverse(contract, **(values | changes))


def realistic(contract: int, symbol: str, tick_value: int, **changes) -> Contract:
    """Prices of many ticks, rates of a large venue, several sources."""
    values: dict[str, Any] = {
        "symbol": symbol,
        "tick_value": tick_value,
        "order_lots_max": 100_000,
        "position_lots_max": 1_000_000,
        "open_interest_lots_max": 5_000_000,
        "tiers": (
            Tier(0, 10_000_000, 5_000_000),
            Tier(1_000_000_000, 20_000_000, 10_000_000),
            Tier(50_000_000_000, 50_000_000, 25_000_000),
        ),
        "fee_taker_ppb": 500_000,
        "fee_maker_ppb": 100_000,
        "liquidation_fee_ppb": 1_000_000,
        "takeover_penalty_ppb": 500_000,
        "sources": outside(3, 2, 2, 1, 1),
        "sources_healthy_min": 3,
        "funding_impact_value": 500_000_000,
        "fund_value_max": 10**13,
        "fund_share_ppb": 100_000_000,
        "mark_last_value_min": 100_000_000,
        "auction_ns": 2 * NS_PER_SECOND,  # back in trading soon after a freeze
        "auction_indicative_ns": 2 * NS_PER_SECOND,
    }
    return Contract(contract=contract, **(values | changes))
