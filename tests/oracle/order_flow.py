"""The part of the workload that places, changes and cancels orders: good ones mostly, and every
kind of bad one."""

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass

from engine.schema import commands
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND, PPB
from engine.schema.contract import Config, Contract
from tests.oracle.values import size_of_lot

INT8, INT16, INT32 = 2**7 - 1, 2**15 - 1, 2**31 - 1
LIMIT_TYPES = (words.LIMIT, words.STOP_LIMIT, words.TAKE_LIMIT)
PLAIN_TRIGGERS = (words.STOP_LIMIT, words.STOP_MARKET, words.TAKE_LIMIT, words.TAKE_MARKET)
STOPS = (words.STOP_LIMIT, words.STOP_MARKET)
RESTING_TIFS = (words.GTC, words.GTD, words.DAY)
SLICES_MAX = 1_000  # of an iceberg


@dataclass(slots=True)
class Live:
    account: int
    contract: int
    side: int
    price: int
    open: int
    entered: int
    is_reduce_only: bool
    is_waiting: bool = False
    is_linked: bool = False


class OrderFlow(ABC):
    """What it knows of the exchange is filled in by the workload."""

    random: random.Random
    config: Config
    now: int
    specs: dict[int, Contract]
    marks: dict[int, int]
    lots: dict[tuple[int, int], int]
    live: dict[int, Live]
    client_ids: dict[int, int]
    stops: list[tuple[int, int]]

    @abstractmethod
    def some_account(self) -> int: ...

    @abstractmethod
    def some_contract(self) -> int: ...

    @abstractmethod
    def typical_lots(self, spec: Contract) -> int: ...

    def client_id(self, account: int) -> int:
        self.client_ids[account] = self.client_ids.get(account, 0) + self.random.choice((1, 1, 3))
        return self.client_ids[account]

    def plain_order(
        self, number: int, account: int, side: int, lots: int, price: int, tif: int = words.GTC
    ) -> commands.PlaceOrder:
        """A plain limit order."""
        return commands.PlaceOrder(
            time_ns=self.now,
            account=account,
            client_id=self.client_id(account),
            contract=number,
            side=side,
            lots=lots,
            price_ticks=price,
            tif=tif,
        )

    def some_lots(self, number: int, account: int) -> int:
        spec = self.specs[number]
        chance = self.random.random()
        held = abs(self.lots.get((account, number), 0))
        if held and chance < 0.2:
            return min(held + self.random.randrange(-1, 2), spec.order_lots_max) or 1
        if chance < 0.9:
            return self.random.randrange(1, self.typical_lots(spec))
        return self.random.randrange(1, spec.order_lots_max + 1)

    def some_price(self, number: int, side: int) -> int:
        """Near the mark mostly, often crossing; sometimes at the far end of the band."""
        mark, spec = self.marks[number], self.specs[number]
        chance = self.random.random()
        if chance < 0.4:  # behind the touch: orders that rest
            away = self.random.randrange(1, max(4, mark // 40))
            return max(1, min(mark - away if side == words.BUY else mark + away, INT32))
        if chance < 0.9:
            spread = max(3, mark // 150)
        else:
            spread = max(3, mark * spec.band_static_ppb // PPB)
        price = mark + self.random.randrange(-spread, spread + 1)
        return max(1, min(price, spec.price_ticks_max))

    # One order, its terms added one after the other.

    def place(self):
        account, number = self.some_account(), self.some_contract()
        held = self.lots.get((account, number), 0)
        terms: dict[str, int] = {"side": self.random.randrange(2), "flags": 0}
        if held and self.random.random() < 0.35:
            terms["flags"] |= words.REDUCE_ONLY
            terms["side"] = words.SELL if held > 0 else words.BUY
        terms["lots"] = self.some_lots(number, account)
        self.add_type(terms, number)
        self.add_tif(terms)
        self.add_flags(terms)
        self.add_display(terms, number)
        if self.random.random() < 0.3:
            terms["session"] = self.random.randrange(1, 4)
        if self.random.random() < 0.15:
            terms["linked_id"] = self.some_sibling(account, number)
        stp_last = words.STP_NONE if self.specs[number].stp_none_allowed else words.STP_DECREMENT
        return commands.PlaceOrder(
            time_ns=self.now,
            account=account,
            client_id=self.client_id(account),
            contract=number,
            price_ticks=self.some_price(number, terms["side"]),
            stp=self.random.randrange(stp_last + 1),
            **terms,
        )

    def add_type(self, terms: dict[str, int], number: int) -> None:
        chance = self.random.random()
        terms["order_type"] = words.LIMIT
        if chance < 0.1:
            terms["order_type"] = words.MARKET
        elif chance < 0.25:
            terms["order_type"] = self.random.choice(PLAIN_TRIGGERS)
            terms["trigger_source"] = self.random.randrange(1, 4)
            terms["trigger_ticks"] = self.some_trigger(terms, number)
        elif chance < 0.30:
            terms["order_type"] = words.TRAILING_MARKET
            terms["trigger_source"] = self.random.randrange(1, 4)
            is_tiny = self.specs[number].price_ticks_max <= 10_000
            wide = (50, 100, 200, 300, 1_000) if is_tiny else (1, 10, 30, 100, 9_999)
            terms["trail_bp"] = self.random.choice(wide)

    def some_trigger(self, terms: dict[str, int], number: int) -> int:
        """On the side of the mark from which it can be reached, seldom beyond it."""
        mark = self.marks[number]
        away = self.random.randrange(1, max(4, mark // 60))
        is_stop = terms["order_type"] in STOPS
        is_above = is_stop == (terms["side"] == words.BUY)
        if self.random.random() < 0.1:
            is_above = not is_above
        price = mark + away if is_above else mark - away
        return max(1, min(price, self.specs[number].price_ticks_max))

    def add_tif(self, terms: dict[str, int]) -> None:
        immediate = (words.IOC, words.FOK)
        if terms["order_type"] not in LIMIT_TYPES:
            terms["tif"] = self.random.choices(immediate, (75, 25))[0]
        else:
            tifs = (*RESTING_TIFS, *immediate)
            terms["tif"] = self.random.choices(tifs, (56, 14, 5, 17, 8))[0]
        is_waiting = terms["order_type"] not in (words.LIMIT, words.MARKET)
        may_expire = is_waiting and terms["tif"] != words.DAY and self.random.random() < 0.3
        if terms["tif"] == words.GTD or may_expire:
            spans = (5, 60, 600, 100_000)
            span = self.random.choice(spans) * NS_PER_SECOND
            terms["expiry_ns"] = self.now + self.random.randrange(1, span)
            if self.random.random() < 0.1:  # several in one instant
                terms["expiry_ns"] = (self.now // (60 * NS_PER_SECOND) + 1) * 60 * NS_PER_SECOND

    def add_flags(self, terms: dict[str, int]) -> None:
        may_rest = terms["order_type"] in LIMIT_TYPES and terms["tif"] in RESTING_TIFS
        chance = self.random.random()
        if may_rest and chance < 0.2:
            terms["flags"] |= words.POST_ONLY
            if chance < 0.1:
                terms["flags"] |= words.SLIDE
        elif chance > 0.9:
            is_reducing = terms["flags"] & words.REDUCE_ONLY
            if is_reducing or self.random.random() < 0.1:
                terms["flags"] |= words.CLOSE_POSITION
                terms["lots"] = self.random.choice((terms["lots"], 0))

    def add_display(self, terms: dict[str, int], number: int) -> None:
        """Some parts mostly; where lots are many, as many slices as there may be, or more."""
        may_rest = terms["order_type"] in LIMIT_TYPES and terms["tif"] in RESTING_TIFS
        is_whole = terms["flags"] & words.CLOSE_POSITION
        if may_rest and not is_whole and self.random.random() < 0.25:
            parts = self.random.choice((1, 2, 3, 5))
            terms["display_lots"] = max(1, terms["lots"] // parts)
            if self.specs[number].order_lots_max > SLICES_MAX and self.random.random() < 0.15:
                terms["display_lots"] = self.random.choice((1, 1, 2))
                most = SLICES_MAX * terms["display_lots"]
                terms["lots"] = most + self.random.choice((-9, 0, 0, 1, 50))

    def some_sibling(self, account: int, number: int) -> int:
        """An order of this account and contract; seldom somebody else's, or none."""
        own = [
            order_id
            for order_id, order in self.live.items()
            if order.account == account and order.contract == number
            if not order.is_linked or self.random.random() < 0.05
        ]
        chance = self.random.random()
        if chance < 0.9:
            return self.random.choice(own or [0])
        return self.random.choice((-1, 1, 2**32 + 1, *self.live))

    def crowds(self):
        """Two accounts crowd one price and one trigger with small orders, until limits stop them;
        whatever sets one of them off sets off all."""
        number, side = self.some_contract(), self.random.randrange(2)
        spec, mark = self.specs[number], self.marks[number]
        lots = spec.order_lots_min + self.random.randrange(3)
        price = self.some_price(number, side)
        accounts = [self.some_account(), self.some_account()]
        for account in accounts:
            money = 3 * lots * size_of_lot(spec, mark)
            yield commands.Deposit(time_ns=self.now, account=account, amount=money)
        for _ in range(self.random.randrange(4, 14)):
            self.now += self.random.randrange(0, NS_PER_SECOND)
            account = self.random.choice(accounts)
            terms = {"side": side, "lots": lots, "price_ticks": price}
            if self.random.random() < 0.5:
                terms["order_type"] = self.random.choice((words.STOP_LIMIT, words.STOP_MARKET))
                terms["trigger_source"] = self.random.randrange(1, 4)
                terms["trigger_ticks"] = self.some_trigger(terms, number)
                if terms["order_type"] == words.STOP_MARKET:
                    terms["tif"] = words.IOC
            if self.random.random() < 0.3:
                terms["flags"] = words.REDUCE_ONLY
            yield commands.PlaceOrder(
                time_ns=self.now,
                account=account,
                client_id=self.client_id(account),
                contract=number,
                **terms,
            )

    # Changing and cancelling.

    def some_order(self) -> tuple[int, Live] | None:
        if not self.live:
            return None
        return self.random.choice(list(self.live.items()))

    def cancel(self):
        found = self.some_order()
        if found is None or self.random.random() < 0.1:
            account = self.some_account()
            order_id = self.random.choice((0, -1, 1, 2**32 + 1, 2**62, 7 << 32 | 3))
        else:
            order_id, order = found
            account = order.account
        return commands.CancelOrder(
            time_ns=self.now,
            account=account,
            client_id=self.client_id(account),
            order_id=order_id,
        )

    def amend(self):
        found = self.some_order()
        if found is not None and found[1].is_waiting and self.random.random() < 0.8:
            found = self.some_order()
        if found is None:
            return self.place()
        order_id, order = found
        chance = self.random.random()
        price, lots = order.price, order.entered
        if chance < 0.25:
            lots -= self.random.randrange(0, order.open + 2)
        elif chance < 0.35:
            lots += self.random.randrange(0, 20)
        elif chance < 0.41:  # below the least that an order may have, or be worth
            lots = self.random.randrange(1, 6)
        elif chance < 0.9:
            price = self.some_price(order.contract, order.side)
            lots += self.random.choice((0, 0, 0, -1, 5))
        else:
            price = self.random.choice((0, -5, INT32, self.marks[order.contract] * 3))
            lots = self.random.choice((lots, 0, -1, INT32))
        return commands.AmendOrder(
            time_ns=self.now,
            account=order.account,
            client_id=self.client_id(order.account),
            order_id=order_id,
            price_ticks=max(-INT32, min(price, INT32)),
            lots=max(-INT32, min(lots, INT32)),
        )

    def mass_cancel(self):
        account = self.some_account()
        numbers = [0, *self.specs, len(self.specs) + 1, -1]
        return commands.MassCancel(
            time_ns=self.now,
            account=account,
            client_id=self.client_id(account),
            contract=self.random.choice(numbers),
            sides=self.random.choices((0, 1, 2, 3, -1), (50, 22, 22, 3, 3))[0],
        )

    def set_heartbeat(self):
        """Armed for a while, now and then sent again in time, sometimes disarmed."""
        account = self.some_account()
        timeouts = [0, NS_PER_SECOND, 10 * NS_PER_SECOND, 60 * NS_PER_SECOND, NS_PER_DAY]
        timeout = self.random.choice(timeouts)
        if 0 < timeout < NS_PER_DAY:
            timeout = self.random.randrange(1, timeout + 1)
        if self.random.random() < 0.1:
            timeout = self.random.choice((-1, NS_PER_DAY + 1, 2**63 - 1))
        return commands.SetHeartbeat(
            time_ns=self.now,
            account=account,
            client_id=self.client_id(account),
            timeout_ns=timeout,
        )

    def cancel_session(self):
        account = self.some_account()
        sessions = (1, 2, 3, 127, 0, -1)
        return commands.CancelSession(
            time_ns=self.now,
            account=account,
            client_id=self.client_id(account),
            session=self.random.choices(sessions, (30, 30, 30, 4, 3, 3))[0],
        )

    def stop(self):
        scope = self.random.choices((1, 2, 3, 4, 0, 5), (45, 25, 8, 8, 7, 7))[0]
        numbers = {
            words.SCOPE_ACCOUNT: self.some_account(),
            words.SCOPE_GROUP: self.random.randrange(2, 13),
            words.SCOPE_CONTRACT: self.some_contract(),
        }
        number = numbers.get(scope, 0)
        if self.random.random() < 0.15:
            number = self.random.choice((0, 1, -1, 99, INT32))
        return commands.StopTrading(time_ns=self.now, scope=scope, number=number)

    def release_stop(self):
        scope, number = self.random.choice(self.stops)
        if self.random.random() < 0.1:
            scope, number = self.random.choice(((4, 0), (1, 2), (2, 11), (3, 1), (0, 0), (9, -1)))
        return commands.ReleaseTrading(time_ns=self.now, scope=scope, number=number)

    # Hostile.

    def bent_order(self):
        """A good order with one or two fields out of range."""
        order = self.place()
        values = {name: getattr(order, name) for name in order.__struct_fields__}
        spec = self.specs[order.contract]
        wrong = {
            "contract": (0, -1, len(self.specs) + 1, INT16),
            "order_type": (2, 7, -1, INT8),
            "side": (2, -1, INT8),
            "tif": (3, 4, 5, -1, INT8),
            "flags": (4, 5, 8, 9, 12, 16, 64, -1, 3, INT8),
            "stp": (4, 5, -1, INT8),
            "lots": (0, -1, 1, INT32, -INT32, spec.order_lots_max),
            "price_ticks": (0, -1, INT32, spec.price_ticks_max, 1),
            "account": (0, 1, -1, INT32, 900),
            "client_id": (0, -1, 2**63 - 1),
            "display_lots": (1, -1, order.lots, order.lots + 1, INT32),
            "trigger_source": (0, 1, 3, 4, -1),
            "trigger_ticks": (0, 1, -1, spec.price_ticks_max, INT32),
            "trail_bp": (0, 1, 9_999, 10_000, -1),
            "expiry_ns": (0, -1, self.now, self.now + 1, 2**63 - 1),
            "session": (127, -1),
            "linked_id": (-1, 1, 2**32 + 1, *list(self.live)[:3]),
        }
        for name in self.random.sample(sorted(wrong), self.random.choice((1, 1, 2))):
            values[name] = self.random.choice(wrong[name])
        return commands.PlaceOrder(**values)
