"""`lionrock stress` and `lionrock drill`: who would fail, and which layer would pay (9.9)."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from engine.cli.printing import AsJson, end, print_json, progress
from engine.cli.reading import must_list, run_to_end
from engine.cli.tables import flat_rows, show, show_grid
from engine.drill import AssetMove, StressRow, run_drill
from engine.drill import Move as MarkMove
from engine.drill import stress as stress_all
from engine.exchange import Exchange
from engine.journal.command_file import CommandFileError
from engine.schema.bounds import COLLATERAL_PRICE_PPB_MAX, PPB
from engine.schema.vocabulary import FUND
from risk.stress import Scenario, Screen, move_marks, percent, standard_scenarios

MOVE_PPB_MAX = 100 * PPB
HEADERS = (
    "scenario", "below maintenance", "below zero", "deficits", "fund", "given up", "house",
    "gains cut", "shared",
)  # fmt: skip

Move = Annotated[
    int,
    typer.Option(
        min=-PPB, max=MOVE_PPB_MAX, help="How far the marks move, in parts per billion."
    ),
]
Which = Annotated[int, typer.Option(help="Move this contract alone; 0: all.")]
Silent = Annotated[list[int] | None, typer.Option(help="Freeze this contract before.")]
NoOrders = Annotated[bool, typer.Option("--no-orders", help="Cancel every order before.")]
Defaults = Annotated[
    int, typer.Option(min=0, help="So many of the largest members lose their margin before.")
]
Falling = Annotated[int, typer.Option(help="Move the price of this asset before; 0: of none.")]
AssetMoved = Annotated[
    int,
    typer.Option(
        min=-PPB, max=MOVE_PPB_MAX, help="How far that price moves, in parts per billion."
    ),
]


class StressReport(msgspec.Struct):
    """All scenarios, and the fund against the worst of them (9.6)."""

    file: str
    digest: str
    fund_equity: int
    house: int
    worst_deficit: int
    fund_ratio_ppb: int | None  # None: no scenario leaves a deficit
    scenarios: list[StressRow]


def stress(file: Path, as_json: AsJson = False) -> None:
    """Replay a command file, then tell for a set of scenarios who fails and which layer pays."""
    exchange = run_to_end(file)
    scenarios = list(standard_scenarios(Screen(exchange.config, exchange.arena)))
    rows = []
    with progress("scenarios", len(scenarios)) as advance:
        for row in stress_all(exchange, scenarios):
            rows.append(row)
            advance(1)
    report = _report(file, exchange, rows)
    if as_json:
        print_json(report)
        return
    show_grid(f"stress of {file.name}", HEADERS, [_cells(row) for row in rows])
    clamped = [row.screening.scenario for row in rows if row.screening.clamped]
    if clamped:
        typer.echo(f"* a price was clamped to the contract's range: {len(clamped)} scenarios")
    ratio = report.fund_ratio_ppb
    told = "no scenario leaves a deficit" if ratio is None else f"{ratio / PPB:.2f} of the worst"
    typer.echo(f"fund equity {report.fund_equity:,}: {told}; house layer {report.house:,}")


def drill(
    file: Path,
    move: Move,
    contract: Which = 0,
    freeze: Silent = None,
    no_orders: NoOrders = False,
    defaults: Defaults = 0,
    asset: Falling = 0,
    asset_move: AssetMoved = 0,
    as_json: AsJson = False,
) -> None:
    """Replay a command file, then run the waterfall for one scenario on a copy of the state."""
    exchange = run_to_end(file)
    silent = tuple(freeze or ())
    for number in (*silent, *([contract] if contract else [])):
        must_list(file, exchange.config, number)
    screen = Screen(exchange.config, exchange.arena)
    scenario = _scenario(file, screen, move, contract, silent)
    scenario = msgspec.structs.replace(
        scenario,
        is_book_gone=no_orders,
        defaulted=screen.find_largest(defaults),
        assets=_asset_prices(file, screen, asset, asset_move),
    )
    report, _ = run_drill(exchange, scenario)
    if as_json:
        print_json(report)
    else:
        moves = [(f"mark of {move.symbol}", _tell(move)) for move in report.moves]
        moves += [(f"price of {m.symbol}", _tell_price(m)) for m in report.asset_moves]
        told = ("scenario", "moves", "asset_moves")
        rest = [row for row in flat_rows(report) if row[0] not in told]
        show(f"drill of {file.name}: {report.scenario}", [*moves, *rest])
    end(report.broken)


def _scenario(
    file: Path, screen: Screen, move: int, contract: int, silent: tuple[int, ...]
) -> Scenario:
    """The step of the scenario; what has no moving mark can neither be moved nor silenced."""
    for number in (*silent, *([contract] if contract else [])):
        if number not in screen.holdings.movable:
            raise CommandFileError(f"{file}: contract: {number} is frozen or settled")
    movable = [number for number in screen.holdings.movable if number not in silent]
    if contract in silent:
        raise CommandFileError(f"{file}: contract: {contract} can't both be frozen and move")
    marks = {number: screen.holdings.marks[number] for number in movable}
    name = f"all {percent(move)}"
    if contract:
        marks = {contract: marks[contract]}
        name = f"{screen.config.contracts[contract - 1].symbol} {percent(move)}"
    return move_marks(name, screen.config, marks, move, frozen=silent)


def _asset_prices(file: Path, screen: Screen, asset: int, move_ppb: int) -> dict[int, int]:
    """The price to which an asset moves, at least 1; what has none can't move."""
    if asset == 0:
        return {}
    if not 1 <= asset <= len(screen.assets) or screen.assets[asset - 1].price_ppb == 0:
        raise CommandFileError(f"{file}: asset: {asset} is not in the configuration, or unpriced")
    price_ppb = screen.assets[asset - 1].price_ppb
    moved_ppb = price_ppb + price_ppb * move_ppb // PPB
    return {asset: min(max(1, moved_ppb), COLLATERAL_PRICE_PPB_MAX)}


def _tell_price(move: AssetMove) -> str:
    return f"{move.before_ppb:,} to {move.after_ppb:,} ppb"


def _tell(move: MarkMove) -> str:
    told = f"{move.before_ticks:,} to {move.after_ticks:,} ticks"
    return f"{told} (clamped to the listed range)" if move.is_clamped else told


def _report(file: Path, exchange: Exchange, rows: list[StressRow]) -> StressReport:
    worst = max((row.screening.deficit for row in rows), default=0)
    fund = exchange.account(FUND)["equity"]
    return StressReport(
        file=str(file),
        digest=exchange.digest(),
        fund_equity=fund,
        house=exchange.pool()["house"],
        worst_deficit=worst,
        fund_ratio_ppb=max(fund, 0) * PPB // worst if worst else None,
        scenarios=rows,
    )


def _cells(row: StressRow) -> list[str]:
    found, layers = row.screening, row.layers
    numbers: list[Any] = [
        found.accounts_under, found.accounts_negative, found.deficit,
        layers.fund, layers.given_up, layers.house, layers.haircut, layers.shared,
    ]  # fmt: skip
    return [found.scenario + ("*" if found.clamped else ""), *(f"{n:,}" for n in numbers)]
