"""Bugs in what is kept of an account's worth: see `chosen.py`.

Left out because they change nothing: `>` for `>=` where admission compares with what is kept (who
is not surely covered is looked at again, to the last unit); no new valuation at a rebase, whose
funding begins one right behind; a stamp that is never the present one (then everybody is walked
over each time).
"""

from tests.mutation.planted import Row

WORTH = "risk/worth.py"
LEDGER = "risk/ledger.py"
RESERVE = "risk/reserve.py"
SWEEP = "engine/transition/sweep.py"
LEVERAGE = "engine/transition/leverage.py"
POSITION = (
    "    margins = change_position(arena, contract, position, lots_before, margins, gained)\n"
)
ADMISSION = "engine/transition/admission.py"
BOUND = "        if worth.equity >= worth.requirement + reserve + loss_fee:\n"
BEGUN = "    if mark_ticks != terms.mark_ticks:\n        begin_valuation(arena)\n"

WORTHS = (
    Row(
        LEDGER,
        "    add_equity(arena, account, amount)\n",
        "",
        "cash comes and goes beside what is kept",
        "8.3",
    ),
    Row(
        LEDGER,
        "    add_equity(arena, POSITION(arena, position).account, -amount)\n",
        "",
        "an entry value moves beside what is kept",
        "8.3",
    ),
    Row(
        LEDGER,
        "    add_equity(arena, POSITION(arena, position).account, -amount)\n",
        "    add_equity(arena, POSITION(arena, position).account, amount)\n",
        "an entry value is kept with the other sign",
        "8.3",
    ),
    Row(
        LEDGER,
        "    write_cash(arena, account, -owed)\n",
        "    apply_cash(arena, account, -owed)\n",
        "funding is kept as a debt and as paid",
        "8.3",
    ),
    Row(
        RESERVE,
        "    add_requirement(arena, order.account, reserve + loss_fee)\n",
        "",
        "an accepted order is not kept",
        "8.2",
    ),
    Row(
        RESERVE,
        "    add_requirement(arena, order.account, reserve + loss_fee)\n",
        "    add_requirement(arena, order.account, reserve)\n",
        "an accepted order is kept without its loss and fee",
        "8.2",
    ),
    Row(
        RESERVE,
        "    add_requirement(arena, order.account, -(reserve + loss_fee))\n",
        "",
        "what an order gives back stays kept",
        "8.2",
    ),
    Row(
        RESERVE,
        "    add_requirement(arena, order.account, -(reserve + loss_fee))\n",
        "    add_requirement(arena, order.account, reserve + loss_fee)\n",
        "what an order gives back is kept once more",
        "8.2",
    ),
    Row("risk/settlement.py", POSITION, "", "a fill is settled beside what is kept", "8.3"),
    Row(
        SWEEP,
        "maker_margins if maker == account else margins",
        "(motion.margin_initial, motion.margin_maintenance)",
        "each fill of a sweep is settled from the margins before the first",
        "8.2",
    ),
    Row(
        SWEEP,
        "maker_margins if maker == account else margins",
        "margins",
        "who has filled his own order goes on from the margins between its two legs",
        "8.2",
    ),
    Row(
        "risk/settlement.py",
        "    gained = realised - fee - (held.entry_value - entry_before)\n",
        "    gained = realised - (held.entry_value - entry_before)\n",
        "what a fill is worth is kept without its fee",
        "8.3",
    ),
    Row(
        "risk/settlement.py",
        "    gained = realised - fee - (held.entry_value - entry_before)\n",
        "    gained = realised - fee + (held.entry_value - entry_before)\n",
        "the entry value of a fill is kept with the other sign",
        "8.3",
    ),
    Row(
        WORTH,
        "            worth.equity += (held.lots - before) * terms.mark_value + gained\n",
        "            worth.equity += gained\n",
        "what new lots are worth is not kept",
        "8.3",
    ),
    Row(
        WORTH,
        "    worth = WORTH(arena, held.account)\n"
        "    worth.equity += (held.lots - before) * terms.mark_value + gained\n",
        "    worth = WORTH(arena, held.account)\n",
        "what new lots are worth is not kept where rates are raised",
        "8.3",
    ),
    Row(
        WORTH,
        "    worth.requirement -= compute_initial_with(arena, contract, position, before)\n",
        "",
        "the old lots' raised margin stays kept",
        "8.1",
    ),
    Row(
        WORTH,
        "            worth.requirement += margins[0] - margins_before[0]\n",
        "",
        "the initial margin that is kept is that of the old lots",
        "8.2",
    ),
    Row(
        WORTH,
        "            worth.maintenance += margins[1] - margins_before[1]\n",
        "",
        "the maintenance that is kept is that of the old lots",
        "9.1",
    ),
    Row(
        WORTH,
        "        if terms.limits & LIMITS_RATE:\n",
        "        if terms.limits & 0:\n",
        "who comes to hold where rates are raised is kept at those of the tiers",
        "8.1",
    ),
    Row(
        WORTH,
        "    if is_scaled(terms):\n        forget_worth(arena, held.account)\n        return 0\n",
        "",
        "who comes to hold where others' trades raise rates is kept at today's",
        "8.6",
    ),
    Row(
        WORTH,
        "(HOLDS_COLLATERAL | PORTFOLIO)",
        "HOLDS_COLLATERAL",
        "a portfolio is kept at the rates of tiers",
        "8.7",
    ),
    Row(
        WORTH,
        "if is_scaled(CONTRACT(arena, contract)):\n                return 0\n",
        "pass\n",
        "who holds where others' trades raise rates is kept at today's",
        "8.6",
    ),
    Row(
        WORTH,
        "(HOLDS_COLLATERAL | PORTFOLIO)",
        "PORTFOLIO",
        "who holds collateral is kept with its cash alone",
        "10.2",
    ),
    Row(
        WORTH,
        "held.loss_fee + held.reserve_buy + held.reserve_sell\n",
        "held.loss_fee + max(held.reserve_buy, held.reserve_sell)\n",
        "a walk keeps the larger side, the orders both",
        "8.2",
    ),
    Row(
        WORTH,
        "held.entry_value - owed\n",
        "held.entry_value\n",
        "a walk keeps no funding that is owed",
        "8.3",
    ),
    Row(
        WORTH,
        "    return WORTH(arena, account).valuation == ENGINE(arena, 0).valuation + 1\n",
        "    return WORTH(arena, account).valuation != 0\n",
        "what was once kept is true for good",
        "8.3",
    ),
    Row("funding/mark.py", BEGUN, "", "a moved mark leaves what is kept", "9.1"),
    Row(
        "funding/mark.py",
        BEGUN,
        BEGUN.replace("!=", ">"),
        "a mark that falls leaves what is kept",
        "9.1",
    ),
    Row(
        "funding/rate.py",
        "    terms.funding_index += growth\n    begin_valuation(arena)\n",
        "    terms.funding_index += growth\n",
        "funding leaves what is kept",
        "7.3",
    ),
    Row(
        LEVERAGE,
        "    forget_worth(arena, account)\n    margin_account",
        "    margin_account",
        "a cap of leverage leaves what is kept",
        "8.1",
    ),
    Row(
        LEVERAGE,
        "        forget_worth(arena, margin_account)\n",
        "",
        "a cap of leverage leaves what is kept of an isolated position",
        "8.1",
    ),
    Row(
        LEVERAGE,
        "    forget_worth(arena, account)\n    if rate",
        "    if rate",
        "a floor under a rate leaves what is kept",
        "8.1",
    ),
    Row(ADMISSION, BOUND, BOUND.replace(" + reserve", ""), "an order's reserve is free", "8.2"),
    Row(ADMISSION, BOUND, BOUND.replace(" + loss_fee", ""), "an order's loss is free", "8.2"),
    Row(
        ADMISSION,
        BOUND,
        BOUND.replace("worth.requirement + ", ""),
        "positions are free for who has money for one more order",
        "8.2",
    ),
)
