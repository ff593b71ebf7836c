"""Assets whose sources fall silent (10.2, 6.1): what they count for falls step by step, and comes
back with their prices."""

from typing import Any

import pytest

from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.collateral import CollateralAsset, Haircut
from tests.rules.story import (
    HOUR_NS,
    PERCENT,
    START_NS,
    A,
    B,
    Events,
    Story,
    contract,
    named,
    only,
    refusal,
)

RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
MONEY, PEG = 1, 2
LICENCE_NS = START_NS + HOUR_NS // 2
SILENT, OPERATOR = words.IMPAIRED_SILENT, words.IMPAIRED_OPERATOR
LICENCE, DEPEG = words.IMPAIRED_LICENCE, words.IMPAIRED_DEPEG


class SilentStory(Story):
    """Of money two of three sources must not be older than a minute; a stablecoin, licensed for
    half an hour, has one. Impaired, they count for a tenth less, and for one more each hour."""

    def __init__(self, **money: Any) -> None:
        terms: dict[str, Any] = {
            "haircuts": (Haircut(floor_value=0, haircut_ppb=0),), "par_ppb": PPB
        }  # fmt: skip
        wanted: dict[str, Any] = {
            "symbol": "M", "kind": words.ASSET_FIAT, "sources": 3, "sources_min": 2
        }  # fmt: skip
        assets = (
            CollateralAsset(**(terms | wanted | money)),
            CollateralAsset(
                symbol="P", kind=words.ASSET_STABLECOIN, issuer=1, depeg_ppb=2 * PERCENT,
                licensed_until_ns=LICENCE_NS, **terms,
            ),
        )  # fmt: skip
        super().__init__(contract(1, **RATES), collateral=assets)
        self.price(100)

    def say(self, *sources: int, number: int = MONEY, price_ppb: int = PPB) -> Events:
        """The events of the last of what these sources say."""
        events: Events = ()
        for source in sources:
            events = self.submit(
                commands.PublishCollateral(
                    time_ns=self.now_ns, asset=number, source=source, price_ppb=price_ppb
                )
            )
        return events

    def bring(self, account: int, quantity: int, number: int = MONEY) -> int:
        return refusal(
            self.submit(
                commands.DepositCollateral(
                    time_ns=self.now_ns, account=account, asset=number, quantity=quantity
                )
            )
        )

    def judge(self, impaired: int, number: int = MONEY, until_ns: int = 0) -> Events:
        return self.submit(
            commands.SetCollateral(
                time_ns=self.now_ns, asset=number, impaired=impaired, licensed_until_ns=until_ns
            )
        )

    def raised(self, number: int = MONEY) -> int:
        return self.exchange.collateral()[number - 1]["raise_ppb"] // PERCENT


def impairments(events: Events, number: int = MONEY) -> list[tuple[int, int]]:
    """(reason, raise in percent) of every impairment and rise of an asset."""
    found = [event.values for event in named(events, "collateral_impaired")]
    of_asset = [values for values in found if values["asset"] == number]
    return [(values["impairment"], values["raise_ppb"] // PERCENT) for values in of_asset]


@pytest.mark.parametrize(
    ("spoken", "silent_s"),
    [
        ((0, 0, 0), 60),
        ((0, 10, 30), 70),  # the second latest is of 10 s
        ((30, 10, 0), 70),
        ((0, 10, 10), 70),
        ((0, 10, None), 60),  # one has never said anything
        ((0, None, 40), 60),
    ],
)
def test_rule_10_2_it_is_silent_when_the_last_price_that_it_needs_is_too_old(spoken, silent_s):
    story = SilentStory()
    for at_s in (0, 10, 30, 40):
        story.go(at_s)
        story.say(*(k for k, s in enumerate(spoken, start=1) if s == at_s))
    story.go(silent_s)
    assert story.raised() == 0
    assert impairments(story.go(silent_s, 1)) == [(SILENT, 10)]


def test_rule_10_2_what_is_not_priced_yet_is_not_silent():
    story = SilentStory()
    story.say(2)
    assert impairments(story.go(10_000)) == []


def test_rule_10_3_a_silent_asset_counts_for_less_step_by_step_until_it_is_heard():
    """1000 count for 900 in silence, for 800 an hour later; one source is not enough."""
    story = SilentStory()
    story.open(A, 0)
    story.say(1, 2)
    assert story.bring(A, 1_000) == refusals.OK
    story.go(61)
    assert story.equity(A) == 900 and story.bring(A, 1) == refusals.COLLATERAL_CLOSED
    assert impairments(story.go(3_660)) == []
    assert impairments(story.go(3_660, 1)) == [(0, 20)]  # an hour behind the silence
    assert story.equity(A) == 800
    assert named(story.say(3), "collateral_recovered") == [] and story.equity(A) == 800
    events = story.say(1)
    assert [event.name for event in events] == ["collateral_priced", "collateral_recovered"]
    assert only(events, "collateral_priced")["raise_ppb"] == 20 * PERCENT
    assert only(events, "collateral_recovered") == {"asset": MONEY}
    assert story.equity(A) == 1_000 and story.bring(A, 1) == refusals.OK
    assert impairments(story.go(3_720, 1)) == []  # both have said it at 3,660 s and a nanosecond
    assert impairments(story.go(3_720, 2)) == [(SILENT, 10)]


def test_rule_10_3_the_next_rise_goes_with_the_silence():
    """It would be due an hour behind it, and every minute somebody says something."""
    story = SilentStory()
    story.say(1, 2)
    assert impairments(story.go(61)) == [(SILENT, 10)]
    for minute in range(1, 63):
        story.go(60 * minute + 1)
        story.say(1, 2)
        assert story.raised() == 0, minute


def test_rule_10_3_in_the_end_it_counts_for_nothing_and_nobody_was_below_zero():
    """A, with 1000 behind 50 lots at 100, has 600 in silence, 200 of the 250 an hour later: it goes
    into liquidation above zero, and keeps what that leaves."""
    story = SilentStory(impaired_haircut_ppb=40 * PERCENT)
    story.open(A, 0)
    story.open(B, 10_000)
    story.say(1, 2)
    story.bring(A, 1_000)
    story.trade(A, B, 50, 100)
    story.go(61)
    assert story.equity(A) == 600 and story.lots(A) == 50
    events = story.go(3_661)
    assert only(events, "liquidation_started") == {"equity": 200, "margin_maintenance": 250}
    assert named(events, "waterfall_closed") == [] and story.lots(A) == 0
    story.go(7_261)
    assert story.raised() == 100
    assert not any(event.name == "waterfall_closed" for event in story.events)


def test_rule_10_3_a_licence_that_ends_in_silence_outlives_it():
    """The raise is that of the silence: it neither begins anew nor ends with the next price."""
    story = SilentStory()
    story.say(1, number=PEG)
    story.go(61)
    assert impairments(story.go(1_800), PEG) == [(LICENCE, 10)]
    events = story.say(1, number=PEG)
    assert named(events, "collateral_recovered") == [] and story.raised(PEG) == 10
    assert impairments(story.go(3_661), PEG) == [(0, 20)]


def test_rule_10_3_an_operator_takes_over_from_silence():
    story = SilentStory()
    story.say(1, 2)
    story.go(61)
    assert impairments(story.judge(1)) == [(OPERATOR, 10)]
    assert named(story.say(1, 2), "collateral_recovered") == [] and story.raised() == 10
    assert impairments(story.judge(0)) == [] and story.raised() == 0


def test_rule_10_3_a_depeg_that_ends_a_silence_keeps_its_raise():
    """Its first price is 2% and a unit below par: what it has lost in silence is not given back."""
    story = SilentStory()
    story.say(1, number=PEG)
    story.judge(0, PEG, until_ns=2**62)
    story.go(3_661)
    assert story.raised(PEG) == 20
    events = story.say(1, number=PEG, price_ppb=98 * PERCENT - 1)
    assert impairments(events, PEG) == [(DEPEG, 20)]
    assert named(events, "collateral_recovered") == []
    assert named(story.say(1, number=PEG), "collateral_recovered") == []


def test_rule_10_3_what_is_impaired_anyway_is_not_impaired_anew_by_silence():
    """Cleared while nobody says anything it is, beginning with the first step."""
    story = SilentStory()
    story.say(1, 2)
    story.judge(1)
    assert impairments(story.go(61)) == []
    assert impairments(story.go(7_200)) == [(0, 20), (0, 30)]
    assert impairments(story.judge(0)) == [(SILENT, 10)]
    assert only(story.say(1, 2), "collateral_recovered") == {"asset": MONEY}


@pytest.mark.parametrize(("is_silent", "quantity"), [(True, 133), (False, 106)])
def test_rule_10_4_a_silent_asset_is_converted_at_its_price_less_a_step(is_silent, quantity):
    """100 are needed at a discount of 5%: 105.3 up to 106, of which one is worth 1 of a price that
    is fresh, 0.8 of one that nobody says. Either pays floor(106 x 95%)."""
    haircuts = (Haircut(floor_value=0, haircut_ppb=5 * PERCENT),)
    story = SilentStory(
        haircuts=haircuts, discount_ppb=5 * PERCENT, impaired_haircut_ppb=20 * PERCENT
    )
    story.open(A, 0)
    story.open(B, 10_000)
    story.say(1, 2)
    story.bring(A, 1_000)
    story.trade(A, B, 10, 100)
    if is_silent:
        story.now_ns += 61 * NS_PER_SECOND
        story.advance(0)
    else:
        story.judge(1)
    assert story.raised() == 20 and story.equity(A) == 750
    events = story.trade(B, A, 10, 90)
    converted = only(events, "collateral_converted")
    assert (converted["quantity"], converted["paid"]) == (quantity, 100)


def test_rule_9_5_what_counts_for_nothing_any_more_still_pays_what_is_owed():
    """Ten hours later 1000 units count for nothing, and A has 10 behind a lot. At 80 it would be 10
    below zero: the units are sold at one published step below their last price, for 900, and B, who
    has gained 20, gives up nothing."""
    story = SilentStory()
    story.open(A, 10)
    story.open(B, 10_000)
    story.say(1, 2)
    story.bring(A, 1_000)
    story.trade(A, B, 1, 100)
    story.go(61 + 9 * 3_600)
    assert story.raised() == 100 and story.equity(A) == 10
    events = story.price(80)
    converted = only(events, "collateral_converted")
    assert (converted["quantity"], converted["paid"], converted["held"]) == (1_000, 900, 0)
    assert named(events, "waterfall_closed") == named(events, "liquidation_started") == []
    assert (story.equity(A), story.equity(B)) == (10 + 900 - 20, 10_000 + 20)
