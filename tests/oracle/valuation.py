"""What stands behind an account beside cash: its worth, and how it becomes cash (10.2, 10.4).

A valuation is stored with the account. Whatever asks for equity takes the stored one.
"""

from dataclasses import dataclass, field

from engine.schema import events
from engine.schema.bounds import PPB
from engine.schema.collateral import CollateralAsset
from tests.oracle.accounts import NO_END, Account
from tests.oracle.rounding import ceil_div, rate_down, rate_up

CONVERSION_VALUE_MAX = 2**52  # of all that accounts hold of an asset (1.3)


@dataclass(slots=True, eq=False)
class Asset:
    """One asset of the registry, and all that is known of it now."""

    number: int
    spec: CollateralAsset
    licensed_until: int  # 0: needs no licence
    quotes: dict[int, tuple[int, int]] = field(default_factory=dict)  # (price, time) by source
    price: int = 0  # 0: none yet
    silent_from: int = 0  # when its sources are too old if none says anything, 0: unpriced
    reason: int = 0  # why it is impaired, 0: it is not
    raise_ppb: int = 0  # on top of every haircut, while it is impaired
    next_rise: int = 0  # 0: none is due
    converted: int = 0  # in the conversion ledger
    deposits: int = 0  # less withdrawals and redemptions

    @property
    def is_impaired(self) -> bool:
        return self.reason != 0

    def fresh_prices(self, now: int) -> list[int]:
        """Of sources that are not stale."""
        return [price for price, time in self.quotes.values() if now - time <= self.spec.stale_ns]

    def is_fresh(self, now: int) -> bool:
        return len(self.fresh_prices(now)) >= self.spec.sources_min

    def is_silent(self, now: int) -> bool:
        """It had a price, and nobody says one any more."""
        return self.price > 0 and not self.is_fresh(now)


def make_assets(specs: tuple[CollateralAsset, ...]) -> dict[int, Asset]:
    return {n: Asset(n, spec, spec.licensed_until_ns) for n, spec in enumerate(specs, 1)}


def is_depegged(asset: Asset) -> bool:
    """Below par by more than its share. An asset without a price yet has lost nothing."""
    spec = asset.spec
    if not spec.par_ppb or not spec.depeg_ppb or not asset.price:
        return False
    return asset.price < spec.par_ppb - rate_down(spec.par_ppb, spec.depeg_ppb)


# Value.


def reserved_of(account: Account, number: int) -> int:
    return sum(amount for asset, amount in account.reserved.values() if asset == number)


def held_by_all(exchange, asset: Asset) -> int:
    """What is reserved for a withdrawal among it, so that nobody else's price follows it (10.6)."""
    number, accounts = asset.number, exchange.accounts.values()
    return sum(a.collateral.get(number, 0) + reserved_of(a, number) for a in accounts)


def capped_price(exchange, asset: Asset) -> int:
    """At which all that accounts hold is worth no more than the asset's cap. Without a price yet
    it is 0."""
    total = held_by_all(exchange, asset)
    if total == 0:
        return asset.price
    return min(asset.price, asset.spec.asset_value_max * PPB // total)


def price_at_most_par(asset: Asset, price: int) -> int:
    return min(price, asset.spec.par_ppb) if asset.spec.par_ppb else price


def market_value(asset: Asset, quantity: int, price: int) -> int:
    return quantity * price_at_most_par(asset, price) // PPB


def after_haircuts(asset: Asset, counted: int) -> int:
    """Slice by slice, each rounded down for itself."""
    floors = [step.floor_value for step in asset.spec.haircuts]
    total = 0
    for step, end in zip(asset.spec.haircuts, [*floors[1:], NO_END], strict=True):
        part = max(0, min(counted, end) - step.floor_value)
        total += part - rate_up(part, min(PPB, step.haircut_ppb + asset.raise_ppb))
    return total


def holding_value(asset: Asset, quantity: int, price: int) -> int:
    counted = min(market_value(asset, quantity, price), asset.spec.account_value_max)
    return after_haircuts(asset, counted)


def value_without(exchange, account: Account, number: int = 0, quantity: int = 0) -> int:
    """What all that the account holds is worth at present prices, or would be if it held so much
    less of one asset: then it would be reserved, and all would hold as much as now."""
    total = 0
    for asset in exchange.assets.values():
        out = quantity if asset.number == number else 0
        left = account.collateral.get(asset.number, 0) - out
        if left:
            total += holding_value(asset, left, capped_price(exchange, asset))
    return total


def revalue(exchange, account: Account) -> None:
    account.collateral_value = value_without(exchange, account)


def change_holding(account: Account, number: int, quantity: int) -> None:
    """More of an asset, or less; of what is gone nothing is kept."""
    held = account.collateral.get(number, 0) + quantity
    assert held >= 0, "10.6: more taken than held"
    account.collateral[number] = held
    if held == 0:
        del account.collateral[number]


# Conversion.


def conversion_price(exchange, asset: Asset) -> int:
    """The index, above par and above the cap of the asset, too: nobody but the pool takes it. Only
    where all that is held would be worth more than sums can carry is it less, and while nobody
    says an index: then by what haircuts are raised."""
    price = asset.price
    if asset.is_silent(exchange.clock):
        price = rate_down(price, PPB - min(asset.raise_ppb, asset.spec.impaired_haircut_ppb))
    return min(price, CONVERSION_VALUE_MAX * PPB // held_by_all(exchange, asset))


def payment(asset: Asset, quantity: int, price: int) -> int:
    return rate_down(quantity * price // PPB, PPB - asset.spec.discount_ppb)


def is_for_nothing(exchange, account: Account, asset: Asset, price: int) -> bool:
    """All that the account holds of it would pay nothing, and counts for nothing either."""
    held = account.collateral[asset.number]
    counts = holding_value(asset, held, capped_price(exchange, asset))
    return payment(asset, held, price) == 0 and counts == 0


def quantity_for(asset: Asset, held: int, missing: int, price: int) -> int:
    """The least of it that pays for what is missing; all of it where that is not enough. Of a
    discount of everything nobody asks: it pays nothing, and as no discount is above the haircut it
    counts for nothing."""
    worth = ceil_div(missing * PPB, PPB - asset.spec.discount_ppb)
    if worth > held * price // PPB:
        return held
    return ceil_div(worth * PPB, price)


def convert(exchange, account: Account, asset: Asset, quantity: int, price: int) -> None:
    """The conversion ledger takes it, and pays the price less the discount. The roundings of both
    values could come to a unit or two less than what no longer counts: an equity of nothing would
    fall below zero (9.5), so that much is paid on top."""
    before = value_without(exchange, account)
    change_holding(account, asset.number, -quantity)
    asset.converted += quantity
    revalue(exchange, account)
    paid = max(payment(asset, quantity, price), before - account.collateral_value)
    account.cash += paid
    exchange.conversion_cash -= paid
    exchange.emit(
        events.COLLATERAL_CONVERTED,
        asset.number,
        quantity,
        paid,
        account.collateral.get(asset.number, 0),
        account.cash,
        account.collateral_value,
        account=account.account,
    )


def convert_missing(exchange, account: Account) -> None:
    """Of a short account: asset by asset, until cash is not below zero any more."""
    for number in sorted(account.collateral):
        asset = exchange.assets[number]
        if account.cash >= 0:
            return
        price = conversion_price(exchange, asset)
        if not is_for_nothing(exchange, account, asset, price):
            held = account.collateral[number]
            quantity = quantity_for(asset, held, -account.cash, price)
            convert(exchange, account, asset, quantity, price)


def convert_everything(exchange, account: Account) -> None:
    """Of somebody who is below zero: whatever his cash."""
    for number in sorted(account.collateral):
        asset = exchange.assets[number]
        price = conversion_price(exchange, asset)
        if not is_for_nothing(exchange, account, asset, price):
            convert(exchange, account, asset, account.collateral[number], price)
