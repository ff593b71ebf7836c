"""A typed command as a record: each value in the place of its name, and all or nothing."""

from typing import Any

import msgspec
import pytest

from engine.schema import commands as c
from engine.schema.packing import FieldRangeError, pack_into, rows_of, unpack_from

RECORD = c.COMMAND.itemsize
UNTOUCHED = b"\xaa"


class DepositWithNote(c.Deposit, tag="deposit_with_note", frozen=True):
    """An embedder's own: what may be given by position stands before the fields of the command."""

    note: int


class CancelWithNote(c.CancelOrder, tag="cancel_with_note", frozen=True, kw_only=True):
    """Here it stands behind them."""

    note: int


class QuoteWithNote(c.Quote, frozen=True):
    note: int = 7


class QuoteTurnedRound(msgspec.Struct):
    """A stranger with the fields of a quote in another order."""

    ask_lots: int
    ask_ticks: int
    bid_lots: int
    bid_ticks: int
    contract: int


class NoQuote(msgspec.Struct):
    contract: int


class MassQuoteWithNote(c.MassQuote, tag="mass_quote_with_note", frozen=True):
    note: int


def quotes_of(*rows: Any, **fields: int) -> c.MassQuote:
    own = {"time_ns": 5, "account": 2, "client_id": 1, "protection": 3} | fields
    return c.MassQuote(rows=rows, **own)


def packed(command: Any) -> bytes:
    octets = bytearray(UNTOUCHED * (rows_of(command) + 2) * RECORD)
    rows = pack_into(command, memoryview(octets), RECORD)
    assert octets[:RECORD] == UNTOUCHED * RECORD == octets[-RECORD:]
    assert rows == rows_of(command)
    return bytes(octets[RECORD:-RECORD])


@pytest.mark.parametrize(
    ("derived", "plain"),
    [
        (
            DepositWithNote(time_ns=5, account=2, amount=3, note=9),
            c.Deposit(time_ns=5, account=2, amount=3),
        ),
        (
            CancelWithNote(time_ns=5, account=2, client_id=1, order_id=4, note=9),
            c.CancelOrder(time_ns=5, account=2, client_id=1, order_id=4),
        ),
        (
            MassQuoteWithNote(
                9, time_ns=5, account=2, client_id=1, protection=3, rows=(c.Quote(1, 2, 3, 4, 5),)
            ),
            quotes_of(c.Quote(1, 2, 3, 4, 5)),
        ),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_derived_command_is_the_command_it_is_derived_from(derived, plain):
    assert packed(derived) == packed(plain)
    assert unpack_from(memoryview(packed(derived)), 0, plain.kind_code) == plain


def test_a_row_is_read_by_its_names():
    plain = quotes_of(*(c.Quote(1, 2, 3, 4, 5),) * 3)
    turned = QuoteTurnedRound(contract=1, bid_ticks=2, bid_lots=3, ask_ticks=4, ask_lots=5)
    assert packed(quotes_of(turned, QuoteWithNote(1, 2, 3, 4, 5), plain.rows[0])) == packed(plain)


@pytest.mark.parametrize(
    ("command", "refusal", "what"),
    [
        (c.Deposit(time_ns=1, amount=2**63), FieldRangeError, "amount: "),
        (c.Deposit(time_ns=1, amount=1, account=2**31), FieldRangeError, "account: "),
        (c.Deposit(time_ns=1, amount=1, ledger=128), FieldRangeError, "ledger: "),
        (c.Deposit(time_ns=1, amount=True), FieldRangeError, "amount: "),
        (
            DepositWithNote(9, time_ns=1, account=2, amount=1, ledger=128),
            FieldRangeError,
            "ledger: ",
        ),
        (
            quotes_of(*(c.Quote(1, 2, 3, 4, 5),) * 63, c.Quote(1, 2, 3, 4, 2**31)),
            FieldRangeError,
            r"rows\[63\].ask_lots: ",
        ),
        (quotes_of(c.Quote(1, 2, 3, 4, 5), session=128), FieldRangeError, "session: "),
        (quotes_of(c.Quote(1, 2, 3, 4, 5), NoQuote(1)), AttributeError, "bid_ticks"),
        (quotes_of(*(c.Quote(1, 2, 3, 4, 5),) * 65), FieldRangeError, "rows: 65 are more than 64"),
    ],
)
def test_what_is_refused_leaves_no_trace(command, refusal, what):
    octets = bytearray(UNTOUCHED * 66 * RECORD)
    with pytest.raises(refusal, match=what):
        pack_into(command, memoryview(octets), RECORD)
    assert octets == UNTOUCHED * len(octets)
