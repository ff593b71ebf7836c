"""What a recomputation found: how much was compared, and every number that differs."""

from collections.abc import Sequence

import msgspec

from engine.report.rounding import clamp

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


class AuditError(ValueError):
    """Why events can't be recomputed at all, in one line."""


class Difference(msgspec.Struct, frozen=True):
    """One published number that the events before it do not give."""

    contract: int
    sequence: int
    field: str  # event and field, as engine/schema/events.py names them
    published: int
    recomputed: int

    def __str__(self) -> str:
        return (
            f"contract {self.contract}, sequence {self.sequence}, {self.field}:"
            f" published {self.published}, recomputed {self.recomputed}"
        )


class Findings(msgspec.Struct):
    """Counts of one contract, and its differences in the order of the events."""

    contract: int
    sequence: int = 0  # of the event at hand
    intervals: int = 0
    samples: int = 0
    indexes: int = 0
    marks: int = 0
    settlements: int = 0
    settlements_open: int = 0  # of them those whose number of values no event tells
    differences: list[Difference] = msgspec.field(default_factory=list)

    def compare(self, field: str, published: int, recomputed: int) -> None:
        """Note the number unless both are equal; one that no event can hold as the nearest that
        one can."""
        if published != recomputed:
            told = clamp(recomputed, INT64_MIN, INT64_MAX)
            self.differences.append(
                Difference(self.contract, self.sequence, field, published, told)
            )

    def compare_one_of(self, field: str, published: int, possible: Sequence[int]) -> None:
        """The same where events leave open which of a few numbers it was; the first stands for
        them."""
        if published not in possible:
            self.compare(field, published, possible[0])
