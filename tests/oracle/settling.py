"""The end of a contract: what is left in it closes at one published price (3.2, 5.4)."""

from engine.schema import events
from engine.schema import vocabulary as words
from tests.oracle import liquidation
from tests.oracle.accounts import Account
from tests.oracle.backstop import Step
from tests.oracle.linked import cancel_ended
from tests.oracle.market import Market
from tests.oracle.money import change_position, cover, emit_leg, forget_profit
from tests.oracle.resting import cancel_all
from tests.oracle.states import SETTLED, SETTLING, change_state
from tests.oracle.stops import orders_of


def freeze_end_due(market: Market) -> int | None:
    """When a frozen contract has been frozen for as long as it may be. One that never had a mark
    waits for its first one without an end."""
    if not market.was_opened:
        return None
    return market.freeze_start + market.spec.freeze_max_ns


def settle(exchange, markets: list[Market], why: int) -> None:
    """All of it in one transition: nobody meets a contract that is settling. Contracts that end at
    the same instant, given by id, make one step."""
    for market in markets:
        change_state(exchange, market, SETTLING, why)
        cancel_orders(exchange, market)
        announce_price(exchange, market)
    move_to_delisting_prices(exchange, markets)
    for market in markets:
        close_positions(exchange, market)
        change_state(exchange, market, SETTLED, words.WHY_SETTLED)


def cancel_orders(exchange, market: Market) -> None:
    orders = orders_of(exchange, words.SCOPE_CONTRACT, market.contract)
    cancel_all(exchange, orders, words.CANCEL_STATE)
    cancel_ended(exchange)


def delisting_price(market: Market) -> int:
    values = market.index_values
    return sum(values) // len(values) if values else market.mark


def announce_price(exchange, market: Market) -> None:
    exchange.emit(
        events.SETTLEMENT_PRICED,
        delisting_price(market),
        len(market.index_values),
        market.mark,
        contract=market.contract,
    )


def move_to_delisting_prices(exchange, markets: list[Market]) -> None:
    """Who falls below zero by it goes through the waterfall, so that every position left can be
    paid in full. Nobody else has a position here for long."""
    step = Step()
    holders = []
    for market in markets:
        numbers = [number for number in sorted(market.holders) if market.holders[number].lots]
        holders += [exchange.accounts[number] for number in numbers]
        before, market.mark = market.lot_value, delisting_price(market)
        market.is_held = False  # no move limit holds this one
        step.gain_per_lot[market.contract] = market.lot_value - before
    liquidation.supervise_settlement(exchange, step, holders)


def close_positions(exchange, market: Market) -> None:
    for number in sorted(market.holders):
        holding = market.holders[number]
        if holding.lots:
            close_position(exchange, market, exchange.accounts[number])
        forget_profit(holding)


def close_position(exchange, market: Market, account: Account) -> None:
    """At the mark, against nobody: over all positions the values add up to nothing."""
    lots = account.lots(market.contract)
    value = lots * market.lot_value
    exchange.emit(
        events.POSITION_SETTLED,
        abs(lots),
        abs(lots) * market.lot_value,
        account=account.account,
        contract=market.contract,
    )
    realised = change_position(exchange, account, market.contract, -lots, -value)
    emit_leg(exchange, account, market.contract, 0, 0, realised)
    if account.cash < 0:
        cover(exchange, account)
