"""What stories of auctions and interruptions share: commands, contracts, short views of events."""

from typing import Any

from engine.schema import commands
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from tests.rules.story import (
    PERCENT,
    A,
    B,
    C,
    D,
    E,
    Events,
    Story,
    contract,
    named,
    only,
)

MINUTE_NS = 60 * NS_PER_SECOND
RICH = 10**7
NEWEST, OLDEST, BOTH = words.STP_CANCEL_NEWEST, words.STP_CANCEL_OLDEST, words.STP_CANCEL_BOTH
DECREMENT, NO_STP = words.STP_DECREMENT, words.STP_NONE
CONTINUOUS, AUCTION, PRE_OPEN = words.STATE_CONTINUOUS, words.STATE_AUCTION, words.STATE_PRE_OPEN
HALTED, REDUCING, POST = words.STATE_HALTED, words.STATE_REDUCE_ONLY, words.STATE_POST_ONLY


def change(story: Story, state: int) -> Events:
    return story.submit(commands.ChangeState(time_ns=story.now_ns, contract=1, state=state))


def set_band(story: Story, low: int, high: int) -> Events:
    return story.submit(
        commands.SetBand(time_ns=story.now_ns, contract=1, low_ticks=low, high_ticks=high)
    )


def trading(mark: int = 1_000, rich: bool = True, **terms: Any) -> Story:
    """One continuous contract at 10% initial, 5% maintenance; A to E with 10^7 each."""
    spec: dict[str, Any] = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
    story = Story(contract(**(spec | terms)))
    if rich:
        for account in (A, B, C, D, E):
            story.open(account, RICH)
    story.price(mark)
    return story


def collecting(**terms: Any) -> Story:
    story = trading(**terms)
    change(story, AUCTION)
    return story


def fills(events: Events) -> list[tuple[int, int]]:
    return [(t.values["price_ticks"], t.values["lots"]) for t in named(events, "trade")]


def uncrossed(events: Events) -> tuple[int, int, int]:
    values = only(events, "uncrossed")
    return values["price_ticks"], values["lots"], values["surplus_lots"]


def states(events: Events) -> list[tuple[str, str]]:
    return [
        (words.NAMES["state"][e.values["state_to"]], words.NAMES["why"][e.values["why"]])
        for e in named(events, "state_changed")
    ]


