"""The contract's specification and the exchange's configuration: all of it data, all integers.

Numbers are in the unit that ends their name: ticks, lots, ppb, ns, or money (smallest unit of the
settlement asset) when they end in `_value` or `_cash`. `check_contract` and `check_config` return
a list of English lines, empty when the specification can be listed (rules 1.3, 3.2, 8.1, 8.8).
"""

import hashlib
import json
import struct

import msgspec

from engine.schema import bounds
from engine.schema import vocabulary as words
from engine.schema.collateral import (
    CollateralAsset,
    SettlementAsset,
    check_collateral,
    check_settlement,
)
from engine.schema.ranges import note_outside


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rates from `floor_value` of notional upwards, marginal like a tax bracket (8.1)."""

    floor_value: int
    rate_initial_ppb: int
    rate_maintenance_ppb: int


class PriceSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source of prices: its vote in the index or in the mark, and what it prices (6.1)."""

    weight: int = 1
    kind: int = words.SOURCE_OUTSIDE
    asset: int = 0  # which constituent of the index


def cap_of_source(spec: "Contract", source: PriceSource) -> int:
    """The largest share that a source may have in its asset's price, in ppb (6.1)."""
    if source.kind == words.SOURCE_PERPETUAL:
        return 0
    if source.kind == words.SOURCE_OWN:
        return min(spec.source_cap_ppb, spec.source_own_cap_ppb)
    return spec.source_cap_ppb


def outside(*weights: int) -> tuple[PriceSource, ...]:
    """Sources of these weights, all of them outside venues of the one asset."""
    return tuple(PriceSource(weight) for weight in weights)


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A perpetual: linear with a `tick_value`, inverse with a `contract_value` (1.2).

    `contract` is its id, 1 to 256, dense from 1.
    """

    contract: int
    symbol: str
    version: int = 1  # of the specification; another one has another hash (3.2)
    tick_size: str = "1"  # decimal price of one tick, for people
    lot_size: str = "1"  # decimal quantity of one lot, for people
    tick_value: int = 0  # money per tick and lot
    contract_value: int = 0  # of an inverse lot: its worth in money at a price of one tick
    rounding: int = words.ROUNDING_PER_LOT  # of an inverse fill's value; marks are always per lot
    # what an inverse lot rounded per lot must be worth at the highest price (1.2)
    lot_value_min: int = 100_000
    price_ticks_min: int = 1
    price_ticks_max: int = bounds.PRICE_TICKS_MAX
    order_lots_max: int = bounds.LOTS_MAX
    position_lots_max: int = bounds.LOTS_MAX  # of an account
    group_lots_max: int = bounds.LOTS_MAX  # of all accounts of a group together, LOTS_MAX: none
    open_interest_lots_max: int = bounds.LOTS_MAX
    tiers: tuple[Tier, ...]
    # what raises the initial rate of every tier (8.1), and with open interest to 100% (8.6)
    rate_initial_min_ppb: int = 0
    open_interest_scale_low_lots: int = 0
    open_interest_scale_high_lots: int = 0  # 0: none
    fee_taker_ppb: int = 0
    fee_maker_ppb: int = 0  # negative: a rebate (8.8)
    band_static_ppb: int = 100_000_000  # 5.3
    market_range_ppb: int = 20_000_000  # 4.2, how far a market order may go
    stp_none_allowed: bool = False  # 4.7
    # portfolio margin (8.7)
    underlying: int = 0  # contracts of one underlying net, 0: nets with nobody
    basis_ppb: int = 0  # how far the price may move from its underlying's
    concentration_value: int = bounds.CONTRACT_VALUE_MAX  # notional beyond it costs more
    concentration_ppb: int = 0
    # limits of an order (4.9)
    order_lots_min: int = 1
    order_value_min: int = 0
    order_value_max: int = bounds.CONTRACT_VALUE_MAX
    level_orders_max: int = bounds.ORDERS_MAX  # working orders at one price
    # the trading day that ends a day order (4.2)
    day_zone: str = "Asia/Hong_Kong"  # the zone's name, for people
    day_end_ns: int = 16 * 3_600 * bounds.NS_PER_SECOND  # its midnight, after UTC midnight
    # auctions and interruptions (5.2, 5.3)
    opening_auction: bool = False  # the first mark brings one, too, not continuous trading at once
    auction_ns: int = 300 * bounds.NS_PER_SECOND
    auction_indicative_ns: int = bounds.NS_PER_SECOND  # how often price and volume are published
    auction_reference_ticks: int = 0  # before the first trade; 0: none
    auction_extensions_max: int = 1
    band_dynamic_ppb: int = 0  # around the last trade, 0: none
    band_dynamic_value_min: int = 0  # a smaller rest starts no auction
    volatility_auctions_max: int = 0  # so many in the window, and the next is a halt; 0: no limit
    volatility_window_ns: int = 3_600 * bounds.NS_PER_SECOND
    reference_until_ns: int = 0  # until when its reference asset is open to retail here, 0: always
    # the end of a contract (3.2, 5.4)
    freeze_max_ns: int = 7 * bounds.NS_PER_DAY  # it settles when no mark has come for so long
    delisting_samples: int = 30  # index values, one a premium sample, whose mean it settles at
    # index (6.1)
    sources: tuple[PriceSource, ...] = (PriceSource(),)
    sources_healthy_min: int = 1  # of every constituent
    source_stale_ns: int = 60 * bounds.NS_PER_SECOND
    source_outlier_ppb: int = 50_000_000
    source_reentry_ppb: int = 20_000_000
    source_reentry_ns: int = 60 * bounds.NS_PER_SECOND
    source_cap_ppb: int = bounds.PPB  # largest share of one source in a constituent's price
    source_own_cap_ppb: int = bounds.PPB  # and of one of the platform's own
    index_method: int = words.INDEX_MEDIAN
    index_clamp_ppb: int = 20_000_000  # around the median, of prices in a clamped mean
    index_units_ppb: tuple[int, ...] = (bounds.PPB,)  # of each constituent, at first
    # mark (6.2)
    mark_method: int = words.MARK_MEDIAN
    mark_band_ppb: int = 5_000_000  # around the index
    mark_move_ppb: int = 0  # largest move per update, 0: no limit
    mark_basis_samples: int = 10  # window of the moving average, in samples of 7.1
    mark_basis_hold_ns: int = 300 * bounds.NS_PER_SECOND  # how long it stands without a new sample
    mark_basis_ema_ppb: int = 0  # weight of a sample in an exponential average instead; 0: none
    mark_last_value_min: int = 0  # smallest traded value per sample window that makes a last price
    affiliates_priced: bool = False  # whether affiliates' quotes and trades count in prices (C10)
    # funding (7)
    premium_method: int = words.PREMIUM_IMPACT
    premium_cap_ppb: int = bounds.PREMIUM_PPB_MAX  # of one sample
    funding_interval_ns: int = bounds.FUNDING_BASE_NS
    funding_sample_ns: int = 60 * bounds.NS_PER_SECOND
    funding_sample_offset_ns: int = 0
    funding_impact_value: int = 1
    funding_hold_ns: int = 60 * bounds.NS_PER_SECOND  # how long a thin side keeps its last value
    funding_vote_samples: int = 1  # samples whose median is one vote
    funding_weighting: int = words.WEIGHTING_PLAIN
    funding_method: int = words.RATE_CLAMP
    funding_base_ns: int = bounds.FUNDING_BASE_NS  # what interest and premium are a rate of
    funding_interest_ppb: int = 100_000  # per base
    funding_clamp_ppb: int = 500_000
    funding_cap_ppb: int = 3_750_000  # per interval
    funding_cap_margin_ppb: int = 0  # and this share of (initial - maintenance) per base, 0: none
    funding_interval_capped_ns: int = 0  # the interval that follows a capped rate; 0: as ever
    funding_cap_day_ppb: int = bounds.RATE_DAY_PPB_MAX  # on the sum of a UTC day's rates
    funding_late_ns: int = bounds.NS_PER_SECOND
    # liquidation (9)
    margin_call_ppb: int = 1_200_000_000  # notice at this multiple of maintenance (9.2 a)
    liquidation_fee_ppb: int = 0
    liquidation_slippage_ppb: int = 1_000_000
    liquidation_buffer_ppb: int = 200_000_000
    liquidation_whole_lots: int = 0  # a position of at most these lots closes whole
    liquidation_whole_equity_ppb: int = 333_333_333  # so does one with less equity per maintenance
    liquidation_depth_ppb: int = 500_000_000  # share of visible depth that a partial may take
    liquidation_cooldown_ns: int = bounds.NS_PER_SECOND
    takeover_penalty_ppb: int = 0  # 9.4
    fund_value_max: int = 0  # largest notional of the fund's position (9.6)
    fund_share_ppb: int = 0  # and its largest share of open interest
    fund_slice_lots: int = 0  # the fund works its position back by so many lots, 0: not at all
    fund_slice_ns: int = 60 * bounds.NS_PER_SECOND  # every so often
    fund_slice_slippage_ppb: int = 1_000_000  # and no further from the mark


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One margin pool: one settlement asset, one fund, one house layer, its contracts."""

    contracts: tuple[Contract, ...]
    settlement: SettlementAsset = SettlementAsset()  # the pool's cash (10.1)
    collateral: tuple[CollateralAsset, ...] = ()  # beside the settlement asset (10.1)
    fund_cash: int = 0  # paid in at genesis, counts as a deposit
    house_cash: int = 0
    fund_cash_limit: int = 0  # withdrawals stopped by 9.8 resume at both limits
    house_cash_limit: int = 0
    fund_loss_step_max: int = bounds.DEPOSITS_MAX  # 9.6, loss per mark move
    fund_loss_day_max: int = bounds.DEPOSITS_MAX  # and per UTC day
    eligibility_checked: bool = False  # whether clients must be eligible to increase (3.1)
    disclosure_version: int = 0  # that they must have acknowledged
    approvals_required: bool = False  # whether contracts begin as drafts (3.2)
    portfolio_moves_ppb: tuple[int, ...] = ()  # of prices, none: no portfolio margin (8.7)
    portfolio_initial_ppb: int = 1_250_000_000  # initial margin, of the risk in these moves
    portfolio_floor_ppb: int = 200_000_000  # and never below this share of margin by tiers
    deleveraging_mode: int = words.DELEVERAGING_DRAINING  # 9.7
    deleveraging_profit_ns: int = 0  # how long a closed position's profit counts in the queue
    fund_cover_min_ppb: int = 0  # of the stressed loss; with a smaller fund no new risk (9.6)
    liquidation_steps_max: int = 16  # per command (2.5)
    triggers_max: int = 64  # fired orders that a command works off (2.5)
    orders_account_max: int = bounds.ORDERS_MAX  # working orders of one account (4.9)
    messages_max: int = 0  # commands of one account in a window of command time, 0: no limit (4.9)
    messages_window_ns: int = bounds.NS_PER_SECOND
    stamp_ahead_ns_max: int = 60 * bounds.NS_PER_SECOND  # 2.2, clients and price sources
    jump_ns_max: int = 7 * bounds.NS_PER_DAY  # 2.2, operators


def _check_tiers(where: str, spec: Contract) -> list[str]:
    problems = []
    if not 1 <= len(spec.tiers) <= bounds.TIERS_MAX or spec.tiers[0].floor_value != 0:
        return [f"{where}: tiers: 1 to {bounds.TIERS_MAX} are needed, the first from value 0"]
    for k, tier in enumerate(spec.tiers):
        if not 0 < tier.rate_maintenance_ppb < tier.rate_initial_ppb <= bounds.RATE_PPB_MAX:
            problems.append(f"{where}: tiers[{k}]: 0 < maintenance < initial <= 100% must hold")
        if k == 0:
            continue
        last = spec.tiers[k - 1]
        if not last.floor_value < tier.floor_value <= bounds.CONTRACT_VALUE_MAX:
            problems.append(f"{where}: tiers[{k}]: floors must rise")
        for name in ("rate_initial_ppb", "rate_maintenance_ppb"):
            rise = getattr(tier, name) - getattr(last, name)
            if rise < 0:
                problems.append(f"{where}: tiers[{k}]: {name} must not fall")
            # a whole deduction keeps the bracket sum exact with one division (8.1)
            if tier.floor_value * rise % bounds.PPB:
                problems.append(f"{where}: tiers[{k}]: floor x rise of {name} is not whole money")
    return problems


def _check_sources(where: str, spec: Contract) -> list[str]:
    problems: list[str] = []
    assets = len(spec.index_units_ppb)
    if not 1 <= len(spec.sources) <= bounds.SOURCES_MAX:
        problems.append(f"{where}: sources: 1 to {bounds.SOURCES_MAX} are needed")
    if not 1 <= assets <= bounds.ASSETS_MAX:
        problems.append(f"{where}: index_units_ppb: 1 to {bounds.ASSETS_MAX} are needed")
    if any(not 1 <= units <= bounds.UNITS_PPB_MAX for units in spec.index_units_ppb):
        problems.append(f"{where}: index_units_ppb must lie between 1 and 2**38")
    for k, source in enumerate(spec.sources):
        label = f"{where}: sources[{k}]"
        note_outside(problems, label, source, 1, bounds.SOURCE_WEIGHT_MAX, "weight")
        note_outside(problems, label, source, 0, words.SOURCE_PERPETUAL, "kind")
        note_outside(problems, label, source, 0, max(assets - 1, 0), "asset")
    least = min(
        sum(s.asset == asset and s.kind != words.SOURCE_PERPETUAL for s in spec.sources)
        for asset in range(max(assets, 1))
    )
    note_outside(problems, where, spec, 1, max(least, 1), "sources_healthy_min")
    if least == 0:
        problems.append(f"{where}: sources: a constituent of the index has none")
    note_outside(problems, where, spec, 1, bounds.PPB, "source_cap_ppb", "source_own_cap_ppb")
    for asset in range(assets):
        caps_ppb = sum(cap_of_source(spec, s) for s in spec.sources if s.asset == asset)
        if 0 < caps_ppb < bounds.PPB:
            problems.append(f"{where}: the caps of all sources of asset {asset} are below 100%")
    note_outside(problems, where, spec, 0, words.INDEX_CLAMPED_MEAN, "index_method")
    note_outside(problems, where, spec, 0, bounds.PPB, "index_clamp_ppb")
    return problems


def _check_funding(where: str, spec: Contract) -> list[str]:
    problems: list[str] = []

    def between(low: int, high: int, *names: str) -> None:
        note_outside(problems, where, spec, low, high, *names)

    between(bounds.NS_PER_SECOND, bounds.NS_PER_DAY, "funding_sample_ns", "funding_base_ns")
    between(bounds.NS_PER_SECOND, bounds.NS_PER_DAY, "funding_interval_ns")  # 3.4
    between(0, bounds.NS_PER_DAY, "funding_hold_ns", "funding_late_ns", "funding_sample_offset_ns")
    between(-bounds.RATE_PPB_MAX, bounds.RATE_PPB_MAX, "funding_interest_ppb")
    between(0, bounds.RATE_PPB_MAX, "funding_clamp_ppb", "funding_cap_ppb")
    between(0, bounds.CAP_MARGIN_PPB_MAX, "funding_cap_margin_ppb")
    between(0, bounds.RATE_DAY_PPB_MAX, "funding_cap_day_ppb")
    between(1, bounds.CONTRACT_VALUE_MAX, "funding_impact_value")
    between(0, words.PREMIUM_MID, "premium_method")
    between(1, bounds.PREMIUM_PPB_MAX, "premium_cap_ppb")
    between(1, bounds.VOTE_SAMPLES_MAX, "funding_vote_samples")
    between(0, words.WEIGHTING_RISING, "funding_weighting")
    between(0, words.RATE_SUM, "funding_method")
    capped_ns = spec.funding_interval_capped_ns
    if capped_ns != 0:
        between(bounds.NS_PER_SECOND, spec.funding_interval_ns, "funding_interval_capped_ns")
    votes = spec.funding_interval_ns // max(spec.funding_sample_ns, 1) + 1
    weights = votes * (votes + 1) // 2 if spec.funding_weighting else votes
    if spec.premium_cap_ppb * weights > bounds.PREMIUM_SUM_MAX:
        problems.append(f"{where}: premium_cap_ppb x the weights of an interval passes 2**61 (1.3)")
    return problems


def _check_values(where: str, spec: Contract) -> list[str]:
    """What a lot is worth, in marks and in fills (1.2, 1.3)."""
    problems: list[str] = []
    note_outside(problems, where, spec, 0, words.ROUNDING_PER_FILL, "rounding")
    if (spec.tick_value == 0) == (spec.contract_value == 0):
        problems.append(f"{where}: exactly one of tick_value and contract_value must be set (1.2)")
    if spec.contract_value != 0 and size_of_lot(spec, spec.price_ticks_max) < 1:
        problems.append(f"{where}: a lot is worth nothing at the highest price")
    if spec.contract_value == 0 and spec.rounding != words.ROUNDING_PER_LOT:
        problems.append(f"{where}: linear values are exact: rounding is of inverse contracts (1.2)")
    lot_value = largest_size_of(spec)
    if lot_value > bounds.LOT_VALUE_MAX:
        problems.append(f"{where}: one lot can be worth more than 2**44")
    if lot_value * spec.open_interest_lots_max > bounds.CONTRACT_VALUE_MAX:
        problems.append(f"{where}: the open interest at its dearest passes 2**52 (1.3)")
    return problems


def check_contract(spec: Contract) -> list[str]:
    """Why this specification can't be listed; empty when it can."""
    where = f"contract {spec.contract}"
    problems = _check_tiers(where, spec)

    def between(low: int, high: int, *names: str) -> None:
        note_outside(problems, where, spec, low, high, *names)

    between(1, bounds.CONTRACTS_MAX, "contract")
    between(0, bounds.TICK_VALUE_MAX, "tick_value")
    between(0, bounds.LOT_FACE_VALUE_MAX, "contract_value", "lot_value_min")
    between(1, bounds.PRICE_TICKS_MAX, "price_ticks_max")
    between(1, spec.price_ticks_max, "price_ticks_min")
    names = ("rate_initial_min_ppb", "basis_ppb", "concentration_ppb", "fund_slice_slippage_ppb")
    between(0, bounds.PPB, *names, "mark_basis_ema_ppb")
    between(0, bounds.CONTRACT_VALUE_MAX, "concentration_value")
    between(0, bounds.LOTS_MAX, "open_interest_scale_low_lots", "open_interest_scale_high_lots")
    between(1, bounds.LOTS_MAX, "order_lots_max", "position_lots_max", "open_interest_lots_max")
    between(1, spec.position_lots_max, "order_lots_max")
    between(1, spec.order_lots_max, "order_lots_min")
    between(0, bounds.CONTRACT_VALUE_MAX, "order_value_min", "order_value_max")
    between(1, bounds.ORDERS_MAX, "level_orders_max")
    between(0, bounds.NS_PER_DAY - 1, "day_end_ns")
    between(0, bounds.TIME_NS_MAX, "reference_until_ns")
    between(0, 2**31 - 1, "underlying", "version")
    between(bounds.NS_PER_SECOND, bounds.NS_PER_DAY, "auction_ns", "auction_indicative_ns")
    if spec.auction_reference_ticks != 0:
        between(spec.price_ticks_min, spec.price_ticks_max, "auction_reference_ticks")
    between(0, bounds.AUCTION_EXTENSIONS_MAX, "auction_extensions_max")
    between(0, bounds.BAND_PPB_MAX, "band_dynamic_ppb")
    between(0, bounds.CONTRACT_VALUE_MAX, "band_dynamic_value_min")
    between(0, bounds.VOLATILITY_AUCTIONS_MAX, "volatility_auctions_max")
    between(bounds.NS_PER_SECOND, 7 * bounds.NS_PER_DAY, "volatility_window_ns")
    between(bounds.NS_PER_SECOND, 366 * bounds.NS_PER_DAY, "freeze_max_ns")
    between(1, bounds.DELISTING_SAMPLES_MAX, "delisting_samples")
    between(1, spec.open_interest_lots_max, "position_lots_max")
    between(1, bounds.LOTS_MAX, "group_lots_max")
    between(0, bounds.RATE_PPB_MAX, "fee_taker_ppb", "liquidation_fee_ppb", "takeover_penalty_ppb")
    between(-bounds.RATE_PPB_MAX, bounds.RATE_PPB_MAX, "fee_maker_ppb")
    between(0, bounds.BAND_STATIC_PPB_MAX, "band_static_ppb")
    between(0, bounds.BAND_PPB_MAX, "market_range_ppb", "source_outlier_ppb")
    between(0, bounds.BAND_PPB_MAX, "source_reentry_ppb", "mark_move_ppb", "mark_band_ppb")
    between(bounds.PPB, bounds.MARGIN_MULTIPLE_PPB_MAX, "margin_call_ppb")
    between(0, bounds.RATE_PPB_MAX, "liquidation_slippage_ppb", "liquidation_depth_ppb")
    between(0, bounds.RATE_PPB_MAX, "liquidation_whole_equity_ppb", "fund_share_ppb")
    between(0, bounds.MARGIN_MULTIPLE_PPB_MAX - bounds.PPB, "liquidation_buffer_ppb")
    between(0, bounds.LOTS_MAX, "liquidation_whole_lots", "fund_slice_lots")
    between(0, bounds.DEPOSITS_MAX, "mark_last_value_min", "fund_value_max")
    between(bounds.NS_PER_SECOND, bounds.NS_PER_DAY, "fund_slice_ns")
    between(1, bounds.BASIS_SAMPLES_MAX, "mark_basis_samples")
    between(bounds.NS_PER_SECOND, bounds.NS_PER_DAY, "source_stale_ns")
    between(0, bounds.NS_PER_DAY, "source_reentry_ns", "liquidation_cooldown_ns")
    between(0, words.MARK_EXTERNAL, "mark_method")
    between(0, bounds.NS_PER_DAY, "mark_basis_hold_ns")
    problems += _check_sources(where, spec) + _check_funding(where, spec)
    problems += _check_values(where, spec)
    low_lots, high_lots = spec.open_interest_scale_low_lots, spec.open_interest_scale_high_lots
    if low_lots >= high_lots and (low_lots, high_lots) != (0, 0):
        problems.append(f"{where}: open_interest_scale_low_lots is not below the high bound (8.6)")
    if -spec.fee_maker_ppb > spec.fee_taker_ppb:
        problems.append(f"{where}: a rebate exceeds the taker rate (8.8)")
    return problems


def find_lowest_maintenance(spec: Contract, config: Config | None) -> int:
    """The least share of its value that a position in the contract can have as maintenance: by
    tiers, and in a pool that nets what no netting takes away, basis or floor (8.7)."""
    lowest_ppb = min(tier.rate_maintenance_ppb for tier in spec.tiers)
    if config is None or not config.portfolio_moves_ppb:
        return lowest_ppb
    floor_ppb = lowest_ppb * config.portfolio_floor_ppb // bounds.PPB
    return min(lowest_ppb, max(spec.basis_ppb, floor_ppb))


def unit_of_lot_ppb(spec: Contract) -> int:
    """What one unit is of an inverse lot where it is worth least, rounded up: the most that two
    roundings per lot can be off; 0 of a linear contract."""
    if spec.contract_value == 0:
        return 0
    return -(-bounds.PPB // max(size_of_lot(spec, spec.price_ticks_max), 1))


def _check_lot_value(where: str, spec: Contract, lowest_ppb: int) -> list[str]:
    """Whether an inverse lot is worth enough where it is worth least (1.2).

    Rounded per fill it may be worth fewer units; but what goes by marks is rounded per lot. So a
    unit must be small beside whatever it adds to: the band, because a position is margined at one
    mark and valued at the next; the clamp, which takes up what half a unit does to a premium; the
    slippage of a lot, which is rounded up.
    """
    if spec.contract_value == 0:
        return []
    if spec.rounding == words.ROUNDING_PER_LOT:
        if size_of_lot(spec, spec.price_ticks_max) >= spec.lot_value_min:
            return []
        return [f"{where}: a lot at the highest price is worth less than lot_value_min (1.2)"]
    unit_ppb = unit_of_lot_ppb(spec)
    slippage_ppb = spec.liquidation_slippage_ppb + spec.fee_taker_ppb
    is_small = {
        "mark_band_ppb + a unit of a lot at the highest price is not below the lowest maintenance"
        " rate (1.2)": spec.mark_band_ppb + unit_ppb < lowest_ppb,
        "half a unit of a lot at the highest price is above funding_clamp_ppb (1.2, 7.2)": (
            unit_ppb <= 2 * spec.funding_clamp_ppb
        ),
        "a unit of a lot at the highest price is above slippage and fee of a lot (1.2, 9.2)": (
            slippage_ppb == 0 or unit_ppb <= slippage_ppb
        ),
    }
    return [f"{where}: {fault}" for fault, holds in is_small.items() if not holds]


def check_approval(spec: Contract, config: Config | None = None) -> list[str]:
    """Why this specification can't be approved for trading, beyond what listing asks (3.2); in the
    pool of a configuration, or by itself.

    A draft or a preset of another venue may fail it: it is a report, and listing does not ask it.
    With the first no mark within its band can bring a position that was margined at the index from
    maintenance below zero (6.2), with the second no single funding interval can (7.2).
    """
    where = f"contract {spec.contract}"
    lowest_ppb = find_lowest_maintenance(spec, config)
    problems = []
    if spec.mark_band_ppb >= lowest_ppb:
        problems.append(f"{where}: mark_band_ppb is not below the lowest maintenance rate (6.2)")
    problems += _check_lot_value(where, spec, lowest_ppb)
    # What an interval carries over to the next is less than a unit a lot (7.3).
    cap_ppb = cap_of_interval(spec, spec.funding_interval_ns) + unit_of_lot_ppb(spec)
    if cap_ppb + spec.liquidation_fee_ppb > lowest_ppb:
        problems.append(
            f"{where}: the cap of an interval + liquidation_fee_ppb is above the lowest"
            " maintenance rate (7.2)"
        )
    return problems


def hash_of_contract(spec: Contract) -> tuple[int, int, int, int]:
    """SHA-256 of a specification with every field of it (`LISTING.md`), as four signed 64-bit
    numbers: what an approval names (3.2)."""
    fields = msgspec.to_builtins(spec)
    if spec.rounding == words.ROUNDING_PER_LOT:
        del fields["rounding"]  # younger than the first approvals, which hold
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(f"lionrock contract 1\n{text}".encode()).digest()
    first, second, third, fourth = struct.unpack(">4q", digest)
    return first, second, third, fourth


def find_worst_rate(config: Config, spec: Contract) -> int:
    """What a unit of notional can add to the risk of a portfolio, in ppb, rounded up (8.7)."""
    moves = [
        -(-abs(move) * bounds.PPB // (bounds.PPB + move)) if spec.contract_value else abs(move)
        for move in config.portfolio_moves_ppb
    ]
    return max(moves) + spec.basis_ppb + spec.concentration_ppb


def check_portfolio(config: Config) -> list[str]:
    """Why these moves can't be a grid of portfolio margin; without moves there is none."""
    problems: list[str] = []
    moves = config.portfolio_moves_ppb
    initial_ppb_max = bounds.PORTFOLIO_INITIAL_PPB_MAX
    note_outside(problems, "config", config, bounds.PPB, initial_ppb_max, "portfolio_initial_ppb")
    note_outside(problems, "config", config, 1, bounds.PPB, "portfolio_floor_ppb")
    if len(moves) > bounds.PORTFOLIO_MOVES_MAX:
        problems.append(f"config: portfolio_moves_ppb has {len(moves)} moves, at most 16 may be")
    if not all(-bounds.PPB < move <= bounds.PPB and move != 0 for move in moves):
        problems.append("config: portfolio_moves_ppb: a move lies between -100% and 100%, not 0")
    elif moves and min(moves) * max(moves) > 0:
        problems.append("config: portfolio_moves_ppb: moves must go both ways, or one side is free")
    elif moves:
        for spec in config.contracts:
            if find_worst_rate(config, spec) >= bounds.PPB:
                problems.append(
                    f"contract {spec.contract}: a portfolio could need all of its value (8.7)"
                )
    return problems


def size_of_lot(spec: Contract, price_ticks: int) -> int:
    """What a lot is worth at a price, its size: exact, of an inverse one half to even (1.2).

    A price that can't be one, of a specification that can't be listed, counts as a tick.
    """
    if spec.contract_value == 0:
        return price_ticks * spec.tick_value
    price_ticks = max(price_ticks, 1)
    whole, rest = divmod(spec.contract_value, price_ticks)
    return whole + (2 * rest + whole % 2 > price_ticks)


def value_of_lot(spec: Contract, price_ticks: int) -> int:
    """V(p): the size, of an inverse lot below zero, so that it rises with the price (1.2)."""
    size = size_of_lot(spec, price_ticks)
    return size if spec.contract_value == 0 else -size


def largest_size_of(spec: Contract) -> int:
    """What a lot can cost in a fill where it is worth most: of an inverse one that is the lowest
    price, and rounded per fill lots may cost up to a unit each more than their marks."""
    if spec.contract_value == 0:
        return size_of_lot(spec, spec.price_ticks_max)
    more = 1 if spec.rounding == words.ROUNDING_PER_FILL else 0
    return size_of_lot(spec, spec.price_ticks_min) + more


def cap_of_interval(spec: Contract, length_ns: int) -> int:
    """The highest rate of an interval: the number, or the share of margin if that is lower."""
    if spec.funding_cap_margin_ppb == 0:
        return spec.funding_cap_ppb
    tier = spec.tiers[0]
    margin_ppb = tier.rate_initial_ppb - tier.rate_maintenance_ppb
    base_ppb = margin_ppb * spec.funding_cap_margin_ppb // bounds.PPB
    return min(spec.funding_cap_ppb, base_ppb * length_ns // spec.funding_base_ns)


def check_config(config: Config) -> list[str]:
    """Why no exchange can be opened with this configuration; empty when one can."""
    problems = check_collateral(config.collateral)
    problems += check_settlement(config.settlement, config.collateral)
    if [spec.contract for spec in config.contracts] != list(range(1, len(config.contracts) + 1)):
        problems.append("contracts: ids must be 1, 2, 3, ... in order")
    if len({spec.symbol for spec in config.contracts}) != len(config.contracts):
        problems.append("contracts: symbols must differ")
    for spec in config.contracts:
        problems += check_contract(spec)
        if spec.contract_value != 0 and config.settlement.kind != words.ASSET_COIN:
            problems.append(
                f"contract {spec.contract}: an inverse contract is listed only where a permitted"
                " coin settles (1.2, 10.1)"
            )
    value = sum(
        largest_size_of(spec) * spec.open_interest_lots_max for spec in config.contracts
    )
    if value > bounds.POOL_VALUE_MAX:
        problems.append("contracts: the open interest of all at its dearest passes 2**58")
    note_outside(problems, "config", config, 0, words.DELEVERAGING_PRO_RATA, "deleveraging_mode")
    note_outside(problems, "config", config, 0, bounds.NS_PER_DAY, "deleveraging_profit_ns")
    note_outside(problems, "config", config, 0, 1_000 * bounds.PPB, "fund_cover_min_ppb")
    names = ("fund_cash", "house_cash", "fund_cash_limit", "house_cash_limit")
    note_outside(problems, "config", config, 0, bounds.DEPOSITS_MAX, *names)
    note_outside(problems, "config", config, 0, bounds.DEPOSITS_MAX, "fund_loss_step_max")
    note_outside(problems, "config", config, 0, bounds.DEPOSITS_MAX, "fund_loss_day_max")
    if config.fund_cash + config.house_cash > bounds.DEPOSITS_MAX:
        problems.append("config: fund_cash + house_cash passes the bound of all deposits")
    note_outside(problems, "config", config, 1, 2**16, "liquidation_steps_max", "triggers_max")
    note_outside(problems, "config", config, 1, bounds.ORDERS_MAX, "orders_account_max")
    note_outside(problems, "config", config, 0, 2**31 - 1, "messages_max", "disclosure_version")
    note_outside(problems, "config", config, 1, bounds.NS_PER_DAY, "messages_window_ns")
    problems += check_portfolio(config)
    note_outside(problems, "config", config, 0, bounds.NS_PER_DAY, "stamp_ahead_ns_max")
    note_outside(problems, "config", config, 0, 366 * bounds.NS_PER_DAY, "jump_ns_max")
    return problems
