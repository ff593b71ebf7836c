"""Assets of the configuration in which collateral matters: a price, a haircut and a cap of every
kind, within reach of a stream that begins at START_NS."""

from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.collateral import CollateralAsset, Haircut, SettlementAsset
from tests.oracle.price_terms import MINUTE, START_NS

PERCENT = PPB // 100
CLIENTS = (words.KIND_CLIENT,)
FIRST_PRICES = {  # by number
    1: 613_000_000,
    2: PPB,
    3: 7_777_777,
    4: 41_300_000_001,
    5: 333_333_333,
    6: 2 * PPB,
}


def steps(*pairs: tuple[int, int]) -> tuple[Haircut, ...]:
    """From values on, in percent."""
    return tuple(Haircut(floor_value=v, haircut_ppb=percent * PERCENT) for v, percent in pairs)


ASSETS = (
    CollateralAsset(  # the exchange rate of a currency; no haircut, no discount: roundings show
        symbol="EUR",
        kind=words.ASSET_FIAT,
        par_ppb=650_000_000,
        haircuts=steps((0, 0), (400_000, 5)),
        asset_value_max=9_000_000,
        account_value_max=1_500_000,
        impaired_haircut_ppb=4 * PERCENT,
        impaired_step_ns=20 * NS_PER_SECOND,
        sources=3,
        sources_min=2,
        stale_ns=2 * MINUTE,
    ),
    CollateralAsset(  # its licence ends within the stream
        symbol="ONE",
        kind=words.ASSET_STABLECOIN,
        issuer=1,
        licence="A1",
        licensed_until_ns=START_NS + 4 * MINUTE,
        par_ppb=PPB,
        haircuts=steps((0, 3), (300_000, 6)),
        discount_ppb=2 * PERCENT,
        asset_value_max=8_000_000,
        issuer_value_max=10_000_000,
        depeg_ppb=2 * PERCENT,
        impaired_haircut_ppb=15 * PERCENT,
        impaired_step_ns=40 * NS_PER_SECOND,
        stale_ns=5 * MINUTE,
    ),
    CollateralAsset(  # of the same issuer, in units of little worth
        symbol="MIL",
        kind=words.ASSET_STABLECOIN,
        issuer=1,
        licence="A2",
        licensed_until_ns=2**62,
        par_ppb=7_812_500,
        haircuts=steps((0, 2)),
        discount_ppb=2 * PERCENT,
        asset_value_max=5_000_000,
        issuer_value_max=10_000_000,
        depeg_ppb=3 * PERCENT,
        impaired_haircut_ppb=45 * PERCENT,
        impaired_step_ns=70 * NS_PER_SECOND,
        sources=2,
        stale_ns=3 * MINUTE,
    ),
    CollateralAsset(
        symbol="BTC",
        kind=words.ASSET_COIN,
        haircuts=steps((0, 60), (100_000, 70), (400_000, 90)),
        discount_ppb=8 * PERCENT,
        account_value_max=500_000,
        asset_value_max=1_500_000,
        impaired_haircut_ppb=25 * PERCENT,
        impaired_step_ns=30 * NS_PER_SECOND,
        stress_ppb=30 * PERCENT,
        sources=5,
        sources_min=3,
        stale_ns=4 * MINUTE,
    ),
    CollateralAsset(
        symbol="ALT",
        kind=words.ASSET_COIN,
        issuer=2,
        haircuts=steps((0, 65)),
        discount_ppb=65 * PERCENT,
        issuer_value_max=600_000,
        asset_value_max=700_000,
        impaired_haircut_ppb=PPB,
        stress_ppb=40 * PERCENT,
        sources=2,
        sources_min=2,
        stale_ns=5 * MINUTE,
        account_kinds=CLIENTS,
    ),
    CollateralAsset(  # its licence has ended before the stream begins
        symbol="OLD",
        kind=words.ASSET_STABLECOIN,
        issuer=3,
        licence="C1",
        licensed_until_ns=START_NS,
        par_ppb=2 * PPB,
        haircuts=steps((0, 10), (500_000, 100)),
        discount_ppb=1 * PERCENT,
        asset_value_max=3_000_000,
        depeg_ppb=PERCENT // 2,
        impaired_haircut_ppb=30 * PERCENT,
        impaired_step_ns=MINUTE,
        stale_ns=5 * MINUTE,
        account_kinds=(*CLIENTS, words.KIND_LIQUIDITY_PROVIDER),
    ),
)

STABLECOIN = SettlementAsset(  # its licence ends within the stream
    symbol="HKD1",
    kind=words.ASSET_STABLECOIN,
    issuer=9,
    licence="B1",
    licensed_until_ns=START_NS + 6 * MINUTE,
)
