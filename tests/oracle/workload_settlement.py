"""The part of the workload about what a pool is settled in: a stablecoin whose issuer is doubted,
or loses its licence, and has it again."""

from engine.schema import commands, events
from engine.schema import vocabulary as words
from tests.oracle.price_terms import MINUTE

WRONG = {
    "asset": (-1, 1, 7, 2**7 - 1),
    "impaired": (2, -1, 2**7 - 1),
    "licensed_until_ns": (0, -1, 2**62 + 1, 2**63 - 1, -(2**63)),
}


class SettlementWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers; silent
    where the settlement asset can't be set."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        self.spec = workload.config.settlement
        self.is_impaired = False
        self.licensed_until = self.spec.licensed_until_ns

    def kinds(self) -> tuple[tuple, ...]:
        is_settable = self.spec.kind == words.ASSET_STABLECOIN
        return ((self.set_asset, 3),) if is_settable else ()

    def observe(self, records) -> None:
        for _, a, b, c, *_, kind in records:
            if kind == events.COLLATERAL_SET and a == 0:
                self.is_impaired, self.licensed_until = b == 1, c

    def set_asset(self):
        """What is closed is open again soon."""
        now = self.workload.now
        is_closed = self.is_impaired or self.licensed_until <= now
        until = now + self.random.randrange(1, 3 * MINUTE)
        if is_closed or self.random.random() < 0.7:
            until = self.random.choice((2**62, now + 10 * MINUTE))
        elif self.random.random() < 0.2:
            until = self.random.choice((now, now + 1, 1))
        fields = {
            "asset": 0,
            "impaired": int(not is_closed and self.random.random() < 0.15),
            "licensed_until_ns": until,
        }
        if self.random.random() < 0.1:
            name = self.random.choice(sorted(WRONG))
            fields[name] = self.random.choice(WRONG[name])
        return commands.SetCollateral(time_ns=now, **fields)
