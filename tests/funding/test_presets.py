"""7.5: presets are data of rules 6 and 7 that can be listed; ours can be approved."""

import msgspec
import pytest

from engine.exchange import Exchange
from engine.report.rate_audit import rate_of
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY
from engine.schema.commands import AdvanceTime, Deposit, OpenAccount, PlaceOrder, PublishPrice
from engine.schema.contract import (
    Config,
    Contract,
    Tier,
    cap_of_interval,
    check_approval,
    check_contract,
)
from engine.schema.vocabulary import BUY, SELL
from funding.presets import HOUR, MINUTE, MONEY, PRESETS

RULES_6_AND_7 = ("source", "index_", "mark_", "premium_", "funding_", "affiliates_priced")
TIERS = (
    Tier(0, 10_000_000, 5_000_000),
    Tier(1_000_000 * MONEY, 20_000_000, 10_000_000),
    Tier(10_000_000 * MONEY, 50_000_000, 25_000_000),
)
GRIDS = {  # tick size, lot size, tick value, highest price
    "BTC": ("0.1", "0.001", 100, 2_000_000),
    "ETH": ("0.01", "0.01", 100, 1_000_000),
    "SOL": ("0.01", "1", 10_000, 60_000),
}


def listed(name, symbol="BTC", **terms):
    tick_size, lot_size, tick_value, price_max = GRIDS[symbol]
    spec = {
        "contract": 1, "symbol": symbol, "tick_size": tick_size, "lot_size": lot_size,
        "tick_value": tick_value, "price_ticks_max": price_max, "tiers": TIERS,
        "order_lots_max": 10**5, "position_lots_max": 10**6, "open_interest_lots_max": 5 * 10**6,
    }  # fmt: skip
    return Contract(**{**spec, **PRESETS[name], **terms})


def test_every_venue_is_there():
    assert set(PRESETS) == {
        "binance", "bitmex", "bybit", "okx", "deribit", "hyperliquid", "dydx", "drift", "hk",
    }  # fmt: skip


@pytest.mark.parametrize("symbol", GRIDS)
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_listed(name, symbol):
    spec = listed(name, symbol)
    assert check_contract(spec) == []
    assert msgspec.json.decode(msgspec.json.encode(spec), type=Contract) == spec


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_nothing_beyond_prices_and_funding(name):
    assert all(field.startswith(RULES_6_AND_7) for field in PRESETS[name])


def test_ours_can_be_approved_with_a_fee():
    assert check_approval(listed("hk", liquidation_fee_ppb=2_500_000)) == []
    assert check_approval(listed("hk", liquidation_fee_ppb=2_500_001)) != []


def test_6_1_ours_has_five_sources_and_at_most_one_of_its_own():
    spec = listed("hk")
    own = [source for source in spec.sources if source.kind == words.SOURCE_OWN]
    assert len(spec.sources) == 5 and len(own) == 1 and spec.sources_healthy_min == 3
    assert spec.source_own_cap_ppb < spec.source_cap_ppb


@pytest.mark.parametrize(
    ("name", "premium", "length_ns", "rate"),
    [
        # inside the band the interest, an eighth of it an hour
        ("binance", 300_000, 8 * HOUR, 100_000),
        ("binance", 300_000, HOUR, 12_500),
        ("bybit", 1_000_000, 8 * HOUR, 500_000),
        ("bitmex", 9_000_000, 8 * HOUR, 3_750_000),  # 75% of (1% - 0.5%)
        ("okx", -123_456, 8 * HOUR, -123_456),
        ("okx", 5_000_000, 8 * HOUR, 3_750_000),
        ("deribit", 250_000, MINUTE, 0),
        ("deribit", 730_000, MINUTE, 1_000),  # 0.048% above the damper, a 480th
        ("hyperliquid", 300_000, HOUR, 12_500),
        ("hyperliquid", 1_000_000_000, HOUR, 40_000_000),
        ("dydx", 800_000, HOUR, 100_000),
        ("dydx", 800_000_000, HOUR, 3_750_000),  # 600% of 0.5%, an eighth
        ("drift", 0, HOUR, 8_333),  # 1/5000 a day
        ("drift", 90_000_000, HOUR, 1_250_000),
        ("hk", 9_000_000, 8 * HOUR, 2_500_000),
    ],
)
def test_7_2_rates_of_venues(name, premium, length_ns, rate):
    assert rate_of(listed(name), premium, length_ns, 0, 0)[0] == rate


def test_7_2_a_cap_shrinks_with_the_interval():
    assert cap_of_interval(listed("dydx"), HOUR) * 8 == cap_of_interval(listed("dydx"), 8 * HOUR)


@pytest.mark.parametrize("name", PRESETS)
def test_7_5_a_preset_runs_in_the_engine(name):
    """Two intervals with a book on both sides of a steady index: all sources at 60,000, rates
    within the cap, and nothing broken."""
    spec = listed(name)
    exchange = Exchange(Config(contracts=(spec,)))
    now = 20_000 * NS_PER_DAY
    account = 2
    exchange.submit(OpenAccount(time_ns=now, account=account, owner=2, group=2))
    exchange.submit(Deposit(time_ns=now, account=account, amount=10**15))
    published = []
    step = min(spec.source_stale_ns, spec.funding_interval_ns) // 2
    for k in range(2 * spec.funding_interval_ns // step + 2):
        found = exchange.submit(AdvanceTime(time_ns=now))
        published += [e.values for e in found if e.name == "funding_published"]
        for source in range(1, len(spec.sources) + 1):
            exchange.submit(
                PublishPrice(time_ns=now, source=source, contract=1, price_ticks=600_000)
            )
        if k == 0:
            for client_id, (side, price) in enumerate(((BUY, 599_900), (SELL, 600_100)), 1):
                order = PlaceOrder(
                    time_ns=now, account=account, client_id=client_id, contract=1, side=side,
                    lots=50_000, price_ticks=price,
                )  # fmt: skip
                assert not [e for e in exchange.submit(order) if e.name == "refused"]
        now += step
    assert len(published) >= 2
    assert all(abs(values["rate_ppb"]) <= spec.funding_cap_ppb for values in published)
    assert exchange.contract(1)["index_ticks"] == 600_000
    assert exchange.check() == []
