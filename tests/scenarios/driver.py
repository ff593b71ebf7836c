"""One script driven through the public exchange, and every kind of check that our scripts use.

Accounts are rich and rates tiny ("margin: ample"), the static band is as wide as the engine
knows, the one price source is the scenario's mark. Prices are used as they stand; where one lies
above the engine's highest tick, all are divided by their greatest common divisor. A quantity above
the engine's largest order has a smaller one stand in for it; such an order may rest, not trade.

What happened to an order is read off the events; what rests is read off the book; a check of an
open order looks at both.
"""

import math
from dataclasses import dataclass
from typing import Any

from engine.exchange import Exchange
from engine.schema import bounds, commands, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import Config, Contract, Tier
from engine.schema.events import Event
from engine.views import view_orders
from tests.scenarios.files import Scenario, missing_features

START_NS = 20_000 * bounds.NS_PER_DAY
SIDES = {"buy": words.BUY, "sell": words.SELL}
TYPES = {name: code for code, name in words.NAMES["order_type"].items()}
TIFS = {name: code for code, name in words.NAMES["tif"].items()}
MODES = {name: code for code, name in words.NAMES["stp"].items()}
REASONS = {"unknown_order": refusals.ORDER_UNKNOWN}
NO_ORDER = 2**40  # an id that the engine never gave
ORDER_FIELDS = {
    "n", "cmd", "contract", "account", "id", "side", "qty", "type", "price", "tif", "reduce_only",
    "post_only",
}  # fmt: skip
AMEND_FIELDS = {"n", "cmd", "contract", "account", "id", "price", "qty", "qty_delta"}


class NotUnderstood(Exception):
    """The script holds something that this driver does not know: never passed over in silence."""


@dataclass
class Track:
    """An order as its events tell it."""

    label: str
    account: str
    price: int
    open_lots: int = 0
    filled_lots: int = 0
    filled_value: int = 0
    state: str = "refused"


def grid_of(script: Scenario) -> int:
    """What all prices are divided by: 1 unless one is above the engine's highest tick."""
    prices = [step["price"] for step in script["steps"] if step.get("price")]
    return math.gcd(*prices) if max(prices) > bounds.PRICE_TICKS_MAX // 2 else 1


def stand_ins_of(script: Scenario) -> dict[int, int]:
    """For every quantity above the engine's bound, a quantity that no other order has."""
    asked = sorted({step["qty"] for step in script["steps"] if "qty" in step})
    small = bounds.LOTS_MAX // 2
    above = [qty for qty in asked if qty > bounds.LOTS_MAX]
    stand_ins = {qty: small - k for k, qty in enumerate(above)}
    assert not set(stand_ins.values()) & set(asked)
    return stand_ins


class Driver:
    """The exchange of one script with its labels."""

    def __init__(self, script: Scenario) -> None:
        if missing_features(script):
            raise NotUnderstood(f"{script['id']} needs {missing_features(script)}")
        [(self.contract_label, terms)] = script["setup"]["contracts"].items()
        self.grid = grid_of(script)
        self.stp = MODES[terms["stp"]]
        self.stand_ins = stand_ins_of(script)
        self.meant = {lots: qty for qty, lots in self.stand_ins.items()}
        self.now_ns = START_NS
        self.client_ids = 0
        self.accounts = {
            label: number for number, label in enumerate(script["setup"]["accounts"], 2)
        }
        self.labels = {number: label for label, number in self.accounts.items()}
        self.tracks: dict[str, Track] = {}
        self.by_order_id: dict[int, Track] = {}
        self.order_ids: dict[str, int] = {}
        self.events: list[tuple[Event, ...]] = [()]
        self.trades: list[list[dict[str, Any]]] = [[]]
        self.exchange = Exchange(Config(contracts=(self.listing(terms),)))
        prices = sorted(step["price"] for step in script["steps"] if step.get("price"))
        self.mark = terms.get("mark") or prices[len(prices) // 2]
        self.open_market(script["setup"]["accounts"])

    def listing(self, terms: dict[str, Any]) -> Contract:
        if terms["kind"] != "linear" or terms["tick"] != 1 or terms["lot"] != 1:
            raise NotUnderstood(f"contract {terms}")
        tick_value = terms["tick_value"] * self.grid
        lots = min(bounds.LOTS_MAX, bounds.CONTRACT_VALUE_MAX // tick_value // 2**21)
        return Contract(
            contract=1,
            symbol="C1",
            tick_value=tick_value,
            order_lots_max=lots,
            position_lots_max=lots,
            open_interest_lots_max=lots,
            tiers=(Tier(0, 2, 1),),
            band_static_ppb=bounds.BAND_PPB_MAX,
            source_outlier_ppb=bounds.BAND_PPB_MAX,
            source_stale_ns=bounds.NS_PER_DAY,
            mark_band_ppb=0,  # the mark is the source's price
            stp_none_allowed=True,
            funding_sample_ns=bounds.NS_PER_DAY,
        )

    def open_market(self, accounts: dict[str, dict[str, Any]]) -> None:
        groups: dict[str, int] = {}
        cash = bounds.DEPOSITS_MAX // (len(accounts) + 1)
        for label, number in self.accounts.items():
            group = groups.setdefault(accounts[label].get("group", label), len(groups) + 1)
            self.submit(
                commands.OpenAccount(time_ns=self.now_ns, account=number, owner=number, group=group)
            )
            self.submit(commands.Deposit(time_ns=self.now_ns, account=number, amount=cash))
        self.submit(
            commands.PublishPrice(
                time_ns=self.now_ns, source=1, contract=1, price_ticks=self.mark // self.grid
            )
        )
        assert self.exchange.contract(1)["state"] == "continuous"

    def submit(self, command: commands.AnyCommand) -> tuple[Event, ...]:
        events = self.exchange.submit(command)
        assert self.exchange.check() == []
        return events

    def step(self, step: dict[str, Any]) -> None:
        """Do one command of the script and keep what it brought."""
        handler = getattr(self, f"do_{step['cmd']}", None)
        if handler is None:
            raise NotUnderstood(f"command {step}")
        events = self.submit(handler(step))
        self.events.append(events)
        self.trades.append([])
        for event in events:
            self.follow(event, step)

    def do_order(self, step: dict[str, Any]) -> commands.PlaceOrder:
        if not set(step) <= ORDER_FIELDS:
            raise NotUnderstood(f"order fields {set(step) - ORDER_FIELDS}")
        self.client_ids += 1
        label, price = step["id"], step.get("price", 0)
        self.tracks[label] = Track(label, step["account"], price)
        flags = words.REDUCE_ONLY if step.get("reduce_only") else 0
        flags |= words.POST_ONLY if step.get("post_only") else 0
        return commands.PlaceOrder(
            time_ns=self.now_ns,
            account=self.accounts[step["account"]],
            client_id=self.client_ids,
            contract=1,
            side=SIDES[step["side"]],
            lots=self.stand_ins.get(step["qty"], step["qty"]),
            price_ticks=price // self.grid,
            order_type=TYPES[step["type"]],
            tif=TIFS[step["tif"]],
            flags=flags,
            stp=self.stp,
        )

    def do_cancel(self, step: dict[str, Any]) -> commands.CancelOrder:
        self.client_ids += 1
        return commands.CancelOrder(
            time_ns=self.now_ns,
            account=self.accounts[step["account"]],
            client_id=self.client_ids,
            order_id=self.order_ids.get(step["id"], NO_ORDER),
        )

    def do_cancel_all(self, step: dict[str, Any]) -> commands.MassCancel:
        if "side" in step:
            raise NotUnderstood("cancel_all by side")
        self.client_ids += 1
        return commands.MassCancel(
            time_ns=self.now_ns,
            account=self.accounts[step["account"]],
            client_id=self.client_ids,
            contract=1 if "contract" in step else 0,
        )

    def do_amend(self, step: dict[str, Any]) -> commands.AmendOrder:
        """Our amendment names the new total; a peer may take off more than there is."""
        if not set(step) <= AMEND_FIELDS:
            raise NotUnderstood(f"amend fields {set(step) - AMEND_FIELDS}")
        self.client_ids += 1
        track = self.tracks[step["id"]]
        total = step.get("qty", track.filled_lots + track.open_lots + step.get("qty_delta", 0))
        return commands.AmendOrder(
            time_ns=self.now_ns,
            account=self.accounts[step["account"]],
            client_id=self.client_ids,
            order_id=self.order_ids[step["id"]],
            price_ticks=step.get("price", track.price) // self.grid,
            lots=max(total, 0),
        )

    def follow(self, event: Event, step: dict[str, Any]) -> None:
        """Keep the tracks by one event of the step."""
        values = event.values
        if event.name == "order_accepted":
            track = self.tracks[step["id"]]
            self.by_order_id[values["order_id"]] = track
            self.order_ids[step["id"]] = values["order_id"]
            track.open_lots, track.state = values["lots"], "open"
            return
        if event.name == "trade":
            self.follow_trade(values)
            return
        if event.name in ("order_reduced", "order_amended"):
            track = self.by_order_id[values["order_id"]]
            track.open_lots = values["lots_open"]
            track.price = values["price_ticks"] * self.grid
        elif event.name == "order_cancelled":
            track = self.by_order_id[values["order_id"]]
            assert values["lots"] == track.open_lots, "I6: cancelled is what was open"
            track.state = "cancelled"

    def follow_trade(self, values: dict[str, int]) -> None:
        taker = self.by_order_id[values["taker_order_id"]]
        maker = self.by_order_id[values["maker_order_id"]]
        price, lots = values["price_ticks"] * self.grid, values["lots"]
        pair = (taker, maker) if values["taker_side"] == words.BUY else (maker, taker)
        self.trades[-1].append(
            {
                "buyer": pair[0].account,
                "seller": pair[1].account,
                "price": price,
                "qty": lots,
                "resting": maker.label,
            }
        )
        for track in (taker, maker):
            assert track.open_lots not in self.meant, "a stand-in may not trade"
            track.open_lots -= lots
            track.filled_lots += lots
            track.filled_value += price * lots
            if track.open_lots == 0:
                track.state = "filled"

    def resting(self, side: int) -> list[tuple[str, int, int]]:
        """(label, price, open quantity) of a side's orders in priority order."""
        return [
            (
                self.by_order_id[order["order_id"]].label,
                order["price_ticks"] * self.grid,
                order["lots"],
            )
            for order in view_orders(self.exchange.arena, 1, side)
        ]

    def levels(self, side: int) -> dict[int, int]:
        depth = self.exchange.depth(1, 1_000)[side]
        return {price * self.grid: self.meant.get(lots, lots) for price, lots in depth}

    def lots_of(self, label: str) -> int:
        positions = self.exchange.account(self.accounts[label])["positions"]
        return sum(int(position["lots"]) for position in positions)

    def check(self, expected: dict[str, Any]) -> None:
        """Assert one check of the script; a kind or a field that is not known fails."""
        kind = expected["kind"]
        handler = getattr(self, f"check_{kind}", None)
        if handler is None:
            raise NotUnderstood(f"check of kind {kind}")
        if expected.get("contract", self.contract_label) != self.contract_label:
            raise NotUnderstood(f"contract of {expected}")
        outside = ("after_step", "kind", "basis", "contract")
        handler(**{name: value for name, value in expected.items() if name not in outside})

    def check_trades(self, trades: list[dict[str, Any]]) -> None:
        self.compare_trades(trades, ("buyer", "seller", "price", "qty"))

    def compare_trades(self, expected: list[dict[str, Any]], names: tuple[str, ...]) -> None:
        assert [{name: trade[name] for name in names} for trade in self.trades[-1]] == expected

    def check_fills(self, fills: list[dict[str, Any]]) -> None:
        self.compare_trades(fills, ("resting", "price", "qty"))

    def check_traded(self, value: bool) -> None:
        assert bool(self.trades[-1]) is value

    def check_order(self, id: str, **expected: Any) -> None:
        track = self.tracks[id]
        rests = [
            lots for side in SIDES.values() for label, _, lots in self.resting(side) if label == id
        ]
        assert rests == ([track.open_lots] if track.state == "open" else [])
        found: dict[str, Any] = {
            "open_qty": track.open_lots,
            "filled_qty": track.filled_lots,
            "filled_value": track.filled_value,
            "closed": track.state != "open",
            "state": track.state,
        }
        if expected.get("state") == "ended":
            found["state"] = "ended" if track.state in ("cancelled", "refused") else track.state
        assert {name: found[name] for name in expected} == expected

    def check_book(self, levels: list[dict[str, Any]]) -> None:
        for level in levels:
            shown = self.levels(SIDES[level["side"]])
            assert shown.get(level["price"], 0) == level["qty"], level

    def check_book_full(self, value: dict[str, dict[str, int]]) -> None:
        for side, levels in value.items():
            assert self.levels(SIDES[side]) == {int(price): qty for price, qty in levels.items()}

    def check_queue(self, side: str, price: int, ids: list[str]) -> None:
        found = [label for label, at, _ in self.resting(SIDES[side]) if at == price]
        assert found == ids

    def check_refused(self, reason: str) -> None:
        assert [event.name for event in self.events[-1]] == ["refused"]
        assert self.events[-1][0].values["code"] == REASONS[reason]

    def check_position(self, account: str, qty: int) -> None:
        assert self.lots_of(account) == qty

    def check_positions(self, value: dict[str, int]) -> None:
        found = {label: self.lots_of(label) for label in self.accounts}
        assert {label: lots for label, lots in found.items() if lots} == value

    def check_open_interest(self, value: int) -> None:
        view = self.exchange.contract(1)
        assert (view["long_lots"], view["short_lots"]) == (value, value)
