"""The invariants of rule 14 over the whole oracle, and its state in one plain structure."""

from engine.schema import bounds
from engine.schema import vocabulary as words
from tests.oracle.accounts import (
    ARMED,
    ENDED,
    FIRED,
    RESTING,
    Order,
    equity,
    maintenance,
    requirement,
)
from tests.oracle.eligibility import is_open, lacks_now
from tests.oracle.isolated import MARGIN_ACCOUNT_FIRST, is_idle
from tests.oracle.protection import is_tripped
from tests.oracle.settling import freeze_end_due
from tests.oracle.states import (
    COLLECTING,
    FIRING,
    FROZEN,
    LIFELESS,
    NOT_LIVE,
    SETTLING,
    TRADING,
)
from tests.oracle.timers import (
    DUE_EXPIRY,
    DUE_HEARTBEAT,
    DUE_LICENCE,
    DUE_REFERENCE,
    DUE_RISE,
    DUE_STATUS,
)
from tests.oracle.triggers import (
    is_reached,
    is_trailing,
    source_value,
    trail_ticks,
)
from tests.oracle.valuation import held_by_all, value_without
from tests.oracle.withdrawals import cash_reserved


def check(exchange) -> None:
    """Assert I1 to I8 (I9 is asserted where a waterfall closes)."""
    check_money(exchange)
    for market in exchange.markets.values():
        check_positions(exchange, market)
        check_book(exchange, market)
        check_triggers(exchange, market)
        check_trading_state(exchange, market)
        check_prices(market)
        check_end(exchange, market)
        check_slices(exchange, market)
    for account in exchange.accounts.values():
        check_account(exchange, account)
        check_isolation(exchange, account)
        check_eligibility(exchange, account)
        check_capacity(account)
        check_collateral(exchange, account)
        check_reserved(exchange, account)
        check_margin_mode(exchange, account)
    for asset in exchange.assets.values():
        check_asset(exchange, asset)
    check_timers(exchange)
    assert not exchange.ending, "4.5: an order outlived its sibling"
    assert not exchange.suspects, "9.1: someone was not looked at"
    assert not exchange.shorts, "10.4: someone was not dealt with"


def balances(exchange) -> int:
    total = exchange.house + exchange.fees + exchange.conversion_cash + cash_reserved(exchange)
    total += sum(account.cash for account in exchange.accounts.values())
    return total + sum(market.clearing for market in exchange.markets.values())


def check_money(exchange) -> None:
    positions = [h for account in exchange.accounts.values() for h in account.positions()]
    entries = sum(holding.entry_value for holding in positions)
    assert balances(exchange) - entries == exchange.deposits, "I1: money"
    held = exchange.house + exchange.fees + exchange.conversion_cash + cash_reserved(exchange)
    held += sum(equity(exchange, account) for account in exchange.accounts.values())
    held -= sum(account.collateral_value for account in exchange.accounts.values())
    carried = sum(market.clearing for market in exchange.markets.values())
    carried += sum(
        holding.lots * (exchange.markets[holding.contract].funding_index - holding.funding_index)
        for holding in positions
    )
    assert carried == 0, "I7: funding paid equals funding received"
    assert held == exchange.deposits, "I1: total equity equals cash held"
    # a loss of collateral that nobody can share is the house's
    assert exchange.house >= 0 or exchange.assets, "I3: the house below zero"
    assert exchange.fees >= 0 >= exchange.conversion_cash, "I3: a ledger on the wrong side"


def check_positions(exchange, market) -> None:
    assert sum(h.lots for h in market.holders.values()) == 0, "I2: positions sum to zero"
    longs = sum(h.lots for h in market.holders.values() if h.lots > 0)
    shorts = -sum(h.lots for h in market.holders.values() if h.lots < 0)
    assert longs == shorts == market.open_interest(), "I2: open interest"
    owed = [h.lots * (market.funding_index - h.funding_index) for h in market.holders.values()]
    assert sum(owed) + market.clearing == 0, "I7: clearing"
    is_coin = exchange.settlement.spec.kind == words.ASSET_COIN
    assert is_coin or not market.spec.contract_value, "1.2: paid in something else"
    for holding in market.holders.values():
        assert holding.lots != 0 or holding.entry_value == 0, "I1: entry value of nothing"
        assert holding.lots != 0 or holding.realised == 0, "9.7: profit of no position"


def check_book(exchange, market) -> None:
    book = market.book
    bid, ask = book.best_price(words.BUY), book.best_price(words.SELL)
    is_crossed = bid is not None and ask is not None and bid >= ask
    # before a contract stops or freezes, crossing orders may have been collected in it
    assert not (is_crossed and market.state in TRADING), "I5: crossed"
    for side in (words.BUY, words.SELL):
        total = 0
        for key, queue in book.sides[side].items():
            assert queue, "I5: an empty level"
            own = [order for order in queue.values() if not order.is_child]  # nobody asks those
            assert len(own) <= market.spec.level_orders_max, "4.9: a level too full"
            for order_id, order in queue.items():
                holding = exchange.accounts[order.account].holdings[market.contract]
                assert holding.orders.get(order_id) is order, "I5: an order of nobody"
                assert order.side == side and book.key(side, order.price) == key, "I5: key"
                assert order.displayed > 0, "I5: an order that shows nothing"
                assert order.price >= market.spec.price_ticks_min, "1.2: below the lowest price"
                assert order.may_rest and not order.is_waiting, "4.2: this one never rests"
                total += order.open
        assert total == book.resting_lots[side], "I5: lots of a side"


def check_triggers(exchange, market) -> None:
    """The armed and fired lists hold exactly the orders that say so, and nobody was overlooked."""
    lists = ((ARMED, market.armed), (FIRED, market.fired[0]), (FIRED, market.fired[1]))
    for place, waiting in lists:
        for order_id, order in waiting.items():
            holding = exchange.accounts[order.account].holdings[market.contract]
            assert holding.orders.get(order_id) is order, "4.2: a trigger of nobody"
            assert order.place == place and (place == ARMED) == order.is_waiting, "4.2: place"
            assert order.open > 0 and order.reserve == order.charges == order.hidden == 0, "8.2"
    for kind, waiting in enumerate(market.fired):
        assert all(order.is_reduce_only == (kind == 0) for order in waiting.values()), "2.5"
    if market.state not in FIRING:
        return
    if exchange.triggers_left:
        assert not any(market.fired), "2.5: fired, and not worked off"
    for order in market.armed.values():
        value = source_value(market, order.source)
        # a trailing stop without any distance, and a bracket's, fire at the next look only
        is_late = order.is_child or (is_trailing(order) and trail_ticks(order) == 0)
        if value and not is_late:
            assert not is_reached(order, value), "4.2: reached, and not fired"


def check_timers(exchange) -> None:
    """Every timer is somebody's, and everybody's is there."""
    wanted = {}
    for number, market in exchange.markets.items():
        if exchange.config.eligibility_checked and market.reference_until > exchange.clock > 0:
            wanted[market.reference_until, DUE_REFERENCE, number] = market
    for number, asset in exchange.assets.items():
        if asset.licensed_until > exchange.clock:
            wanted[asset.licensed_until, DUE_LICENCE, number] = asset
        if asset.next_rise:
            wanted[asset.next_rise, DUE_RISE, number] = asset
    for account in exchange.accounts.values():
        if account.professional_until > exchange.clock:
            wanted[account.professional_until, DUE_STATUS, account.account] = account
        if account.heartbeat_due:
            wanted[account.heartbeat_due, DUE_HEARTBEAT, account.account] = account
        for order in account.orders():
            if order.expiry:
                wanted[order.expiry, DUE_EXPIRY, order.order_id] = order
    assert dict(exchange.timers) == wanted, "2.6: timers"
    assert all(due > exchange.clock for due, _, _ in wanted), "2.6: work that is due"


def check_trading_state(exchange, market) -> None:
    """5.1: timers run in the states that they belong to, and nothing due was left undone."""
    state, now = market.state, exchange.clock
    assert state != words.STATE_DEFAULT, "9.8: default outside a waterfall"
    assert state != SETTLING, "5.4: a settlement not ended"
    assert (market.auction_end is not None) == (state == words.STATE_AUCTION), "5.1: auction's end"
    assert (market.next_indicative is not None) == (state in COLLECTING), "5.2: indicative price"
    assert market.auction_end is None or market.auction_end > now, "2.6: an auction not ended"
    assert market.next_indicative is None or market.next_indicative > now, "2.6: not published"
    assert market.extensions <= market.spec.auction_extensions_max, "5.3: extensions"
    assert state != words.STATE_CONTINUOUS or not market.is_held, "6.2: trading at a held mark"
    is_reduced = state == words.STATE_REDUCE_ONLY
    assert not market.is_reduced_by_mark or is_reduced and market.is_held, "6.2: reduce-only"


def check_prices(market) -> None:
    """6.1 and 7: what an index and an interval are made of stays within its bounds."""
    assert 1 <= market.divisor < 2**62, "6.1: divisor"
    for price in (market.index, market.mark):
        lowest, highest = market.spec.price_ticks_min, market.spec.price_ticks_max
        assert price == 0 or lowest <= price <= highest, "1.2: a price out of range"
    assert all(1 <= one.units <= bounds.UNITS_PPB_MAX for one in market.constituents), "6.1: units"
    if market.state not in (FROZEN, *LIFELESS):
        assert all(one.price for one in market.constituents), "6.1: trading without an index"
        assert all(one.used for one in market.constituents), "6.1: no source"
    assert 0 <= market.frozen_ns <= market.length_ns <= bounds.NS_PER_DAY, "7.3: frozen time"
    assert market.next_funding % bounds.NS_PER_SECOND == 0, "7.3: interval"
    assert len(market.ballot) < market.spec.funding_vote_samples, "7.2: a vote not cast"
    assert market.sample_valid <= market.sample_count, "7.1: samples"
    most = market.spec.premium_cap_ppb
    assert all(abs(vote) <= most for vote in market.votes), "7.1: premium above its cap"


def check_end(exchange, market) -> None:
    """5.4: no freeze outlasts its time, and of a settled contract nothing is left, as of one that
    is not live yet nothing is there."""
    if market.state == FROZEN:
        due = freeze_end_due(market)
        assert due is None or due > exchange.clock, "5.4: frozen for too long"
    if market.state in NOT_LIVE:
        assert exchange.config.approvals_required and not market.was_opened, "3.2: not approved"
        assert market.mark == market.index == market.next_sample == 0, "3.2: priced, and not live"
    if market.state not in LIFELESS:
        return
    for account in exchange.accounts.values():
        assert not any(o.contract == market.contract for o in account.orders()), "5.4: an order"
        assert account.lots(market.contract) == 0, "5.4: a position"
    assert market.open_interest() == 0 and market.book.resting_lots == [0, 0], "5.4: lots"
    assert not market.armed and not any(market.fired), "5.4: a trigger"
    assert market.clearing == 0, "7.3: funding that nobody will settle"
    assert not market.is_held, "6.2: nothing holds a delisting price"


def check_slices(exchange, market) -> None:
    """9.6: what the fund holds is worked back, and of what it does not hold nothing is. A contract
    that opens again may still have one to come from before, but does not trade yet."""
    is_worked = exchange.fund.lots(market.contract) != 0 and market.spec.fund_slice_lots > 0
    assert (market.next_slice is not None) == is_worked, "9.6: a slice of nothing, or none"
    if market.next_slice is None:
        return
    is_later = market.next_slice > exchange.clock
    assert is_later or market.state not in FIRING, "2.6: a slice not sent"
    after = market.next_slice - market.slice_offset
    assert after % market.spec.fund_slice_ns == 0, "9.6: a slice off its clock"


def check_capacity(account) -> None:
    """9.2 e: only who can be bound is."""
    capacities = [holding.capacity for holding in account.holdings.values()]
    assert all(0 <= capacity <= bounds.LOTS_MAX for capacity in capacities), "9.2: capacity"
    is_provider = account.kind == words.KIND_LIQUIDITY_PROVIDER and not account.main
    assert is_provider or not any(capacities), "9.2: bound, and no provider"


def check_asset(exchange, asset) -> None:
    """I1 of every asset, and 10.3: a haircut is raised while it is impaired, and rises to all."""
    assert held_by_all(exchange, asset) + asset.converted == asset.deposits, "I1: an asset"
    assert asset.is_impaired == (asset.raise_ppb > 0), "10.3: raised, and not impaired"
    is_rising = 0 < asset.raise_ppb < bounds.PPB
    assert (asset.next_rise > 0) == is_rising, "10.3: a rise of nothing, or none"
    has_ended = 0 < asset.licensed_until <= exchange.clock
    assert asset.is_impaired or not has_ended, "10.3: without a licence"


def check_collateral(exchange, account) -> None:
    """10.2: between two valuations nothing but a step takes any value away."""
    assert all(quantity > 0 for quantity in account.collateral.values()), "10.2: a holding of none"
    worth = value_without(exchange, account)
    assert 0 <= account.collateral_value <= worth, "10.2: worth less than it counts for"
    is_client = account is not exchange.fund and not account.main
    assert is_client or not account.collateral, "10.2: this one holds none"
    is_permitted = exchange.settlement.permits(account.kind)
    assert account is exchange.fund or is_permitted, "10.1: cash of somebody who may not hold it"


def check_reserved(exchange, account) -> None:
    """10.6: a withdrawal is of cash or of an asset that there is, under an id that was used."""
    assert len(account.reserved) <= bounds.WITHDRAWALS_MAX, "10.6: too many withdrawals"
    for client_id, (asset, amount) in account.reserved.items():
        assert asset == 0 or asset in exchange.assets, "10.6: a withdrawal of nothing"
        assert 1 <= amount <= bounds.DEPOSITS_MAX, "10.6: an amount out of bounds"
        assert 1 <= client_id <= account.client_id_highest, "10.6: nobody has asked for it"
    is_client = account is not exchange.fund and not account.main
    assert is_client or not account.reserved, "10.6: this one withdraws nothing"


def check_margin_mode(exchange, account) -> None:
    """8.7: who has no mode of its own is in the standard one, and a portfolio's initial margin is
    never below its maintenance."""
    is_client = account is not exchange.fund and not account.main
    assert is_client or not (account.is_portfolio or account.leverage_cap), "8.7: not this one's"
    if account.is_portfolio:
        assert exchange.config.portfolio_moves_ppb, "8.7: not offered"
        needed = requirement(exchange, account)
        assert needed >= maintenance(exchange, account), "8.7: less to open than to hold"


def check_account(exchange, account) -> None:
    assert account.cash >= 0, f"I3: cash of {account.account}"
    value = equity(exchange, account)
    assert value >= 0, f"I3: equity of {account.account}"
    check_quotes(exchange, account)
    assert account.positions() or not account.was_called, "9.1: called without a position"
    for holding in account.holdings.values():
        market = exchange.markets[holding.contract]
        if holding.lots:
            assert market.holders[account.account] is holding, "I2: holder"
        for order in holding.orders.values():
            check_order(market, holding, order)
        for side, sign in ((words.BUY, -1), (words.SELL, 1)):
            most = max(0, sign * holding.lots)
            assert holding.reduce_only_lots(side) <= most, "I6: reduce-only above the position"
    positions = account.positions()
    is_frozen = any(exchange.markets[h.contract].state == words.STATE_FROZEN for h in positions)
    if not account.in_liquidation and not is_frozen:
        assert value >= maintenance(exchange, account), f"I8: account {account.account}"


def check_isolation(exchange, account) -> None:
    """8.5: in a contract that it has isolated the account has neither lots nor orders. They are in
    the margin account, and that has nothing else; joined, it has nothing at all."""
    assert account.isolated <= set(account.margin_accounts), "8.5: isolated without an account"
    assert all(is_idle(account, number) for number in account.isolated), "8.5: still cross"
    for contract, number in account.margin_accounts.items():
        margin_account = exchange.accounts[number]
        assert margin_account.main == account.account, "8.5: a margin account of another one"
        assert set(margin_account.holdings) <= {contract}, "8.5: another contract"
        is_used = margin_account.cash or not is_idle(margin_account, contract)
        assert contract in account.isolated or not is_used, "8.5: joined, and not left"
    if account.main == 0:
        return
    main = exchange.accounts[account.main]
    assert account.account in main.margin_accounts.values(), "8.5: a margin account of nobody"
    assert account.account >= MARGIN_ACCOUNT_FIRST > main.account, "8.5: id"
    who = (account.owner, account.group, account.kind)
    assert who == (main.owner, main.group, main.kind), "8.5: a margin account of somebody else"
    own = (account.client_ids, account.heartbeat_due, account.messages, account.margin_accounts)
    assert not any(own), "8.5: a margin account that sends commands"


def check_eligibility(exchange, account) -> None:
    """3.1, 3.3: who is not eligible works only what is marked as reducing, and in a contract whose
    reference asset has lapsed nothing else rests (what waits there is judged at its turn)."""
    plain = [order for order in account.orders() if not order.is_reduce_only]
    assert not plain or not lacks_now(exchange, account.account), "3.1: an order of the lapsed"
    resting = {order.contract for order in plain if order.place == RESTING}
    assert all(is_open(exchange, exchange.markets[n]) for n in resting), "3.3: a lapsed contract"
    own = (account.professional_until, account.assessed, account.disclosure, account.blocked)
    is_client = account.kind == words.KIND_CLIENT and not account.main
    assert is_client or not any(own), "3.1: nobody asks this one"


def check_quotes(exchange, account) -> None:
    """4.8: one bid and one ask in a contract, none in a window that has tripped."""
    quotes = [order for order in account.orders() if order.protection]
    assert len({(q.contract, q.side) for q in quotes}) == len(quotes), "4.8: two quotes"
    for quote in quotes:
        assert quote.place == RESTING and quote.sibling is None and not quote.display, "4.8"
        assert not is_tripped(exchange, account, quote.protection), "4.8: a quote behind a trip"


def check_order(market, holding, order: Order) -> None:
    whole = order.filled + order.open + order.cancelled
    assert whole == order.entered, "I6: filled + open + cancelled = entered"
    assert order.reserve >= 0 and order.charges >= 0, "I4: reserve"
    assert not order.is_reduce_only or order.reserve == order.charges == 0, "I4: reduce-only"
    if order.sibling is not None:
        assert order.sibling.sibling is order, "4.5: siblings know each other"
        assert holding.orders[order.sibling.order_id] is order.sibling, "4.5: a foreign sibling"
    for child in (order.bracket.stop, order.bracket.target) if order.bracket else ():
        assert child is None or child.side != order.side, "4.5: a child of its own side"
    if order.place == RESTING:
        queue = market.book.queue_at(order.side, order.price)
        assert queue[order.order_id] is order, "I5: an order outside the book"
        most = order.display or order.open
        assert order.hidden >= 0 and order.displayed <= most, "4.2: an iceberg shows too much"
    elif order.place == ARMED:
        assert market.armed[order.order_id] is order, "4.2: an armed order that nobody watches"
    else:
        assert market.fired_list(order)[order.order_id] is order, "4.2: a fired order forgotten"
        assert order.place == FIRED
        assert order.tif in (words.GTD, words.DAY) or order.expiry == 0, "4.2: fired, not dropped"


def state(exchange) -> dict:
    """The logical state, all plain integers, lists and dicts:

    clock, sequence, withdrawals_stopped
    ledgers: fund, house, fees, conversion, clearing (by contract), deposits (less withdrawals that
        are confirmed)
    accounts: by id {owner, group, kind, cash, client_id_highest, client_ids (those of the window),
        in_liquidation, was_called, next_step_whole, cools_until,
        heartbeat_due, messages (in the present window),
        contracts (in the account's order), rates_initial (its own floors, by contract, but for 0),
        capacities (of a liquidity provider, by contract, but for 0),
        positions: by contract {lots, entry_value, funding_index}, flat ones left out,
        profits: by contract {opened (sequence number), realised (since then), kept, kept_at}, those
            left out of which nothing is kept, and nothing held,
        reserves: by contract [of buys, of sells, losses and fees], contracts with orders only,
        margin_accounts: by contract, in the order in which they came, isolated: contracts, main: of
            a margin account whose it is, else 0,
        eligibility [professional until, assessed, disclosure, blocked],
        collateral: quantity by asset, collateral_value (by its last valuation),
        reserved: [asset or 0 of cash, amount] by client id, margin_mode, leverage_cap}
    orders: by contract [bids, asks], each a list in priority order of
        (order id, account, price, open lots, filled lots, flags, stp, client id, reserve, charges,
        hidden lots, display, type, tif, expiry, session, id of the sibling or 0, group of a quote
        or 0, of a bracket's entry [stop, target, source, ids of both or 0 while they work] or None)
    waiting: by contract [armed, fired reducing, fired others], each a list in arrival order (armed)
        or order of firing of the same fields, then trigger, source, trail_bp, best, value that
        fired it or 0
    stopped: sorted (scope, number) of each kill switch
    disclosure_version, stress_loss (uncovered, in the last stress test)
    settlement: [impaired, licensed until] of the pool's cash
    collateral: by asset {price (0: none yet), quotes (price, time) by source, impaired, raise_ppb,
        next_rise (0: none), licensed_until, converted, deposits (less confirmed withdrawals)}
    protections: by group and number [window_ns, lots_max, fills_max, net_lots_max, start, lots,
        fills, net_lots, is_tripped]
    contracts: by id {state, index, mark, open_interest, sources [(price, time or -1, out, near
        since or -1)], units (of each constituent), divisor, next_sample, sample_offset,
        next_funding, length_ns (of the running interval), rate, funding_index, carry, votes,
        ballot (premiums of the next vote), count, valid,
        index_values (of the last sample times, oldest first), frozen_ns, freeze_end,
        held [(term, time) or None] x 2, basis, basis_ema [weighted samples, weights],
        impact_ticks (of the book term), last_term, traded_value, traded_lots, last_trade,
        reference_until (0: always), slice_offset, next_slice (of the fund, 0: none)}
    auctions: by contract {band (set by the operator, low and high, or 0 and 0), held (the mark),
        reduced_by_mark, operator_state (of trading, set last), ends (0: none), extensions,
        indicative_due (0: none), starts (of volatility auctions that may still count)}
    liquidation_queue: ids, in the order in which their steps would run
    suspects: ids (always empty after a command)
    """
    return {
        "clock": exchange.clock,
        "sequence": exchange.sequence,
        "ledgers": {
            "fund": exchange.fund.cash,
            "house": exchange.house,
            "fees": exchange.fees,
            "conversion": exchange.conversion_cash,
            "clearing": {n: market.clearing for n, market in exchange.markets.items()},
            "deposits": exchange.deposits,
        },
        "withdrawals_stopped": int(exchange.withdrawals_stopped),
        "accounts": {n: state_of_account(exchange.accounts[n]) for n in sorted(exchange.accounts)},
        "orders": {
            n: [[state_of_order(o) for o in market.book.orders(side)] for side in (0, 1)]
            for n, market in exchange.markets.items()
        },
        "waiting": {
            n: [[state_of_trigger(o) for o in orders.values()] for orders in waiting_of(market)]
            for n, market in exchange.markets.items()
        },
        "stopped": sorted(exchange.stopped),
        "disclosure_version": exchange.disclosure_version,
        "stress_loss": exchange.stress_loss,
        "settlement": [int(exchange.settlement.is_impaired), exchange.settlement.licensed_until],
        "collateral": {n: state_of_asset(asset) for n, asset in exchange.assets.items()},
        "protections": {
            number: [int(getattr(window, name)) for name in window.__slots__]
            for number, window in sorted(exchange.protections.items())
        },
        "contracts": {n: state_of_market(market) for n, market in exchange.markets.items()},
        "auctions": {n: state_of_auction(market) for n, market in exchange.markets.items()},
        "liquidation_queue": [
            account.account
            for account in sorted(
                (a for a in exchange.accounts.values() if a.in_liquidation),
                key=lambda a: (equity(exchange, a) - maintenance(exchange, a), a.account),
            )
        ],
        "suspects": list(exchange.suspects),
    }


def state_of_account(account) -> dict:
    return {
        "owner": account.owner,
        "group": account.group,
        "kind": account.kind,
        "cash": account.cash,
        "client_id_highest": account.client_id_highest,
        "client_ids": sorted(account.client_ids),
        "in_liquidation": int(account.in_liquidation),
        "was_called": int(account.was_called),
        "next_step_whole": int(account.next_step_whole),
        "cools_until": account.cools_until,
        "heartbeat_due": account.heartbeat_due,
        "messages": account.messages,
        "contracts": list(account.holdings),
        "rates_initial": {
            holding.contract: holding.rate_initial_ppb
            for holding in account.holdings.values()
            if holding.rate_initial_ppb
        },
        "capacities": {
            holding.contract: holding.capacity
            for holding in account.holdings.values()
            if holding.capacity
        },
        "positions": {
            holding.contract: {
                "lots": holding.lots,
                "entry_value": holding.entry_value,
                "funding_index": holding.funding_index,
            }
            for holding in account.positions()
        },
        "profits": {
            holding.contract: {
                "opened": holding.opened,
                "realised": holding.realised,
                "kept": holding.kept,
                "kept_at": holding.kept_at,
            }
            for holding in account.holdings.values()
            if holding.lots or holding.kept
        },
        "reserves": {
            number: [*holding.reserved(), holding.charges()]
            for number, holding in account.holdings.items()
            if holding.resting()
        },
        "margin_accounts": dict(account.margin_accounts),
        "isolated": sorted(account.isolated),
        "main": account.main,
        "eligibility": [
            account.professional_until,
            account.assessed,
            account.disclosure,
            account.blocked,
        ],
        "collateral": {n: account.collateral[n] for n in sorted(account.collateral)},
        "collateral_value": account.collateral_value,
        "reserved": {n: list(account.reserved[n]) for n in sorted(account.reserved)},
        "margin_mode": account.margin_mode,
        "leverage_cap": account.leverage_cap,
    }


def state_of_asset(asset) -> dict:
    return {
        "price": asset.price,
        "quotes": {source: asset.quotes[source] for source in sorted(asset.quotes)},
        "impaired": int(asset.is_impaired),
        "raise_ppb": asset.raise_ppb,
        "next_rise": asset.next_rise,
        "licensed_until": asset.licensed_until,
        "converted": asset.converted,
        "deposits": asset.deposits,
    }


def state_of_order(order: Order) -> tuple:
    return (
        order.order_id,
        order.account,
        order.price,
        order.open,
        order.filled,
        order.flags,
        order.stp,
        order.client_id,
        order.reserve,
        order.charges,
        order.hidden,
        order.display,
        order.order_type,
        order.tif,
        order.expiry,
        order.session,
        order.sibling.order_id if order.sibling else 0,
        order.protection,
        state_of_bracket(order.bracket) if order.bracket else None,
    )


def state_of_bracket(bracket) -> list[int]:
    children = [
        child.order_id if child is not None and child.place != ENDED else 0
        for child in (bracket.stop, bracket.target)
    ]
    return [bracket.stop_ticks, bracket.target_ticks, bracket.source, *children]


def waiting_of(market) -> tuple[dict[int, Order], ...]:
    return market.armed, *market.fired


def state_of_trigger(order: Order) -> tuple:
    own = (order.trigger, order.source, order.trail_bp, order.best, order.fired_at)
    return state_of_order(order) + own


def state_of_market(market) -> dict:
    return {
        "state": market.state,
        "index": market.index,
        "mark": market.mark,
        "open_interest": market.open_interest(),
        "sources": [
            (
                source.price,
                -1 if source.time is None else source.time,
                int(source.is_out),
                -1 if source.near_since is None else source.near_since,
            )
            for source in market.sources
        ],
        "next_sample": market.next_sample,
        "next_funding": market.next_funding,
        "rate": market.rate,
        "funding_index": market.funding_index,
        "carry": market.carry,
        "units": [constituent.units for constituent in market.constituents],
        "divisor": market.divisor,
        "sample_offset": market.sample_offset,
        "length_ns": market.length_ns,
        "votes": list(market.votes),
        "ballot": list(market.ballot),
        "count": market.sample_count,
        "valid": market.sample_valid,
        "index_values": list(market.index_values),
        "frozen_ns": market.frozen_ns,
        "freeze_end": market.freeze_end,
        "held": list(market.held_terms),
        "basis": list(market.basis),
        "basis_ema": list(market.basis_ema),
        "impact_ticks": list(market.impact_ticks),
        "last_term": market.last_term,
        "traded_value": market.traded_value,
        "traded_lots": market.traded_lots,
        "last_trade": market.last_trade,
        "reference_until": market.reference_until,
        "slice_offset": market.slice_offset,
        "next_slice": market.next_slice or 0,
    }


def state_of_auction(market) -> dict:
    return {
        "band": list(market.band_set or (0, 0)),
        "held": int(market.is_held),
        "reduced_by_mark": int(market.is_reduced_by_mark),
        "operator_state": market.operator_state,
        "ends": market.auction_end or 0,
        "extensions": market.extensions,
        "indicative_due": market.next_indicative or 0,
        "starts": list(market.volatility_starts),
    }
