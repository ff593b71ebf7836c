"""Where the neutral scenarios lie."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "scenarios"
WHY_ABSENT = f"there is no folder {FOLDER.relative_to(FOLDER.parents[1])} beside the repository"

TOPICS = (
    "matching", "amend", "cancel", "mass_cancel", "market_order", "tif_ioc_fok", "tif_gtd",
    "post_only", "reduce_only", "self_trade", "position_pnl", "iceberg", "stop", "trailing_stop",
    "linked_stops", "auction_uncross", "volatility_auction", "limits", "fees", "funding",
    "margin", "liquidation", "adl", "insolvency",
)  # fmt: skip

Scenario = dict[str, Any]


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Every scenario of our topics in the order of the files; none when the folder is absent."""
    if not FOLDER.is_dir():
        return ()
    files = (json.loads((FOLDER / f"{topic}.json").read_text()) for topic in TOPICS)
    return tuple(scenario for file in files for scenario in file)


def of_form(form: str) -> list[Scenario]:
    return [scenario for scenario in scenarios() if scenario["form"] == form]
