"""From draft to live (3.2): approved by the hash of a specification, and by nothing else."""

import pytest

from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import Config, check_approval, hash_of_contract
from tests.rules.story import (
    BUY,
    PERCENT,
    A,
    B,
    Events,
    Story,
    changes_of,
    contract,
    named,
    only,
    refusal,
)

RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
DRAFT, APPROVED = words.STATE_DRAFT, words.STATE_APPROVED


def drafted() -> Story:
    """Contract 1 fit for approval; of contract 2 the mark may leave the index by too much."""
    story = Story(
        contract(1, **RATES), contract(2, **RATES | {"mark_band_ppb": 5 * PERCENT}),
        approvals_required=True,
    )  # fmt: skip
    for account in (A, B):
        story.open(account, 10_000)
    return story


def approve(story: Story, number: int = 1, reference: int = 7, **hashes: int) -> Events:
    words_of_hash = hash_of_contract(story.exchange.config.contracts[number - 1])
    fields = {f"hash_{k}": word for k, word in enumerate(words_of_hash, start=1)} | hashes
    return story.submit(
        commands.ApproveContract(
            time_ns=story.now_ns, contract=number, reference=reference, **fields
        )
    )


def test_rule_3_2_a_contract_goes_from_draft_to_live():
    story = drafted()
    assert story.state() == "draft"
    events = approve(story)
    assert only(events, "contract_approved") == {"reference": 7}
    assert changes_of(events) == [
        {"state_from": DRAFT, "state_to": APPROVED, "why": words.WHY_OPERATOR}
    ]
    assert refusal(story.order(A, BUY, 1, 100)) == refusals.CONTRACT_NOT_LIVE
    assert [event.name for event in story.price(100)] == ["price_received"]
    assert changes_of(story.change_state(words.STATE_FROZEN)) == [
        {"state_from": APPROVED, "state_to": words.STATE_FROZEN, "why": words.WHY_OPERATOR}
    ]
    assert refusal(story.order(A, BUY, 1, 100)) == refusals.CONTRACT_FROZEN
    story.price(100)
    assert story.state() == "continuous"
    story.trade(A, B, 5, 100)
    assert story.lots(A) == 5


@pytest.mark.parametrize("word", ["hash_1", "hash_2", "hash_3", "hash_4"])
def test_rule_3_2_another_hash_approves_nothing(word):
    story = drafted()
    spec = story.exchange.config.contracts[0]
    wrong = {word: hash_of_contract(spec)[int(word[-1]) - 1] ^ 1}
    assert refusal(approve(story, **wrong)) == refusals.SPECIFICATION_DIFFERS
    assert story.state() == "draft"


def test_rule_3_2_every_field_is_part_of_the_hash():
    spec = contract(1, **RATES)
    seen = {hash_of_contract(spec)}
    for field in ("version", "price_ticks_max", "funding_cap_ppb", "underlying"):
        seen.add(hash_of_contract(contract(1, **RATES, **{field: getattr(spec, field) - 1})))
    assert len(seen) == 5
    assert hash_of_contract(contract(1, **RATES)) in seen


def test_rule_3_2_what_fails_the_approval_check_is_not_approved():
    story = drafted()
    assert check_approval(story.exchange.config.contracts[1])
    assert refusal(approve(story, 2)) == refusals.SPECIFICATION_UNFIT
    assert story.state(2) == "draft"


def test_rule_6_2_what_nets_is_part_of_the_approval_check():
    """5% by tiers, of which a hedge keeps a fifth, 1%: a mark within 1% of the index is too far for
    it, and for a basis of 2% it is not."""
    band = RATES | {"mark_band_ppb": 1 * PERCENT}
    moves = (-10 * PERCENT, 10 * PERCENT)
    for basis_ppb, is_fit in ((0, False), (2 * PERCENT, True)):
        spec = contract(1, **band, basis_ppb=basis_ppb)
        assert check_approval(spec) == []
        pool = Config(contracts=(spec,), portfolio_moves_ppb=moves)
        assert (check_approval(spec, pool) == []) == is_fit


def test_rule_3_2_an_approval_is_given_once_and_has_a_record():
    story = drafted()
    assert refusal(approve(story, reference=0)) == refusals.APPROVAL_INVALID
    assert refusal(approve(story)) == refusals.OK
    assert refusal(approve(story)) == refusals.STATE_CHANGE_INVALID
    story.change_state(words.STATE_FROZEN)
    assert refusal(approve(story)) == refusals.STATE_CHANGE_INVALID
    assert story.exchange.contract(1)["approval_reference"] == 7


@pytest.mark.parametrize("state", range(-1, words.STATE_LAST + 2))
def test_rule_5_1_no_change_of_state_leaves_a_draft(state):
    story = drafted()
    assert refusal(story.change_state(state)) == refusals.STATE_CHANGE_INVALID


@pytest.mark.parametrize("state", range(-1, words.STATE_LAST + 2))
def test_rule_5_1_an_approved_contract_goes_live_and_nowhere_else(state):
    story = drafted()
    approve(story)
    code = refusals.OK if state == words.STATE_FROZEN else refusals.STATE_CHANGE_INVALID
    assert refusal(story.change_state(state)) == code


def test_rule_3_2_a_draft_does_not_keep_prices_from_others():
    story = drafted()
    approve(story, 1)
    story.change_state(words.STATE_FROZEN)
    events = story.price(1, 100, 2, 200)
    assert named(events, "mark_published")[0].contract == 1
    assert [event.contract for event in named(events, "price_received")] == [1, 2]
    assert (story.state(1), story.state(2)) == ("continuous", "draft")


def test_rule_2_6_a_draft_has_no_due_work():
    story = drafted()
    approve(story)
    assert [event.name for event in story.advance(7 * 86_400)] == ["time_advanced"]


def test_rule_3_2_where_no_approval_is_asked_there_is_none():
    story = Story(contract(1, **RATES))
    story.open(A, 1)
    assert story.state() == "frozen"
    assert refusal(approve(story)) == refusals.COMMAND_UNKNOWN
