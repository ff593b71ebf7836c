"""The part of the workload about what is reserved for withdrawals: an operator who confirms it or
sends it back, soon or late, and accounts that ask for more than may be pending."""

from collections.abc import Iterator

from engine.schema import bounds, commands, events

INT32 = 2**31 - 1
KINDS = (commands.ConfirmWithdrawal, commands.ReturnWithdrawal)
WRONG = {
    "account": (0, 1, -1, 900, 2**21, INT32),
    "client_id": (0, -1, 1, 2**62, 2**63 - 1, -(2**63)),
}
MANY = bounds.WITHDRAWALS_MAX + 1


class WithdrawalWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        self.reserved: dict[tuple[int, int], None] = {}  # (account, client id), oldest first
        self.settled: list[tuple[int, int]] = []

    def kinds(self) -> tuple[tuple, ...]:
        return ((self.settle, 5), (self.settle_all, 0.3), (self.hoard, 0.25))

    # What comes back.

    def observe(self, records) -> None:
        for _, a, b, c, d, _, _, account, _, kind in records:
            if kind == events.WITHDRAWAL_RESERVED:
                self.reserved[account, b] = None
            elif kind == events.COLLATERAL_RESERVED:
                self.reserved[account, c] = None
            elif kind in (events.WITHDRAWAL_CONFIRMED, events.WITHDRAWAL_RETURNED):
                del self.reserved[account, c]
                self.settled.append((account, c))
            if kind == events.WITHDRAWAL_RETURNED and a == 0:
                self.workload.cash[account] = d
            elif kind == events.WITHDRAWAL_RETURNED:
                self.workload.collateral.held[account, a] = d

    # Commands.

    def some_kind(self):
        return self.random.choices(KINDS, (3, 2))[0]

    def settle(self):
        """One that is pending mostly, of somebody in liquidation now and then; one that is so no
        more, or never was, seldom."""
        pairs = list(self.reserved)
        closing = [pair for pair in pairs if pair[0] in self.workload.closing]
        kind = self.some_kind()
        if closing and self.random.random() < 0.5:
            pairs, kind = closing, commands.ReturnWithdrawal
        if self.settled and (not pairs or self.random.random() < 0.03):
            pairs = self.settled[-20:]
        pair = self.random.choice(pairs or [(self.workload.some_account(), 1)])
        fields = {"account": pair[0], "client_id": pair[1]}
        if self.random.random() < 0.06:
            name = self.random.choice(sorted(WRONG))
            fields[name] = self.random.choice(WRONG[name])
        return kind(time_ns=self.workload.now, **fields)

    def settle_all(self):
        self.workload.script = self.all_settled()
        return next(self.workload.script, None) or self.settle()

    def all_settled(self) -> Iterator:
        """As at the end of a day, some this way and some that."""
        for account, client_id in list(self.reserved):
            yield self.some_kind()(time_ns=self.workload.now, account=account, client_id=client_id)

    def most_confirmed(self) -> Iterator:
        for account, client_id in list(self.reserved):
            if self.random.random() < 0.8:
                yield commands.ConfirmWithdrawal(
                    time_ns=self.workload.now, account=account, client_id=client_id
                )

    def hoard(self):
        self.workload.script = self.hoarded()
        return next(self.workload.script)

    def hoarded(self) -> Iterator:
        """By units, as often as may be pending and once more, then something of an asset."""
        account = self.workload.some_account()
        yield commands.Deposit(
            time_ns=self.workload.now, account=account, amount=self.workload.some_money()
        )
        for _ in range(MANY):
            yield self.cash_of(account)
        if self.workload.collateral.specs:
            yield commands.WithdrawCollateral(
                time_ns=self.workload.now,
                account=account,
                client_id=self.workload.client_id(account),
                asset=1,
                quantity=1,
            )

    def cash_of(self, account: int):
        return commands.Withdraw(
            time_ns=self.workload.now,
            account=account,
            client_id=self.workload.client_id(account),
            amount=self.random.randrange(1, 9),
        )
