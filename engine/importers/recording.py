"""A live exchange whose commands are written down.

The ids of orders come from the engine, so a source of commands that cancels and amends must see
the events of what it sent before. `Recording` runs commands and keeps their records together.

An importer checks what it reads, but it can't know all that the engine will refuse: limits of
interest and positions, bands, the clock. So the recording knows which line or record of the feed
is being replayed, and a refusal that nobody counts is a fault of that line.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.exchange import Exchange
from engine.journal.command_file import CommandFileWriter
from engine.journal.json_lines import FieldError, pack_commands
from engine.schema import events as ev
from engine.schema import refusals
from engine.schema.commands import COMMAND, AnyCommand

# Which number of a line or record a refusal is about; the others are about all of it.
FIELD_OF_REFUSAL = {
    refusals.TIME_BACKWARDS: "time",
    refusals.TIME_AHEAD: "time",
    refusals.LOTS_NOT_POSITIVE: "size",
    refusals.LOTS_ABOVE_MAX: "size",
    refusals.PRICE_NOT_POSITIVE: "price",
    refusals.PRICE_ABOVE_MAX: "price",
    refusals.PRICE_OUTSIDE_BAND: "price",
    refusals.SOURCE_PRICE_INVALID: "price",
    refusals.POST_ONLY_WOULD_TRADE: "price",
    refusals.POSITION_LIMIT: "size",
    refusals.GROUP_LIMIT: "size",
    refusals.OPEN_INTEREST_LIMIT: "size",
    refusals.MARGIN_INSUFFICIENT: "size",
}


class FeedError(ValueError):
    """What is wrong with a feed, in one line naming file, line or record, and field."""

    def __init__(
        self, path: object, number: int, field: str, what: str, unit: str = "line"
    ) -> None:
        super().__init__(f"{path}: {unit} {number}: {field}: {' '.join(what.split())}")


def join_records(parts: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Concatenate records byte by byte.

    numpy's own concatenation promotes the dtype, and in doing so pulls fields apart that share
    bytes: the result is no longer a row of COMMAND.
    """
    octets = [np.ascontiguousarray(part).view("V64") for part in parts]
    return np.concatenate(octets).view(COMMAND)


class Recording:
    """Runs commands on an exchange and appends them to a command file.

    With `check_every` the invariants are walked each time so many commands more have run.
    """

    def __init__(
        self, exchange: Exchange, writer: CommandFileWriter, source: Path, check_every: int = 0
    ) -> None:
        self.exchange = exchange
        self.commands = 0
        self.checks = 0
        self.broken: list[str] = []
        self._check_every = check_every
        self._writer = writer
        self._client_ids: dict[int, int] = {}
        self._source = source
        self._place = (source, 0, "line")

    def at(self, number: int, unit: str = "line", path: Path | None = None) -> None:
        """What follows replays this line or record, of the source unless it has several files."""
        self._place = (path or self._source, number, unit)

    def fault(self, field: str, what: str) -> FeedError:
        """What is wrong with the line or record that is being replayed."""
        path, number, unit = self._place
        return FeedError(path, number, field, what, unit)

    def refusal(self, code: int) -> FeedError:
        """That the engine refused what the line or record asks for."""
        field = FIELD_OF_REFUSAL.get(code, "command")
        return self.fault(field, refusals.explain_refusal(code))

    def next_client_id(self, account: int) -> int:
        """Every account counts its commands from 1."""
        number = self._client_ids.get(account, 0) + 1
        self._client_ids[account] = number
        return number

    def run(self, commands: Sequence[AnyCommand]) -> NDArray[np.void]:
        """Run the commands; all their events."""
        if not commands:
            return np.zeros(0, ev.EVENT)
        try:
            records = pack_commands(commands)
        except FieldError as error:
            raise self.fault(error.field, error.what) from None
        return self.run_records(records)

    def run_records(self, records: NDArray[np.void]) -> NDArray[np.void]:
        """Run records as they are; all their events."""
        self._writer.append(records)
        before = self.commands
        self.commands += len(records)
        events = self.exchange.run(records)
        if (events["kind"] == ev.LIQUIDATION_STARTED).any():
            # From here on orders that no feed knows would take part.
            raise self.fault("price", "ruins an account of the replay")
        if self._check_every and before // self._check_every < self.commands // self._check_every:
            self.check()
        return events

    def check(self) -> None:
        """Walk the invariants now."""
        self.checks += 1
        self.broken += [f"after command {self.commands}: {b}" for b in self.exchange.check()]

    def must_run(self, commands: Sequence[AnyCommand]) -> NDArray[np.void]:
        """Run commands of which none may be refused."""
        events = self.run(commands)
        refused = events["a"][events["kind"] == ev.REFUSED]
        if len(refused):
            raise self.refusal(int(refused[0]))
        return events


class ImportSummary(msgspec.Struct, kw_only=True):
    """What every import tells at its end."""

    source: str
    commands: int = 0
    checks: int = 0  # how often the invariants were walked
    digest: str = ""
    broken: list[str] = msgspec.field(default_factory=list)  # invariants, as the engine words them

    def close(self, recording: Recording) -> None:
        """Take down how the exchange ended."""
        recording.check()
        self.commands = recording.commands
        self.checks = recording.checks
        self.digest = recording.exchange.digest()
        self.broken += recording.broken
