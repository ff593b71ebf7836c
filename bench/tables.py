"""The report as Markdown: verdicts first, then the measurements behind them, then what they are."""

from collections.abc import Sequence

from bench.batched import Batched
from bench.durable import Durability
from bench.latency import Latency
from bench.measuring import Report
from bench.memory import Memory
from bench.reference import STEADY_NS
from bench.targets import Verdict

CONDITIONS = (
    "All checks are on: stamp, id window, bands, limits, margin before the book with exact equity"
    " over all of the account's contracts, solvency and maintenance of both sides of every fill,"
    " tiers, fees, self-trade groups. The workloads run in batches of 1,024, in memory that the"
    " exchange had at hand (`make_room`); times are medians of CPU time, the ratio is that over"
    " rounds in which engine and C++ twin ran the same commands one after the other on equal"
    " arenas, after their events and states had been compared byte for byte; who is second finds"
    " the commands in the caches, so the two orders have a median each, and their mean counts."
    " Adds come near the touch (geometric, mean 8 ticks), cancels pick any live order, takers are"
    " IOC; adds outweigh cancels by the orders that takers fill, so depth stays. Rates are of the"
    " engine's side of a growth run, in which both sizes take turns of 131,072 commands, of which"
    " the first quarter does not count. Matching alone is the engine's book under a loop without"
    " accounts, over the flows of a reference book; each of its passes must trade what the flow's"
    " generator says. End to end is wall time, with the journal's thread beside the engine and"
    " events into a ring in shared memory. Single calls include one reading of Python's clock, and"
    " whatever else the machine did in their round; commands inside a batch include one of the"
    " processor's, and each is its median of rounds that apply the same commands to equal states."
    " Latency under load is from when a command was due, so a stall counts for all that came due"
    " in it. A cold first order is interpreted, while another process compiles: full speed comes"
    " with machine code, for which more than 64 records at once wait."
)
NOT_SHOWN = (
    "Not shown: network, decoding, syncs of a disk other than this one's, flows with amendments,"
    " triggers, icebergs, quotes or portfolios, marks and funding between the commands of the"
    " workloads, accounts that hold collateral; more than two pools, or more than one socket."
    " A shared machine makes absolute times wander by half, so compare ratios."
)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 20 else f"{value:.3g}"


def _said(is_met: bool | None) -> str:
    return {True: "met", False: "missed", None: "-"}[is_met]


def _verdict_row(verdict: Verdict) -> tuple[str, ...]:
    unit = {"x": "", "us": " µs"}.get(verdict.unit, f" {verdict.unit}")
    value = verdict.why if verdict.value is None else f"{_number(verdict.value)}{unit}"
    return (
        verdict.what, value, _number(verdict.must), _said(verdict.must_met),
        _number(verdict.aim), _said(verdict.aim_met),
    )  # fmt: skip


def format_factor(report: Report) -> str:
    if not report.reference_ns:
        return "Absolute targets stand as they were set: there was no reference to scale them by."
    least, most = min(report.reference_ns), max(report.reference_ns)
    return (
        f"Absolute targets are scaled by {report.factor:.2f}: the reference book took"
        f" {report.factor * STEADY_NS:.1f} ns for a command of its steady mix (median of"
        f" {len(report.reference_ns)} passes all over the run, {least:.1f} to {most:.1f}),"
        f" {STEADY_NS:.0f} ns where they were set. Ratios and bytes are not."
    )


def _batched_row(line: Batched) -> tuple[str, ...]:
    mix, total = line.mix, line.commands
    shares = "/".join(f"{100 * part / total:.0f}" for part in (mix.adds, mix.cancels, mix.takers))
    shape = line.shape
    return (
        line.workload, f"{shape.orders:,} / {shape.accounts:,} / {shape.contracts}",
        str(mix.levels), shares, f"{mix.fills / total:.2f}", f"{1e3 / line.kernel_ns:.2f} M",
        f"{line.kernel_ns:.0f}", f"{line.twin_ns:.0f}" if line.ratio else "no compiler",
        f"{line.ratio:.2f}" if line.ratio else "-",
    )  # fmt: skip


def _load_row(line: Latency) -> tuple[str, ...]:
    return (
        f"{line.rate_per_s / 1e6:.1f}M", f"{line.kept_per_s / 1e6:.2f}M",
        *(f"{us:.1f} µs" if us < 1_000 else f"{us / 1e3:.1f} ms" for us in (*line.us, line.us_max)),
    )  # fmt: skip


def _durable_rows(found: Durability) -> list[tuple[str, str]]:
    spent = {
        f"in memory, batches of {found.batch:,}, events copied out": found.memory_ns,
        f"durable, batches of {found.batch:,}, events told behind their sync": found.durable_ns,
        "recovery from the log alone": found.recovery_ns,
    }
    return [(path, f"{ns:.0f} ns a command, {1e3 / ns:.2f} M/s") for path, ns in spent.items()]


def _twin_rows(report: Report) -> list[tuple[str, str]]:
    """What the same design does in C++, where a target is on the engine alone."""
    rates = [
        f"{line.workload} {1e3 / line.twin_ns:.2f} M/s" for line in report.batched if line.ratio
    ]
    if not rates or not report.batch_latency.twin_ns:
        return []
    p50_ns, p99_ns, p999_ns = report.batch_latency.twin_ns
    return [
        (
            "the C++ twin: commands/s; a command inside a batch, p50, p99, p99.9",
            f"{', '.join(rates)}; {p50_ns:.0f} ns, {p99_ns:.0f} ns, {p999_ns:.0f} ns",
        )
    ]


def _path_rows(report: Report) -> list[tuple[str, str]]:
    """What the verdicts don't tell already."""
    scans, burst, scaling, batch = (
        report.scans, report.burst, report.scaling, report.batch_latency,
    )  # fmt: skip
    submit, one = report.submit, report.one
    digests = "equal digests" if scaling.digests_equal else "DIGESTS DIFFER"
    return [
        (
            "end to end, events into a ring in shared memory; into a file",
            f"{report.end_to_end.ring_ns:.0f} ns a command; {report.end_to_end.file_ns:.0f} ns",
        ),
        *([] if report.durability is None else _durable_rows(report.durability)),
        (
            f"a command inside a batch, its median of {batch.rounds} rounds: p50, worst;"
            " p50, p99, p99.9 of a single round",
            f"{batch.p50_ns:.0f} ns, {batch.max_ns / 1e3:.0f} µs; {batch.round_p50_ns:.0f} ns,"
            f" {batch.round_p99_ns:.0f} ns, {batch.round_p999_ns:,.0f} ns (the clock takes"
            f" {batch.clock_ns:.0f} of each)",
        ),
        *_twin_rows(report),
        (
            f"`submit`, p99.9; p99, p99.9 of each call's median of {submit.rounds} rounds",
            f"{submit.p999_us:.1f} µs; {submit.call_p99_us:.1f} µs, {submit.call_p999_us:.1f} µs",
        ),
        (
            "integer entry, p99, p99.9 of each call's median of the same",
            f"{one.call_p99_us:.2f} µs, {one.call_p999_us:.2f} µs",
        ),
        (
            "starting Python → first order accepted → exit, warm",
            f"{report.warm.process_s:.2f} s",
        ),
        *(
            []
            if report.cold is None
            else [("import → machine code answers, cold", f"{report.cold.machine_code_s:.1f} s")]
        ),
        (
            f"{scans.holders:,} holders, a funding time that calls some",
            f"{scans.fund_hit_ms:.3f} ms",
        ),
        (
            f"{burst.accounts:,} accounts under water: the step; {burst.steps:,} steps in"
            f" {burst.commands:,} commands",
            f"{burst.step_s:.2f} s; {burst.total_s - burst.step_s:.2f} s",
        ),
        (
            f"{scaling.pools} pools on {scaling.cpus} processors, a thread each",
            f"{1e3 / scaling.threads_ns:.2f} M/s, {scaling.speedup:.2f} times that of one behind"
            f" the other; {digests}",
        ),
    ]


def _memory_line(memory: Memory) -> str:
    sections = ", ".join(
        f"{section.name} {section.record_bytes} B ({section.used:.0%})"
        for section in memory.sections
    )
    return f"{memory.kind}: {sections}"


def format_markdown(report: Report) -> str:
    """The text between the README's markers."""
    machine = report.machine
    verdicts = report.verdicts
    musts = sum(verdict.must_met is True for verdict in verdicts)
    aims = sum(verdict.aim_met is True for verdict in verdicts)
    asked = sum(verdict.aim is not None for verdict in verdicts)
    shares = ("p50", "p90", "p99", "p99.9", "p99.99", "worst")
    lines = [
        *_table(
            ("what", "measured", "must", "", "aim", ""), [_verdict_row(each) for each in verdicts]
        ),
        f"{musts} of {len(verdicts)} musts and {aims} of {asked} aims are met."
        f" {format_factor(report)}",
        "",
        *_table(
            ("workload", "orders / accounts / contracts", "levels a side", "add/cancel/take %",
             "fills per command", "commands/s", "ns", "C++ twin ns", "ratio"),
            [_batched_row(line) for line in report.batched],
        ),
        *_table(("path (steady)", "median"), _path_rows(report)),
        *_table(
            ("offered a second", "kept", *shares), [_load_row(line) for line in report.latency]
        ),
        "Memory of one, by section (share of the rows in use that are not all zeros behind the"
        f" steady flow): {'; '.join(_memory_line(memory) for memory in report.memory)}. The must"
        " is on the first of each, which every command reads. An account that trades has a record"
        " in `worths`, too.",
        "",
        f"{machine.cpu}, {machine.cpus} CPUs, {machine.system}; Python {machine.python}, numba"
        f" {machine.numba}, numpy {machine.numpy}; C++: {machine.compiler or 'no compiler'}.",
        "",
        CONDITIONS,
        NOT_SHOWN,
    ]  # fmt: skip
    return "\n".join(lines)
