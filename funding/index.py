"""The index: a weighted median of the healthy price sources (6.1)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import SOURCES_MAX
from engine.state.access import CONTRACT, SOURCE
from engine.state.arithmetic import absolute, multiply_rate_floor
from engine.state.events import emit

FRESH = 1  # the plain median over every source with a recent price: what outliers are judged by
USED = 2  # the weighted median over those that are not left out: the index


@kernel
def source_at(contract, k):
    return contract * SOURCES_MAX + k


@kernel
def is_counted(arena, row, which):
    source = SOURCE(arena, row)
    return source.fresh == 1 and (which == FRESH or source.out == 0)


@cold
def find_next_price(arena, contract, which, after):
    """The counted source that follows row `after` in the order of (price, source); -1 at the end.

    `after` -1 starts. Eight sources at most, so a scan beats a sorted structure.
    """
    found = -1
    for k in range(CONTRACT(arena, contract).sources):
        row = source_at(contract, k)
        if not is_counted(arena, row, which):
            continue
        price_ticks = SOURCE(arena, row).price_ticks
        if after >= 0:
            bar_ticks = SOURCE(arena, after).price_ticks
            if price_ticks < bar_ticks or (price_ticks == bar_ticks and row <= after):
                continue
        if found < 0 or price_ticks < SOURCE(arena, found).price_ticks:
            found = row
    return found


@kernel
def weight_of(arena, row, which):
    """Outliers are judged by one vote a source, else a heavy source could never be one."""
    return SOURCE(arena, row).weight if which == USED else 1


@cold
def compute_median(arena, contract, which):
    """The first price at which half of the weight is reached.

    When exactly half is reached there, the mean with the next price, rounded down: neither of two
    equal sources decides alone. 0 when no source counts.
    """
    total = 0
    for k in range(CONTRACT(arena, contract).sources):
        row = source_at(contract, k)
        if is_counted(arena, row, which):
            total += weight_of(arena, row, which)
    if total == 0:
        return 0
    row = find_next_price(arena, contract, which, -1)
    weight = weight_of(arena, row, which)
    while 2 * weight < total:
        row = find_next_price(arena, contract, which, row)
        weight += weight_of(arena, row, which)
    price_ticks = SOURCE(arena, row).price_ticks
    if 2 * weight == total:
        row = find_next_price(arena, contract, which, row)
        return (price_ticks + SOURCE(arena, row).price_ticks) // 2
    return price_ticks


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


@kernel
def find_stale_time(arena, contract):
    """When too few used sources will be fresh: the k-th newest of them + its limit + 1 ns."""
    terms = CONTRACT(arena, contract)
    for k in range(terms.sources):
        source = SOURCE(arena, source_at(contract, k))
        if not is_counted(arena, source_at(contract, k), USED):
            continue
        newer = 0
        same_before = 0
        for other in range(terms.sources):
            if is_counted(arena, source_at(contract, other), USED):
                time_ns = SOURCE(arena, source_at(contract, other)).time_ns
                if time_ns > source.time_ns:
                    newer += 1
                elif time_ns == source.time_ns and other < k:
                    same_before += 1
        if newer + same_before == terms.sources_healthy_min - 1:
            return source.time_ns + terms.source_stale_ns + 1
    return 0


@cold
def publish_index(arena, contract, now_ns):
    """Judge every source, publish the index with what was left out, and return it; 0: degraded."""
    terms = CONTRACT(arena, contract)
    stale = 0
    for k in range(terms.sources):
        source = SOURCE(arena, source_at(contract, k))
        source.fresh = 0
        if source.price_ticks != 0 and now_ns - source.time_ns <= terms.source_stale_ns:
            source.fresh = 1
        else:
            stale |= 1 << k
            source.back_ns = 0
    median_ticks = compute_median(arena, contract, FRESH)
    used = 0
    outliers = 0
    count = 0
    for k in range(terms.sources):
        source = SOURCE(arena, source_at(contract, k))
        if source.fresh == 0:
            continue
        judge_source(terms, source, median_ticks, now_ns)
        if source.out == 0:
            used |= 1 << k
            count += 1
        else:
            outliers |= 1 << k
    index_ticks = 0
    if count >= terms.sources_healthy_min:
        index_ticks = compute_median(arena, contract, USED)
        terms.stale_ns = find_stale_time(arena, contract)
    terms.index_ticks = index_ticks
    emit(
        arena, events.INDEX_PUBLISHED, contract, 0,
        index_ticks, used, stale, outliers, median_ticks, 0,
    )  # fmt: skip
    return index_ticks
