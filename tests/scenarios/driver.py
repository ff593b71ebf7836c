"""One script driven through the public exchange, and every command that our scripts use.

What happened to an order is read off the events; what rests is read off the book; `checks.py`
compares both with what the script expects.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.exchange import Exchange
from engine.schema import bounds, commands, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import Config
from engine.schema.events import Event
from tests.scenarios.files import Scenario
from tests.scenarios.listing import Listing, NotUnderstood, OffGrid

START_NS = 20_000 * bounds.NS_PER_DAY
SIDES = {"buy": words.BUY, "sell": words.SELL}
TIFS = {name: code for code, name in words.NAMES["tif"].items()}
MODES = {name: code for code, name in words.NAMES["stp"].items()}
SOURCES = {name: code for code, name in words.NAMES["source"].items()}
TYPES = {"limit": words.LIMIT, "market": words.MARKET}
STOPS = {"limit": words.STOP_LIMIT, "market": words.STOP_MARKET}
TAKES = {"limit": words.TAKE_LIMIT, "market": words.TAKE_MARKET}
NO_ORDER = 2**40  # an id that the engine never gave
ORDER_FIELDS = {
    "n", "cmd", "contract", "account", "id", "side", "qty", "type", "price", "tif", "reduce_only",
    "post_only", "slide", "display_qty", "expires_at", "stop_expires_at", "trigger", "oco",
}  # fmt: skip
AMEND_FIELDS = {"n", "cmd", "contract", "account", "id", "price", "qty", "qty_delta"}


@dataclass
class Track:
    """An order as its events tell it; lots as the engine counts them."""

    label: str
    account: str
    listing: Listing
    price: int
    open_lots: int = 0
    filled_lots: int = 0
    filled_value: int = 0
    state: str = "refused"
    stop: str = ""  # of an order that waits: pending, triggered, or how it ended before
    must_be_refused: bool = False


@dataclass
class Trade:
    """A trade under the labels of the script."""

    contract: str
    buyer: str
    seller: str
    price: int
    qty: int
    resting: str
    aggressor: str


class Driver:
    """The exchange of one script with its labels."""

    def __init__(self, script: Scenario) -> None:
        contracts = script["setup"]["contracts"]
        self.listings = {
            label: Listing(script, label, number) for number, label in enumerate(contracts, 1)
        }
        self.now_ns = START_NS
        self.client_ids = 0
        self.accounts = {
            label: number for number, label in enumerate(script["setup"]["accounts"], 2)
        }
        self.tracks: dict[str, Track] = {}
        self.by_order_id: dict[int, Track] = {}
        self.order_ids: dict[str, int] = {}
        self.sent: list[commands.AnyCommand] = []
        self.events: tuple[Event, ...] = ()
        self.last_label = ""  # of the order that the last step was about
        self.off_grid = ""  # why the last step did not even become a command
        self.trades: list[list[Trade]] = [[]]
        self.realised: dict[tuple[int, int], int] = {}
        self.exchange = Exchange(self.config())
        self.open_market(script["setup"]["accounts"])

    def config(self) -> Config:
        return Config(
            contracts=tuple(listing.specification() for listing in self.listings.values())
        )

    def open_market(self, accounts: dict[str, dict[str, Any]]) -> None:
        """Accounts, first prices, and the collection of orders where a script begins with it."""
        groups: dict[str, int] = {}
        cash = bounds.DEPOSITS_MAX // (len(accounts) + 1)
        for label, number in self.accounts.items():
            group = groups.setdefault(accounts[label].get("group", label), len(groups) + 1)
            self.must(
                commands.OpenAccount(time_ns=self.now_ns, account=number, owner=number, group=group)
            )
            self.must(commands.Deposit(time_ns=self.now_ns, account=number, amount=cash))
        for listing in self.listings.values():
            self.must(self.publish(listing, listing.mark))
            state = listing.terms["state"]
            if state == "auction":
                self.must(self.change_state(listing, words.STATE_AUCTION))
            assert self.exchange.contract(listing.number)["state"] == state

    def publish(self, listing: Listing, price: int) -> commands.PublishPrice:
        return commands.PublishPrice(
            time_ns=self.now_ns,
            source=1,
            contract=listing.number,
            price_ticks=listing.ticks(price),
        )

    def change_state(self, listing: Listing, state: int) -> commands.ChangeState:
        return commands.ChangeState(time_ns=self.now_ns, contract=listing.number, state=state)

    def must(self, command: commands.AnyCommand) -> tuple[Event, ...]:
        """A command of the operator or the price source, which can't be refused."""
        events = self.submit(command)
        for event in events:
            if event.name == "refused":
                raise AssertionError(refusals.explain_refusal(event.values["code"]))
        return events

    def submit(self, command: commands.AnyCommand) -> tuple[Event, ...]:
        events = self.exchange.submit(command)
        self.sent.append(command)
        assert self.exchange.check() == []
        return events

    def step(self, step: dict[str, Any]) -> None:
        """Do one command of the script and keep what it brought."""
        handler = getattr(self, f"do_{step['cmd']}", None)
        if handler is None:
            raise NotUnderstood(f"command {step}")
        self.trades.append([])
        self.events, self.off_grid, self.last_label = (), "", step.get("id", "")
        try:
            command = handler(step)
        except OffGrid as error:
            self.off_grid = str(error)
            return
        is_client = isinstance(command, commands.ClientCommand)
        self.events = self.submit(command) if is_client else self.must(command)
        for event in self.events:
            self.follow(event, step)

    # What the script says, as a command of ours.

    def client_id(self) -> int:
        self.client_ids += 1
        return self.client_ids

    def do_order(self, step: dict[str, Any]) -> commands.PlaceOrder:
        if not set(step) <= ORDER_FIELDS:
            raise NotUnderstood(f"order fields {set(step) - ORDER_FIELDS}")
        listing = self.listings[step["contract"]]
        label, price = step["id"], step.get("price", 0)
        track = Track(label, step["account"], listing, price)
        self.tracks[label] = track
        flags = words.REDUCE_ONLY if step.get("reduce_only") else 0
        flags |= words.POST_ONLY if step.get("post_only") else 0
        flags |= words.SLIDE if step.get("slide") else 0
        fields = self.trigger_of(step, listing, track) | self.expiry_of(step)
        fields.setdefault("order_type", TYPES[step["type"]])
        if "display_qty" in step:
            fields["display_lots"] = listing.lots(step["display_qty"])
        return commands.PlaceOrder(
            time_ns=self.now_ns,
            account=self.accounts[step["account"]],
            client_id=self.client_id(),
            contract=listing.number,
            side=SIDES[step["side"]],
            lots=listing.lots(step["qty"]),
            price_ticks=listing.ticks(price),
            tif=TIFS[step["tif"]],
            flags=flags,
            stp=MODES[listing.terms["stp"]],
            # of two that name each other the first can't: the other is not there yet
            linked_id=self.order_ids.get(step.get("oco", ""), 0),
            **fields,
        )

    def expiry_of(self, step: dict[str, Any]) -> dict[str, int]:
        seconds = step.get("expires_at", step.get("stop_expires_at"))
        if seconds is None or step["tif"] == "day":
            return {}
        return {"expiry_ns": START_NS + seconds * bounds.NS_PER_SECOND}

    def trigger_of(self, step: dict[str, Any], listing: Listing, track: Track) -> dict[str, int]:
        """Type and trigger. Ours know the direction by type and side: a trailing stop has only
        one, so that a script with the other must see it refused."""
        if "trigger" not in step:
            return {}
        trigger = step["trigger"]
        against = trigger["direction"] == ("above" if step["side"] == "buy" else "below")
        fields = {"trigger_source": SOURCES[trigger["source"]]}
        if "trail" in trigger:
            trail_bp = Decimal(trigger["trail"]) * 10_000
            if step["type"] != "market" or trail_bp != int(trail_bp):
                raise NotUnderstood(f"trigger {step}")
            track.must_be_refused = not against
            return fields | {"order_type": words.TRAILING_MARKET, "trail_bp": int(trail_bp)}
        kinds = STOPS if against else TAKES
        ticks = listing.ticks(trigger["price"])
        return fields | {"order_type": kinds[step["type"]], "trigger_ticks": ticks}

    def do_cancel(self, step: dict[str, Any]) -> commands.CancelOrder:
        return commands.CancelOrder(
            time_ns=self.now_ns,
            account=self.accounts[step["account"]],
            client_id=self.client_id(),
            order_id=self.order_ids.get(step["id"], NO_ORDER),
        )

    def do_cancel_all(self, step: dict[str, Any]) -> commands.MassCancel:
        sides = {None: words.SIDES_BOTH, "buy": words.SIDES_BUY, "sell": words.SIDES_SELL}
        listing = self.listings.get(step.get("contract", ""))
        return commands.MassCancel(
            time_ns=self.now_ns,
            account=self.accounts[step["account"]],
            client_id=self.client_id(),
            contract=listing.number if listing else 0,
            sides=sides[step.get("side")],
        )

    def do_amend(self, step: dict[str, Any]) -> commands.AmendOrder:
        """Our amendment names the new total; a peer may take off more than there is."""
        if not set(step) <= AMEND_FIELDS:
            raise NotUnderstood(f"amend fields {set(step) - AMEND_FIELDS}")
        track = self.tracks[step["id"]]
        listing = track.listing
        total = track.filled_lots + track.open_lots
        if "qty_delta" in step:
            total += listing.lots(step["qty_delta"]) if step["qty_delta"] > 0 else 0
            total -= listing.lots(-step["qty_delta"]) if step["qty_delta"] < 0 else 0
        if "qty" in step:
            total = listing.lots(step["qty"])
        return commands.AmendOrder(
            time_ns=self.now_ns,
            account=self.accounts[step["account"]],
            client_id=self.client_id(),
            order_id=self.order_ids.get(step["id"], NO_ORDER),
            price_ticks=listing.ticks(step.get("price", track.price)),
            lots=max(total, 0),
        )

    def do_uncross(self, step: dict[str, Any]) -> commands.ChangeState:
        return self.change_state(self.listings[step["contract"]], words.STATE_CONTINUOUS)

    def do_set_mark(self, step: dict[str, Any]) -> commands.PublishPrice | commands.AdvanceTime:
        if step["price"] == 0:  # the peer has no mark yet
            return commands.AdvanceTime(time_ns=self.now_ns)
        return self.publish(self.listings[step["contract"]], step["price"])

    def do_set_band(self, step: dict[str, Any]) -> commands.SetBand:
        listing = self.listings[step["contract"]]
        return commands.SetBand(
            time_ns=self.now_ns,
            contract=listing.number,
            low_ticks=-(-step["low"] // listing.tick),  # the ticks within it
            high_ticks=step["high"] // listing.tick,
        )

    def do_advance_time(self, step: dict[str, Any]) -> commands.AdvanceTime:
        self.now_ns += step["seconds"] * bounds.NS_PER_SECOND
        return commands.AdvanceTime(time_ns=self.now_ns)

    # What came back.

    def follow(self, event: Event, step: dict[str, Any]) -> None:
        """Keep the tracks by one event of the step."""
        values = event.values
        if event.name == "order_accepted":
            track = self.tracks[step["id"]]
            if track.must_be_refused:
                raise NotUnderstood(f"a trailing stop that fires towards its side: {step}")
            self.by_order_id[values["order_id"]] = track
            self.order_ids[step["id"]] = values["order_id"]
            track.open_lots, track.state = values["lots"], "open"
            track.price = track.price or track.listing.price(values["price_ticks"])
        elif event.name == "trade":
            self.follow_trade(values)
        elif event.name in ("order_reduced", "order_amended"):
            track = self.by_order_id[values["order_id"]]
            track.open_lots = values["lots_open"]
            track.price = track.listing.price(values["price_ticks"])
        elif event.name == "order_armed":
            self.by_order_id[values["order_id"]].stop = "pending"
        elif event.name == "order_triggered":
            self.by_order_id[values["order_id"]].stop = "triggered"
        elif event.name == "order_cancelled":
            self.follow_cancel(values)
        elif event.name == "leg":
            where = (event.account, event.contract)
            self.realised[where] = self.realised.get(where, 0) + values["realised"]

    def follow_cancel(self, values: dict[str, int]) -> None:
        track = self.by_order_id[values["order_id"]]
        assert values["lots"] == track.open_lots, "I6: cancelled is what was open"
        is_expiry = values["reason"] == words.CANCEL_EXPIRY
        track.state = "expired" if is_expiry else "cancelled"
        if track.stop == "pending":
            track.stop = track.state

    def follow_trade(self, values: dict[str, int]) -> None:
        taker = self.by_order_id[values["taker_order_id"]]
        maker = self.by_order_id[values["maker_order_id"]]
        listing = taker.listing
        price, lots = listing.price(values["price_ticks"]), values["lots"]
        # an uncross names the buyer first
        is_sell = values["taker_side"] == words.SELL
        pair = (maker, taker) if is_sell else (taker, maker)
        self.trades[-1].append(
            Trade(
                contract=listing.label,
                buyer=pair[0].account,
                seller=pair[1].account,
                price=price,
                qty=listing.qty(lots),
                resting=maker.label,
                aggressor=taker.label if values["taker_side"] in SIDES.values() else "",
            )
        )
        for track in (taker, maker):
            may_trade = listing.may_trade(values["price_ticks"], track.open_lots)
            assert may_trade, "a stand-in may not trade"
            track.open_lots -= lots
            track.filled_lots += lots
            track.filled_value += price * listing.qty(lots)
            if track.open_lots == 0:
                track.state = "filled"
