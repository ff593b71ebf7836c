"""Commands of the command line; each prints a table, or JSON, and ends with 0 if nothing is broken.

Errors of input are one line on standard error and exit code 2; broken invariants are exit code 1.
"""

import subprocess
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from engine.cli import journal
from engine.cli.explain import explain
from engine.cli.funding import funding
from engine.cli.printing import AsJson, end, print_json, progress
from engine.cli.reading import read_commands
from engine.cli.replaying import ReplaySummary, replay
from engine.cli.specification import specification
from engine.cli.stress import drill, stress
from engine.cli.tables import flat_rows, replay_rows, show
from engine.exchange import ConfigError, Exchange
from engine.importers.binance import import_binance
from engine.importers.dbn import import_dbn
from engine.importers.decimal_grid import DecimalGrid, parse_grid
from engine.importers.lobster import import_lobster
from engine.importers.quantcup import import_quantcup
from engine.importers.recording import FeedError, join_records
from engine.importers.scenarios import CASCADE, CRASH, SCENARIOS, Scenario
from engine.importers.script import import_script
from engine.importers.session import COMMANDS_MIN, Session
from engine.journal.command_file import CommandFileError, CommandFileWriter
from engine.journal.event_file import EventFileWriter
from engine.journal.json_lines import CommandLineError, FieldError
from engine.journal.log_errors import JournalError
from engine.journal.record_file import RecordFileError
from engine.kernel import cache_use, keep_bytecode, keep_image
from engine.report.funding_plot import PlotError
from engine.report.venue_numbers import VenueDataError
from engine.schema.contract import Config

INPUT_ERRORS = (
    RecordFileError, CommandLineError, ConfigError, FeedError, FieldError, PlotError, OSError,
    VenueDataError, JournalError,
)  # fmt: skip
DEMO_COMMANDS = 1_000_000
CASCADE_SHARE = 20  # the second scenario of the demo is this many times shorter
DEMO_CHECKS = 4


class OneLineErrors(TyperGroup):
    """Turns faults of input into one line; a fault of ours stays a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except INPUT_ERRORS as error:
            typer.echo(f"lionrock: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=OneLineErrors,
    help="Lion Rock, a perpetual-contract exchange core.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
importing = typer.Typer(no_args_is_help=True, help="Turn another venue's feed into commands.")
app.add_typer(importing, name="import")
app.add_typer(funding, name="funding")
app.command("stress")(stress)
app.command("drill")(drill)
app.command("explain")(explain)
for command in (journal.record, journal.verify, journal.snapshot, journal.inspect):
    app.command(command.__name__)(command)
app.command("specification")(specification)

Commands = Annotated[int, typer.Option(min=COMMANDS_MIN, help="How many commands.")]
Seed = Annotated[int, typer.Option(min=0, help="Equal seeds give equal files.")]
CheckEvery = Annotated[
    int, typer.Option(min=0, help="Check invariants every so many commands; 0: at the end.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer workloads and rounds.")]
ReferenceBook = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="A book to compare with: refbook.cpp, workload.py."),
]


class ScenarioName(StrEnum):
    """The choices of `--scenario`; SCENARIOS has the same names."""

    CRASH = "crash"
    CASCADE = "cascade"


def main() -> None:
    """The entry point of the command `lionrock`."""
    app()


@app.command()
def warm(as_json: AsJson = False) -> None:
    """Compile the kernels into the cache, so that the next start is quick."""
    Exchange(Config(contracts=()))
    keep_image()
    keep_bytecode()
    use = cache_use()
    if as_json:
        print_json({**use._asdict(), "directory": str(use.directory)})
    else:
        typer.echo(f"{use.compiled} compiled, {use.loaded} found in {use.directory}")


@app.command()
def demo(commands: Commands = DEMO_COMMANDS, seed: Seed = 1, as_json: AsJson = False) -> None:
    """Generate a day with a crash, replay it and check it; then one that ends in a haircut."""
    shorter = max(COMMANDS_MIN, commands // CASCADE_SHARE)
    summaries = [
        _generate_and_replay(CRASH, commands, seed),
        _generate_and_replay(CASCADE, shorter, seed),
    ]
    if as_json:
        print_json(summaries)
    else:
        for summary in summaries:
            show(f"scenario {summary.name}, seed {seed}", replay_rows(summary))
    end([line for summary in summaries for line in summary.broken])


@app.command()
def generate(
    out: Path,
    commands: Commands = DEMO_COMMANDS,
    seed: Seed = 1,
    scenario: Annotated[ScenarioName, typer.Option(help="What goes wrong.")] = ScenarioName.CRASH,
    as_json: AsJson = False,
) -> None:
    """Write a generated day into a command file."""
    session = Session(SCENARIOS[scenario], commands, seed)
    with (
        CommandFileWriter(out, session.config) as writer,
        progress(f"generating {scenario.value}", commands) as advance,
    ):
        for records in session.batches():
            writer.append(records)
            advance(len(records))
    broken = session.exchange.check()
    facts = {"file": str(out), "commands": writer.records, "digest": session.exchange.digest()}
    if as_json:
        print_json({**facts, "broken": broken})
    else:
        show(
            f"scenario {scenario.value}, seed {seed}", [(name, str(facts[name])) for name in facts]
        )
    end(broken)


@app.command("replay")
def replay_file(
    file: Path,
    events: Annotated[Path | None, typer.Option(help="Write all events into this file.")] = None,
    check_every: CheckEvery = 0,
    as_json: AsJson = False,
) -> None:
    """Replay a command file, or JSON lines that begin with a configuration."""
    config, records = read_commands(file)
    if events is not None:
        _must_differ([file], events)
    with (
        nullcontext() if events is None else EventFileWriter(events, config) as writer,
        progress(f"replaying {file.name}", len(records)) as advance,
    ):
        keep = None if writer is None else writer.append
        summary = replay(file.name, config, records, check_every, advance, keep)
    _show_replay(summary, as_json)


@importing.command("binance")
def binance_feed(
    files: Annotated[list[Path], typer.Argument(help="Raw feed, parts in order.")],
    out: Path,
    tick_size: Annotated[str, typer.Option(help="Price of a tick; else the feed tells.")] = "",
    lot_size: Annotated[str, typer.Option(help="Quantity of a lot; else the feed tells.")] = "",
    check_every: CheckEvery = 0,
    as_json: AsJson = False,
) -> None:
    """Binance futures: depth diffs, ticker and trades of one symbol."""
    _must_differ(files, out)
    tick, lot = _grid("--tick-size", tick_size), _grid("--lot-size", lot_size)
    _show_import(import_binance(files, out, tick, lot, check_every), as_json)


@importing.command("lobster")
def lobster_file(
    file: Path,
    out: Path,
    tick_size: Annotated[str, typer.Option(help="Price of a tick.")] = "0.01",
    date: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], help="The day, which the file does not tell."),
    ] = datetime(1970, 1, 1),  # noqa: B008
    check_every: CheckEvery = 0,
    as_json: AsJson = False,
) -> None:
    """LOBSTER: the messages of one stock and day."""
    _must_differ([file], out)
    _grid("--tick-size", tick_size)
    midnight_ns = int(date.replace(tzinfo=UTC).timestamp()) * 1_000_000_000
    _show_import(import_lobster(file, out, tick_size, midnight_ns, check_every), as_json)


@importing.command("script")
def script_file(
    file: Path,
    out: Path,
    expected: Annotated[Path | None, typer.Option(help="Compare with these outputs.")] = None,
    check_every: CheckEvery = 0,
    as_json: AsJson = False,
) -> None:
    """Scripts of new orders, cancellations and flushes, with the outputs expected of them."""
    _must_differ([file] if expected is None else [file, expected], out)
    _show_import(import_script(file, out, expected, check_every), as_json)


@importing.command("quantcup")
def quantcup_feed(
    file: Path, out: Path, check_every: CheckEvery = 0, as_json: AsJson = False
) -> None:
    """QuantCup: limit orders and cancellations by number."""
    _must_differ([file], out)
    _show_import(import_quantcup(file, out, check_every), as_json)


@importing.command("dbn")
def dbn_records(
    file: Path,
    out: Path,
    tick_size: Annotated[str, typer.Option(help="Price of a tick; else the prices tell.")] = "",
    check_every: CheckEvery = 0,
    as_json: AsJson = False,
) -> None:
    """Databento: market by order of one instrument, DBN version 1, plain or zstd."""
    _must_differ([file], out)
    _grid("--tick-size", tick_size)
    _show_import(import_dbn(file, out, tick_size, check_every), as_json)


@app.command()
def bench(as_json: AsJson = False, quick: Quick = False, reference: ReferenceBook = None) -> None:
    """Measure against the targets, with the benchmarks of a source checkout."""
    script = Path(__file__).resolve().parents[2] / "bench" / "report.py"
    if not script.is_file():
        typer.echo("lionrock: bench: the benchmarks are in a source checkout only", err=True)
        raise typer.Exit(2)
    options = [option for option, asked in (("--json", as_json), ("--quick", quick)) if asked]
    if reference is not None:
        options += ["--reference", str(reference)]
    raise typer.Exit(subprocess.run([sys.executable, str(script), *options]).returncode)


def _generate_and_replay(scenario: Scenario, commands: int, seed: int) -> ReplaySummary:
    session = Session(scenario, commands, seed)
    batches = []
    with progress(f"generating {scenario.name}", commands) as advance:
        for part in session.batches():
            batches.append(part)
            advance(len(part))
    records = join_records(batches)
    with progress(f"replaying {scenario.name}", commands) as advance:
        stride = -(-commands // DEMO_CHECKS)
        summary = replay(scenario.name, session.config, records, stride, advance)
    if summary.digest != session.exchange.digest():
        summary.broken.append("I10: the digest of the replay is not the digest of the live run")
    return summary


def _must_differ(files: list[Path], out: Path) -> None:
    """A command must never write over what it reads."""
    if out.resolve() in {file.resolve() for file in files}:
        raise CommandFileError(f"{out}: the output is one of the inputs")


def _grid(option: str, text: str) -> DecimalGrid | None:
    if not text:
        return None
    try:
        return parse_grid(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _show_replay(summary: ReplaySummary, as_json: bool) -> None:
    if as_json:
        print_json(summary)
    else:
        show(summary.name, replay_rows(summary))
    end(summary.broken)


def _show_import(summary: Any, as_json: bool) -> None:
    if as_json:
        print_json(summary)
    else:
        show(summary.source, flat_rows(summary))
    end(summary.broken)
