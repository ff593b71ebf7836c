"""Bugs of prices, funding, money and files that somebody might make: see `chosen.py`."""

from tests.mutation.planted import Row

PRICES = (
    Row(
        "funding/rate.py",
        "    return whole * rate_ppb + rest // PPB\n",
        "    return whole * rate_ppb - -rest // PPB\n",
        "the growth of the funding index is rounded up",
        "7.3",
    ),
    Row(
        "funding/rate.py",
        "    return (rest * rate_ppb + terms.funding_carry_ppb) % PPB\n",
        "    return rest * rate_ppb % PPB\n",
        "the remainder carried before is dropped",
        "7.3",
    ),
    Row(
        "funding/rate.py",
        "    return clamp(rate_ppb, -day_cap_ppb - day_ppb, day_cap_ppb - day_ppb)\n",
        "    return clamp(rate_ppb, -day_cap_ppb, day_cap_ppb)\n",
        "the cap of a day is one of an interval",
        "7.2",
    ),
    Row(
        "funding/rate.py",
        "premium_valid * 10 < terms.premium_count * 9:",
        "premium_valid * 10 <= terms.premium_count * 9:",
        "at exactly 90% of valid time the premium is 0",
        "7.1",
    ),
    Row(
        "funding/rate.py",
        "multiply_divide_trunc(rate_ppb, length_ns - terms.frozen_ns, length_ns)",
        "multiply_divide_trunc(rate_ppb, length_ns, length_ns)",
        "frozen time is paid for",
        "7.3",
    ),
    Row(
        "risk/ledger.py",
        "    owed = held.lots * (terms.funding_index - held.funding_index)\n",
        "    owed = max(held.lots, 0) * (terms.funding_index - held.funding_index)\n",
        "funding is paid by longs and received by nobody",
        "7.3",
    ),
    Row(
        "risk/settlement.py",
        "    if held.lots != 0 and held.funding_index != terms.funding_index:\n"
        "        settle_funding(arena, account, contract, position)\n",
        "",
        "a fill or a deleveraging does not settle funding first",
        "7.3",
    ),
    Row(
        "engine/transition/due.py",
        "        supervise_step(arena, 1)\n",
        "        supervise_step(arena, 0)\n",
        "a funding time trusts the bands",
        "7.3",
    ),
    Row(
        "funding/sources.py",
        "now_ns - source.time_ns <= terms.source_stale_ns:",
        "now_ns - source.time_ns < terms.source_stale_ns:",
        "a source is stale a nanosecond early",
        "6.1",
    ),
    Row(
        "funding/sources.py",
        "    while 2 * reached < total:\n",
        "    while 2 * reached <= total:\n",
        "of an even number of votes the upper decides",
        "6.1",
    ),
    Row(
        "funding/sources.py",
        "source.weight * rest_ppb > source.cap_ppb * weights:",
        "source.weight * PPB > source.cap_ppb * weights:",
        "caps of sources do not hold after the rest is shared out",
        "6.1",
    ),
    Row(
        "funding/mark.py",
        "    mark_ticks = clamp(mark_ticks, index_ticks - reach_ticks,"
        " index_ticks + reach_ticks)\n",
        "",
        "the mark leaves its band around the index",
        "6.2",
    ),
    Row(
        "funding/mark.py",
        "    if is_affiliated and terms.affiliates_priced == 0:\n        return\n",
        "",
        "an affiliate's trades move the last price",
        "6.2",
    ),
    Row(
        "funding/premium.py",
        "terms.sample_next_ns - term_ns <= terms.funding_hold_ns",
        "terms.sample_next_ns - term_ns < terms.funding_hold_ns",
        "a thin side's last value is dropped a nanosecond early",
        "7.1",
    ),
)

MONEY = (
    Row(
        "engine/state/values.py",
        "    if terms.rounding == ROUNDING_PER_FILL:\n",
        "    if terms.rounding > ROUNDING_PER_FILL:\n",
        "a fill that is rounded once is worth the sum of its lots",
        "1.2",
    ),
    Row(
        "engine/state/values.py",
        "    return round_half_even(lots * lot_whole + whole, rest, price_ticks)\n",
        "    return lots * lot_whole + round_half_even(whole, rest, price_ticks)\n",
        "half of a unit goes to the even of a part of the value",
        "1.2",
    ),
    Row(
        "engine/transition/money.py",
        "    if POOL(arena, 0).settlement_barred >> kind & 1 == 1:\n"
        "        return refusals.KIND_NOT_PERMITTED\n",
        "",
        "an account is opened in a coin that its kind may not hold",
        "10.1",
    ),
    Row(
        "engine/transition/money.py",
        "    has_ended = until_ns != 0 and until_ns <= ENGINE(arena, 0).clock_ns\n",
        "    has_ended = until_ns != 0 and until_ns < ENGINE(arena, 0).clock_ns\n",
        "the settlement asset is taken at the time at which its licence ends",
        "10.3",
    ),
    Row(
        "risk/collateral.py",
        "            lost += multiply_rate_ceil(top - step.floor_value, haircut_ppb)\n",
        "            lost += (top - step.floor_value) * haircut_ppb // PPB\n",
        "a haircut is rounded for the client",
        "10.2",
    ),
    Row(
        "risk/collateral.py",
        "    return min(price_ppb, par_ppb) if par_ppb > 0 else price_ppb\n",
        "    return price_ppb\n",
        "a pegged asset counts for more than par",
        "10.2",
    ),
    Row(
        "risk/collateral.py",
        "    value = min(value_at(quantity, price_ppb), record.account_value_max)\n",
        "    value = value_at(quantity, price_ppb)\n",
        "the cap of an account's holding is gone",
        "10.2",
    ),
    Row(
        "risk/collateral_prices.py",
        "    raise_ppb = min(PPB, record.raise_ppb + record.impaired_haircut_ppb)\n",
        "    raise_ppb = PPB + 0\n",
        "an impaired asset's haircut rises in one step",
        "10.3",
    ),
    Row(
        "risk/cover.py",
        "    return multiply_rate_floor(proceeds, PPB - COLLATERAL(arena, asset).discount_ppb)\n",
        "    return proceeds\n",
        "a conversion forgets its discount",
        "10.4",
    ),
    Row(
        "risk/cover.py",
        "    return multiply_divide_ceil(multiply_divide_ceil(need, PPB,"
        " share_ppb), PPB, price_ppb)\n",
        "    return multiply_divide_ceil(need * PPB // share_ppb, PPB, price_ppb)\n",
        "a conversion is rounded down on the way and pays too little",
        "10.4",
    ),
    Row(
        "risk/cover.py",
        "    settle_all_funding(arena, account)\n    while ACCOUNT",
        "    while ACCOUNT",
        "profits are re-struck before funding is settled",
        "8.4",
    ),
    Row(
        "risk/cover.py",
        "        amount = min(profit, -ACCOUNT(arena, account).cash)\n",
        "        amount = profit\n",
        "more profit is re-struck than cash needs",
        "8.4",
    ),
    Row(
        "engine/transition/withdrawals.py",
        "    tenth = (compute_notional(arena, account) + 9) // 10\n",
        "    tenth = compute_notional(arena, account) // 10\n",
        "a tenth of the notional is rounded down",
        "8.3",
    ),
    Row(
        "engine/transition/withdrawals.py",
        "    cash = ACCOUNT(arena, account).cash - compute_owed(arena, account)\n",
        "    cash = ACCOUNT(arena, account).cash + 0\n",
        "cash that is owed in funding is withdrawn",
        "8.3",
    ),
    Row(
        "engine/transition/withdrawals.py",
        "    return refusals.WITHDRAWALS_STOPPED if POOL(arena, 0).withdrawals_stopped != 0"
        " else refusals.OK\n",
        "    return refusals.OK\n",
        "a stop of withdrawals stops nobody",
        "9.8",
    ),
    Row(
        "engine/transition/withdrawals.py",
        "            if CONTRACT(arena, contract).state != STATE_CONTINUOUS:\n"
        "                return False\n",
        "",
        "money leaves while a contract of the account does not trade",
        "5.4",
    ),
    Row(
        "risk/withdrawals.py",
        "        if record.amount > 0 and record.client_id == client_id:\n",
        "        if record.amount > 0:\n",
        "a withdrawal is confirmed under any client id",
        "10.6",
    ),
    Row(
        "risk/withdrawals.py",
        "        POOL(arena, 0).deposits_net -= record.amount\n",
        "",
        "what is paid out stays in the pool's books",
        "10.6",
    ),
)

JOURNAL = (
    Row(
        "engine/journal/record_file.py",
        "        if zlib.crc32(part.view(np.uint8).data) != checksums[block]:\n",
        "        if len(part) == 0:\n",
        "the checksum of a block is not compared",
        "13.1",
    ),
    Row(
        "engine/journal/record_file.py",
        "    if zlib.crc32(checksums) != header.blocks_checksum:\n",
        "    if len(checksums) % 4 != 0:\n",
        "the checksum of the checksums is not compared",
        "13.1",
    ),
    Row(
        "engine/journal/record_file.py",
        "            self._block_open = zlib.crc32(octets, self._block_open)\n",
        "            self._block_open = zlib.crc32(octets)\n",
        "a block's checksum covers only what was appended last",
        "13.1",
    ),
    Row(
        "engine/journal/record_file.py",
        "    if zlib.crc32(text) != header.config_checksum:\n",
        "    if len(text) != header.config_bytes:\n",
        "the checksum of the configuration is not compared",
        "13.1",
    ),
    Row(
        "engine/journal/record_file.py",
        "    if header.version > layout.version:\n",
        "    if header.version > layout.version + 1:\n",
        "a file of the next version is read as one of this",
        "13.2",
    ),
    Row(
        "engine/journal/record_file.py",
        "    if have > need:\n",
        "    if have > need + 64:\n",
        "a file with something behind its end is read",
        "13.1",
    ),
    Row(
        "engine/journal/record_file.py",
        "            if kind is None:\n                self.publish()\n",
        "            self.publish()\n",
        "a writer that failed publishes what it has",
        "13.1",
    ),
    Row(
        "engine/journal/command_file.py",
        "    return find_stray_fault(ZERO_MASKS, records,"
        ' lambda kind: f"a command of kind {kind}")\n',
        "    return None\n",
        "bytes that no field covers are read",
        "13.1",
    ),
)
