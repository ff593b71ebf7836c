"""What-if (8.9): the answers are the decisions, and no question changes the state."""

import pytest

from engine.exchange import Exchange
from engine.schema import commands, refusals
from engine.schema import vocabulary as words
from engine.schema.packing import FieldRangeError
from engine.state.arena import account_ids
from engine.state.copying import copy_arena
from engine.views import positions_of
from engine.what_if import Margin
from risk.from_python import value_at_mark
from tests.oracle.raw import RawCommand, RawQuotes
from tests.oracle.workload import Workload, configs
from tests.property.both import pack
from tests.rules.story import BUY, PERCENT, SELL, A, B, C, Story, contract, named

RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
RICH = 10**6


def held(lots: int, cash: int, *, side: int = BUY, **terms: int) -> Story:
    """A holds lots bought or sold at the mark of 1000, with this cash."""
    story = Story(contract(1, **RATES, **terms), contract(2, **RATES))
    story.open(A, cash)
    story.open(B, RICH)
    story.price(1, 1_000, 2, 1_000)
    if lots:
        story.trade(*((A, B) if side == BUY else (B, A)), lots, 1_000)
    return story


def order(story: Story, lots: int, price: int, **terms: int) -> commands.PlaceOrder:
    fields = {"account": A, "client_id": 90, "contract": 1, "side": BUY}
    return commands.PlaceOrder(
        time_ns=story.now_ns, lots=lots, price_ticks=price, **(fields | terms)
    )


def test_rule_8_9_an_order_that_would_pass_tells_the_margin_behind_it():
    """Long 10 at 1000 with cash 2000: initial 1000. Five more at 990 reserve 495."""
    story = held(10, 2_000)
    digest = story.exchange.digest()
    answer = story.exchange.what_if(order(story, 5, 990))
    assert (answer.code, answer.refusal, answer.equity_needed) == (refusals.OK, "", None)
    assert answer.before == Margin(equity=2_000, maintenance=500, requirement=1_000)
    assert answer.after == Margin(equity=2_000, maintenance=500, requirement=1_495)
    assert [event.name for event in answer.events] == ["order_accepted"]
    assert story.exchange.digest() == digest


def test_rule_8_9_an_order_that_would_trade_is_told_with_its_fill():
    """B asks 4 at 1010; A takes them: 14 lots at a mark of 1000, 40 lost against it."""
    story = held(10, 2_000)
    story.order(B, SELL, 4, 1_010)
    answer = story.exchange.what_if(order(story, 4, 1_010))
    assert [event.name for event in answer.events] == ["order_accepted", "trade", "leg", "leg"]
    assert answer.after == Margin(equity=1_960, maintenance=700, requirement=1_400)
    assert story.lots(A) == 10 and story.equity(A) == 2_000


@pytest.mark.parametrize("lots", [10, 0])
def test_rule_8_9_an_order_refused_for_its_margin_tells_what_it_would_have_needed(lots):
    """20 lots at 1005 reserve 2010 and lose 100 against the mark; what is held needs 100 a lot."""
    story = held(lots, 2_000)
    digest = story.exchange.digest()
    answer = story.exchange.what_if(order(story, 20, 1_005))
    assert answer.refusal == "MARGIN_INSUFFICIENT"
    assert answer.before == answer.after
    needed = lots * 100 + 2_010 + 100
    assert answer.equity_needed == needed
    assert story.exchange.digest() == digest
    story.deposit(A, needed - 2_000 - 1)
    assert story.exchange.what_if(order(story, 20, 1_005)).code == refusals.MARGIN_INSUFFICIENT
    story.deposit(A, 1)
    assert story.exchange.what_if(order(story, 20, 1_005)).code == refusals.OK


def test_rule_8_9_the_needed_equity_of_a_sell_counts_on_the_side_of_sells():
    """Short 10, cash 1000, 5 more at 1000: 1500; as a buy they would need nothing more."""
    story = held(10, 1_000, side=SELL)
    answer = story.exchange.what_if(order(story, 5, 1_000, side=SELL))
    assert answer.equity_needed == 1_500
    assert story.exchange.what_if(order(story, 5, 1_000)).code == refusals.OK


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"lots": 0}, refusals.LOTS_NOT_POSITIVE),
        ({"price": 0}, refusals.PRICE_NOT_POSITIVE),
        ({"contract": 3}, refusals.CONTRACT_UNKNOWN),
        ({"account": C}, refusals.ACCOUNT_UNKNOWN),
        ({"account": 2**31 - 1}, refusals.ACCOUNT_UNKNOWN),
        ({"client_id": 1}, refusals.CLIENT_ID_DUPLICATE),
        ({"flags": words.REDUCE_ONLY}, refusals.REDUCE_ONLY_NOTHING),
        ({"display_lots": 9}, refusals.DISPLAY_INVALID),
        ({"time_ns": 1}, refusals.TIME_BACKWARDS),
    ],
)
def test_rule_8_9_a_refusal_of_each_part_of_the_ladder_answers(terms, code):
    story = held(10, 2_000)
    digest = story.exchange.digest()
    command = order(story, terms.pop("lots", 5), terms.pop("price", 1_000))
    fields = {name: getattr(command, name) for name in command.__struct_fields__} | terms
    answer = story.exchange.what_if(commands.PlaceOrder(**fields))
    assert (answer.code, answer.refusal) == (code, refusals.NAMES[code])
    assert (answer.before is None) == (code == refusals.ACCOUNT_UNKNOWN)
    assert story.exchange.digest() == digest


def test_rule_8_9_what_does_not_fit_a_record_is_no_question():
    story = held(10, 2_000)
    with pytest.raises(FieldRangeError, match="lots"):
        story.exchange.what_if(order(story, 2**31, 1_000))


def test_rule_8_9_a_withdrawal_or_a_price_can_be_asked_about_too():
    """At 947 A's equity is 470, its maintenance ceil(473.5)."""
    story = held(10, 1_000)
    price = commands.PublishPrice(time_ns=story.now_ns, source=1, contract=1, price_ticks=947)
    answer = story.exchange.what_if(price)
    assert named(answer.events, "liquidation_started", A)[0].values == {
        "equity": 470,
        "margin_maintenance": 474,
    }
    assert story.mark() == 1_000 and not story.account(A)["in_liquidation"]
    money = commands.Withdraw(time_ns=story.now_ns, account=A, client_id=80, amount=1)
    assert story.exchange.what_if(money).code == refusals.WITHDRAWAL_ABOVE_AVAILABLE


@pytest.mark.parametrize(
    ("side", "cash", "terms", "liquidation", "bankruptcy"),
    [
        # 1000 + 10 (p - 1000) < ceil(p / 2): at 948 it is 480 to 474, at 947 470 to 474
        (BUY, 1_000, {}, 947, 900),
        # 1000 - 10 (p - 1000) < ceil(p / 2): at 1047 it is 530 to 524, at 1048 520 to 524
        (SELL, 1_000, {}, 1_048, 1_100),
        # the fee of 1% of 10,000 comes out of the 1000 first
        (BUY, 1_000, {"liquidation_fee_ppb": PERCENT}, 947, 910),
        # 9 units more are no whole tick of 9.3; at 1048 they keep 529 to 524, at 1049 519 to 525
        (BUY, 1_001, {}, 947, 900),
        (SELL, 1_009, {}, 1_049, 1_100),
        # of 9999 nothing is left at 0 ticks, so at one tick it is 9, above the maintenance of 1
        (BUY, 10_000, {}, None, 1),
        (SELL, 30_000, {"price_ticks_max": 2_000}, None, 2_000),
    ],
)
def test_rule_8_9_liquidation_and_bankruptcy_price(side, cash, terms, liquidation, bankruptcy):
    story = held(10, cash, side=side, **terms)
    digest = story.exchange.digest()
    prices = story.exchange.liquidation_prices(A, 1)
    assert prices.mark_ticks == 1_000
    assert (prices.liquidation_ticks, prices.bankruptcy_ticks) == (liquidation, bankruptcy)
    assert story.exchange.digest() == digest
    if liquidation is not None:
        before = liquidation + (1 if side == BUY else -1)
        assert not named(story.price(before), "liquidation_started", A)
        assert named(story.price(liquidation), "liquidation_started", A)


def test_rule_8_9_the_other_marks_are_held():
    """Long 10 of X and short 10 of Y, cash 3000, Y at 1050: its loss of 500 and its maintenance of
    525 count. 2500 + 10 (p - 1000) < ceil(p / 2) + 525: at 845 it is 950 to 948, at 844 940 to 947.

    9.3 shares 2500 by maintenance, 500 : 525 = 1219 for X: 121 ticks.
    """
    story = held(10, 3_000)
    story.trade(B, A, 10, 1_000, number=2)
    story.price(2, 1_050)
    prices = story.exchange.liquidation_prices(A, 1)
    assert (prices.liquidation_ticks, prices.bankruptcy_ticks) == (844, 1_000 - 121)
    assert not named(story.price(845), "liquidation_started", A)
    assert named(story.price(844), "liquidation_started", A)


def test_rule_8_9_an_account_under_maintenance_stands_at_its_liquidation_price():
    """No book and nobody to take over at a price: after a step it waits, still under."""
    story = held(10, 1_000, liquidation_whole_equity_ppb=0, liquidation_depth_ppb=0)
    story.change_state(words.STATE_PRE_OPEN)
    story.price(940)
    assert story.account(A)["in_liquidation"]
    assert story.exchange.liquidation_prices(A, 1).liquidation_ticks == 940


def isolated(cash: int, margin: int) -> Story:
    """A has isolated contract 1 with part of its cash; B is rich."""
    story = held(0, cash + margin)
    story.isolate(A)
    story.move(A, margin)
    return story


def test_rule_8_9_of_an_isolated_contract_the_margin_account_is_asked():
    """10 lots at 1000 ask for 10%, 1000, of a margin of 900: 9000 beside it do not help."""
    story = isolated(9_000, 900)
    outcome = story.exchange.what_if(order(story, 10, 1_000))
    assert (outcome.refusal, outcome.equity_needed) == ("MARGIN_INSUFFICIENT", 1_000)
    assert outcome.before is not None and outcome.before.equity == 900
    story.move(A, 100)
    outcome = story.exchange.what_if(order(story, 10, 1_000))
    assert outcome.after is not None
    assert (outcome.code, outcome.after.requirement) == (0, 1_000)


def test_rule_8_9_an_isolated_position_has_prices_of_its_own_margin():
    """Long 10 at 1000 with 1000: at 947 470 are left of 474 (5% of 9470, rounded up), at 948 480 of
    474."""
    story = isolated(9_000, 1_000)
    story.trade(A, B, 10, 1_000)
    assert story.exchange.liquidation_prices(A, 1).liquidation_ticks == 947
    assert story.exchange.rank_band(A, 1) == 1


@pytest.mark.parametrize(("account", "number"), [(A, 2), (C, 1), (0, 1), (A, 3), (A, 0), (-1, 1)])
def test_rule_8_9_there_are_no_prices_of_what_is_not_held(account, number):
    with pytest.raises(KeyError):
        held(10, 1_000).exchange.liquidation_prices(account, number)


def is_under_at(arena, account: int, number: int, ticks: int) -> bool:
    copy = copy_arena(arena)
    equity, maintenance = value_at_mark(copy.base, account, number, ticks)
    return equity < maintenance


def check_prices(exchange: Exchange) -> int:
    """The liquidation price of every position against the marks beside it."""
    count = 0
    for account in account_ids(exchange.arena).tolist():
        for number, slot in positions_of(exchange.arena, account):
            lots = int(exchange.arena.records("positions", slot + 1)["lots"][slot])
            if lots == 0:
                continue
            prices = exchange.liquidation_prices(account, number)
            ticks, step = prices.liquidation_ticks, 1 if lots > 0 else -1
            if ticks is not None:
                assert is_under_at(exchange.arena, account, number, ticks)
                if ticks != prices.mark_ticks:
                    assert not is_under_at(exchange.arena, account, number, ticks + step)
            else:
                spec = exchange.config.contracts[number - 1]
                end = spec.price_ticks_min if lots > 0 else spec.price_ticks_max
                assert not is_under_at(exchange.arena, account, number, end)
            count += 1
    return count


@pytest.mark.parametrize("name", sorted(configs())[::3])
def test_rule_8_9_answers_are_what_then_happens(name):
    exchange = Exchange(configs()[name])
    workload = Workload(6, configs()[name])
    count = 0
    for number in range(250):
        command = workload.next_command()
        if isinstance(command, RawCommand | RawQuotes):
            events = exchange.run(pack(command))
        else:
            digest = exchange.digest()
            answer = exchange.what_if(command)
            assert exchange.digest() == digest
            assert exchange.submit(command) == answer.events
            events = exchange.arena.records("events", len(answer.events))
        workload.observe(events.tolist())
        if number % 80 == 79:
            digest = exchange.digest()
            count += check_prices(exchange)
            assert exchange.digest() == digest
    assert count > 0
