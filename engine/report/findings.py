"""What a recomputation found: how much was compared, and every number that differs."""

import msgspec


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
    """Counts of one contract or of all, and their differences in the order of the events."""

    contract: int
    sequence: int = 0  # of the event at hand
    intervals: int = 0
    samples: int = 0
    indexes: int = 0
    marks: int = 0
    rates_next_open: int = 0  # frozen time so far is not published: not compared
    differences: list[Difference] = msgspec.field(default_factory=list)

    def compare(self, field: str, published: int, recomputed: int) -> None:
        """Note the number unless both are equal."""
        self.compare_at(self.sequence, field, published, recomputed)

    def compare_at(self, sequence: int, field: str, published: int, recomputed: int) -> None:
        """The same for an event that is already past."""
        if published != recomputed:
            self.differences.append(
                Difference(self.contract, sequence, field, published, recomputed)
            )

    def compare_within(self, field: str, published: int, low: int, high: int) -> None:
        """Note a number outside bounds, as far as the events give them; with the nearer one."""
        self.compare(field, published, max(low, min(published, high)))
