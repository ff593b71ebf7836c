"""Streams of events written by hand, and what a recomputation says of them."""

from typing import Any

import numpy as np

from engine.report.funding_audit import FundingAudit, audit_funding
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND, PPB
from engine.schema.contract import Config, Contract, Tier, outside
from engine.schema.events import EVENT, FIELDS

SECOND = NS_PER_SECOND
MINUTE = 60 * SECOND
KINDS = {name: (kind, fields) for kind, (name, fields) in FIELDS.items()}
LOTS = 100  # of every impact price


def contract(**terms: Any) -> Contract:
    """A contract of one source in which five samples make an interval, which is the base, too."""
    spec: dict[str, Any] = {
        "contract": 1,
        "symbol": "X-PERP",
        "tick_value": 3,
        "tiers": (Tier(0, 20_000_000, 10_000_000),),
        "open_interest_lots_max": 2**20,
        "position_lots_max": 2**20,
        "order_lots_max": 2**20,
        "sources": outside(1),
        "source_stale_ns": NS_PER_DAY,
        "source_outlier_ppb": PPB // 10,
        "mark_band_ppb": PPB // 100,
        "funding_sample_ns": MINUTE,
        "funding_interval_ns": 5 * MINUTE,
        "funding_base_ns": 5 * MINUTE,
    }
    return Contract(**{**spec, **terms})


class Stream:
    """Events of one contract; every call of `add` is a new sequence unless `follows` says so.

    Prices come at `now`, in ns, which stands still unless `at` moves it.
    """

    def __init__(self, **terms: Any) -> None:
        self.spec = contract(**terms)
        self.rows: list[tuple[int, ...]] = []
        self.now = 0
        self._sequence = 0
        self._index = 0

    def at(self, time_ns: int) -> "Stream":
        self.now = time_ns
        return self

    def add(self, name: str, *numbers: int, follows: bool = False, account: int = 0) -> "Stream":
        kind, fields = KINDS[name]
        assert len(numbers) == len(fields), f"{name} has {fields}"
        self._sequence += not follows
        if name == "index_published":
            self._index = numbers[0]
        filled = (*numbers, *[0] * (6 - len(numbers)))
        self.rows.append((self._sequence, *filled, account, self.spec.contract, kind))
        return self

    def price(self, source: int, price: int) -> "Stream":
        return self.add("price_received", source, price, self.now)

    def index(self, source: int, price: int, *index_published: int) -> "Stream":
        self.price(source, price)
        return self.add("index_published", *index_published, follows=True)

    def mark(self, *numbers: int) -> "Stream":
        """A price that leaves an index of one source as it is, and its mark."""
        self.index(1, self._index, self._index, 1, 0, 0, self._index, 0)
        return self.add("mark_published", *numbers, follows=True)

    def change(self, *numbers: int) -> "Stream":
        """A change of state now, in the same transition."""
        return self.add("state_changed", *numbers, self.now, follows=True)

    def open(self, price: int = 10_000) -> "Stream":
        """The first price of a contract with one source."""
        self.index(1, price, price, 1, 0, 0, price, 0)
        self.add("mark_published", price, price, price, 0, 0, 0, follows=True)
        return self.change(0, 1, 1)

    def freeze(self) -> "Stream":
        """Out of continuous, by a redenomination, whose time the change of state alone tells."""
        self.add("constituent_redenominated", 0, PPB)
        return self.change(1, 0, 2)

    def sample(
        self, time_ns: int, bid: int, ask: int, premium: int, rate: int, valid: int = 1
    ) -> "Stream":
        """Impact prices of whole ticks with the terms that follow; 0 is a thin side."""
        tick, index = self.spec.tick_value, max(1, self._index)
        terms = [max(0, (bid - index) * PPB // index) if bid else 0]
        terms += [max(0, (index - ask) * PPB // index) if ask else 0]
        sides = [number for t in (bid, ask) for number in (LOTS * t * tick, LOTS * bool(t))]
        self.add("impact_sampled", *sides, *terms)
        numbers = (premium, bid, ask, valid, time_ns, rate)
        return self.add("premium_sampled", *numbers, follows=True)

    def trade(self, price: int, lots: int, *, accounts: tuple[int, int] = (2, 3)) -> "Stream":
        """A trade and its two legs."""
        self.add("trade", price, lots, 1, 2, 0)
        for account in accounts:
            self.add("leg", 0, 0, 0, 0, 0, 0, follows=True, account=account)
        return self

    def events(self) -> Any:
        return np.array(self.rows, EVENT)

    def audit(self) -> FundingAudit:
        return audit_funding(Config(contracts=(self.spec,)), self.events())

    def differences(self) -> list[tuple[str, int, int]]:
        """Field, published and recomputed number of whatever differs."""
        found = self.audit().differences
        return [(each.field, each.published, each.recomputed) for each in found]
