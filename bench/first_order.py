"""From the first import to the first accepted order, in a process of its own.

    python bench/first_order.py --cold

Warm, the compiled code lies in its cache. Cold, the packages are copied to where there is no cache,
of ours or of Python's: the first order is interpreted, and machine code answers `machine_code_s`
from the import on. Start and end of the interpreter are told apart: `process_s` has them, `seconds`
has not.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("engine", "risk", "funding")
PROGRAM = """
import time
begun = time.perf_counter()
from engine.exchange import Exchange
from engine.kernel import wait_for_machine_code
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
seconds = time.perf_counter() - begun
assert wait_for_machine_code()
print(seconds, time.perf_counter() - begun)
"""


class FirstOrder(NamedTuple):
    """Medians of `starts` processes."""

    starts: int
    seconds: float
    machine_code_s: float
    process_s: float


def _start(tree: Path) -> tuple[float, ...]:
    """The seconds of one process. Nobody asks it to compile."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "LIONROCK_COMPILE": ""}
    start = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tree, env=environment,
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return *map(float, answer.stdout.split()), time.perf_counter() - start


def measure_warm(starts: int) -> FirstOrder:
    _start(ROOT)  # may begin interpreted, and leave an image
    rows = [_start(ROOT) for _ in range(starts)]
    medians = (statistics.median(series) for series in zip(*rows, strict=True))
    return FirstOrder(starts, *medians)


def measure_cold() -> FirstOrder:
    """One start, and all compilation."""
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        for package in PACKAGES:
            without_caches = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, tree / package, ignore=without_caches)
        return FirstOrder(1, *_start(tree))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cold", action="store_true", help="without a cache")
    parser.add_argument("--starts", type=int, default=7)
    arguments = parser.parse_args()
    found = measure_cold() if arguments.cold else measure_warm(arguments.starts)
    print(
        f"{found.seconds:.2f} s from the import, {found.process_s:.2f} s of the process;"
        f" machine code answers {found.machine_code_s:.2f} s from the import on"
    )


if __name__ == "__main__":
    main()
