"""Events: one 64-byte record each. `FIELDS` is the table that engine and oracle both follow.

A record is `kind, contract, account, sequence` and six numbers `a` to `f`; FIELDS names them for
each kind. Unnamed numbers are 0, `contract` and `account` are 0 where they make no sense. The
order of events within a transition is in `engine/schema/README.md`.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any, ClassVar, cast

import msgspec
import numpy as np

EVENT = np.dtype(
    {
        "names": ["sequence", "a", "b", "c", "d", "e", "f", "account", "contract", "kind"],
        "formats": ["<i8", "<i8", "<i8", "<i8", "<i8", "<i8", "<i8", "<i4", "<i2", "<i2"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56, 60, 62],
        "itemsize": 64,
    }
)

# Orders
REFUSED = 1
ORDER_ACCEPTED = 2
TRADE = 3
LEG = 4
ORDER_CANCELLED = 5
ORDER_REDUCED = 6
ORDER_AMENDED = 7
MASS_CANCELLED = 8
ORDER_ARMED = 9
ORDER_TRIGGERED = 10
# Money
ACCOUNT_OPENED = 11
DEPOSITED = 12
WITHDRAWAL_RESERVED = 13
FUNDING_SETTLED = 14
PROFIT_RESTRUCK = 15
WITHDRAWALS_STOPPED = 16
WITHDRAWALS_RELEASED = 17
# Prices and funding
PRICE_RECEIVED = 21
INDEX_PUBLISHED = 22
MARK_PUBLISHED = 23
STATE_CHANGED = 24
PREMIUM_SAMPLED = 25
FUNDING_PUBLISHED = 26
FUNDING_LATE = 27
TIME_ADVANCED = 28
FUNDING_REBASED = 29
SETTLEMENT_PRICED = 30
# Liquidation
MARGIN_CALLED = 31
LIQUIDATION_STARTED = 32
LIQUIDATION_STEPPED = 33
LIQUIDATION_FEE_PAID = 34
POSITION_TAKEN_OVER = 35
POSITIONS_PAIRED = 36
POSITION_DELEVERAGED = 37
DEFICIT_COVERED = 38
GAINS_CUT = 39
LIQUIDATION_ENDED = 40
WATERFALL_CLOSED = 41
POSITION_SETTLED = 42
# More of orders
ORDER_REFILLED = 51
ORDERS_LINKED = 52
HEARTBEAT_SET = 53
HEARTBEAT_LOST = 54
SESSION_CANCELLED = 55
TRADING_STOPPED = 56
TRADING_RELEASED = 57
PROTECTION_SET = 58
PROTECTION_TRIPPED = 59
QUOTE_REFUSED = 60
# Auctions
BAND_SET = 61
AUCTION_STARTED = 62
AUCTION_EXTENDED = 63
INDICATIVE_PUBLISHED = 64
UNCROSSED = 65
MASS_QUOTED = 66
# More of prices and funding
CONSTITUENT_PUBLISHED = 71
CONSTITUENT_CHANGED = 72
CONSTITUENT_REDENOMINATED = 73
SAMPLE_CLOCK_SET = 74
FUNDING_AVERAGED = 75
IMPACT_SAMPLED = 76
# Margin modes
LEVERAGE_SET = 81
CONTRACT_ISOLATED = 82
CONTRACT_JOINED = 83
MARGIN_MOVED = 84
# Eligibility
ELIGIBILITY_SET = 85
ELIGIBILITY_LAPSED = 86
DISCLOSURE_PUBLISHED = 87
REFERENCE_SET = 88
REFERENCE_LAPSED = 89
# Backstop
CAPACITY_SET = 90
POSITION_PROVIDED = 91
WORK_BACK_SET = 92
STRESS_LOSS_SET = 93
# Collateral
COLLATERAL_PRICED = 94
COLLATERAL_IMPAIRED = 95
COLLATERAL_SET = 96
COLLATERAL_DEPOSITED = 97
COLLATERAL_RESERVED = 98
COLLATERAL_CONVERTED = 99
COLLATERAL_LOSS_DECLARED = 100
COLLATERAL_LOSS_SHARED = 101
# Withdrawals, listing, margin modes
WITHDRAWAL_CONFIRMED = 102
WITHDRAWAL_RETURNED = 103
CONTRACT_APPROVED = 104
MARGIN_MODE_SET = 105
LEVERAGE_CAP_SET = 106
# What becomes of collateral later
COLLATERAL_RECOVERED = 107
CONVERSION_REDEEMED = 108
CONVERSION_SETTLED = 109
# For feeds: where an order comes to rest and the events before it leave its price or size open
ORDER_RESTED = 67

FIELDS: dict[int, tuple[str, tuple[str, ...]]] = {
    REFUSED: ("refused", ("code", "command", "client_id", "order_id")),
    ORDER_ACCEPTED: (
        "order_accepted",
        ("order_id", "client_id", "price_ticks", "lots", "side", "terms"),
    ),
    TRADE: ("trade", ("price_ticks", "lots", "taker_order_id", "maker_order_id", "taker_side")),
    LEG: ("leg", ("order_id", "position_lots", "entry_value", "fee", "realised", "cash")),
    ORDER_CANCELLED: (
        "order_cancelled",
        ("order_id", "client_id", "price_ticks", "lots", "reason", "code"),
    ),
    ORDER_REDUCED: (
        "order_reduced",
        ("order_id", "client_id", "price_ticks", "lots", "reason", "lots_open"),
    ),
    ORDER_AMENDED: (
        "order_amended",
        ("order_id", "client_id", "price_ticks", "lots_open", "priority_kept"),
    ),
    MASS_CANCELLED: ("mass_cancelled", ("client_id", "orders")),
    ORDER_ARMED: (
        "order_armed",
        ("order_id", "client_id", "trigger_ticks", "source", "trail_bp", "best_ticks"),
    ),
    ORDER_TRIGGERED: (
        "order_triggered",
        ("order_id", "client_id", "trigger_ticks", "source", "value_ticks", "lots"),
    ),
    ORDER_REFILLED: (
        "order_refilled",
        ("order_id", "client_id", "price_ticks", "lots", "lots_hidden"),
    ),
    ORDER_RESTED: ("order_rested", ("order_id", "side", "price_ticks", "lots", "lots_hidden")),
    ORDERS_LINKED: ("orders_linked", ("order_id", "linked_id")),
    HEARTBEAT_SET: ("heartbeat_set", ("client_id", "due_ns")),
    HEARTBEAT_LOST: ("heartbeat_lost", ("orders", "due_ns")),
    SESSION_CANCELLED: ("session_cancelled", ("client_id", "session", "orders")),
    TRADING_STOPPED: ("trading_stopped", ("scope", "number", "orders")),
    TRADING_RELEASED: ("trading_released", ("scope", "number")),
    PROTECTION_SET: (
        "protection_set",
        ("client_id", "protection", "window_ns", "lots_max", "fills_max", "net_lots_max"),
    ),
    PROTECTION_TRIPPED: ("protection_tripped", ("protection", "lots", "fills", "net_lots")),
    QUOTE_REFUSED: ("quote_refused", ("client_id", "code", "side", "price_ticks", "lots")),
    MASS_QUOTED: ("mass_quoted", ("client_id", "protection", "quotes", "refused")),
    BAND_SET: ("band_set", ("low_ticks", "high_ticks")),
    AUCTION_STARTED: ("auction_started", ("ends_ns",)),
    AUCTION_EXTENDED: ("auction_extended", ("ends_ns", "extension", "indicative_ticks")),
    INDICATIVE_PUBLISHED: ("indicative_published", ("price_ticks", "lots", "surplus_lots")),
    UNCROSSED: ("uncrossed", ("price_ticks", "lots", "surplus_lots")),
    ACCOUNT_OPENED: ("account_opened", ("owner", "group", "account_kind")),
    DEPOSITED: ("deposited", ("amount", "ledger", "cash")),
    WITHDRAWAL_RESERVED: ("withdrawal_reserved", ("amount", "client_id", "cash")),
    FUNDING_SETTLED: ("funding_settled", ("amount", "position_lots", "funding_index", "cash")),
    PROFIT_RESTRUCK: ("profit_restruck", ("amount", "entry_value", "cash")),
    WITHDRAWALS_STOPPED: ("withdrawals_stopped", ("deficit",)),
    WITHDRAWALS_RELEASED: ("withdrawals_released", ("by_operator",)),
    PRICE_RECEIVED: ("price_received", ("source", "price_ticks", "time_ns")),
    INDEX_PUBLISHED: (
        "index_published",
        ("index_ticks", "used", "stale", "outliers", "median", "capped"),
    ),
    CONSTITUENT_PUBLISHED: (
        "constituent_published",
        ("asset", "price_ticks", "median", "units_ppb", "divisor_ppb"),
    ),
    CONSTITUENT_CHANGED: ("constituent_changed", ("asset", "units_ppb", "divisor_ppb")),
    CONSTITUENT_REDENOMINATED: ("constituent_redenominated", ("asset", "units_ppb")),
    SAMPLE_CLOCK_SET: ("sample_clock_set", ("offset_ns",)),
    MARK_PUBLISHED: (
        "mark_published",
        ("mark_ticks", "index_ticks", "fair_ticks", "basis_ticks", "last_ticks", "held"),
    ),
    STATE_CHANGED: ("state_changed", ("state_from", "state_to", "why", "time_ns")),
    IMPACT_SAMPLED: (
        "impact_sampled",
        ("bid_value", "bid_lots", "ask_value", "ask_lots", "bid_term_ppb", "ask_term_ppb"),
    ),
    PREMIUM_SAMPLED: (
        "premium_sampled",
        (
            "premium_ppb", "impact_bid_ticks", "impact_ask_ticks", "valid", "time_ns",
            "rate_next_ppb",
        ),
    ),
    FUNDING_AVERAGED: (
        "funding_averaged",
        ("samples", "valid", "frozen_ns", "length_ns", "capped", "mark_ticks"),
    ),
    FUNDING_PUBLISHED: (
        "funding_published",
        ("rate_ppb", "growth", "carry_ppb", "funding_index", "premium_ppb", "time_ns"),
    ),
    FUNDING_LATE: ("funding_late", ("due_ns", "late_ns")),
    TIME_ADVANCED: ("time_advanced", ("time_ns",)),
    FUNDING_REBASED: ("funding_rebased", ("funding_index",)),
    SETTLEMENT_PRICED: ("settlement_priced", ("price_ticks", "samples", "mark_ticks_before")),
    MARGIN_CALLED: ("margin_called", ("equity", "margin_maintenance")),
    LIQUIDATION_STARTED: ("liquidation_started", ("equity", "margin_maintenance")),
    LIQUIDATION_STEPPED: (
        "liquidation_stepped",
        ("step", "lots", "limit_ticks", "equity", "margin_maintenance", "share"),
    ),
    LIQUIDATION_FEE_PAID: ("liquidation_fee_paid", ("amount", "cash")),
    POSITION_TAKEN_OVER: ("position_taken_over", ("lots", "value", "charge", "penalty")),
    POSITIONS_PAIRED: ("positions_paired", ("lots", "value", "counterparty")),
    POSITION_DELEVERAGED: (
        "position_deleveraged",
        ("lots", "value", "charge", "counterparty", "given_up"),
    ),
    DEFICIT_COVERED: ("deficit_covered", ("layer", "amount", "cash")),
    GAINS_CUT: ("gains_cut", ("gain", "amount", "cash")),
    LIQUIDATION_ENDED: ("liquidation_ended", ("end", "equity", "margin_maintenance")),
    WATERFALL_CLOSED: (
        "waterfall_closed",
        ("deficit", "fund", "given_up", "house", "haircut"),
    ),
    POSITION_SETTLED: ("position_settled", ("lots", "value")),
    ELIGIBILITY_SET: (
        "eligibility_set",
        ("professional_until_ns", "assessed", "disclosure", "blocked", "lacks"),
    ),
    ELIGIBILITY_LAPSED: ("eligibility_lapsed", ("lacks", "orders")),
    DISCLOSURE_PUBLISHED: ("disclosure_published", ("version", "accounts")),
    REFERENCE_SET: ("reference_set", ("until_ns",)),
    REFERENCE_LAPSED: ("reference_lapsed", ("until_ns",)),
    CAPACITY_SET: ("capacity_set", ("lots",)),
    POSITION_PROVIDED: ("position_provided", ("lots", "value", "provider", "penalty")),
    WORK_BACK_SET: ("work_back_set", ("offset_ns",)),
    STRESS_LOSS_SET: ("stress_loss_set", ("amount", "fund_equity")),
    COLLATERAL_PRICED: (
        "collateral_priced",
        ("asset", "source", "price_received_ppb", "price_ppb", "fresh", "raise_ppb"),
    ),
    COLLATERAL_IMPAIRED: ("collateral_impaired", ("asset", "impairment", "raise_ppb")),
    COLLATERAL_SET: ("collateral_set", ("asset", "impaired", "licensed_until_ns")),
    COLLATERAL_DEPOSITED: (
        "collateral_deposited",
        ("asset", "quantity", "held", "collateral_value"),
    ),
    COLLATERAL_RESERVED: (
        "collateral_reserved",
        ("asset", "quantity", "client_id", "held", "collateral_value"),
    ),
    COLLATERAL_CONVERTED: (
        "collateral_converted",
        ("asset", "quantity", "paid", "held", "cash", "collateral_value"),
    ),
    COLLATERAL_LOSS_DECLARED: ("collateral_loss_declared", ("loss", "equity")),
    COLLATERAL_LOSS_SHARED: ("collateral_loss_shared", ("equity", "amount", "cash")),
    WITHDRAWAL_CONFIRMED: ("withdrawal_confirmed", ("asset", "amount", "client_id")),
    WITHDRAWAL_RETURNED: (
        "withdrawal_returned",
        ("asset", "amount", "client_id", "left", "collateral_value"),
    ),
    CONTRACT_APPROVED: ("contract_approved", ("reference",)),
    MARGIN_MODE_SET: ("margin_mode_set", ("margin_mode",)),
    LEVERAGE_CAP_SET: ("leverage_cap_set", ("rate_initial_ppb",)),
    COLLATERAL_RECOVERED: ("collateral_recovered", ("asset",)),
    CONVERSION_REDEEMED: (
        "conversion_redeemed",
        ("asset", "quantity", "proceeds", "converted", "conversion_cash"),
    ),
    CONVERSION_SETTLED: ("conversion_settled", ("amount", "conversion_cash")),
    LEVERAGE_SET: ("leverage_set", ("rate_initial_ppb", "client_id")),
    CONTRACT_ISOLATED: ("contract_isolated", ("margin_account", "client_id")),
    CONTRACT_JOINED: ("contract_joined", ("margin_account", "client_id", "amount", "cash")),
    MARGIN_MOVED: (
        "margin_moved",
        ("amount", "client_id", "margin_account", "cash_margin", "cash"),
    ),
}


class Event(msgspec.Struct, frozen=True, gc=False, array_like=True, tag_field="kind"):
    """A typed event, of the struct of its kind in TYPES: the numbers of FIELDS are attributes.

    It can't be in a cycle, so the garbage collector need not look at it. As MessagePack it is an
    array that begins with its kind: msgspec makes structs of such arrays in a quarter of the time
    that calls from Python take.
    """

    name: ClassVar[str]
    sequence: int
    contract: int
    account: int

    @property
    def values(self) -> dict[str, int]:
        """By name, the numbers that its kind has beside those that all have."""
        names = self.__struct_fields__[len(Event.__struct_fields__) :]
        return {name: getattr(self, name) for name in names}


def _type_of(kind: int, name: str, fields: tuple[str, ...]) -> type[Event]:
    """`Trade` for "trade"; known to this module by that name, for `pickle`."""
    title = name.title().replace("_", "")
    globals()[title] = type_ = msgspec.defstruct(
        title, [(field, int) for field in fields], bases=(Event,), namespace={"name": name},
        module=__name__, tag=kind, frozen=True, gc=False,
    )  # fmt: skip
    return cast(type[Event], type_)


TYPES = {kind: _type_of(kind, name, fields) for kind, (name, fields) in FIELDS.items()}
_ANY: Any = functools.reduce(operator.or_, TYPES.values())
# Whole arrays of events; numbers of a record that its kind does not name are passed over.
decode_events: Callable[[memoryview], tuple[Event, ...]] = msgspec.msgpack.Decoder(
    tuple[_ANY, ...]
).decode


def typed_event(record: tuple[int, ...]) -> Event:
    """The record (in dtype order) as a typed event."""
    sequence, *numbers, account, contract, kind = record
    return TYPES[kind](sequence, contract, account, *numbers[: len(FIELDS[kind][1])])
