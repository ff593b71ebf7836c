"""Every kind of check that the scripts use: a kind or a field that is not known fails."""

from collections import Counter
from typing import Any

from engine.exchange import Exchange
from engine.schema import commands, refusals
from engine.schema.events import Event
from engine.views import view_orders
from tests.scenarios.driver import SIDES, Driver, Trade
from tests.scenarios.listing import Listing, NotUnderstood

# A reason is a hint: the shape of an order is judged before what it would do.
REASONS = {
    "unknown_order": {refusals.ORDER_UNKNOWN},
    "post_only_would_trade": {refusals.POST_ONLY_WOULD_TRADE, refusals.FLAGS_INVALID},
    "reduce_only_would_not_reduce": {refusals.REDUCE_ONLY_NOTHING, refusals.TIF_INVALID},
    "tif_not_allowed_in_auction": {refusals.CONTRACT_COLLECTING},
}
OFF_GRID = ("price_off_tick", "quantity_off_lot")


class Checks:
    """What a script expects of its driver."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def check(self, expected: dict[str, Any]) -> None:
        """Assert one check of the script."""
        handler = getattr(self, f"check_{expected['kind']}", None)
        if handler is None:
            raise NotUnderstood(f"check of kind {expected['kind']}")
        fields = {name: expected[name] for name in expected}
        for name in ("after_step", "kind", "basis"):
            fields.pop(name, None)
        label = fields.pop("contract", None)
        if label is not None and label not in self.driver.listings:
            raise NotUnderstood(f"contract of {expected}")
        self.label = label or next(iter(self.driver.listings))
        handler(**fields)

    @property
    def listing(self) -> Listing:
        return self.driver.listings[self.label]

    def resting(self, side: int) -> list[tuple[str, int, int, int]]:
        """(label, price, displayed lots, hidden lots) of a side's orders in priority order."""
        driver, listing = self.driver, self.listing
        return [
            (
                driver.by_order_id[order["order_id"]].label,
                listing.price(order["price_ticks"]),
                order["lots"],
                order["lots_hidden"],
            )
            for order in view_orders(driver.exchange.arena, listing.number, side)
        ]

    def levels(self, side: int) -> dict[int, int]:
        listing = self.listing
        depth = self.driver.exchange.depth(listing.number, 1_000)[side]
        return {listing.price(ticks): listing.qty(lots) for ticks, lots in depth}

    def position_of(self, account: str, number: int) -> dict[str, int]:
        positions = self.driver.exchange.account(self.driver.accounts[account])["positions"]
        found = [position for position in positions if position["contract"] == number]
        return found[0] if found else {"lots": 0, "unrealised": 0}

    def all_trades(self) -> list[Trade]:
        return [
            trade for step in self.driver.trades for trade in step if trade.contract == self.label
        ]

    # Trades.

    def compare_trades(self, expected: list[dict[str, Any]], names: tuple[str, ...]) -> None:
        trades = [trade for trade in self.driver.trades[-1] if trade.contract == self.label]
        assert [{name: getattr(t, name) for name in names} for t in trades] == expected

    def check_trades(self, trades: list[dict[str, Any]]) -> None:
        self.compare_trades(trades, ("buyer", "seller", "price", "qty"))

    def check_fills(self, fills: list[dict[str, Any]]) -> None:
        self.compare_trades(fills, ("resting", "price", "qty"))

    def check_traded(self, value: bool) -> None:
        assert bool(self.driver.trades[-1]) is value

    def check_trade_count(self, value: int) -> None:
        """Trades of the step's own order: those of stops that it fired are not among them."""
        label = self.driver.last_label
        assert sum(trade.aggressor == label for trade in self.driver.trades[-1]) == value

    def check_traded_since_start(self, trades: list[dict[str, Any]]) -> None:
        names = ("buyer", "seller", "price", "qty")
        found = Counter(tuple(getattr(t, name) for name in names) for t in self.all_trades())
        wanted = Counter(tuple(trade[name] for name in names) for trade in trades)
        assert all(found[trade] >= count for trade, count in wanted.items()), (found, wanted)

    def check_last_price(self, value: int) -> None:
        ticks = self.driver.exchange.contract(self.listing.number)["last_trade_ticks"]
        assert self.listing.price(ticks) == self.all_trades()[-1].price == value

    def check_auction_result(self, price: int, qty: int) -> None:
        trades = self.all_trades()
        assert {trade.price for trade in trades} == ({price} if qty else set())
        assert sum(trade.qty for trade in trades) == qty

    def check_indicative(self, price: int, qty: int, reference_price: int = 0) -> None:
        """What is published next, on a copy of the exchange that gets the time for it."""
        if reference_price:
            assert self.listing.reference == reference_price
        values = self.peek_indicative()
        found = (self.listing.price(values["price_ticks"]), self.listing.qty(values["lots"]))
        assert found == (price, qty)

    def peek_indicative(self) -> dict[str, int]:
        driver = self.driver
        copy = Exchange(driver.config())
        for command in driver.sent:
            copy.submit(command)
        wait_ns = self.listing.specification().auction_indicative_ns
        events = copy.submit(commands.AdvanceTime(time_ns=driver.now_ns + wait_ns))
        found = [event for event in events if self.is_indicative(event)]
        return found[-1].values

    def is_indicative(self, event: Event) -> bool:
        return event.name == "indicative_published" and event.contract == self.listing.number

    # Orders and the book.

    def check_order(self, id: str, **expected: Any) -> None:
        track = self.driver.tracks[id]
        listing = track.listing
        rows = [row for side in SIDES.values() for row in self.resting(side) if row[0] == id]
        waits = track.stop == "pending" and track.state == "open"
        shown, hidden = (rows[0][2], rows[0][3]) if rows else (0, 0)
        assert bool(rows) is (track.state == "open" and not waits)
        assert shown + hidden == (track.open_lots if rows else 0)
        found: dict[str, Any] = {
            "open_qty": listing.qty(track.open_lots),
            "filled_qty": listing.qty(track.filled_lots),
            "filled_value": track.filled_value,
            "qty": listing.qty(track.filled_lots + track.open_lots),
            "price": track.price,
            "visible_qty": listing.qty(shown),
            "hidden_qty": listing.qty(hidden),
            "closed": track.state != "open",
            "state": track.state,
        }
        if expected.get("state") == "ended" and track.state in ("cancelled", "refused", "expired"):
            found["state"] = "ended"
        assert {name: found[name] for name in expected} == expected

    def check_stop(self, id: str, state: str) -> None:
        track = self.driver.tracks[id]
        found = track.stop or track.state
        if state == "ended" and found in ("cancelled", "refused"):
            found = "ended"
        assert found == state

    def check_book(self, levels: list[dict[str, Any]]) -> None:
        for level in levels:
            shown = self.levels(SIDES[level["side"]])
            assert shown.get(level["price"], 0) == level["qty"], level

    def check_book_full(self, value: dict[str, dict[str, int]]) -> None:
        for side, levels in value.items():
            assert self.levels(SIDES[side]) == {int(price): qty for price, qty in levels.items()}

    def check_best(self, **expected: int) -> None:
        bid, _, ask, _ = self.driver.exchange.best(self.listing.number)
        found = {"buy": self.listing.price(bid), "sell": self.listing.price(ask)}
        assert {side: found[side] for side in expected} == expected

    def check_queue(self, side: str, price: int, ids: list[str]) -> None:
        found = [row[0] for row in self.resting(SIDES[side]) if row[1] == price]
        assert found == ids

    def check_refused(self, reason: str) -> None:
        """A price or a quantity off the grid is refused before it is a command."""
        if reason in OFF_GRID:
            assert "is not a multiple of" in self.driver.off_grid
            return
        assert [event.name for event in self.driver.events] == ["refused"]
        assert self.driver.events[0].values["code"] in REASONS[reason]

    # State, positions, prices.

    def check_state(self, value: str) -> None:
        assert self.driver.exchange.contract(self.listing.number)["state"] == value

    def check_mark(self, value: int) -> None:
        ticks = self.driver.exchange.contract(self.listing.number)["mark_ticks"]
        assert self.listing.price(ticks) == value

    def check_position(self, account: str, qty: int, **profit: int) -> None:
        listing = self.listing
        position = self.position_of(account, listing.number)
        where = (self.driver.accounts[account], listing.number)
        found = {
            "unrealised": position["unrealised"],
            "realised": self.driver.realised.get(where, 0),
        }
        assert position["lots"] * listing.lot == qty
        assert {name: found[name] for name in profit} == profit

    def check_positions(self, value: dict[str, int]) -> None:
        listing = self.listing
        found = {
            label: self.position_of(label, listing.number)["lots"] * listing.lot
            for label in self.driver.accounts
        }
        assert {label: qty for label, qty in found.items() if qty} == value

    def check_open_interest(self, value: int) -> None:
        view = self.driver.exchange.contract(self.listing.number)
        found = [view[name] * self.listing.lot for name in ("long_lots", "short_lots")]
        assert found == [value, value]
