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
}
