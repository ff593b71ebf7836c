"""The part of the workload about isolated margin: positions that get margin accounts of their own,
money that goes into these and out of them, and thin ones that break."""

from collections.abc import Iterator

from engine.schema import commands, events
from engine.schema.bounds import DEPOSITS_MAX, PPB
from tests.oracle.contracts import ISOLATED

INT16, INT32 = 2**15 - 1, 2**31 - 1
AMOUNTS = (0, DEPOSITS_MAX, DEPOSITS_MAX + 1, 2**63 - 1)
MARGIN_ACCOUNT_FIRST = 2**21


class IsolatedWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers; silent
    where no contract is named for it."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        specs = workload.specs.values()
        self.contracts = [spec.contract for spec in specs if spec.symbol.startswith(ISOLATED)]
        self.owners: dict[int, int] = {}  # by margin account
        self.isolated: dict[tuple[int, int], int] = {}  # (account, contract): margin account

    def kinds(self) -> tuple[tuple, ...]:
        if not self.contracts:
            return ()
        return (
            (self.isolate, 4),
            (self.join, 3),
            (self.move, 7),
            (self.ruin, 2.5),
            (self.impersonate, 0.7),
        )

    # What comes back.

    def observe(self, records) -> None:
        for _, a, _, c, d, e, _, account, contract, kind in records:
            if kind == events.CONTRACT_ISOLATED:
                self.owners[a] = account
                self.isolated[account, contract] = a
            elif kind == events.CONTRACT_JOINED:
                del self.isolated[account, contract]
                self.workload.cash |= {a: 0, account: d}
            elif kind == events.MARGIN_MOVED:
                self.workload.cash |= {c: d, account: e}

    def owner(self, account: int) -> int:
        """Who can send commands about what belongs to this account."""
        return self.owners.get(account, account)

    def by_owner(self, records) -> list[tuple[int, ...]]:
        """The records as if margin accounts were their owners."""
        return [(*record[:7], self.owner(record[7]), *record[8:]) for record in records]

    # Commands.

    def send(self, kind, account: int, contract: int, **fields):
        """Seldom in a contract, or of an account, that there is not."""
        if self.random.random() < 0.03:
            contract = self.random.choice((0, -1, len(self.workload.specs) + 1, INT16))
        if self.random.random() < 0.02:
            account = self.random.choice((0, 1, -1, 900, INT32))
        return kind(
            time_ns=self.workload.now,
            account=account,
            client_id=self.workload.client_id(account),
            contract=contract,
            **fields,
        )

    def is_idle(self, account: int, contract: int) -> bool:
        if self.workload.lots.get((account, contract)):
            return False
        live = self.workload.live.values()
        return not any((order.account, order.contract) == (account, contract) for order in live)

    def some_pair(self, pairs: list[tuple[int, int]]) -> tuple[int, int]:
        """One of these mostly, else one in liquidation, or any."""
        chance = self.random.random()
        if pairs and chance < 0.85:
            return self.random.choice(pairs)
        closing = self.closing_pairs()
        if closing and chance < 0.95:
            return self.random.choice(closing)
        return self.workload.some_account(), self.random.choice(self.contracts)

    def closing_pairs(self) -> list[tuple[int, int]]:
        """Those whose account, or whose margin account, is in liquidation."""
        pairs = [(a, n) for a in self.workload.opened for n in self.contracts]
        closing = self.workload.closing
        return [p for p in pairs if p[0] in closing or self.isolated.get(p) in closing]

    def idle_pairs(self) -> list[tuple[int, int]]:
        """Those that can be isolated."""
        pairs = [(a, n) for a in self.workload.opened for n in self.contracts]
        return [pair for pair in pairs if pair not in self.isolated and self.is_idle(*pair)]

    def isolate(self):
        return self.send(commands.IsolateContract, *self.some_pair(self.idle_pairs()))

    def join(self):
        pairs = [pair for pair in self.isolated if self.is_idle(*pair)]
        if self.random.random() < 0.3:
            pairs = list(self.isolated)
        return self.send(commands.JoinContract, *self.some_pair(pairs))

    def move(self):
        pair = self.some_pair(list(self.isolated))
        sign = self.random.choice((1, 1, -1))
        giver = pair[0] if sign > 0 else self.isolated.get(pair, 0)
        cash = self.workload.cash.get(giver, 0)
        amounts = (self.workload.some_money(), cash, cash // 2, cash // 10, cash + 1, 1)
        amount = self.random.choice(amounts)
        if self.random.random() < 0.05:
            amount = self.random.choice(AMOUNTS)
        amount = -(2**63) if self.random.random() < 0.005 else sign * amount
        return self.send(commands.MoveMargin, *pair, amount=amount)

    def impersonate(self):
        """A margin account sends nothing, is paid nothing, and is not opened."""
        number = self.random.choice([*self.owners, MARGIN_ACCOUNT_FIRST + len(self.owners)])
        terms = {"time_ns": self.workload.now, "account": number}
        return self.random.choice(
            (
                commands.MassCancel(client_id=self.workload.client_id(number), **terms),
                commands.Withdraw(client_id=self.workload.client_id(number), amount=1, **terms),
                commands.Deposit(amount=1, **terms),
                commands.OpenAccount(owner=1, group=1, **terms),
                commands.StopTrading(time_ns=self.workload.now, scope=1, number=number),
            )
        )

    # Positions that break.

    def ruin(self):
        self.workload.script = self.ruined()
        return next(self.workload.script)

    def ruined(self) -> Iterator:
        """Thin isolated positions of accounts that are rich, in some contract, then a shock; some
        of them are helped at the last moment."""
        number = self.random.choice(self.contracts)
        yield from self.workload.trading_states.open_all()
        accounts = [account for account, n in self.idle_pairs() if n == number]
        chosen = self.random.sample(accounts, min(len(accounts), self.random.randrange(1, 5)))
        for account in chosen:
            yield from self.thin_position(account, number)
        yield from self.workload.shocks()
        for account in chosen:
            if self.random.random() < 0.3:
                amount = self.workload.some_money()
                yield commands.Deposit(time_ns=self.workload.now, account=account, amount=amount)
                yield self.send(commands.MoveMargin, account, number, amount=amount)

    def thin_position(self, account: int, number: int) -> Iterator:
        """At the mark, against somebody who is given the money for it."""
        spec, price = self.workload.specs[number], self.workload.marks[number]
        side = self.random.randrange(2)
        most = max(spec.order_lots_min + 1, self.workload.typical_lots(spec))
        lots = self.random.randrange(spec.order_lots_min, most)
        worth = lots * price * spec.tick_value
        rate = spec.tiers[0].rate_initial_ppb + 2 * spec.fee_taker_ppb
        margin = worth * rate // PPB + self.random.choice((1, 1, worth // 50))
        yield commands.Deposit(time_ns=self.workload.now, account=account, amount=2 * margin)
        yield self.send(commands.IsolateContract, account, number)
        yield self.send(commands.MoveMargin, account, number, amount=margin)
        other = self.random.choice(self.workload.opened)
        yield commands.Deposit(time_ns=self.workload.now, account=other, amount=worth)
        for who, way in ((other, 1 - side), (account, side)):
            yield self.send(
                commands.PlaceOrder, who, number, side=way, lots=lots, price_ticks=price
            )
