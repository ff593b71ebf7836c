"""The measurements of the report, each a function that returns plain numbers."""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import numba
import numpy as np

from bench.native.build import TwinMissing, compiler_version, load_twin
from bench.twin import BATCH, BATCHES_PER_ROUND, Runner, compare, prepare, verify
from bench.workloads import Mix, Shape, Workload, make_workload
from engine.exchange import Exchange
from engine.schema.commands import BY_KIND, COMMAND, FIELDS, AnyCommand
from engine.transition.run import one, run

ROOT = Path(__file__).resolve().parents[1]
FIRST_ORDER = """
from engine.exchange import Exchange
from engine.schema.commands import Deposit, OpenAccount, PlaceOrder, PublishPrice
from engine.schema.contract import Config, Contract, Tier
terms = Contract(contract=1, symbol="P", tick_value=1, order_lots_max=10, position_lots_max=100,
                 open_interest_lots_max=1_000, tiers=(Tier(0, 20_000_000, 10_000_000),))
exchange = Exchange(Config(contracts=(terms,)))
now = 1_700_000_000_000_000_000
exchange.submit(OpenAccount(time_ns=now, account=2, owner=2, group=2))
exchange.submit(Deposit(time_ns=now, account=2, amount=10**9))
exchange.submit(PublishPrice(time_ns=now, source=1, contract=1, price_ticks=1_000))
events = exchange.submit(PlaceOrder(time_ns=now, account=2, client_id=1, contract=1, side=0,
                                    lots=1, price_ticks=999))
assert [event.name for event in events] == ["order_accepted"], events
"""


class Machine(NamedTuple):
    cpu: str
    cpus: int
    system: str
    python: str
    numba: str
    numpy: str
    compiler: str


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


def describe_machine() -> Machine:
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        lines = information.read_text().splitlines()
        cpu = next((line.partition(": ")[2] for line in lines if "model name" in line), cpu)
    return Machine(
        cpu=cpu,
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        numba=numba.__version__,
        numpy=np.__version__,
        compiler=compiler_version(),
    )


def measure_batched(name: str, rounds: int) -> Batched:
    """Kernel and, with a compiler, twin, interleaved; every event and byte compared first."""
    workload = make_workload(name, BATCH * BATCHES_PER_ROUND * (rounds + 1))
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
        name, workload.shape, workload.mix, len(workload.flow),
        statistics.median(kernel_ns), min(kernel_ns),
        statistics.median(twin_ns), min(twin_ns), ratio,
    )  # fmt: skip


def typed_commands(workload: Workload, count: int) -> list[AnyCommand]:
    """The first commands of the flow as an embedder would submit them."""
    typed = []
    for record in workload.flow[:count]:
        kind = int(record["kind"])
        values = {name: int(record[name]) for name in FIELDS[kind]}
        typed.append(msgspec.convert(values, BY_KIND[kind]))
    return typed  # type: ignore[return-value]


def measure_submit(workload: Workload, count: int) -> float:
    """Nanoseconds per typed command in, tuple of typed events out: median over the commands."""
    exchange = Exchange(workload.config)
    exchange.run(workload.setup)
    spent = []
    for command in typed_commands(workload, count):
        start = time.perf_counter_ns()
        exchange.submit(command)
        spent.append(time.perf_counter_ns() - start)
    return statistics.median(spent)


def measure_one(workload: Workload, count: int) -> float:
    """Nanoseconds per call of the integer entry: a record's address in, a code out."""
    arena = prepare(workload)
    base, at = arena.base, workload.flow.ctypes.data
    spent = []
    for row in range(count):
        address = at + row * COMMAND.itemsize
        start = time.perf_counter_ns()
        one(base, address, 1)
        spent.append(time.perf_counter_ns() - start)
    return statistics.median(spent)


def measure_first_order(repeats: int) -> float:
    """Seconds from starting Python to the first accepted order, compiled code in its cache."""
    spent = []
    for _ in range(repeats + 1):  # the first may compile
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", FIRST_ORDER], cwd=ROOT, check=True)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[1:])


def measure_end_to_end(workload: Workload) -> float:
    """Nanoseconds per command from a mapped file of commands to a file of events."""
    exchange = Exchange(workload.config)
    exchange.run(workload.setup)
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory, "commands"), Path(directory, "events")
        workload.flow.tofile(source)
        start = time.perf_counter_ns()
        commands = np.memmap(source, COMMAND, mode="r")
        with target.open("wb") as file:
            for events in exchange.batches(commands, BATCH):
                file.write(events.data)
        spent = time.perf_counter_ns() - start
    return spent / len(workload.flow)
