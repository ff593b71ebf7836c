"""Private reports: what one account is told, and nobody else.

A report never names another account: who stood on the other side of a trade, a pairing or a
deleveraging is not revealed (9.7). `order_id` and `client_id` are the account's own; `public_id`
is under what name the order stands in the public L3 feed. Amounts are money units of the pool's
asset, positive when the account receives unless the field says otherwise; `cash` is the account's
balance after it. A field named like an event's means the same (`engine/schema/events.py`).
"""

from typing import ClassVar

import msgspec


class Report(msgspec.Struct, frozen=True):
    """What every report carries. `report_sequence` counts the account's reports: 1, 2, 3, ...;
    `engine_sequence` is that of the command that caused it; contract 0: of no single contract."""

    account: int
    report_sequence: int
    engine_sequence: int
    contract: int

    @property
    def cash_change(self) -> int:
        """What it adds to the account's cash."""
        return 0


class Received(Report, frozen=True):
    """`amount` comes into the account's cash."""

    amount: int

    @property
    def cash_change(self) -> int:
        return self.amount


class Paid(Report, frozen=True):
    """`amount` goes out of the account's cash."""

    amount: int

    @property
    def cash_change(self) -> int:
        return -self.amount


# Orders


class CommandRefused(Report, frozen=True, tag="command_refused"):
    code: int
    command: int
    client_id: int
    order_id: int


class OrderAccepted(Report, frozen=True, tag="order_accepted"):
    """`lots` as asked; the price as resolved, 0 for a market type that waits."""

    order_id: int
    client_id: int
    side: int
    price_ticks: int
    lots: int
    order_type: int
    tif: int
    flags: int
    stp: int


class OrderRested(Report, frozen=True, tag="order_rested"):
    """The order stands at the back of its level: new, amended, fired, or an iceberg refilled."""

    order_id: int
    client_id: int
    public_id: int
    side: int
    price_ticks: int
    lots_displayed: int
    lots_open: int


class OrderFilled(Report, frozen=True, tag="order_filled"):
    """One fill. `taker_side` is the aggressor's side, 2 in an auction; order id 0: a liquidation
    order of the exchange. `fee` below 0 is a rebate, `realised` is the profit closed by it."""

    order_id: int
    client_id: int
    side: int
    taker_side: int
    price_ticks: int
    lots: int
    lots_open: int
    fee: int
    realised: int
    position_lots: int
    entry_value: int
    cash: int

    @property
    def cash_change(self) -> int:
        return self.realised - self.fee


class OrderCancelled(Report, frozen=True, tag="order_cancelled"):
    """All open lots are gone; `code` is the refusal, if that was the reason."""

    order_id: int
    client_id: int
    price_ticks: int
    lots: int
    reason: int
    code: int


class OrderExpired(OrderCancelled, frozen=True, tag="order_expired"):
    """Its time in force is over."""


class OrderReduced(Report, frozen=True, tag="order_reduced"):
    order_id: int
    client_id: int
    price_ticks: int
    lots: int
    reason: int
    lots_open: int


class OrderAmended(Report, frozen=True, tag="order_amended"):
    order_id: int
    client_id: int
    price_ticks: int
    lots_open: int
    priority_kept: int


class OrderArmed(Report, frozen=True, tag="order_armed"):
    order_id: int
    client_id: int
    trigger_ticks: int
    source: int
    trail_bp: int
    best_ticks: int


class OrderTriggered(Report, frozen=True, tag="order_triggered"):
    order_id: int
    client_id: int
    trigger_ticks: int
    source: int
    value_ticks: int
    lots: int


class OrdersLinked(Report, frozen=True, tag="orders_linked"):
    order_id: int
    linked_id: int


class MassCancelled(Report, frozen=True, tag="mass_cancelled"):
    client_id: int
    orders: int


class HeartbeatSet(Report, frozen=True, tag="heartbeat_set"):
    client_id: int
    due_ns: int


class LeverageSet(Report, frozen=True, tag="leverage_set"):
    rate_initial_ppb: int
    client_id: int


class LeverageCapSet(Report, frozen=True, tag="leverage_cap_set"):
    """An operator's least initial rate of the account, in every contract (8.1)."""

    rate_initial_ppb: int


class MarginModeSet(Report, frozen=True, tag="margin_mode_set"):
    """From now on the account is margined so: by tiers 0, as a portfolio 1 (8.7)."""

    margin_mode: int


class HeartbeatLost(Report, frozen=True, tag="heartbeat_lost"):
    orders: int
    due_ns: int


class SessionCancelled(Report, frozen=True, tag="session_cancelled"):
    client_id: int
    session: int
    orders: int


class TradingStopped(Report, frozen=True, tag="trading_stopped"):
    """The kill switch covers the account: `scope` says how."""

    scope: int


class TradingReleased(Report, frozen=True, tag="trading_released"):
    scope: int


class EligibilitySet(Report, frozen=True, tag="eligibility_set"):
    """What the exchange has on record of the client (3.1); `lacks` is the refusal code of what
    keeps it from increasing a position, 0: nothing."""

    professional_until_ns: int
    assessed: int
    disclosure: int
    blocked: int
    lacks: int


class EligibilityLapsed(Report, frozen=True, tag="eligibility_lapsed"):
    """From now on the account may only reduce; `orders` were cancelled for it."""

    lacks: int
    orders: int


class CapacitySet(Report, frozen=True, tag="capacity_set"):
    """The largest position that the account, a liquidity provider, is bound to hold in the contract
    for what the book can't take of others' liquidations (9.2 e)."""

    lots: int


# Quotes


class MassQuoted(Report, frozen=True, tag="mass_quoted"):
    """`quotes` rows were taken; `refused` of their sides were not."""

    client_id: int
    protection: int
    quotes: int
    refused: int


class QuoteRefused(Report, frozen=True, tag="quote_refused"):
    client_id: int
    code: int
    side: int
    price_ticks: int
    lots: int


class ProtectionSet(Report, frozen=True, tag="protection_set"):
    client_id: int
    protection: int
    window_ns: int
    lots_max: int
    fills_max: int
    net_lots_max: int


class ProtectionTripped(Report, frozen=True, tag="protection_tripped"):
    protection: int
    lots: int
    fills: int
    net_lots: int


# Money


class AccountOpened(Report, frozen=True, tag="account_opened"):
    owner: int
    group: int
    account_kind: int


class Deposited(Received, frozen=True, tag="deposited"):
    ledger: int
    cash: int


class WithdrawalReserved(Paid, frozen=True, tag="withdrawal_reserved"):
    """Cash left the account, and waits to be confirmed or returned (10.6)."""

    client_id: int
    cash: int


class WithdrawalConfirmed(Report, frozen=True, tag="withdrawal_confirmed"):
    """What was reserved under the client id has been paid out; asset 0 is cash."""

    asset: int
    amount: int
    client_id: int


class WithdrawalReturned(Report, frozen=True, tag="withdrawal_returned"):
    """It was not: `left` is the cash, or the holding, that the account has now."""

    asset: int
    amount: int
    client_id: int
    left: int
    collateral_value: int

    @property
    def cash_change(self) -> int:
        return 0 if self.asset else self.amount


class ContractIsolated(Report, frozen=True, tag="contract_isolated"):
    """From now on the account's reports in the contract come to its margin account (8.5)."""

    margin_account: int
    client_id: int


class MarginAccountOpened(Report, frozen=True, tag="margin_account_opened"):
    """To the margin account of an isolated position: whose it is."""

    parent: int


class ContractJoined(Received, frozen=True, tag="contract_joined"):
    margin_account: int
    client_id: int
    cash: int


class MarginMoved(Paid, frozen=True, tag="margin_moved"):
    """`amount` goes to the margin account; below 0 it comes from there."""

    margin_account: int
    client_id: int
    cash: int


class MarginReceived(Received, frozen=True, tag="margin_received"):
    """To the margin account: what came from its account; below 0 it went there."""

    cash: int


class FundingSettled(Paid, frozen=True, tag="funding_settled"):
    """`amount` is what the account pays; below 0 it receives."""

    position_lots: int
    funding_index: int
    cash: int


class ProfitRestruck(Received, frozen=True, tag="profit_restruck"):
    """Unrealised profit turned into cash; the entry value moved with it (8.4)."""

    entry_value: int
    cash: int


# Liquidation and deleveraging


class MarginCalled(Report, frozen=True, tag="margin_called"):
    equity: int
    margin_maintenance: int


class LiquidationStarted(Report, frozen=True, tag="liquidation_started"):
    equity: int
    margin_maintenance: int


class LiquidationStepped(Report, frozen=True, tag="liquidation_stepped"):
    step: int
    lots: int
    limit_ticks: int
    equity: int
    margin_maintenance: int
    share: int


class LiquidationFeePaid(Paid, frozen=True, tag="liquidation_fee_paid"):
    cash: int


class LiquidationFeeReceived(Received, frozen=True, tag="liquidation_fee_received"):
    """To the fund."""


class PositionTransferred(Report, frozen=True, tag="position_transferred"):
    """Lots that left or came outside the book: `cause` is provision (by a liquidity provider),
    takeover, pairing, deleveraging, or the settlement of the contract.

    `side` is what the account did. `charge` is what these lots of a liquidated account bore of its
    deficit, or received of its share if below 0; `given_up` what a deleveraged holder gave;
    `penalty` what a liquidated account paid a liquidity provider within `value` (the fund's is a
    report of its own).
    """

    causes: ClassVar[dict[str, str]] = {
        "position_provided": "provision",
        "position_taken_over": "takeover",
        "positions_paired": "pairing",
        "position_deleveraged": "deleveraging",
        "position_settled": "settlement",
    }
    cause: str
    side: int
    lots: int
    value: int
    charge: int
    given_up: int
    penalty: int
    realised: int
    position_lots: int
    entry_value: int
    cash: int

    @property
    def cash_change(self) -> int:
        return self.realised


class DeficitCovered(Report, frozen=True, tag="deficit_covered"):
    layer: int
    amount: int
    cash: int

    @property
    def cash_change(self) -> int:
        return self.amount


class DeficitPaid(Paid, frozen=True, tag="deficit_paid"):
    """By the fund, in cash."""


class GainsCut(Report, frozen=True, tag="gains_cut"):
    gain: int
    amount: int
    cash: int

    @property
    def cash_change(self) -> int:
        return -self.amount


class CollateralDeposited(Report, frozen=True, tag="collateral_deposited"):
    """An asset beside cash came in (10.2); `collateral_value` is what all of them count for."""

    asset: int
    quantity: int
    held: int
    collateral_value: int


class CollateralReserved(Report, frozen=True, tag="collateral_reserved"):
    """An asset left the account, and waits to be confirmed or returned (10.6)."""

    asset: int
    quantity: int
    client_id: int
    held: int
    collateral_value: int


class CollateralConverted(Report, frozen=True, tag="collateral_converted"):
    """Cash below zero was made good out of what stood beside it (10.4)."""

    asset: int
    quantity: int
    paid: int
    held: int
    cash: int
    collateral_value: int

    @property
    def cash_change(self) -> int:
        return self.paid


class CollateralLossShared(Report, frozen=True, tag="collateral_loss_shared"):
    equity: int
    amount: int
    cash: int

    @property
    def cash_change(self) -> int:
        return -self.amount


class LiquidationEnded(Report, frozen=True, tag="liquidation_ended"):
    end: int
    equity: int
    margin_maintenance: int


class WaterfallClosed(Report, frozen=True, tag="waterfall_closed"):
    """How the account's deficit was made good, layer by layer (9.2-9.8)."""

    deficit: int
    fund: int
    given_up: int
    house: int
    haircut: int


# Reports that repeat the event of their tag, field by field, to the event's account.
REPEATED: dict[str, type[Report]] = {"refused": CommandRefused} | {
    str(kind.__struct_config__.tag): kind
    for kind in (
        OrderCancelled, OrderReduced, OrderAmended, OrderArmed, OrderTriggered, OrdersLinked,
        MassCancelled, HeartbeatSet, HeartbeatLost, SessionCancelled, LeverageSet,
        LeverageCapSet, MarginModeSet,
        EligibilitySet, EligibilityLapsed, CapacitySet, ContractIsolated, ContractJoined,
        MarginMoved,
        MassQuoted, QuoteRefused, ProtectionSet, ProtectionTripped,
        AccountOpened, Deposited, WithdrawalReserved, WithdrawalConfirmed, WithdrawalReturned,
        FundingSettled, ProfitRestruck, MarginCalled,
        LiquidationStarted, LiquidationStepped, LiquidationFeePaid, DeficitCovered, GainsCut,
        CollateralDeposited, CollateralReserved, CollateralConverted, CollateralLossShared,
        LiquidationEnded, WaterfallClosed,
    )
}  # fmt: skip
