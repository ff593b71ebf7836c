"""Numbers that venues have published, computed anew by the engine's own functions (1.2, 7.1, 7.2).

Each comparison reads one kind of public data and counts what agrees. Where a venue's inputs are
published the answer is exact, to the last unit that it prints; Binance's premium samples are not,
so its rates are made of hourly candles, and what is told is how far they are off: the mean error,
which `RATE_BAND` bounds, the largest one, and how many rates lie within that band.
"""

import csv
import gzip
import math
import re
import statistics
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from engine.report.findings import INT64_MAX, INT64_MIN
from engine.report.rounding import divide_trunc
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from funding import from_python as own
from funding.presets import PRESETS

DIFFERENCES_KEPT = 20
COIN = 10**8  # satoshi
OWN_MARKETS = ""
PREMIUM_DECIMALS = 10  # of Hyperliquid's, zeros at the end left out
INTERVAL_HOURS = 8
RATE_BAND = Fraction(25, 10**6)  # largest mean error of rates made of hourly candles
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
DECIMAL_LENGTH_MAX = 64
TORN = (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError)
FAULTS = (
    ValueError, TypeError, KeyError, ArithmeticError, csv.Error, RecursionError, AttributeError,
)  # fmt: skip


class VenueDataError(ValueError):
    """What is wrong with a file of a venue's numbers, in one line."""


class VenueComparison(msgspec.Struct):
    """How many published numbers of a kind were computed anew, and how many agree: are the same, or
    within the band where an exact answer can't be had."""

    what: str
    compared: int = 0
    agree: int = 0
    mean_error: str = ""  # where there is a band, else empty
    largest_error: str = ""
    within_band: bool = True
    differences: list[str] = msgspec.field(default_factory=list)

    def compare(self, label: str, published: int, computed: int) -> None:
        self.compared += 1
        if published == computed:
            self.agree += 1
        elif len(self.differences) < DIFFERENCES_KEPT:
            self.differences.append(f"{label}: published {published}, computed {computed}")

    @property
    def holds(self) -> bool:
        return not self.fault

    @property
    def fault(self) -> str:
        """Why it does not hold; empty when it does."""
        if self.compared == 0:
            return "nothing was compared"
        if self.mean_error:
            return "" if self.within_band else f"mean error {self.mean_error} is above the band"
        differ = self.compared - self.agree
        return f"{differ} differ" if differ else ""


def open_text(path: Path) -> Iterator[str]:
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else path.open()
    with opened as stream:
        try:
            yield from stream
        except TORN as error:
            raise VenueDataError(f"{path}: {error}") from error


def rows_of(path: Path, *fields: str) -> Iterator[dict[str, str]]:
    """Rows of a CSV file that must have these columns."""
    reader = csv.DictReader(open_text(path))
    missing = set(fields) - set(reader.fieldnames or ())
    if missing:
        raise VenueDataError(f"{path}: header: no column {', '.join(sorted(missing))}")
    yield from reader


def fit(number: Fraction | int) -> int:
    """What is behind the point cut off, within 64 bits."""
    whole = int(number)
    if not INT64_MIN <= whole <= INT64_MAX:
        raise ValueError("a number does not fit 64 bits")
    return whole


def decimal_of(text: str) -> Fraction:
    # No fraction, and no exponent whose power would take for ever.
    if len(text) > DECIMAL_LENGTH_MAX or not DECIMAL.fullmatch(text):
        raise ValueError(f"{text[:DECIMAL_LENGTH_MAX]!r} is no decimal number")
    return Fraction(text)


def ppb_of(text: str) -> int:
    """A decimal rate in ppb, what is smaller cut off."""
    return fit(decimal_of(text) * PPB)


def nearest_ppb(text: str, computed: int) -> int:
    """A rate that was rounded to ten decimals, in ppb: of the numbers that it can have been before,
    cut off at ppb, the one that is nearest to what was computed."""
    number = decimal_of(text) * PPB
    half = Fraction(PPB, 2 * 10**PREMIUM_DECIMALS)
    return min((fit(number - half), fit(number + half)), key=lambda ppb: abs(ppb - computed))


def numbers_of(*texts: str) -> tuple[int, ...]:
    """Decimals as whole numbers of one unit that is small enough for all of them."""
    numbers = [decimal_of(text) for text in texts]
    unit = math.lcm(*(number.denominator for number in numbers))
    return tuple(fit(number * unit) for number in numbers)


# Hyperliquid


def compare_premiums(path: Path) -> VenueComparison:
    """A snapshot of all assets: impact prices against the oracle price give the premium. Markets
    that others have listed there are left out: their premiums are made in their own ways."""
    found = VenueComparison("premium of impact prices")
    try:
        ctxs = msgspec.json.decode("".join(open_text(path)))["data"]["ctxs"]
        assets = [asset for dex, listed in ctxs for asset in listed if dex == OWN_MARKETS]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise VenueDataError(f"{path}: no snapshot of asset contexts ({error!r})") from error
    for asset in assets:
        if asset["premium"] is None or asset["impactPxs"] is None:
            continue
        bid, ask, oracle = numbers_of(*asset["impactPxs"], asset["oraclePx"])
        if min(bid, ask, oracle) < 1:
            raise VenueDataError(f"{path}: {asset['oraclePx']}: prices must be positive")
        premium = own.compute_premium(bid, oracle, ask, oracle)
        found.compare(
            f"oracle {asset['oraclePx']}", nearest_ppb(asset["premium"], premium), premium
        )
    return found


def compare_hourly_rates(path: Path) -> VenueComparison:
    """Premiums of an hour and the rates paid for it, an eighth of the rate of 8 h."""
    found = VenueComparison("hourly rate of a premium")
    preset = PRESETS["hyperliquid"]
    parts = preset["funding_base_ns"] // preset["funding_interval_ns"]
    for row in rows_of(path, "coin", "time_ms", "premium", "fundingRate"):
        base_ppb = own.compute_base_rate(
            preset["funding_method"], ppb_of(row["premium"]),
            preset["funding_interest_ppb"], preset["funding_clamp_ppb"],
        )  # fmt: skip
        rate = divide_trunc(base_ppb, parts)
        found.compare(f"{row['coin']} {row['time_ms']}", ppb_of(row["fundingRate"]), rate)
    return found


# BitMEX


def compare_inverse_values(path: Path) -> VenueComparison:
    """Trades of an inverse contract of one dollar: their value in satoshi, `per_lot`."""
    found = VenueComparison("inverse value of a trade")
    fields = ("timestamp", "size", "price", "grossValue")
    for row in rows_of(path, *fields):
        price = decimal_of(row["price"])
        if price <= 0:
            raise VenueDataError(f"{path}: {row['timestamp']}: price: {price} is not positive")
        ticks = price.denominator  # a dollar, so that the price is a whole number of ticks
        size, coin_ticks = fit(int(row["size"])), fit(COIN * ticks)
        value = size * own.compute_lot_value_inverse(coin_ticks, fit(price * ticks))
        found.compare(row["timestamp"], fit(int(row["grossValue"])), fit(value))
    return found


# Binance


def compute_candle_rate(candles: list[dict[str, str]]) -> int:
    """The rate of an interval of hourly premium candles: the middle of open and close stands for
    the hour, and later hours weigh more (7.2)."""
    preset = PRESETS["binance"]
    middles = [(ppb_of(row["Open"]) + ppb_of(row["Close"])) // 2 for row in candles]
    weighted = sum(weight * middle for weight, middle in enumerate(middles, 1))
    premium = int(Fraction(weighted, len(middles) * (len(middles) + 1) // 2))
    return own.compute_base_rate(
        words.RATE_CLAMP, premium, preset["funding_interest_ppb"], preset["funding_clamp_ppb"]
    )


def compare_candle_rates(rates: Path, candles: Path) -> VenueComparison:
    """Published rates against those of hourly candles, where all hours of an interval are there."""
    hours = {row["Timestamp"]: row for row in rows_of(candles, "Timestamp", "Open", "Close")}
    errors: list[Fraction] = []
    found = VenueComparison("rate of hourly premium candles")
    for row in rows_of(rates, "Timestamp", "Rate"):
        due = datetime.fromisoformat(row["Timestamp"])
        times = [due - timedelta(hours=hour) for hour in range(INTERVAL_HOURS, 0, -1)]
        interval = [hours.get(time.isoformat(" ")) for time in times]
        if None in interval:
            continue
        rate = compute_candle_rate([hour for hour in interval if hour])
        errors.append(abs(Fraction(rate, PPB) - decimal_of(row["Rate"])))
    if not errors:
        raise VenueDataError(f"{rates}: no interval with all its candles in {candles}")
    found.compared = len(errors)
    found.agree = sum(error <= RATE_BAND for error in errors)
    mean = statistics.mean(errors)
    found.within_band = mean <= RATE_BAND
    found.mean_error, found.largest_error = f"{float(mean):.2e}", f"{float(max(errors)):.2e}"
    return found


COMPARISONS: dict[str, Any] = {
    "hyperliquid-premium": (1, compare_premiums),
    "hyperliquid-rate": (1, compare_hourly_rates),
    "bitmex": (1, compare_inverse_values),
    "binance": (2, compare_candle_rates),
}


def compare_venue(kind: str, paths: list[Path]) -> VenueComparison:
    """Raises VenueDataError for an unknown kind, a wrong number of files or what they hold."""
    if kind not in COMPARISONS:
        raise VenueDataError(f"{kind}: there are {', '.join(COMPARISONS)}")
    count, compare = COMPARISONS[kind]
    if len(paths) != count:
        raise VenueDataError(f"{kind}: {count} files are needed, not {len(paths)}")
    try:
        found: VenueComparison = compare(*paths)
    except VenueDataError as error:
        raise VenueDataError(" ".join(str(error).split())) from error
    except FAULTS as error:
        what = " ".join(str(error).split())
        raise VenueDataError(f"{', '.join(map(str, paths))}: {what}") from error
    return found
