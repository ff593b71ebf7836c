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
from engine.importers.recording import join_records
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
PRICE_STEPS = 4  # from one source's command to the next one's
COMMANDS_PER_STEP = 1_120  # what all of it comes to with cancels and prices, measured
QUOTE_LEVELS = 4
PULLED_STEPS = 45  # how long market makers stay away after a leg
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
        self._paths = price_paths(scenario, self.steps + self.steps // 2 + 2, self._draws)
        self._makers = np.arange(words.CLIENT_FIRST, words.CLIENT_FIRST + scenario.makers)
        first_client = words.CLIENT_FIRST + scenario.makers
        self._clients = np.arange(first_client, first_client + self.clients)
        accounts = first_client + self.clients + sum(c.accounts for c in scenario.cast)
        self._client_ids = np.zeros(accounts, np.int64)
        self._positions = np.zeros((accounts, len(scenario.listings) + 1), np.int64)
        self._quotes = OrderSlots(scenario.makers * len(scenario.flow_contracts) * 2 * QUOTE_LEVELS)
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
        records = join_records([part for part, _ in parts])
        slots = np.concatenate([slots for _, slots in parts])
        order = np.argsort(records["time_ns"], kind="stable")
        return self._number(records[order]), slots[order]

    # What the session opens with.

    def _opening(self) -> Records:
        """First prices, accounts, their money, and the positions of the cast."""
        prices = [self._price_rows(np.arange(2 * SOURCES), np.zeros(2 * SOURCES, np.int64))]
        scenario = self.scenario
        accounts = [self._makers, self._clients]
        cash = [
            np.full(len(self._makers), MAKER_CASH * MONEY),
            self._draws.between(*CLIENT_CASH, len(self._clients)) * MONEY,
        ]
        first = int(self._clients[-1]) + 1
        orders = []
        for cast in scenario.cast:
            group = np.arange(first, first + cast.accounts)
            first += cast.accounts
            accounts.append(group)
            cash.append(np.full(len(group), cast.cash))
            orders += [(lots, contract, group) for contract, lots in cast.lots.items()]
        opened = self._rows(cmd.OPEN_ACCOUNT, np.concatenate(accounts))
        opened["owner"] = opened["group"] = opened["account"]
        opened["account_kind"][: len(self._makers)] = words.KIND_LIQUIDITY_PROVIDER
        paid = self._rows(cmd.DEPOSIT, opened["account"])
        paid["amount"] = np.concatenate(cash)
        # Sellers rest first, then buyers take what rests.
        placed = [self._cast_orders(*order) for order in sorted(orders, key=lambda o: o[0])]
        records = join_records([*prices, opened, paid, *placed])
        records["time_ns"] = START_NS + np.arange(len(records))
        return records

    def _cast_orders(self, lots: int, contract: int, group: Whole) -> Records:
        rows = self._rows(cmd.PLACE_ORDER, group)
        rows["contract"] = contract
        rows["lots"] = abs(lots)
        rows["side"] = words.BUY if lots > 0 else words.SELL
        rows["tif"] = words.IOC if lots > 0 else words.GTC
        rows["price_ticks"] = self.scenario.listings[contract - 1].start_ticks
        return rows

    # What happens in every batch; each part is records and the slots that placements fill.

    def _prices(self, first: int, end: int) -> tuple[Records, Whole]:
        """Sources in turn, three contracts in one command and the fourth in the next."""
        steps = np.arange(-(-first // PRICE_STEPS) * PRICE_STEPS, end, PRICE_STEPS)
        rows = self._price_rows(steps // PRICE_STEPS, steps)
        rows["time_ns"] = START_NS + steps * STEP_NS
        return _no_slots(rows[~self._is_frozen(rows["contract"], steps)])

    def _price_rows(self, turns: Whole, steps: Whole) -> Records:
        rows = self._rows(cmd.PUBLISH_PRICE, np.zeros(len(turns), np.int64))
        rows["source"] = turns // 2 % SOURCES + 1
        is_last = turns % 2 == 1
        noise_ppm = self._draws.around_zero(100, 4 * len(turns)).reshape(4, -1)
        prices = self._paths[:, steps] * (1_000_000 + noise_ppm) // 1_000_000
        rows["contract"] = np.where(is_last, 4, 1)
        rows["price_ticks"] = np.where(is_last, prices[3], prices[0])
        for field, contract in (("2", 2), ("3", 3)):
            rows[f"contract_{field}"] = np.where(is_last, 0, contract)
            rows[f"price_ticks_{field}"] = np.where(is_last, 0, prices[contract - 1])
        return rows

    def _renew_quotes(self, first: int, end: int) -> Iterator[tuple[Records, Whole]]:
        """Market makers amend a quote, or cancel it and place another."""
        slots = self._quotes.take_turns((end - first) * QUOTES // 100)
        accounts, contracts, sides, levels = self._quote_places(slots)
        steps, times = self._times(first, end, len(slots))
        away = self._draws.below(150, len(slots)) + 50 + 150 * levels
        prices = self._price_off_mid(contracts, steps, sides, away)
        lots = self._lots("quote_lots", contracts)
        order_ids = self._quotes.order_id[slots]
        is_here = ~self._is_frozen(contracts, steps) & ~self._is_pulled(steps)
        is_live = is_here & (order_ids != 0)
        is_amended = is_live & (self._draws.below(3, len(slots)) == 0)
        is_placed = is_here & ~is_amended
        is_replaced = is_live & ~is_amended

        amends = self._rows(cmd.AMEND_ORDER, accounts, times, is_amended)
        amends["order_id"] = order_ids[is_amended]
        amends["price_ticks"] = prices[is_amended]
        filled = self._quotes.entered_lots[slots] - self._quotes.open_lots[slots]
        amends["lots"] = (filled + lots)[is_amended]
        yield _no_slots(amends)

        cancels = self._rows(cmd.CANCEL_ORDER, accounts, times, is_replaced)
        cancels["order_id"] = order_ids[is_replaced]
        yield _no_slots(cancels)

        places = self._rows(cmd.PLACE_ORDER, accounts, times + 1, is_placed)
        places["contract"] = contracts[is_placed]
        places["side"] = sides[is_placed]
        places["lots"] = lots[is_placed]
        places["price_ticks"] = prices[is_placed]
        is_passive = self._draws.below(10, len(places)) < 7
        places["flags"] = np.where(is_passive, words.POST_ONLY, 0)
        yield places, slots[is_placed]

        for leg in self.scenario.legs:
            at = leg_step(leg, self.steps) - 1
            if first <= at < end:
                pulls = self._rows(cmd.MASS_CANCEL, self._makers)
                pulls["time_ns"] = START_NS + at * STEP_NS
                yield _no_slots(pulls)

    def _quote_places(self, slots: Whole) -> tuple[Whole, Whole, Whole, Whole]:
        """Account, contract, side and level of a quote's slot."""
        flow = np.array(self.scenario.flow_contracts)
        rest, levels = slots // QUOTE_LEVELS, slots % QUOTE_LEVELS
        rest, sides = rest // 2, rest % 2
        return self._makers[rest // len(flow)], flow[rest % len(flow)], sides, levels

    def _takes(self, first: int, end: int) -> tuple[Records, Whole]:
        """Clients who want to trade at once."""
        steps, times = self._times(first, end, (end - first) * TAKES // 100)
        count = len(steps)
        accounts = self._clients[self._draws.below(len(self._clients), count)]
        contracts = self._draw_contracts(count)
        is_early = steps < leg_step(self.scenario.legs[0], self.steps)
        buyers_ppm = np.where(is_early, self.scenario.buyers_ppm, 500_000)
        is_buy = self._draws.below(1_000_000, count) < buyers_ppm
        rows = self._rows(cmd.PLACE_ORDER, accounts, times)
        rows["contract"] = contracts
        rows["side"] = np.where(is_buy, words.BUY, words.SELL)
        rows["lots"] = self._lots("trade_lots", contracts)
        # The limit lies through the mid: a buyer's as far above it as a seller's quote would.
        limits = self._price_off_mid(contracts, steps, 1 - rows["side"], np.full(count, 2_000))
        style = self._draws.below(10, count)
        is_market = style < 3
        rows["order_type"] = np.where(is_market, words.MARKET, words.LIMIT)
        rows["price_ticks"] = np.where(is_market, 0, limits)
        rows["tif"] = np.where(style == 9, words.FOK, words.IOC)
        return _no_slots(rows)

    def _rests(self, first: int, end: int) -> Iterator[tuple[Records, Whole]]:
        """Clients who wait at a price of their own, and cancel when their turn comes again."""
        slots = self._resting.take_turns((end - first) * RESTS // 100)
        steps, times = self._times(first, end, len(slots))
        accounts = self._clients[slots]
        order_ids = self._resting.order_id[slots]
        is_live = order_ids != 0
        cancels = self._rows(cmd.CANCEL_ORDER, accounts, times, is_live)
        cancels["order_id"] = order_ids[is_live]
        yield _no_slots(cancels)
        contracts = self._draw_contracts(len(slots))
        sides = self._draws.below(2, len(slots))
        away = self._draws.between(100, 3_000, len(slots))
        prices = self._price_off_mid(contracts, steps, sides, away)
        places = self._rows(cmd.PLACE_ORDER, accounts, times, ~is_live)
        places["contract"] = contracts[~is_live]
        places["side"] = sides[~is_live]
        places["lots"] = self._lots("trade_lots", places["contract"])
        places["price_ticks"] = prices[~is_live]
        yield places, slots[~is_live] + len(self._quotes.order_id)

    def _closes(self, first: int, end: int) -> tuple[Records, Whole]:
        """Clients who close a position at the market."""
        held = self._positions[self._clients[0] : self._clients[-1] + 1]
        clients, contracts = np.nonzero(held)
        count = (end - first) * CLOSES // 100 if len(clients) else 0
        picks = self._draws.below(max(1, len(clients)), count)
        clients, contracts = clients[picks], contracts[picks]
        lots = held[clients, contracts]
        times = self._times(first, end, count)[1]
        rows = self._rows(cmd.PLACE_ORDER, self._clients[clients], times)
        rows["contract"] = contracts
        rows["side"] = np.where(lots > 0, words.SELL, words.BUY)
        rows["lots"] = np.abs(lots)
        rows["order_type"] = words.MARKET
        rows["tif"] = words.IOC
        rows["flags"] = words.REDUCE_ONLY
        return _no_slots(rows)

    def _transfers(self, first: int, end: int) -> tuple[Records, Whole]:
        """Clients who pay in, and clients who take out a little less."""
        times = self._times(first, end, max(1, (end - first) * TRANSFERS // 100))[1]
        count = len(times)
        accounts = self._clients[self._draws.below(len(self._clients), count)]
        is_deposit = self._draws.below(2, count) == 0
        kinds = np.where(is_deposit, cmd.DEPOSIT, cmd.WITHDRAW)
        rows = self._rows(kinds, accounts, times)
        cents = self._draws.between(1_000, 50_000, count)
        rows["amount"] = np.where(is_deposit, cents, cents // 2) * (MONEY // 100)
        return _no_slots(rows)

    # Numbers that several parts need.

    def _rows(
        self,
        kind: int | Whole,
        accounts: Whole,
        times: Whole | None = None,
        chosen: NDArray[np.bool_] | None = None,
    ) -> Records:
        """Records of a kind for the chosen of these accounts and times."""
        if chosen is not None:
            accounts = accounts[chosen]
            times = None if times is None else times[chosen]
        rows = np.zeros(len(accounts), COMMAND)
        rows["kind"] = kind
        rows["account"] = accounts
        if times is not None:
            rows["time_ns"] = times
        return rows

    def _times(self, first: int, end: int, count: int) -> tuple[Whole, Whole]:
        """Steps spread evenly over a batch, and times at random inside each."""
        steps = first + np.arange(count) * (end - first) // max(1, count)
        return steps, START_NS + steps * STEP_NS + self._draws.between(1, STEP_NS - 2, count)

    def _draw_contracts(self, count: int) -> Whole:
        flow = np.array(self.scenario.flow_contracts)
        return flow[self._draws.below(len(flow), count)]

    def _price_off_mid(
        self, contracts: Whole, steps: Whole, sides: Whole, away_ppm: Whole
    ) -> Whole:
        """Prices this far from the mid, on the side of a resting order, at least a tick."""
        mids = self._paths[contracts - 1, steps]
        ticks = mids * away_ppm // 1_000_000 + 1
        prices: Whole = np.where(sides == words.BUY, mids - ticks, mids + ticks)
        return prices.clip(min=1)

    def _lots(self, field: str, contracts: Whole) -> Whole:
        """Sizes up to the listing's, small ones likelier."""
        largest: Whole = np.array([getattr(listing, field) for listing in self.scenario.listings])
        shares = np.minimum(*self._draws.between(1, 1_000, 2 * len(contracts)).reshape(2, -1))
        lots: Whole = largest[contracts - 1] * shares // 1_000
        return lots.clip(min=1)

    def _is_frozen(self, contracts: Whole, steps: Whole) -> NDArray[np.bool_]:
        freeze = self.scenario.freeze
        if freeze is None:
            return np.zeros(len(steps), np.bool_)
        begin = self.steps * freeze.at_ppm // 1_000_000
        is_frozen: NDArray[np.bool_] = contracts == freeze.contract
        return is_frozen & (steps >= begin) & (steps < begin + freeze.steps)

    def _is_pulled(self, steps: Whole) -> NDArray[np.bool_]:
        pulled = np.zeros(len(steps), np.bool_)
        for leg in self.scenario.legs:
            at = leg_step(leg, self.steps)
            pulled |= (steps >= at - 1) & (steps < at + PULLED_STEPS)
        return pulled

    def _number(self, records: Records) -> Records:
        """Give every client command the next id of its account."""
        rows = np.flatnonzero(records["kind"] <= cmd.WITHDRAW)
        accounts = records["account"][rows]
        order = np.argsort(accounts, kind="stable")
        ranked = accounts[order]
        starts = np.flatnonzero(np.diff(ranked, prepend=-1))
        counts = np.diff(starts, append=len(ranked))
        ranks = np.arange(len(ranked)) - np.repeat(starts, counts) + 1
        records["client_id"][rows[order]] = self._client_ids[ranked] + ranks
        self._client_ids[ranked[starts]] += counts
        return records

    def _observe(self, records: Records, slots: Whole, events: NDArray[np.void]) -> None:
        """Learn which orders stand, and who holds what."""
        accepted = events[events["kind"] == ev.ORDER_ACCEPTED]
        # Every command has an event (2.2), so the first event's is the first command's number.
        placed = slots[accepted["sequence"] - events["sequence"][0]]
        quotes = len(self._quotes.order_id)
        is_quote, is_resting = (placed >= 0) & (placed < quotes), placed >= quotes
        self._quotes.place(placed[is_quote], accepted[is_quote])
        self._resting.place(placed[is_resting] - quotes, accepted[is_resting])
        self._quotes.observe(events)
        self._resting.observe(events)
        legs = events[events["kind"] == ev.LEG]
        # The last leg of an account and contract in the batch is the one that counts.
        last = (
            len(legs)
            - 1
            - np.unique(
                legs["account"][::-1].astype(np.int64) << 16 | legs["contract"][::-1],
                return_index=True,
            )[1]
        )
        legs = legs[last]
        self._positions[legs["account"], legs["contract"]] = legs["b"]


def _no_slots(records: Records) -> tuple[Records, Whole]:
    return records, np.full(len(records), -1)
