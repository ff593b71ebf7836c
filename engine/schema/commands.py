"""Commands: one 64-byte record each, and the typed structs of the three families (rule 2.3).

A record's fields are named for what they carry; families share bytes, never names. The structs
have the same field names as the record, so one table (`FIELDS`) packs and unpacks both ways.
"""

from typing import ClassVar

import msgspec
import numpy as np

from engine.schema import bounds
from engine.schema import vocabulary as words

# Kinds: 1-16 client, 17-31 price source, 32-63 operator.
PLACE_ORDER = 1
CANCEL_ORDER = 2
AMEND_ORDER = 3
MASS_CANCEL = 4
WITHDRAW = 5
SET_HEARTBEAT = 6
CANCEL_SESSION = 7
SET_PROTECTION = 8
MASS_QUOTE = 9
PLACE_BRACKET = 10
SET_LEVERAGE = 11
ISOLATE_CONTRACT = 12
JOIN_CONTRACT = 13
MOVE_MARGIN = 14
QUOTE_ROW = 15  # a row of the mass quote before it, never a command
WITHDRAW_COLLATERAL = 16
PUBLISH_PRICE = 17
PUBLISH_COLLATERAL = 18
OPEN_ACCOUNT = 33
DEPOSIT = 34
ADVANCE_TIME = 35
RELEASE_WITHDRAWALS = 36
CHANGE_STATE = 37
SET_BAND = 38
STOP_TRADING = 39
RELEASE_TRADING = 40
CHANGE_CONSTITUENT = 41
REDENOMINATE_CONSTITUENT = 42
SET_SAMPLE_CLOCK = 43
SET_ELIGIBILITY = 44
PUBLISH_DISCLOSURE = 45
SET_REFERENCE = 46
SET_CAPACITY = 47
SET_WORK_BACK = 48
SET_STRESS_LOSS = 49
DEPOSIT_COLLATERAL = 50
SET_COLLATERAL = 51
CONFIRM_WITHDRAWAL = 52
RETURN_WITHDRAWAL = 53
APPROVE_CONTRACT = 54
SET_MARGIN_MODE = 55
SET_LEVERAGE_CAP = 56
REDEEM_CONVERSION = 57
SETTLE_CONVERSION = 58
CLIENT_LAST = 16
OPERATOR_FIRST = 32
OPERATOR_LAST = 63

COMMAND = np.dtype(
    {
        "names": [
            "time_ns", "client_id", "order_id", "amount",
            "price_ticks", "lots", "account", "contract",
            "kind", "side", "order_type", "tif", "flags", "stp",
            "owner", "group", "account_kind", "ledger",
            "source", "price_ticks_2", "price_ticks_3", "contract_2", "contract_3",
            "linked_id", "expiry_ns", "display_lots", "trigger_ticks", "trail_bp",
            "trigger_source", "session",
            "sides", "timeout_ns", "state", "low_ticks", "high_ticks", "scope", "number",
            "protection", "quotes", "window_ns", "lots_max", "fills_max", "net_lots_max",
            "bid_ticks", "bid_lots", "ask_ticks", "ask_lots", "stop_ticks", "target_ticks",
            "asset", "units_ppb", "seed", "rate_initial_ppb",
            "professional_until_ns", "assessed", "blocked", "disclosure", "version", "until_ns",
            "quantity", "price_ppb", "impaired", "licensed_until_ns",
            "hash_1", "hash_2", "hash_3", "hash_4", "reference", "margin_mode",
            "proceeds",
        ],
        "formats": [
            "<i8", "<i8", "<i8", "<i8",
            "<i4", "<i4", "<i4", "<i2",
            "i1", "i1", "i1", "i1", "i1", "i1",
            "<i4", "<i4", "i1", "i1",
            "i1", "<i4", "<i4", "<i2", "<i2",
            "<i8", "<i8", "<i4", "<i4", "<i2",
            "i1", "i1",
            "i1", "<i8", "i1", "<i4", "<i4", "i1", "<i4",
            "i1", "i1", "<i8", "<i4", "<i4", "<i4",
            "<i4", "<i4", "<i4", "<i4", "<i4", "<i4",
            "i1", "<i8", "<i8", "<i8",
            "<i8", "i1", "i1", "<i4", "<i4", "<i8",
            "<i8", "<i8", "i1", "<i8",
            "<i8", "<i8", "<i8", "<i8", "<i8", "i1",
            "<i8",
        ],
        "offsets": [
            0, 8, 16, 24,
            32, 36, 40, 44,
            46, 47, 48, 49, 50, 51,
            32, 36, 47, 47,
            47, 52, 56, 60, 62,
            16, 24, 52, 56, 60,
            62, 63,
            47, 24, 47, 32, 36, 47, 40,
            47, 48, 24, 32, 36, 52,
            32, 36, 52, 56, 52, 56,
            48, 24, 24, 24,
            24, 47, 48, 36, 36, 24,
            24, 24, 47, 24,
            8, 16, 24, 32, 48, 47,
            16,
        ],
        "itemsize": 64,
    }
)  # fmt: skip


def offset_of(name: str) -> int:
    """Bytes from the start of a record to a field."""
    assert COMMAND.fields is not None
    return int(COMMAND.fields[name][1])


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What every command carries: its time, UTC nanoseconds (rule 2.1). Numbers alone, so the
    garbage collector need not look at it."""

    kind_code: ClassVar[int] = 0
    time_ns: int


class PlaceOrder(Command, tag="place_order", frozen=True, kw_only=True):
    """A new order (4.1-4.5). `price_ticks` is ignored for the market types.

    `flags` is the sum of POST_ONLY (1), REDUCE_ONLY (2), SLIDE (4) and CLOSE_POSITION (8), with
    which `lots` is ignored. `linked_id` names the working order that this one cancels and is
    cancelled by; `expiry_ns` ends it; `display_lots` makes it an iceberg. A stop or take-profit
    waits until `trigger_source` reaches `trigger_ticks`, a trailing stop until it has come back
    `trail_bp` basis points from its best. `session` (1-127, the account's own) is what
    `CancelSession` names.
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
    linked_id: int = 0
    expiry_ns: int = 0
    display_lots: int = 0
    trigger_ticks: int = 0
    trail_bp: int = 0
    trigger_source: int = 0
    session: int = 0


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
    """Every order of the account, or those of one contract or one side (4.6)."""

    kind_code: ClassVar[int] = MASS_CANCEL
    account: int
    client_id: int
    contract: int = 0
    sides: int = words.SIDES_BOTH


class SetHeartbeat(Command, tag="set_heartbeat", frozen=True, kw_only=True):
    """Cancel all of the account's orders unless it is sent again within `timeout_ns`; 0 disarms
    (the dead-man switch of 4.6)."""

    kind_code: ClassVar[int] = SET_HEARTBEAT
    account: int
    client_id: int
    timeout_ns: int


class CancelSession(Command, tag="cancel_session", frozen=True, kw_only=True):
    """Cancel the account's orders of one session: sent by the gateway that lost it (4.6)."""

    kind_code: ClassVar[int] = CANCEL_SESSION
    account: int
    client_id: int
    session: int


class SetProtection(Command, tag="set_protection", frozen=True, kw_only=True):
    """Limits of one window of market-maker protection, 1 to 4, of the account's group, 0: none; it
    also empties the window and resets a trip (4.8)."""

    kind_code: ClassVar[int] = SET_PROTECTION
    account: int
    client_id: int
    protection: int
    window_ns: int
    lots_max: int = 0
    fills_max: int = 0
    net_lots_max: int = 0


class Quote(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A two-sided quote in one contract; lots 0 take that side out. A row behind the header."""

    contract: int
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int


class MassQuote(Command, tag="mass_quote", frozen=True, kw_only=True):
    """Up to 64 two-sided quotes, each in place of the account's last in its contract (4.8).

    As records: a header with the number of `quotes`, and as many rows behind it.
    """

    kind_code: ClassVar[int] = MASS_QUOTE
    account: int
    client_id: int
    protection: int
    rows: tuple[Quote, ...]
    session: int = 0
    stp: int = words.STP_CANCEL_NEWEST

    @property
    def quotes(self) -> int:
        return len(self.rows)


class PlaceBracket(Command, tag="place_bracket", frozen=True, kw_only=True):
    """An entry order with a stop and a target for what it fills (4.5); a price of 0: none."""

    kind_code: ClassVar[int] = PLACE_BRACKET
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
    expiry_ns: int = 0
    stop_ticks: int = 0
    target_ticks: int = 0
    trigger_source: int = words.SOURCE_MARK
    session: int = 0


class Withdraw(Command, tag="withdraw", frozen=True, kw_only=True):
    kind_code: ClassVar[int] = WITHDRAW
    account: int
    client_id: int
    amount: int


class SetLeverage(Command, tag="set_leverage", frozen=True, kw_only=True):
    """The account's own floor under its initial rate in a contract, 0: none (8.1). A rate of 20%
    is a largest leverage of 5."""

    kind_code: ClassVar[int] = SET_LEVERAGE
    account: int
    client_id: int
    contract: int
    rate_initial_ppb: int


class IsolateContract(Command, tag="isolate_contract", frozen=True, kw_only=True):
    """From now on the account's position in the contract has a margin account of its own (8.5)."""

    kind_code: ClassVar[int] = ISOLATE_CONTRACT
    account: int
    client_id: int
    contract: int


class JoinContract(Command, tag="join_contract", frozen=True, kw_only=True):
    """Back to cross margin in the contract; the margin comes along (8.5)."""

    kind_code: ClassVar[int] = JOIN_CONTRACT
    account: int
    client_id: int
    contract: int


class MoveMargin(Command, tag="move_margin", frozen=True, kw_only=True):
    """Money into an isolated position's margin account, out of it where negative (8.3, 8.5)."""

    kind_code: ClassVar[int] = MOVE_MARGIN
    account: int
    client_id: int
    contract: int
    amount: int


class WithdrawCollateral(Command, tag="withdraw_collateral", frozen=True, kw_only=True):
    """What stands behind the account, back to its client (8.3, 10.2)."""

    kind_code: ClassVar[int] = WITHDRAW_COLLATERAL
    account: int
    client_id: int
    asset: int
    quantity: int


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


class PublishCollateral(Command, tag="publish_collateral", frozen=True, kw_only=True):
    """One source's price of an asset: settlement units x 10^9 per unit of the asset (10.2)."""

    kind_code: ClassVar[int] = PUBLISH_COLLATERAL
    asset: int
    source: int
    price_ppb: int


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


class ChangeState(Command, tag="change_state", frozen=True, kw_only=True):
    """Bring a contract into another trading state (5.1); leaving a collecting one uncrosses it."""

    kind_code: ClassVar[int] = CHANGE_STATE
    contract: int
    state: int


class SetBand(Command, tag="set_band", frozen=True, kw_only=True):
    """Fix the dynamic band of a contract (5.3); 0 and 0 let it follow the last trade again."""

    kind_code: ClassVar[int] = SET_BAND
    contract: int
    low_ticks: int = 0
    high_ticks: int = 0


class StopTrading(Command, tag="stop_trading", frozen=True, kw_only=True):
    """The kill switch (4.6): cancel every order of an account, a group, a contract or all, and
    take no new one until released, but for reducing orders that trade at once."""

    kind_code: ClassVar[int] = STOP_TRADING
    scope: int
    number: int = 0


class ReleaseTrading(Command, tag="release_trading", frozen=True, kw_only=True):
    kind_code: ClassVar[int] = RELEASE_TRADING
    scope: int
    number: int = 0


class ChangeConstituent(Command, tag="change_constituent", frozen=True, kw_only=True):
    """Give a constituent of the contract's index other units; the divisor follows, so that the
    index stays where it is (6.1). The command's time is the date of the change."""

    kind_code: ClassVar[int] = CHANGE_CONSTITUENT
    contract: int
    asset: int
    units_ppb: int


class RedenominateConstituent(
    Command, tag="redenominate_constituent", frozen=True, kw_only=True
):
    """From now on the constituent's sources count it in other units, after a fork or a
    redenomination: their old prices are void, and the contract waits frozen for new ones (6.1)."""

    kind_code: ClassVar[int] = REDENOMINATE_CONSTITUENT
    contract: int
    asset: int
    units_ppb: int


class SetSampleClock(Command, tag="set_sample_clock", frozen=True, kw_only=True):
    """Draw the offset of the contract's premium samples from a seed (7.1)."""

    kind_code: ClassVar[int] = SET_SAMPLE_CLOCK
    contract: int
    seed: int


class SetEligibility(Command, tag="set_eligibility", frozen=True, kw_only=True):
    """What makes a client eligible to trade (3.1): until when it is a professional investor,
    whether its knowledge of derivatives is assessed, which disclosure it has acknowledged, a
    block."""

    kind_code: ClassVar[int] = SET_ELIGIBILITY
    account: int
    professional_until_ns: int
    assessed: int
    disclosure: int
    blocked: int = 0


class PublishDisclosure(Command, tag="publish_disclosure", frozen=True, kw_only=True):
    """A new version of the disclosure: who has not acknowledged it may only reduce (3.1)."""

    kind_code: ClassVar[int] = PUBLISH_DISCLOSURE
    version: int


class SetReference(Command, tag="set_reference", frozen=True, kw_only=True):
    """Until when the contract's reference asset is open to retail spot trading here (3.3)."""

    kind_code: ClassVar[int] = SET_REFERENCE
    contract: int
    until_ns: int


class SetCapacity(Command, tag="set_capacity", frozen=True, kw_only=True):
    """The largest position that a liquidity provider is bound to hold in a contract for what the
    book can't take of others' liquidations (9.2 e); 0: none."""

    kind_code: ClassVar[int] = SET_CAPACITY
    account: int
    contract: int
    lots: int


class SetWorkBack(Command, tag="set_work_back", frozen=True, kw_only=True):
    """Draw from a seed when the fund sends the slices of its position to the market (9.6)."""

    kind_code: ClassVar[int] = SET_WORK_BACK
    contract: int
    seed: int


class SetStressLoss(Command, tag="set_stress_loss", frozen=True, kw_only=True):
    """The uncovered loss that the last stress test found: the fund must cover a share (9.6)."""

    kind_code: ClassVar[int] = SET_STRESS_LOSS
    amount: int


class DepositCollateral(Command, tag="deposit_collateral", frozen=True, kw_only=True):
    """A final deposit of an asset that is not the pool's cash (10.1, 10.6)."""

    kind_code: ClassVar[int] = DEPOSIT_COLLATERAL
    account: int
    asset: int
    quantity: int


class SetCollateral(Command, tag="set_collateral", frozen=True, kw_only=True):
    """What is known of an asset's standing: impaired or not, how long its licence runs (10.3)."""

    kind_code: ClassVar[int] = SET_COLLATERAL
    asset: int
    impaired: int
    licensed_until_ns: int


class RedeemConversion(Command, tag="redeem_conversion", frozen=True, kw_only=True):
    """So much of what conversions have brought has left, and so much cash has come in for it
    (10.4, 10.6)."""

    kind_code: ClassVar[int] = REDEEM_CONVERSION
    asset: int
    quantity: int
    proceeds: int


class SettleConversion(Command, tag="settle_conversion", frozen=True, kw_only=True):
    """The provider of conversions pays in what it lost (above 0), or takes out its gain (10.6)."""

    kind_code: ClassVar[int] = SETTLE_CONVERSION
    amount: int


class ConfirmWithdrawal(Command, tag="confirm_withdrawal", frozen=True, kw_only=True):
    """What the account has reserved under that client id has been paid out (10.6)."""

    kind_code: ClassVar[int] = CONFIRM_WITHDRAWAL
    account: int
    client_id: int


class ReturnWithdrawal(Command, tag="return_withdrawal", frozen=True, kw_only=True):
    """What the account has reserved under that client id comes back: it was not paid out (10.6)."""

    kind_code: ClassVar[int] = RETURN_WITHDRAWAL
    account: int
    client_id: int


class ApproveContract(Command, tag="approve_contract", frozen=True, kw_only=True):
    """The specification of this hash was approved, as the record of that number says (3.2)."""

    kind_code: ClassVar[int] = APPROVE_CONTRACT
    contract: int
    hash_1: int
    hash_2: int
    hash_3: int
    hash_4: int
    reference: int


class SetMarginMode(Command, tag="set_margin_mode", frozen=True, kw_only=True):
    """Margin an account by tiers, or as a portfolio (8.7)."""

    kind_code: ClassVar[int] = SET_MARGIN_MODE
    account: int
    margin_mode: int


class SetLeverageCap(Command, tag="set_leverage_cap", frozen=True, kw_only=True):
    """The least initial rate of the account in every contract, 0: none (8.1)."""

    kind_code: ClassVar[int] = SET_LEVERAGE_CAP
    account: int
    rate_initial_ppb: int


ClientCommand = (
    PlaceOrder
    | CancelOrder
    | AmendOrder
    | MassCancel
    | Withdraw
    | SetHeartbeat
    | CancelSession
    | SetProtection
    | MassQuote
    | PlaceBracket
    | SetLeverage
    | IsolateContract
    | JoinContract
    | MoveMargin
    | WithdrawCollateral
)
PriceCommand = PublishPrice | PublishCollateral
OperatorCommand = (
    OpenAccount
    | Deposit
    | AdvanceTime
    | ReleaseWithdrawals
    | ChangeState
    | SetBand
    | StopTrading
    | ReleaseTrading
    | ChangeConstituent
    | RedenominateConstituent
    | SetSampleClock
    | SetEligibility
    | PublishDisclosure
    | SetReference
    | SetCapacity
    | SetWorkBack
    | SetStressLoss
    | DepositCollateral
    | SetCollateral
    | ConfirmWithdrawal
    | ReturnWithdrawal
    | ApproveContract
    | SetMarginMode
    | SetLeverageCap
    | RedeemConversion
    | SettleConversion
)
AnyCommand = ClientCommand | PriceCommand | OperatorCommand

BY_KIND: dict[int, type[Command]] = {
    struct.kind_code: struct
    for struct in (
        PlaceOrder, CancelOrder, AmendOrder, MassCancel, Withdraw, SetHeartbeat, CancelSession,
        SetProtection, MassQuote, PlaceBracket, SetLeverage, IsolateContract, JoinContract,
        MoveMargin, WithdrawCollateral, PublishPrice, PublishCollateral, OpenAccount, Deposit,
        AdvanceTime, ReleaseWithdrawals, ChangeState, SetBand, StopTrading, ReleaseTrading,
        ChangeConstituent, RedenominateConstituent, SetSampleClock, SetEligibility,
        PublishDisclosure, SetReference, SetCapacity, SetWorkBack, SetStressLoss,
        DepositCollateral, SetCollateral, ConfirmWithdrawal, ReturnWithdrawal, ApproveContract,
        SetMarginMode, SetLeverageCap, RedeemConversion, SettleConversion,
    )
}  # fmt: skip
# What a command's own record carries; a mass quote's rows are records of their own.
FIELDS = {
    kind: tuple("quotes" if name == "rows" else name for name in struct.__struct_fields__)
    for kind, struct in BY_KIND.items()
}
ROW_FIELDS = Quote.__struct_fields__


def kinds_with(field: str) -> int:
    """The kinds that carry a field, as a mask: bit k for kind k."""
    return sum(1 << kind for kind, fields in FIELDS.items() if field in fields)


# By what the sender of a refused command knows it again.
WITH_ACCOUNT = kinds_with("account") | 1 << QUOTE_ROW
WITH_CLIENT_ID = kinds_with("client_id") | 1 << QUOTE_ROW
WITH_CONTRACT = kinds_with("contract")
WITH_ORDER_ID = kinds_with("order_id")
assert max(BY_KIND) < 63, "a mask of kinds fits"
ROWS_MAX = bounds.QUOTES_MAX + 1  # records of one command
