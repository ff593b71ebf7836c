"""Configurations about what an operator approves: contracts, and margin of portfolios."""

from msgspec.structs import replace

from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from engine.schema.contract import Config
from tests.coins import COIN
from tests.oracle.contracts import (
    BRIEF,
    FLAT_TIERS,
    INVERSE_TIERS,
    ISOLATED,
    SHORT_AUCTIONS,
    STEEP_TIERS,
    UNFUNDED,
    WIDE_TIERS,
    tiny,
    tiny_inverse,
)
from tests.oracle.price_terms import FAIR, LAST, MINUTE, PAIR, START_NS, VOTES, WIDE


def one_by_one() -> Config:
    """Contracts that are approved and go live at different times, as the workload plans it. The
    last but one is never approved, and the last one does not pass the approval check. The reference
    assets of two lapse while they are drafts or thereafter."""
    minute = START_NS // MINUTE * MINUTE
    return Config(
        contracts=(
            tiny(1, 1_000, tiers=WIDE_TIERS, **LAST | {"mark_band_ppb": 50_000_000}),
            tiny(2, 1_000, symbol=f"{ISOLATED}2", freeze_max_ns=BRIEF, delisting_samples=2),
            tiny(
                3,
                1_000,
                symbol=f'{ISOLATED} "3" \\ \n\u00fc\u6e2f',
                version=2,
                tiers=WIDE_TIERS,
                opening_auction=True,
                freeze_max_ns=BRIEF,
                **SHORT_AUCTIONS,
            ),
            tiny_inverse(4, tiers=INVERSE_TIERS, reference_until_ns=minute + 2 * MINUTE),
            tiny(5, 100, tiers=WIDE_TIERS, freeze_max_ns=BRIEF, **PAIR | VOTES),
            tiny(6, 1_000, tiers=WIDE_TIERS, reference_until_ns=minute + 3 * MINUTE),
            tiny(7, 1_000, tiers=STEEP_TIERS),
        ),
        settlement=COIN,
        fund_cash=10**6,
        house_cash=10**5,
        eligibility_checked=True,
        approvals_required=True,
    )


def portfolio_configs() -> dict[str, Config]:
    return {
        "portfolio": hedges(),
        "portfolio inverse": hedges_of_both_kinds(),
        "portfolio free": hedges_without_fees(),
    }


def hedges() -> Config:
    """Three contracts of one underlying and one of another; of the fifth nobody says which. In some
    the moves decide about margin, in some the floor of what the tiers say, in some concentration
    does, or a rate that is its tier's own, or the line of open interest."""
    held = {"fund_value_max": 2_000_000, "takeover_penalty_ppb": 4_000_000}
    tight = {"underlying": 1, "basis_ppb": 1_000_000}
    crowded = {"concentration_value": 1_500_000, "concentration_ppb": 30_000_000}
    scaled = {"open_interest_scale_low_lots": 40, "open_interest_scale_high_lots": 407}
    second = tiny(2, 1_000, tiers=FLAT_TIERS, freeze_max_ns=BRIEF, **tight | crowded | UNFUNDED)
    third = tiny(3, 100, underlying=1, tiers=WIDE_TIERS, basis_ppb=9_000_000, **SHORT_AUCTIONS)
    funded = {"funding_interval_ns": 2 * MINUTE, "funding_interest_ppb": 200_000_000}
    capped = {"funding_clamp_ppb": 300_000_000, "funding_cap_ppb": 15_000_000}
    return Config(
        contracts=(
            tiny(1, 1_000, tiers=WIDE_TIERS, **tight | held | funded | capped),
            replace(second, **scaled),
            replace(third, rate_initial_min_ppb=100_000_000),
            tiny(4, 1_000, underlying=2, tiers=WIDE_TIERS, symbol=f"{ISOLATED}4", **crowded),
            tiny(5, 1_000, tiers=STEEP_TIERS, basis_ppb=2_000_000, freeze_max_ns=BRIEF, **WIDE),
        ),
        fund_cash=400_000,
        house_cash=30_000,
        fund_cash_limit=100_000,
        fund_loss_step_max=40_000,
        liquidation_steps_max=6,
        portfolio_moves_ppb=(-60_000_000, -30_000_000, -7_777_777, 25_000_000, 50_000_000),
        portfolio_initial_ppb=1_300_000_000,
        portfolio_floor_ppb=500_000_000,
        deleveraging_mode=words.DELEVERAGING_PRO_RATA,
    )


def hedges_without_fees() -> Config:
    """Where nothing but margin stands between an order and its fills: two contracts of one
    underlying take no fee, and no open interest raises anything. All rates are whole thousandths,
    so that no figure of a lot is rounded."""
    free = {"fee_taker_ppb": 0, "fee_maker_ppb": 0, "tiers": WIDE_TIERS}
    paid = {"fee_taker_ppb": 1_000_000, "fee_maker_ppb": 1_000_000, "tiers": STEEP_TIERS}
    return Config(
        contracts=(
            tiny(1, 1_000, underlying=1, basis_ppb=2_000_000, **free),
            tiny(2, 1_000, underlying=1, rate_initial_min_ppb=40_000_000, **free | UNFUNDED),
            tiny(3, 1_000, underlying=2, freeze_max_ns=BRIEF, **paid | LAST),
        ),
        fund_cash=400_000,
        house_cash=30_000,
        portfolio_moves_ppb=(-100_000_000, -40_000_000, 40_000_000, 80_000_000),
        portfolio_initial_ppb=1_250_000_000,
        portfolio_floor_ppb=500_000_000,
    )


def hedges_of_both_kinds() -> Config:
    """Of one underlying: losses of inverse contracts grow as the price falls, so that no hedge with
    a linear one is whole. A reserve can be all that an order is worth, and more."""
    held = {"underlying": 7, "fund_value_max": 6_000_000}
    rounded = {"rounding": words.ROUNDING_PER_FILL} | FAIR
    slow = {"liquidation_cooldown_ns": 5 * NS_PER_SECOND, "liquidation_depth_ppb": 10**9}
    scaled = {"open_interest_scale_low_lots": 60, "open_interest_scale_high_lots": 367}
    first = tiny_inverse(1, tiers=INVERSE_TIERS, basis_ppb=3_333_333, **held | slow)
    second = tiny(2, 1_000, tiers=WIDE_TIERS, concentration_value=3_000_000, **held | slow)
    return Config(
        contracts=(
            replace(first, rate_initial_min_ppb=200_000_000),  # that of its second tier
            replace(second, **scaled),
            tiny_inverse(3, concentration_ppb=40_000_000, concentration_value=0, **held | rounded),
        ),
        settlement=COIN,
        fund_cash=10**6,
        house_cash=10**5,
        portfolio_moves_ppb=(
            -400_000_000,
            -150_000_000,
            -50_000_001,
            30_000_000,
            90_000_001,
            333_333_333,
            666_666_667,
        ),
        portfolio_initial_ppb=1_500_000_000,
        portfolio_floor_ppb=600_000_000,
        fund_loss_step_max=10**5,
    )
