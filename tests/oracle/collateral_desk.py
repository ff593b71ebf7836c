"""A desk for stories about collateral: assets at 1, and what is said, brought and taken of them."""

from typing import Any

from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.collateral import CollateralAsset, Haircut, check_collateral
from tests.oracle.desk import DAY, START, A, B, C, D, Desk, contract

SECOND = 10**9
FAR = START + 5 * DAY
PRICED, IMPAIRED = events.COLLATERAL_PRICED, events.COLLATERAL_IMPAIRED
SET, CONVERTED = events.COLLATERAL_SET, events.COLLATERAL_CONVERTED
DEPOSITED, RESERVED = events.COLLATERAL_DEPOSITED, events.COLLATERAL_RESERVED


def steps(*percents: int, floors: tuple[int, ...] = (0,)) -> tuple[Haircut, ...]:
    pairs = zip(floors, percents, strict=True)
    return tuple(Haircut(floor_value=v, haircut_ppb=rate * PPB // 100) for v, rate in pairs)


def asset(symbol: str = "X", **changes) -> CollateralAsset:
    """A currency far below its par, without a haircut."""
    values: dict[str, Any] = {
        "symbol": symbol,
        "kind": words.ASSET_FIAT,
        "par_ppb": 2**45,
        "haircuts": steps(0),
        "stale_ns": DAY,
    }
    return CollateralAsset(**(values | changes))


def stablecoin(**changes) -> CollateralAsset:
    """At par 1; it may lose 2%, then 10% and 10% more an hour do not count."""
    values: dict[str, Any] = {
        "kind": words.ASSET_STABLECOIN,
        "issuer": 1,
        "licensed_until_ns": FAR,
        "par_ppb": PPB,
        "depeg_ppb": 20_000_000,
        "impaired_haircut_ppb": 100_000_000,
        "impaired_step_ns": 3_600 * SECOND,
    }
    return asset(**(values | changes))


def coin(symbol: str = "X", **changes) -> CollateralAsset:
    """60% does not count; a conversion costs 10%."""
    terms = {"haircuts": steps(60), "discount_ppb": 100_000_000}
    return asset(symbol, kind=words.ASSET_COIN, par_ppb=0, **(terms | changes))


def bring(desk: Desk, account: int, quantity: int, number: int = 1) -> list[tuple]:
    return desk.operator(
        commands.DepositCollateral, account=account, asset=number, quantity=quantity
    )


def take(desk: Desk, account: int, quantity: int, number: int = 1) -> list[tuple]:
    return desk.client(commands.WithdrawCollateral, account, asset=number, quantity=quantity)


def say(desk: Desk, price: int, number: int = 1, source: int = 1) -> list[tuple]:
    return desk.operator(commands.PublishCollateral, asset=number, source=source, price_ppb=price)


def judge(desk: Desk, impaired: int, until: int = FAR, number: int = 1) -> list[tuple]:
    return desk.operator(
        commands.SetCollateral, asset=number, impaired=impaired, licensed_until_ns=until
    )


def value(desk: Desk, account: int = A) -> int:
    return desk.oracle.accounts[account].collateral_value


def held(desk: Desk, account: int = A) -> dict[int, int]:
    return desk.oracle.accounts[account].collateral


def opened(*assets: CollateralAsset, contracts=None, prices=(PPB,), **config) -> Desk:
    """A has no cash, B to D have much; a mark of 100, and these prices of the assets."""
    assert not check_collateral(assets)
    desk = Desk(*(contracts or (contract(),)), collateral=assets, **config)
    desk.open((A, 0), (B, 1_000), (C, 350), (D, 0))
    desk.mark(*(100 for _ in contracts or (1,)))
    for number, price in enumerate(prices, 1):
        say(desk, price, number)
    return desk
