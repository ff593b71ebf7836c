"""1.2, 7.1, 7.2: real numbers that venues have published, computed anew, where the files are."""

from pathlib import Path

import pytest

from engine.report.venue_numbers import RATE_BAND, compare_venue

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data"
WHY_ABSENT = f"there is no folder {FOLDER.relative_to(FOLDER.parents[1])} beside the repository"
EXACT = [
    ("hyperliquid-premium", "hyperliquid/ws_all_dexs_asset_ctxs.json.gz", 179),
    ("hyperliquid-rate", "hyperliquid/funding_history_rows.csv", 5),
    ("bitmex", "bitmex/bitmex_xbtusd_trades_at_funding.csv.gz", 2_652),
]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=WHY_ABSENT)


@pytest.mark.parametrize(("kind", "name", "count"), EXACT)
def test_every_published_number_is_the_same(kind, name, count):
    found = compare_venue(kind, [FOLDER / name])
    assert (found.differences, found.compared, found.agree) == ([], count, count)
    assert found.holds


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_rates_of_hourly_candles_lie_within_the_band(symbol):
    files = ("8h_funding_rates", "1h_premium_index")
    paths = [FOLDER / "funding_binance" / f"{symbol}_{name}.csv.gz" for name in files]
    found = compare_venue("binance", paths)
    assert found.compared == 1_944 and found.holds
    assert float(found.mean_error) <= RATE_BAND
    assert float(found.mean_error) < float(found.largest_error)
    assert 0 < found.agree < found.compared  # counted, not so by construction
