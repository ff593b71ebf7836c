"""Streams of events written by hand, and what a recomputation says of them."""

from typing import Any

import numpy as np

from engine.report.funding_audit import FundingAudit, audit_funding
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.contract import Config, Contract, Tier, outside
from engine.schema.events import EVENT, FIELDS

SECOND = NS_PER_SECOND
MINUTE = 60 * SECOND
KINDS = {name: (kind, fields) for kind, (name, fields) in FIELDS.items()}


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
        "source_outlier_ppb": PPB // 10,
        "mark_band_ppb": PPB // 100,
        "funding_sample_ns": MINUTE,
        "funding_interval_ns": 5 * MINUTE,
        "funding_base_ns": 5 * MINUTE,
    }
    return Contract(**{**spec, **terms})


class Stream:
    """Events of one contract; every call of `add` is a new sequence unless `follows` says so."""

    def __init__(self, **terms: Any) -> None:
        self.spec = contract(**terms)
        self.rows: list[tuple[int, ...]] = []
        self._sequence = 0

    def add(self, name: str, *numbers: int, follows: bool = False) -> "Stream":
        kind, fields = KINDS[name]
        assert len(numbers) == len(fields), f"{name} has {fields}"
        self._sequence += not follows
        filled = (*numbers, *[0] * (6 - len(numbers)))
        self.rows.append((self._sequence, *filled, 0, self.spec.contract, kind))
        return self

    def index(self, source: int, price: int, *index_published: int) -> "Stream":
        self.add("price_received", source, price)
        return self.add("index_published", *index_published, follows=True)

    def open(self, price: int = 10_000) -> "Stream":
        """The first price of a contract with one source."""
        self.index(1, price, price, 1, 0, 0, price, 0)
        self.add("mark_published", price, price, price, 0, 0, 0, follows=True)
        return self.add("state_changed", 0, 1, 1, follows=True)

    def events(self) -> Any:
        return np.array(self.rows, EVENT)

    def audit(self) -> FundingAudit:
        return audit_funding(Config(contracts=(self.spec,)), self.events())

    def differences(self) -> list[tuple[str, int, int]]:
        """Field, published and recomputed number of whatever differs."""
        found = self.audit().differences
        return [(each.field, each.published, each.recomputed) for each in found]
