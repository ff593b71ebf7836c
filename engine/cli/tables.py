"""Summaries as tables for people."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from engine.cli.replaying import ReplaySummary
from engine.importers.scenarios import MONEY

WIDTH_MAX = 400


def show(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Two columns on standard output."""
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    Console().print(table)


def show_grid(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table with a heading over each column; all but the first hold numbers."""
    table = Table(title=title, title_justify="left")
    for k, header in enumerate(headers):
        table.add_column(header, justify="right" if k else "left")
    for row in rows:
        table.add_row(*row)
    console = Console()
    # as wide as it is: numbers that are cut or folded can't be read
    whole = Measurement.get(console, console.options.update(width=WIDTH_MAX), table)
    console.width = max(console.width, whole.maximum)
    console.print(table)


def replay_rows(summary: ReplaySummary) -> list[tuple[str, str]]:
    """A replay; money in whole units of the settlement asset, the sums to the last unit."""
    sums = summary.sums
    refused = ", ".join(f"{name} {count:,}" for name, count in _largest(summary.refusals))
    return [
        ("commands", f"{summary.commands:,}"),
        ("events", f"{summary.events:,}"),
        ("refused", f"{summary.refused:,}" + (f" ({refused})" if refused else "")),
        ("trades", f"{summary.trades:,}"),
        ("funding intervals", f"{summary.funding_intervals:,}"),
        ("funding paid", _money(summary.funding_paid)),
        ("liquidations", f"{summary.liquidations:,}"),
        ("ADL fills", f"{summary.adl_fills:,}, given up {_money(summary.given_up)}"),
        ("fund draws", f"{summary.fund_draws:,}, paid {_money(summary.fund_drawn)}"),
        ("house layer paid", _money(summary.house_drawn)),
        ("gains cut", _money(summary.gains_cut)),
        ("freezes, reopenings", f"{summary.freezes}, {summary.reopenings}"),
        ("fund balance", _money(summary.fund_cash)),
        ("commands/s", f"{summary.commands_per_second:,}"),
        ("invariants", f"checked {summary.checks} times, {len(summary.broken)} broken"),
        ("I1 ledgers - entry values", f"{sums.ledgers:,}"),
        ("I1 deposits - withdrawals", f"{sums.deposits:,}"),
        ("I9 deficits found", f"{sums.deficits:,}"),
        ("I9 deficits paid", f"{sums.deficits_paid:,}"),
        ("digest", summary.digest),
    ]


def flat_rows(summary: msgspec.Struct) -> list[tuple[str, str]]:
    """Any summary, its parts one below the other."""
    return list(_flatten("", msgspec.to_builtins(summary)))


def _flatten(prefix: str, value: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for name, item in value.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(item, dict):
            yield from _flatten(f"{label}: ", item)
        elif isinstance(item, list):
            yield label, str(len(item))
        else:
            yield label, f"{item:,}" if isinstance(item, int) else str(item)


def _largest(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:3]


def _money(amount: int) -> str:
    whole, rest = divmod(abs(amount), MONEY)
    return f"{'-' if amount < 0 else ''}{whole:,}.{rest * 100 // MONEY:02}"
