"""The part of the workload about leverage: accounts that choose their own initial rates, and go to
the edge of what their initial margin leaves them."""

from collections.abc import Iterator

from engine.schema import commands, events
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
        self.rates: dict[tuple[int, int], int] = {}  # chosen last, by account and contract

    def kinds(self) -> tuple[tuple, ...]:
        """Where it is about initial rates, and where sizes are not what they seem: the streams of
        other configurations are about something else."""
        specs = self.workload.specs.values()
        is_about_it = any(spec.rate_initial_min_ppb for spec in specs)
        is_inverse = any(spec.contract_value for spec in specs)
        if is_about_it:
            return (self.set_leverage, 5), (self.press, 1)
        return ((self.set_leverage, 1),) if is_inverse else ()

    def observe(self, records) -> None:
        for _, rate, _, _, _, _, _, number, contract, kind in records:
            if kind == events.LEVERAGE_SET:
                self.rates[self.workload.isolating.owner(number), contract] = rate

    def some_place(self, chance: float) -> tuple[int, int]:
        """Account and contract; with this chance of a position, to which it makes a difference."""
        place = self.workload.some_account(), self.workload.some_contract()
        held = sorted(place for place, lots in self.workload.lots.items() if lots and place[0] > 1)
        return self.random.choice(held) if held and self.random.random() < chance else place

    def set_leverage(self):
        """About a tier's own rate now and then; one that is no rate seldom."""
        account, number = self.some_place(0.6)
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

    # The edge.

    def press(self):
        self.workload.script = self.pressed(*self.some_place(0.9))
        return next(self.workload.script, None) or self.set_leverage()

    def pressed(self, account: int, number: int) -> Iterator:
        """Found by halves: one unit more in a figure of its margin, and another step is refused."""
        yield from self.workload.trading_states.open_all()
        by_money = self.random.random() < 0.6
        yield from self.drained(account) if by_money else self.stretched(account, number)

    def drained(self, account: int) -> Iterator:
        """The most that it may take out; what it has got of it is returned at once."""
        least, step = 0, self.workload.cash.get(account, 0)
        while step > 1:
            step = (step + 1) // 2
            number = self.workload.client_id(account)
            yield commands.Withdraw(
                time_ns=self.workload.now,
                account=account,
                client_id=number,
                amount=least + step,
            )
            if (account, number) in self.workload.withdrawals.reserved:
                least += step
                yield commands.ReturnWithdrawal(
                    time_ns=self.workload.now, account=account, client_id=number
                )

    def stretched(self, account: int, number: int) -> Iterator:
        """The highest rate that it can cover with little money; taken back."""
        yield from self.workload.portfolios.thin(account)
        rate, step = 0, PPB
        while step > 100:
            step //= 2
            yield self.choice(account, number, rate + step)
            if self.rates.get((account, number)) == rate + step:
                rate += step
        yield self.choice(account, number, 0)

    def choice(self, account: int, number: int, rate: int):
        return commands.SetLeverage(
            time_ns=self.workload.now,
            account=account,
            client_id=self.workload.client_id(account),
            contract=number,
            rate_initial_ppb=rate,
        )
