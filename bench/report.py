"""`python bench/report.py [--json] [--quick] [--write-readme]`: measure, then say what it means.

The same numbers go to the screen, to JSON and, between its markers, into the README.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # as a script Python knows only this directory
    sys.path.insert(0, str(ROOT))

from bench.durable import BATCH as DURABLE_BATCH  # noqa: E402
from bench.durable import Durability, measure_durability  # noqa: E402
from bench.measurements import (  # noqa: E402
    Batched,
    Machine,
    describe_machine,
    measure_batched,
    measure_end_to_end,
    measure_first_order,
    measure_one,
    measure_submit,
)
from bench.workloads import make_workload  # noqa: E402

README = ROOT / "README.md"
START, END = "<!-- bench:start -->", "<!-- bench:end -->"

FULL = ("steady", "heavy", "wide", "steady-100k", "steady-1m")
QUICK = ("steady",)
CAPTION = (
    "All checks are on: stamp, id window, bands, limits, margin before the book with exact equity"
    " over all of the account's contracts, solvency and maintenance of both sides of every fill,"
    " tiers, fees, self-trade groups. Commands run in batches of 4,096; times are medians of CPU"
    " time, the ratio is the median over rounds in which engine and C++ twin ran the same commands"
    " one after the other on equal arenas, after their events and states had been compared byte"
    " for byte. Adds come near the touch (geometric, mean 8 ticks), cancels pick any live order,"
    " takers are IOC; adds outweigh cancels by the orders that takers fill, so depth stays."
)
EXCLUDED = (
    "Not included in the first table: mark moves and their scans, funding, liquidations,"
    " amendments, reduce-only, journal, network, decoding. The journal's lines are of wall time on"
    " the directory for temporary files, engine and log on a thread each. Neither shows tail"
    " latency, nor what a crash day costs; and a shared machine makes absolute times wander by"
    " half, so compare ratios."
)


class Report(NamedTuple):
    machine: Machine
    batched: list[Batched]
    submit_ns: float
    one_ns: float
    first_order_s: float
    end_to_end_ns: float
    durability: Durability


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def measure(quick: bool) -> Report:
    """Everything, the slow parts shorter when quick."""
    rounds = 30 if quick else 160
    batched = []
    for name in QUICK if quick else FULL:
        _say(f"workload {name} ...")
        batched.append(measure_batched(name, rounds))
    _say("single commands, first order, end to end, durable, recovery ...")
    workload = make_workload("steady", 2**17 if quick else 2**19)
    long = workload if quick else make_workload("steady", 2**21)
    return Report(
        machine=describe_machine(),
        batched=batched,
        submit_ns=measure_submit(workload, 5_000),
        one_ns=measure_one(workload, 20_000),
        first_order_s=measure_first_order(3 if quick else 7),
        end_to_end_ns=measure_end_to_end(workload),
        durability=measure_durability(long, DURABLE_BATCH, 3 if quick else 5),
    )


def _row(line: Batched) -> str:
    mix, total = line.mix, line.commands
    shares = "/".join(f"{100 * part / total:.0f}" for part in (mix.adds, mix.cancels, mix.takers))
    twin = f"{line.twin_ns:.0f} | {line.ratio:.2f}" if line.ratio else "no compiler | -"
    return (
        f"| {line.workload} | {line.shape.orders:,} / {line.shape.accounts:,} /"
        f" {line.shape.contracts} | {mix.levels} | {shares} | {mix.fills / total:.2f} |"
        f" {1e3 / line.kernel_ns:.2f} M | {line.kernel_ns:.0f} | {twin} |"
    )


def _durable_rows(found: Durability) -> list[str]:
    rows = {
        f"in memory, batches of {found.batch:,}, events copied out": found.memory_ns,
        f"durable, batches of {found.batch:,}, events told behind their sync": found.durable_ns,
        "recovery from the log alone": found.recovery_ns,
    }
    return [
        f"| {path} | {spent_ns:.0f} ns a command, {1e3 / spent_ns:.2f} M/s |"
        for path, spent_ns in rows.items()
    ]


def format_markdown(report: Report) -> str:
    """The text between the README's markers."""
    machine = report.machine
    steady = report.end_to_end_ns
    lines = [
        "| workload | orders / accounts / contracts | levels a side | add/cancel/take % |"
        " fills per command | commands/s | ns | C++ twin ns | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(line) for line in report.batched),
        "",
        "| path (steady) | median |",
        "|---|---|",
        f"| one typed command by `submit`, typed events back | {report.submit_ns / 1e3:.1f} µs |",
        f"| one record by the integer entry `one` | {report.one_ns / 1e3:.2f} µs |",
        f"| mapped command file → run → event file | {steady:.0f} ns a command |",
        *_durable_rows(report.durability),
        f"| starting Python → first order accepted, warm | {report.first_order_s:.2f} s |",
        "",
        f"{machine.cpu}, {machine.cpus} CPUs, {machine.system}; Python {machine.python}, numba"
        f" {machine.numba}, numpy {machine.numpy}; twin: {machine.compiler or 'no compiler'}.",
        "",
        CAPTION,
        EXCLUDED,
    ]
    return "\n".join(lines)


def to_json(report: Report) -> str:
    """One JSON object; field names are those of the records."""

    def plain(value: Any) -> Any:
        if hasattr(value, "_asdict"):
            return {name: plain(field) for name, field in value._asdict().items()}
        return [plain(field) for field in value] if isinstance(value, list) else value

    return json.dumps(plain(report), indent=2)


def write_readme(text: str, readme: Path) -> str | None:
    """Put the text between the markers; why not, when it can't."""
    if not readme.is_file():
        return f"{readme.name} is missing"
    before, start, rest = readme.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        return f"{readme.name} has no markers {START} and {END}"
    readme.write_text(f"{before}{START}\n{text}\n{END}{after}")
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when everything was measured and, if asked, written."""
    parser = argparse.ArgumentParser(prog="bench", description="measure the engine")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="one workload, fewer rounds")
    parser.add_argument("--write-readme", action="store_true", help="rewrite the README's table")
    options = parser.parse_args(argv)
    report = measure(options.quick)
    text = format_markdown(report)
    print(to_json(report) if options.json else text)
    if not report.machine.compiler:
        print("notice: no C++ compiler, so no twin and no ratio", file=sys.stderr)
    if options.write_readme:
        problem = write_readme(text, README)
        if problem is not None:
            print(f"bench: {problem}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
