"""I7 and 7.3: funding is exact whoever is settled when, over random marks, rates, trades, touches.

Two exchanges get the same commands; the eager one also touches every account behind every funding
time, by a withdrawal of one unit, and the lazy one takes the same units from each at the end.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.exchange import Exchange
from engine.kernel import JIT
from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.contract import Config, PriceSource, outside
from tests.rules.story import BUY, HOUR_NS, PERCENT, SELL, START_NS, contract

ACCOUNTS = (2, 3, 4, 5)
CASH = 2**52
HOUR = 3_600


def spec(number: int) -> Any:
    """Hourly rates of up to 100%, whose premium is that of the mark: a second source, another
    venue's perpetual, sets it. So many lots may be open that the index is rebased every few hours.
    """
    return contract(
        number, initial_ppb=2 * PERCENT, maintenance_ppb=PERCENT,
        price_ticks_max=4_000, tick_value=1_000, order_lots_max=2**20, position_lots_max=2**28,
        open_interest_lots_max=2**29,
        funding_interval_ns=HOUR_NS, funding_base_ns=HOUR_NS, funding_cap_ppb=PPB,
        funding_sample_ns=1_800 * NS_PER_SECOND, premium_method=words.PREMIUM_MARK,
        funding_method=words.RATE_SUM,
        mark_method=words.MARK_EXTERNAL, mark_band_ppb=PPB // 2,
        sources=(*outside(1), PriceSource(kind=words.SOURCE_PERPETUAL)),
    )  # fmt: skip


class Side:
    """One of the two exchanges, and how often each account has been touched."""

    def __init__(self, poor: int = CASH) -> None:
        """`poor` is the cash of the first account."""
        self.exchange = Exchange(Config(contracts=(spec(1), spec(2)), fund_cash=10**12))
        self.now = START_NS
        self.ids = 0
        self.rebased = 0
        self.prices: dict[int, tuple[int, int]] = {}
        for account in ACCOUNTS:
            self.do(commands.OpenAccount, account=account, owner=account, group=account)
            amount = poor if account == ACCOUNTS[0] else CASH
            self.do(commands.Deposit, account=account, amount=amount)
        for number in (1, 2):
            self.price(number, 1_000, 1_000)

    def do(self, kind: Any, **fields: Any) -> None:
        found = self.exchange.submit(kind(time_ns=self.now, **fields))
        kinds = [event.name for event in found]
        assert "refused" not in kinds, found
        self.rebased += kinds.count(events.FIELDS[events.FUNDING_REBASED][0])
        assert self.exchange.check() == []  # I7 among them

    def client(self, kind: Any, account: int, **fields: Any) -> None:
        self.ids += 1
        self.do(kind, account=account, client_id=self.ids, **fields)

    def price(self, number: int, index: int, perpetual: int) -> None:
        self.prices[number] = index, perpetual
        self.do(commands.PublishPrice, source=2, contract=number, price_ticks=perpetual)
        self.do(commands.PublishPrice, source=1, contract=number, price_ticks=index)

    def trade(self, number: int, buyer: int, seller: int, lots: int) -> None:
        mark = self.exchange.contract(number)["mark_ticks"]
        for account, side in ((buyer, BUY), (seller, SELL)):
            self.client(
                commands.PlaceOrder, account, contract=number, side=side, lots=lots,
                price_ticks=mark, tif=words.GTC,
            )  # fmt: skip

    def touch(self, account: int, amount: int) -> None:
        self.client(commands.Withdraw, account, amount=amount)
        self.do(commands.ConfirmWithdrawal, account=account, client_id=self.ids)

    def advance(self, hours: int) -> None:
        """Behind it the same prices come again, so that nothing freezes: who is frozen in can't be
        touched by a withdrawal."""
        self.now += hours * HOUR_NS
        self.do(commands.AdvanceTime)
        for number, prices in list(self.prices.items()):
            self.price(number, *prices)

    def worth(self, account: int) -> tuple[int, int]:
        """Equity, and cash less entry values."""
        view = self.exchange.account(account)
        return view["equity"], view["cash"] - sum(p["entry_value"] for p in view["positions"])


TRADES = st.tuples(
    st.sampled_from((1, 2)), st.permutations(ACCOUNTS), st.integers(1, 2_000), st.just("trade")
)
PRICES = st.tuples(
    st.sampled_from((1, 2)), st.integers(900, 1_100), st.integers(-300, 300), st.just("price")
)
HOURS = st.tuples(st.integers(1, 3), st.permutations(ACCOUNTS), st.just(0), st.just("hours"))


@settings(max_examples=40 if JIT else 2, deadline=None)
@given(st.lists(st.one_of(TRADES, PRICES, HOURS), min_size=4, max_size=30))
def test_rule_7_3_lazy_settlement_is_eager_settlement(steps):
    lazy, eager = Side(), Side()
    touches = 0
    for step in steps:
        match step:
            case (number, order, lots, "trade"):
                for side in (lazy, eager):
                    side.trade(number, order[0], order[1], lots)
            case (number, index, beside, "price"):
                for side in (lazy, eager):
                    side.price(number, index, index + beside)
            case (hours, order, _, "hours"):
                for side in (lazy, eager):
                    side.advance(hours)
                touches += 1
                for account in order:
                    eager.touch(account, 1)
        assert eager.exchange.pool()["funding_clearing"] == 0 or step[3] != "hours"
    for account in ACCOUNTS:
        if touches:
            lazy.touch(account, touches)
            eager.touch(account, 1)
            lazy.touch(account, 1)
        assert lazy.worth(account) == eager.worth(account)
    for side in (lazy, eager):
        assert side.exchange.pool()["funding_clearing"] == 0  # all touched


needs_jit = pytest.mark.skipif(not JIT, reason="thirty intervals are long without the JIT")


@needs_jit
def test_rule_7_3_the_index_is_rebased_before_its_bound_and_nobody_gains_by_it():
    """The perpetual stands 30% above the index: every hour a long pays 30% of a lot's value."""
    lazy, eager = Side(), Side()
    for side in (lazy, eager):
        side.trade(1, 2, 3, 1_000)
        side.trade(2, 4, 5, 1_000)
        for _ in range(30):
            side.price(1, 1_000, 1_300)
            side.price(2, 1_000, 700)
            side.advance(1)
            if side is eager:
                for account in ACCOUNTS:
                    side.touch(account, 1)
    assert lazy.rebased > 0 and lazy.rebased == eager.rebased
    for account in ACCOUNTS:
        lazy.touch(account, 30)
        assert lazy.worth(account) == eager.worth(account)
    assert lazy.exchange.pool()["funding_clearing"] == 0


@needs_jit
def test_rule_8_4_a_rebase_covers_who_is_short_by_what_another_contract_owes_him():
    """The first account pays 30% an hour in one contract and receives as much in the other, which
    is not settled yet: its 2 x 10^9 are less than what the rebase of the first takes at once."""
    side = Side(poor=2 * 10**9)
    side.trade(1, 2, 3, 1_000)
    side.trade(2, 3, 2, 1_000)
    for _ in range(30):
        side.price(1, 1_000, 1_300)
        side.price(2, 1_000, 1_300)
        side.advance(1)
    assert side.rebased == 2
    assert side.worth(2)[0] == 2 * 10**9  # its equity has not moved
