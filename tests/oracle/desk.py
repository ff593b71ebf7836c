"""A desk for telling stories to the oracle: round contracts, a clock that stands still, short
events."""

from typing import Any

from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.contract import Config, Contract, Tier
from tests.coins import settled
from tests.oracle.exchange import Oracle

DAY = 86_400 * 10**9
HOURS_8 = 8 * 3_600 * 10**9
START = 11_574 * DAY + 10**9  # one second after midnight: neither samples nor funding for 8 h
BUY, SELL = words.BUY, words.SELL
FUND, A, B, C, D = 1, 2, 3, 4, 5


def contract(number: int = 1, initial: int = 10, maintenance: int = 5, **changes) -> Contract:
    """Rates per cent of notional, one money unit per tick and lot, no fees, a band of 50%."""
    values: dict[str, Any] = {
        "symbol": f"X{number}",
        "tick_value": 1,
        "price_ticks_max": 5_000,
        "tiers": (Tier(0, initial * 10_000_000, maintenance * 10_000_000),),
        "order_lots_max": 1_000,
        "position_lots_max": 10_000,
        "open_interest_lots_max": 100_000,
        "band_static_ppb": 500_000_000,
        "source_stale_ns": DAY,
        "funding_sample_ns": DAY,
        "mark_basis_hold_ns": DAY,
        "funding_interest_ppb": 0,
    }
    return Contract(contract=number, **(values | changes))


class Desk:
    """An oracle with a clock that stands still and client ids that count by themselves."""

    def __init__(self, *contracts: Contract, **config) -> None:
        self.oracle = Oracle(Config(contracts=contracts, **settled(contracts) | config))
        self.now = START
        self.ids = 0

    def do(self, command) -> list[tuple]:
        found = self.oracle.apply(command)
        self.oracle.check()
        return found

    def open(self, *accounts: tuple[int, int], group: int = 0, kind: int = 0) -> None:
        for account, cash in accounts:
            self.do(
                commands.OpenAccount(
                    time_ns=self.now,
                    account=account,
                    owner=account,
                    group=group or account,
                    account_kind=kind,
                )
            )
            if cash:
                self.do(commands.Deposit(time_ns=self.now, account=account, amount=cash))

    def mark(self, price: int, *others: int) -> list[tuple]:
        """Prices of the contracts 1, 2, ... in one step."""
        fields: dict[str, int] = {}
        for number, other in enumerate(others, 2):
            fields |= {f"contract_{number}": number, f"price_ticks_{number}": other}
        return self.do(
            commands.PublishPrice(
                time_ns=self.now, source=1, contract=1, price_ticks=price, **fields
            )
        )

    def price(self, source: int, price: int) -> list[tuple]:
        """What one source says of the first contract."""
        return self.do(
            commands.PublishPrice(time_ns=self.now, source=source, contract=1, price_ticks=price)
        )

    def place(self, account: int, side: int, lots: int, price: int, number: int = 1, **fields):
        self.ids += 1
        return self.do(
            commands.PlaceOrder(
                time_ns=self.now,
                account=account,
                client_id=self.ids,
                contract=number,
                side=side,
                lots=lots,
                price_ticks=price,
                **fields,
            )
        )

    def client(self, kind, account: int, **fields) -> list[tuple]:
        """Any other client command."""
        self.ids += 1
        return self.do(kind(time_ns=self.now, account=account, client_id=self.ids, **fields))

    def operator(self, kind, **fields) -> list[tuple]:
        return self.do(kind(time_ns=self.now, **fields))

    def confirm(self, account: int, client_id: int = 0) -> list[tuple]:
        """What was reserved under this id, or by the last client command, has been paid out."""
        kind = commands.ConfirmWithdrawal
        return self.operator(kind, account=account, client_id=client_id or self.ids)

    def give_back(self, account: int, client_id: int = 0) -> list[tuple]:
        """It has not been."""
        kind = commands.ReturnWithdrawal
        return self.operator(kind, account=account, client_id=client_id or self.ids)

    def wait(self, nanoseconds: int) -> list[tuple]:
        self.now += nanoseconds
        return self.do(commands.AdvanceTime(time_ns=self.now))

    def deal(self, buyer: int, seller: int, lots: int, price: int, number: int = 1) -> None:
        """The buyer rests, the seller takes."""
        self.place(buyer, BUY, lots, price, number)
        self.place(seller, SELL, lots, price, number)

    def cash(self, account: int) -> int:
        return self.oracle.accounts[account].cash

    def position(self, account: int, number: int = 1) -> tuple[int, int]:
        holding = self.oracle.accounts[account].holding(number)
        return holding.lots, holding.entry_value


def of_kind(records: list[tuple], *kinds: int) -> list[tuple]:
    """(kind, account, a to f) of these kinds, in their order; zeros at the end left out."""
    found = []
    for _, *numbers, account, _, kind in records:
        if kind in kinds:
            while numbers and numbers[-1] == 0:
                numbers.pop()
            found.append((kind, account, *numbers))
    return found


def code_of(records: list[tuple]) -> int:
    assert records[0][-1] == events.REFUSED
    return records[0][1]


def slot(number: int, generation: int = 1) -> int:
    return generation << 32 | number


def thin(**changes) -> dict:
    """1% initial, 0.5% maintenance."""
    return {"maintenance": 0, "tiers": (Tier(0, 10_000_000, 5_000_000),)} | changes
