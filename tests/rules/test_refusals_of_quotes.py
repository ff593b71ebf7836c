"""Refusals of mass quotes, of their protection and of brackets; codes and order of `QUOTES.md`."""

from typing import Any

import pytest

from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY
from engine.schema.commands import MassQuote, PlaceBracket, Quote, SetProtection
from tests.rules.refusal_states import (
    POST_ONLY,
    REDUCE_ONLY,
    Row,
    holding,
    listed,
    must_answer,
    row_id,
    stopped_by,
    trading,
)
from tests.rules.story import (
    BUY,
    FOK,
    FUND,
    IOC,
    SELL,
    START_NS,
    A,
    C,
    Story,
    cancel_reasons,
    named,
    refusal,
)

R = refusals
WIDE = Quote(contract=1, bid_ticks=900, bid_lots=1, ask_ticks=1_100, ask_lots=1)
ONE_LOT = {"lots_max": 1}


def protect(account: int = C, **terms: int) -> SetProtection:
    fields = {"client_id": 1_000, "protection": 1, "window_ns": 1} | terms
    return SetProtection(time_ns=START_NS, account=account, **fields)


def quote(*rows: Quote, account: int = C, **terms: int) -> MassQuote:
    fields = {"client_id": 1_000, "protection": 1} | terms
    return MassQuote(time_ns=START_NS, account=account, rows=rows or (WIDE,), **fields)


def bracket(account: int = C, **terms: int) -> PlaceBracket:
    """To buy at 1000 with a stop at 950 and a target at 1050, watching the mark of 1000."""
    fields = {
        "client_id": 1_000, "contract": 1, "side": BUY, "lots": 1, "price_ticks": 1_000,
        "stop_ticks": 950, "target_ticks": 1_050,
    }  # fmt: skip
    return PlaceBracket(time_ns=START_NS, account=account, **(fields | terms))


def sell(**terms: int) -> PlaceBracket:
    return bracket(**({"side": SELL, "stop_ticks": 1_050, "target_ticks": 950} | terms))


def tripped() -> Story:
    """C's group 1 has tripped at its first lot; group 2 has no limit."""
    story = trading()
    story.submit(protect(client_id=10, window_ns=NS_PER_DAY, **ONE_LOT))
    story.submit(quote(Quote(1, 995, 1, 1_100, 1), client_id=11))
    assert named(story.order(A, SELL, 1, 995), "protection_tripped")
    return story


NO_ROWS = MassQuote(time_ns=START_NS, account=C, client_id=1_000, protection=0, session=-1, rows=())
MARKET: dict[str, Any] = {"order_type": words.MARKET, "tif": IOC}
# fmt: off
TABLE: list[Row] = [
    # limits of a protection window
    (trading, protect(protection=0), R.PROTECTION_INVALID),
    (trading, protect(protection=5), R.PROTECTION_INVALID),
    (trading, protect(protection=4), R.OK),
    (trading, protect(window_ns=0), R.PROTECTION_INVALID),
    (trading, protect(window_ns=NS_PER_DAY), R.OK),
    (trading, protect(window_ns=NS_PER_DAY + 1), R.PROTECTION_INVALID),
    (trading, protect(lots_max=-1), R.PROTECTION_INVALID),
    (trading, protect(fills_max=-1), R.PROTECTION_INVALID),
    (trading, protect(net_lots_max=-1), R.PROTECTION_INVALID),
    (trading, protect(FUND), R.ACCOUNT_UNKNOWN),
    (trading, protect(client_id=0, protection=0), R.CLIENT_ID_NOT_POSITIVE),
    # a mass quote as a whole
    (trading, quote(), R.OK),
    (trading, quote(*[WIDE] * 64), R.OK),
    (trading, NO_ROWS, R.QUOTES_INVALID),
    (trading, quote(session=-1), R.SESSION_INVALID),
    (trading, quote(stp=5), R.STP_INVALID),
    (trading, quote(stp=-1), R.STP_INVALID),
    (trading, quote(protection=0), R.PROTECTION_INVALID),
    (trading, quote(protection=5), R.PROTECTION_INVALID),
    (trading, quote(protection=4), R.OK),
    (trading, quote(session=-1, stp=5, protection=0), R.SESSION_INVALID),
    (trading, quote(stp=5, protection=0), R.STP_INVALID),
    (tripped, quote(), R.PROTECTION_TRIPPED),
    (tripped, quote(protection=2), R.OK),
    (tripped, protect(), R.OK),
    (trading, quote(client_id=0, session=-1), R.CLIENT_ID_NOT_POSITIVE),
    # brackets
    (trading, bracket(), R.OK),
    (trading, bracket(stop_ticks=0), R.OK),
    (trading, bracket(target_ticks=0), R.OK),
    (trading, bracket(stop_ticks=0, target_ticks=0), R.BRACKET_INVALID),
    (trading, bracket(stop_ticks=999), R.OK),
    (trading, bracket(stop_ticks=1_000), R.BRACKET_INVALID),
    (trading, bracket(stop_ticks=-1), R.BRACKET_INVALID),
    (trading, bracket(target_ticks=1_001), R.OK),
    (trading, bracket(target_ticks=1_000), R.BRACKET_INVALID),
    (trading, bracket(target_ticks=1_500), R.OK),
    (trading, bracket(target_ticks=1_501), R.BRACKET_INVALID),
    (trading, sell(), R.OK),
    (trading, sell(stop_ticks=1_000), R.BRACKET_INVALID),
    (trading, sell(target_ticks=1_000), R.BRACKET_INVALID),
    (trading, sell(stop_ticks=1_501), R.BRACKET_INVALID),
    (trading, bracket(trigger_source=0), R.BRACKET_INVALID),
    (trading, bracket(trigger_source=4), R.BRACKET_INVALID),
    (trading, bracket(**MARKET), R.OK),
    (trading, bracket(**MARKET, stop_ticks=1_000), R.BRACKET_INVALID),  # against the mark
    (trading, bracket(**MARKET, target_ticks=1_001), R.OK),
    (holding, bracket(A, side=SELL, stop_ticks=1_050, target_ticks=950, flags=REDUCE_ONLY),
     R.BRACKET_INVALID),
    (holding, bracket(A, side=SELL, stop_ticks=1_050, target_ticks=950,
                      flags=words.CLOSE_POSITION), R.BRACKET_INVALID),
    (trading, bracket(order_type=words.STOP_LIMIT), R.ORDER_TYPE_INVALID),
    (trading, bracket(flags=POST_ONLY), R.OK),
    (trading, bracket(flags=POST_ONLY, tif=IOC), R.FLAGS_INVALID),
    (trading, bracket(tif=FOK), R.OK),
    (trading, bracket(lots=0, stop_ticks=1_000), R.LOTS_NOT_POSITIVE),
    (trading, bracket(stop_ticks=1_000, expiry_ns=1), R.BRACKET_INVALID),
    (trading, bracket(expiry_ns=1), R.EXPIRY_INVALID),
    (trading, bracket(session=-1), R.SESSION_INVALID),
    (listed, bracket(), R.CONTRACT_FROZEN),
    (stopped_by(words.SCOPE_ALL, 0), bracket(), R.TRADING_BLOCKED),
]
# fmt: on


@pytest.mark.parametrize(("state", "command", "code"), TABLE, ids=map(row_id, TABLE))
def test_rule_4_8_refusal_of_quotes_and_brackets(state, command, code):
    must_answer(state, command, code)


ROWS = [
    (Quote(0, 900, 1, 1_100, 1), R.CONTRACT_UNKNOWN),
    (Quote(3, 900, 1, 1_100, 1), R.CONTRACT_UNKNOWN),
    (Quote(1, 900, -1, 1_100, 0), R.LOTS_NOT_POSITIVE),
    (Quote(1, 900, 101, 1_100, 0), R.LOTS_ABOVE_MAX),
    (Quote(1, 0, 1, 1_100, 0), R.PRICE_NOT_POSITIVE),
    (Quote(1, 399, 1, 1_100, 0), R.PRICE_OUTSIDE_BAND),
    (Quote(1, 1_010, 1, 1_100, 0), R.POST_ONLY_WOULD_TRADE),
    (Quote(1, 900, 1, 990, 1), R.POST_ONLY_WOULD_TRADE),
    (Quote(1, 1_000, 1, 1_000, 1), R.QUOTE_CROSSED),
    (Quote(1, 1_001, 1, 1_000, 1), R.QUOTE_CROSSED),
]


@pytest.mark.parametrize(("row", "code"), ROWS)
def test_rule_4_8_a_quote_that_is_refused_leaves_the_others(row, code):
    """The rest of the command is taken: a quote in contract 2 rests. One that crosses itself is
    refused on both sides."""
    story = trading()
    good = Quote(contract=2, bid_ticks=700, bid_lots=1, ask_ticks=900, ask_lots=1)
    sides = 2 if code == R.QUOTE_CROSSED else 1
    events = story.submit(quote(row, good))
    assert refusal(events) == R.OK
    assert [event.values["code"] for event in named(events, "quote_refused")] == [code] * sides
    assert story.exchange.best(2) == (700, 1, 900, 1)
    done = named(events, "mass_quoted")[0].values
    assert (done["quotes"], done["refused"]) == (2, sides)


def test_rule_4_8_a_quote_that_crosses_itself_takes_what_it_should_have_replaced():
    story = trading()
    story.submit(quote(WIDE, client_id=10))
    events = story.submit(quote(Quote(1, 1_000, 1, 1_000, 1)))
    assert [e.values["side"] for e in named(events, "quote_refused")] == [BUY, SELL]
    assert cancel_reasons(events) == [(C, "quote"), (C, "quote")]


def test_rule_4_8_self_trades_allowed_by_one_contract_only():
    story = trading()
    good = Quote(contract=2, bid_ticks=700, bid_lots=1, ask_ticks=900, ask_lots=1)
    events = story.submit(quote(WIDE, good, stp=words.STP_NONE))
    assert [event.values["code"] for event in named(events, "quote_refused")] == [R.STP_INVALID]
    assert story.exchange.best(2) == (700, 1, 900, 1)
    assert story.exchange.best(1) == (990, 10, 1_010, 10)
