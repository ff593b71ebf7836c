"""Where the worked examples of venues lie, and which of them have no rule here."""

import json
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors"
WHY_ABSENT = f"there is no folder {FOLDER.relative_to(FOLDER.parents[1])} beside the repository"
FAMILIES = ("funding", "index", "mark", "contract", "pnl", "notional")

# By topic, with the reason.
EXCLUDED = {
    "contract.quanto.value": "rule 1.2 knows linear and inverse contracts, no quanto",
}

Vector = dict[str, Any]


@cache
def vectors() -> tuple[Vector, ...]:
    """Every example of these families, in the order of the file; none when the folder is absent."""
    if not FOLDER.is_dir():
        return ()
    found = json.loads((FOLDER / "perp.json").read_text())
    return tuple(vector for vector in found if vector["topic"].split(".")[0] in FAMILIES)


def whole(number: Any, unit: int) -> int:
    """A decimal of an example in units that make it a whole number, or it is not given exactly."""
    scaled = Fraction(str(number)) * unit
    assert scaled.denominator == 1, (number, unit)
    return int(scaled)


def must_equal(vector: Vector, found: Fraction | int, expected: Any) -> None:
    """Within the example's tolerance, exact where it gives none."""
    tolerance = Fraction(str(vector["tolerance"] or 0))
    assert abs(Fraction(found) - Fraction(str(expected))) <= tolerance, vector["id"]
