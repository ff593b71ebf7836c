"""Which tests to try first on a bug in a file: those of its subject, then all the others."""

from pathlib import Path
from typing import NamedTuple

from tests.mutation.planted import ROOT


class Aim(NamedTuple):
    """`names` are configurations of the streams to begin with, `tests` the words in the names of
    test files; the first row whose path begins a bug's path is its aim."""

    path: str
    names: tuple[str, ...]
    tests: tuple[str, ...]


NO_STREAMS = ("engine/journal", "engine/schema", "engine/cli", "engine/feed", "engine/report")
AIMS = (
    Aim("engine/journal", (), ("journal",)),
    Aim("engine/book/uncross", ("auctions", "thin_auctions"), ("auction",)),
    Aim("engine/book/icebergs", ("realistic",), ("iceberg",)),
    Aim("engine/book/timers", ("realistic",), ("expiring", "eligibility", "kill_switches")),
    Aim("engine/book/triggers", ("realistic",), ("waiting", "linked", "bracket")),
    Aim("engine/book", ("tight_limits",), ("orders", "order_limits", "iceberg")),
    Aim("engine/state/values", ("per fill", "inverse"), ("per_fill", "inverse", "liquidation")),
    Aim("engine/transition/auction", ("auctions", "thin_auctions"), ("auction", "interruption")),
    Aim("engine/transition/uncrossing", ("auctions", "thin_auctions"), ("auction",)),
    Aim("engine/transition/liquidation_orders", ("auctions",), ("auction", "interruption")),
    Aim("engine/transition/interruptions", ("auctions",), ("interruption", "states")),
    Aim("engine/transition/band", ("auctions",), ("interruption",)),
    Aim("engine/transition/backstop", ("backstop",), ("backstop", "providers")),
    Aim("engine/transition/bracket", ("realistic",), ("bracket", "linked")),
    Aim("engine/transition/collateral", ("collateral",), ("collateral",)),
    Aim("engine/transition/conversion", ("collateral",), ("conversion", "collateral")),
    Aim("engine/transition/conditional", ("waiting_in_line",), ("waiting", "linked")),
    Aim("engine/transition/constituents", ("makers",), ("prices",)),
    Aim("engine/transition/drilling", (), ("drill", "stress")),
    Aim("engine/transition/due", ("fast_funding", "auctions"), ("funding", "expiring")),
    Aim("engine/transition/eligibility", ("eligibility",), ("eligibility",)),
    Aim("engine/transition/feasibility", ("makers",), ("orders", "solvency", "attacks")),
    Aim("engine/transition/isolation", ("isolated",), ("isolated", "refusals_of_margin")),
    Aim("engine/transition/leverage", ("leverage",), ("leverage", "worths")),
    Aim("engine/transition/listing", ("listing",), ("listing",)),
    Aim("engine/transition/margin_modes", ("portfolio",), ("portfolio",)),
    Aim("engine/transition/money", ("per fill", "isolated"), ("settlement_asset", "money")),
    Aim("engine/transition/prices", ("move_limit", "makers"), ("prices", "states")),
    Aim("engine/transition/protection", ("makers",), ("protection", "quotes")),
    Aim("engine/transition/quoting", ("makers",), ("quotes",)),
    Aim("engine/transition/queue", ("hungry_fund", "realistic"), ("waterfall", "rule_16")),
    Aim("engine/transition/sweep", ("realistic", "makers"), ("solvency", "orders")),
    Aim("engine/transition/settling", ("realistic",), ("settlement",)),
    Aim("engine/transition/states", ("auctions",), ("states",)),
    Aim("engine/transition/step_plan", ("hungry_fund",), ("waterfall", "rule_16")),
    Aim("engine/transition/step", ("tight_limits",), ("refusals", "orders", "rule_16")),
    Aim("engine/transition/transfers", ("nothing_behind", "backstop"), ("waterfall", "providers")),
    Aim("engine/transition/turns", ("waiting_in_line",), ("waiting",)),
    Aim("engine/transition/waterfall", ("nothing_behind",), ("waterfall", "rule_16")),
    Aim("engine/transition/withdrawals", ("realistic",), ("withdrawals", "money", "funding")),
    Aim("engine/transition/work_back", ("backstop",), ("backstop",)),
    Aim("engine/transition/admission", ("tight_limits",), ("worths", "refusals", "order_limits")),
    Aim("engine/transition", ("realistic", "makers"), ("orders", "rule_16")),
    Aim("funding/mark", ("makers", "fast_funding"), ("prices", "funding")),
    Aim("funding/sources", ("makers",), ("prices",)),
    Aim("funding/index", ("makers", "rebase"), ("prices",)),
    Aim("funding", ("fast_funding", "rebase"), ("funding", "prices")),
    Aim("risk/bands", ("fast_funding", "rebase"), ("bands", "nobody")),
    Aim("risk/collateral", ("collateral",), ("collateral", "silent")),
    Aim("risk/cover", ("collateral", "realistic"), ("money", "collateral")),
    Aim("risk/deleveraging_queue", ("queue",), ("deleveraging",)),
    Aim("risk/deleveraging_pro_rata", ("pro_rata",), ("deleveraging",)),
    Aim("risk/deleveraging", ("nothing_behind", "queue"), ("deleveraging", "rule_16", "rankings")),
    Aim("risk/counterparties", ("nothing_behind", "queue"), ("deleveraging", "rankings")),
    Aim("risk/ranking", ("nothing_behind", "queue"), ("ranking", "deleveraging")),
    Aim("risk/eligibility", ("eligibility",), ("eligibility",)),
    Aim("risk/haircut", ("nothing_behind",), ("waterfall", "rule_16", "collateral")),
    Aim("risk/insurance", ("thin_buffers", "backstop"), ("waterfall", "backstop", "rule_16")),
    Aim("risk/isolation", ("isolated",), ("isolated",)),
    Aim("risk/portfolio", ("portfolio", "portfolio inverse"), ("portfolio", "stress")),
    Aim("risk/position_history", ("queue",), ("deleveraging",)),
    Aim("risk/providers", ("backstop",), ("providers", "backstop")),
    Aim("risk/stress", (), ("stress", "drill")),
    Aim("risk/tiers", ("leverage", "realistic"), ("leverage", "portfolio", "margin")),
    Aim("risk/withdrawals", ("realistic",), ("withdrawals",)),
    Aim("risk/work_back", ("backstop",), ("backstop",)),
    Aim("risk/worth", ("makers", "realistic"), ("worths", "leverage", "solvency")),
    Aim("risk/reserve", ("hungry_fund", "realistic"), ("worths", "leverage", "orders", "money")),
    Aim("risk", ("hungry_fund", "realistic"), ("waterfall", "rule_16", "money", "nobody")),
)
# What sees a bug without the JIT, the quick ones first.
PLACES = (
    "tests/rules",
    "tests/state",
    "tests/risk",
    "tests/vectors",
    "tests/funding",
    "tests/journal",
    "tests/scenarios",
    "tests/property",
    "tests/feed",
)


def aim_of(path: str) -> Aim:
    return next((aim for aim in AIMS if path.startswith(aim.path)), Aim(path, (), ()))


def find_aims(path: str) -> tuple[list[str], list[str]]:
    """The test files for a bug in a file: those of its subject, and the others."""
    files = [
        file.relative_to(ROOT).as_posix()
        for place in PLACES
        for file in sorted(Path(ROOT, place).glob("test_*.py"))
    ]
    words = aim_of(path).tests
    aimed = [file for file in files if any(word in file for word in words)]
    return aimed, [file for file in files if file not in aimed]
