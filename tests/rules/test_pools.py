"""Every pool of `engine/schema/bounds.py` at its bound: what would need one more record is refused
with a code and changes nothing; cancels, what reduces, and liquidations go on.

The counters are written where filling would take millions of commands. A has 1,500 and is long 10
at 1000 (initial 10%, maintenance 5%); C bids 870 for whoever must sell.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from engine.schema import bounds, commands, refusals
from engine.schema import vocabulary as words
from engine.schema.commands import AnyCommand
from engine.schema.events import Event
from engine.state import layout
from engine.state.layout import ACCOUNT_ROWS, SECTIONS
from tests.rules.market import listing, market_stop_at, stop_at
from tests.rules.story import BUY, IOC, SELL, A, B, C, D, E, Story, named, only, order_id, refusal

RICH = 10**9
M = bounds.ACCOUNTS_MAX + 1


class Pool(NamedTuple):
    """`counters` stand at the bound; `command` then needs one record more."""

    counters: dict[str, int]
    command: dict[str, Any]
    code: int = refusals.POOL_FULL


def busy() -> Story:
    """A, B, C and D hold something; D bids 800; the fund takes nothing."""
    story = Story(listing(1), listing(2))
    story.open(A, 1_500)
    for account in (B, C, D, E):
        story.open(account, RICH)
    story.price(1, 1_000, 2, 1_000)
    story.trade(A, B, 10, 1_000)
    story.trade(D, B, 5, 1_000)
    story.order(C, BUY, 30, 870)
    return story


def place(account: int = C, price: int = 860, **fields: Any) -> dict[str, Any]:
    return {
        "kind": commands.PlaceOrder, "account": account, "contract": 1, "side": BUY, "lots": 1,
        "price_ticks": price,
    } | fields  # fmt: skip


BRACKET = {
    "kind": commands.PlaceBracket, "account": C, "contract": 1, "side": BUY, "lots": 1,
    "price_ticks": 860, "stop_ticks": 700, "target_ticks": 1_200,
}  # fmt: skip
FULL_OF_ORDERS = bounds.ORDERS_MAX - bounds.POSITIONS_MAX - 1
NO_PAGE = {"pages_top": bounds.PAGES_MAX, "pages_free": words.NONE}
POOLS = {
    "orders": Pool({"orders_live": FULL_OF_ORDERS}, place()),
    "orders of a bracket": Pool({"orders_live": FULL_OF_ORDERS - 2}, BRACKET),
    "orders that wait": Pool({"orders_live": FULL_OF_ORDERS}, place(**stop_at(1_300))),
    "orders that reduce": Pool(
        {"orders_live": bounds.ORDERS_MAX - 1},
        place(D, 1_100, side=SELL, flags=words.REDUCE_ONLY),
    ),
    "positions": Pool({"positions_top": bounds.POSITIONS_MAX}, place(E)),
    "positions of leverage": Pool(
        {"positions_top": bounds.POSITIONS_MAX},
        {"kind": commands.SetLeverage, "account": E, "contract": 1, "rate_initial_ppb": 1},
    ),
    "pages": Pool(NO_PAGE, place(C, 300)),
    "pages of triggers": Pool(
        {"pages_armed": bounds.ARMED_PAGES_MAX}, place(**stop_at(1_300))
    ),
    "pages of the book, for a trigger": Pool(NO_PAGE, place(**stop_at(1_300))),
    "accounts": Pool(
        {},
        {
            "kind": commands.OpenAccount, "account": bounds.ACCOUNTS_MAX + 1, "owner": 1,
            "group": 1, "account_kind": words.KIND_CLIENT,
        },
        refusals.ACCOUNT_OUT_OF_RANGE,
    ),
    "margin accounts": Pool(
        {"margin_accounts_top": bounds.MARGIN_ACCOUNTS_LAST},
        {"kind": commands.IsolateContract, "account": E, "contract": 1},
    ),
}  # fmt: skip


class AtBound:
    """A story with counters at their bounds, which are put back for a look at the whole state."""

    def __init__(self, story: Story, counters: dict[str, int]) -> None:
        self.story = story
        self.counters = counters
        self.engine = story.exchange.arena.engine

    def send(self, **fields: Any) -> tuple[Event, ...]:
        """A command at the bound, and the invariants behind it. What the command itself has taken
        and given back stays counted."""
        kind = fields.pop("kind")
        if "client_id" in kind.__struct_fields__:
            fields["client_id"] = self.story.client_id()
        command: AnyCommand = kind(time_ns=self.story.now_ns, **fields)
        real = {name: int(self.engine[name][0]) for name in self.counters}
        for name, value in self.counters.items():
            self.engine[name] = value
        events = self.story.exchange.submit(command)
        for name, value in self.counters.items():
            if name == "pages_free":
                continue  # the head of a list: what was freed stands there now
            used = int(self.engine[name][0]) - value
            assert used <= 0, f"{name} passed its bound"
            self.engine[name] = real[name] + used
        assert self.story.exchange.check() == []
        return events


def filled(events: tuple[Event, ...]) -> int:
    return sum(event.values["lots"] for event in named(events, "trade"))


@pytest.mark.parametrize("name", POOLS)
def test_rule_2_2_a_pool_at_its_bound_refuses_and_changes_nothing(name):
    pool = POOLS[name]
    bound = AtBound(busy(), pool.counters)
    book = bound.story.exchange.depth(1)
    events = bound.send(**pool.command)
    assert [event.name for event in events] == ["refused"]
    assert events[0].values["code"] == pool.code
    assert bound.story.exchange.depth(1) == book
    assert bound.story.account(E)["positions"] == []


@pytest.mark.parametrize("name", [name for name in POOLS if POOLS[name].counters])
def test_rule_2_2_with_one_record_left_it_is_taken(name):
    pool = POOLS[name]
    counters = {key: value - 1 for key, value in pool.counters.items() if key != "pages_free"}
    story = busy()
    for key, value in counters.items():
        story.exchange.arena.engine[key] = value
    kind = pool.command["kind"]
    fields = {key: value for key, value in pool.command.items() if key != "kind"}
    command = kind(time_ns=story.now_ns, client_id=story.client_id(), **fields)
    assert refusal(story.exchange.submit(command)) == refusals.OK


def all_counters() -> dict[str, int]:
    """Every counter at the bound behind which nothing at all is left."""
    counters = {key: value for pool in POOLS.values() for key, value in pool.counters.items()}
    return counters | {"orders_live": bounds.ORDERS_MAX - 1}


EACH_FULL = pytest.mark.parametrize(
    "counters",
    [*(pool.counters for pool in POOLS.values() if pool.counters), all_counters()],
    ids=[*(name for name in POOLS if POOLS[name].counters), "all"],
)


@EACH_FULL
def test_rule_4_6_cancels_go_through_whatever_is_full(counters):
    story = busy()
    order = order_id(story.order(D, BUY, 3, 800))
    story.order(D, BUY, 2, 790)
    waiting = order_id(story.order(D, SELL, 1, 0, **market_stop_at(700)))
    bound = AtBound(story, counters)
    for number in (order, waiting):
        events = bound.send(kind=commands.CancelOrder, account=D, order_id=number)
        assert only(events, "order_cancelled")["order_id"] == number
    events = bound.send(kind=commands.MassCancel, account=D)
    assert only(events, "mass_cancelled") and only(events, "order_cancelled")["lots"] == 2
    assert story.exchange.depth(1)[0] == [(870, 30)]


@EACH_FULL
def test_rule_4_9_what_reduces_goes_through_whatever_is_full(counters):
    bound = AtBound(busy(), counters)
    closing = place(D, 870, side=SELL, lots=5, tif=IOC, flags=words.REDUCE_ONLY)
    assert filled(bound.send(**closing)) == 5
    assert bound.story.lots(D) == 0


@EACH_FULL
def test_rule_9_2_a_liquidation_sells_whatever_is_full(counters):
    """At 870 A has 1,500 - 1,300 = 200 of the 435 that 10 lots need."""
    bound = AtBound(busy(), counters)
    events = bound.send(kind=commands.PublishPrice, source=1, contract=1, price_ticks=870)
    assert named(events, "liquidation_started", A) and filled(events) > 0
    assert 0 <= bound.story.lots(A) < 10


@EACH_FULL
def test_rule_9_7_a_waterfall_ends_whatever_is_full(counters):
    """At 800 A is 500 below zero. Nobody bids there, and the fund has nothing: B, who gained 2,000
    from A's lots, gives 500."""
    bound = AtBound(busy(), counters)
    bound.send(kind=commands.MassCancel, account=C)
    events = bound.send(kind=commands.PublishPrice, source=1, contract=1, price_ticks=800)
    closed = only(events, "waterfall_closed")
    assert (closed["deficit"], closed["given_up"]) == (500, 500)
    assert (bound.story.lots(A), bound.story.cash(A)) == (0, 0)


def test_rule_3_1_the_last_account_trades_and_is_liquidated_like_any_other():
    story = busy()
    last = bounds.ACCOUNTS_MAX
    bound = AtBound(story, {})
    bound.send(
        kind=commands.OpenAccount, account=last, owner=1, group=1,
        account_kind=words.KIND_CLIENT,
    )  # fmt: skip
    bound.send(kind=commands.Deposit, account=last, amount=150)
    assert filled(bound.send(**place(B, 1_000, side=SELL))) == 0
    assert filled(bound.send(**place(last, 1_000))) == 1
    events = bound.send(kind=commands.PublishPrice, source=1, contract=1, price_ticks=870)
    assert named(events, "liquidation_started", last)
    assert story.lots(last) == 0


def test_rule_8_5_isolating_again_needs_no_new_margin_account():
    """E has joined contract 1 again: its margin account is there, and is the same one."""
    story = busy()
    story.isolate(E)
    story.join(E)
    bound = AtBound(story, {"margin_accounts_top": bounds.MARGIN_ACCOUNTS_LAST})
    events = bound.send(kind=commands.IsolateContract, account=E, contract=1)
    assert only(events, "contract_isolated")["margin_account"] == M


def test_rule_10_6_reserved_withdrawals_at_their_bound_keep_nobody_from_closing():
    story = busy()
    for _ in range(bounds.WITHDRAWALS_MAX):
        story.withdraw(D, 1)
    assert refusal(story.withdraw(D, 1)) == refusals.WITHDRAWALS_PENDING
    order = order_id(story.order(D, BUY, 3, 800))
    assert only(story.cancel(D, order), "order_cancelled")
    events = story.order(D, SELL, 5, 870, tif=IOC, flags=words.REDUCE_ONLY)
    assert filled(events) == 5
    back = commands.ReturnWithdrawal(time_ns=story.now_ns, account=D, client_id=0)
    reserved = named(tuple(story.events), "withdrawal_reserved", D)[0].values["client_id"]
    story.submit(commands.ReturnWithdrawal(time_ns=back.time_ns, account=D, client_id=reserved))
    assert refusal(story.withdraw(D, 1)) == refusals.OK


def rows(name: str) -> int:
    return SECTIONS[name].rows


ALWAYS_ROOM: dict[str, Callable[[], int]] = {
    # an opened account has a heartbeat and a status that ends, an order an expiry
    "timers": lambda: bounds.ORDERS_MAX + 2 * bounds.ACCOUNTS_MAX,
    "linked": lambda: bounds.ORDERS_MAX,
    "left_over_orders": lambda: bounds.ORDERS_MAX,
    "icebergs_left": lambda: bounds.ORDERS_MAX,
    "breaches": lambda: bounds.ORDERS_MAX + bounds.MARGIN_ACCOUNTS_LAST,
    "liquidations": lambda: bounds.MARGIN_ACCOUNTS_LAST,
    "cooling": lambda: bounds.MARGIN_ACCOUNTS_LAST,
    "suspects": lambda: bounds.MARGIN_ACCOUNTS_LAST,
    "shorts": lambda: bounds.MARGIN_ACCOUNTS_LAST,
    "waking": lambda: bounds.MARGIN_ACCOUNTS_LAST,
    "dirty_accounts": lambda: bounds.MARGIN_ACCOUNTS_LAST,
    "hits": lambda: bounds.MARGIN_ACCOUNTS_LAST,
    "auction_orders": lambda: bounds.MARGIN_ACCOUNTS_LAST,
    "holders": lambda: bounds.CONTRACTS_MAX * bounds.MARGIN_ACCOUNTS_LAST,
    "candidates": lambda: bounds.POSITIONS_MAX,
    "ranks": lambda: 2 * bounds.POSITIONS_MAX,
    "protections": lambda: bounds.MARGIN_ACCOUNTS_LAST * bounds.PROTECTIONS_MAX,
    "withdrawals": lambda: bounds.ACCOUNTS_MAX * bounds.WITHDRAWALS_MAX,
    "holdings": lambda: bounds.ACCOUNTS_MAX * bounds.COLLATERAL_MAX,
}


@pytest.mark.parametrize("name", ALWAYS_ROOM)
def test_rule_1_3_a_list_has_a_row_for_everything_that_can_stand_in_it(name):
    """These lists are never asked for room: what can be in them has a bound elsewhere."""
    assert rows(name) >= ALWAYS_ROOM[name]()
    assert ACCOUNT_ROWS > bounds.MARGIN_ACCOUNTS_LAST


def test_rule_4_3_a_slot_of_which_all_ids_are_used_up_is_used_no_more():
    """An id has 31 bits for the generation. The last one is given, the order works and ends, and
    the next order takes another slot: no id comes twice, and none is below zero."""
    story = busy()
    first = order_id(story.order(D, BUY, 3, 800))
    slot = first & 2**32 - 1
    story.cancel(D, first)
    orders = story.exchange.arena.records("orders", slot + 1)
    assert story.exchange.arena.engine["orders_free"][0] == slot
    orders["generation"][slot] = bounds.GENERATIONS_MAX - 1
    live = int(story.exchange.arena.engine["orders_live"][0])
    last = order_id(story.order(D, BUY, 3, 800))
    assert last == bounds.GENERATIONS_MAX << 32 | slot
    assert last < 2**63
    assert only(story.cancel(D, last), "order_cancelled")["order_id"] == last
    following = order_id(story.order(D, BUY, 3, 800))
    assert following & 2**32 - 1 == slot + 1
    assert refusal(story.cancel(D, last)) == refusals.ORDER_UNKNOWN
    # the slot stays counted: there is one less of them
    assert story.exchange.arena.engine["orders_live"][0] == live + 2
    assert layout.ORDER["generation"].itemsize == 4
