"""The part of the workload about the value of fills: positions with next to nothing behind them
that are closed beside the mark, in one fill or in many, each rounded by itself (1.2, 9.0)."""

from collections.abc import Iterator

from engine.schema import commands
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract
from tests.oracle.accounts import bracket_margin, brackets_of
from tests.oracle.rounding import ceil_div
from tests.oracle.values import size_of_fill, size_of_lot, value_of_fill, value_of_lot
from tests.oracle.workload_prices import within_prices

TERMS = ((words.IOC, 4), (words.FOK, 3), (words.GTC, 2))


def maintenance_of(spec: Contract, lots: int, price: int) -> int:
    brackets = brackets_of(spec, [tier.rate_maintenance_ppb for tier in spec.tiers])
    return bracket_margin(brackets, lots * size_of_lot(spec, price))


def admission_of(spec: Contract, lots: int, price: int) -> int:
    """About what an order of these lots needs at the mark: a little more than that."""
    size = max(size_of_fill(spec, lots, price), lots * size_of_lot(spec, price))
    rate = max(t.rate_initial_ppb for t in spec.tiers if t.floor_value <= size)
    return size * (rate + 2 * spec.fee_taker_ppb) // PPB + 2 + lots // 2


class FillWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers; silent
    where nothing is rounded per fill."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        specs = workload.specs.items()
        self.rounded = [n for n, s in specs if s.rounding == words.ROUNDING_PER_FILL]

    def kinds(self) -> tuple[tuple, ...]:
        return ((self.close_thin, 3),) if self.rounded else ()

    def close_thin(self):
        self.workload.script = self.closed_thin(self.random.choice(self.rounded))
        return next(self.workload.script)

    def newcomer(self) -> int:
        self.workload.settling.newest += 1
        return int(self.workload.settling.newest)

    def enter(self, account: int, amount: int) -> Iterator:
        now = self.workload.now
        yield commands.OpenAccount(time_ns=now, account=account, owner=account, group=account)
        yield commands.Deposit(time_ns=now, account=account, amount=amount)

    def prices(self, number: int, price: int) -> Iterator:
        self.workload.prices[number] = price
        for source in range(1, len(self.workload.specs[number].sources) + 1):
            yield commands.PublishPrice(
                time_ns=self.workload.now,
                source=source,
                contract=number,
                price_ticks=self.workload.pricing.said(number, source, price),
            )

    def worst_price(self, spec: Contract, sign: int, lots: int, mark: int, cash: int) -> int:
        """The one farthest from the mark at which the position does not break yet."""
        entry = sign * value_of_fill(spec, lots, mark)
        price = mark
        while spec.price_ticks_min < price - sign < spec.price_ticks_max:
            equity = cash + sign * lots * value_of_lot(spec, price - sign) - entry
            if equity < maintenance_of(spec, lots, price - sign):
                break
            price -= sign
        return price

    def edge(self, spec: Contract, sign: int, lots: int, mark: int, equity: int) -> int:
        """The first price at which all lots in one fill would cost more than there is."""
        price, at_mark = mark, lots * value_of_lot(spec, mark)
        while spec.price_ticks_min < price < spec.price_ticks_max:
            if sign * (at_mark - value_of_fill(spec, lots, price)) > equity:
                break
            price -= sign
        return price

    def closed_thin(self, number: int) -> Iterator:
        """One that bought or sold at the mark; the price goes against it; others offer to take the
        position a little beyond, or it waits there for them."""
        spec, mark = self.workload.specs[number], self.workload.marks[number]
        side = self.random.randrange(2)
        sign = 1 if side == words.BUY else -1
        lots = self.random.randrange(5, self.workload.typical_lots(spec) + 20)
        cash = admission_of(spec, lots, mark)
        thin, other, third = (self.newcomer() for _ in range(3))
        yield from self.alone(number)
        yield from self.enter(thin, cash)
        for account in (other, third):
            yield from self.enter(account, 2 * lots * size_of_lot(spec, mark))
        order = self.workload.plain_order
        yield order(number, other, 1 - side, lots, mark)
        yield order(number, thin, side, lots, mark)
        worst = self.worst_price(spec, sign, lots, mark, cash)
        equity = cash + sign * lots * value_of_lot(spec, worst)
        equity -= sign * value_of_fill(spec, lots, mark)
        beyond = self.edge(spec, sign, lots, worst, equity)
        beyond = within_prices(spec, beyond + sign * self.random.choice((-2, -1, 0, 0, 0, 1, 3)))
        is_maker = self.random.random() < 0.3
        if is_maker:
            yield self.closing(number, thin, 1 - side, lots, beyond, words.GTC)
        yield from self.prices(number, worst)
        yield from self.offers(number, third, side, lots, beyond, is_maker)
        tifs, weights = zip(*TERMS, strict=True)
        if not is_maker:
            tif = self.random.choices(tifs, weights)[0]
            yield self.closing(number, thin, 1 - side, lots, beyond, tif)
        if self.random.random() < 0.5:  # what is left of it breaks
            yield from self.prices(number, within_prices(spec, worst - sign))
        yield commands.SetBand(
            time_ns=self.workload.now, contract=number, low_ticks=0, high_ticks=0
        )

    def alone(self, number: int) -> Iterator:
        """Nobody else's orders, and no dynamic band, for as long as it takes."""
        now, spec = self.workload.now, self.workload.specs[number]
        for kind in (commands.StopTrading, commands.ReleaseTrading):
            yield kind(time_ns=now, scope=words.SCOPE_CONTRACT, number=number)
        yield from self.workload.trading_states.open_all()
        yield commands.SetBand(
            time_ns=now,
            contract=number,
            low_ticks=spec.price_ticks_min,
            high_ticks=spec.price_ticks_max,
        )

    def closing(self, number: int, account: int, side: int, lots: int, price: int, tif: int):
        return commands.PlaceOrder(
            time_ns=self.workload.now,
            account=account,
            client_id=self.workload.client_id(account),
            contract=number,
            side=side,
            lots=max(1, lots - self.random.choice((0, 0, 0, 1, lots // 3))),
            price_ticks=price,
            tif=tif,
            flags=words.REDUCE_ONLY,
        )

    def offers(
        self, number: int, account: int, side: int, lots: int, price: int, is_taken: bool
    ) -> Iterator:
        """Whole, in equal parts, or lot by lot; what takes an order that waits is not to rest."""
        part = self.random.choice((lots, lots, ceil_div(lots, 3), ceil_div(lots, 10)))
        for _ in range(ceil_div(lots, part)):
            tif = words.IOC if is_taken else words.GTC
            yield self.workload.plain_order(number, account, side, part, price, tif)
