"""What the oracle knows of one contract: its book, prices, funding and holders."""

from collections import deque
from dataclasses import dataclass, field

from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from engine.schema.contract import Contract
from tests.oracle.accounts import Brackets, Holding, Order, brackets_of
from tests.oracle.book import Book
from tests.oracle.rounding import rate_down
from tests.oracle.states import CONTINUOUS, FROZEN
from tests.oracle.values import size_of_lot, value_of_fill, value_of_lot


@dataclass(slots=True, eq=False)
class Source:
    """Where prices of one constituent come from, or of another venue's perpetual (6.1)."""

    weight: int
    kind: int
    asset: int
    price: int = 0
    time: int | None = None  # of its last price
    is_out: bool = False
    near_since: int | None = None  # since when an excluded source is back inside the narrower band

    @property
    def is_perpetual(self) -> bool:
        return self.kind == words.SOURCE_PERPETUAL

    def forget(self) -> None:
        self.price, self.time, self.is_out, self.near_since = 0, None, False, None


@dataclass(slots=True, eq=False)
class Constituent:
    """One asset of an index, with what its last price was made of (6.1)."""

    units: int
    price: int = 0  # 0: none
    median: int = 0  # plain, over the fresh sources; 0: none is fresh
    used: list[Source] = field(default_factory=list)
    capped: list[Source] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Market:
    """One contract: its book, prices, funding and holders."""

    spec: Contract
    sources: list[Source]
    constituents: list[Constituent]
    initial_brackets: Brackets
    maintenance_brackets: Brackets
    sample_offset: int  # of the clock of premium samples
    length_ns: int  # of the running funding interval
    state: int
    divisor: int = PPB  # of the index
    book: Book = field(default_factory=Book)
    holders: dict[int, Holding] = field(default_factory=dict)  # by account, made on first touch
    was_opened: bool = False
    index: int = 0
    mark: int = 0
    freeze_start: int = 0
    freeze_end: int = 0
    frozen_from: int = FROZEN  # the state that the last freeze interrupted
    is_held: bool = False  # the mark, outside its band by the move limit (6.2)
    is_reduced_by_mark: bool = False  # reduce-only for that reason, not by an operator
    operator_state: int = CONTINUOUS  # of those with trading, that which an operator set last
    # auctions and interruptions (5.2, 5.3)
    band_set: tuple[int, int] | None = None  # the operator's dynamic band
    auction_end: int | None = None
    extensions: int = 0  # of the running auction
    next_indicative: int | None = None
    volatility_starts: list[int] = field(default_factory=list)  # those in the window
    # terms of the mark, and what they are made of
    basis: deque[int] = field(default_factory=deque)  # the last samples
    basis_ema: tuple[int, int] = (0, 0)  # weighted samples and their weights, instead of them
    basis_time: int | None = None  # of the last sample
    last_term: int = 0  # 0: absent
    impact_ticks: tuple[int, int] = (0, 0)  # of the last sample, 0: thin, or no sample
    traded_value: int = 0
    traded_lots: int = 0
    # premium samples of the running interval
    next_sample: int = 0
    index_values: deque[int] = field(default_factory=deque)  # one a sample time, for delisting
    held_terms: list[tuple[int, int] | None] = field(default_factory=lambda: [None, None])
    votes: list[int] = field(default_factory=list)
    ballot: list[int] = field(default_factory=list)  # premiums of the next vote
    sample_count: int = 0
    sample_valid: int = 0
    rates: list[tuple[int, int]] = field(default_factory=list)  # (due, rate) of the present day
    # funding
    next_funding: int = 0
    frozen_ns: int = 0  # of the running interval
    rate: int = 0  # last published
    funding_index: int = 0
    carry: int = 0
    clearing: int = 0  # the contract's funding-clearing account
    # orders that wait for a trigger, in arrival order, and fired ones in the order of firing:
    # those that reduce, and others
    armed: dict[int, Order] = field(default_factory=dict)
    fired: tuple[dict[int, Order], dict[int, Order]] = field(default_factory=lambda: ({}, {}))
    last_trade: int = 0  # price of the latest trade, 0: none yet
    reference_until: int = 0  # until when its reference asset is open to retail (3.3), 0: always
    # 9.6: when the fund's position is worked back, and where on the clock its slices lie
    next_slice: int | None = None
    slice_offset: int = 0

    @property
    def contract(self) -> int:
        return self.spec.contract

    @property
    def lot_value(self) -> int:
        """Of a lot at the mark, of an inverse contract below zero."""
        return value_of_lot(self.spec, self.mark)

    @property
    def lot_size(self) -> int:
        """The same without its sign."""
        return size_of_lot(self.spec, self.mark)

    def gain_of_fill(self, sign: int, lots: int, price: int) -> int:
        """What so many lots bought (+1) or sold (-1) in one fill change in equity at mark. It is
        one number times the lots, rounded: of more lots not less, or not more."""
        return sign * (lots * self.lot_value - value_of_fill(self.spec, lots, price))

    def fired_list(self, order: Order) -> dict[int, Order]:
        return self.fired[0 if order.is_reduce_only else 1]

    def open_interest(self) -> int:
        return sum(holding.lots for holding in self.holders.values() if holding.lots > 0)

    def band(self) -> tuple[int, int]:
        """The static band (5.3)."""
        spec, width = self.spec, rate_down(self.mark, self.spec.band_static_ppb)
        low, high = spec.price_ticks_min, spec.price_ticks_max
        return max(low, self.mark - width), min(high, self.mark + width)

    def sources_of(self, asset: int) -> list[Source]:
        """What prices a constituent: perpetuals never do."""
        return [s for s in self.sources if s.asset == asset and not s.is_perpetual]


def make_market(spec: Contract, state: int) -> Market:
    return Market(
        spec,
        [Source(source.weight, source.kind, source.asset) for source in spec.sources],
        [Constituent(units) for units in spec.index_units_ppb],
        brackets_of(spec, [tier.rate_initial_ppb for tier in spec.tiers]),
        brackets_of(spec, [tier.rate_maintenance_ppb for tier in spec.tiers]),
        sample_offset=spec.funding_sample_offset_ns,
        length_ns=spec.funding_interval_ns,
        state=state,
        basis=deque(maxlen=spec.mark_basis_samples),
        index_values=deque(maxlen=spec.delisting_samples),
        reference_until=spec.reference_until_ns,
    )
