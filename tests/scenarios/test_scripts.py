"""Scripts of the neutral scenarios: what other engines' tests expect of matching (rule 4)."""

import pytest

from tests.scenarios.checks import Checks
from tests.scenarios.driver import Driver, NotBuilt
from tests.scenarios.files import (
    FOLDER,
    TOPICS,
    WHY_ABSENT,
    Scenario,
    missing_features,
    of_form,
)
from tests.scenarios.listing import NotUnderstood

SCRIPTS = of_form("script")
RUN = [script for script in SCRIPTS if not missing_features(script)]
NOT_RUN = [script for script in SCRIPTS if missing_features(script)]

needs_folder = pytest.mark.skipif(not FOLDER.is_dir(), reason=WHY_ABSENT)


def row(script: Scenario):
    """A script as a parameter: its id and the rules it proves; skipped with what it lacks."""
    missing = ", ".join(missing_features(script))
    reason = f"{script['id']} needs what is not built: {missing}"
    marks = [pytest.mark.skip(reason=reason)] if missing else []
    return pytest.param(script, id=f"{script['id']}-rule-{script['rules'][0]}", marks=marks)


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
@pytest.mark.parametrize("script", [row(script) for script in SCRIPTS])
def test_script(script: Scenario):
    play(script)


@needs_folder
def test_what_runs_is_everything_that_needs_nothing_unbuilt():
    assert len(RUN) == 55
    assert len(SCRIPTS) == 169
    assert len(RUN) + len(NOT_RUN) == len(SCRIPTS)
    assert {script["topic"] for script in SCRIPTS} <= set(TOPICS)


@needs_folder
@pytest.mark.parametrize("script", NOT_RUN, ids=lambda script: script["id"])
def test_what_does_not_run_is_not_built(script: Scenario):
    """The driver says it all in our commands; the engine does not know the one that is needed."""
    with pytest.raises(NotBuilt, match="COMMAND_UNKNOWN"):
        play(script)


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
