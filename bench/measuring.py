"""A whole run: every measurement of the report once, then the judgement by the targets."""

import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from bench.batch_latency import BatchLatency, measure_batch_latency
from bench.batched import (
    Batched,
    Growth,
    make_rounds,
    measure_batched,
    measure_growth,
)
from bench.burst import Burst, measure_burst
from bench.durable import Durability, measure_durability_apart
from bench.end_to_end import EndToEnd, measure_end_to_end
from bench.first_order import FirstOrder, measure_cold, measure_warm
from bench.latency import RATES_PER_S, Latency, measure_latency
from bench.machine import Machine, describe_machine
from bench.matching import Matched, measure_matching
from bench.memory import Memory, measure_memory
from bench.reference import STEADY_NS, Reference
from bench.revaluation import Revaluation, measure_revaluation
from bench.scaling import Scaling, measure_scaling
from bench.scans import Scans, measure_scans
from bench.single import Single, measure_one, measure_submit
from bench.targets import MIXES, WORKLOADS, Verdict, judge
from bench.touch import Touch, measure_touch
from bench.workloads import make_workload

GROWTH_BATCHES = 128  # of a turn
REFERENCE_PASSES = 5  # at each of several moments of a run


class Sizes(NamedTuple):
    """How large each part of a run is: rounds, commands, seconds, accounts."""

    workloads: tuple[str, ...]
    rounds: int
    growth: tuple[str, str]  # workloads of a small and a large state
    growth_rounds: int
    matching_rounds: int
    commands: int
    end_to_end_rounds: int
    calls: int
    latency_rounds: int
    starts: int
    load_s: float
    scaling_rounds: int
    has_cold: bool
    has_durability: bool
    holders: int
    revalued: int
    touched: int
    under_water: int


FULL = Sizes(
    workloads=WORKLOADS, rounds=80, growth=("steady", "steady-1m"), growth_rounds=16,
    matching_rounds=11, commands=2**19, end_to_end_rounds=5, calls=50_000, latency_rounds=9,
    starts=7, load_s=4.0, scaling_rounds=7, has_cold=True, has_durability=True,
    holders=1_000_000, revalued=250_000, touched=100_000, under_water=100_000,
)  # fmt: skip
QUICK = FULL._replace(
    workloads=("steady",), rounds=20, growth_rounds=8, matching_rounds=3, commands=2**17,
    end_to_end_rounds=1, calls=20_000, latency_rounds=3, starts=2, load_s=0.4, scaling_rounds=2,
    has_cold=False, has_durability=False,
)  # fmt: skip


class Report(NamedTuple):
    """All that a run has measured; None where it was not."""

    machine: Machine
    factor: float  # of absolute targets
    reference_ns: list[float]  # of the steady mix, at moments of the run
    batched: list[Batched]
    growth: Growth
    matched: list[Matched]
    end_to_end: EndToEnd
    submit: Single
    one: Single
    batch_latency: BatchLatency
    warm: FirstOrder
    cold: FirstOrder | None
    scans: Scans
    revaluation: Revaluation
    touch: Touch
    burst: Burst
    memory: list[Memory]
    latency: list[Latency]
    scaling: Scaling
    durability: Durability | None
    verdicts: list[Verdict]


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


@contextmanager
def on_one_processor() -> Iterator[None]:
    """Keep to one processor, so that no round begins with another's cold caches."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Run:
    """One run's measurements, part by part; between them the reference tells how fast the machine
    is at that moment."""

    def __init__(self, sizes: Sizes, reference: Reference | None) -> None:
        self.sizes = sizes
        self.reference = reference
        self.reference_ns: list[float] = []

    def look_at_machine(self, part: str) -> None:
        _say(f"{part} ...")
        if self.reference is not None:
            steady = self.reference.flows[0]
            self.reference_ns += [self.reference.time(steady) for _ in range(REFERENCE_PASSES)]

    @property
    def factor(self) -> float:
        return statistics.median(self.reference_ns) / STEADY_NS if self.reference_ns else 1.0

    def batched(self) -> tuple[list[Batched], Growth]:
        """Growth is measured on flows of its own: of the first and the last workload."""
        found = []
        for name in self.sizes.workloads:
            self.look_at_machine(f"workload {name}")
            found.append(measure_batched(make_rounds(name, self.sizes.rounds), self.sizes.rounds))
        self.look_at_machine("growth")
        rounds = self.sizes.growth_rounds
        small, large = (
            make_rounds(name, rounds, GROWTH_BATCHES) for name in self.sizes.growth
        )
        return found, measure_growth(small, large, rounds)

    def matched(self) -> list[Matched]:
        if self.reference is None:
            return []
        self.look_at_machine("matching alone")
        return measure_matching(self.reference, self.sizes.matching_rounds)

    def single(self) -> dict[str, Any]:
        sizes = self.sizes
        self.look_at_machine("single commands")
        workload = make_workload("steady", sizes.calls)
        long = make_workload("steady", sizes.commands)
        return {
            "submit": measure_submit(workload, sizes.calls, sizes.latency_rounds),
            "one": measure_one(workload, sizes.calls, sizes.latency_rounds),
            "batch_latency": measure_batch_latency(long, sizes.latency_rounds),
            "memory": measure_memory(long),
        }

    def many(self) -> dict[str, Any]:
        """Many accounts at once."""
        sizes = self.sizes
        self.look_at_machine("marks, funding, liquidation")
        return {
            "scans": measure_scans(sizes.holders),
            "revaluation": measure_revaluation(sizes.revalued),
            "touch": measure_touch(sizes.touched),
            "burst": measure_burst(sizes.under_water),
        }

    def load(self) -> list[Latency]:
        self.look_at_machine("offered load")
        seconds = self.sizes.load_s
        workload = make_workload("steady", int(seconds * RATES_PER_S[-1]))
        return [
            measure_latency(
                workload._replace(flow=workload.flow[: int(seconds * rate_per_s)]), rate_per_s
            )
            for rate_per_s in RATES_PER_S
        ]

    def wide(self) -> dict[str, Any]:
        """What may use more than one processor."""
        sizes = self.sizes
        self.look_at_machine("end to end, first order, scaling")
        workload = make_workload("steady", sizes.commands)
        return {
            "end_to_end": measure_end_to_end(workload, sizes.end_to_end_rounds),
            "warm": measure_warm(sizes.starts),
            "cold": measure_cold() if sizes.has_cold else None,
            "scaling": measure_scaling("steady", sizes.commands, sizes.scaling_rounds),
            "durability": self.durability() if sizes.has_durability else None,
        }

    def durability(self) -> Durability:
        """In a process of its own: in one that has held gigabytes the system clears and moves
        memory while it is timed."""
        return measure_durability_apart()


def measure(sizes: Sizes, reference: Reference | None, why: str) -> Report:
    """Everything, then the judgement; `why` there is no reference."""
    run = Run(sizes, reference)
    with on_one_processor():
        batched, growth = run.batched()
        matched = run.matched()
        parts = {**run.single(), **run.many(), "latency": run.load()}
    parts |= run.wide()
    run.look_at_machine("done")
    report = Report(
        machine=describe_machine(), factor=run.factor, reference_ns=run.reference_ns,
        batched=batched, growth=growth, matched=matched, verdicts=[], **parts,
    )  # fmt: skip
    return report._replace(verdicts=judge(values_of(report), run.factor, missing_of(report, why)))


def values_of(report: Report) -> dict[str, float]:
    """The values of the table's rows, by key, as far as they were measured."""
    found = {
        "rate_10k": 1e3 / report.growth.small_ns,
        "rate_1m": 1e3 / report.growth.large_ns,
        "growth": report.growth.ratio,
        "end_to_end": 1e3 / report.end_to_end.ring_ns,
        "submit_p50": report.submit.p50_us,
        "submit_p99": report.submit.p99_us,
        "one_p50": report.one.p50_us,
        "one_p99": report.one.p99_us,
        "one_p999": report.one.p999_us,
        "batch_p99": report.batch_latency.p99_ns,
        "batch_p999": report.batch_latency.p999_ns,
        "warm": report.warm.seconds,
        "mark_move": report.scans.move_ms,
        "revaluation": report.revaluation.move_ms,
        "funding_event": report.scans.fund_ms,
        "funding_touch": report.touch.added_ns,
        "burst": report.burst.total_s,
    }
    found |= {f"memory_{memory.kind}": memory.record_bytes for memory in report.memory}
    found |= {f"matching_{mix.mix}": mix.ratio for mix in report.matched}
    found |= {f"twin_book_{mix.mix}": mix.twin_ratio for mix in report.matched}
    found |= {f"twin_{line.workload}": line.ratio for line in report.batched if line.ratio}
    if report.cold is not None:
        found["cold"] = report.cold.seconds
    return found


def missing_of(report: Report, why: str) -> dict[str, str]:
    """Why a row can have no value."""
    no_twin = "not in a quick run" if report.machine.compiler else "no C++ compiler"
    return {
        **{f"{row}_{mix}": why for row in ("matching", "twin_book") for mix in MIXES},
        **{f"twin_{name}": no_twin for name in WORKLOADS},
        "cold": "not in a quick run",
    }
