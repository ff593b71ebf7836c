"""Who may trade what: clients while they are eligible (3.1), contracts while their reference asset
is open to retail spot trading (3.3). Who is not may reduce."""

from engine.schema import bounds, events, refusals
from engine.schema import vocabulary as words
from tests.oracle.accounts import RESTING, Account
from tests.oracle.isolated import own_orders
from tests.oracle.market import Market
from tests.oracle.resting import cancel_all
from tests.oracle.stops import orders_of
from tests.oracle.timers import DUE_REFERENCE, DUE_STATUS

MARKS = (0, 1)  # of what is so or not
VERSION_MAX = 2**31 - 1


def lacks(exchange, account: Account, now: int) -> int:
    """The refusal of what the account lacks first at this time. A margin account is what its owner
    is, and other kinds than clients have rules elsewhere."""
    client = exchange.accounts[account.main] if account.main else account
    if not exchange.config.eligibility_checked or client.kind != words.KIND_CLIENT:
        return refusals.OK
    if now >= client.professional_until:
        return refusals.NOT_PROFESSIONAL
    if not client.assessed:
        return refusals.NOT_ASSESSED
    if client.disclosure < exchange.disclosure_version:
        return refusals.DISCLOSURE_NOT_ACKNOWLEDGED
    return refusals.ACCOUNT_BLOCKED if client.blocked else refusals.OK


def lacks_now(exchange, number: int) -> int:
    return lacks(exchange, exchange.accounts[number], exchange.clock)


def is_open(exchange, market: Market) -> bool:
    """Whether the reference asset is open to retail spot trading here, or nobody asks."""
    is_asked = exchange.config.eligibility_checked and market.reference_until > 0
    return not is_asked or exchange.clock < market.reference_until


def move_timer(exchange, kind: int, number: int, thing, old: int, new: int) -> None:
    """What ended at `old` ends at `new`: with due work if that is still to come, with none else."""
    exchange.timers.pop((old, kind, number), None)
    if new > exchange.clock:
        exchange.timers[new, kind, number] = thing


# Accounts.


def lapse(exchange, account: Account, was_eligible: bool) -> None:
    """Whatever could add risk goes, and that is announced unless nothing has changed."""
    orders = [order for order in own_orders(exchange, account) if not order.is_reduce_only]
    count = cancel_all(exchange, orders, words.CANCEL_ELIGIBILITY)
    if count or was_eligible:
        code = lacks_now(exchange, account.account)
        exchange.emit(events.ELIGIBILITY_LAPSED, code, count, account=account.account)


def end_status(exchange, account: Account) -> None:
    """By the clock. Who lacked something else until now has lapsed already."""
    due = account.professional_until
    del exchange.timers[due, DUE_STATUS, account.account]
    if not lacks(exchange, account, due - 1):
        lapse(exchange, account, was_eligible=True)


def set_eligibility(exchange, command) -> int:
    account = exchange.client(command.account)
    if account is None or account.kind != words.KIND_CLIENT:
        return refusals.ACCOUNT_UNKNOWN
    until = command.professional_until_ns
    is_time = 0 <= until <= bounds.TIME_NS_MAX
    are_marks = command.assessed in MARKS and command.blocked in MARKS
    if not is_time or not are_marks or command.disclosure < 0:
        return refusals.ELIGIBILITY_INVALID
    number = account.account
    was_eligible = not lacks_now(exchange, number)
    move_timer(exchange, DUE_STATUS, number, account, account.professional_until, until)
    account.professional_until = until
    account.assessed, account.blocked = command.assessed, command.blocked
    account.disclosure = command.disclosure
    code = lacks_now(exchange, number)
    told = (until, command.assessed, command.disclosure, command.blocked, code)
    exchange.emit(events.ELIGIBILITY_SET, *told, account=number)
    if code:
        lapse(exchange, account, was_eligible)
    return refusals.OK


def publish_disclosure(exchange, command) -> int:
    """Who was eligible and has not acknowledged it lapses; of the others nothing changes."""
    if not exchange.disclosure_version < command.version <= VERSION_MAX:
        return refusals.ELIGIBILITY_INVALID
    before = [a for a in sorted(exchange.accounts) if not lacks_now(exchange, a)]
    exchange.disclosure_version = command.version
    lapsed = [exchange.accounts[a] for a in before if lacks_now(exchange, a)]
    clients = [a for a in lapsed if not a.main]  # a margin account goes with its owner
    exchange.emit(events.DISCLOSURE_PUBLISHED, command.version, len(clients))
    for account in clients:
        lapse(exchange, account, was_eligible=True)
    return refusals.OK


# Reference assets.


def start_references(exchange, now: int) -> None:
    """The clock is set. What has ended before has lapsed without a word."""
    if not exchange.config.eligibility_checked:
        return
    for number, market in exchange.markets.items():
        if market.reference_until > now:
            exchange.timers[market.reference_until, DUE_REFERENCE, number] = market


def end_reference(exchange, market: Market) -> None:
    """By the clock."""
    del exchange.timers[market.reference_until, DUE_REFERENCE, market.contract]
    lapse_reference(exchange, market)


def lapse_reference(exchange, market: Market) -> None:
    """Orders that wait for their trigger stay, as in a reduce-only contract: they are judged when
    their turn comes."""
    number = market.contract
    exchange.emit(events.REFERENCE_LAPSED, market.reference_until, contract=number)
    orders = orders_of(exchange, words.SCOPE_CONTRACT, number)
    resting = [o for o in orders if o.place == RESTING and not o.is_reduce_only]
    cancel_all(exchange, resting, words.CANCEL_ELIGIBILITY)


def set_reference(exchange, command) -> int:
    market, until = exchange.markets.get(command.contract), command.until_ns
    if market is None:
        return refusals.CONTRACT_UNKNOWN
    if not 0 <= until <= bounds.TIME_NS_MAX:
        return refusals.ELIGIBILITY_INVALID
    was_open = is_open(exchange, market)
    move_timer(exchange, DUE_REFERENCE, command.contract, market, market.reference_until, until)
    market.reference_until = until
    exchange.emit(events.REFERENCE_SET, until, contract=command.contract)
    if was_open and not is_open(exchange, market):
        lapse_reference(exchange, market)
    return refusals.OK
