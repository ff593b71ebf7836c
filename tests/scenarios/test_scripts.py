"""Scripts of the neutral scenarios: what other engines' tests expect of matching (rule 4)."""

import pytest

from tests.scenarios.checks import Checks
from tests.scenarios.driver import Driver
from tests.scenarios.files import (
    FOLDER,
    TOPICS,
    WHY_ABSENT,
    Scenario,
    of_form,
)
from tests.scenarios.listing import NotUnderstood

SCRIPTS = of_form("script")
# Its reduce-only stop outlives the position, as the peer has it; ours end with it (4.3).
OTHERWISE_BY_RULE = {"vega-stop-04": "4.3"}
RUN = [script for script in SCRIPTS if script["id"] not in OTHERWISE_BY_RULE]

needs_folder = pytest.mark.skipif(not FOLDER.is_dir(), reason=WHY_ABSENT)


def row(script: Scenario):
    """A script as a parameter: its id and the rules it proves."""
    return pytest.param(script, id=f"{script['id']}-rule-{script['rules'][0]}")


def play(script: Scenario) -> None:
    """Every step, with the checks that stand behind it."""
    driver = Driver(script)
    checker = Checks(driver)
    checks = list(script["expect"])
    for done in range(len(script["steps"]) + 1):
        if done:
            assert script["steps"][done - 1]["n"] == done
            driver.step(script["steps"][done - 1])
        for expected in [check for check in checks if check["after_step"] == done]:
            checker.check(expected)
            checks.remove(expected)
    assert not checks, "a check stands behind a step that does not exist"


@needs_folder
@pytest.mark.parametrize("script", [row(script) for script in RUN])
def test_script(script: Scenario):
    play(script)


@needs_folder
def test_every_script_but_one_is_run():
    assert (len(SCRIPTS), len(RUN)) == (169, 168)
    assert {script["topic"] for script in SCRIPTS} <= set(TOPICS)


@needs_folder
def test_rule_4_3_a_reduce_only_stop_ends_with_its_position_whatever_a_peer_does():
    [script] = [script for script in SCRIPTS if script["id"] in OTHERWISE_BY_RULE]
    kept = [check for check in script["expect"] if check["kind"] != "stop"]
    play({**script, "expect": kept})
    ended = {"after_step": 13, "kind": "stop", "contract": "C1", "id": "o7", "state": "ended"}
    play({**script, "expect": [ended]})


@needs_folder
def test_a_kind_of_check_that_nobody_wrote_fails():
    script = {**RUN[0], "expect": [{"after_step": 0, "kind": "weather", "value": 1}]}
    with pytest.raises(NotUnderstood, match="weather"):
        play(script)


@needs_folder
def test_a_wrong_expectation_fails():
    """Every kind of check really compares: turned by one, each of them must fail."""
    kinds = {check["kind"]: script for script in RUN for check in script["expect"]}
    for kind, script in kinds.items():
        check = next(check for check in script["expect"] if check["kind"] == kind)
        wrong = {**script, "expect": [spoil(check)]}
        with pytest.raises((AssertionError, KeyError)):
            play(wrong)


def spoil(check: dict) -> dict:
    """The same check with one number, state or truth value changed."""
    rows = ("trades", "fills", "levels")
    for name in rows:
        if check.get(name):
            first, *rest = check[name]
            return {**check, name: [{**first, "qty": first["qty"] + 1}, *rest]}
        if name in check:
            return {**check, name: [{"resting": "o1", "price": 1, "qty": 1}]}
    if check["kind"] == "order":
        return {**check, **spoil_order(check)}
    if check["kind"] == "position":
        return {**check, "qty": check["qty"] + 1}
    fixed: dict[str, dict] = {
        "book_full": {"value": {"buy": {"1": 1}, "sell": {"2": 1}}},
        "refused": {"reason": "no_reason"},
        "stop": {"state": "lost"},
        "state": {"value": "nowhere"},
    }
    if check["kind"] in fixed:
        return {**check, **fixed[check["kind"]]}
    if check["kind"] == "positions":
        return {**check, "value": {**check["value"], "p1": 7_777}}
    if check["kind"] == "queue":
        return {**check, "ids": check["ids"][::-1]}
    if check["kind"] == "traded":
        return {**check, "value": not check["value"]}
    name = next(name for name in ("value", "price", "buy", "sell") if name in check)
    return {**check, name: check[name] + 1}


def spoil_order(check: dict) -> dict:
    """Another number where there is one."""
    for name in ("filled_qty", "open_qty", "visible_qty", "filled_value", "price"):
        if name in check:
            return {name: check[name] + 1}
    return {"closed": not check["closed"]} if "closed" in check else {"state": "lost"}
