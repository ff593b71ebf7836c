"""Index, mark, premium and rate of every contract over time, as a drawing.

Prices received, changes of state, premium samples and funding intervals carry their time. An index
and a mark don't: they have that of the price that brought them, the last one that stands before
them with the same sequence and contract. Without one they have no time, as all other events.
"""

import importlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.report.moments import PLACES
from engine.schema import events as ev
from engine.schema.bounds import PPB
from engine.schema.contract import Config, Contract

FORMATS = (".svg", ".png")
WIDTH_INCHES, HEIGHT_INCHES = 10, 7  # of one contract
PANELS = 3  # of one contract: prices, premium, rate
NO_TIME = -(2**63)  # what numpy calls NaT
PERCENT = 100 / PPB
OF_PRICES = (ev.INDEX_PUBLISHED, ev.MARK_PUBLISHED)


class PlotError(ValueError):
    """Why nothing can be drawn, in one line."""


class Series(NamedTuple):
    """Values of one kind of event with their times."""

    times: NDArray[np.datetime64]
    values: NDArray[np.float64]


def place_events(events: NDArray[np.void]) -> NDArray[np.datetime64]:
    """The time of every event that has one; NaT of the others."""
    times = np.full(len(events), NO_TIME, np.int64)
    for kind, place in PLACES.items():
        rows = events["kind"] == kind
        times[rows] = events["abcdef"[place]][rows]
    for contract in np.unique(events["contract"]):
        own = events["contract"] == contract
        prices = np.flatnonzero(own & (events["kind"] == ev.PRICE_RECEIVED))
        brought = np.flatnonzero(own & np.isin(events["kind"], OF_PRICES))
        behind = np.searchsorted(prices, brought)
        brought, price = brought[behind > 0], prices[behind[behind > 0] - 1]
        is_same = events["sequence"][brought] == events["sequence"][price]
        times[brought[is_same]] = times[price[is_same]]
    return times.astype("datetime64[ns]")


def series_of(
    events: NDArray[np.void], times: NDArray[np.datetime64], kind: int, scale: float
) -> Series:
    """The first number of all events of a kind that have a time; 0 of an index that is degraded is
    left out."""
    rows = (events["kind"] == kind) & ~np.isnat(times)
    if kind == ev.INDEX_PUBLISHED:
        rows &= events["a"] != 0
    return Series(times[rows], events["a"][rows] * scale)


def plot_funding(config: Config, events: NDArray[np.void], out: Path) -> None:
    """Draw all contracts that have had an index into one file."""
    if out.suffix not in FORMATS:
        raise PlotError(f"{out}: a drawing ends in {' or '.join(FORMATS)}")
    matplotlib = _load("matplotlib")
    times = place_events(events)
    indexed = set(events["contract"][events["kind"] == ev.INDEX_PUBLISHED].tolist())
    specs = [spec for spec in config.contracts if spec.contract in indexed]
    if not specs:
        raise PlotError(f"{out}: no index was published, there is nothing to draw")
    size = (WIDTH_INCHES, HEIGHT_INCHES * len(specs))
    figure = _load("matplotlib.figure").Figure(figsize=size, layout="constrained")
    axes = figure.subplots(PANELS * len(specs), 1, sharex=True)
    dates = _load("matplotlib.dates")
    locator = dates.AutoDateLocator()
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    for row, spec in enumerate(specs):
        own = events["contract"] == spec.contract
        _draw(axes[PANELS * row : PANELS * (row + 1)], spec, events[own], times[own])
    # Neither chance nor the clock in the file: equal events give equal drawings.
    with matplotlib.rc_context({"svg.hashsalt": "lionrock"}):
        metadata = {"Date": None} if out.suffix == ".svg" else {"Software": None}
        figure.savefig(out, metadata=metadata)


def _draw(
    axes: Any, spec: Contract, events: NDArray[np.void], times: NDArray[np.datetime64]
) -> None:
    """Prices, premium and rate, one below the other."""
    prices, premiums, rates = axes
    prices.set_title(spec.symbol, loc="left")
    for axis, unit in zip(axes, ("price", "premium, %", "rate, %"), strict=True):
        axis.set_ylabel(unit)
        axis.grid(alpha=0.3)
    tick = float(spec.tick_size)
    index = series_of(events, times, ev.INDEX_PUBLISHED, tick)
    mark = series_of(events, times, ev.MARK_PUBLISHED, tick)
    prices.step(*index, where="post", label="index")
    prices.step(*mark, where="post", label="mark")
    prices.legend()
    # Points, not lines: where nothing was sampled there is nothing to see.
    premiums.plot(*series_of(events, times, ev.PREMIUM_SAMPLED, PERCENT), ".", markersize=2)
    rates.plot(*series_of(events, times, ev.FUNDING_PUBLISHED, PERCENT), "o", markersize=4)


def _load(module: str) -> Any:
    # Not an import at the top: only the drawing needs the package, and the core does not.
    try:
        return importlib.import_module(module)
    except ImportError:
        what = "the package matplotlib is missing: pip install 'lionrock[plot]'"
        raise PlotError(f"plot: {what}") from None
