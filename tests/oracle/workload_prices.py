"""The part of the workload about prices: what each source says in its own units, baskets that are
weighted anew or redenominated, clocks of samples that start anew."""

from collections.abc import Iterator
from fractions import Fraction

from engine.schema import bounds, commands, events
from engine.schema.bounds import NS_PER_SECOND
from engine.schema.contract import Contract, PriceSource
from tests.oracle.price_terms import PERPETUAL

INT8, INT16 = 2**7 - 1, 2**15 - 1
UNITS = (0, -1, 1, bounds.UNITS_PPB_MAX, bounds.UNITS_PPB_MAX + 1, 2**63 - 1)
SEEDS = (0, -1, bounds.SEED_MAX, bounds.SEED_MAX + 1, 2**63 - 1, -(2**63))
RATIOS = (Fraction(1, 2), Fraction(2, 3), Fraction(3, 2), Fraction(2))
SCALE_MAX = 4


def is_lone(spec: Contract) -> bool:
    """No source has another beside it, which could make it an outlier."""
    assets = [source.asset for source in spec.sources if source.kind != PERPETUAL]
    return len(assets) == len(set(assets))


def within_prices(spec: Contract, price: int) -> int:
    """The nearest price that a source may say."""
    return max(spec.price_ticks_min, min(price, spec.price_ticks_max))


class PriceWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        specs = workload.specs
        self.units = {n: list(spec.index_units_ppb) for n, spec in specs.items()}
        # of each constituent: what its sources say for a level of one
        self.scales = {n: [Fraction(1)] * len(units) for n, units in self.units.items()}

    def kinds(self) -> tuple[tuple, ...]:
        return (
            (self.change_constituent, 0.25),
            (self.redenominate, 0.1),
            (self.set_sample_clock, 0.15),
        )

    def observe(self, records) -> None:
        for _, asset, units, _, _, _, _, _, contract, kind in records:
            if kind in (events.CONSTITUENT_CHANGED, events.CONSTITUENT_REDENOMINATED):
                self.units[contract][asset] = units

    # What sources say.

    def source(self, number: int, source: int) -> PriceSource:
        found: PriceSource = self.workload.specs[number].sources[source - 1]
        return found

    def said(self, number: int, source: int, level: int) -> int:
        """The level in the units in which the source counts."""
        spec, one = self.workload.specs[number], self.source(number, source)
        scale = self.scales[number][one.asset] if one.kind != PERPETUAL else Fraction(1)
        return within_prices(spec, int(level * scale))

    def from_all(self, number: int) -> Iterator:
        """The same level from every source, so that what is frozen comes back."""
        level = self.workload.quote(number)
        for source in range(1, len(self.workload.specs[number].sources) + 1):
            yield commands.PublishPrice(
                time_ns=self.workload.now,
                source=source,
                contract=number,
                price_ticks=self.said(number, source, level),
            )

    # Operator.

    def some_constituent(self) -> tuple[int, int]:
        number = self.workload.some_contract()
        return number, self.random.randrange(len(self.units[number]))

    def bend(self, fields: dict[str, int], wrong: dict[str, tuple[int, ...]]) -> dict[str, int]:
        """Sometimes one of them is not what it should be."""
        if self.random.random() < 0.2:
            name = self.random.choice(sorted(wrong))
            fields[name] = self.random.choice(wrong[name])
        return fields

    def wrong_fields(self) -> dict[str, tuple[int, ...]]:
        numbers = (0, -1, len(self.units) + 1, INT16)
        return {"contract": numbers, "asset": (-1, 1, 2, INT8), "units_ppb": UNITS}

    def change_constituent(self):
        number, asset = self.some_constituent()
        units = self.units[number][asset] * self.random.randrange(500, 2_000) // 1_000
        fields = {"contract": number, "asset": asset, "units_ppb": min(units, UNITS[3]) or 1}
        fields = self.bend(fields, self.wrong_fields())
        return commands.ChangeConstituent(time_ns=self.workload.now, **fields)

    def redenominate(self):
        self.workload.script = self.redenominated()
        return next(self.workload.script)

    def redenominated(self) -> Iterator:
        """In other units, and mostly with prices in them soon; now and then the old ones go on,
        and the level jumps. Nonsense that was accepted is put right."""
        number, asset = self.some_constituent()
        scale = self.scales[number][asset]
        ratios = [r for r in RATIOS if Fraction(1, SCALE_MAX) <= scale * r <= SCALE_MAX]
        ratio = self.random.choice(ratios)
        units = min(int(self.units[number][asset] / ratio), UNITS[3]) or 1
        wanted = {"contract": number, "asset": asset, "units_ppb": units}
        fields = self.bend(dict(wanted), self.wrong_fields())
        if fields != wanted:
            yield commands.RedenominateConstituent(time_ns=self.workload.now, **fields)
            yield from self.from_all(number)
        if self.random.random() < 0.9:
            self.scales[number][asset] = scale * ratio
        yield commands.RedenominateConstituent(time_ns=self.workload.now, **wanted)
        if self.random.random() < 0.8:
            self.workload.now += self.random.randrange(2 * NS_PER_SECOND)
            yield from self.from_all(number)

    def set_sample_clock(self):
        fields = {"contract": self.workload.some_contract(), "seed": self.random.randrange(2**62)}
        wrong = {"contract": self.wrong_fields()["contract"], "seed": SEEDS}
        fields = self.bend(fields, wrong)
        return commands.SetSampleClock(time_ns=self.workload.now, **fields)
