"""Workloads in batches: engine and C++ twin over the same commands, and how cost grows."""

import statistics
from typing import NamedTuple

import numpy as np

from bench.native.build import TwinMissing, load_twin
from bench.twin import BATCH, BATCHES_PER_ROUND, Runner, compare, copy_arena, prepare, verify
from bench.workloads import Mix, Shape, Workload, make_workload, room_of
from engine.transition.run import run


class Batched(NamedTuple):
    """One workload in batches: nanoseconds per command, twin and ratio 0 without a compiler."""

    workload: str
    shape: Shape
    mix: Mix
    commands: int
    kernel_ns: float
    kernel_ns_min: float
    twin_ns: float
    twin_ns_min: float
    ratio: float


class Growth(NamedTuple):
    """A small and a large state in turns: nanoseconds per command, medians, and the median of the
    turns' ratios. The engine alone, and turns long enough for its caches to be its own."""

    small: str
    large: str
    rounds: int
    small_ns: float
    large_ns: float
    ratio: float


def make_rounds(name: str, rounds: int, batches: int = BATCHES_PER_ROUND) -> Workload:
    """A flow for so many rounds and one to warm up."""
    return make_workload(name, BATCH * batches * (rounds + 1))


def measure_batched(workload: Workload, rounds: int) -> Batched:
    """Kernel and, with a compiler, twin, interleaved; every event and byte compared first."""
    try:
        twin = load_twin()
    except TwinMissing:
        runner = Runner(run, prepare(workload))
        parts = np.array_split(workload.flow, rounds + 1)
        kernel_ns, twin_ns, ratio = [runner.apply(part) for part in parts][1:], [0.0], 0.0
    else:
        verify(workload._replace(flow=workload.flow[: len(workload.flow) // 4]), twin)
        result = compare(workload, twin, rounds)
        kernel_ns, twin_ns, ratio = result.kernel_ns, result.twin_ns, result.ratio
    return Batched(
        workload.name, workload.shape, workload.mix, len(workload.flow),
        statistics.median(kernel_ns), min(kernel_ns),
        statistics.median(twin_ns), min(twin_ns), ratio,
    )  # fmt: skip


def measure_growth(small: Workload, large: Workload, rounds: int) -> Growth:
    """A round runs a part of each flow, the one directly behind the other. The first quarter of a
    part brings the state back that the other has driven out of the caches, and does not count."""
    pair = (small, large)
    runners = [Runner(run, copy_arena(prepare(workload), room_of(workload))) for workload in pair]
    flows = [np.array_split(workload.flow, rounds + 1) for workload in pair]
    rows = []
    for parts in zip(*flows, strict=True):
        row = []
        for runner, part in zip(runners, parts, strict=True):
            runner.apply(part[: len(part) // 4])
            row.append(runner.apply(part[len(part) // 4 :]))
        rows.append(row)
    del rows[0]  # the first warms up
    small_ns, large_ns = (statistics.median(series) for series in zip(*rows, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs in rows)
    return Growth(small.name, large.name, rounds, small_ns, large_ns, ratio)
