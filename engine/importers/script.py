"""Scripts of orders in scenarios, replayed on a live exchange and compared with expected outputs.

    N, user, symbol, price, quantity, side (B or S), user order id      an order, price 0: market
    C, user, user order id                                              a cancellation
    F                                                                   flush: cancel everything
    #name: scenario 1                                                   a scenario begins

A command answers with its acknowledgement, then its trades, then each side of its book whose best
price or quantity there it has changed:

    A, symbol, user, user order id
    C, symbol, user, user order id
    T, symbol, buyer, buy order id, seller, sell order id, price, quantity
    B, symbol, side (B or S), price, quantity                           - and - for an empty side

A flush answers nothing, and so does a refused order, the rest of a market order, and a
cancellation of what is not working; these are counted. Users may trade with themselves.

The file of expected outputs has the same `#name` lines and may leave scenarios out. Its columns
are told apart by commas or spaces, as some copies of such files lack a comma. A line that differs
ends the comparison of its scenario, because what follows would differ by consequence.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.exchange import Exchange
from engine.importers.plain_market import (
    Fill,
    PlainMarket,
    PlainOrder,
    find_symbols,
    plain_config,
)
from engine.importers.recording import FeedError, ImportSummary, Recording
from engine.importers.text_lines import read_lines, whole_number
from engine.journal.command_file import CommandFileWriter
from engine.schema import bounds
from engine.schema import vocabulary as words

SIDES = {"B": words.BUY, "S": words.SELL}
SIDE_NAMES = ("B", "S")
COLUMNS = {"N": 7, "C": 3, "F": 1}
SCENARIO = "#name:"
SEPARATOR = re.compile(r"[,\s]+")

Output = tuple[str, ...]
Best = tuple[int, int]  # price and quantity of the best level, zeros for none


class NewOrder(NamedTuple):
    line: int
    user: int
    symbol: str
    ticks: int
    lots: int
    side: int
    number: int


class Cancellation(NamedTuple):
    line: int
    user: int
    number: int


class Flush(NamedTuple):
    line: int


class Scenario(NamedTuple):
    line: int
    name: str


Step = NewOrder | Cancellation | Flush | Scenario


class ScriptCounts(msgspec.Struct):
    """What was in the file, and what became of it."""

    scenarios: int = 0
    orders: int = 0
    market_orders: int = 0  # of these
    cancels: int = 0
    cancels_dead: int = 0  # of these: of an order that was not working
    flushes: int = 0
    flushed: int = 0  # orders that these ended
    trades: int = 0
    lots: int = 0
    own_trades: int = 0  # of a user with itself


class ExpectedCounts(msgspec.Struct):
    """How the outputs compare with those expected; `lines` are those that agree."""

    scenarios: int = 0
    agreeing: int = 0
    lines: int = 0
    acknowledgements: int = 0
    trades: int = 0
    tops: int = 0
    not_in_script: int = 0  # expected scenarios that the script does not have, or not in this order


class ScriptSummary(ImportSummary):
    script: ScriptCounts
    expected: ExpectedCounts
    refused: dict[str, int]


class ScriptFile:
    """The steps of a script; iterate as often as needed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def steps(self) -> Iterator[Step]:
        """Every command and the start of every scenario."""
        for line, text in read_lines(self.path):
            if text.startswith(SCENARIO):
                yield Scenario(line, text.removeprefix(SCENARIO).strip())
            elif text.strip() and not text.startswith("#"):
                yield self._command(line, [column.strip() for column in text.split(",")])

    def _command(self, line: int, columns: list[str]) -> Step:
        kind = columns[0]
        if kind not in COLUMNS:
            raise FeedError(self.path, line, "kind", f"{kind!r} is none of N, C, F")
        if len(columns) != COLUMNS[kind]:
            what = f"{len(columns)} where {kind} has {COLUMNS[kind]}"
            raise FeedError(self.path, line, "columns", what)
        if kind == "F":
            return Flush(line)
        user = whole_number(self.path, line, "user", columns[1])
        number = whole_number(self.path, line, "user order id", columns[-1])
        if kind == "C":
            return Cancellation(line, user, number)
        _, _, symbol, price, quantity, side, _ = columns
        if not symbol:
            raise FeedError(self.path, line, "symbol", "is empty")
        if side not in SIDES:
            raise FeedError(self.path, line, "side", f"{side!r} is neither B nor S")
        ticks = whole_number(self.path, line, "price", price, high=bounds.PRICE_TICKS_MAX)
        lots = whole_number(self.path, line, "quantity", quantity, 1, bounds.LOTS_MAX)
        return NewOrder(line, user, symbol, ticks, lots, SIDES[side], number)

    def find_symbols(self) -> list[str]:
        """The symbols, in the order in which they first come."""
        orders = (step for step in self.steps() if isinstance(step, NewOrder))
        return find_symbols(self.path, ((order.line, order.symbol) for order in orders))


class ExpectedOutputs:
    """Compares outputs with a file of them, one scenario at a time, holding one line."""

    def __init__(self, path: Path | None) -> None:
        self.counts = ExpectedCounts()
        self.differences: list[str] = []  # the first of each scenario
        self._path = path
        self._rows = self._read(path) if path is not None else iter(())
        self._next = next(self._rows, None)
        self._name = ""
        self._compares = False

    def _read(self, path: Path) -> Iterator[tuple[int, str | Output]]:
        """A scenario's name as text, an output as its columns."""
        for line, text in read_lines(path):
            if text.startswith(SCENARIO):
                self.counts.scenarios += 1
                yield line, text.removeprefix(SCENARIO).strip()
            elif text.strip() and not text.startswith("#"):
                yield line, tuple(SEPARATOR.split(text.strip(" \t,")))

    def start(self, name: str) -> None:
        """A scenario of the script begins, and the one before is over."""
        self.end()
        if self._next is not None and self._next[1] == name:
            self._name, self._compares = name, True
            self._next = next(self._rows, None)

    def compare(self, output: Output) -> None:
        """Take the next output of the exchange."""
        if not self._compares:
            return
        row = self._next
        if row is None or isinstance(row[1], str):
            self._differ("the end", output)
        elif row[1] != output:
            self._differ(f"line {row[0]}, {', '.join(row[1])}", output)
        else:
            self.counts.lines += 1
            self.counts.acknowledgements += output[0] in "AC"
            self.counts.trades += output[0] == "T"
            self.counts.tops += output[0] == "B"
            self._next = next(self._rows, None)

    def _differ(self, wanted: str, output: Output) -> None:
        self.differences.append(f"{self._path}: {self._name}: {wanted}: got {', '.join(output)}")
        self._compares = False

    def end(self) -> None:
        """The scenario is over: nothing more may be expected of it."""
        if self._compares:
            if self._next is not None and not isinstance(self._next[1], str):
                self._differ(f"line {self._next[0]}, {', '.join(self._next[1])}", ("nothing",))
            else:
                self.counts.agreeing += 1
        self._compares = False
        while self._next is not None and not isinstance(self._next[1], str):
            self._next = next(self._rows, None)

    def close(self) -> None:
        """The script is over: count what it did not have."""
        self.end()
        while self._next is not None:
            self.counts.not_in_script += isinstance(self._next[1], str)
            self._next = next(self._rows, None)
        if self.counts.not_in_script:
            what = f"{self.counts.not_in_script} scenarios that the script does not have"
            self.differences.append(f"{self._path}: {what}, or not in this order")


class ScriptImport:
    """The scenarios of one script on an exchange."""

    def __init__(self, symbols: list[str], recording: Recording, expected: ExpectedOutputs) -> None:
        self.counts = ScriptCounts()
        self.market = PlainMarket(recording)
        self._recording = recording
        self._symbols = symbols
        self._contracts = {symbol: number for number, symbol in enumerate(symbols, 1)}
        self._expected = expected
        self._tops: dict[tuple[int, int], Best] = {}

    def apply(self, step: Step) -> None:
        """Take one step."""
        self._recording.at(step.line)
        match step:
            case NewOrder():
                self._place(step)
            case Cancellation():
                self._cancel(step)
            case Flush():
                self.counts.flushes += 1
                self.counts.flushed += self.market.cancel_all()
                self._tops.clear()
            case Scenario():
                self.counts.scenarios += 1
                self._expected.start(step.name)

    def _place(self, step: NewOrder) -> None:
        self.counts.orders += 1
        self.counts.market_orders += step.ticks == 0
        key = (step.user, step.number)
        if self.market.find(key) is not None:
            raise self._recording.fault("user order id", "is of a working order")
        account = self.market.account_of(str(step.user), "user")
        contract = self._contracts[step.symbol]
        order = PlainOrder(key, contract, account, step.side, step.lots, step.ticks)
        fills = self.market.place(order)
        if fills is None:
            return
        self._answer("A", step.symbol, step.user, step.number)
        for fill in fills:
            self._tell_trade(step, fill)
        self._tell_tops(contract)

    def _tell_trade(self, taker: NewOrder, fill: Fill) -> None:
        maker_key = fill.maker.key
        assert isinstance(maker_key, tuple)
        self.counts.trades += 1
        self.counts.lots += fill.lots
        self.counts.own_trades += maker_key[0] == taker.user
        parties = [(taker.user, taker.number), maker_key]
        if taker.side == words.SELL:
            parties.reverse()
        self._answer("T", taker.symbol, *parties[0], *parties[1], fill.ticks, fill.lots)

    def _cancel(self, step: Cancellation) -> None:
        self.counts.cancels += 1
        order = self.market.find((step.user, step.number))
        if order is None:
            self.counts.cancels_dead += 1
            return
        self.market.cancel(order)
        self._answer("C", self._symbols[order.contract - 1], step.user, step.number)
        self._tell_tops(order.contract)

    def _tell_tops(self, contract: int) -> None:
        best = self._recording.exchange.best(contract)
        for side, top in ((words.BUY, best[:2]), (words.SELL, best[2:])):
            if top != self._tops.get((contract, side), (0, 0)):
                self._tops[contract, side] = top
                shown = top if top[1] else ("-", "-")
                self._answer("B", self._symbols[contract - 1], SIDE_NAMES[side], *shown)

    def _answer(self, *columns: str | int) -> None:
        self._expected.compare(tuple(str(column) for column in columns))


def import_script(
    source: Path, target: Path, expected: Path | None = None, check_every: int = 0
) -> ScriptSummary:
    """Read one script, write the commands that replay it, and compare its outputs."""
    file = ScriptFile(source)
    symbols = file.find_symbols()
    config = plain_config(symbols)
    outputs = ExpectedOutputs(expected)
    with CommandFileWriter(target, config) as writer:
        recording = Recording(Exchange(config), writer, source, check_every)
        book = ScriptImport(symbols, recording, outputs)
        for step in file.steps():
            book.apply(step)
        outputs.close()
        summary = ScriptSummary(
            source=source.name,
            script=book.counts,
            expected=outputs.counts,
            refused=book.market.refused,
            broken=outputs.differences,
        )
        summary.close(recording)
    return summary
