"""A subscriber's two ends: the reader that rebuilds a line, and the buffer for a slow one."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

from engine.feed.book import Book
from engine.feed.messages import (
    GapMarked,
    Increment,
    Line,
    MarketView,
    PublicMessage,
    Snapshot,
    note_market,
)
from engine.feed.public import PublicFeed

HELD_MAX = 10_000

B = TypeVar("B", bound=Book)


class FeedReader(Generic[B]):
    """One line of one contract, rebuilt; the class of the book says which line. Increments are
    applied in their sequence; after a gap they are held, `held_max` of them at most, until a
    snapshot has closed it.

    `feed_sequence` is the last increment applied, `needs_snapshot` whether it waits for one, and
    `gaps` how often it had to. A reader that joins late starts with a gap.
    """

    def __init__(self, book: type[B], contract: int, held_max: int = HELD_MAX) -> None:
        self.book: B = book()
        self.contract = contract
        self.market = MarketView()
        self.feed_sequence = 0
        self.needs_snapshot = False
        self.gaps = 0
        self._held: deque[Increment] = deque(maxlen=held_max)

    def read(self, messages: Iterable[PublicMessage]) -> None:
        """Apply what comes in; messages of other contracts are passed over."""
        for message in messages:
            if message.contract != self.contract:
                continue
            if isinstance(message, Snapshot):
                self._load(message)
            elif isinstance(message, GapMarked):
                self._miss(message.last_sequence)
            elif isinstance(message, Increment):
                self._apply(message)

    def _apply(self, message: Increment) -> None:
        if message.feed_sequence <= self.feed_sequence:
            return  # known: it came twice, or a snapshot was ahead of it
        if not self.needs_snapshot and message.feed_sequence > self.feed_sequence + 1:
            self._miss(message.feed_sequence - 1)
        if self.needs_snapshot:
            self._held.append(message)
            return
        self.book.apply(message)
        self.market = note_market(self.market, message)
        self.feed_sequence = message.feed_sequence

    def _miss(self, last_sequence: int) -> None:
        """Increments up to this one will not come."""
        if last_sequence > self.feed_sequence and not self.needs_snapshot:
            self.needs_snapshot = True
            self.gaps += 1

    def _load(self, snapshot: Snapshot) -> None:
        """Start from a snapshot, then catch up with what was held. An old one is no help."""
        if snapshot.line != self.book.line or snapshot.feed_sequence < self.feed_sequence:
            return
        self.book.load(snapshot)
        self.market = snapshot.market
        self.feed_sequence = snapshot.feed_sequence
        self.needs_snapshot = False
        held = list(self._held)
        self._held.clear()
        for message in held:
            self._apply(message)


class ConflatingBuffer:
    """What waits for one slow reader of one line and contract: `bound` increments at most.

    One more, and all that waits is dropped, openly: the next `take` begins with a GapMarked that
    names the increments lost and a snapshot as new as the feed. It knows nothing of the reader.
    """

    def __init__(self, feed: PublicFeed, line: Line, contract: int, bound: int) -> None:
        if bound < 1:
            raise ValueError("a buffer must hold at least one increment")
        self.line, self.contract, self.bound = line, contract, bound
        self._feed = feed
        self._waiting: deque[Increment] = deque()
        self._lost: tuple[int, int] | None = None  # first and last feed sequence dropped
        # what was published before the subscription needs a snapshot, too
        sequence = feed.snapshot(line, contract).feed_sequence
        self._sequence = sequence  # the last increment offered to or covered by this buffer
        if sequence > 0:
            self._lost = (1, sequence)

    def __len__(self) -> int:
        """Increments that wait, `bound` at most."""
        return len(self._waiting)

    def put(self, messages: Iterable[Increment]) -> None:
        """Offer what the line published; increments of other contracts are passed over."""
        for message in messages:
            if message.contract != self.contract or message.feed_sequence <= self._sequence:
                continue
            self._sequence = message.feed_sequence
            if self._lost is not None:
                self._lost = (self._lost[0], message.feed_sequence)
            elif len(self._waiting) < self.bound:
                self._waiting.append(message)
            else:
                self._lost = (self._waiting[0].feed_sequence, message.feed_sequence)
                self._waiting.clear()

    def take(self, count: int) -> list[PublicMessage]:
        """Up to `count` messages for the reader, one at least if any waits; gap and snapshot
        come together, however small the count."""
        if self._lost is not None:
            first_sequence, last_sequence = self._lost
            snapshot = self._feed.snapshot(self.line, self.contract)
            self._lost, self._sequence = None, snapshot.feed_sequence
            return [
                GapMarked(self.contract, snapshot.engine_sequence, first_sequence, last_sequence),
                snapshot,
            ]
        count = max(1, count)
        return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
