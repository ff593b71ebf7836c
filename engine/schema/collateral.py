"""The registry of assets: the pool's cash, and what may stand behind an account beside it
(10.1-10.5)."""

from functools import partial

import msgspec

from engine.schema import bounds
from engine.schema import vocabulary as words
from engine.schema.ranges import note_outside

HAIRCUT_COIN_PPB_MIN = 600_000_000  # 10.3, the floor for virtual assets
KINDS = (words.KIND_CLIENT, words.KIND_LIQUIDITY_PROVIDER, words.KIND_AFFILIATE)


class Haircut(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From this value of an account's holding on, so much of a slice does not count."""

    floor_value: int
    haircut_ppb: int


class CollateralAsset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One asset: what it is, whose, how it is priced, and how much of it counts.

    Prices are settlement units x 10^9 per unit of the asset.
    """

    symbol: str
    kind: int
    issuer: int = 0  # 0: none
    licence: str = ""  # the register's number, for people
    licensed_until_ns: int = 0  # 0: needs none
    par_ppb: int = 0  # the price at par, 0: not pegged
    haircuts: tuple[Haircut, ...]
    discount_ppb: int = 0  # of a conversion (10.4)
    account_value_max: int = 2**50
    asset_value_max: int = 2**50
    issuer_value_max: int = 2**50
    depeg_ppb: int = 0  # below par by more: impaired; 0: not asked
    impaired_haircut_ppb: int = 100_000_000  # the first step, and each one after it
    impaired_step_ns: int = 3_600 * bounds.NS_PER_SECOND
    stress_ppb: int = bounds.PPB  # of a coin's value that fund and house must be able to lose (9.8)
    sources: int = 1
    sources_min: int = 1
    stale_ns: int = 60 * bounds.NS_PER_SECOND
    redemption_lag_ns: int = 0  # disclosed (10.1)
    account_kinds: tuple[int, ...] = KINDS


class SettlementAsset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The pool's cash: what it is, whose, and who may have an account in it.

    `account_kinds` is its row of the matrix asset x client class; empty it is the default: fiat and
    licensed stablecoins are open to every kind, a coin to none.
    """

    symbol: str = ""
    kind: int = words.ASSET_FIAT
    decimals: int = 6  # the smallest unit is 10^-decimals, for people
    issuer: int = 0  # 0: none
    licence: str = ""  # the register's number, for people
    licensed_until_ns: int = 0  # of a stablecoin alone
    account_kinds: tuple[int, ...] = ()


def kinds_of(asset: SettlementAsset) -> tuple[int, ...]:
    """The kinds of account that may be settled in the asset (10.1)."""
    return asset.account_kinds or (() if asset.kind == words.ASSET_COIN else KINDS)


def _check_haircuts(where: str, asset: CollateralAsset) -> list[str]:
    steps = asset.haircuts
    if not 1 <= len(steps) <= bounds.COLLATERAL_HAIRCUTS_MAX or steps[0].floor_value != 0:
        return [f"{where}: haircuts: 1 to 4 are needed, the first from value 0"]
    problems = []
    least = HAIRCUT_COIN_PPB_MIN if asset.kind == words.ASSET_COIN else 0
    for k, step in enumerate(steps):
        if not least <= step.haircut_ppb <= bounds.PPB:
            problems.append(f"{where}: haircuts[{k}]: not between {least} and 100% (10.3)")
        if k > 0 and not steps[k - 1].floor_value < step.floor_value <= bounds.COLLATERAL_VALUE_MAX:
            problems.append(f"{where}: haircuts[{k}]: floors must rise")
        if k > 0 and step.haircut_ppb < steps[k - 1].haircut_ppb:
            problems.append(f"{where}: haircuts[{k}]: a larger holding can't have a smaller one")
    if not 0 <= asset.discount_ppb <= steps[0].haircut_ppb:
        problems.append(f"{where}: discount_ppb is above the first haircut (10.4)")
    return problems


def _check_asset(where: str, asset: CollateralAsset) -> list[str]:
    problems = _check_haircuts(where, asset)
    between = partial(note_outside, problems, where, asset)
    is_stablecoin = asset.kind == words.ASSET_STABLECOIN
    pegged = (0, 0) if asset.kind == words.ASSET_COIN else (1, bounds.COLLATERAL_PRICE_PPB_MAX)
    between(words.ASSET_FIAT, words.ASSET_COIN, "kind")
    between(1 if is_stablecoin else 0, 2**31 - 1, "issuer")
    between(1 if is_stablecoin else 0, bounds.TIME_NS_MAX, "licensed_until_ns")
    between(*pegged, "par_ppb")
    caps = ("account_value_max", "asset_value_max", "issuer_value_max")
    between(0, bounds.COLLATERAL_VALUE_MAX, *caps)
    between(0, bounds.PPB, "depeg_ppb", "stress_ppb")
    between(bounds.PPB // 1_000, bounds.PPB, "impaired_haircut_ppb")  # a thousand rises at most
    between(bounds.NS_PER_SECOND, bounds.NS_PER_DAY, "impaired_step_ns", "stale_ns")
    between(1, bounds.COLLATERAL_SOURCES_MAX, "sources")
    between(1, asset.sources, "sources_min")
    between(0, 366 * bounds.NS_PER_DAY, "redemption_lag_ns")
    if not asset.account_kinds or not set(asset.account_kinds) <= set(KINDS):
        problems.append(f"{where}: account_kinds must name clients, providers or affiliates")
    return problems


def check_collateral(assets: tuple[CollateralAsset, ...]) -> list[str]:
    """Why no pool can take these assets; empty when one can."""
    if len(assets) > bounds.COLLATERAL_MAX:
        return [f"collateral: at most {bounds.COLLATERAL_MAX} assets"]
    problems = []
    if len({asset.symbol for asset in assets}) != len(assets):
        problems.append("collateral: symbols must differ")
    caps: dict[int, int] = {}
    for k, asset in enumerate(assets, start=1):
        problems += _check_asset(f"collateral {k}", asset)
        cap = caps.setdefault(asset.issuer, asset.issuer_value_max)
        if asset.issuer > 0 and cap != asset.issuer_value_max:
            problems.append(f"collateral {k}: another issuer_value_max for the same issuer")
    return problems


def check_settlement(asset: SettlementAsset, beside: tuple[CollateralAsset, ...]) -> list[str]:
    """Why no pool can be settled in this asset, with those beside it; empty when one can."""
    problems: list[str] = []
    between = partial(note_outside, problems, "settlement", asset)
    is_stablecoin = asset.kind == words.ASSET_STABLECOIN
    between(words.ASSET_FIAT, words.ASSET_COIN, "kind")
    between(0, bounds.DECIMALS_MAX, "decimals")
    between(1 if is_stablecoin else 0, 2**31 - 1, "issuer")
    between(*((1, bounds.TIME_NS_MAX) if is_stablecoin else (0, 0)), "licensed_until_ns")
    if is_stablecoin and not asset.licence:
        problems.append("settlement: a stablecoin needs the number of its licence (10.1)")
    if not set(asset.account_kinds) <= set(KINDS):
        problems.append("settlement: account_kinds must name clients, providers or affiliates")
    if not kinds_of(asset):
        problems.append("settlement: a coin must name the account_kinds it is permitted to (10.1)")
    if asset.symbol in {other.symbol for other in beside}:
        problems.append("settlement: the same symbol as an asset beside it")
    return problems
