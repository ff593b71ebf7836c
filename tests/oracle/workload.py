"""A seeded stream of hostile commands. It watches the events that come back, so that it can name
live orders, lean on thin accounts and move prices where it hurts."""

import random
from collections.abc import Sequence

from engine.schema import bounds, commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from engine.schema.contract import Config
from tests.oracle.configurations import configs
from tests.oracle.order_flow import INT8, INT16, INT32, Live, OrderFlow
from tests.oracle.price_terms import START_NS
from tests.oracle.raw import RawCommand
from tests.oracle.values import size_of_lot
from tests.oracle.workload_backstop import BackstopWorkload
from tests.oracle.workload_collateral import CollateralWorkload
from tests.oracle.workload_eligibility import EligibilityWorkload
from tests.oracle.workload_fills import FillWorkload
from tests.oracle.workload_isolated import IsolatedWorkload
from tests.oracle.workload_leverage import LeverageWorkload
from tests.oracle.workload_listing import ListingWorkload
from tests.oracle.workload_portfolio import PortfolioWorkload
from tests.oracle.workload_prices import PriceWorkload, is_lone, within_prices
from tests.oracle.workload_quotes import QuoteWorkload, group_of
from tests.oracle.workload_settlement import SettlementWorkload
from tests.oracle.workload_settling import SettlingWorkload
from tests.oracle.workload_states import StateWorkload
from tests.oracle.workload_withdrawals import WithdrawalWorkload

__all__ = ["Workload", "configs"]

ACCOUNTS = range(2, 18)
FIRST_PRICES = {True: (100, 110, 90), False: (600_000, 250_000, 15_000)}  # by "is tiny"


class Workload(OrderFlow):
    def __init__(self, seed: int, config: Config) -> None:
        self.random = random.Random(seed)
        self.config = config
        self.now = START_NS
        self.specs = {spec.contract: spec for spec in config.contracts}
        self.prices = {}
        for number, spec in self.specs.items():
            is_tiny = spec.price_ticks_max <= 10_000
            self.prices[number] = FIRST_PRICES[is_tiny][(number - 1) % 3]
        self.marks = dict(self.prices)
        self.listing = ListingWorkload(self)
        self.frozen = set(self.specs) - set(self.listing.waiting())
        self.live: dict[int, Live] = {}
        self.lots: dict[tuple[int, int], int] = {}
        self.cash: dict[int, int] = {}
        self.client_ids = dict.fromkeys(ACCOUNTS, 0)
        self.opened: list[int] = []
        self.closing: set[int] = set()  # accounts in liquidation
        self.stops: list[tuple[int, int]] = []  # kill switches that are on: scope and number
        self.script = self.opening()
        self.quoting = QuoteWorkload(self)
        self.trading_states = StateWorkload(self)
        self.settling = SettlingWorkload(self, seed)
        self.pricing = PriceWorkload(self)
        self.isolating = IsolatedWorkload(self)
        self.leverage = LeverageWorkload(self)
        self.eligibility = EligibilityWorkload(self)
        self.backstop = BackstopWorkload(self)
        self.collateral = CollateralWorkload(self)
        self.withdrawals = WithdrawalWorkload(self)
        self.portfolios = PortfolioWorkload(self)
        self.settlement = SettlementWorkload(self)
        self.fills = FillWorkload(self)
        self.kinds = (
            (self.place, 50),
            (self.publish, 15),
            (self.shock, 1),
            (self.cancel, 5),
            (self.amend, 9),
            (self.mass_cancel, 2),
            (self.set_heartbeat, 1),
            (self.cancel_session, 1),
            (self.stop, 1),
            (self.crowd, 1),
            (self.withdraw, 4),
            (self.deposit, 8),
            (self.repeat_client_id, 1),
            (self.nonsense, 3),
            (self.advance, 1),
            (self.release, 1),
            *self.quoting.kinds(),
            *self.trading_states.kinds(),
            *self.pricing.kinds(),
            *self.isolating.kinds(),
            *self.leverage.kinds(),
            *self.eligibility.kinds(),
            *self.backstop.kinds(),
            *self.collateral.kinds(),
            *self.withdrawals.kinds(),
            *self.listing.kinds(),
            *self.portfolios.kinds(),
            *self.settlement.kinds(),
            *self.fills.kinds(),
        )

    # What comes back.

    def observe(self, records: Sequence[tuple[int, ...]]) -> None:
        self.isolating.observe(records)
        self.leverage.observe(records)
        self.quoting.observe(self.isolating.by_owner(records))
        self.trading_states.observe(records)
        self.settling.observe(records)
        self.pricing.observe(records)
        self.eligibility.observe(records)
        self.backstop.observe(records)
        self.collateral.observe(records)
        self.withdrawals.observe(records)
        self.listing.observe(records)
        self.portfolios.observe(records)
        self.settlement.observe(records)
        for _, a, b, c, d, e, f, number, contract, kind in records:
            account = self.isolating.owner(number)
            if kind == events.ORDER_ACCEPTED:
                is_reduce_only = bool(f >> 16 & words.REDUCE_ONLY)
                self.live[a] = Live(account, contract, e, c, d, d, is_reduce_only)
            elif kind == events.ORDER_ARMED:
                self.live[a].is_waiting = True
            elif kind == events.ORDER_TRIGGERED and a in self.live:
                self.live[a].is_waiting = False
            elif kind == events.TRADE:
                self.fill(c, b)
                self.fill(d, b)
            elif kind == events.ORDER_CANCELLED:
                self.live.pop(a, None)
            elif kind == events.ORDER_REDUCED and a in self.live:
                self.live[a].open = f
            elif kind == events.ORDER_AMENDED and a in self.live:
                order = self.live[a]
                order.entered += d - order.open
                order.price, order.open = c, d
            elif kind == events.LEG:
                self.lots[account, contract] = b
                self.cash[number] = f
            elif kind == events.ACCOUNT_OPENED:
                self.opened.append(account)
            elif kind == events.LIQUIDATION_STARTED:
                self.closing.add(number)
            elif kind == events.LIQUIDATION_ENDED:
                self.closing.discard(number)
            elif kind in (events.DEPOSITED, events.WITHDRAWAL_RESERVED):
                self.cash[account] = c
            elif kind == events.ORDERS_LINKED:
                for order_id in (a, b):
                    if order_id in self.live:
                        self.live[order_id].is_linked = True
            elif kind == events.TRADING_STOPPED:
                self.stops.append((a, b))
            elif kind == events.TRADING_RELEASED:
                self.stops.remove((a, b))
            elif kind == events.MARK_PUBLISHED:
                self.marks[contract] = a
            elif kind == events.STATE_CHANGED:
                self.frozen.discard(contract)
                if b == words.STATE_FROZEN:
                    self.frozen.add(contract)

    def fill(self, order_id: int, lots: int) -> None:
        order = self.live.get(order_id)
        if order is not None:
            order.open -= lots
            if order.open <= 0:
                del self.live[order_id]

    # What goes in.

    def next_command(self):
        command = next(self.script, None)
        if command is not None:
            return command
        end = self.settling.next_script()
        if end is not None:
            self.script = end
            return self.next_command()
        self.move_clock()
        if self.random.random() < 0.006:
            self.script = self.squeeze()
        if self.frozen and self.random.random() < 0.6:
            return self.publish(self.random.choice(sorted(self.frozen)))
        if self.stops and self.random.random() < 0.1:
            return self.release_stop()
        makers, weights = zip(*self.kinds, strict=True)
        return self.random.choices(makers, weights)[0]()

    def opening(self):
        """Accounts in shared groups, their first money, and every source's first price."""
        for account in ACCOUNTS:
            kind = {2: words.KIND_LIQUIDITY_PROVIDER, 3: words.KIND_AFFILIATE}.get(account, 0)
            yield commands.OpenAccount(
                time_ns=self.now,
                account=account,
                owner=account,
                group=group_of(account),
                account_kind=kind,
            )
        for account in ACCOUNTS:
            amount = self.some_money() * (20 if account < 6 else 1)
            yield commands.Deposit(time_ns=self.now, account=account, amount=amount)
        yield from self.eligibility.opening(ACCOUNTS)
        yield from self.backstop.opening()
        yield from self.collateral.opening()
        yield from self.listing.opening()
        yield from self.portfolios.opening()
        for number, spec in self.specs.items():
            for source in range(1, len(spec.sources) + 1):
                yield commands.PublishPrice(
                    time_ns=self.now,
                    source=source,
                    contract=number,
                    price_ticks=self.pricing.said(number, source, self.prices[number]),
                )

    def move_clock(self) -> None:
        chance = self.random.random()
        if chance < 0.6:
            self.now += self.random.randrange(0, 50_000_000)
        elif chance < 0.97:
            self.now += self.random.randrange(0, 3 * NS_PER_SECOND)
        elif chance < 0.995:
            self.now += self.random.randrange(0, 40 * NS_PER_SECOND)
        else:
            self.now += self.config.stamp_ahead_ns_max

    def some_contract(self) -> int:
        return self.settling.some_contract()

    def some_account(self) -> int:
        if self.closing - {words.FUND} and self.random.random() < 0.15:
            closing = self.random.choice(sorted(self.closing - {words.FUND}))
            return self.isolating.owner(closing)
        return self.random.choice(self.opened or list(ACCOUNTS))

    def lot_size(self, number: int) -> int:
        return size_of_lot(self.specs[number], self.marks[number])

    def some_money(self) -> int:
        """Worth some lots at the initial rate: accounts stay thin."""
        spec = self.specs[self.some_contract()]
        typical = max(1, self.lot_size(spec.contract) * self.typical_lots(spec) // 40)
        return self.random.randrange(1, self.random.choice((2, 4, 20)) * typical + 2)

    def typical_lots(self, spec) -> int:
        return 40 if spec.price_ticks_max <= 10_000 else 400

    def withdraw(self):
        account = self.some_account()
        cash = self.cash.get(account, 0)
        amounts = (cash, cash // 2, cash // 10, 1, self.some_money())
        amount = self.random.choice(amounts)
        if self.random.random() < 0.05:
            amount = self.random.choice((0, -1, 2**59, 2**59 + 1, 2**63 - 1))
        return commands.Withdraw(
            time_ns=self.now, account=account, client_id=self.client_id(account), amount=amount
        )

    def deposit(self):
        chance = self.random.random()
        ledger, account, amount = words.LEDGER_CLIENT, self.some_account(), self.some_money()
        if chance < 0.03:
            ledger = self.random.choice((words.LEDGER_FUND, words.LEDGER_HOUSE))
            amount = amount // self.random.choice((4, 1_000, 100_000, 100_000)) + 1
        elif chance < 0.08:
            amount = self.random.choice((0, -7, 2**59, 2**63 - 1, -(2**63)))
        elif chance < 0.11:
            account = self.random.choice((0, 1, -1, 999, INT32))
        elif chance < 0.13:
            ledger = self.random.choice((3, -1, INT8))
        return commands.Deposit(time_ns=self.now, account=account, ledger=ledger, amount=amount)

    # Prices.

    def next_price(self, number: int) -> int:
        """A random walk with jumps, drawn back to where it began."""
        price, spec = self.prices[number], self.specs[number]
        is_tiny = spec.price_ticks_max <= 10_000
        start = FIRST_PRICES[is_tiny][(number - 1) % 3]
        chance = self.random.random()
        if chance < 0.8:
            size = max(1, price // 400)
        elif chance < 0.97:
            size = max(2, price // 40)
        else:
            size = max(3, price // 5)
        price += self.random.randrange(-size, size + 1)
        if self.random.random() < abs(price - start) / start:
            price += (start - price) // 3
        self.prices[number] = within_prices(spec, price)
        return self.prices[number]

    def publish(self, number: int = 0):
        number = number or self.some_contract()
        spec = self.specs[number]
        source = self.random.randrange(1, len(spec.sources) + 1)
        fields = {"contract": number, "price_ticks": self.quote_of(number, source)}
        for suffix, chance in (("_2", 0.4), ("_3", 0.25)):
            other = self.some_contract()
            is_known = source <= len(self.specs[other].sources)
            if self.random.random() < (chance if is_known else 0.02):
                fields["contract" + suffix] = other
                fields["price_ticks" + suffix] = self.quote_of(other, source)
        if self.random.random() < 0.02:
            below = [spec.price_ticks_min - 1] if spec.price_ticks_min > 1 else []
            fields["price_ticks"] = self.random.choice((0, -1, INT32, *below))
        if self.random.random() < 0.02:
            source = self.random.choice((0, -1, 9, INT8))
        if self.random.random() < 0.01:
            fields["contract"] = self.random.choice((0, -1, 99, INT16))
        return commands.PublishPrice(time_ns=self.now, source=source, **fields)

    def crowd(self):
        self.script = self.crowds()
        return next(self.script)

    def shock(self):
        self.script = self.shocks()
        return next(self.script)

    def shocks(self):
        """All contracts jump at once, each its own way, in every source: hedges break (9.7, 9.8).
        Where sources are many the jump stays below what makes them outliers."""
        numbers = self.random.sample(list(self.specs), len(self.specs))
        prices = {}
        for number in numbers:
            spec, price = self.specs[number], self.prices[number]
            jumps = (60, 120, 250) if is_lone(spec) else (6, 20, 40)
            price += price * self.random.choice((-1, 1)) * self.random.choice(jumps) // 1_000
            prices[number] = self.prices[number] = within_prices(spec, price)
        for source in range(1, max(len(spec.sources) for spec in self.specs.values()) + 1):
            fields = {}
            known = [n for n in numbers if source <= len(self.specs[n].sources)]
            for suffix, number in zip(("", "_2", "_3"), known, strict=False):
                fields["contract" + suffix] = number
                fields["price_ticks" + suffix] = self.pricing.said(number, source, prices[number])
            yield commands.PublishPrice(time_ns=self.now, source=source, **fields)

    def squeeze(self):
        """The hedgers, too, stand thin; then the jump."""
        yield from self.thin_out()
        for _ in range(self.random.choice((1, 1, 2))):
            yield from self.shocks()
        for account in self.opened:
            if self.random.random() < 0.7:
                amount = 3 * self.some_money()
                yield commands.Deposit(time_ns=self.now, account=account, amount=amount)

    def thin_out(self):
        """Everyone takes out what he can, which is nothing where there is no continuous trading."""
        yield from self.trading_states.open_all()
        yield from self.withdrawals.most_confirmed()
        for account in self.opened:
            for share in (2, 3, 8):
                amount = self.cash.get(account, 0) // share
                if amount > 0 and any(self.lots.get((account, n)) for n in self.specs):
                    yield commands.Withdraw(
                        time_ns=self.now,
                        account=account,
                        client_id=self.client_id(account),
                        amount=amount,
                    )

    def quote(self, number: int) -> int:
        """With several sources the walk moves slowly, and single sources stray."""
        spec = self.specs[number]
        if is_lone(spec):
            return self.next_price(number)
        if self.random.random() < 0.3:
            self.next_price(number)
        return self.stray(number, 2_000 if self.random.random() < 0.95 else 12)

    def stray(self, number: int, share: int) -> int:
        """Near the walk."""
        price = self.prices[number]
        wide = price // share
        price += self.random.randrange(-wide - 1, wide + 2)
        return within_prices(self.specs[number], price)

    def quote_of(self, number: int, source: int) -> int:
        """What one source says; other venues' perpetuals stray, and move nothing."""
        if source > len(self.specs[number].sources):
            return self.quote(number)
        if self.pricing.source(number, source).kind == words.SOURCE_PERPETUAL:
            return self.stray(number, self.random.choice((400, 60, 25, 8)))
        return self.pricing.said(number, source, self.quote(number))

    # Hostile and rare.

    def repeat_client_id(self):
        account = self.some_account()
        last = self.client_ids.get(account, 0)
        ids = (last, last - 1, last - 2, last - 63, last - 64, last - 500, 0, -1, 2**62 + 1)
        return commands.MassCancel(
            time_ns=self.now, account=account, client_id=self.random.choice(ids), contract=0
        )

    def nonsense(self):
        chance = self.random.random()
        if chance < 0.1:
            kind = self.random.choice((0, 16, 15, 20, 60, -3, 99))
            return RawCommand(21 if kind in commands.BY_KIND else kind, self.now)
        if chance < 0.2:
            stamps = (self.now - 1, -1, 0, self.now + 61 * NS_PER_SECOND, 2**62 + 1, 2**63 - 1)
            stamp = self.random.choice(stamps)
            return commands.AdvanceTime(time_ns=stamp) if stamp > 2**62 else RawCommand(20, stamp)
        if chance < 0.35:
            return commands.OpenAccount(
                time_ns=self.now,
                account=self.random.choice((-1, 0, 1, 2, 18, bounds.ACCOUNTS_MAX + 1, INT32)),
                owner=self.random.choice((1, 0, -1)),
                group=self.random.choice((1, 0, -1)),
                account_kind=self.random.choice((0, 1, 2, 3, 4, -1)),
            )
        return self.bent_order()

    def advance(self):
        """Time jumps, over several funding intervals now and then; the operator alone may."""
        if self.random.random() < 0.3:
            interval = self.random.choice(self.config.contracts).funding_interval_ns
            jump = min(self.random.randrange(1, 3) * interval, self.config.jump_ns_max)
            self.now += min(jump, self.settling.patience())
        else:
            self.now += self.random.randrange(0, 100 * NS_PER_SECOND)
        return commands.AdvanceTime(time_ns=self.now)

    def release(self):
        return commands.ReleaseWithdrawals(time_ns=self.now)
