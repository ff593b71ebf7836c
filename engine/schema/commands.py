"""Commands: one 64-byte record each, and the typed structs of the three families (rule 2.3).

A record's fields are named for what they carry; families share bytes, never names. The structs
have the same field names as the record, so one table (`FIELDS`) packs and unpacks both ways.
"""

from typing import ClassVar

import msgspec
import numpy as np

from engine.schema import vocabulary as words

# Kinds. 1-9 client, 11-19 price source, 21-29 operator.
PLACE_ORDER = 1
CANCEL_ORDER = 2
AMEND_ORDER = 3
MASS_CANCEL = 4
WITHDRAW = 5
PUBLISH_PRICE = 11
OPEN_ACCOUNT = 21
DEPOSIT = 22
ADVANCE_TIME = 23
RELEASE_WITHDRAWALS = 24
OPERATOR_FIRST = 21
OPERATOR_LAST = 29

COMMAND = np.dtype(
    {
        "names": [
            "time_ns", "client_id", "order_id", "amount",
            "price_ticks", "lots", "account", "contract",
            "kind", "side", "order_type", "tif", "flags", "stp",
            "owner", "group", "account_kind", "ledger",
            "source", "price_ticks_2", "price_ticks_3", "contract_2", "contract_3",
        ],
        "formats": [
            "<i8", "<i8", "<i8", "<i8",
            "<i4", "<i4", "<i4", "<i2",
            "i1", "i1", "i1", "i1", "i1", "i1",
            "<i4", "<i4", "i1", "i1",
            "i1", "<i4", "<i4", "<i2", "<i2",
        ],
        "offsets": [
            0, 8, 16, 24,
            32, 36, 40, 44,
            46, 47, 48, 49, 50, 51,
            32, 36, 47, 47,
            47, 52, 56, 60, 62,
        ],
        "itemsize": 64,
    }
)  # fmt: skip


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every command carries: its time, UTC nanoseconds (rule 2.1)."""

    kind_code: ClassVar[int] = 0
    time_ns: int


class PlaceOrder(Command, tag="place_order", frozen=True, kw_only=True):
    """A new order (4.1-4.3). `price_ticks` is ignored for a market order.

    `flags` is the sum of POST_ONLY (1) and REDUCE_ONLY (2).
    """

    kind_code: ClassVar[int] = PLACE_ORDER
    account: int
    client_id: int
    contract: int
    side: int
    lots: int
    price_ticks: int = 0
    order_type: int = words.LIMIT
    tif: int = words.GTC
    flags: int = 0
    stp: int = words.STP_CANCEL_NEWEST


class CancelOrder(Command, tag="cancel_order", frozen=True, kw_only=True):
    kind_code: ClassVar[int] = CANCEL_ORDER
    account: int
    client_id: int
    order_id: int


class AmendOrder(Command, tag="amend_order", frozen=True, kw_only=True):
    """New limit and new total quantity, fills included (4.4). A total at or below what has
    filled, 0 too, ends the order."""

    kind_code: ClassVar[int] = AMEND_ORDER
    account: int
    client_id: int
    order_id: int
    price_ticks: int
    lots: int


class MassCancel(Command, tag="mass_cancel", frozen=True, kw_only=True):
    """Every order of the account in one contract, or in all of them (`contract` 0) (4.6)."""

    kind_code: ClassVar[int] = MASS_CANCEL
    account: int
    client_id: int
    contract: int = 0


class Withdraw(Command, tag="withdraw", frozen=True, kw_only=True):
    kind_code: ClassVar[int] = WITHDRAW
    account: int
    client_id: int
    amount: int


class PublishPrice(Command, tag="publish_price", frozen=True, kw_only=True):
    """One source's prices for up to three contracts (6.1).

    Pairs of different contracts are one step; naming a contract again starts the next step.
    """

    kind_code: ClassVar[int] = PUBLISH_PRICE
    source: int
    contract: int
    price_ticks: int
    contract_2: int = 0
    price_ticks_2: int = 0
    contract_3: int = 0
    price_ticks_3: int = 0


class OpenAccount(Command, tag="open_account", frozen=True, kw_only=True):
    """`owner` is the beneficial owner; `group` the accounts under common control (15.1)."""

    kind_code: ClassVar[int] = OPEN_ACCOUNT
    account: int
    owner: int
    group: int
    account_kind: int = words.KIND_CLIENT


class Deposit(Command, tag="deposit", frozen=True, kw_only=True):
    """Final money into a client's cash, the fund or the house layer (10.6)."""

    kind_code: ClassVar[int] = DEPOSIT
    amount: int
    ledger: int = words.LEDGER_CLIENT
    account: int = 0


class AdvanceTime(Command, tag="advance_time", frozen=True, kw_only=True):
    """Only moves the clock; the one way past the stamp limit of 2.2."""

    kind_code: ClassVar[int] = ADVANCE_TIME


class ReleaseWithdrawals(Command, tag="release_withdrawals", frozen=True, kw_only=True):
    kind_code: ClassVar[int] = RELEASE_WITHDRAWALS


ClientCommand = PlaceOrder | CancelOrder | AmendOrder | MassCancel | Withdraw
PriceCommand = PublishPrice
OperatorCommand = OpenAccount | Deposit | AdvanceTime | ReleaseWithdrawals
AnyCommand = ClientCommand | PriceCommand | OperatorCommand

BY_KIND: dict[int, type[Command]] = {
    struct.kind_code: struct
    for struct in (
        PlaceOrder, CancelOrder, AmendOrder, MassCancel, Withdraw,
        PublishPrice, OpenAccount, Deposit, AdvanceTime, ReleaseWithdrawals,
    )
}  # fmt: skip
FIELDS = {kind: struct.__struct_fields__ for kind, struct in BY_KIND.items()}
