"""Price sources of a contract: fresh or not, in or out, their shares, and the price of the asset
that they price (6.1)."""

from engine.kernel import cold, kernel
from engine.schema.bounds import PPB, SOURCES_MAX
from engine.schema.vocabulary import INDEX_CLAMPED_MEAN, SOURCE_PERPETUAL
from engine.state.access import CONTRACT, SOURCE
from engine.state.arithmetic import absolute, clamp, multiply_rate_floor

# Which sources a median is over
FRESH = 1  # those of an asset with a recent price, one vote each: what outliers are judged by
USED = 2  # those of an asset that are not left out, by share: its price
EXTERNAL = 3  # other venues' perpetuals, by weight: a term of the mark


@kernel
def source_at(contract, k):
    return contract * SOURCES_MAX + k


@kernel
def is_counted(arena, row, asset, which):
    source = SOURCE(arena, row)
    if source.fresh == 0:
        return False
    if which == EXTERNAL:
        return source.kind == SOURCE_PERPETUAL
    is_of_asset = source.kind != SOURCE_PERPETUAL and source.asset == asset
    return is_of_asset and (which == FRESH or source.out == 0)


@kernel
def votes_of(arena, row, which):
    """Outliers are judged by one vote a source, else a heavy source could never be one."""
    if which == FRESH:
        return 1
    source = SOURCE(arena, row)
    return source.share + 0 if which == USED else source.weight + 0


@cold
def find_next_price(arena, contract, asset, which, after):
    """The counted source that follows row `after` in the order of (price, source); -1 at the end.

    `after` -1 starts. Eight sources at most, so a scan beats a sorted structure.
    """
    found = -1
    for k in range(CONTRACT(arena, contract).sources):
        row = source_at(contract, k)
        if not is_counted(arena, row, asset, which):
            continue
        price_ticks = SOURCE(arena, row).price_ticks
        if after >= 0:
            bar_ticks = SOURCE(arena, after).price_ticks
            if price_ticks < bar_ticks or (price_ticks == bar_ticks and row <= after):
                continue
        if found < 0 or price_ticks < SOURCE(arena, found).price_ticks:
            found = row
    return found


@cold
def compute_median(arena, contract, asset, which):
    """The first price at which half of the votes are reached.

    When exactly half are reached there, the mean with the next price, rounded down: neither of two
    equal sources decides alone. 0 when no source counts.
    """
    total = 0
    for k in range(CONTRACT(arena, contract).sources):
        row = source_at(contract, k)
        if is_counted(arena, row, asset, which):
            total += votes_of(arena, row, which)
    if total == 0:
        return 0
    row = find_next_price(arena, contract, asset, which, -1)
    reached = votes_of(arena, row, which)
    while 2 * reached < total:
        row = find_next_price(arena, contract, asset, which, row)
        reached += votes_of(arena, row, which)
    price_ticks = SOURCE(arena, row).price_ticks
    if 2 * reached == total:
        row = find_next_price(arena, contract, asset, which, row)
        return (price_ticks + SOURCE(arena, row).price_ticks) // 2
    return price_ticks


@cold
def refresh_sources(arena, contract, now_ns):
    """Note which sources have a recent price; returns a bitmap of those that have none."""
    terms = CONTRACT(arena, contract)
    stale = 0
    for k in range(terms.sources):
        source = SOURCE(arena, source_at(contract, k))
        source.fresh = 0
        source.capped = 0
        if source.price_ticks != 0 and now_ns - source.time_ns <= terms.source_stale_ns:
            source.fresh = 1
        else:
            stale |= 1 << k
            source.back_ns = 0
    return stale


@kernel
def judge_source(terms, source, median_ticks, now_ns):
    """Leave a deviating source out; let it in again after its dwell inside the narrower band."""
    deviation_ticks = absolute(source.price_ticks - median_ticks)
    if source.out == 0:
        if deviation_ticks > multiply_rate_floor(median_ticks, terms.source_outlier_ppb):
            source.out = 1
            source.back_ns = 0
    elif deviation_ticks > multiply_rate_floor(median_ticks, terms.source_reentry_ppb):
        source.back_ns = 0
    else:
        if source.back_ns == 0:
            source.back_ns = now_ns
        if now_ns - source.back_ns >= terms.source_reentry_ns:
            source.out = 0


@cold
def judge_sources(arena, contract, asset, median_ticks, now_ns):
    """Judge an asset's fresh sources; returns how many of them are used."""
    terms = CONTRACT(arena, contract)
    used = 0
    for k in range(terms.sources):
        row = source_at(contract, k)
        if is_counted(arena, row, asset, FRESH):
            judge_source(terms, SOURCE(arena, row), median_ticks, now_ns)
            used += 1 if SOURCE(arena, row).out == 0 else 0
    return used


@kernel
def sum_uncapped(arena, contract, asset):
    """(share left beside the capped sources, weights of the other used ones)."""
    terms = CONTRACT(arena, contract)
    rest_ppb = PPB
    weights = 0
    for k in range(terms.sources):
        row = source_at(contract, k)
        if is_counted(arena, row, asset, USED):
            source = SOURCE(arena, row)
            if source.capped == 1:
                rest_ppb -= source.cap_ppb
            else:
                weights += source.weight
    return rest_ppb, weights


@cold
def cap_sources(arena, contract, asset):
    """One round: cap every used source above its cap among those not capped yet; returns how many.

    A source is capped for good: capping another one only raises what the rest must share.
    """
    terms = CONTRACT(arena, contract)
    rest_ppb, weights = sum_uncapped(arena, contract, asset)
    capped = 0
    for k in range(terms.sources):
        row = source_at(contract, k)
        if is_counted(arena, row, asset, USED):
            source = SOURCE(arena, row)
            if source.capped == 0 and source.weight * rest_ppb > source.cap_ppb * weights:
                source.capped = 1
                capped += 1
    return capped


@cold
def share_sources(arena, contract, asset):
    """Give every used source its share, within its cap, on a scale on which all are whole numbers;
    0 when the caps can't be held: those that are left are too few for them."""
    while cap_sources(arena, contract, asset) > 0:
        pass
    terms = CONTRACT(arena, contract)
    rest_ppb, weights = sum_uncapped(arena, contract, asset)
    for k in range(terms.sources):
        row = source_at(contract, k)
        if is_counted(arena, row, asset, USED):
            source = SOURCE(arena, row)
            if source.capped == 1:
                source.share = source.cap_ppb * weights
            else:
                source.share = source.weight * rest_ppb
    return 1 if weights > 0 else 0


@cold
def compute_clamped_mean(arena, contract, asset, median_ticks):
    """The mean by share of the used prices, each held near the median; rounded down, exact.

    Of capped sources cap x price adds up, of the others weight x price; the sum of the latter is
    split at the sum of weights, so that no product of three factors is needed.
    """
    terms = CONTRACT(arena, contract)
    rest_ppb, weights = sum_uncapped(arena, contract, asset)
    reach_ticks = multiply_rate_floor(median_ticks, terms.index_clamp_ppb)
    capped = 0
    uncapped = 0
    for k in range(terms.sources):
        row = source_at(contract, k)
        if is_counted(arena, row, asset, USED):
            source = SOURCE(arena, row)
            price_ticks = clamp(
                source.price_ticks, median_ticks - reach_ticks, median_ticks + reach_ticks
            )
            if source.capped == 1:
                capped += source.cap_ppb * price_ticks
            else:
                uncapped += source.weight * price_ticks
    whole = uncapped // weights
    rest = uncapped - whole * weights
    return (capped + rest_ppb * whole + rest_ppb * rest // weights) // PPB


@cold
def price_asset(arena, contract, asset, median_ticks, now_ns):
    """The price of one asset out of its sources, 0 when too few are healthy or the caps of their
    shares can't be held."""
    terms = CONTRACT(arena, contract)
    used = judge_sources(arena, contract, asset, median_ticks, now_ns)
    if used < terms.sources_healthy_min or share_sources(arena, contract, asset) == 0:
        return 0
    if terms.index_method == INDEX_CLAMPED_MEAN:
        return compute_clamped_mean(arena, contract, asset, median_ticks)
    return compute_median(arena, contract, asset, USED)


@kernel
def sum_newer(arena, contract, asset, k):
    """(how many used sources of the asset are newer than its k-th, their caps); at one time the
    one with the lower number counts as newer."""
    source = SOURCE(arena, source_at(contract, k))
    newer = 0
    caps_ppb = 0
    for other in range(CONTRACT(arena, contract).sources):
        row = source_at(contract, other)
        if other != k and is_counted(arena, row, asset, USED):
            beside = SOURCE(arena, row)
            is_before = beside.time_ns == source.time_ns and other < k
            if beside.time_ns > source.time_ns or is_before:
                newer += 1
                caps_ppb += beside.cap_ppb
    return newer, caps_ppb


@kernel
def is_enough(terms, count, caps_ppb):
    """Whether so many sources with these caps make a price: shares within caps that add up to less
    than the whole can't be had."""
    return count >= terms.sources_healthy_min and caps_ppb >= PPB


@cold
def find_stale_time(arena, contract, asset):
    """When the used sources of an asset that are still fresh will be too few, or can't hold the
    caps of their shares any more: the time of the one without which the newer ones are not enough,
    + its limit + 1 ns; 0 when they are not enough now."""
    terms = CONTRACT(arena, contract)
    for k in range(terms.sources):
        row = source_at(contract, k)
        if not is_counted(arena, row, asset, USED):
            continue
        newer, caps_ppb = sum_newer(arena, contract, asset, k)
        if is_enough(terms, newer, caps_ppb):
            continue
        if is_enough(terms, newer + 1, caps_ppb + SOURCE(arena, row).cap_ppb):
            return SOURCE(arena, row).time_ns + terms.source_stale_ns + 1
    return 0
