"""Why something happened: a sentence for every reason, with the rule and the event's own inputs."""

import re
from typing import Any

import pytest

from engine import reasons
from engine.exchange import Exchange
from engine.explanation import SENTENCES, explain
from engine.schema import refusals
from engine.schema import vocabulary as words
from engine.schema.commands import BY_KIND, PLACE_ORDER
from engine.schema.events import FIELDS, TYPES, Event
from tests.rules.story import BUY, FUND, PERCENT, SELL, A, B, Story, contract

FIELDS_OF = dict(FIELDS.values())
TYPE_OF: dict[str, Any] = {type_.name: type_ for type_ in TYPES.values()}
RULE = re.compile(r"\(\d+\.\d+")
# Events that carry a decision out, or a decision that nobody needs explained.
PLAIN = {
    "order_accepted", "trade", "leg", "order_amended", "mass_cancelled", "order_armed",
    "order_triggered", "order_refilled", "order_rested", "orders_linked", "heartbeat_set",
    "session_cancelled", "trading_released", "protection_set", "mass_quoted", "band_set",
    "auction_started", "auction_extended", "indicative_published", "uncrossed", "account_opened",
    "deposited", "withdrawal_reserved", "funding_settled", "profit_restruck", "price_received",
    "index_published", "constituent_published", "constituent_changed",
    "constituent_redenominated", "sample_clock_set", "impact_sampled", "premium_sampled",
    "funding_averaged", "funding_late", "time_advanced", "funding_rebased", "position_settled",
    "leverage_set", "contract_isolated", "contract_joined", "margin_moved", "eligibility_set",
    "disclosure_published", "reference_set", "capacity_set", "work_back_set",
    "collateral_priced", "collateral_set", "collateral_deposited", "collateral_reserved",
    "withdrawal_confirmed", "withdrawal_returned", "margin_mode_set", "leverage_cap_set",
}  # fmt: skip
# What these events carry is an input of the decision, so the sentence must tell all of it.
TOLD_WHOLE = (
    "margin_called", "liquidation_started", "liquidation_ended", "liquidation_fee_paid",
    "liquidation_stepped", "position_taken_over", "positions_paired", "position_deleveraged",
    "deficit_covered", "gains_cut", "waterfall_closed", "withdrawals_stopped", "position_provided",
    "stress_loss_set", "collateral_impaired", "collateral_converted", "collateral_loss_declared",
    "collateral_loss_shared", "collateral_recovered", "conversion_redeemed", "conversion_settled",
    "contract_approved",
)  # fmt: skip
CODED = {"layer": words.LAYER_FUND, "step": words.STEP_WHOLE, "end": words.END_FLAT}


def event(name: str, *, number: int = 1, account: int = A, **values: int) -> Event:
    """An event whose numbers are all different unless they are given."""
    told = {field: 1_001 + 10 * k for k, field in enumerate(FIELDS_OF[name])}
    assert set(values) <= set(told), name
    return TYPE_OF[name](7, number, account, **told | values)


def sentence(name: str, **values: int) -> str:
    (told,) = explain([event(name, **values)])
    return told


def test_every_event_is_explained_or_is_plain():
    assert set(SENTENCES) | PLAIN == set(FIELDS_OF) and not set(SENTENCES) & PLAIN


def test_every_code_of_the_schema_has_its_words():
    assert set(reasons.RULES_OF_REFUSALS) == set(refusals.NAMES)
    assert set(reasons.ENDS_OF_ORDERS) == set(words.NAMES["reason"])
    assert set(reasons.CHANGES_OF_STATE) == set(words.NAMES["why"])
    assert set(reasons.LAYERS) == set(words.NAMES["layer"])
    assert set(reasons.STEPS) == set(words.NAMES["step"])
    assert set(reasons.ENDS_OF_LIQUIDATIONS) == set(words.NAMES["end"])


@pytest.mark.parametrize("code", sorted(refusals.NAMES))
def test_rule_2_2_every_refusal_has_a_sentence(code):
    told = sentence("refused", code=code, command=PLACE_ORDER, client_id=5, order_id=0)
    rule = reasons.RULES_OF_REFUSALS[code]
    assert told == (
        f"The place_order of account 2 in contract 1 (client id 5) is refused,"
        f" {refusals.NAMES[code]} ({rule}): {refusals.SENTENCES[code]}."
    )
    quoted = sentence("quote_refused", code=code, side=SELL, client_id=5, price_ticks=9, lots=3)
    assert f"{refusals.NAMES[code]} ({rule})" in quoted and "sell of 3 lots at 9 ticks" in quoted
    fired = sentence("order_cancelled", reason=words.CANCEL_TRIGGER, code=code)
    assert f"{refusals.NAMES[code]} ({rule})" in fired


@pytest.mark.parametrize("kind", [*sorted(BY_KIND), 99])
def test_rule_2_2_a_refusal_names_its_command(kind):
    told = sentence("refused", code=1, command=kind, client_id=0, order_id=4, account=0, number=0)
    name = BY_KIND[kind].__struct_config__.tag if kind in BY_KIND else "command 99"
    assert told.startswith(f"The {name} (order id 4) is refused, TIME_BACKWARDS (2.2): ")


@pytest.mark.parametrize("reason", sorted(words.NAMES["reason"]))
def test_every_end_of_an_order_has_a_sentence(reason):
    for name in ("order_cancelled", "order_reduced"):
        more = {"code": 1} if name == "order_cancelled" else {}
        told = sentence(name, reason=reason, **more)
        assert reasons.ENDS_OF_ORDERS[reason] in told and RULE.search(told)


@pytest.mark.parametrize(
    ("name", "field", "words_of"),
    [
        ("state_changed", "why", reasons.CHANGES_OF_STATE),
        ("deficit_covered", "layer", reasons.LAYERS),
        ("liquidation_stepped", "step", reasons.STEPS),
        ("liquidation_ended", "end", reasons.ENDS_OF_LIQUIDATIONS),
    ],
)
def test_every_kind_of_a_decision_has_its_own_sentence(name, field, words_of):
    more = {"state_from": 1, "state_to": 3} if name == "state_changed" else {}
    told = [sentence(name, **{field: code}, **more) for code in words_of]
    assert len(set(told)) == len(words_of)
    for text, reason in zip(told, words_of.values(), strict=True):
        assert reason in text and RULE.search(text)


@pytest.mark.parametrize("name", TOLD_WHOLE)
def test_a_sentence_tells_every_input_of_its_event(name):
    coded = {field: code for field, code in CODED.items() if field in FIELDS_OF[name]}
    told = event(name, **coded)
    (text,) = explain([told])
    for field, value in told.values.items():
        if field not in coded:
            assert f"{value:,}" in text or f"account {value}" in text, field
    assert RULE.search(text) and (text[0].isupper() or text[0].isdigit())


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_a_sentence_is_one(name):
    """With every code at a legal value; the fund is named as such."""
    legal = {
        "reason": 1, "code": 1, "lacks": 79, "why": 1, "layer": 1, "step": 1, "end": 1, "side": BUY,
        "state_from": 1, "state_to": 2, "command": PLACE_ORDER,
    }  # fmt: skip
    values = {field: code for field, code in legal.items() if field in FIELDS_OF[name]}
    text = sentence(name, account=FUND, **values)
    assert text.endswith(".") and "\n" not in text and "{" not in text and RULE.search(text)
    assert not re.search(r"\baccount 1\b", text)


def test_rule_9_1_a_liquidation_tells_by_how_much():
    told = sentence("liquidation_started", equity=470, margin_maintenance=474)
    assert told == (
        "Account 2 enters liquidation (9.1): its equity of 470 is below the maintenance margin of"
        " 474 at mark, by 4."
    )


def test_rule_9_3_a_holder_that_receives_is_told_so():
    """A deleveraging above zero pays the holder the lots' share of what is left of the equity."""
    told = sentence("position_deleveraged", charge=-12, counterparty=B, given_up=0)
    assert told.endswith("and 12 that account 3 receives, their share of the equity (9.3).")
    assert "gives up" not in told


@pytest.mark.parametrize(("by_operator", "why"), [(1, "an operator"), (0, "at their limits")])
def test_rule_9_8_who_released_withdrawals(by_operator, why):
    assert why in sentence("withdrawals_released", by_operator=by_operator)


def fall() -> Story:
    """A, with 1000, is long 10 at 1000; the mark falls to 870, and 300 are missing. The exchange
    explains its last two commands."""
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT))
    story.exchange = Exchange(story.exchange.config, explainable_max=2)
    for account, cash in ((A, 1_000), (B, 10**6)):
        story.open(account, cash)
    story.price(1_000)
    story.trade(A, B, 10, 1_000)
    for price in (990, 870):
        story.price(price)
    story.order(A, BUY, 1, 10**7)
    return story


def test_rule_9_8_a_waterfall_in_words():
    story = fall()
    sequence = story.exchange.pool()["sequence"]
    assert story.exchange.explain(sequence - 1) == [
        "The mark of contract 1 is 870 ticks, with the index at 870 (6.2).",
        "Account 2 enters liquidation (9.1): its equity of -300 is below the maintenance margin of"
        " 435 at mark, by 735.",
        "Contract 1 goes from continuous to default: the step left an equity below zero (9.8).",
        "A liquidation step of account 2: equity is below zero, so every position goes at once"
        " (9.2 e-g, 2.5); equity -300, maintenance margin 435.",
        "10 lots of account 2 in contract 1 are closed against account 3, next in the order of"
        " deleveraging (9.7), at 9,000: their mark value, and the 300 that account 3 gives up of"
        " the 300 that they bear (9.3): never more than they gained in the step.",
        "The deficit of account 2 was 300: the fund bore 0, opposite holders gave up 300, the house"
        " layer paid 0, and 0 came out of gains (9.8).",
        "Account 2 leaves liquidation: nothing is left of its positions (9.2 g); equity 0,"
        " maintenance margin 0.",
        "Contract 1 goes from default to continuous: the waterfall is complete (9.8).",
        "Beside these: 1 price_received, 1 index_published, 2 leg.",
    ]
    (refused,) = story.exchange.explain(sequence)
    assert "PRICE_ABOVE_MAX (4.9)" in refused


def test_recent_events_forget_the_oldest_command():
    story = fall()
    sequence = story.exchange.pool()["sequence"]
    for gone in (sequence - 2, sequence + 1, 0):
        with pytest.raises(KeyError):
            story.exchange.explain(gone)
