"""Stories of what stands behind the book: liquidity providers and the fund (9.2 e, 9.6)."""

from typing import Any

from engine.schema import commands
from engine.schema import vocabulary as words
from engine.schema.bounds import PPB
from tests.rules.story import PERCENT, A, B, Events, Story, contract, named

RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
RICH = 10**6
LP = words.KIND_LIQUIDITY_PROVIDER
ONE_PERCENT = {"takeover_penalty_ppb": PERCENT}
ANYTHING = {"fund_value_max": RICH, "fund_share_ppb": PPB}


class BackstopStory(Story):
    """A story in which an operator sets the backstop."""

    def capacity(self, account: int, lots: int, number: int = 1) -> Events:
        return self.submit(
            commands.SetCapacity(time_ns=self.now_ns, account=account, contract=number, lots=lots)
        )

    def provider(self, account: int, lots: int, cash: int = RICH, group: int = 0) -> None:
        """Open a liquidity provider with this capacity in contract 1."""
        self.open(account, cash, group, LP)
        self.capacity(account, lots)

    def work_back(self, seed: int, number: int = 1) -> Events:
        return self.submit(commands.SetWorkBack(time_ns=self.now_ns, contract=number, seed=seed))

    def stress_loss(self, amount: int) -> Events:
        return self.submit(commands.SetStressLoss(time_ns=self.now_ns, amount=amount))


def long_ten(cash: int = 1_000, side: int = words.BUY, **terms: Any) -> BackstopStory:
    """A holds 10 lots against B since 1000, with this cash; nobody has an order."""
    config = {name: terms.pop(name) for name in list(terms) if name in CONFIG}
    story = BackstopStory(contract(1, **RATES, **terms), **config)
    story.open(A, cash)
    story.open(B, RICH)
    story.price(1_000)
    buyer, seller = (A, B) if side == words.BUY else (B, A)
    story.trade(buyer, seller, 10, 1_000)
    return story


def provided(events: Events) -> list[tuple[int, int]]:
    """(provider, lots) in the order of the events."""
    found = [event.values for event in named(events, "position_provided")]
    return [(values["provider"], values["lots"]) for values in found]


CONFIG = ("fund_cash", "house_cash", "fund_cover_min_ppb", "eligibility_checked")
