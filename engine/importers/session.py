"""A generated day of trading: seeded, packaged, the same on every machine.

Orders have ids that the engine gives, so the generator runs a live exchange beside itself: a batch
of commands is drawn, run, and its events tell which quotes stand and who holds what, before the
next batch is drawn. Everything is drawn for a whole batch at once, in whole numbers.

Who is there: market makers renew one quote after another; clients take, rest and cancel orders,
close positions, pay money in and out; sources publish prices in turn. What goes wrong, and when,
is the scenario's.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engine.exchange import Exchange
from engine.importers.draws import Draws, Whole
from engine.importers.order_slots import OrderSlots
from engine.importers.scenarios import (
    MONEY,
    SOURCES,
    START_NS,
    STEP_NS,
    Scenario,
    leg_step,
    price_paths,
)
from engine.schema import commands as cmd
from engine.schema import events as ev
from engine.schema import vocabulary as words
from engine.schema.commands import COMMAND

Records = NDArray[np.void]

COMMANDS_MIN = 5_000  # fewer leave no room for a scenario's story
STEPS_PER_BATCH = 128
# Commands of one step, in hundredths: how a day is made up.
QUOTES, TAKES, RESTS, CLOSES, TRANSFERS = 400, 330, 90, 40, 8
COMMANDS_PER_STEP = 1_160  # what all of it comes to with cancels and prices, measured
QUOTE_LEVELS = 4
PULLED_STEPS = 20  # how long market makers stay away after a leg
CLIENT_CASH = (500, 6_000)  # dollars, the poorest and the richest client
MAKER_CASH = 20_000_000


class Session:
    """One generated session; iterate over `batches` once."""

    def __init__(self, scenario: Scenario, commands: int, seed: int) -> None:
        if commands < COMMANDS_MIN:
            raise ValueError(f"commands: {commands} is below {COMMANDS_MIN}, the least for a day")
        self.scenario = scenario
        self.commands = commands
        self._draws = Draws(seed)
        self.clients = min(scenario.accounts_max, commands // 40)
        opening = 2 * (self.clients + scenario.makers + sum(c.accounts for c in scenario.cast))
        self.steps = max(2, (commands - opening) * 100 // COMMANDS_PER_STEP)
        self.config = scenario.config(self.steps)
        self.exchange = Exchange(self.config)
        # Some room behind the end: the number of commands ends a session, not the clock.
        self._paths = price_paths(scenario, self.steps + self.steps // 4 + 2, self._draws)
        self._makers = np.arange(words.CLIENT_FIRST, words.CLIENT_FIRST + scenario.makers)
        first_client = words.CLIENT_FIRST + scenario.makers
        self._clients = np.arange(first_client, first_client + self.clients)
        accounts = first_client + self.clients + sum(c.accounts for c in scenario.cast)
        self._client_ids = np.zeros(accounts, np.int64)
        self._positions = np.zeros((accounts, len(scenario.listings) + 1), np.int64)
        self._quotes = OrderSlots(
            scenario.makers * len(scenario.flow_contracts) * 2 * QUOTE_LEVELS
        )
        self._resting = OrderSlots(self.clients)
        self._mid_start = np.array([listing.start_ticks for listing in scenario.listings])

    def batches(self) -> Iterator[Records]:
        """The commands of the session, in order; each batch has been run when it is yielded."""
        left = self.commands
        for records, slots in self._drafts():
            records, slots = records[:left], slots[:left]
            events = self.exchange.run(records)
            self._observe(records, slots, events)
            left -= len(records)
            yield records
            if left == 0:
                return
        raise AssertionError("the price path was too short for the number of commands")

    def _drafts(self) -> Iterator[tuple[Records, Whole]]:
        """Each batch before it is run: the records, and for a placement the slot it fills."""
        opening = self._number(self._opening())
        yield opening, np.full(len(opening), -1)
        for first in range(1, self._paths.shape[1], STEPS_PER_BATCH):
            yield self._draft(first, min(first + STEPS_PER_BATCH, self._paths.shape[1]))

    def _draft(self, first: int, end: int) -> tuple[Records, Whole]:
        parts = [
            self._prices(first, end),
            *self._renew_quotes(first, end),
            self._takes(first, end),
            *self._rests(first, end),
            self._closes(first, end),
            self._transfers(first, end),
        ]
        records = np.concatenate([part for part, _ in parts])
        slots = np.concatenate([slots for _, slots in parts])
        order = np.argsort(records["time_ns"], kind="stable")
        return self._number(records[order]), slots[order]
