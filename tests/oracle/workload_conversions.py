"""The part of the workload about what conversions have brought: an operator who redeems it, for
more or for less than was paid, and settles what the provider has lost or gained."""

from engine.schema import bounds, commands, events
from engine.schema.bounds import PPB

MOST = bounds.DEPOSITS_MAX
WRONG_REDEMPTION = {
    "asset": (0, -1, 7, 2**7 - 1),
    "quantity": (0, -1, MOST, MOST + 1, 2**63 - 1, -(2**63)),
    "proceeds": (-1, MOST, MOST + 1, 2**63 - 1, -(2**63)),
}
WRONG_SETTLEMENT = {"amount": (0, MOST, -MOST, MOST + 1, -MOST - 1, 2**63 - 1, -(2**63))}


class ConversionWorkload:
    """Commands for the workload of collateral that it is a part of."""

    def __init__(self, collateral) -> None:
        self.collateral = collateral
        self.random = collateral.random
        self.units = dict.fromkeys(collateral.specs, 0)  # in the conversion ledger
        self.cash = 0

    def kinds(self) -> tuple[tuple, ...]:
        return ((self.redeem, 2), (self.settle, 1))

    def observe(self, records) -> None:
        for _, a, b, c, d, e, _, _, _, kind in records:
            if kind == events.COLLATERAL_CONVERTED:
                self.units[a] += b
                self.cash -= c
            elif kind == events.CONVERSION_REDEEMED:
                self.units[a], self.cash = d, e
            elif kind == events.CONVERSION_SETTLED:
                self.cash = b

    def some_quantity(self, number: int) -> int:
        """All of it, a part, or a unit too many."""
        units = self.units[number]
        return max(1, self.random.choice((units, units, units // 3, 1, units + 1)))

    def redeem(self):
        held = [number for number, units in self.units.items() if units]
        number = self.random.choice(held or list(self.units))
        quantity = self.some_quantity(number)
        worth = quantity * self.collateral.prices[number] // PPB
        fields = {
            "asset": number,
            "quantity": quantity,
            "proceeds": worth * self.random.choice((0, 50, 90, 98, 100, 130)) // 100,
        }
        return commands.RedeemConversion(
            time_ns=self.collateral.workload.now,
            **self.collateral.bent(fields, WRONG_REDEMPTION),
        )

    def settle(self):
        """What is missing or left over, within a unit now and then, or a part of it."""
        amount = -self.cash // self.random.choice((1, 1, 2, 10))
        amount += self.random.choice((-1, 0, 0, 0, 1))
        return commands.SettleConversion(
            time_ns=self.collateral.workload.now,
            **self.collateral.bent({"amount": amount}, WRONG_SETTLEMENT, 0.12),
        )
