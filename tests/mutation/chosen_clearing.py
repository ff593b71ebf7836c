"""Bugs of margin, solvency and waterfall that somebody might make: see `chosen.py`."""

from tests.mutation.planted import Row

MARGIN = (
    Row(
        "risk/tiers.py",
        "        multiply_rate_ceil(notional, tier.rate_maintenance_ppb) -"
        " tier.deduction_maintenance\n",
        "        notional * tier.rate_maintenance_ppb // PPB - tier.deduction_maintenance\n",
        "maintenance is rounded down",
        "8.1",
    ),
    Row(
        "risk/tiers.py",
        "floor_value <= notional:",
        "floor_value < notional:",
        "a tier begins one unit late",
        "8.1",
    ),
    Row(
        "risk/tiers.py",
        "tier.rate_initial_ppb) - tier.deduction_initial\n    maintenance",
        "tier.rate_initial_ppb)\n    maintenance",
        "the rate of the highest tier holds for the whole notional",
        "8.1",
    ),
    Row(
        "risk/tiers.py",
        "    return max(margin, multiply_rate_ceil(notional, floor_ppb))\n",
        "    tier = TIER(arena, tier_of(arena, contract, notional))\n"
        "    if floor_ppb > tier.rate_initial_ppb:\n"
        "        return multiply_rate_ceil(notional, floor_ppb)\n"
        "    return margin\n",
        "a floor does not bind where it is not above the rate of the tier",
        "8.1",
    ),
    Row(
        "risk/tiers.py",
        "    margin += multiply_divide_ceil(notional - margin, above_lots, line_lots)\n",
        "    margin += multiply_divide_ceil(notional, above_lots, line_lots)\n",
        "open interest asks for more than the notional in the end",
        "8.6",
    ),
    Row(
        "risk/tiers.py",
        "    rise_ppb = multiply_divide_ceil(PPB - own_ppb, above_lots, line_lots)\n",
        "    rise_ppb = (PPB - own_ppb) * above_lots // line_lots\n",
        "the rate of a reserve on its line is rounded down",
        "8.6",
    ),
    Row(
        "risk/tiers.py",
        "compute_line(terms, terms.long_lots + opened_lots)\n",
        "compute_line(terms, terms.long_lots)\n",
        "one order jumps the line of open interest",
        "8.6",
    ),
    Row(
        "risk/reserve.py",
        "        opened_lots = compute_opened_lots(held_lots, lots_buy, lots_sell)\n",
        "        opened_lots = max(worst_lots - absolute(held_lots), 0)\n",
        "who turns a position over jumps the line of open interest",
        "8.6",
    ),
    Row(
        "engine/transition/admission.py",
        "    if raised <= 0 and not in_portfolio:\n",
        "    if raised <= 0:\n",
        "what a portfolio sells behind a far bid is not looked at",
        "8.7",
    ),
    Row(
        "risk/tiers.py",
        "lots) * terms.mark_size, max(rate_ppb, floor_ppb))\n",
        "lots) * terms.mark_size, floor_ppb)\n",
        "what open interest asks for is netted",
        "8.7",
    ),
    Row(
        "risk/portfolio.py",
        "    return max(unnetted, multiply_rate_ceil(margin, ",
        "    return max(0, multiply_rate_ceil(margin, ",
        "a cap of leverage is netted",
        "8.1",
    ),
    Row(
        "risk/reserve.py",
        "        reserve = multiply_divide(reserve, lots, open_lots)\n",
        "        reserve = -(-reserve * lots // open_lots)\n",
        "a fill releases its reserve rounded up",
        "8.2",
    ),
    Row(
        "risk/reserve.py",
        "(side if value > 0 else SELL - side)\n",
        "(0 if value > 0 else SELL - side)\n",
        "a sell below the mark is reserved at its limit",
        "8.2",
    ),
    Row(
        "risk/reserve.py",
        "    return loss + multiply_rate_ceil(reserved, terms.fee_worst_ppb)\n",
        "    return multiply_rate_ceil(reserved, terms.fee_worst_ppb)\n",
        "the opening loss against the mark is not reserved",
        "8.2",
    ),
    Row(
        "risk/margin.py",
        "        return max(margin + reserve_buy, reserve_sell - margin)\n",
        "        return max(margin + reserve_buy, reserve_sell)\n",
        "orders that close a long reserve as if they opened",
        "8.2",
    ),
    Row(
        "risk/worth.py",
        "    return held.lots * terms.mark_value - held.entry_value - owed\n",
        "    return held.lots * terms.mark_value - held.entry_value\n",
        "equity forgets funding that is owed",
        "8.3",
    ),
    Row(
        "risk/settlement.py",
        "    return min(multiply_rate_ceil(value, terms.fee_taker_ppb), max(equity, 0))\n",
        "    return min(multiply_rate_floor(value, terms.fee_taker_ppb), max(equity, 0))\n",
        "the taker's fee is rounded down",
        "8.8",
    ),
    Row(
        "risk/settlement.py",
        "        return -min(multiply_rate_floor(value, -terms.fee_maker_ppb), taker_fee)\n",
        "        return -multiply_rate_floor(value, -terms.fee_maker_ppb)\n",
        "a rebate is more than the taker's fee pays for",
        "8.8",
    ),
    Row(
        "risk/settlement.py",
        "        return -min(multiply_rate_floor(value, -terms.fee_maker_ppb), taker_fee)\n",
        "        return -min(multiply_rate_ceil(value, -terms.fee_maker_ppb), taker_fee)\n",
        "a rebate is rounded up",
        "8.8",
    ),
    Row(
        "risk/settlement.py",
        "        part = multiply_divide_trunc(part, closed, absolute(before))\n",
        "        part = part * closed // absolute(before)\n",
        "the closed share of a negative entry value is rounded down",
        "1.5",
    ),
    Row(
        "risk/isolation.py",
        "    return find_trading_account(arena, account, contract)\n",
        "    return account\n",
        "an isolated contract trades on the account's own margin",
        "8.5",
    ),
    Row(
        "engine/transition/isolation.py",
        "    if absolute(amount) > compute_withdrawable(arena, giver):\n",
        "    if amount > compute_withdrawable(arena, giver):\n",
        "margin that an isolated position needs is moved out",
        "8.5",
    ),
    Row(
        "risk/portfolio.py",
        "    return max(compute_risk(arena, account, contract, lots), floor)\n",
        "    return compute_risk(arena, account, contract, lots)\n",
        "a portfolio's maintenance falls below its floor",
        "8.7",
    ),
    Row(
        "risk/portfolio.py",
        "        worst = min(worst, result.value)\n",
        "        worst += min(0, result.value)\n",
        "a portfolio bears all moves at once",
        "8.7",
    ),
    Row(
        "risk/portfolio.py",
        "        margin += max(held.reserve_buy, held.reserve_sell) + held.loss_fee\n",
        "        margin += max(held.reserve_buy, held.reserve_sell)\n",
        "a portfolio's orders are not asked for their losses and fees",
        "8.7",
    ),
    Row(
        "risk/portfolio.py",
        "    beyond = max(0, notional - terms.concentration_value)\n",
        "    beyond = notional\n",
        "concentration costs from the first lot on",
        "8.7",
    ),
    Row(
        "risk/bands.py",
        "    note_band(arena, row)\n",
        "",
        "a block's summary is not narrowed to a new band",
        "9.1",
    ),
    Row(
        "risk/bands.py",
        "    shift.low_value += growth + raised\n",
        "    shift.low_value += growth\n",
        "a mark that runs with funding raises maintenance unseen",
        "9.1",
    ),
    Row(
        "risk/bands.py",
        "        empty_bands(arena, contract)\n",
        "",
        "shifts that begin anew leave the bands as they were",
        "9.1",
    ),
    Row(
        "risk/counterparties.py",
        "        set_bands(arena, account, equity, maintenance)\n",
        "",
        "an account that has changed keeps its old bands",
        "9.1",
    ),
    Row(
        "risk/ledger.py",
        "    note_dirty(arena, account)\n",
        "",
        "a change of cash does not void the account's bands",
        "9.1",
    ),
    Row(
        "risk/supervision.py",
        "    value_changed(arena)\n",
        "",
        "the dirty accounts are not valued before a scan",
        "9.1",
    ),
)

SOLVENCY = (
    Row(
        "engine/transition/sweep.py",
        "        reason = check_maker(arena, contract)\n",
        "        reason = 0\n",
        "a maker's solvency is not checked",
        "9.0",
    ),
    Row(
        "engine/transition/sweep.py",
        "motion.price_ticks, motion.asked_lots, motion.equity\n    )\n",
        "motion.price_ticks, motion.asked_lots, motion.equity\n    ) + 1\n",
        "an aggressor fills one lot more than leaves it solvent",
        "9.0",
    ),
    Row(
        "engine/transition/sweep.py",
        "    if motion.gain > motion.asked_lots * CONTRACT(arena, contract).slip_value:\n"
        "        if is_maker_beyond_slippage(arena) == 1:\n"
        "            return CANCEL_SLIPPAGE\n",
        "",
        "a maker below maintenance fills beyond the slippage",
        "9.0",
    ),
    Row(
        "engine/transition/auction_trial.py",
        "    if equity < 0:\n        return CANCEL_SOLVENCY\n",
        "",
        "an auction does not check solvency",
        "9.0",
    ),
    Row(
        "engine/transition/sweep.py",
        "    if motion.equity < maintenance_of(arena, account):\n"
        "        note_suspect(arena, account)\n",
        "",
        "an aggressor whom its fill leaves below maintenance is not looked at",
        "9.1",
    ),
    Row(
        "risk/supervision.py",
        "        elif equity < maintenance:\n",
        "        elif equity <= maintenance:\n",
        "a suspect at its maintenance is liquidated",
        "9.1",
    ),
    Row(
        "risk/supervision.py",
        "    return a.account < b.account\n",
        "    return a.account > b.account\n",
        "equal hits come by the higher id",
        "9.2",
    ),
    Row(
        "risk/liquidation_queue.py",
        "    return a < b if a != b else left < right\n",
        "    return a > b if a != b else left < right\n",
        "the queue takes the healthiest first",
        "9.2",
    ),
    Row(
        "risk/liquidation_queue.py",
        "        if ready_ns <= engine.clock_ns:\n",
        "        if ready_ns < engine.clock_ns:\n",
        "a cooldown ends a nanosecond late",
        "9.2",
    ),
    Row(
        "engine/state/values.py",
        "        price_ticks = -(-value // (lots * terms.tick_value))\n",
        "        price_ticks = value // (lots * terms.tick_value)\n",
        "the bankruptcy limit is rounded to the later price",
        "9.3",
    ),
    Row(
        "risk/liquidation.py",
        "    return multiply_rate_ceil(maintenance, PPB + terms.liquidation_buffer_ppb)\n",
        "    return maintenance * (PPB + terms.liquidation_buffer_ppb) // PPB\n",
        "a liquidation ends a unit below its target",
        "9.2",
    ),
    Row(
        "risk/settlement.py",
        "    return min(fee, max(min(surplus, equity), 0))\n",
        "    return min(fee, max(equity, 0))\n",
        "the liquidation fee takes more than the surplus",
        "9.4",
    ),
)

WATERFALL = (
    Row(
        "engine/transition/waterfall.py",
        "        charge = multiply_divide(charge_left, cost, cost_left) if cost > 0 else 0\n"
        "        charge_left -= charge\n"
        "        cost_left -= cost\n",
        "        charge = multiply_divide(charge_left, cost, cost_left) if cost > 0 else 0\n",
        "a deficit is split without running remainders",
        "9.3",
    ),
    Row(
        "engine/transition/waterfall.py",
        "    settle_all_funding(arena, debtor)\n",
        "",
        "a debtor's funding is not settled before its positions go",
        "7.3",
    ),
    Row(
        "engine/transition/waterfall.py",
        "    pair_off(arena, contract, position)\n    hit.given_up",
        "    hit.given_up",
        "holders are deleveraged before opposite debtors are paired off",
        "9.7",
    ),
    Row(
        "engine/transition/waterfall.py",
        "    paid = pay_from_fund(arena, debtor, deficit)\n"
        "    if paid > 0:\n"
        "        cover_if_short(arena, FUND)\n"
        "        note_suspect(arena, FUND)\n"
        "    hit.fund += paid\n"
        "    deficit -= paid\n"
        "    hit.house = pay_from_house(arena, debtor, deficit)\n"
        "    hit.haircut = deficit - hit.house\n",
        "    hit.house = pay_from_house(arena, debtor, deficit)\n"
        "    deficit -= hit.house\n"
        "    paid = pay_from_fund(arena, debtor, deficit)\n"
        "    if paid > 0:\n"
        "        cover_if_short(arena, FUND)\n"
        "        note_suspect(arena, FUND)\n"
        "    hit.fund += paid\n"
        "    hit.haircut = deficit - paid\n",
        "the house layer pays before the fund",
        "9.8",
    ),
    Row(
        "engine/transition/waterfall.py",
        "        stop_withdrawals(arena, uncovered)\n",
        "",
        "withdrawals go on behind an uncovered deficit",
        "9.8",
    ),
    Row(
        "risk/haircut.py",
        "    if extra.step != ENGINE(arena, 0).step:\n        return 0\n",
        "    if extra.step != ENGINE(arena, 0).step or account == 1:\n        return 0\n",
        "the fund's gains are not in the haircut",
        "9.8",
    ),
    Row(
        "risk/haircut.py",
        "    if extra.step != ENGINE(arena, 0).step:\n        return 0\n",
        "    if extra.step != ENGINE(arena, 0).step or (account > 1 and extra.kind != 0):\n"
        "        return 0\n",
        "gains of affiliates and liquidity providers are not in the haircut",
        "9.8",
    ),
    Row(
        "risk/haircut.py",
        "        base_left -= base\n",
        "",
        "a haircut is split without running remainders",
        "9.8",
    ),
    Row(
        "risk/haircut.py",
        "    ACCOUNT_EXTRA(arena, account).gain_step -= amount\n",
        "    pass\n",
        "what was given up in deleveraging is cut once more",
        "9.8",
    ),
    Row(
        "risk/insurance.py",
        "    limit_lots = max(cap_lots, absolute(held))\n",
        "    limit_lots = max(cap_lots, absolute(held)) + 1\n",
        "the fund takes a lot beyond its caps",
        "9.6",
    ),
    Row(
        "risk/insurance.py",
        "    amount = min(deficit, compute_loss_room(arena), max(0,"
        " compute_equity(arena, FUND)))\n",
        "    amount = min(deficit, max(0, compute_equity(arena, FUND)))\n",
        "the fund pays beyond its loss caps",
        "9.6",
    ),
    Row(
        "risk/insurance.py",
        "    pool.fund_loss_day += amount\n",
        "",
        "the fund's losses of a day are not counted",
        "9.6",
    ),
    Row(
        "risk/insurance.py",
        "    return lots * each + max(0, lots - (lots_total - rest))\n",
        "    return lots * each + min(lots, rest)\n",
        "the first lots bear the odd units, not the last",
        "9.3",
    ),
    Row(
        "risk/deleveraging.py",
        "        notional = rank.over - (middle - 1) * lot_value\n"
        "        equity = rank.under - (middle - 1) * given_each\n"
        "        if is_key_before(",
        "        notional = rank.over - (middle - 2) * lot_value\n"
        "        equity = rank.under - (middle - 2) * given_each\n"
        "        if is_key_before(",
        "a holder gives one lot too many before the next one's turn",
        "9.7",
    ),
    Row(
        "risk/deleveraging.py",
        "    return min(charge_each, gain_cap) if charge >= 0 else -charge_each\n",
        "    return charge_each if charge >= 0 else -charge_each\n",
        "a holder gives up more than its lots gained",
        "9.7",
    ),
    Row(
        "risk/deleveraging.py",
        "        lots_max = min(lots_max, candidate.equity // given_each)\n",
        "        lots_max = min(lots_max, candidate.equity // given_each + 1)\n",
        "deleveraging takes a holder below zero",
        "9.7",
    ),
    Row(
        "risk/deleveraging_queue.py",
        "    if profit >= 0:\n        return multiply_divide(share_ppb, leverage_ppb, PPB)\n",
        "    if profit >= 0:\n        return share_ppb\n",
        "the queue ranks by profit alone",
        "9.7",
    ),
    Row(
        "risk/ranking.py",
        "        return a.opened < b.opened\n",
        "        return a.opened > b.opened\n",
        "of equal ranks the younger position is deleveraged first",
        "9.7",
    ),
    Row(
        "risk/deleveraging_pro_rata.py",
        "        held_left -= held\n",
        "",
        "pro rata is split without running remainders",
        "9.7",
    ),
)
