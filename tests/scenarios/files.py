"""Where the neutral scenarios lie, what they ask for, and which of it the engine has not built."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "scenarios"
WHY_ABSENT = f"there is no folder {FOLDER.relative_to(FOLDER.parents[1])} beside the repository"

TOPICS = (
    "matching", "amend", "cancel", "mass_cancel", "market_order", "tif_ioc_fok", "post_only",
    "reduce_only", "self_trade", "position_pnl", "fees", "funding", "margin", "liquidation",
    "adl", "insolvency",
)  # fmt: skip

AUCTION = "auction"
BAND = "settable band"
TRIGGER = "trigger"
ICEBERG = "iceberg"
EXPIRY = "expiry"

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


def missing_of_step(step: dict[str, Any]) -> set[str]:
    """What one command needs and the engine has not."""
    missing = set()
    if step["cmd"] == "uncross":
        missing.add(AUCTION)
    if step["cmd"] == "set_band":
        missing.add(BAND)
    if "trigger" in step or "oco" in step or "stop_expires_at" in step:
        missing.add(TRIGGER)
    if "display_qty" in step:
        missing.add(ICEBERG)
    if step.get("tif") in ("gtd", "day") or "expires_at" in step:
        missing.add(EXPIRY)
    return missing


def missing_features(script: Scenario) -> list[str]:
    """Why a script can't run, read off the script itself; empty when it can."""
    missing = set().union(*map(missing_of_step, script["steps"]))
    if any(terms["state"] == AUCTION for terms in script["setup"]["contracts"].values()):
        missing.add(AUCTION)
    return sorted(missing)
