"""The part of the workload about leverage: accounts that choose their own initial rates."""

from engine.schema import commands
from engine.schema.bounds import PPB

INT16, INT32 = 2**15 - 1, 2**31 - 1
CHOSEN = (0, 30_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000, PPB)
WEIGHTS = (50, 8, 8, 8, 8, 8, 10)  # who chose a high one trades little until he takes it back
WRONG = {
    "account": (0, 1, -1, 900, INT32),
    "client_id": (0, -1, 2**63 - 1),
    "contract": (0, -1, 99, INT16),
    "rate_initial_ppb": (-1, PPB + 1, 2**63 - 1, -(2**63)),
}


class LeverageWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random

    def kinds(self) -> tuple[tuple, ...]:
        """Where it is about initial rates, and where sizes are not what they seem: the streams of
        other configurations are about something else."""
        specs = self.workload.specs.values()
        is_about_it = any(spec.rate_initial_min_ppb for spec in specs)
        is_inverse = any(spec.contract_value for spec in specs)
        weight = 5 if is_about_it else 1
        return ((self.set_leverage, weight),) if is_about_it or is_inverse else ()

    def set_leverage(self):
        """A tier's own rate now and then, which raises nothing; one that is no rate seldom."""
        account, number = self.workload.some_account(), self.workload.some_contract()
        held = sorted(place for place, lots in self.workload.lots.items() if lots and place[0] > 1)
        if held and self.random.random() < 0.6:  # to whom it makes a difference
            account, number = self.random.choice(held)
        rate = self.random.choices(CHOSEN, WEIGHTS)[0]
        if self.random.random() < 0.1:
            tier = self.random.choice(self.workload.specs[number].tiers)
            rate = tier.rate_initial_ppb + self.random.choice((-1, 0, 1))
        fields = {
            "account": account,
            "client_id": self.workload.client_id(account),
            "contract": number,
            "rate_initial_ppb": rate,
        }
        if self.random.random() < 0.08:
            name = self.random.choice(sorted(WRONG))
            fields[name] = self.random.choice(WRONG[name])
        return commands.SetLeverage(time_ns=self.workload.now, **fields)
