"""Latency under an offered load, without coordinated omission.

    python bench/latency.py --rates 0.1 0.5 1 2 5

Commands are due at even intervals, whether the engine keeps up or not. A loop takes all that are
due, at most a batch, and runs them in one call; each one's latency is from when it was due to when
the call that applied it returned, so a stall counts for everything that came due in it.
"""

import argparse
import gc
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.twin import prepare
from bench.workloads import Workload, make_workload
from engine.exchange import EVENTS_PER_RUN
from engine.schema.commands import COMMAND
from engine.transition.run import run

BATCH = 1_024
RATES_PER_S = (100_000, 500_000, 1_000_000, 2_000_000, 5_000_000)
SHARES = (50.0, 90.0, 99.0, 99.9, 99.99)
WARM = 50_000  # commands before those that count


class Latency(NamedTuple):
    """One offered load; microseconds by share, and the worst. `kept` is the rate that was reached:
    below the offered one the engine was too slow, and the latencies are those of a queue. It is
    never above: what a backlog of the warm-up adds does not count."""

    rate_per_s: int
    kept_per_s: float
    us: tuple[float, ...]
    us_max: float


def offer(workload: Workload, rate_per_s: int) -> NDArray[np.int64]:
    """Nanoseconds from due to done of every command behind the warm-up."""
    arena = prepare(workload)
    base, at, count = arena.base, workload.flow.ctypes.data, len(workload.flow)
    engine = arena.engine["events"]
    step_ns = 1_000_000_000 / rate_per_s
    due_ns = (np.arange(count) * step_ns).astype(np.int64)
    done_ns = np.empty(count, np.int64)
    done = 0
    start = time.perf_counter_ns()
    while done < count:
        arrived = min(int((time.perf_counter_ns() - start) / step_ns) + 1, count)
        if arrived == done:
            continue
        engine[0] = 0
        taken = run(base, at + done * COMMAND.itemsize, min(arrived - done, BATCH), EVENTS_PER_RUN)
        done_ns[done : done + taken] = time.perf_counter_ns() - start
        done += taken
    return (done_ns - due_ns)[min(WARM, count // 2) :]


def measure_latency(workload: Workload, rate_per_s: int) -> Latency:
    gc.disable()  # the loop makes no containers, so nothing is to be collected
    try:
        spent_ns = offer(workload, rate_per_s)
    finally:
        gc.enable()
    total_ns = len(spent_ns) * 1e9 / rate_per_s + spent_ns[-1] - spent_ns[0]
    shares = np.percentile(spent_ns, SHARES) / 1e3
    kept_per_s = min(len(spent_ns) * 1e9 / total_ns, rate_per_s)
    return Latency(rate_per_s, kept_per_s, tuple(shares.tolist()), float(spent_ns.max()) / 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=float, nargs="+", help="millions of commands a second")
    parser.add_argument("--workload", default="steady")
    arguments = parser.parse_args()
    rates = [int(rate * 1e6) for rate in arguments.rates] if arguments.rates else RATES_PER_S
    workload = make_workload(arguments.workload, 1_000_000)
    print("offered M/s  kept   p50 us   p90   p99   p99.9   p99.99   max")
    for rate_per_s in rates:
        found = measure_latency(workload, rate_per_s)
        columns = " ".join(f"{us:8.1f}" for us in (*found.us, found.us_max))
        print(f"{rate_per_s / 1e6:8.1f} {found.kept_per_s / 1e6:8.2f} {columns}")


if __name__ == "__main__":
    main()
