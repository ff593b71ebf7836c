"""Bugs of book, auctions and admission that somebody might make: see `chosen.py`."""

from tests.mutation.planted import Row

BOOK = (
    Row(
        "engine/transition/sweep.py",
        "motion.maker_slot = LEVEL(arena, level_slot).head",
        "motion.maker_slot = LEVEL(arena, level_slot).tail",
        "the newest order of a level trades first",
        "4.1",
    ),
    Row(
        "engine/book/levels.py",
        "if side.best_key == NONE or key < side.best_key:",
        "if side.best_key == NONE or key > side.best_key:",
        "a worse price becomes the best",
        "4.1",
    ),
    Row(
        "engine/book/levels.py",
        "    for k in range(8):\n        words |=",
        "    for k in range(7):\n        words |=",
        "the last 64 prices of a page are forgotten when a better level goes",
        "4.1",
    ),
    Row(
        "engine/book/icebergs.py",
        "    unqueue_order(arena, slot)\n"
        "    order = ORDER(arena, slot)\n"
        "    extra = ORDER_EXTRA(arena, slot)\n"
        "    shown = min(extra.lots_display, extra.lots_hidden)\n"
        "    order.lots = shown\n"
        "    extra.lots_hidden -= shown\n"
        "    LADDER(arena, ladder_of(order.contract, order.side)).lots_hidden -= shown\n"
        "    queue_order(arena, slot)\n",
        "    order = ORDER(arena, slot)\n"
        "    extra = ORDER_EXTRA(arena, slot)\n"
        "    shown = min(extra.lots_display, extra.lots_hidden)\n"
        "    order.lots = shown\n"
        "    extra.lots_hidden -= shown\n"
        "    ladder = ladder_of(order.contract, order.side)\n"
        "    LADDER(arena, ladder).lots_hidden -= shown\n"
        "    LADDER(arena, ladder).lots += shown\n"
        "    key = key_of(order.price_ticks, order.side)\n"
        "    LEVEL(arena, find_level(arena, ladder, key)).lots += shown\n",
        "the next slice of an iceberg keeps the front of the level",
        "4.2",
    ),
    Row(
        "engine/book/icebergs.py",
        "return lots > display_lots * bounds.ICEBERG_SLICES_MAX",
        "return lots > display_lots * (bounds.ICEBERG_SLICES_MAX + 1)",
        "an iceberg may have one slice too many",
        "4.2",
    ),
    Row(
        "engine/book/triggers.py",
        "        return value_ticks >= trigger_ticks\n",
        "        return value_ticks > trigger_ticks\n",
        "a trailing stop fires a tick late",
        "4.2",
    ),
    Row(
        "engine/book/triggers.py",
        "    while key != NONE and key <= value_key:\n",
        "    while key != NONE and key < value_key:\n",
        "a trigger just reached stays armed",
        "4.2",
    ),
    Row(
        "engine/book/triggers.py",
        "reach_ticks = best_ticks * trail_bp // BP\n",
        "reach_ticks = -(-best_ticks * trail_bp // BP)\n",
        "the distance of a trailing stop is rounded away from the best value",
        "4.2",
    ),
    Row(
        "engine/book/timers.py",
        "        add_timer(arena, extra.expiry_ns, TIMER_EXPIRY, slot)\n",
        "        add_timer(arena, extra.expiry_ns + 1, TIMER_EXPIRY, slot)\n",
        "an order expires a nanosecond late",
        "4.2",
    ),
    Row(
        "engine/transition/due.py",
        "    while engine.due_ns != 0 and engine.due_ns <= now_ns:\n",
        "    while engine.due_ns != 0 and engine.due_ns < now_ns:\n",
        "what is due at the command's own time waits for the next one",
        "2.6",
    ),
    Row(
        "engine/transition/placing.py",
        "    if price_ticks == order.price_ticks and lots < open_lots:\n",
        "    if price_ticks == order.price_ticks and lots < open_lots + 2:\n",
        "an increase by one lot keeps priority",
        "4.4",
    ),
    Row(
        "engine/transition/orders.py",
        "    left = max(0, absolute(held.lots) - lots_ahead)\n",
        "    left = max(0, absolute(held.lots))\n",
        "reduce-only orders do not stand behind a liquidation order",
        "4.3",
    ),
    Row(
        "engine/transition/sweep.py",
        "        keep_reduce_only(arena, motion.maker_position, maker)\n",
        "",
        "a maker's reduce-only orders are not cut with its position",
        "4.3",
    ),
    Row(
        "engine/transition/sweep.py",
        "        keep_reduce_only(arena, position, account)\n",
        "",
        "an aggressor's reduce-only orders are not cut with its position",
        "4.3",
    ),
    Row(
        "engine/transition/admission.py",
        "    allowance = absolute(held.lots) - (held.lots_reduce_only - replaced_lots)\n",
        "    allowance = absolute(held.lots)\n",
        "an arriving reduce-only order does not count those that work already",
        "4.3",
    ),
    Row(
        "engine/transition/sweep.py",
        "ACCOUNT(arena, maker).group == motion.group and mode != STP_NONE:",
        "motion.maker == motion.account and mode != STP_NONE:",
        "self-trade prevention looks at the account, not at the group",
        "4.7",
    ),
    Row(
        "engine/transition/sweep.py",
        "    if resting_lots >= motion.leaves:\n",
        "    if resting_lots > motion.leaves:\n",
        "an aggressor decremented to nothing goes on",
        "4.7",
    ),
    Row(
        "engine/transition/auction_trial.py",
        "    return buyer if arrival_of(arena, buyer) > arrival_of(arena, seller) else seller\n",
        "    return buyer if arrival_of(arena, buyer) < arrival_of(arena, seller) else seller\n",
        "in an auction the earlier order's mode prevents a self-trade",
        "5.2",
    ),
    Row(
        "engine/transition/protection.py",
        "(window.lots_max > 0 and lots >= window.lots_max)",
        "(window.lots_max > 0 and lots > window.lots_max)",
        "protection trips a lot late",
        "4.8",
    ),
    Row(
        "engine/transition/protection.py",
        "    if now_ns - window.from_ns >= window.window_ns:\n",
        "    if now_ns - window.from_ns > window.window_ns:\n",
        "a window of protection is a nanosecond too long",
        "4.8",
    ),
    Row(
        "engine/transition/feasibility.py",
        "    if gain < 0 and after < 0:\n        return -1\n",
        "",
        "fill-or-kill counts what the aggressor can't afford",
        "4.2",
    ),
)

AUCTIONS = (
    Row(
        "engine/book/uncross.py",
        "    if bid_ticks == matched_bid_ticks:\n"
        "        return take_price(arena, bid_ticks, bid.level_lots + 0)\n",
        "    if bid_ticks == matched_bid_ticks:\n"
        "        return take_price(arena, matched_ask_ticks, bid.level_lots + 0)\n",
        "a surplus of buys picks the lowest price",
        "5.2",
    ),
    Row(
        "engine/book/uncross.py",
        "        return (low_ticks + high_ticks) // 2\n",
        "        return (low_ticks + high_ticks + 1) // 2\n",
        "the middle of a range is rounded up",
        "5.2",
    ),
    Row(
        "engine/book/uncross.py",
        "    if bid.level_lots < ask.level_lots:\n",
        "    if bid.level_lots <= ask.level_lots:\n",
        "two equal surpluses go to the bid without a look at the reference",
        "5.2",
    ),
    Row(
        "engine/book/uncross.py",
        "    return clamp(reference_ticks, low_ticks, high_ticks)\n",
        "    return high_ticks if reference_ticks > low_ticks else low_ticks\n",
        "the price goes to the end of the range, not to the reference in it",
        "5.2",
    ),
    Row(
        "engine/transition/band.py",
        "    return min(limit_key, far_key)\n",
        "    return limit_key\n",
        "a sweep goes on beyond the dynamic band",
        "5.3",
    ),
    Row(
        "funding/mark.py",
        "    terms.band_low_ticks = max(terms.price_ticks_min, mark_ticks - reach_ticks)\n",
        "    terms.band_low_ticks = max(terms.price_ticks_min, mark_ticks - reach_ticks - 1)\n",
        "the static band reaches a tick too low",
        "5.3",
    ),
    Row(
        "engine/transition/prices.py",
        "    cancel_outside_band(arena, contract, SELL)\n",
        "",
        "sells outside the band stay when the mark moves",
        "5.3",
    ),
)

ADMISSION = (
    Row(
        "engine/transition/admission.py",
        "    if ahead <= -WINDOW:\n",
        "    if ahead < -WINDOW:\n",
        "the window of client ids is one too wide",
        "2.4",
    ),
    Row(
        "engine/transition/admission.py",
        "    if has_bit(record.client_ids, -ahead) != 0:\n"
        "        return refusals.CLIENT_ID_DUPLICATE\n",
        "",
        "a client id is taken twice",
        "2.4",
    ),
    Row(
        "engine/transition/admission.py",
        "    record.client_ids = set_bit(record.client_ids, -ahead)\n",
        "",
        "an id that comes late may come again",
        "2.4",
    ),
    Row(
        "engine/transition/step.py",
        "    if time_ns < engine.clock_ns:\n",
        "    if time_ns < engine.clock_ns - 1:\n",
        "the clock may run backwards by a nanosecond",
        "2.2",
    ),
    Row(
        "engine/transition/step.py",
        "    if time_ns - engine.clock_ns > ahead_ns_max:\n",
        "    if time_ns - engine.clock_ns >= ahead_ns_max:\n",
        "a stamp at the limit is refused",
        "2.2",
    ),
    Row(
        "risk/eligibility.py",
        "clock_ns >= own.professional_until_ns:",
        "clock_ns > own.professional_until_ns:",
        "a professional's status ends a nanosecond late",
        "3.1",
    ),
    Row(
        "risk/eligibility.py",
        "    if own.disclosure < POOL(arena, 0).disclosure_version:\n",
        "    if own.disclosure + 1 < POOL(arena, 0).disclosure_version:\n",
        "the last disclosure but one is enough",
        "3.1",
    ),
    Row(
        "engine/transition/admission.py",
        "    if extra.messages > pool.messages_max and may_exceed == 0:\n",
        "    if extra.messages > pool.messages_max + 1 and may_exceed == 0:\n",
        "one message too many passes",
        "4.9",
    ),
    Row(
        "engine/transition/admission.py",
        "    if count_side_lots(arena, position, side) + added_lots > terms.position_lots_max:\n",
        "    if count_side_lots(arena, position, side) + added_lots >"
        " terms.position_lots_max + 1:\n",
        "a position may be a lot too large",
        "4.9",
    ),
    Row(
        "engine/transition/admission.py",
        "    if terms.long_lots + resting + lots > terms.open_interest_lots_max:\n",
        "    if terms.long_lots + lots > terms.open_interest_lots_max:\n",
        "open interest forgets what rests",
        "4.9",
    ),
    Row(
        "engine/transition/listing.py",
        "        and terms.hash_4 == hash_4\n",
        "",
        "a specification is approved by three quarters of its hash",
        "3.2",
    ),
    Row(
        "engine/transition/listing.py",
        "    if terms.unfit != 0:\n        return refusals.SPECIFICATION_UNFIT\n",
        "",
        "an unfit specification is approved",
        "3.2",
    ),
    Row(
        "engine/transition/listing.py",
        "    if terms.state != STATE_DRAFT:\n        return refusals.STATE_CHANGE_INVALID\n",
        "",
        "what is live can be approved again",
        "3.2",
    ),
)
