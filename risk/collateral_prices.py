"""Prices of collateral assets, and what becomes of an asset that is impaired (10.2, 10.3)."""

from engine.kernel import cold, kernel
from engine.schema import events
from engine.schema.bounds import COLLATERAL_SOURCES_MAX, PPB
from engine.schema.vocabulary import IMPAIRED_LICENCE, IMPAIRED_SILENT
from engine.state.access import COLLATERAL, COLLATERAL_SOURCE, ENGINE
from engine.state.arithmetic import multiply_rate_floor
from engine.state.due import hasten_due
from engine.state.events import emit


@kernel
def is_fresh(arena, asset, row):
    """Whether a source has a price that is not too old."""
    source = COLLATERAL_SOURCE(arena, row)
    age_ns = ENGINE(arena, 0).clock_ns - source.time_ns
    return source.price_ppb > 0 and age_ns <= COLLATERAL(arena, asset).stale_ns


@cold
def count_fresh(arena, asset):
    """How many of the asset's sources have a price that is not too old."""
    count = 0
    first = asset * COLLATERAL_SOURCES_MAX
    for row in range(first, first + COLLATERAL(arena, asset).sources):
        if is_fresh(arena, asset, row):
            count += 1
    return count


@cold
def is_silent(arena, asset):
    """1 while too few of the asset's sources have a price that is not too old (10.2)."""
    return 1 if count_fresh(arena, asset) < COLLATERAL(arena, asset).sources_min else 0


@cold
def find_silence(arena, asset):
    """When the asset falls silent if nobody says anything more: at the first instant at which the
    latest price but so many as it needs is too old."""
    record = COLLATERAL(arena, asset)
    first = asset * COLLATERAL_SOURCES_MAX
    last = first + record.sources
    for row in range(first, last):
        source = COLLATERAL_SOURCE(arena, row)
        later = 0
        for other in range(first, last):
            time_ns = COLLATERAL_SOURCE(arena, other).time_ns
            if COLLATERAL_SOURCE(arena, other).price_ppb > 0:
                if time_ns > source.time_ns or (time_ns == source.time_ns and other < row):
                    later += 1
        if source.price_ppb > 0 and later == record.sources_min - 1:
            return source.time_ns + record.stale_ns + 1
    return 0


@cold
def note_heard(arena, asset):
    """Enough sources are fresh: silence comes when they are not any more."""
    silent_ns = find_silence(arena, asset)
    COLLATERAL(arena, asset).silent_next_ns = silent_ns
    hasten_due(arena, silent_ns)
    return 0


@cold
def find_median(arena, asset, fresh):
    """The median of the fresh prices, of an even number the lower of the middle two."""
    first = asset * COLLATERAL_SOURCES_MAX
    last = first + COLLATERAL(arena, asset).sources
    for row in range(first, last):
        if not is_fresh(arena, asset, row):
            continue
        price_ppb = COLLATERAL_SOURCE(arena, row).price_ppb + 0
        below = 0
        same = 0
        for other in range(first, last):
            if is_fresh(arena, asset, other):
                other_ppb = COLLATERAL_SOURCE(arena, other).price_ppb
                below += 1 if other_ppb < price_ppb else 0
                same += 1 if other_ppb == price_ppb else 0
        if below <= (fresh - 1) // 2 and (fresh - 1) // 2 < below + same:
            return price_ppb
    return 0


@kernel
def is_depegged(arena, asset):
    """Whether a pegged asset's price has fallen below its par by more than the share allowed."""
    record = COLLATERAL(arena, asset)
    if record.par_ppb == 0 or record.depeg_ppb == 0 or record.price_ppb == 0:
        return False
    return record.price_ppb < record.par_ppb - multiply_rate_floor(
        record.par_ppb, record.depeg_ppb
    )


@kernel
def has_licence_ended(arena, asset):
    until_ns = COLLATERAL(arena, asset).licensed_until_ns
    return until_ns != 0 and until_ns <= ENGINE(arena, 0).clock_ns


@kernel
def apply_impairment(arena, asset, reason):
    """The asset is impaired from now on: its haircut is raised, and will rise again."""
    record = COLLATERAL(arena, asset)
    record.impaired = reason
    record.raise_ppb = record.impaired_haircut_ppb
    if record.raise_ppb < PPB:
        record.raise_next_ns = ENGINE(arena, 0).clock_ns + record.impaired_step_ns
        hasten_due(arena, record.raise_next_ns)


@cold
def impair_asset(arena, asset, reason):
    """Impair an asset that is not impaired yet; returns 1 when it is now. What is impaired for its
    silence alone stays so for the new reason: it would end with the next prices, and must not."""
    record = COLLATERAL(arena, asset)
    impaired_before = record.impaired + 0
    if impaired_before == 0:
        apply_impairment(arena, asset, reason)
    elif impaired_before == IMPAIRED_SILENT and reason != IMPAIRED_SILENT:
        record.impaired = reason
    else:
        return 0
    raise_ppb = record.raise_ppb + 0
    emit(arena, events.COLLATERAL_IMPAIRED, 0, 0, asset, reason, raise_ppb, 0, 0, 0)
    return 1 if impaired_before == 0 else 0


@kernel
def clear_impairment(arena, asset):
    record = COLLATERAL(arena, asset)
    record.impaired = 0
    record.raise_ppb = 0
    record.raise_next_ns = 0


@cold
def end_silence(arena, asset):
    """Enough sources are fresh again: what was impaired for nothing but their silence recovers;
    returns 1 when it does."""
    if COLLATERAL(arena, asset).impaired != IMPAIRED_SILENT:
        return 0
    clear_impairment(arena, asset)
    emit(arena, events.COLLATERAL_RECOVERED, 0, 0, asset, 0, 0, 0, 0, 0)
    return 1


@cold
def fall_silent(arena, asset):
    """The asset's sources have been silent for too long; returns 1 when that impairs it. Its rises
    are counted from then on, also where the clock has been set behind it since (2.6)."""
    record = COLLATERAL(arena, asset)
    silent_ns = record.silent_next_ns + 0
    record.silent_next_ns = 0
    if impair_asset(arena, asset, IMPAIRED_SILENT) == 0:
        return 0
    if record.raise_next_ns != 0:
        record.raise_next_ns = silent_ns + record.impaired_step_ns
    return 1


@cold
def raise_haircut(arena, asset):
    """One more step of an impaired asset's haircut, at its time."""
    record = COLLATERAL(arena, asset)
    raise_ppb = min(PPB, record.raise_ppb + record.impaired_haircut_ppb)
    record.raise_ppb = raise_ppb
    if raise_ppb < PPB:
        record.raise_next_ns += record.impaired_step_ns
    else:
        record.raise_next_ns = 0
    emit(arena, events.COLLATERAL_IMPAIRED, 0, 0, asset, 0, raise_ppb, 0, 0, 0)
    return 0


@cold
def end_licence(arena, asset):
    """The licence of the asset's issuer ends now; returns 1 when that impairs it."""
    COLLATERAL(arena, asset).licence_next_ns = 0
    return impair_asset(arena, asset, IMPAIRED_LICENCE)


@cold
def note_licences(arena):
    """The clock is set for the first time: what has ended by then did so before there was anybody
    to tell (10.3)."""
    for asset in range(1, ENGINE(arena, 0).collaterals + 1):
        if has_licence_ended(arena, asset):
            COLLATERAL(arena, asset).licence_next_ns = 0
            if COLLATERAL(arena, asset).impaired == 0:
                apply_impairment(arena, asset, IMPAIRED_LICENCE)
    return 0
