"""A hostile workload through the engine and both feeds, with readers on every line."""

from collections.abc import Iterator

from engine.exchange import Exchange
from engine.feed.book import LevelsBook, OrdersBook, TopBook
from engine.feed.messages import Line
from engine.feed.private import PrivateFeed
from engine.feed.public import PublicFeed, Published
from engine.feed.reader import FeedReader
from engine.feed.reports import OrderRested, Report
from engine.schema.contract import Config
from engine.schema.vocabulary import BUY, SELL
from engine.views import view_orders
from tests.oracle.workload import Workload
from tests.property.both import pack

LEVELS_ALL = 1_000_000
SIDES = (BUY, SELL)


class Market:
    """An exchange, its feeds and one reader for each line and contract."""

    def __init__(self, config: Config) -> None:
        self.exchange = Exchange(config)
        self.public = PublicFeed()
        self.private = PrivateFeed()
        self.contracts = [spec.contract for spec in config.contracts]
        self.tops = {number: FeedReader(TopBook, number) for number in self.contracts}
        self.levels = {number: FeedReader(LevelsBook, number) for number in self.contracts}
        self.orders = {number: FeedReader(OrdersBook, number) for number in self.contracts}
        self.public_ids: dict[int, int] = {}  # by the engine's order id, as their owners know them
        self.published: Published = {}
        self.reports: list[Report] = []

    def apply(self, command) -> list[tuple[int, ...]]:
        """One command; `published` and `reports` are what it made the feeds say."""
        events = self.exchange.run(pack(command))
        self.published = self.public.publish(events)
        self.reports = self.private.publish(events)
        for report in self.reports:
            if isinstance(report, OrderRested):
                self.public_ids[report.order_id] = report.public_id
        for reader in self.readers():
            reader.read(self.published[reader.book.line])
        return events.tolist()

    def readers(self) -> list[FeedReader]:
        return [*self.tops.values(), *self.levels.values(), *self.orders.values()]

    def must_equal_book(self, contract: int) -> None:
        """What readers rebuilt is what stands in the engine, order by order."""
        depth = self.exchange.depth(contract, LEVELS_ALL)
        orders, levels = self.orders[contract].book, self.levels[contract].book
        top = self.tops[contract].book
        for side in SIDES:
            resting = [
                (self.public_ids[view["order_id"]], view["price_ticks"], view["lots"])
                for view in view_orders(self.exchange.arena, contract, side)
            ]
            assert orders.orders(side) == resting
            assert orders.levels(side) == levels.levels(side) == depth[side]
        assert orders.best() == levels.best() == top.best() == self.exchange.best(contract)

    def must_equal_market(self, contract: int) -> None:
        """State and prices beside the book, on every line."""
        terms = self.exchange.contract(contract)
        for reader in (self.tops[contract], self.levels[contract], self.orders[contract]):
            market = reader.market
            assert market.mark_ticks == terms["mark_ticks"]
            assert market.index_ticks == terms["index_ticks"]
            assert market.funding_index == terms["funding_index"]
            assert market == self.public.snapshot(reader.book.line, contract).market


def drive(market: Market, seed: int, count: int) -> Iterator[list[tuple[int, ...]]]:
    """`count` commands of the workload, each yielded as its events once the feeds have spoken."""
    workload = Workload(seed, market.exchange.config)
    for _ in range(count):
        events = market.apply(workload.next_command())
        workload.observe(events)
        yield events


def contracts_of(published: Published) -> set[int]:
    """Contracts of which anything was said."""
    return {message.contract for message in published[Line.ORDERS]}
