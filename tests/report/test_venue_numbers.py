"""Venues' published numbers computed anew: small files written by hand."""

import gzip

import pytest

from engine.report.venue_numbers import VenueDataError, compare_venue

SNAPSHOT = (
    '{"data": {"ctxs": [["", [%s]], ["others", [{"premium": "9", "oraclePx": "1",'
    ' "impactPxs": ["1", "1"]}]]]}}'
)
ASSET = '{"premium": %s, "oraclePx": "%s", "impactPxs": %s}'


def written(path, text):
    path.write_text(text)
    return [path]


@pytest.mark.parametrize(
    ("premium", "oracle", "impact", "agree"),
    [
        ('"-0.0005927453"', "77605.0", '["77558.0", "77559.0"]', 1),  # -46 / 77605
        ('"0.0005"', "2000", '["2001", "2002"]', 1),
        ('"0.0"', "2000.5", '["2000", "2001"]', 1),
        ('"0.0005000020"', "2000", '["2001", "2002"]', 0),
    ],
)
def test_a_premium_of_impact_prices(tmp_path, premium, oracle, impact, agree):
    listed = ", ".join((ASSET % (premium, oracle, impact), ASSET % ("null", "1", "null")))
    found = compare_venue("hyperliquid-premium", written(tmp_path / "s.json", SNAPSHOT % listed))
    assert (found.compared, found.agree, found.holds) == (1, agree, bool(agree))


@pytest.mark.parametrize(
    ("premium", "rate", "agree"),
    [
        ("0.0001446433", "0.0000125", 1),  # within the clamp the interest, an eighth of it
        ("-0.0004653492", "0.0000043313", 1),  # (0.0005 - 0.0004653492) / 8
        ("-0.0004653492", "0.0000043323", 0),
    ],
)
def test_an_hourly_rate(tmp_path, premium, rate, agree):
    text = f"coin,time_ms,premium,fundingRate\nBTC,1,{premium},{rate}\n"
    found = compare_venue("hyperliquid-rate", written(tmp_path / "r.csv", text))
    assert (found.compared, found.agree) == (1, agree)


def test_an_inverse_value_rounds_each_contract(tmp_path):
    """2670 x round(10^8 / 7513.5 = 13309.376) = 2670 x 13309."""
    text = "timestamp,size,price,grossValue\na,2670,7513.5,35535030\nb,2670,7513.5,35535031\n"
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    found = compare_venue("bitmex", [path])
    assert (found.compared, found.agree) == (2, 1)
    assert found.differences == ["b: published 35535031, computed 35535030"]


def test_a_rate_of_candles_weighs_late_hours_more(tmp_path):
    """Hours 1 to 8 with a premium of 90 times the hour in 10^-6: (1 + 4 + .. + 64) x 90 / 36 = 510,
    so 510 - 410 by the clamp is the interest of 100."""
    rows = [
        f"2024-01-01 0{hour}:00:00,{90 * (hour + 1)}e-6,{90 * (hour + 1)}e-6" for hour in range(8)
    ]
    candles = written(tmp_path / "c.csv", "Timestamp,Open,Close\n" + "\n".join(rows) + "\n")
    rates = written(
        tmp_path / "r.csv",
        "Timestamp,Rate\n2024-01-01 00:00:00,0.5\n2024-01-01 08:00:00,0.0001\n",
    )
    found = compare_venue("binance", rates + candles)
    assert (found.compared, found.mean_error, found.holds) == (1, "0.00e+00", True)
    assert found.agree == 1
    rates[0].write_text("Timestamp,Rate\n2024-01-01 08:00:00,0.000126\n")
    found = compare_venue("binance", rates + candles)
    assert (found.compared, found.agree, found.within_band, found.holds) == (1, 0, False, False)
    assert found.fault == "mean error 2.60e-05 is above the band"


@pytest.mark.parametrize(
    ("kind", "text", "what"),
    [
        ("binance", "Timestamp,Rate\n", "2 files are needed, not 1"),
        ("nyse", "", "nyse: there are hyperliquid-premium"),
        ("bitmex", "time,size\n", "no column grossValue, price, timestamp"),
        ("bitmex", "timestamp,size,price,grossValue\na,x,1,1\n", "invalid literal"),
        ("bitmex", "timestamp,size,price,grossValue\na,1,0,1\n", "price: 0 is not"),
        ("hyperliquid-premium", "[]", "no snapshot of asset contexts"),
        ("bitmex", "timestamp,size,price,grossValue\na,1,1/0,1\n", "f: '1/0' is no decimal"),
        ("bitmex", "timestamp,size,price,grossValue\na,1,1e400,1\n", "f: a number does not fit"),
        ("bitmex", "timestamp,size,price,grossValue\na,1,1e-30,1\n", "f: a number does not fit"),
        ("bitmex", "timestamp,size,price,grossValue\na,1,1e999999999,1\n", "is no decimal"),
        (
            "bitmex",
            "timestamp,size,price,grossValue\na,99999999999999999999,1,1\n",
            "f: a number does not fit",
        ),
        ("bitmex", "timestamp,size,price,grossValue\na\n", "f: "),
        ("hyperliquid-rate", "coin,time_ms,premium,fundingRate\nB,1,1e400,0\n", "does not fit"),
        ("hyperliquid-premium", SNAPSHOT % (ASSET % ('"0"', "1e400", '["1", "1"]')), "not fit"),
        ("hyperliquid-premium", SNAPSHOT % (ASSET % ("5", "1", '["1", "1"]')), "f: "),
        ("hyperliquid-premium", SNAPSHOT % "5", "f: "),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, kind, text, what):
    with pytest.raises(VenueDataError, match=what) as caught:
        compare_venue(kind, written(tmp_path / "f", text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", ["torn", "bent", "plain"])
def test_a_broken_archive_is_one_line(tmp_path, change):
    rows = "".join(f"a,{size},7513.5,1\n" for size in range(9_999))
    whole = gzip.compress(f"timestamp,size,price,grossValue\n{rows}".encode())
    middle = len(whole) // 2
    data = {
        "torn": whole[:middle],
        "bent": whole[:middle] + bytes(50) + whole[middle + 50 :],
        "plain": b"timestamp",
    }
    path = tmp_path / "t.csv.gz"
    path.write_bytes(data[change])
    with pytest.raises(VenueDataError, match="t.csv.gz: ") as caught:
        compare_venue("bitmex", [path])
    assert "\n" not in str(caught.value)
