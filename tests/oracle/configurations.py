"""Named configurations, each of which brings some layers of the exchange within reach."""

from typing import Any

from msgspec.structs import replace

from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from engine.schema.contract import Config, Tier, check_config
from tests.coins import COIN
from tests.oracle.approvals import one_by_one, portfolio_configs
from tests.oracle.assets import ASSETS, STABLECOIN
from tests.oracle.contracts import (
    BRIEF,
    INVERSE_TIERS,
    ISOLATED,
    SHORT_AUCTIONS,
    STEEP_TIERS,
    UNFUNDED,
    WIDE_TIERS,
    realistic,
    tiny,
    tiny_inverse,
    tiny_per_fill,
)
from tests.oracle.price_terms import (
    AVERAGED,
    BASIS,
    BASKET,
    CAPPED,
    CLAMPED,
    DAMPED,
    EXTERNAL,
    FAIR,
    LAST,
    MINUTE,
    PAIR,
    RISING,
    RIVALS,
    START_NS,
    SUMMED,
    SWITCHED,
    VOTES,
    WIDE,
)


def configs() -> dict[str, Config]:
    """By name; every one of them can be listed."""
    found = layer_configs() | clock_configs() | order_configs()
    found |= quote_configs() | auction_configs() | deleveraging_configs() | margin_configs()
    found |= value_configs()
    found |= {"eligibility": checked_accounts(), "backstop": thin_backstop()}
    found |= {"collateral": thin_collateral(), "listing": one_by_one()}
    found |= portfolio_configs()
    for name, config in found.items():
        problems = check_config(config)
        assert not problems, (name, problems)
    return found


def thin_buffers() -> Config:
    """Little behind anything, and losses of the fund are capped."""
    return Config(
        contracts=(
            tiny(
                1,
                1_000,
                tiers=STEEP_TIERS,
                liquidation_whole_lots=5,
                freeze_max_ns=BRIEF,
                **BASIS | DAMPED,
            ),
            tiny(
                2,
                1_000,
                liquidation_depth_ppb=1_000_000_000,
                tiers=WIDE_TIERS,
                freeze_max_ns=BRIEF,
                delisting_samples=2,
                **SWITCHED,
            ),
        ),
        fund_cash=80_000,
        house_cash=20_000,
        fund_cash_limit=50_000,
        house_cash_limit=20_000,
        fund_loss_step_max=30_000,
        fund_loss_day_max=100_000,
    )


def layer_configs() -> dict[str, Config]:
    """Which layer of the waterfall is deep, and which is empty."""
    unfunded = UNFUNDED
    return {
        "ample_fund": Config(
            contracts=(
                tiny(1, 1_000, tiers=WIDE_TIERS, freeze_max_ns=BRIEF, **AVERAGED),
                tiny(2, 1, order_lots_max=2_500, position_lots_max=4_000, **FAIR | RISING),
                tiny(
                    3,
                    1_000,
                    tiers=STEEP_TIERS,
                    freeze_max_ns=BRIEF,
                    affiliates_priced=True,
                    **LAST,
                ),
            ),
            fund_cash=10**12,
            house_cash=10**10,
        ),
        "hungry_fund": Config(
            contracts=(
                tiny(1, 1_000, fund_share_ppb=10**9, tiers=WIDE_TIERS, **EXTERNAL | SUMMED),
                tiny(
                    2,
                    1_000,
                    fund_share_ppb=10**9,
                    tiers=WIDE_TIERS,
                    liquidation_cooldown_ns=20 * NS_PER_SECOND,
                    freeze_max_ns=BRIEF,
                    delisting_samples=1,
                ),
            ),
            fund_cash=200_000,
            house_cash=50_000,
            fund_cash_limit=100_000,
            liquidation_steps_max=3,
        ),
        "fund_without_caps_room": Config(
            contracts=(
                tiny(1, 1_000, fund_value_max=0, fund_share_ppb=0, tiers=WIDE_TIERS),
                tiny(2, 1, fund_value_max=0, fund_share_ppb=0, stp_none_allowed=True),
            ),
            fund_cash=300_000,
            house_cash=100_000,
            fund_cash_limit=300_000,
            house_cash_limit=50_000,
        ),
        "nothing_behind": Config(
            contracts=(
                tiny(1, 1_000, stp_none_allowed=True, freeze_max_ns=BRIEF, **unfunded),
                tiny(
                    2,
                    1_000,
                    fee_taker_ppb=0,
                    fee_maker_ppb=0,
                    freeze_max_ns=BRIEF,
                    delisting_samples=5,
                    **unfunded,
                ),
                tiny(
                    3,
                    100,
                    order_lots_max=60,
                    position_lots_max=90,
                    group_lots_max=50,
                    open_interest_lots_max=200,
                    **unfunded,
                ),
            ),
        ),
        "thin_buffers": thin_buffers(),
    }


def fast_funding() -> Config:
    """Funding every few minutes, some of it capped."""
    return Config(
        contracts=(
            tiny(
                1,
                1_000,
                funding_interval_ns=2 * MINUTE,
                funding_sample_ns=5 * NS_PER_SECOND,
                funding_sample_offset_ns=7 * NS_PER_SECOND,
                funding_interest_ppb=400_000_000,
                funding_clamp_ppb=500_000_000,
                funding_cap_ppb=50_000_000,
                source_stale_ns=20 * MINUTE,
                mark_band_ppb=50_000_000,
            ),
            tiny(
                2,
                1,
                funding_interval_ns=3 * MINUTE,
                funding_sample_ns=10 * NS_PER_SECOND,
                funding_interest_ppb=-300_000_000,
                funding_clamp_ppb=500_000_000,
                funding_cap_ppb=50_000_000,
                fee_maker_ppb=-100_000,
                funding_cap_day_ppb=1_000_000,
            ),
            tiny(3, 1_000, **EXTERNAL | SWITCHED),
        ),
        fund_cash=10**5,
        house_cash=10**4,
        jump_ns_max=NS_PER_DAY,
    )


def clock_configs() -> dict[str, Config]:
    """Prices, funding and time; the realistic one among them."""
    return {
        "move_limit": Config(
            contracts=(
                tiny(1, 1_000, mark_move_ppb=20_000_000, mark_band_ppb=10_000_000),
                realistic(
                    2,
                    "BTC",
                    100,
                    mark_move_ppb=3_000_000,
                    source_reentry_ns=5 * 10**9,
                    **CLAMPED,
                ),
            ),
            fund_cash=10**9,
            house_cash=10**8,
        ),
        "realistic": Config(
            contracts=(
                realistic(1, "BTC", 100, fee_maker_ppb=-200_000, **CAPPED),
                realistic(
                    2,
                    "ETH",
                    10,
                    freeze_max_ns=BRIEF,
                    delisting_samples=4,
                    mark_method=words.MARK_FAIR,
                    funding_weighting=words.WEIGHTING_RISING,
                    **VOTES,
                ),
                realistic(
                    3,
                    "SOL",
                    1_000,
                    price_ticks_max=200_000,
                    **LAST | BASKET,
                ),
            ),
            fund_cash=5 * 10**8,
            house_cash=10**8,
            fund_loss_step_max=2 * 10**8,
        ),
        "fast_funding": fast_funding(),
        "rebase": Config(
            contracts=(
                tiny(
                    1,
                    2_000,
                    open_interest_lots_max=2**30 - 1,
                    tiers=(Tier(0, 900_000_000, 600_000_000),),
                    funding_interval_ns=240 * MINUTE,
                    funding_interest_ppb=1_000_000_000,
                    funding_clamp_ppb=1_000_000_000,
                    funding_cap_ppb=400_000_000,
                    source_stale_ns=NS_PER_DAY,
                    funding_sample_ns=10 * MINUTE,
                    auction_indicative_ns=30 * MINUTE,
                ),
            ),
            fund_cash=10**6,
        ),
    }


def order_configs() -> dict[str, Config]:
    """Every limit of an order within reach; triggers that wait in line; days that end."""
    return {
        "tight_limits": Config(
            contracts=(
                tiny(
                    1,
                    1_000,
                    tiers=WIDE_TIERS,
                    order_lots_min=3,
                    order_value_min=500_000,
                    order_value_max=20_000_000,
                    level_orders_max=2,
                    stp_none_allowed=True,
                ),
                tiny(
                    2,
                    1_000,
                    level_orders_max=4,
                    order_value_max=3_000_000,
                    group_lots_max=20,
                    **LAST | VOTES,
                ),
            ),
            fund_cash=10**8,
            orders_account_max=5,
            messages_max=4,
            messages_window_ns=3 * NS_PER_SECOND,
            triggers_max=2,
        ),
        "waiting_in_line": Config(
            contracts=(
                tiny(1, 1_000, tiers=WIDE_TIERS, day_end_ns=15 * 3_600 * NS_PER_SECOND),
                tiny(
                    2,
                    1_000,
                    tiers=WIDE_TIERS,
                    market_range_ppb=100_000_000,
                    stp_none_allowed=True,
                    day_end_ns=0,
                ),
                tiny(3, 1_000, source_stale_ns=10 * NS_PER_SECOND, **FAIR | PAIR | RISING),
            ),
            fund_cash=10**8,
            house_cash=10**7,
            triggers_max=1,
            liquidation_steps_max=2,
        ),
    }


def quote_configs() -> dict[str, Config]:
    """Room for makers: money behind everything, limits that their quotes run into."""
    return {
        "makers": Config(
            contracts=(
                tiny(1, 1_000, tiers=WIDE_TIERS, stp_none_allowed=True, **AVERAGED),
                tiny(
                    2,
                    1_000,
                    order_lots_min=3,
                    level_orders_max=3,
                    fee_maker_ppb=-200_000,
                    affiliates_priced=True,
                    **EXTERNAL | DAMPED,
                ),
                tiny(3, 1, price_ticks_max=400, order_lots_max=60, position_lots_max=200, **LAST),
            ),
            fund_cash=10**9,
            house_cash=10**8,
            orders_account_max=14,
            triggers_max=3,
        ),
    }


def inverse_and_linear() -> Config:
    """Two inverse contracts, of which the second has the prices and rates of a large venue and
    rounds by fills, and a linear one against which they are hedged. Both lowest prices can be
    reached."""
    return Config(
        contracts=(
            tiny_inverse(
                1,
                tiers=INVERSE_TIERS,
                order_value_min=300_000,
                order_value_max=30_000_000,
                auction_reference_ticks=100,
                band_dynamic_ppb=60_000_000,
                band_dynamic_value_min=1_500_000,
                **AVERAGED,
            ),
            realistic(
                2,
                "ETH",
                0,
                contract_value=2_500_000_000,
                rounding=words.ROUNDING_PER_FILL,
                price_ticks_min=200_000,
                price_ticks_max=1_000_000,
                tiers=(
                    Tier(0, 20_000_000, 10_000_000),
                    Tier(4_000_000, 50_000_000, 25_000_000),
                    Tier(40_000_000, 100_000_000, 50_000_000),
                ),
                fee_maker_ppb=-200_000,
                funding_impact_value=1_000_000,
                fund_value_max=10**8,
                mark_last_value_min=500_000,
                **CLAMPED | VOTES,
            ),
            tiny(3, 1_000, tiers=WIDE_TIERS, freeze_max_ns=BRIEF, **LAST | SWITCHED),
        ),
        settlement=COIN,
        fund_cash=10**6,
        house_cash=10**5,
        fund_loss_step_max=5 * 10**5,
    )


def rounded_per_fill() -> Config:
    """In a coin that affiliates may not hold. Lots of few units, of which those of the third
    contract are rounded each by itself."""
    own = {"tiers": INVERSE_TIERS, "freeze_max_ns": BRIEF}
    return Config(
        contracts=(
            tiny_per_fill(
                1,
                symbol=f"{ISOLATED}1",
                liquidation_slippage_ppb=10**9,  # equity alone bounds what a fill may cost
                order_value_min=95,
                order_value_max=20_000,
                stp_none_allowed=True,
                **SHORT_AUCTIONS | {"band_dynamic_ppb": 0},
            ),
            tiny_per_fill(
                2,
                contract_value=4_050,  # 40.5 at 100
                fee_taker_ppb=3_000_000,
                fee_maker_ppb=-1_500_000,
                liquidation_slippage_ppb=30_000_000,
                funding_interval_ns=2 * MINUTE,
                funding_impact_value=15 * 40,
                funding_interest_ppb=500_000_000,
                funding_clamp_ppb=600_000_000,
                funding_cap_ppb=30_000_000,
                fund_value_max=2_000,
                mark_last_value_min=20 * 40,
                fund_slice_lots=3,
                fund_slice_ns=20 * NS_PER_SECOND,
                fund_slice_slippage_ppb=30_000_000,
                band_dynamic_ppb=60_000_000,
                band_dynamic_value_min=160,
                **LAST,
            ),
            tiny_inverse(3, contract_value=10_050, lot_value_min=20, **own),
        ),
        settlement=replace(COIN, account_kinds=(words.KIND_CLIENT, words.KIND_LIQUIDITY_PROVIDER)),
        fund_cash=1_500,
        house_cash=200,
        fund_loss_step_max=400,
    )


def raised_rates() -> Config:
    """Each of the ways in which initial margin is raised alone, and all of them in an inverse
    contract: from below the rates of tiers, so that it is the deduction that they meet. Open
    interest reaches both of its bounds, with positions in the second tier."""
    near = (Tier(0, 100_000_000, 60_000_000), Tier(1_000_000, 200_000_000, 120_000_000))
    dear = (near[0], replace(near[1], floor_value=1_000_000_000))
    return Config(
        contracts=(
            tiny(1, 1_000, tiers=STEEP_TIERS, rate_initial_min_ppb=30_000_000),
            tiny(
                2,
                1_000_000,  # dear, so that it shows how a rate was rounded
                tiers=dear,
                open_interest_scale_low_lots=20,
                open_interest_scale_high_lots=87,
                **WIDE,
            ),
            tiny_inverse(
                3,
                tiers=near,
                rate_initial_min_ppb=150_000_000,
                open_interest_scale_low_lots=40,
                open_interest_scale_high_lots=153,
                **FAIR,
            ),
        ),
        settlement=COIN,
        fund_cash=10**7,
        house_cash=10**6,
    )


def value_configs() -> dict[str, Config]:
    """Lots whose value is no multiple of the price; initial rates above those of the tiers."""
    inverse = {"inverse": inverse_and_linear(), "per fill": rounded_per_fill()}
    return inverse | {"leverage": raised_rates()}


def thin_auctions() -> Config:
    """Auctions of contracts that break easily: the mark is held, the fund takes nothing."""
    short = SHORT_AUCTIONS
    return Config(
        contracts=(
            tiny(
                1,
                1_000,
                tiers=STEEP_TIERS,
                stp_none_allowed=True,
                mark_move_ppb=30_000_000,
                mark_band_ppb=20_000_000,
                liquidation_slippage_ppb=100_000_000,
                band_dynamic_value_min=500_000,
                **short,
            ),
            tiny(
                2,
                1_000,
                tiers=WIDE_TIERS,
                stp_none_allowed=True,
                fee_maker_ppb=-200_000,
                fund_value_max=0,
                liquidation_slippage_ppb=100_000_000,
                liquidation_cooldown_ns=10 * NS_PER_SECOND,
                auction_extensions_max=0,
                volatility_auctions_max=1,
                **short,
            ),
            tiny(
                3,
                100,
                freeze_max_ns=BRIEF,
                delisting_samples=2,
                **short,
                **PAIR | SUMMED | {"source_stale_ns": 20 * NS_PER_SECOND},
            ),
        ),
        fund_cash=100_000,
    )


def auction_configs() -> dict[str, Config]:
    """Short auctions, narrow dynamic bands, halts after a few."""
    short = SHORT_AUCTIONS
    return {
        "auctions": Config(
            contracts=(
                tiny(
                    1,
                    1_000,
                    tiers=WIDE_TIERS,
                    auction_extensions_max=2,
                    volatility_auctions_max=3,
                    **short,
                    **WIDE,
                ),
                tiny(
                    2,
                    1_000,
                    tiers=WIDE_TIERS,
                    auction_reference_ticks=105,
                    opening_auction=True,
                    band_dynamic_value_min=1_000_000,
                    **short,
                ),
            ),
            fund_cash=10**9,
            house_cash=10**8,
        ),
        "thin_auctions": thin_auctions(),
        "slow_auctions": Config(
            contracts=(
                realistic(
                    1,
                    "BTC",
                    100,
                    auction_ns=20 * NS_PER_SECOND,
                    auction_indicative_ns=6 * NS_PER_SECOND,
                    source_stale_ns=5 * MINUTE,
                    band_dynamic_ppb=4_000_000,
                    volatility_auctions_max=2,
                    source_reentry_ns=15 * NS_PER_SECOND,
                    **CLAMPED | RISING,
                ),
                realistic(
                    2,
                    "ETH",
                    10,
                    auction_ns=10 * NS_PER_SECOND,
                    auction_indicative_ns=10 * NS_PER_SECOND,
                    band_dynamic_ppb=5_000_000,
                    auction_extensions_max=3,
                    source_stale_ns=2 * MINUTE,
                    sources_healthy_min=1,
                    **RIVALS,
                ),
            ),
            fund_cash=5 * 10**8,
            house_cash=10**8,
        ),
    }


def deleveraging_configs() -> dict[str, Config]:
    """Nothing takes over what breaks, or little, so that holders of the other side give lots; in
    the modes that are not the default."""
    empty = layer_configs()["nothing_behind"]
    funded = clock_configs()["fast_funding"]
    return {
        "queue": replace(
            funded,
            deleveraging_mode=words.DELEVERAGING_QUEUE,
            deleveraging_profit_ns=3 * MINUTE,
        ),
        "pro_rata": replace(empty, deleveraging_mode=words.DELEVERAGING_PRO_RATA),
    }


def margin_configs() -> dict[str, Config]:
    """Margin accounts of their own, beside contracts that stay cross. The issuer of what they are
    paid in loses its licence now and then."""
    funded: dict[str, Any] = {
        "funding_interval_ns": 2 * MINUTE,
        "funding_interest_ppb": 300_000_000,
        "funding_clamp_ppb": 400_000_000,
        "funding_cap_ppb": 30_000_000,
    }
    return {
        "isolated": Config(
            contracts=(
                tiny(1, 1_000, symbol=f"{ISOLATED}1", fund_value_max=0, **funded),
                tiny(
                    2,
                    1_000,
                    symbol=f"{ISOLATED}2",
                    tiers=WIDE_TIERS,
                    group_lots_max=300,
                    liquidation_cooldown_ns=20 * NS_PER_SECOND,
                    freeze_max_ns=BRIEF,
                    stp_none_allowed=True,
                    **WIDE,
                ),
                tiny(3, 1_000, tiers=WIDE_TIERS),
            ),
            fund_cash=200_000,
            house_cash=50_000,
            orders_account_max=14,
            messages_max=4,
            messages_window_ns=2 * NS_PER_SECOND,
            liquidation_steps_max=1,
            settlement=STABLECOIN,
        ),
    }


def checked_accounts() -> Config:
    """Clients must be eligible, in isolated contracts, too; the reference asset of the second
    contract lapses soon. What samples and orders meet at whole minutes ends there as well."""
    return Config(
        contracts=(
            tiny(1, 1_000, symbol=f"{ISOLATED}1", tiers=WIDE_TIERS, **AVERAGED),
            tiny(
                2,
                1_000,
                tiers=WIDE_TIERS,
                reference_until_ns=START_NS // MINUTE * MINUTE + 3 * MINUTE,
                funding_interval_ns=2 * MINUTE,
                freeze_max_ns=BRIEF,
                stp_none_allowed=True,
            ),
            tiny(3, 1_000, tiers=STEEP_TIERS, **LAST),
        ),
        fund_cash=10**7,
        house_cash=10**6,
        eligibility_checked=True,
        disclosure_version=1,
        triggers_max=2,
    )


def thin_backstop() -> Config:
    """Providers, fund and winners take turns, as none of them has much room; in small slices the
    fund makes room again."""
    worked = {"fund_slice_lots": 2, "fund_slice_ns": 20 * NS_PER_SECOND}
    held = {"fund_value_max": 2_500_000, "takeover_penalty_ppb": 8_000_000}
    first = tiny(1, 1_000, tiers=WIDE_TIERS, funding_interval_ns=2 * MINUTE, **held | worked)
    scaled = {"open_interest_scale_low_lots": 40, "open_interest_scale_high_lots": 900}
    second = tiny(2, 1_000, tiers=STEEP_TIERS, freeze_max_ns=BRIEF, **SHORT_AUCTIONS | held)
    rounded = {"rounding": words.ROUNDING_PER_FILL}
    third = tiny_inverse(3, tiers=INVERSE_TIERS, **held | scaled | worked | rounded)
    return Config(
        contracts=(
            replace(first, fund_slice_slippage_ppb=30_000_000),
            replace(second, **worked | {"fund_slice_lots": 500, "fund_slice_ns": 7 * 10**9}),
            third,
        ),
        settlement=COIN,
        fund_cash=3_000_000,
        house_cash=60_000,
        fund_loss_step_max=40_000,
        fund_cover_min_ppb=500_000_000,
    )


def thin_collateral() -> Config:
    """Margin of everything but cash, with little behind it: what assets lose goes through fund and
    house to everyone. Isolated positions have cash alone."""
    held = {"fund_value_max": 2_000_000, "takeover_penalty_ppb": 4_000_000}
    funded = {"funding_interval_ns": 2 * MINUTE, "funding_interest_ppb": 200_000_000}
    capped = {"funding_clamp_ppb": 300_000_000, "funding_cap_ppb": 20_000_000}
    return Config(
        contracts=(
            tiny(1, 1_000, tiers=WIDE_TIERS, **held | funded | capped),
            tiny(2, 1_000, symbol=f"{ISOLATED}2", freeze_max_ns=BRIEF, **UNFUNDED),
            tiny_inverse(3, tiers=INVERSE_TIERS, **SHORT_AUCTIONS | held),
        ),
        settlement=COIN,
        collateral=ASSETS,
        fund_cash=400_000,
        house_cash=20_000,
        fund_cash_limit=100_000,
        house_cash_limit=10_000,
        fund_loss_step_max=15_000,
        liquidation_steps_max=4,
    )
