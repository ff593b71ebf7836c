"""A copy of an arena is the same state, and goes on as the first one would have."""

import pytest

from engine.exchange import Exchange
from engine.state import layout
from engine.state.copying import ROWS, copy_account, copy_arena
from engine.views import Valuer
from risk.from_python import value_account
from tests.oracle.workload import Workload, configs
from tests.property.both import pack
from tests.rules.story import PERCENT, A, B, Story, contract

COMMANDS = 250
NAMES = sorted(configs())


def drive(exchange: Exchange, workload: Workload, count: int) -> None:
    for _ in range(count):
        workload.observe(exchange.run(pack(workload.next_command())).tolist())


def test_every_section_says_how_much_of_it_is_used():
    assert set(ROWS) == set(layout.SECTIONS)


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_goes_on_like_the_first(name):
    """Whatever a section holds that the next commands read must have come along."""
    exchange = Exchange(configs()[name])
    workload = Workload(4, configs()[name])
    for _ in range(3):
        drive(exchange, workload, COMMANDS)
        digest = exchange.digest()
        copy = exchange.copy()
        assert copy.digest() == digest and copy.check() == []
        for _ in range(COMMANDS):
            records = pack(workload.next_command())
            events = exchange.run(records)
            assert copy.run(records).tobytes() == events.tobytes()
            workload.observe(events.tolist())
        assert copy.digest() == exchange.digest() != digest


@pytest.mark.parametrize("name", ["liquidations", "waking", "linked", "suspects"])
def test_what_rarely_stands_open_between_commands_comes_along(name):
    """Work left over by the bound of 2.5; random streams hardly ever leave any at a copy."""
    arena = Exchange(configs()["realistic"]).arena
    arena.engine[name] = 3
    arena.records(name, 3)["slot"] = (7, 8, 9)
    assert copy_arena(arena).records(name, 4)["slot"].tolist() == [7, 8, 9, 0]


def test_bands_come_along():
    """Without them an account would only be valued more often (`risk/bands.py`)."""
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT))
    for account in (A, B):
        story.open(account, 10**6)
    story.price(1_000)
    story.trade(A, B, 10, 1_000)
    story.price(1_001)
    rows = 2 * layout.ACCOUNT_ROWS
    arena = story.exchange.arena
    bands = arena.records("bands", rows)[layout.ACCOUNT_ROWS :][:3]
    copied = copy_arena(arena).records("bands", rows)[layout.ACCOUNT_ROWS :][:3]
    assert bands.tolist() == copied.tolist()
    assert bands["end_value"].astype(bool).tolist() == [True, True, False]


def test_a_copy_and_the_first_do_not_share_anything():
    story = Story(contract(initial_ppb=10 * PERCENT, maintenance_ppb=5 * PERCENT))
    story.open(A, 1_000)
    digest = story.exchange.digest()
    copy = story.exchange.copy()
    copy.arena.records("accounts", A + 1)["cash"][A] = 7
    assert story.cash(A) == 1_000 and story.exchange.digest() == digest != copy.digest()


def test_a_copy_of_an_account_holds_its_positions_beyond_the_fourth():
    """The fifth and later position records hang in a chain."""
    rates = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}
    story = Story(*(contract(number, **rates) for number in range(1, 7)))
    for account in (A, B):
        story.open(account, 10**6)
    for number in range(1, 7):
        story.price(number, 1_000)
        story.trade(A, B, number, 1_000, number)
    for number in range(1, 7):
        story.price(number, 990)
    copy = copy_account(story.exchange.arena, A)
    # 21 lots at 990: 10 ticks each are lost; maintenance is 5% of each 990 x lots, rounded up
    maintenance = sum(-(-990 * lots * 5 // 100) for lots in range(1, 7))
    assert value_account(copy.base, A)[:2] == (10**6 - 210, maintenance)
    view = Valuer(story.exchange.arena).account(A)
    assert (view["equity"], view["margin_maintenance"]) == (10**6 - 210, maintenance)
