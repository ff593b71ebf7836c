"""A story told to one exchange: short commands, and the invariants after every one of them.

Everything that a test does not set is out of its way: no fees, bands as wide as the engine knows,
one price source, a mark that is the source's price, no premium samples within a day.
"""

from typing import Any

from engine.exchange import Exchange
from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import BAND_PPB_MAX, NS_PER_DAY, NS_PER_SECOND, PPB
from engine.schema.commands import AnyCommand
from engine.schema.contract import Config, Contract, Tier
from engine.schema.events import Event
from tests.coins import settled
from tests.rules.order_audit import OrderAudit

START_NS = 20_000 * NS_PER_DAY  # a midnight, so every clock of a story starts full
HOUR_NS = 3_600 * NS_PER_SECOND
PERCENT = PPB // 100

FUND = words.FUND
A, B, C, D, E, F, G, H = range(words.CLIENT_FIRST, words.CLIENT_FIRST + 8)
BUY, SELL = words.BUY, words.SELL
GTC, IOC, FOK = words.GTC, words.IOC, words.FOK

PAIR_FIELDS = (
    "contract", "price_ticks", "contract_2", "price_ticks_2", "contract_3", "price_ticks_3",
)  # fmt: skip

Events = tuple[Event, ...]


def contract(number: int = 1, *, initial_ppb: int, maintenance_ppb: int, **terms: Any) -> Contract:
    """A contract of one tier with nothing in the way of the rule under test."""
    spec: dict[str, Any] = {
        "symbol": f"X{number}",
        "tick_value": 1,
        "price_ticks_max": 2**20,
        "order_lots_max": 2**20,
        "position_lots_max": 2**20,
        "open_interest_lots_max": 2**20,
        "band_static_ppb": BAND_PPB_MAX,
        "source_outlier_ppb": BAND_PPB_MAX,
        "source_reentry_ppb": BAND_PPB_MAX,
        "source_stale_ns": NS_PER_DAY,
        "mark_band_ppb": 0,  # the mark is the index
        "mark_basis_hold_ns": NS_PER_DAY,
        "funding_sample_ns": NS_PER_DAY,
        "funding_interest_ppb": 0,
        "tiers": (Tier(0, initial_ppb, maintenance_ppb),),
    }
    return Contract(contract=number, **(spec | terms))


class Story:
    """One exchange, its clock and its clients; every command is followed by the invariants."""

    def __init__(self, *contracts: Contract, **config: Any) -> None:
        self.exchange = Exchange(Config(contracts=contracts, **settled(contracts) | config))
        self.now_ns = START_NS
        self.events: list[Event] = []
        self.audit = OrderAudit()
        self._client_id = 0

    def submit(self, command: AnyCommand) -> Events:
        """Apply a command; I1-I8 by the walk, I6, I9 and cash (I3, 9.5) by events and views."""
        events = self.exchange.submit(command)
        self.events += events
        self.audit.read(events)
        assert events, "2.2: a command ends in at least one event"
        assert self.exchange.check() == []
        for event in named(events, "waterfall_closed"):
            closed = event.values
            layers = sum(closed[name] for name in ("fund", "given_up", "house", "haircut"))
            assert closed["deficit"] == layers, f"I9: {closed}"
        for account in (FUND, *range(A, H + 1)):
            if self.has(account):
                assert self.account(account)["cash"] >= 0, f"9.5: account {account}"
        return events

    def has(self, account: int) -> bool:
        try:
            self.exchange.account(account)
        except KeyError:
            return False
        return True

    def advance(self, seconds: int) -> Events:
        """Move the clock by a command, with the work that falls due."""
        self.now_ns += seconds * NS_PER_SECOND
        return self.submit(commands.AdvanceTime(time_ns=self.now_ns))

    def go(self, seconds: int, extra_ns: int = 0) -> Events:
        """Move the clock to so long after the start of the story."""
        self.now_ns = START_NS + seconds * NS_PER_SECOND + extra_ns
        return self.submit(commands.AdvanceTime(time_ns=self.now_ns))

    def open(self, account: int, cash: int, group: int = 0, kind: int = words.KIND_CLIENT) -> None:
        """An account with this cash; its own group unless one is named."""
        self.submit(
            commands.OpenAccount(
                time_ns=self.now_ns,
                account=account,
                owner=account,
                group=group or account,
                account_kind=kind,
            )
        )
        if cash:
            self.deposit(account, cash)

    def deposit(self, account: int, amount: int) -> Events:
        return self.submit(commands.Deposit(time_ns=self.now_ns, account=account, amount=amount))

    def pay_in(self, ledger: int, amount: int) -> Events:
        """Money for the fund or the house layer."""
        return self.submit(commands.Deposit(time_ns=self.now_ns, ledger=ledger, amount=amount))

    def client_id(self) -> int:
        self._client_id += 1
        return self._client_id

    def withdraw(self, account: int, amount: int) -> Events:
        return self.submit(
            commands.Withdraw(
                time_ns=self.now_ns, account=account, client_id=self.client_id(), amount=amount
            )
        )

    def cancel(self, account: int, number: int) -> Events:
        return self.submit(
            commands.CancelOrder(
                time_ns=self.now_ns, account=account, client_id=self.client_id(), order_id=number
            )
        )

    def amend(self, account: int, number: int, lots: int, price: int) -> Events:
        """New total quantity and limit."""
        return self.submit(
            commands.AmendOrder(
                time_ns=self.now_ns,
                account=account,
                client_id=self.client_id(),
                order_id=number,
                price_ticks=price,
                lots=lots,
            )
        )

    def cancel_all(self, account: int, number: int = 0, sides: int = words.SIDES_BOTH) -> Events:
        return self.submit(
            commands.MassCancel(
                time_ns=self.now_ns,
                account=account,
                client_id=self.client_id(),
                contract=number,
                sides=sides,
            )
        )

    def heartbeat(self, account: int, timeout_ns: int) -> Events:
        return self.submit(
            commands.SetHeartbeat(
                time_ns=self.now_ns,
                account=account,
                client_id=self.client_id(),
                timeout_ns=timeout_ns,
            )
        )

    def lose_session(self, account: int, session: int) -> Events:
        return self.submit(
            commands.CancelSession(
                time_ns=self.now_ns, account=account, client_id=self.client_id(), session=session
            )
        )

    def stop(self, scope: int, number: int = 0) -> Events:
        """The kill switch."""
        return self.submit(commands.StopTrading(time_ns=self.now_ns, scope=scope, number=number))

    def release(self, scope: int, number: int = 0) -> Events:
        return self.submit(commands.ReleaseTrading(time_ns=self.now_ns, scope=scope, number=number))

    def change_state(self, state: int, number: int = 1) -> Events:
        return self.submit(commands.ChangeState(time_ns=self.now_ns, contract=number, state=state))

    def price(self, *pairs: int, source: int = 1) -> Events:
        """Publish prices of one source: `price(900)` for contract 1, else contract, price, ..."""
        if len(pairs) == 1:
            pairs = (1, *pairs)
        fields = dict(zip(PAIR_FIELDS, pairs, strict=False))
        return self.submit(commands.PublishPrice(time_ns=self.now_ns, source=source, **fields))

    def order(
        self, account: int, side: int, lots: int, price: int, number: int = 1, **terms: int
    ) -> Events:
        """Place a limit order in contract `number`."""
        return self.submit(
            commands.PlaceOrder(
                time_ns=self.now_ns,
                account=account,
                client_id=self.client_id(),
                contract=number,
                side=side,
                lots=lots,
                price_ticks=price,
                **terms,
            )
        )

    def trade(self, buyer: int, seller: int, lots: int, price: int, number: int = 1) -> Events:
        """The buyer's order rests, the seller's takes it: all lots must change hands."""
        self.order(buyer, BUY, lots, price, number)
        events = self.order(seller, SELL, lots, price, number)
        assert sum(trade.values["lots"] for trade in named(events, "trade")) == lots
        return events

    def isolate(self, account: int, number: int = 1) -> Events:
        return self.submit(
            commands.IsolateContract(
                time_ns=self.now_ns, account=account, client_id=self.client_id(), contract=number
            )
        )

    def join(self, account: int, number: int = 1) -> Events:
        return self.submit(
            commands.JoinContract(
                time_ns=self.now_ns, account=account, client_id=self.client_id(), contract=number
            )
        )

    def move(self, account: int, amount: int, number: int = 1) -> Events:
        return self.submit(
            commands.MoveMargin(
                time_ns=self.now_ns, account=account, client_id=self.client_id(), contract=number,
                amount=amount,
            )
        )  # fmt: skip

    def account(self, account: int) -> dict[str, Any]:
        return self.exchange.account(account)

    def cash(self, account: int) -> int:
        return int(self.account(account)["cash"])

    def equity(self, account: int) -> int:
        return int(self.account(account)["equity"])

    def position(self, account: int, number: int = 1) -> dict[str, int]:
        """The account's position record in a contract; all zero before its first use."""
        for position in self.account(account)["positions"]:
            if position["contract"] == number:
                return dict(position)
        return {"lots": 0, "entry_value": 0, "reserve_buy": 0, "reserve_sell": 0, "loss_fee": 0}

    def lots(self, account: int, number: int = 1) -> int:
        return self.position(account, number)["lots"]

    def mark(self, number: int = 1) -> int:
        return int(self.exchange.contract(number)["mark_ticks"])

    def state(self, number: int = 1) -> str:
        return str(self.exchange.contract(number)["state"])


def named(events: Events, name: str, account: int | None = None) -> list[Event]:
    """The events of one name, of one account if given."""
    return [
        event
        for event in events
        if event.name == name and (account is None or event.account == account)
    ]


def only(events: Events, name: str, account: int | None = None) -> dict[str, int]:
    """The values of the one event of this name."""
    found = named(events, name, account)
    assert len(found) == 1, f"{len(found)} events {name} in {[event.name for event in events]}"
    return found[0].values


def changes_of(events: Events) -> list[dict[str, int]]:
    """The changes of state, without their time."""
    found = [dict(event.values) for event in named(events, "state_changed")]
    return [{name: change[name] for name in change if name != "time_ns"} for change in found]


def order_id(events: Events) -> int:
    return only(events, "order_accepted")["order_id"]


def refusal(events: Events) -> int:
    """The code of the refusal among the events, 0 when the command was taken."""
    found = named(events, "refused")
    return found[0].values["code"] if found else refusals.OK


def cancel_reasons(events: Events) -> list[tuple[int, str]]:
    """(account, reason) of every cancelled order, in order."""
    return [
        (event.account, words.NAMES["reason"][event.values["reason"]])
        for event in named(events, "order_cancelled")
    ]
