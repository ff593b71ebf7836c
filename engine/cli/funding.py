"""`lionrock funding`: what anyone can do with published events (7.2)."""

from pathlib import Path

import typer

from engine.cli.printing import AsJson, end, print_json, progress
from engine.cli.tables import flat_rows, show
from engine.journal.event_file import EventFileError, read_event_file
from engine.report.findings import AuditError
from engine.report.funding_audit import FundingAudit, audit_funding
from engine.report.funding_plot import plot_funding
from engine.report.venue_numbers import compare_venue

DIFFERENCES_SHOWN = 20  # of a file of another version all numbers may differ

funding = typer.Typer(
    no_args_is_help=True,
    help="Recompute or draw an event file's prices and rates; compare a venue's numbers.",
)


@funding.command("recompute")
def recompute(events: Path, as_json: AsJson = False) -> None:
    """Compute every index, mark, premium and rate anew; end with 1 if a number differs."""
    audit = _audit(events)
    if as_json:
        print_json(audit)
    else:
        show(f"recomputed from {events.name}", flat_rows(audit))
    lines = [str(difference) for difference in audit.differences[:DIFFERENCES_SHOWN]]
    if len(audit.differences) > len(lines):
        lines.append(f"{len(audit.differences) - len(lines)} differences more")
    end(lines)


@funding.command("plot")
def plot(events: Path, out: Path) -> None:
    """Draw index, mark, premium and rate of every contract over time, as SVG or PNG."""
    found = read_event_file(events)
    plot_funding(found.config, found.records, out)
    typer.echo(f"{out}")


@funding.command("compare")
def compare(kind: str, paths: list[Path], as_json: AsJson = False) -> None:
    """Compute a venue's published numbers anew: hyperliquid-premium SNAPSHOT, hyperliquid-rate
    ROWS, bitmex TRADES, binance RATES CANDLES; end with 1 if one differs."""
    found = compare_venue(kind, paths)
    if as_json:
        print_json(found)
    else:
        show(f"{kind}: {found.what}", flat_rows(found))
    end([] if found.holds else [f"{kind}: {found.fault}"])


def _audit(events: Path) -> FundingAudit:
    found = read_event_file(events)
    with progress(f"recomputing {events.name}", len(found.records)) as advance:
        try:
            return audit_funding(found.config, found.records, advance)
        except AuditError as error:
            raise EventFileError(f"{events}: {error}") from None
