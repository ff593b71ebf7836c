"""The shell that an embedder holds: open, submit, run, views, digest."""

import operator
from collections.abc import Iterable, Iterator
from typing import Any, SupportsIndex

import msgspec
import numpy as np
import numpy.typing as npt

from engine.explanation import RecentEvents
from engine.explanation import explain as explain_events
from engine.genesis import write_genesis
from engine.invariants import check_state
from engine.schema import refusals
from engine.schema.commands import COMMAND, ROWS_MAX, AnyCommand
from engine.schema.contract import Config, check_config
from engine.schema.events import EVENT, Event, decode_events, typed_event
from engine.schema.packing import PACKED_OCTETS, PLAN_AT, pack_into, pack_numbers
from engine.schema.vocabulary import BUY, NAMES, SELL
from engine.state.arena import Arena, Room
from engine.state.copying import copy_arena
from engine.transition.packed import (
    EVENT_OCTETS,
    EVENTS_OCTETS,
    NOT_READ,
    NOT_TOLD,
    SPARE_OCTETS,
    one_packed,
)
from engine.transition.run import one, read_rank_band, run
from engine.views import (
    Valuer,
    find_trader,
    view_collateral,
    view_contract,
    view_conversion,
    view_depth,
    view_indicative,
    view_pool,
)
from engine.what_if import (
    LiquidationPrices,
    Outcome,
    compute_equity_needed,
    find_liquidation_prices,
    still,
    tell_outcome,
)

EVENTS_PER_RUN = 2**16  # a run stops for its events to be read once so many stand there
TOLD_MAX = 512  # events of one command that are made typed by msgspec; more take the long way

Commands = npt.NDArray[np.void]
Events = npt.NDArray[np.void]


class ConfigError(ValueError):
    """The configuration can't be opened; one English line per problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def join_events(parts: Iterable[Events]) -> Events:
    """Copy parts into one array. As bytes: numpy copies and joins records field by field, at half
    the cost of a command."""
    octets = bytearray()
    for events in parts:
        octets += events.view(np.uint8).data
    return np.frombuffer(octets, EVENT)


class Exchange:
    """One margin pool: its contracts, accounts, fund and house layer, in memory.

    With `explainable_max` it keeps the events of so many last commands, for `explain`. Raises
    ConfigError when the configuration breaks a bound or a rule.
    """

    def __init__(self, config: Config, explainable_max: int = 0) -> None:
        problems = check_config(config)
        if problems:
            raise ConfigError(problems)
        arena = Arena()
        arena.use_large_pages()
        write_genesis(arena, config)
        self._take(config, arena, explainable_max)

    def _take(self, config: Config, arena: Arena, explainable_max: int) -> None:
        self._recent = RecentEvents(explainable_max) if explainable_max > 0 else None
        self.config = config
        self._arena = arena
        self._single = np.zeros(ROWS_MAX, COMMAND)
        self._single_octets = self._single.view(np.uint8).data
        self._single_address = self._single.ctypes.data
        packed = np.zeros(PACKED_OCTETS + SPARE_OCTETS, np.uint8)
        told = np.zeros(EVENTS_OCTETS + TOLD_MAX * EVENT_OCTETS + SPARE_OCTETS, np.uint8)
        self._packed, self._packed_address = packed[:PACKED_OCTETS].data, packed.ctypes.data
        self._told, self._told_address = told.data, told.ctypes.data
        self._events = self._arena.records("events", EVENTS_PER_RUN)
        # for `submit`: a view of a number, a third of what a look at an array takes
        self._base = arena.base
        self._count = arena.engine["events"].data

    @classmethod
    def restore(cls, config: Config, arena: Arena) -> "Exchange":
        """An exchange around a state that was kept, of the same configuration; the state is its own
        from here on."""
        restored = object.__new__(cls)
        restored._take(config, arena, 0)
        return restored

    def make_room(
        self, orders: SupportsIndex, accounts: SupportsIndex, positions: SupportsIndex
    ) -> None:
        """Have memory for so many at hand, so that few commands wait for the system to find some:
        prices, events and what is rarer still find theirs when they come. None is a bound, and no
        answer depends on it. `positions` are those of all contracts together, spread evenly. It
        takes what they will take, 32 MiB for any accounts and 4 for each contract of any
        positions. Raises ValueError below 0, TypeError for what is no whole number, OSError where
        there is not so much memory, and then some of it is taken."""
        room = Room(*map(operator.index, (orders, accounts, positions)))
        if min(room) < 0:
            raise ValueError("room for fewer than none")
        self._arena.make_room(room)

    @property
    def arena(self) -> Arena:
        """The state itself, for tools that read records (tests, the native twin, snapshots)."""
        return self._arena

    def submit(self, command: AnyCommand) -> tuple[Event, ...]:
        """Apply one typed command; returns its events. An exchange is one thread's, and no handler
        of a signal may use it meanwhile."""
        told = NOT_READ
        plan = PLAN_AT.get(type(command))
        octets = None if plan is None else pack_numbers(command)
        if octets is not None:
            self._packed[: len(octets)] = octets
            told = one_packed(
                self._base, self._packed_address, len(octets), plan, self._single_address,
                self._told_address, TOLD_MAX,
            )  # fmt: skip
        if told == NOT_READ:
            self._apply_by_fields(command)
            told = NOT_TOLD
        if self._recent is not None:
            self._recent.read(self.last_events())
        if told == NOT_TOLD:
            return tuple(map(typed_event, self.last_events().tolist()))
        return decode_events(self._told[:told])

    def _apply_by_fields(self, command: AnyCommand) -> None:
        """The long way, for what is no array of numbers (a mass quote, a struct that is derived
        from ours), and for numbers that do not fit: it says which."""
        rows = pack_into(command, self._single_octets, 0)
        one(self._base, self._single_address, rows)

    def last_events(self) -> Events:
        """A view of the events of the last command, or of the last batch, until the next one."""
        count = self._count[0]
        # one command may emit more than a run aims for: a burst of liquidations
        events = self._events if count <= EVENTS_PER_RUN else self._arena.records("events", count)
        return events[:count]

    def copy(self) -> "Exchange":
        """A second exchange in the same state, that goes its own way from here (9.9)."""
        return Exchange.restore(self.config, copy_arena(self._arena))

    def what_if(self, command: AnyCommand) -> Outcome:
        """What the command would do if it came now: refusal, events, and the margin of its account
        before and after (8.9). It is applied to a copy, so a question costs one."""
        twin = self.copy()
        events = twin.submit(command)
        outcome = tell_outcome(command, self._arena, twin.arena, events)
        if outcome.code != refusals.MARGIN_INSUFFICIENT:
            return outcome
        again = self.copy()
        still(again.arena)
        again.submit(command)
        needed = compute_equity_needed(again.arena, command)
        return msgspec.structs.replace(outcome, equity_needed=needed)

    def liquidation_prices(self, account: int, contract: int) -> LiquidationPrices:
        """The mark at which a position comes under maintenance, other marks held, and its
        bankruptcy price (8.9); KeyError when the account holds nothing there."""
        if not 1 <= contract <= len(self.config.contracts):
            raise KeyError(f"there is no contract {contract}")
        spec = self.config.contracts[contract - 1]
        return find_liquidation_prices(self._arena, spec, account)

    def run(self, commands: Commands) -> Events:
        """Apply records in order; returns a copy of all their events."""
        return join_events(self.batches(commands))

    def apply(self, commands: Commands) -> None:
        """Apply records in order, and let nobody know what came of it: for a replay."""
        for _ in self.batches(commands):
            pass

    def batches(self, commands: Commands, size: int = 4096) -> Iterator[Events]:
        """Apply records batch by batch; yields views of the events, valid until the next step."""
        if commands.dtype != COMMAND or not commands.flags.c_contiguous:
            raise TypeError("commands must be a contiguous array of COMMAND records")
        base, itemsize = commands.ctypes.data, COMMAND.itemsize
        done = 0
        while done < len(commands):
            self._arena.engine["events"] = 0
            # never so small a part that a mass quote would not fit into it
            count = min(max(size, ROWS_MAX), len(commands) - done)
            done += run(self._arena.base, base + done * itemsize, count, EVENTS_PER_RUN)
            events = self.last_events()
            if self._recent is not None:
                self._recent.read(events)
            yield events

    def explain(self, sequence: int) -> list[str]:
        """Why the command of this sequence number did what it did, in sentences with numbers and
        rules; they name counterparties, so they are for operator and regulator. KeyError when it is
        not among the last `explainable_max` commands."""
        events = self._recent.find(sequence) if self._recent is not None else []
        if not events:
            raise KeyError(f"no events are kept of the command {sequence}")
        return explain_events(events)

    def depth(
        self, contract: int, levels: int = 10
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Best bids and best asks as (price_ticks, lots), best first."""
        return (
            view_depth(self._arena, contract, BUY, levels),
            view_depth(self._arena, contract, SELL, levels),
        )

    def best(self, contract: int) -> tuple[int, int, int, int]:
        """(bid_ticks, bid_lots, ask_ticks, ask_lots), 0 where a side is empty."""
        bids, asks = self.depth(contract, 1)
        return (*(bids[0] if bids else (0, 0)), *(asks[0] if asks else (0, 0)))

    def indicative(self, contract: int) -> tuple[int, int, int]:
        """(price_ticks, lots, surplus of buys) of an uncross now, all 0 when nothing meets (5.2).

        Liquidation orders, which join only then, are left out.
        """
        return view_indicative(self._arena, contract)

    def account(self, account: int) -> dict[str, Any]:
        """Cash, collateral, equity, margins and positions of one account; KeyError without one."""
        return Valuer(self._arena).account(account)

    def rank_band(self, account: int, contract: int) -> int:
        """Where the account's position stands in the order of deleveraging of its side (9.7).

        1 to 5, by the fifth of the side's lots before it: 1 is asked first; 0 without lots. What
        it tells is for the account's owner. KeyError when there is no such account or contract.
        """
        self.contract(contract)
        self.account(account)
        trader = find_trader(self._arena, account, contract)
        return int(read_rank_band(self._arena.base, trader, contract))

    def contract(self, contract: int) -> dict[str, Any]:
        """Prices, funding and state of one contract, with its state's name."""
        view = view_contract(self._arena, contract)
        return {**view, "state": NAMES["state"][view["state"]]}

    def pool(self) -> dict[str, int]:
        """Ledgers, running totals and limits of the pool."""
        return view_pool(self._arena)

    def collateral(self) -> list[dict[str, int]]:
        """Each asset beside the pool's cash: price, raise of its haircuts, what accounts hold and
        what conversion has taken."""
        return view_collateral(self._arena)

    def conversion(self) -> dict[str, Any]:
        """The conversion ledger: its cash, what it holds, and what both come to (10.6)."""
        return view_conversion(self._arena)

    def check(self) -> list[str]:
        """The invariants I1-I8 of rule 14 that do not hold, as English lines; empty is good.

        I9 is a fact about events (`waterfall_closed`), I10 about a replay: see `lionrock replay`.
        """
        return check_state(self._arena)

    def digest(self) -> str:
        """Hex digest of the logical state: equal digests mean equal states (13.2)."""
        return self._arena.digest()


