"""The index: what its constituents are worth, of the prices that healthy sources give (6.1)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import ASSETS_MAX
from engine.schema.vocabulary import SOURCE_PERPETUAL
from engine.state.access import ASSET, CONTRACT, SOURCE
from engine.state.events import emit
from funding.sources import (
    FRESH,
    compute_median,
    find_stale_time,
    price_asset,
    refresh_sources,
    source_at,
)


@kernel
def asset_at(contract, asset):
    return contract * ASSETS_MAX + asset


@cold
def compute_basket(arena, contract):
    """Units times price over all constituents; 0 when one of them has no price."""
    value = 0
    for k in range(CONTRACT(arena, contract).assets):
        asset = ASSET(arena, asset_at(contract, k))
        if asset.price_ticks == 0:
            return 0
        value += asset.units_ppb * asset.price_ticks
    return value


@cold
def price_constituents(arena, contract, now_ns):
    """Price every constituent; of a basket each is published."""
    terms = CONTRACT(arena, contract)
    for k in range(terms.assets):
        asset = ASSET(arena, asset_at(contract, k))
        asset.median_ticks = compute_median(arena, contract, k, FRESH)
        asset.price_ticks = price_asset(arena, contract, k, asset.median_ticks, now_ns)
        if terms.assets > 1:
            emit(
                arena, events.CONSTITUENT_PUBLISHED, contract, 0, k,
                asset.price_ticks, asset.median_ticks, asset.units_ppb, terms.divisor_ppb, 0,
            )  # fmt: skip
    return 0


@cold
def find_stale_time_of_all(arena, contract):
    """When the first constituent will have too few fresh sources."""
    stale_ns = find_stale_time(arena, contract, 0)
    for k in range(1, CONTRACT(arena, contract).assets):
        stale_ns = min(stale_ns, find_stale_time(arena, contract, k))
    return stale_ns


@kernel
def bitmaps_of(arena, contract):
    """Which sources are used, left out as outliers, and held to their cap."""
    used = 0
    outliers = 0
    capped = 0
    for k in range(CONTRACT(arena, contract).sources):
        source = SOURCE(arena, source_at(contract, k))
        if source.fresh == 0 or source.kind == SOURCE_PERPETUAL:
            continue
        if source.out == 0:
            used |= 1 << k
        else:
            outliers |= 1 << k
        if source.capped == 1:
            capped |= 1 << k
    return used, outliers, capped


@cold
def publish_index(arena, contract, now_ns):
    """Judge every source, publish the index with what was left out, and return it; 0: degraded."""
    terms = CONTRACT(arena, contract)
    stale = refresh_sources(arena, contract, now_ns)
    price_constituents(arena, contract, now_ns)
    index_ticks = compute_basket(arena, contract) // terms.divisor_ppb
    if index_ticks < terms.price_ticks_min or index_ticks > terms.price_ticks_max:
        index_ticks = 0
    if index_ticks > 0:
        terms.stale_ns = find_stale_time_of_all(arena, contract)
    terms.index_ticks = index_ticks
    used, outliers, capped = bitmaps_of(arena, contract)
    emit(
        arena, events.INDEX_PUBLISHED, contract, 0, index_ticks,
        used, stale, outliers, ASSET(arena, asset_at(contract, 0)).median_ticks, capped,
    )  # fmt: skip
    return index_ticks
