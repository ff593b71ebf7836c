"""The clock of premium samples, and what each tick of it takes: the last term and the impact prices
of the mark (6.2), an index value for the delisting price (5.4).

A sample that is not taken is not published, but its clock goes on, drops what was traded, and the
sample counts (7.1). Trades carry no time, only bounds: where a sample that was skipped may have
come ahead of a trade or behind it, either makes a last term that is possible. A change of the
sample clock moves the next tick to the first of the new times at or behind it. In a contract that
skips samples one that may lie to either side of the change may have come at its old time, *early*,
or comes at its new one; the index values are open then, until as many as count have come behind it.
"""

from collections import deque
from typing import NamedTuple

from engine.report.findings import Findings
from engine.report.rounding import average_price_of, median_of
from engine.schema.contract import Contract, size_of_lot

TRADED_VALUE_FULL = 2**60  # nothing is added to a sum that has passed it


class Trade(NamedTuple):
    value: int
    lots: int
    until_ns: int  # when it has happened at the latest


class Terms(NamedTuple):
    """What a tick leaves for the marks up to the next; 0: none."""

    last: int
    bid: int
    ask: int

    def book(self) -> int:
        """The last price held between the impact prices, which both must be deep."""
        if not self.bid or not self.ask:
            return self.last
        return median_of([self.bid, self.ask, *([self.last] if self.last else [])])


NO_TERMS = Terms(0, 0, 0)


class WindowAudit:
    """Follows one contract's sample clock."""

    def __init__(self, spec: Contract, findings: Findings) -> None:
        self._spec = spec
        self._findings = findings
        self._offset_ns = spec.funding_sample_offset_ns
        self._next_ns: int | None = None  # None: the contract has no clock
        self._shift_ns = 0  # so far ahead of its new time an early tick came, at most
        self.early = 0  # so many of the next ticks may have come early
        self._trades: list[Trade] = []
        self._doubtful = 0  # so many of them, from the first on, may have been dropped
        self._values: deque[int] = deque(maxlen=spec.delisting_samples)
        self._values_open = 0  # so many more, and all that count are known
        self.terms = [NO_TERMS]  # the possible ones

    def open(self, time_ns: int) -> None:
        self._next_ns = self._first_behind(time_ns)

    def freeze(self) -> None:
        self.close()
        self._drop()

    def close(self) -> None:
        self._next_ns = None
        self._end_doubt()

    def set_clock(self, offset_ns: int, until_ns: int, is_taking: bool) -> None:
        """The clock is set behind every tick that was passed, at this time at the latest."""
        self._offset_ns = offset_ns
        if self._next_ns is None:
            return
        # A sample that is taken is told: none lies within the bounds, or its time would be one.
        if not is_taking:
            self.early = max(self.early, self._count_until(until_ns))
        next_ns = self._first_behind(self._next_ns - 1)
        self._shift_ns += next_ns - self._next_ns
        self._next_ns = next_ns
        if not self.early:
            self._end_doubt()
            return
        self.terms = [*self.terms, NO_TERMS]
        if self._count_until(until_ns) < self.early:
            # The index may change until the last of them comes at its new time.
            self._values_open = self._spec.delisting_samples + 1

    def pass_until(self, time_ns: int, index: int) -> int:
        """The ticks up to this time, itself included: nothing was sampled at any of them. Returns
        their number."""
        count = self._count_until(time_ns)
        self.pass_ticks(count, index)
        return count

    def pass_ticks(self, count: int, index: int) -> None:
        """So many of the next ticks have come without a sample."""
        if self._next_ns is None or count == 0:
            return
        every_ns = self._spec.funding_sample_ns
        last_ns = self._next_ns + (count - 1) * every_ns
        came_ns = last_ns - self._shift_ns if count <= self.early else last_ns
        is_behind = [trade.until_ns >= came_ns for trade in self._trades]
        self._trades = self._trades[is_behind.index(True) :] if any(is_behind) else []
        self._doubtful = len(self._trades)
        self.terms = [NO_TERMS]
        self._take_values(count, index)
        self._next_ns = last_ns + every_ns
        self.early = max(0, self.early - count)
        if not self.early:
            self._end_doubt()

    def end_doubt(self, passed: int, index: int) -> None:
        """So many ticks came early, and no more."""
        self.pass_ticks(passed, index)
        self._end_doubt()

    def add_trade(self, price_ticks: int, lots: int, until_ns: int) -> None:
        value = lots * size_of_lot(self._spec, price_ticks)
        self._trades.append(Trade(value, lots, until_ns))

    def take_sample(self, time_ns: int, bid: int, ask: int, index: int) -> None:
        """A sample that was published, with its impact prices."""
        self._findings.compare("premium_sampled.time_ns", time_ns, self._next_ns or 0)
        lasts = {self._last_of(self._trades[first:]) for first in range(self._doubtful + 1)}
        self._drop()
        self.terms = [Terms(last, bid, ask) for last in sorted(lasts)]
        self._take_values(1, index)
        self._next_ns = self._first_behind(time_ns)
        self._end_doubt()

    def settle(self, price_ticks: int, samples: int, mark_ticks: int) -> None:
        """Compare the delisting price: the mean of the index values, the last mark without any."""
        found = self._findings
        found.settlements += 1
        if self._values_open:
            found.settlements_open += 1
            return
        found.compare("settlement_priced.samples", samples, len(self._values))
        expected = sum(self._values) // len(self._values) if self._values else mark_ticks
        found.compare("settlement_priced.price_ticks", price_ticks, expected)

    def _first_behind(self, time_ns: int) -> int:
        every_ns = self._spec.funding_sample_ns
        return self._offset_ns + ((time_ns - self._offset_ns) // every_ns + 1) * every_ns

    def _count_until(self, time_ns: int) -> int:
        """How many ticks there are up to this time, itself included."""
        if self._next_ns is None:
            return 0
        return max(0, (time_ns - self._next_ns) // self._spec.funding_sample_ns + 1)

    def _take_values(self, count: int, index: int) -> None:
        self._values.extend([index] * min(count, self._spec.delisting_samples))
        self._values_open = max(0, self._values_open - count)

    def _end_doubt(self) -> None:
        self.early = self._shift_ns = 0

    def _drop(self) -> None:
        self._trades = []
        self._doubtful = 0
        self.terms = [NO_TERMS]

    def _last_of(self, trades: list[Trade]) -> int:
        """The mean price by lots, if enough was traded."""
        value = lots = 0
        for trade in trades:
            if value > TRADED_VALUE_FULL:
                break
            value += trade.value
            lots += trade.lots
        is_enough = lots > 0 and value >= self._spec.mark_last_value_min
        number, divisor = average_price_of(self._spec, lots, value)
        return number // divisor if is_enough else 0
