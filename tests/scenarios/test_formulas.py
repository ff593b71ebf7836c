"""Formulas of the neutral scenarios, each computed by the engine itself in a small story."""

from typing import Any

import pytest

from engine.schema.bounds import PPB
from tests.scenarios.files import FOLDER, WHY_ABSENT, Scenario, of_form
from tests.scenarios.formulas import FORMULAS

FORMULA_SCENARIOS = of_form("formula")

needs_folder = pytest.mark.skipif(not FOLDER.is_dir(), reason=WHY_ABSENT)


def compare(check: dict[str, Any]) -> None:
    """The engine's numbers against every one that the check names."""
    found = FORMULAS[check["kind"]](**check["inputs"])
    expected = dict(check["value"])
    if check["kind"] == "funding":
        gap_ppb = expected.pop("long_pays_per_lot") * PPB - found["long_pays_ppb"]
        assert abs(gap_ppb) < found["tolerance_ppb"]
    assert {name: found[name] for name in expected} == expected


@needs_folder
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(scenario, id=f"{scenario['id']}-rule-{scenario['rules'][0]}")
        for scenario in FORMULA_SCENARIOS
    ],
)
def test_formula(scenario: Scenario):
    for check in scenario["expect"]:
        compare(check)


@needs_folder
def test_every_formula_is_run():
    assert len(FORMULA_SCENARIOS) == 26
    kinds = {check["kind"] for scenario in FORMULA_SCENARIOS for check in scenario["expect"]}
    assert kinds == set(FORMULAS)


@needs_folder
def test_a_wrong_number_fails():
    """Every number of a check is really compared: changed by one unit it must fail."""
    firsts = {
        scenario["expect"][0]["kind"]: scenario["expect"][0] for scenario in FORMULA_SCENARIOS
    }
    for check in firsts.values():
        for name, value in check["value"].items():
            if isinstance(value, int):
                wrong = {**check, "value": {**check["value"], name: value + 1}}
                with pytest.raises(AssertionError):
                    compare(wrong)
