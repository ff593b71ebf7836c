"""The part of the workload about trading states: an operator who changes them, dynamic bands,
crowded auctions, freezes in the middle of them."""

from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from tests.oracle.states import CLOSED, COLLECTING, TRADING
from tests.oracle.workload_prices import within_prices

INT16, INT32 = 2**15 - 1, 2**31 - 1
REAL_STATES = (*TRADING, *COLLECTING, *CLOSED)


class StateWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        self.states = dict(workload.listing.states)
        self.has_bands = any(spec.band_dynamic_ppb for spec in workload.specs.values())

    def kinds(self) -> tuple[tuple, ...]:
        """Rare where a configuration is about something else."""
        if not self.has_bands:
            kinds = ((self.change_state, 0.7), (self.set_band, 0.2), (self.crowd, 0.15))
            return (*kinds, (self.corner, 0.1))
        return (
            (self.change_state, 4),
            (self.set_band, 1),
            (self.crowd, 2),
            (self.push, 6),
            (self.freeze, 0.15),
            (self.corner, 0.7),
        )

    def observe(self, records) -> None:
        for _, _, state, _, _, _, _, _, contract, kind in records:
            if kind == events.STATE_CHANGED:
                self.states[contract] = state

    # Operator.

    def change_state(self, number: int = 0):
        """Out of trading now and then, and soon back into it."""
        number = number or self.workload.some_contract()
        state = self.random.choice(REAL_STATES)
        if self.states[number] in COLLECTING and self.random.random() < 0.6:
            state = self.random.choice((words.STATE_CONTINUOUS, *TRADING))
        elif self.states[number] in CLOSED and self.random.random() < 0.6:
            state = self.random.choice(COLLECTING)
        elif self.states[number] in TRADING and self.random.random() < 0.3:
            state = words.STATE_CONTINUOUS
        if self.random.random() < 0.04:
            wrong = (words.STATE_FROZEN, words.STATE_DEFAULT, words.STATE_SETTLED, -1, 127)
            state = self.random.choice(wrong)
        if self.random.random() < 0.02:
            number = self.random.choice((0, -1, len(self.states) + 1, INT16))
        return commands.ChangeState(time_ns=self.workload.now, contract=number, state=state)

    def open_all(self):
        """Back into continuous trading, wherever an operator can."""
        for number in self.states:
            for state in (words.STATE_PRE_OPEN, words.STATE_CONTINUOUS):
                is_closed = self.states[number] in CLOSED
                is_other = self.states[number] in (*TRADING, *COLLECTING) and state in TRADING
                if self.states[number] != state and (is_closed or is_other):
                    yield commands.ChangeState(
                        time_ns=self.workload.now, contract=number, state=state
                    )

    def set_band(self):
        number = self.workload.some_contract()
        mark = self.workload.marks[number]
        low = high = 0
        if self.random.random() < 0.6:
            low = mark - self.random.randrange(0, max(2, mark // 20))
            high = mark + self.random.randrange(0, max(2, mark // 20))
        if self.random.random() < 0.1:
            low, high = self.random.choice(((0, 5), (5, 0), (7, 6), (-1, 9), (1, INT32), (9, 9)))
        if self.random.random() < 0.02:
            number = self.random.choice((0, -1, len(self.states) + 1, INT16))
        return self.band(number, low, high)

    def band(self, number: int, low: int, high: int):
        return commands.SetBand(
            time_ns=self.workload.now, contract=number, low_ticks=low, high_ticks=high
        )

    # Orders.

    def order(self, number: int, side: int, lots: int, price: int, **fields):
        account = self.workload.some_account()
        spec = self.workload.specs[number]
        if fields.get("tif", words.GTC) == words.GTC and self.random.random() < 0.3:
            fields["display_lots"] = max(1, lots // self.random.choice((2, 3, 5)))
        if self.random.random() < 0.3:
            fields["linked_id"] = self.workload.some_sibling(account, number)
        stp_last = words.STP_NONE if spec.stp_none_allowed else words.STP_DECREMENT
        return commands.PlaceOrder(
            time_ns=self.workload.now,
            account=account,
            client_id=self.workload.client_id(account),
            contract=number,
            side=side,
            lots=min(lots, spec.order_lots_max),
            price_ticks=within_prices(spec, price),
            stp=self.random.randrange(stp_last + 1),
            **fields,
        )

    def push(self):
        """Through several levels, up to the dynamic band and beyond."""
        number, side = self.workload.some_contract(), self.random.randrange(2)
        spec, mark = self.workload.specs[number], self.workload.marks[number]
        reach = max(1, mark * spec.band_static_ppb // PPB)
        price = mark + reach if side == words.BUY else mark - reach
        tif = self.random.choice((words.GTC, words.GTC, words.IOC, words.FOK))
        lots = self.random.randrange(1, 4 * self.workload.typical_lots(spec))
        return self.order(number, side, lots, price, tif=tif)

    def corner(self):
        self.workload.script = self.cornered()
        return next(self.workload.script)

    def cornered(self):
        """A narrow band with orders inside and outside of it, then a shock: the liquidation orders
        that it brings trade up to the band, and stop there."""
        number = self.workload.some_contract()
        mark = self.workload.marks[number]
        wide = max(1, mark // self.random.choice((20, 30, 60)))
        spec = self.workload.specs[number]
        yield self.band(number, *(within_prices(spec, mark + way) for way in (-wide, wide)))
        for _ in range(self.random.randrange(4, 12)):
            side = self.random.randrange(2)
            away = self.random.randrange(1, 2 * wide + 2)
            price = mark - away if side == words.BUY else mark + away
            yield self.order(number, side, self.random.randrange(1, 12), price)
        yield from self.workload.shocks()
        if self.random.random() < 0.7:
            yield self.band(number, 0, 0)

    def crowd(self):
        self.workload.script = self.crowded_auction()
        return next(self.workload.script)

    def crowded_auction(self):
        """Many crossing orders, prices and liquidations while they are collected, then an end."""
        number = self.workload.some_contract()
        if self.states[number] not in COLLECTING:
            yield commands.ChangeState(
                time_ns=self.workload.now,
                contract=number,
                state=self.random.choice(COLLECTING),
            )
        spec = self.workload.specs[number]
        for _ in range(self.random.randrange(4, 24)):
            self.workload.now += self.random.randrange(0, NS_PER_SECOND // 5)
            mark = self.workload.marks[number]
            wide = max(2, mark // self.random.choice((8, 20, 60)))
            price = mark + self.random.randrange(-wide, wide + 1)
            lots = self.random.randrange(1, self.workload.typical_lots(spec))
            flags = words.REDUCE_ONLY if self.random.random() < 0.15 else 0
            yield self.order(number, self.random.randrange(2), lots, price, flags=flags)
            if self.random.random() < 0.3:
                yield self.workload.publish(number)
        chance = self.random.random()
        if chance < 0.2:
            yield from self.workload.shocks()
        elif chance < 0.25:
            yield self.freeze(number)
            yield self.workload.publish(number)
        if self.random.random() < 0.5:
            yield self.change_state(number)
        else:
            self.workload.now += min(spec.auction_ns, self.workload.config.jump_ns_max)
            yield commands.AdvanceTime(time_ns=self.workload.now)

    def freeze(self, number: int = 0):
        """So long a silence of the sources that the index is too old."""
        spec = self.workload.specs[number or self.workload.some_contract()]
        silence = spec.source_stale_ns + self.random.randrange(0, NS_PER_SECOND)
        self.workload.now += min(silence, self.workload.config.jump_ns_max)
        return commands.AdvanceTime(time_ns=self.workload.now)
