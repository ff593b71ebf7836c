"""Generated bugs that no test can find, and why: by the name that the generator gives them."""

SURVIVORS: dict[str, str] = {
    (
        "funding/windows.py sort_window: while place > 0 and WINDOW_VALUE(arena, first + plac"
        "e - 1).value > moving: -> while place > 0 and WINDOW_VALUE(arena, first + place - 1)"
        ".value >= moving:"
    ): "equal values of a window change places, and nothing else",
    (
        "risk/liquidation_queue.py cool_account: if engine.cooling == 1 or ready_ns < engine."
        "cooling_ns: -> if engine.cooling == 1 or ready_ns <= engine.cooling_ns:"
    ): "it writes the value that stands there already",
    (
        "engine/transition/step.py is_kind_of: return kind >= 0 and kind < 63 and (kinds >> k"
        "ind) & 1 != 0 -> return kind > 0 and kind < 63 and (kinds >> kind) & 1 != 0"
    ): "kinds of commands begin at 1, so no mask has the bit of kind 0",
    ("engine/transition/sweep.py settle_links: return True -> return False"): (
        "it comes behind the stop reason, at which the sweep ends, too, after a fill; where a"
        " resting order was taken away instead, the aggressor is never found: what self-trade"
        " prevention, solvency and slippage take away dissolves its link, and ends no sibling"
    ),
    (
        "engine/transition/cancelling.py is_in_scope: return False -> return True"
    ): "an account that was never opened has no order that could be cancelled",
    (
        "engine/transition/bracket_entries.py place_bracket: order_type = command.order_type "
        "if command.order_type <= MARKET else -1 -> order_type = command.order_type if comman"
        "d.order_type <= MARKET else -2"
    ): "each number below 0 is no type of an order, and is refused as such",
    (
        "risk/supervision.py add_hit: if equity < level: -> if equity <= level:"
    ): "behind it the level of the contract itself is asked, which is not above that one",
    (
        "risk/step.py is_first_in_step: return False -> return True"
    ): "then a gain is summed up once for each contract, to the same sum: nothing changes between",
    (
        "risk/bands.py set_band: write_band(arena, contract, position, mark_ticks - fall_tick"
        "s, mark_ticks + rise_ticks) -> pass"
    ): "it is the only one that writes a band: all stay empty, and each step values everybody",
    ("engine/transition/run.py ask_for_related: ask_for_positions(arena, account) -> pass"): (
        "nothing depends on lines that are asked for ahead"
    ),
    ("funding/rate.py rebase_index: begin_valuation(arena) -> pass"): (
        "the funding that made the rebase necessary is published next, and begins a valuation"
    ),
    ("engine/transition/admission.py check_admission: reduces = False -> reduces = True"): (
        "it stays so for reduce-only orders alone, of which nobody asks it"
    ),
}
