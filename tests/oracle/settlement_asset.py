"""The pool's cash as an asset of the registry: whom it is permitted to, and when it takes no
deposits (10.1, 10.3). It has no price, so that nothing is valued by it."""

from dataclasses import dataclass

from engine.schema import bounds, events, refusals
from engine.schema import vocabulary as words
from engine.schema.collateral import SettlementAsset

NUMBER = 0  # in the place of an asset's


@dataclass(slots=True, eq=False)
class Settlement:
    spec: SettlementAsset
    licensed_until: int  # 0: needs no licence
    is_impaired: bool = False

    def permits(self, account_kind: int) -> bool:
        """Where nothing is said, fiat and stablecoins are for everybody, and coins for nobody."""
        if self.spec.account_kinds:
            return account_kind in self.spec.account_kinds
        return self.spec.kind != words.ASSET_COIN

    def is_closed(self, now: int) -> bool:
        return self.is_impaired or 0 < self.licensed_until <= now


def make_settlement(spec: SettlementAsset) -> Settlement:
    return Settlement(spec, spec.licensed_until_ns)


def set_settlement(exchange, command) -> int:
    """Of a stablecoin, by an operator: nobody else impairs it, nobody else clears it."""
    settlement, until = exchange.settlement, command.licensed_until_ns
    if settlement.spec.kind != words.ASSET_STABLECOIN:
        return refusals.ASSET_UNKNOWN
    if command.impaired not in (0, 1) or not 1 <= until <= bounds.TIME_NS_MAX:
        return refusals.COLLATERAL_INVALID
    settlement.is_impaired = command.impaired == 1
    settlement.licensed_until = until
    exchange.emit(events.COLLATERAL_SET, NUMBER, command.impaired, until)
    return refusals.OK
