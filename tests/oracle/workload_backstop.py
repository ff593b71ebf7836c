"""The part of the workload about what stands behind the book: providers whose capacities go up and
down, the clock of the fund's slices, losses of stress tests that stop new risk and release it."""

from collections.abc import Iterator

from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import LOTS_MAX
from tests.oracle.workload_prices import within_prices

INT16, INT32 = 2**15 - 1, 2**31 - 1
FIRST, SAME_GROUP = 2, 20  # the provider of every configuration, and one of a client's group
PROVIDERS = (SAME_GROUP, 21, 22)
WRONG_CAPACITY = {
    "account": (0, 1, -1, 3, 4, 900, 2**21, INT32),  # no providers, or none at all
    "contract": (0, -1, 99, INT16),
    "lots": (-1, LOTS_MAX + 1, INT32, -INT32),
}
WRONG_SEEDS = (-1, 2**62 + 1, 2**63 - 1, -(2**63))
WRONG_AMOUNTS = (-1, 2**59 + 1, 2**63 - 1, -(2**63))


class BackstopWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers; silent
    where the fund need not cover anything."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        self.is_about_it = workload.config.fund_cover_min_ppb > 0
        self.fund_equity = workload.config.fund_cash  # when it was told last
        self.is_high = False  # the loss that the last stress test found

    def kinds(self) -> tuple[tuple, ...]:
        if not self.is_about_it:
            return ()
        return (
            (self.set_capacity, 8),
            (self.set_work_back, 2),
            (self.set_stress_loss, 2.5),
            (self.ruin, 3),
        )

    # What comes back.

    def observe(self, records) -> None:
        for _, a, b, _, _, _, _, _, _, kind in records:
            if kind == events.STRESS_LOSS_SET:
                self.fund_equity = b
                self.is_high = a > 2 * b

    # Commands.

    def opening(self) -> Iterator:
        """Providers with enough for some of what breaks; one can't take from its own group."""
        if not self.is_about_it:
            return
        for account in PROVIDERS:
            yield commands.OpenAccount(
                time_ns=self.workload.now,
                account=account,
                owner=account,
                group=4 if account == SAME_GROUP else account,
                account_kind=words.KIND_LIQUIDITY_PROVIDER,
            )
            amount = 4 * self.workload.some_money()
            yield commands.Deposit(time_ns=self.workload.now, account=account, amount=amount)
        for account in (FIRST, *PROVIDERS):
            for number in self.workload.specs:
                yield self.capacity(account, number)

    def capacity(self, account: int, number: int):
        """Some lots mostly; nothing, everything, or just what it holds now and then."""
        chance = self.random.random()
        held = abs(self.workload.lots.get((account, number), 0))
        lots = self.random.randrange(1, self.random.choice((4, 12, 60)))
        if chance < 0.3:
            lots = 0
        elif chance < 0.33:
            lots = LOTS_MAX
        elif chance < 0.45:
            lots = held + self.random.choice((-1, 0, 1, 5))
        fields = {"account": account, "contract": number, "lots": max(0, lots)}
        if self.random.random() < 0.06:
            name = self.random.choice(sorted(WRONG_CAPACITY))
            fields[name] = self.random.choice(WRONG_CAPACITY[name])
        return commands.SetCapacity(time_ns=self.workload.now, **fields)

    def set_capacity(self):
        account = self.random.choice((FIRST, *PROVIDERS))
        return self.capacity(account, self.workload.some_contract())

    def set_work_back(self):
        """Sometimes so that a slice falls together with whatever else is due at whole seconds."""
        seed = self.random.choice((0, 1, 10**9, self.random.randrange(2**62), 2**62))
        number = self.workload.some_contract()
        if self.random.random() < 0.06:
            seed = self.random.choice(WRONG_SEEDS)
        if self.random.random() < 0.06:
            number = self.random.choice((0, -1, 99, INT16))
        return commands.SetWorkBack(time_ns=self.workload.now, contract=number, seed=seed)

    def set_stress_loss(self):
        """A high one does not stay for long, else nobody would trade; the limit itself, at which
        the last order may take the fund below it, now and then."""
        limit = 2 * max(0, self.fund_equity)
        low = (0, 0, 1, limit // 3, limit - 1, limit)
        high = (limit + 1, 3 * limit, 2**59)
        amount = self.random.choice(low if self.is_high else (*low, *high, *high))
        if self.random.random() < 0.06:
            amount = self.random.choice(WRONG_AMOUNTS)
        return commands.SetStressLoss(time_ns=self.workload.now, amount=amount)

    def release(self):
        return commands.SetStressLoss(time_ns=self.workload.now, amount=0)

    # Positions that break.

    def ruin(self):
        self.workload.script = self.ruined()
        return next(self.workload.script)

    def ruined(self) -> Iterator:
        """Thin positions break while providers stand ready, whose money is much or hardly
        enough, or nobody does; then all that can be due."""
        number = self.workload.some_contract()
        yield self.release()
        yield from self.workload.settling.thin_positions(number)
        sizes = self.random.choice(((0,), (0, 2, 5), (5, 30, 200)))
        for account in (FIRST, *PROVIDERS):
            yield commands.SetCapacity(
                time_ns=self.workload.now,
                account=account,
                contract=number,
                lots=self.random.choice(sizes),
            )
            amount = self.workload.some_money() * self.random.choice((1, 1, 4))
            yield commands.Deposit(time_ns=self.workload.now, account=account, amount=amount)
        if self.random.random() < 0.3:
            yield from self.workload.shocks()
        else:
            yield from self.push(number)
        if self.random.random() < 0.4:
            self.workload.now += self.random.randrange(1, 60) * 10**9
            yield commands.AdvanceTime(time_ns=self.workload.now)

    def push(self, number: int) -> Iterator:
        """Step by step, so that they are below their maintenance before they are below zero."""
        sign = self.random.choice((-1, 1))
        for _ in range(self.random.randrange(2, 7)):
            price = self.workload.prices[number]
            price += sign * (price * self.random.choice((1, 2, 2, 4)) // 100 + 1)
            price = within_prices(self.workload.specs[number], price)
            self.workload.prices[number] = price
            yield from self.workload.pricing.from_all(number)
