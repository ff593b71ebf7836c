"""The part of the workload about makers: mass quotes, their protection and those who hit them, and
entries with a stop and a target."""

from engine.schema import bounds, commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from engine.schema.commands import MassQuote, Quote
from tests.oracle.raw import RawCommand, RawQuotes, replace_rows

INT8, INT16, INT32 = 2**7 - 1, 2**15 - 1, 2**31 - 1
WINDOWS = range(1, bounds.PROTECTIONS_MAX + 1)
SIDES = (words.BUY, words.SELL)


def group_of(account: int) -> int:
    """Two of those who quote most are in one group; from 10 on there are three."""
    if account < 10:
        return 5 if account == 6 else account
    return 10 + account % 3


class QuoteWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        self.last_kind = 0  # of the command whose events come next
        self.quotes: dict[tuple[int, int, int], int] = {}  # (account, contract, side): order id
        self.windows: dict[int, int] = {}  # by group: the one that it quotes in mostly
        self.tripped: set[tuple[int, int]] = set()
        self.wanted: tuple[int, int] = (0, 0)  # stop and target of the bracket that goes in
        self.entries: dict[int, tuple[int, int]] = {}  # by order id: stop and target

    def kinds(self) -> tuple[tuple, ...]:
        return (
            (self.mass_quote, 7),
            (self.hit, 5),
            (self.set_protection, 2),
            (self.raw_quotes, 0.7),
            (self.place_bracket, 7),
            (self.amend_entry, 1.5),
            (self.cancel_entry, 1),
        )

    def observe(self, records) -> None:
        for _, a, _, _, _, e, f, account, contract, kind in records:
            flags = f >> 16 & INT8
            if kind == events.ORDER_ACCEPTED and not flags & words.REDUCE_ONLY:
                if self.last_kind == commands.MASS_QUOTE:
                    self.quotes[account, contract, e] = a
                elif self.last_kind == commands.PLACE_BRACKET:
                    self.entries[a] = self.wanted
            elif kind == events.PROTECTION_TRIPPED:
                self.tripped.add((account, a))
        self.last_kind = 0

    # Makers.

    def some_maker(self) -> int:
        makers = sorted({account for account, _, _ in self.quotes})
        if makers and self.random.random() < 0.7:
            return self.random.choice(makers)
        opened = self.workload.opened
        return (
            self.random.choice(opened[:5] or [2])
            if self.random.random() < 0.6
            else (self.workload.some_account())
        )

    def window_of(self, account: int) -> int:
        """Makers change it now and then, and leave a tripped one alone mostly."""
        group = group_of(account)
        window = self.windows.setdefault(group, self.random.choice(WINDOWS))
        if self.random.random() < 0.05 or (account, window) in self.tripped:
            if self.random.random() < 0.6:
                self.windows[group] = self.random.choice(WINDOWS)
        return self.windows[group]

    def mass_quote(self):
        account = self.some_maker()
        numbers = list(self.workload.specs)
        chance = self.random.random()
        count = self.random.randrange(1, len(numbers) + 1)
        if chance < 0.2:
            count = self.random.randrange(1, 9)
        elif chance < 0.23:
            count = self.random.choice((63, 64))
        rows = tuple(self.row(account, self.random.choice(numbers)) for _ in range(count))
        self.last_kind = commands.MASS_QUOTE
        stps = (*range(4), words.STP_NONE)
        fields = {
            "protection": self.window_of(account),
            "session": self.random.choice((0, 0, 1, 2, 3)),
            "stp": self.random.choices(stps, (40, 20, 15, 15, 10))[0],
        }
        if self.random.random() < 0.04:
            name = self.random.choice(sorted(fields))
            fields[name] = self.random.choice((0, 5, 127, -1, -128))
        if self.random.random() < 0.02:
            account = self.random.choice((0, 1, -1, 900))
        return MassQuote(
            time_ns=self.workload.now,
            account=account,
            client_id=self.workload.client_id(account),
            rows=rows,
            **fields,
        )

    def present(self, account: int, number: int, side: int) -> tuple[int, int]:
        """Price and lots of the account's quote, as far as is known."""
        order = self.workload.live.get(self.quotes.get((account, number, side), 0))
        return (order.price, order.open) if order is not None else (0, 0)

    def row(self, account: int, number: int) -> Quote:
        spec, mark = self.workload.specs[number], self.workload.marks[number]
        random = self.random
        wide = max(2, mark // 100)
        bid, ask = mark - random.randrange(0, wide + 1), mark + random.randrange(0, wide + 1)
        sizes = [random.randrange(1, self.workload.typical_lots(spec)) for _ in SIDES]
        old = [self.present(account, number, side) for side in SIDES]
        chance = random.random()
        if all(price for price, _ in old) and chance < 0.75:
            (bid, sizes[0]), (ask, sizes[1]) = old
            if chance < 0.35:  # both ways, as far as the other one's old price and beyond
                step = random.choice((-1, 1)) * random.choice((1, 2, ask - bid, ask - bid + 1))
                bid, ask = bid + step, ask + step
            elif chance < 0.45:  # towards each other, or into each other
                bid, ask = bid + random.randrange(0, 3), ask - random.randrange(0, 3)
            if random.random() < 0.5:
                side = random.randrange(2)
                sizes[side] = max(1, sizes[side] + random.choice((-1, -5, 1, 7, -sizes[side] // 2)))
        for side in SIDES:
            if random.random() < 0.1:
                sizes[side] = 0
        if random.random() < 0.06:
            side = random.randrange(2)
            sizes[side] = random.choice((-1, -INT32, INT32, spec.order_lots_max, 1))
        if random.random() < 0.06:
            bid = random.choice((0, -1, 1, ask, ask + 1, INT32, spec.price_ticks_max))
        if random.random() < 0.06:
            ask = random.choice((0, -1, bid, bid - 1, INT32, mark * 2, spec.price_ticks_max))
        if random.random() < 0.03:
            number = random.choice((0, -1, 99, INT16))
        values = (max(-INT32, min(n, INT32)) for n in (bid, sizes[0], ask, sizes[1]))
        return Quote(number, *values)

    def raw_quotes(self):
        """The header says another number than there are, or something else stands among them."""
        whole = self.mass_quote()
        rows: list = list(whole.rows)[:9]
        now = self.workload.now
        quotes = len(rows) + self.random.choice((-1, 1, 1, 2, 60))
        chance = self.random.random()
        if chance < 0.2:
            quotes = self.random.choice((0, -1, 65, INT8, -128))
        elif chance < 0.6:
            alien = self.random.choice((RawCommand(19, now), commands.AdvanceTime(time_ns=now)))
            rows.insert(self.random.randrange(len(rows) + 1), alien)
        elif chance < 0.65:
            rows = [self.row(whole.account, self.workload.some_contract()) for _ in range(65)]
            quotes = 65
        # what comes next is no row, wherever the stream is cut
        self.workload.script = iter([self.workload.mass_cancel()])
        return RawQuotes(replace_rows(whole, ()), quotes, tuple(rows))

    def set_protection(self):
        account, window = self.some_maker(), self.random.choice(WINDOWS)
        if self.tripped and self.random.random() < 0.6:
            account, window = self.random.choice(sorted(self.tripped))
        elif self.random.random() < 0.5:
            window = self.window_of(account)
        self.tripped.discard((account, window))
        spec = self.workload.specs[self.workload.some_contract()]
        typical = self.workload.typical_lots(spec)
        fields = {
            "protection": window,
            "window_ns": self.random.choice((1, NS_PER_SECOND, 20 * NS_PER_SECOND, NS_PER_DAY)),
            "lots_max": self.random.choice((0, self.random.randrange(1, 3 * typical))),
            "fills_max": self.random.choice((0, 0, self.random.randrange(1, 6))),
            "net_lots_max": self.random.choice((0, self.random.randrange(1, 2 * typical))),
        }
        if self.random.random() < 0.08:
            wrong = {
                "protection": (0, 5, -1, INT8),
                "window_ns": (0, -1, NS_PER_DAY + 1, 2**63 - 1),
            }
            name = self.random.choice(sorted(fields))
            fields[name] = self.random.choice(wrong.get(name, (-1, -INT32, INT32)))
        return commands.SetProtection(
            time_ns=self.workload.now,
            account=account,
            client_id=self.workload.client_id(account),
            **fields,
        )

    def hit(self):
        """Somebody trades against a quote that is known: some of it, all, or more than there is."""
        known = [order_id for order_id in self.quotes.values() if order_id in self.workload.live]
        if not known:
            return self.mass_quote()
        quote = self.workload.live[self.random.choice(known)]
        spec = self.workload.specs[quote.contract]
        lots = quote.open * self.random.choice((1, 1, 2, 3)) + self.random.randrange(-3, 4)
        away = self.random.choice((0, 0, 1, max(1, quote.price // 100)))
        price = quote.price + (-away if quote.side == words.BUY else away)
        stp_last = words.STP_NONE if spec.stp_none_allowed else words.STP_DECREMENT
        account = self.workload.some_account()
        return commands.PlaceOrder(
            time_ns=self.workload.now,
            account=account,
            client_id=self.workload.client_id(account),
            contract=quote.contract,
            side=words.SELL if quote.side == words.BUY else words.BUY,
            lots=max(1, min(lots, spec.order_lots_max)),
            price_ticks=price,
            tif=self.random.choices((words.GTC, words.IOC, words.FOK), (3, 3, 4))[0],
            stp=self.random.randrange(stp_last + 1),
        )

    # Entries with a stop and a target.

    def place_bracket(self):
        """The entry is an order like any other; often a market one, that meets its own target."""
        order = self.workload.place()
        values = {name: getattr(order, name) for name in order.__struct_fields__}
        for name in ("linked_id", "display_lots", "trigger_ticks", "trail_bp", "trigger_source"):
            del values[name]
        if values["flags"] & (words.REDUCE_ONLY | words.CLOSE_POSITION):
            values["flags"] &= words.POST_ONLY | words.SLIDE
        values["lots"] = max(1, values["lots"])
        if values["order_type"] not in (words.LIMIT, words.MARKET):
            values["order_type"] = words.LIMIT
            if values["tif"] != words.GTD:
                values["expiry_ns"] = 0
        spec, mark = self.workload.specs[order.contract], self.workload.marks[order.contract]
        is_market = values["order_type"] == words.MARKET
        base = mark if is_market else values["price_ticks"]
        wide = self.random.choice((3, 3, max(4, mark // 50), max(5, mark // 8), max(5, mark // 3)))
        sign = 1 if values["side"] == words.BUY else -1
        stop = base - sign * self.random.randrange(1, wide)
        target = base + sign * self.random.randrange(1, wide)
        chance = self.random.random()
        if chance < 0.15:
            stop = 0
        elif chance < 0.3:
            target = 0
        source = self.random.choice((1, 1, 2, 3))
        if self.random.random() < 0.08:
            wrong = (0, base, base + sign, base - sign, -1, INT32, spec.price_ticks_max)
            stop, target = self.random.choice(wrong), self.random.choice((target, *wrong))
            source = self.random.choice((1, 0, 4, -1))
        elif self.random.random() < 0.04:
            bad = {"flags": (2, 8, 10, 5), "order_type": (2, 3, 6, 7), "tif": (5, 3), "lots": (0,)}
            name = self.random.choice(sorted(bad))
            values[name] = self.random.choice(bad[name])
        self.last_kind = commands.PLACE_BRACKET
        self.wanted = stop, target
        limits = (max(-INT32, min(price, INT32)) for price in (stop, target))
        values |= dict(zip(("stop_ticks", "target_ticks"), limits, strict=True))
        return commands.PlaceBracket(trigger_source=source, **values)

    def some_entry(self) -> tuple[int, int, int] | None:
        known = [order_id for order_id in self.entries if order_id in self.workload.live]
        if not known:
            return None
        order_id = self.random.choice(known)
        return (order_id, *self.entries[order_id])

    def amend_entry(self):
        """Past its target, or past its stop; more lots often."""
        found = self.some_entry()
        if found is None:
            return self.place_bracket()
        order_id, stop, target = found
        order = self.workload.live[order_id]
        price = self.random.choice((stop, target, target, order.price))
        price = max(1, price + self.random.randrange(-2, 3))
        return commands.AmendOrder(
            time_ns=self.workload.now,
            account=order.account,
            client_id=self.workload.client_id(order.account),
            order_id=order_id,
            price_ticks=min(price, INT32),
            lots=max(1, order.entered + self.random.choice((0, 0, 3, 10, -1))),
        )

    def cancel_entry(self):
        found = self.some_entry()
        if found is None:
            return self.place_bracket()
        order = self.workload.live[found[0]]
        return commands.CancelOrder(
            time_ns=self.workload.now,
            account=order.account,
            client_id=self.workload.client_id(order.account),
            order_id=found[0],
        )
