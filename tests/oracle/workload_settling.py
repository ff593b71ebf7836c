"""The part of the workload about the ends of contracts: delistings by an operator, freezes that
outlast their time, and what is still asked of a contract that has settled."""

import random
from collections.abc import Iterator

from engine.schema import commands, events
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND, PPB
from tests.oracle.states import FROZEN, SETTLED, SETTLING, SUSPENDED
from tests.oracle.values import size_of_lot

EARLIEST = 300  # commands of a stream before any of its contracts ends
RATE = 1 / 1_200  # ends per command from then on, while no contract has settled
RATE_OF_THE_LAST = RATE / 10  # a stream without a contract has little left to say
STEPS_OF_A_SILENCE = 12
NEWCOMERS_FROM = 100


class SettlingWorkload:
    """Commands for a workload that it is a part of. It throws dice of its own, so that up to its
    first command a stream is what it would be without it, but for silences that it cuts short."""

    def __init__(self, workload, seed: int) -> None:
        self.workload = workload
        config = workload.config
        self.random = random.Random(f"ends of {seed} {config.fund_cash} {config.house_cash}")
        self.asked = 0
        self.settled: set[int] = set()
        self.frozen_from: dict[int, int] = {}  # the state that the last freeze interrupted
        self.newest = NEWCOMERS_FROM  # the account opened last

    def observe(self, records) -> None:
        for _, before, state, _, _, _, _, _, contract, kind in records:
            if kind == events.STATE_CHANGED and state == SETTLED:
                self.settled.add(contract)
            elif kind == events.STATE_CHANGED and state == FROZEN:
                self.frozen_from[contract] = before

    def may_settle(self, number: int) -> bool:
        """By an operator."""
        state = self.workload.trading_states.states[number]
        return SUSPENDED == (self.frozen_from.get(number) if state == FROZEN else state)

    def live(self) -> list[int]:
        gone = {*self.settled, *self.workload.listing.waiting()}
        return [number for number in self.workload.specs if number not in gone]

    def some_contract(self) -> int:
        """Settled ones are asked for seldom, and so are those that are not live yet."""
        every, live = list(self.workload.specs), self.live()
        if len(live) < len(every) and live and self.random.random() < 0.9:
            every = live
        choice: int = self.workload.random.choice(every)
        return choice

    def patience(self) -> int:
        """How long a silence may be: few of those that could settle a contract go on until they
        do."""
        if self.asked > EARLIEST and self.random.random() < 0.15:
            return NS_PER_DAY
        return min([self.workload.specs[n].freeze_max_ns for n in self.live()], default=NS_PER_DAY)

    def next_script(self) -> Iterator | None:
        """Asked before every command that no script gives; None mostly."""
        self.asked += 1
        live = self.live()
        rate = RATE_OF_THE_LAST if len(live) == 1 else RATE / (1 + len(self.settled))
        chance = self.random.random()
        if self.asked < EARLIEST or not live:
            return None
        if chance < rate:
            return self.end(self.random.choice(live))
        if chance > 0.998:
            return self.attempt(self.random.choice(list(self.workload.specs)))
        return None

    def end(self, number: int) -> Iterator:
        """Often far from the older index values, with positions that have little behind them."""
        is_brief = self.workload.specs[number].freeze_max_ns < NS_PER_DAY
        if number in self.workload.frozen:
            yield from self.prices([number])
        if self.random.random() < 0.8:
            yield from self.workload.shocks()
        if self.random.random() < 0.3:
            yield from self.workload.thin_out()
        if self.random.random() < 0.85:
            yield from self.thin_positions(number)
        twins = self.twins(number)
        if twins and self.random.random() < (0.3 if len(self.live()) == 2 else 0.8):
            yield from self.end_together(number, self.random.choice(twins))
        elif is_brief and self.random.random() < 0.5:
            yield from self.silence([number], self.longest(number))
        elif self.random.random() < 0.3:
            yield from self.delisting_of_the_frozen(number)
        else:
            yield from self.delisting(number)

    def twins(self, number: int) -> list[int]:
        """Others that freeze when this one does, and end when it ends, if their prices come from
        the same sources at the same time. Long freezes are not waited for."""

        def terms(number: int) -> tuple[int, int, int]:
            spec = self.workload.specs[number]
            return spec.source_stale_ns, spec.freeze_max_ns, len(spec.sources)

        if self.workload.specs[number].freeze_max_ns >= NS_PER_DAY:
            return []
        return [n for n in self.live() if n != number and terms(n) == terms(number)]

    def longest(self, number: int) -> int:
        """From a last price on, until a contract has certainly ended."""
        spec = self.workload.specs[number]
        return spec.source_stale_ns + spec.freeze_max_ns + NS_PER_SECOND

    # Scripts.

    def change(self, number: int, state: int):
        return commands.ChangeState(time_ns=self.workload.now, contract=number, state=state)

    def advance(self, ns: int):
        self.workload.now += min(ns, self.workload.config.jump_ns_max)
        return commands.AdvanceTime(time_ns=self.workload.now)

    def prices(self, numbers: list[int]) -> Iterator:
        """From every source, so that what is frozen comes back."""
        for number in numbers:
            yield from self.workload.pricing.from_all(number)

    def attempt(self, number: int) -> Iterator:
        """To settle what is not suspended, a settled contract among others."""
        if not self.may_settle(number):
            yield self.change(number, SETTLING)

    def thin_positions(self, number: int) -> Iterator:
        """At the mark, of newcomers who have hardly more money than the exchange asks for, and of
        those who have least in cash (their profits may be elsewhere)."""
        spec = self.workload.specs[number]
        yield from self.workload.trading_states.open_all()
        for _ in range(self.random.randrange(3, 9)):
            side = self.random.randrange(2)
            most = self.workload.typical_lots(spec) // 2
            lots = max(spec.order_lots_min, self.random.randrange(most))
            account = self.random.choice(self.by_cash()[:6])
            if self.random.random() < 0.7:
                account = self.newest = self.newest + 1
                yield commands.OpenAccount(
                    time_ns=self.workload.now, account=account, owner=account, group=account
                )
            yield from self.thin_deal(number, account, side, lots, self.random.randrange(1, 8))

    def by_cash(self) -> list[int]:
        return sorted(self.workload.opened, key=lambda a: self.workload.cash.get(a, 0))

    def thin_deal(self, number: int, account: int, side: int, lots: int, rank: int) -> Iterator:
        """At the mark, with one of the richest, and with the money that the position asks for."""
        spec, price = self.workload.specs[number], self.workload.marks[number]
        worth = lots * size_of_lot(spec, price)
        rate = spec.tiers[0].rate_initial_ppb + 2 * spec.fee_taker_ppb
        for who, way, money in (
            (self.by_cash()[-rank], 1 - side, worth + 1),
            (account, side, worth * rate // PPB + 1),
        ):
            yield commands.Deposit(time_ns=self.workload.now, account=who, amount=money)
            yield self.workload.plain_order(number, who, way, max(1, lots), price)

    def end_together(self, number: int, twin: int) -> Iterator:
        """Last prices at one time; before them sometimes thin accounts that are long in one and
        short in the other."""
        pair = sorted((number, twin))
        if self.random.random() < 0.6:
            yield from self.prices(pair)
            yield from self.thin_hedges(number, twin)
        yield from self.prices(pair)
        yield from self.silence(pair, self.longest(number))

    def thin_hedges(self, number: int, twin: int) -> Iterator:
        """Of about the same value in both; what one end costs them the other brings."""
        specs, marks = self.workload.specs, self.workload.marks
        yield from self.workload.trading_states.open_all()
        for _ in range(self.random.randrange(1, 5)):
            account = self.newest = self.newest + 1
            yield commands.OpenAccount(
                time_ns=self.workload.now, account=account, owner=account, group=account
            )
            side = self.random.randrange(2)
            sizes = [size_of_lot(specs[n], marks[n]) for n in (number, twin)]
            worth = max(sizes) * self.random.randrange(1, 20)
            for n, way, size in ((number, side, sizes[0]), (twin, 1 - side, sizes[1])):
                yield from self.thin_deal(n, account, way, min(worth // size, 400), 1)

    def delisting_of_the_frozen(self, number: int) -> Iterator:
        """Suspended, then its sources die, and nothing but its delisting is left to do."""
        if self.workload.trading_states.states[number] != SUSPENDED:
            yield self.change(number, SUSPENDED)
        yield from self.silence(
            [number], self.workload.specs[number].source_stale_ns + NS_PER_SECOND
        )
        for state in (SUSPENDED, SETTLING):
            yield self.change(number, state)

    def delisting(self, number: int) -> Iterator:
        if self.workload.trading_states.states[number] != SUSPENDED:
            yield self.change(number, SUSPENDED)
        for _ in range(self.random.choice((0, 0, 1, 3))):
            yield self.workload.publish()
        if self.random.random() < 0.2:
            yield self.advance(self.random.randrange(60 * NS_PER_SECOND))
        yield self.change(number, SETTLING)

    def silence(self, numbers: list[int], span: int) -> Iterator:
        """Of the sources of these contracts, or of all where others could not be kept fresh."""
        others = [other for other in self.live() if other not in numbers]
        stales = [self.workload.specs[other].source_stale_ns for other in others]
        step = max(min([*stales, span]) - NS_PER_SECOND, span // STEPS_OF_A_SILENCE + 1)
        if self.random.random() < 0.3:
            step = span
        for _ in range(-(-span // step)):
            yield self.advance(step)
            yield from self.prices(others)
