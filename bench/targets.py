"""What must be reached and what is aimed at, and the judgement of a run by it.

Ratios and bytes are judged as they are. What is absolute was set where a reference book takes
`reference.STEADY_NS` for a command of its steady mix; the factor is what it takes in the present
run over that, and each absolute target is as much looser, or stricter, as the machine of the moment
is slower or faster. Without a reference the factor is 1.
"""

from collections.abc import Mapping
from typing import NamedTuple

RATIO, TIME, RATE, BYTES = "ratio", "time", "rate", "bytes"
LOWER_IS_BETTER = (RATIO, TIME, BYTES)
MIXES = ("steady", "deep", "heavy")
WORKLOADS = ("steady", "heavy", "wide", "steady-100k", "steady-1m")


class Target(NamedTuple):
    """A row of the table; `aim` is None where none was set."""

    key: str
    what: str
    kind: str
    unit: str
    must: float
    aim: float | None = None


class Verdict(NamedTuple):
    """A row with what was measured, against its targets scaled by the run's factor. `value` and
    with it the judgements are None where nothing was measured; `why` tells."""

    key: str
    what: str
    unit: str
    value: float | None
    must: float
    must_met: bool | None
    aim: float | None
    aim_met: bool | None
    why: str


TARGETS = (
    *(
        Target(f"twin_{name}", f"full checks, {name}: engine / C++ twin", RATIO, "x", 1.10, 1.00)
        for name in WORKLOADS
    ),
    *(
        Target(
            f"twin_book_{mix}", f"matching alone, {mix}: C++ twin's book / reference", RATIO, "x",
            1.3,
        )
        for mix in MIXES
    ),
    *(
        Target(
            f"matching_{mix}", f"matching alone, {mix}: engine's book / reference", RATIO, "x",
            1.5, 1.2,
        )
        for mix in MIXES
    ),
    Target("rate_10k", "full checks, 10k orders, 10k accounts", RATE, "M/s", 11, 20),
    Target("rate_1m", "full checks, 1M orders, 1M accounts", RATE, "M/s", 7, 14),
    Target(
        "end_to_end", "map -> run -> events out, journal written, no sync", RATE, "M/s", 6, 10
    ),
    Target("submit_p50", "`submit`, typed in, typed out, p50", TIME, "us", 3, 1.5),
    Target("submit_p99", "`submit`, typed in, typed out, p99", TIME, "us", 8, 4),
    Target("one_p50", "integer entry from Python, p50", TIME, "us", 0.6, 0.3),
    Target("one_p99", "integer entry from Python, p99", TIME, "us", 2, 1),
    Target("one_p999", "integer entry from Python, p99.9", TIME, "us", 5, 3),
    Target("batch_p99", "a command inside a batch, p99", TIME, "ns", 300, 200),
    Target("batch_p999", "a command inside a batch, p99.9", TIME, "ns", 600, 400),
    Target("warm", "import to first order, warm", TIME, "s", 0.8, 0.45),
    Target("cold", "import to first order, cold: interpreted", TIME, "s", 12, 7),
    Target("mark_move", "mark move, 1M holders, none hit", TIME, "ms", 0.1, 0.005),
    Target("revaluation", "mark move, 250k exact revaluations", TIME, "ms", 60, 20),
    Target("funding_event", "funding time, 1M positions, with its band scan", TIME, "ms", 1, 0.1),
    Target("funding_touch", "funding settled on touch", TIME, "ns", 5, 2),
    Target("burst", "100k accounts under water in one move, to the last step", TIME, "s", 1, 0.3),
    *(
        Target(f"memory_{kind}", f"memory of one {kind}", BYTES, "B", 64)
        for kind in ("order", "account", "position")
    ),
    Target("growth", "ns a command, 1M orders and accounts / 10k", RATIO, "x", 2.5, 1.8),
)  # fmt: skip


def scale(kind: str, target: float, factor: float) -> float:
    if kind == TIME:
        return target * factor
    return target / factor if kind == RATE else target


def is_reached(kind: str, value: float, target: float) -> bool:
    return value <= target if kind in LOWER_IS_BETTER else value >= target


def judge(
    values: Mapping[str, float], factor: float, missing: Mapping[str, str]
) -> list[Verdict]:
    """A verdict for each target; `missing` says of keys without a value why there is none."""
    verdicts = []
    for target in TARGETS:
        value = float(values[target.key]) if target.key in values else None
        must = scale(target.kind, target.must, factor)
        aim = None if target.aim is None else scale(target.kind, target.aim, factor)
        verdicts.append(
            Verdict(
                target.key, target.what, target.unit, value, must,
                None if value is None else is_reached(target.kind, value, must),
                aim,
                None if value is None or aim is None else is_reached(target.kind, value, aim),
                missing.get(target.key, "") if value is None else "",
            )
        )  # fmt: skip
    return verdicts
