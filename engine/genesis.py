"""Sequence zero: the configuration written into an empty arena."""

import numpy as np

from engine.schema.bounds import (
    ASSETS_MAX,
    COLLATERAL_HAIRCUTS_MAX,
    CONTRACT_VALUE_MAX,
    LOTS_MAX,
    ORDERS_MAX,
    PPB,
    SOURCES_MAX,
    TIERS_MAX,
)
from engine.schema.collateral import KINDS, CollateralAsset, kinds_of
from engine.schema.contract import (
    Config,
    Contract,
    cap_of_source,
    check_approval,
    find_worst_rate,
    hash_of_contract,
)
from engine.schema.vocabulary import FUND, KIND_FUND, STATE_DRAFT
from engine.state import layout
from engine.state.arena import Arena

FUND_GROUP = -1  # no client's group: self-trade prevention never meets the fund


def write_genesis(arena: Arena, config: Config) -> None:
    """Contracts, ledgers and the fund's account; everything else stays empty."""
    arena.engine["contracts"] = len(config.contracts)
    arena.engine["accounts_top"] = FUND
    pool = arena.pool[0]
    for name in layout.POOL.names or ():
        if name in config.__struct_fields__:
            pool[name] = getattr(config, name)
    barred = set(KINDS) - set(kinds_of(config.settlement))
    pool["settlement_barred"] = sum(1 << kind for kind in barred)
    pool["settlement_licensed_until_ns"] = config.settlement.licensed_until_ns
    pool["house"] = config.house_cash
    pool["margin_call_ppb_max"] = max((c.margin_call_ppb for c in config.contracts), default=0)
    pool["cash_total"] = config.fund_cash
    pool["deposits_net"] = config.fund_cash + config.house_cash
    fund = arena.records("accounts", FUND + 1)[FUND]
    fund["cash"] = config.fund_cash
    fund["group"] = FUND_GROUP
    arena.records("account_extras", FUND + 1)[FUND]["kind"] = KIND_FUND
    for spec in config.contracts:
        _write_contract(arena, spec)
    _write_listing(arena, config)
    _write_portfolio(arena, config)
    _write_references(arena, config)
    arena.engine["collaterals"] = len(config.collateral)
    for number, asset in enumerate(config.collateral, start=1):
        _write_collateral(arena, number, asset)


def _write_listing(arena: Arena, config: Config) -> None:
    """The hash of each specification; where approvals are required contracts begin as drafts, else
    frozen, as zero bytes say (3.2)."""
    for spec in config.contracts:
        terms = arena.records("contracts", spec.contract + 1)[spec.contract]
        for k, word in enumerate(hash_of_contract(spec), start=1):
            terms[f"hash_{k}"] = word
        terms["unfit"] = bool(check_approval(spec, config))
        if config.approvals_required:
            terms["state"] = STATE_DRAFT


def _write_portfolio(arena: Arena, config: Config) -> None:
    """The moves of the scenario grid; contracts of one underlying share a group (8.7)."""
    moves = config.portfolio_moves_ppb
    arena.pool["portfolio_moves"] = len(moves)
    if not moves:
        return
    arena.records("portfolio_moves", len(moves))["value"] = moves
    first: dict[int, int] = {}
    for spec in config.contracts:
        terms = arena.records("contracts", spec.contract + 1)[spec.contract]
        group = spec.contract - 1
        if spec.underlying:
            group = first.setdefault(spec.underlying, group)
        terms["portfolio_group"] = group
        terms["portfolio_rate_ppb"] = find_worst_rate(config, spec)


def _write_references(arena: Arena, config: Config) -> None:
    """Where the pool asks until when reference assets are open to retail, the first of these times
    is the first due work; elsewhere no contract has one (3.3)."""
    terms = arena.records("contracts", len(config.contracts) + 1)
    if not config.eligibility_checked:
        terms["reference_until_ns"] = 0
    until = terms["reference_until_ns"]
    if until.any():
        arena.engine["due_ns"] = until[until > 0].min()


def _write_collateral(arena: Arena, number: int, asset: CollateralAsset) -> None:
    """One asset of the registry; the end of its licence is due work (10.1, 10.3)."""
    row = arena.records("collaterals", number + 1)[number]
    for name in layout.COLLATERAL.names or ():
        if name in asset.__struct_fields__ and name not in ("haircuts", "account_kinds"):
            row[name] = getattr(asset, name)
    row["account_kinds"] = sum(1 << kind for kind in set(asset.account_kinds))
    row["haircuts"] = len(asset.haircuts)
    until_ns = asset.licensed_until_ns
    row["licence_next_ns"] = until_ns
    due_ns = int(arena.engine["due_ns"][0])
    if until_ns > 0 and (due_ns == 0 or until_ns < due_ns):
        arena.engine["due_ns"] = until_ns
    first = number * COLLATERAL_HAIRCUTS_MAX
    haircuts = arena.records("haircuts", first + len(asset.haircuts))
    for k, step in enumerate(asset.haircuts):
        haircuts[first + k] = step.floor_value, step.haircut_ppb


def _write_contract(arena: Arena, spec: Contract) -> None:
    terms = arena.records("contracts", spec.contract + 1)[spec.contract]
    for name in layout.CONTRACT.names or ():
        if name in spec.__struct_fields__ and name not in ("tiers", "contract", "sources"):
            terms[name] = getattr(spec, name)
    terms["tiers"] = len(spec.tiers)
    terms["rate_maintenance_max_ppb"] = spec.tiers[-1].rate_maintenance_ppb
    terms["sources"] = len(spec.sources)
    terms["limits"] = _find_limits(spec)
    terms["fee_worst_ppb"] = max(spec.fee_taker_ppb, spec.fee_maker_ppb, 0)
    first = spec.contract * SOURCES_MAX
    sources = arena.records("sources", first + SOURCES_MAX)[first:]
    for row, source in zip(sources, spec.sources, strict=False):
        row["weight"], row["kind"], row["asset"] = source.weight, source.kind, source.asset
        row["cap_ppb"] = cap_of_source(spec, source)
    terms["assets"] = len(spec.index_units_ppb)
    terms["divisor_ppb"] = PPB
    assets = arena.records("assets", (spec.contract + 1) * ASSETS_MAX)
    assets["units_ppb"][spec.contract * ASSETS_MAX :][: len(spec.index_units_ppb)] = (
        spec.index_units_ppb
    )
    windows = arena.records("windows", (spec.contract + 1) * layout.WINDOWS)
    windows["values_max"][-layout.WINDOWS :] = (
        spec.mark_basis_samples,
        spec.delisting_samples,
        spec.funding_vote_samples,
    )
    _write_tiers(arena.records("tiers", (spec.contract + 1) * TIERS_MAX), spec)


def _find_limits(spec: Contract) -> int:
    """The bits of the limits that can ever refuse an order of this contract."""
    limits = 0
    if spec.order_value_min > 0 or spec.order_value_max < CONTRACT_VALUE_MAX:
        limits |= layout.LIMITS_VALUE
    if spec.group_lots_max < LOTS_MAX:
        limits |= layout.LIMITS_GROUP
    if spec.level_orders_max < ORDERS_MAX:
        limits |= layout.LIMITS_LEVEL
    if spec.rate_initial_min_ppb > 0 or spec.open_interest_scale_high_lots > 0:
        limits |= layout.LIMITS_RATE
    return limits


def _write_tiers(rows: "np.ndarray", spec: Contract) -> None:
    """Each tier with its deductions: what keeps N x rate - deduction continuous at its floor."""
    deductions = {"initial": 0, "maintenance": 0}
    for k, tier in enumerate(spec.tiers):
        row = rows[spec.contract * TIERS_MAX + k]
        row["floor_value"] = tier.floor_value
        for which in deductions:
            name = f"rate_{which}_ppb"
            if k > 0:
                rise = getattr(tier, name) - getattr(spec.tiers[k - 1], name)
                deductions[which] += tier.floor_value * rise // PPB  # whole: checked at listing
            row[name] = getattr(tier, name)
            row[f"deduction_{which}"] = deductions[which]
