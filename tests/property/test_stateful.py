"""Hypothesis drives engine and oracle from an empty exchange and shrinks whatever parts them.

The seeded streams reach deep states; this machine finds short stories. Sizes are small on purpose:
prices near 100, a few lots, three accounts of which two share a group.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.kernel import JIT
from engine.schema import commands as c
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from engine.schema.events import ORDER_ACCEPTED
from tests.oracle.workload import configs
from tests.property.both import KIND, Both

ACCOUNTS = (2, 3, 4)
START_NS = 1_700_000_000 * NS_PER_SECOND
CONFIG = configs()["nothing_behind"]

accounts = st.sampled_from(ACCOUNTS)
contracts = st.integers(1, len(CONFIG.contracts))
prices = st.integers(60, 160)
lots = st.integers(1, 40)
sides = st.sampled_from((words.BUY, words.SELL))


class OneExchange(RuleBasedStateMachine):
    @initialize(money=st.lists(st.integers(200, 400_000), min_size=3, max_size=3))
    def open(self, money):
        self.both = Both(CONFIG)
        self.now_ns = START_NS
        self.client_id = 0
        self.orders: list[tuple[int, int]] = []
        for account, amount in zip(ACCOUNTS, money, strict=True):
            group = min(account, 3)
            self.send(c.OpenAccount, account=account, owner=account, group=group)
            self.send(c.Deposit, account=account, amount=amount)
        for contract in range(1, len(CONFIG.contracts) + 1):
            self.send(c.PublishPrice, source=1, contract=contract, price_ticks=100)

    def send(self, kind, **fields):
        if "client_id" in kind.__struct_fields__:
            self.client_id += 1
            fields["client_id"] = self.client_id
        events = self.both.apply(kind(time_ns=self.now_ns, **fields))
        self.both.check_touched(events)
        self.orders += [(e[7], e[1]) for e in events if e[KIND] == ORDER_ACCEPTED]

    @rule(
        account=accounts,
        contract=contracts,
        side=sides,
        lots=lots,
        price=prices,
        tif=st.sampled_from((words.GTC, words.GTC, words.IOC, words.FOK)),
        flags=st.sampled_from((0, 0, 0, words.POST_ONLY, words.REDUCE_ONLY)),
        stp=st.integers(0, 4),
    )
    def place(self, account, contract, side, lots, price, tif, flags, stp):
        self.send(
            c.PlaceOrder, account=account, contract=contract, side=side, lots=lots,
            price_ticks=price, tif=tif, flags=flags, stp=stp,
        )  # fmt: skip

    @rule(account=accounts, contract=contracts, side=sides, lots=lots)
    def place_market(self, account, contract, side, lots):
        self.send(
            c.PlaceOrder, account=account, contract=contract, side=side, lots=lots,
            order_type=words.MARKET, tif=words.IOC,
        )  # fmt: skip

    @rule(pick=st.integers(0, 10**6))
    def cancel(self, pick):
        account, order_id = self.some_order(pick)
        self.send(c.CancelOrder, account=account, order_id=order_id)

    @rule(pick=st.integers(0, 10**6), price=prices, lots=lots)
    def amend(self, pick, price, lots):
        account, order_id = self.some_order(pick)
        self.send(
            c.AmendOrder, account=account, order_id=order_id, price_ticks=price, lots=lots
        )  # fmt: skip

    def some_order(self, pick):
        return self.orders[-1 - pick % min(len(self.orders), 8)] if self.orders else (2, 1)

    @rule(account=accounts)
    def mass_cancel(self, account):
        self.send(c.MassCancel, account=account)

    @rule(account=accounts, amount=st.integers(1, 100_000))
    def withdraw(self, account, amount):
        self.send(c.Withdraw, account=account, amount=amount)

    @rule(contract=contracts, price=prices, other=contracts, other_price=prices)
    def publish(self, contract, price, other, other_price):
        self.send(
            c.PublishPrice, source=1, contract=contract, price_ticks=price,
            contract_2=other, price_ticks_2=other_price,
        )  # fmt: skip

    @rule(seconds=st.sampled_from((1, 10, 50)))
    def pass_time(self, seconds):
        self.now_ns += seconds * NS_PER_SECOND

    @rule(hours=st.sampled_from((1, 9)))
    def jump(self, hours):
        self.now_ns += hours * 3_600 * NS_PER_SECOND
        self.send(c.AdvanceTime)

    @invariant()
    def whole_state_is_sound(self):
        if hasattr(self, "both"):
            assert self.both.engine.check() == []


OneExchange.TestCase.settings = settings(
    max_examples=40 if JIT else 10,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_rule_14_holds_in_every_short_story = OneExchange.TestCase
