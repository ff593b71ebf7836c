"""What falls due at a time of its own: expiries of orders, heartbeats of accounts (4.2, 4.6).
Ends of eligibility (3.1, 3.3), the slices of the fund (9.6), and what becomes of an impaired or
silent asset (10.3) are due work, too."""

from engine.schema import events, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY
from engine.schema.contract import Contract
from tests.oracle.accounts import Account, Order

# Kinds of due work; equal times are dealt with in this order, then by id.
DUE_STALE, DUE_AUCTION_END, DUE_INDICATIVE = 1, 2, 3
DUE_EXPIRY, DUE_HEARTBEAT = 4, 5
DUE_STATUS, DUE_REFERENCE = 6, 7  # of a professional investor, of a contract's reference asset
DUE_SAMPLE, DUE_FUNDING = 8, 9
DUE_FREEZE_END = 10
DUE_SLICE = 11
DUE_LICENCE, DUE_RISE, DUE_SILENCE = 12, 13, 14  # of a collateral asset


def next_multiple(now: int, every: int, offset: int = 0) -> int:
    """The first `offset + multiple` that is later than now."""
    return offset + ((now - offset) // every + 1) * every


def day_end(spec: Contract, now: int) -> int:
    """The first end of a trading day that is later than now."""
    end = now // NS_PER_DAY * NS_PER_DAY + spec.day_end_ns
    return end if end > now else end + NS_PER_DAY


def start_expiry(exchange, order: Order) -> None:
    if order.expiry:
        exchange.timers[order.expiry, DUE_EXPIRY, order.order_id] = order


def stop_expiry(exchange, order: Order) -> None:
    if order.expiry:
        del exchange.timers[order.expiry, DUE_EXPIRY, order.order_id]


def drop_expiry(exchange, order: Order) -> None:
    """A trigger that fired has no use for the time until which it could have."""
    if order.tif not in (words.GTD, words.DAY):
        stop_expiry(exchange, order)
        order.expiry = 0


def stop_heartbeat(exchange, account: Account) -> None:
    if account.heartbeat_due:
        del exchange.timers[account.heartbeat_due, DUE_HEARTBEAT, account.account]
        account.heartbeat_due = 0


def set_heartbeat(exchange, command) -> int:
    if not 0 <= command.timeout_ns <= NS_PER_DAY:
        return refusals.TIMEOUT_INVALID
    account = exchange.accounts[command.account]
    stop_heartbeat(exchange, account)
    if command.timeout_ns:
        account.heartbeat_due = exchange.clock + command.timeout_ns
        exchange.timers[account.heartbeat_due, DUE_HEARTBEAT, account.account] = account
    exchange.emit(
        events.HEARTBEAT_SET, command.client_id, account.heartbeat_due, account=account.account
    )
    return refusals.OK


def start_slice(market, now: int) -> None:
    """The fund's next slice in this contract, if it works its positions back there at all."""
    spec = market.spec
    if spec.fund_slice_lots:
        market.next_slice = next_multiple(now, spec.fund_slice_ns, market.slice_offset)


def follow_fund(market, before: int, now: int) -> None:
    """The fund's position has changed from so many lots: slices begin when it opens one, and end
    with it."""
    if market.holders[words.FUND].lots == 0:
        market.next_slice = None
    elif before == 0:
        start_slice(market, now)
