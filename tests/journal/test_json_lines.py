"""JSON lines: families stay apart, faults are named, numbers never wrap."""

import io
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from engine.exchange import Exchange
from engine.journal import json_lines
from engine.journal.json_lines import (
    ANY,
    CLIENT,
    OPERATOR,
    PRICE_SOURCE,
    CommandLineError,
    FieldError,
    pack_commands,
    read_json_lines,
    unpack_commands,
    write_json_lines,
)
from engine.schema import commands as c
from engine.schema.contract import Config
from engine.schema.packing import FieldRangeError

SAMPLES: list[c.AnyCommand] = [
    c.PlaceOrder(
        time_ns=2**62, account=2, client_id=2**62, contract=3, side=1, lots=2**30, tif=4,
        order_type=6, flags=15, stp=4, linked_id=2**63 - 1, expiry_ns=2**62, display_lots=2**31 - 1,
        trigger_ticks=2**21 - 2, trail_bp=9_999, trigger_source=3, session=127,
    ),
    c.CancelOrder(time_ns=5, account=2, client_id=-1, order_id=(7 << 32) | 9),
    c.AmendOrder(time_ns=5, account=2, client_id=1, order_id=2**63 - 1, price_ticks=-5, lots=6),
    c.MassCancel(time_ns=5, account=2, client_id=1, contract=256, sides=2),
    c.Withdraw(time_ns=5, account=2, client_id=1, amount=2**59),
    c.SetHeartbeat(time_ns=5, account=2, client_id=1, timeout_ns=2**62),
    c.CancelSession(time_ns=5, account=2, client_id=1, session=127),
    c.SetProtection(
        time_ns=5, account=2, client_id=1, protection=4, window_ns=2**62, lots_max=2**31 - 1,
        fills_max=1, net_lots_max=-1,
    ),
    c.MassQuote(
        time_ns=5, account=2, client_id=1, protection=1, session=127, stp=4,
        rows=(
            c.Quote(contract=256, bid_ticks=-1, bid_lots=2**31 - 1, ask_ticks=2, ask_lots=3),
            c.Quote(contract=1, bid_ticks=2**21 - 2, bid_lots=0, ask_ticks=0, ask_lots=0),
        ),
    ),
    c.PlaceBracket(
        time_ns=5, account=2, client_id=1, contract=1, side=1, lots=2, price_ticks=3, order_type=1,
        tif=4, flags=8, stp=4, expiry_ns=2**62, stop_ticks=2**21 - 2, target_ticks=-1,
        trigger_source=3, session=127,
    ),
    c.SetLeverage(time_ns=5, account=2, client_id=1, contract=256, rate_initial_ppb=10**9),
    c.IsolateContract(time_ns=5, account=2, client_id=1, contract=256),
    c.JoinContract(time_ns=5, account=2, client_id=1, contract=-1),
    c.MoveMargin(time_ns=5, account=2, client_id=1, contract=1, amount=-(2**59)),
    c.WithdrawCollateral(time_ns=5, account=2, client_id=3, asset=8, quantity=2**59),
    c.PublishPrice(time_ns=5, source=8, contract=1, price_ticks=2, contract_2=3, price_ticks_2=4),
    c.PublishCollateral(time_ns=5, asset=8, source=5, price_ppb=2**45),
    c.OpenAccount(time_ns=5, account=2, owner=1, group=4, account_kind=2),
    c.Deposit(time_ns=5, amount=1, ledger=2),
    c.AdvanceTime(time_ns=-1),
    c.ReleaseWithdrawals(time_ns=0),
    c.ChangeState(time_ns=5, contract=256, state=8),
    c.SetBand(time_ns=5, contract=256, low_ticks=1, high_ticks=2**21 - 2),
    c.StopTrading(time_ns=5, scope=2, number=2**31 - 1),
    c.ReleaseTrading(time_ns=5, scope=4),
    c.ChangeConstituent(time_ns=5, contract=1, asset=1, units_ppb=2**38),
    c.RedenominateConstituent(time_ns=5, contract=1, asset=0, units_ppb=1),
    c.SetSampleClock(time_ns=5, contract=1, seed=2**62),
    c.SetEligibility(
        time_ns=5, account=2, professional_until_ns=2**62, assessed=1, disclosure=2**31 - 1,
        blocked=-1,
    ),
    c.PublishDisclosure(time_ns=5, version=2**31 - 1),
    c.SetReference(time_ns=5, contract=256, until_ns=2**62),
    c.SetCapacity(time_ns=5, account=2, contract=256, lots=2**31 - 1),
    c.SetWorkBack(time_ns=5, contract=256, seed=2**62),
    c.SetStressLoss(time_ns=5, amount=-(2**59)),
    c.DepositCollateral(time_ns=5, account=2, asset=8, quantity=-(2**59)),
    c.SetCollateral(time_ns=5, asset=8, impaired=1, licensed_until_ns=2**62),
    c.ConfirmWithdrawal(time_ns=5, account=2, client_id=2**62),
    c.ReturnWithdrawal(time_ns=5, account=2, client_id=-1),
    c.ApproveContract(
        time_ns=5, contract=256, hash_1=-(2**63), hash_2=2**63 - 1, hash_3=0, hash_4=-1,
        reference=2**62,
    ),
    c.SetMarginMode(time_ns=5, account=2, margin_mode=1),
    c.SetLeverageCap(time_ns=5, account=2, rate_initial_ppb=10**9),
    c.RedeemConversion(time_ns=5, asset=8, quantity=2**59, proceeds=-(2**59)),
    c.SettleConversion(time_ns=5, amount=-(2**59)),
]  # fmt: skip
QUOTES_WITH_A_TRUTH = c.MassQuote(
    time_ns=1, account=2, client_id=1, protection=1, rows=(c.Quote(1, 5, True, 6, 1),)
)
CONFIG = Config(contracts=())
FAMILIES: list[Any] = [CLIENT, PRICE_SOURCE, OPERATOR]


def family_of(command):
    return (command.kind_code > c.CLIENT_LAST) + (command.kind_code >= c.OPERATOR_FIRST)


@pytest.mark.parametrize("command", SAMPLES, ids=lambda command: type(command).__name__)
def test_2_3_a_family_decodes_only_its_own(command):
    line = msgspec.json.encode(command)
    for family, decoder in enumerate(FAMILIES):
        if family == family_of(command):
            assert decoder.decode(line) == command
        else:
            with pytest.raises(CommandLineError, match="line 1: type: invalid value"):
                decoder.decode(line)
    assert ANY.decode(line) == command


def test_every_kind_has_a_sample():
    assert [command.kind_code for command in SAMPLES] == list(c.BY_KIND)


def test_records_are_the_commands():
    """One record a command; the rows of a mass quote stand behind theirs."""
    records = pack_commands(SAMPLES)
    row = 0
    for command in SAMPLES:
        assert records[row]["kind"] == command.kind_code
        for name in c.FIELDS[command.kind_code]:
            assert records[row][name] == getattr(command, name)
        row += 1
        for quote in getattr(command, "rows", ()):
            assert records[row]["kind"] == c.QUOTE_ROW
            for name in c.ROW_FIELDS:
                assert records[row][name] == getattr(quote, name)
            row += 1
    assert row == len(records)
    assert unpack_commands(records) == SAMPLES
    assert len(pack_commands([])) == 0


def test_a_mass_quote_needs_all_its_rows():
    records = pack_commands([command for command in SAMPLES if isinstance(command, c.MassQuote)])
    assert len(records) == 3
    with pytest.raises(FieldError, match="command 0: quotes: "):
        unpack_commands(records[:2])
    records[2]["kind"] = c.ADVANCE_TIME
    with pytest.raises(FieldError, match="command 0: quotes: .*row 2"):
        unpack_commands(records)


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (c.AdvanceTime(time_ns=2**63), "time_ns"),
        (c.Deposit(time_ns=1, amount=1, ledger=128), "ledger"),
        (c.Deposit(time_ns=1, amount=1, account=2**31), "account"),
        (c.MassCancel(time_ns=1, account=2, client_id=1, contract=-(2**15) - 1), "contract"),
        (c.MassCancel(time_ns=1, account=2, client_id=cast(int, 1.5)), "client_id"),
        (c.CancelSession(time_ns=1, account=2, client_id=1, session=128), "session"),
        (c.SetBand(time_ns=1, contract=1, low_ticks=2**31), "low_ticks"),
        (
            c.MassQuote(
                time_ns=1,
                account=2,
                client_id=1,
                protection=1,
                rows=(c.Quote(1, 1, 1, 2, 1), c.Quote(1, 1, 2**31, 2, 1)),
            ),
            "rows[1].bid_lots",
        ),
        (c.Deposit(time_ns=1, amount=True), "amount"),
        (QUOTES_WITH_A_TRUTH, "rows[0].bid_lots"),
    ],
)
def test_numbers_outside_their_field_are_refused(command, field):
    with pytest.raises(FieldError) as caught:
        pack_commands([c.AdvanceTime(time_ns=1), command])
    assert str(caught.value).startswith(f"command 1: {field}: ")
    assert caught.value.index == 1


def test_a_truth_is_no_number_of_a_command():
    with pytest.raises(FieldRangeError, match="amount: True is not a whole number"):
        Exchange(CONFIG).submit(c.Deposit(time_ns=1, amount=True))


def test_an_unknown_kind_has_no_struct():
    records = np.zeros(1, c.COMMAND)
    records["kind"] = 99
    with pytest.raises(FieldError, match="command 0: kind: 99"):
        unpack_commands(records)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"type":"advance_time","time_ns":1.0}', "time_ns: expected `int`, got `float`"),
        (b'{"type":"advance_time","time_ns":1e3}', "time_ns: expected `int`, got `float`"),
        (b'{"type":"advance_time","time_ns":1e999}', "time_ns: number out of range"),
        (b'{"type":"advance_time","time_ns":true}', "time_ns: expected `int`, got `bool`"),
        (b'{"type":"advance_time","time_ns":"1"}', "time_ns: expected `int`, got `str`"),
        (b'{"type":"advance_time","time_ns":9223372036854775808}', "time_ns: 9223372036854775808"),
        (b'{"type":"advance_time","time_ns":' + b"9" * 9_999 + b"}", "time_ns: integer value out"),
        (b'{"type":"deposit","time_ns":1,"amount":1,"ledger":200}', "ledger: 200 is not between"),
        (b'{"type":"advance_time","time_ns":1,"x":2}', "x: object contains unknown field"),
        (b'{"type":"advance_time"}', "time_ns: object missing required field"),
        (b'{"time_ns":1}', "type: object missing required field"),
        (b'{"type":"reboot","time_ns":1}', "type: invalid value 'reboot'"),
        (b'{"type":"advance_\xfftime","time_ns":1}', "byte 17: the text is not UTF-8"),
        (b'{"type":"advance_time","time_ns":1', "Input data was truncated"),
        (b'{"type":"advance_time","time_ns":1} x', "JSON is malformed: trailing"),
        (b"[1]", "Expected `object`, got `array`"),
    ],
)
def test_faults_of_a_line_are_named(line, fault):
    stream = io.BytesIO(b'{"type":"advance_time","time_ns":1}\n' + line + b"\n")
    with pytest.raises(CommandLineError) as caught:
        list(ANY.decode_all(stream, "day.jsonl"))
    text = str(caught.value)
    assert text.startswith(f"day.jsonl: line 2: {fault}") and "\n" not in text


def test_a_price_needs_its_type():
    line = b'{"time_ns":1,"source":1,"contract":1,"price_ticks":3}'
    with pytest.raises(CommandLineError, match="type: object missing required field"):
        PRICE_SOURCE.decode(line)


def test_a_replay_file_starts_with_its_configuration(tmp_path):
    path = tmp_path / "day.jsonl"
    with path.open("wb") as stream:
        write_json_lines(stream, CONFIG, SAMPLES)
    assert read_json_lines(path) == (CONFIG, SAMPLES)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "line 1: the configuration is missing"),
        (b"{}\n", "line 1: contracts: object missing required field"),
        (b'{"contracts":[{"contract":1.5}]}\n', "line 1: contracts[0].contract: expected `int`"),
        (b'{"contracts":[],"house_cash":-1}\n', "line 1: config: house_cash -1 is not between"),
        (b'{"contracts":[]}\n\n', "line 2: the line is empty"),
        (b"\xff\n", "line 1: byte 0: the text is not UTF-8"),
        (b'{"contracts":[],"\xff":1}\n', "line 1: byte 17: the text is not UTF-8"),
    ],
)
def test_faults_of_a_replay_file(tmp_path, text, fault):
    path = tmp_path / "day.jsonl"
    path.write_bytes(text)
    with pytest.raises(CommandLineError) as caught:
        read_json_lines(path)
    assert str(caught.value).startswith(f"{path}: {fault}")


def test_a_file_without_lines_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "LINE_BYTES_MAX", 10)
    path = tmp_path / "day.jsonl"
    path.write_bytes(b"x" * 100)
    with pytest.raises(CommandLineError, match="line 1: longer than 10 bytes"):
        read_json_lines(path)
    with pytest.raises(CommandLineError, match="No such file"):
        read_json_lines(tmp_path / "none")


def test_a_mass_quote_of_too_many_rows_is_refused_by_name():
    quote = c.Quote(contract=1, bid_ticks=1, bid_lots=1, ask_ticks=2, ask_lots=1)
    many = c.MassQuote(time_ns=5, account=2, client_id=1, protection=1, rows=(quote,) * 65)
    with pytest.raises(FieldError, match="command 0: rows: 65 are more than 64"):
        pack_commands([many])


def test_a_field_of_a_mass_quote_that_is_its_rows_is_no_number():
    """An empty tuple is one object, wherever it stands."""
    rows: Any = ()
    for odd in (
        c.MassQuote(time_ns=rows, account=2, client_id=1, protection=1, rows=rows),
        c.MassQuote(time_ns=1, account=2, client_id=rows, protection=1, rows=rows),
    ):
        with pytest.raises(FieldError, match="is not a whole number"):
            pack_commands([odd])
