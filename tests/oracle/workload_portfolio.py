"""The part of the workload about margin of portfolios: accounts that an operator puts into that
mode and takes out of it, hedges of which one leg goes, and least initial rates."""

from collections.abc import Iterator

from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.oracle.portfolio import reserve_rate
from tests.oracle.values import size_of_lot
from tests.oracle.workload_prices import within_prices

INT8, INT32 = 2**7 - 1, 2**31 - 1
FIRST = range(4, 13)  # accounts that begin as portfolios
NO_ACCOUNTS = (0, 1, -1, 900, 2**21, INT32)
WRONG_MODE = {"account": NO_ACCOUNTS, "margin_mode": (2, -1, INT8)}
RATES = (0, 20_000_000, 60_000_000, 100_000_000, 300_000_000, PPB)
WEIGHTS = (60, 8, 8, 8, 6, 4)  # a high one does not stay for long
WRONG_CAP = {"account": NO_ACCOUNTS, "rate_initial_ppb": (-1, PPB + 1, 2**63 - 1, -(2**63))}


class PortfolioWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers; silent
    where no portfolio margin is offered, but for rates where a configuration is about them."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        config = workload.config
        self.is_about_it = bool(config.portfolio_moves_ppb)
        self.is_about_rates = any(spec.rate_initial_min_ppb for spec in config.contracts)
        self.free = [
            spec.contract
            for spec in config.contracts
            if spec.fee_taker_ppb == spec.fee_maker_ppb == 0
        ]
        self.modes: dict[int, int] = {}

    def kinds(self) -> tuple[tuple, ...]:
        if self.is_about_it:
            return (
                (self.set_mode, 4),
                (self.set_cap, 1.5),
                (self.hedge, 3),
                (self.ruin, 3.5),
                (self.shift, 2),
                *(((self.lean, 3),) if self.free else ()),
            )
        return ((self.set_cap, 2),) if self.is_about_rates else ()

    def observe(self, records) -> None:
        for _, mode, _, _, _, _, _, account, _, kind in records:
            if kind == events.MARGIN_MODE_SET:
                self.modes[account] = mode

    # Commands.

    def bent(self, fields: dict, wrong: dict, chance: float = 0.06) -> dict:
        """Wrong in one of them now and then."""
        if self.random.random() < chance:
            name = self.random.choice(sorted(wrong))
            fields[name] = self.random.choice(wrong[name])
        return fields

    def mode(self, account: int, mode: int):
        return commands.SetMarginMode(time_ns=self.workload.now, account=account, margin_mode=mode)

    def opening(self) -> Iterator:
        if self.is_about_it:
            for account in FIRST:
                yield self.mode(account, words.MARGIN_PORTFOLIO)

    def set_mode(self):
        """The other one mostly, of somebody without orders if he takes them out first."""
        account = self.workload.some_account()
        mode = self.modes.get(account, 0)
        if self.random.random() < 0.9:
            mode = 1 - mode
        if self.random.random() < 0.7 and account > words.FUND:
            self.workload.script = self.changed(account, mode)
            return next(self.workload.script)
        return commands.SetMarginMode(
            time_ns=self.workload.now,
            **self.bent({"account": account, "margin_mode": mode}, WRONG_MODE, 0.2),
        )

    def changed(self, account: int, mode: int) -> Iterator:
        yield commands.MassCancel(
            time_ns=self.workload.now, account=account, client_id=self.workload.client_id(account)
        )
        yield self.mode(account, mode)
        if mode == words.MARGIN_STANDARD and self.random.random() < 0.6:
            yield self.mode(account, words.MARGIN_PORTFOLIO)

    def set_cap(self):
        """Of a hedge's holder mostly, about a tier's own rate now and then."""
        account = self.workload.some_account()
        hedgers = self.hedgers()
        if hedgers and self.random.random() < 0.6:
            account = self.random.choice(hedgers)
        rate = self.random.choices(RATES, WEIGHTS)[0]
        if self.random.random() < 0.3:
            rate = self.tier_rate()
        if self.random.random() < 0.3:
            self.workload.script = self.capped(account, rate)
            return next(self.workload.script)
        fields = {"account": account, "rate_initial_ppb": rate}
        return commands.SetLeverageCap(
            time_ns=self.workload.now, **self.bent(fields, WRONG_CAP, 0.1)
        )

    def hedgers(self) -> list[int]:
        """Portfolios with more than one position."""
        held = [account for (account, _), lots in self.workload.lots.items() if lots]
        return sorted(a for a in set(held) if held.count(a) > 1 and self.modes.get(a))

    def tier_rate(self) -> int:
        """That of a tier, or next to it."""
        tier = self.random.choice(self.workload.specs[self.workload.some_contract()].tiers)
        return tier.rate_initial_ppb + self.random.choice((-1, 0, 0, 1))

    def capped(self, account: int, rate: int) -> Iterator:
        """It goes to the edge of what that leaves, in one of the contracts that it is in."""
        yield commands.SetLeverageCap(
            time_ns=self.workload.now, account=account, rate_initial_ppb=rate
        )
        held = [n for n in self.workload.specs if self.workload.lots.get((account, n))]
        number = self.random.choice(held or list(self.workload.specs))
        yield from self.workload.leverage.pressed(account, number)

    # Hedges.

    def twins(self, number: int) -> list[int]:
        """Other contracts that net with it."""
        specs, live = self.workload.specs, self.workload.settling.live()
        wanted = specs[number].underlying
        return [n for n in live if n != number and wanted and specs[n].underlying == wanted]

    def legs(self) -> list[int]:
        """Two contracts, of one underlying mostly."""
        live = self.workload.settling.live() or list(self.workload.specs)
        paired = [number for number in live if self.twins(number)]
        if paired and self.random.random() < 0.8:
            first = self.random.choice(paired)
            return [first, self.random.choice(self.twins(first))]
        return [self.random.choice(live), self.random.choice(live)]

    def lots_worth(self, number: int, worth: int) -> int:
        """So many that they are worth about this; at least one."""
        size = size_of_lot(self.workload.specs[number], self.workload.marks[number])
        most: int = self.workload.specs[number].order_lots_max
        return max(1, min(most, worth // size))

    def hedge(self):
        self.workload.script = self.hedged(self.workload.some_account(), self.legs())
        return next(self.workload.script)

    def hedged(self, account: int, numbers: list[int], money_ppb: int = 0) -> Iterator:
        """Long in one leg, short in the other, for about the same money. `money_ppb`: that so much
        of a leg's worth is brought for it, else nothing."""
        side = self.random.randrange(2)
        sizes = [size_of_lot(self.workload.specs[n], self.workload.marks[n]) for n in numbers]
        worth = max(sizes) * self.random.randrange(2, 25)
        if money_ppb:
            amount = worth * money_ppb // PPB + 1
            yield commands.Deposit(time_ns=self.workload.now, account=account, amount=amount)
        for number, way in zip(numbers, (side, 1 - side), strict=True):
            uneven = worth * self.random.choice((8, 10, 10, 10, 10, 12)) // 10
            yield from self.deal(account, number, way, self.lots_worth(number, uneven))

    def deal(self, account: int, number: int, side: int, lots: int) -> Iterator:
        """At the mark, with one of the richest, who is given the money for it."""
        mark = self.workload.marks[number]
        other = self.workload.settling.by_cash()[-self.random.randrange(1, 6)]
        worth = lots * size_of_lot(self.workload.specs[number], mark)
        yield commands.Deposit(time_ns=self.workload.now, account=other, amount=worth)
        for who, way in ((other, 1 - side), (account, side)):
            yield self.workload.plain_order(number, who, way, lots, mark)

    def ruin(self):
        self.workload.script = self.ruined()
        return next(self.workload.script)

    def ruined(self) -> Iterator:
        """Newcomers with hedges and little behind them; then the legs part, or one of them is
        closed, or an underlying moves as a whole."""
        yield from self.workload.trading_states.open_all()
        newcomers, numbers = [], self.legs()
        for _ in range(self.random.randrange(1, 5)):
            account = self.workload.collateral.newcomer()
            newcomers.append(account)
            yield commands.OpenAccount(
                time_ns=self.workload.now, account=account, owner=account, group=account
            )
            yield self.mode(account, words.MARGIN_PORTFOLIO)
            specs = [self.workload.specs[number] for number in numbers]
            rate = max(reserve_rate(self.workload.config, spec) for spec in specs)
            yield from self.hedged(account, numbers, rate * self.random.choice((12, 14, 25)) // 10)
            if self.random.random() < 0.7:
                yield from self.thin(account)
        chance = self.random.random()
        if chance < 0.4:
            yield from self.shifts(numbers, apart=True)
        elif chance < 0.6:
            yield from self.shifts(numbers, apart=False)
        elif chance < 0.75:
            for account in newcomers:
                yield from self.close_leg(account)
            yield from self.shifts(numbers, apart=True)
        elif chance < 0.85:
            yield from self.workload.backstop.push(self.workload.some_contract())
        else:
            yield from self.workload.shocks()

    def thin(self, account: int) -> Iterator:
        """It takes out what it can, in halves."""
        for share in (2, 4, 8, 16):
            amount = self.workload.cash.get(account, 0) // share
            if amount > 0:
                yield commands.Withdraw(
                    time_ns=self.workload.now,
                    account=account,
                    client_id=self.workload.client_id(account),
                    amount=amount,
                )

    def close_leg(self, account: int) -> Iterator:
        """Which raises the margin of what is left."""
        held = [n for n in self.workload.specs if self.workload.lots.get((account, n))]
        if not held:
            return
        number = self.random.choice(held)
        lots = self.workload.lots[account, number]
        side = words.SELL if lots > 0 else words.BUY
        part = max(1, abs(lots) // self.random.choice((1, 1, 2, 3)))
        yield from self.deal(account, number, side, part)

    def lean(self):
        self.workload.script = self.leaned(self.random.choice(self.free))
        return next(self.workload.script)

    def leaned(self, number: int) -> Iterator:
        """A newcomer's large order rests far away, and behind it the other side is traded, as often
        as it goes and once more."""
        yield from self.workload.trading_states.open_all()
        spec, mark = self.workload.specs[number], self.workload.marks[number]
        account, side = self.workload.collateral.newcomer(), self.random.randrange(2)
        lots = self.random.randrange(12, 60)
        asked = reserve_rate(self.workload.config, spec) * lots * size_of_lot(spec, mark) // PPB
        now = self.workload.now
        yield commands.OpenAccount(time_ns=now, account=account, owner=account, group=account)
        amount = asked * self.random.choice((11, 14, 20)) // 10
        yield commands.Deposit(time_ns=now, account=account, amount=amount)
        yield self.mode(account, words.MARGIN_PORTFOLIO)
        away = mark * self.random.choice((10, 15)) // 100
        far = within_prices(spec, mark - away if side == words.BUY else mark + away)
        yield self.workload.plain_order(number, account, side, lots, far)
        for _ in range(self.random.randrange(3, 9)):
            yield from self.deal(account, number, 1 - side, lots // self.random.choice((3, 4, 6)))

    def shift(self):
        self.workload.script = self.shifts(self.legs(), apart=self.random.random() < 0.4)
        return next(self.workload.script, None) or self.set_mode()

    def shifts(self, legs: list[int], apart: bool) -> Iterator:
        """Both move in small steps, together or against each other."""
        numbers, sign = sorted(set(legs)), self.random.choice((-1, 1))
        for _ in range(self.random.randrange(1, 5)):
            way = sign
            for number in numbers:
                price = self.workload.prices[number]
                share = self.random.choice((4, 8, 15, 30))
                price += way * (price * share // 1_000 + 1)
                price = within_prices(self.workload.specs[number], price)
                self.workload.prices[number] = price
                way = -way if apart else way
            yield from self.prices_of(numbers)

    def prices_of(self, numbers: list[int]) -> Iterator:
        """All in one step, from every source."""
        most = max(len(self.workload.specs[number].sources) for number in numbers)
        for source in range(1, most + 1):
            known = [n for n in numbers if source <= len(self.workload.specs[n].sources)]
            fields = {}
            for suffix, number in zip(("", "_2", "_3"), known, strict=False):
                level = self.workload.prices[number]
                fields["contract" + suffix] = number
                said = self.workload.pricing.said(number, source, level)
                fields["price_ticks" + suffix] = said
            yield commands.PublishPrice(time_ns=self.workload.now, source=source, **fields)
