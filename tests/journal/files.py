"""What the tests of both kinds of file share: small contents, and how a refusal reads."""

import numpy as np
import pytest

from engine.journal.json_lines import pack_commands
from engine.schema import events as ev
from engine.schema.commands import Deposit, PlaceOrder, PublishPrice
from engine.schema.contract import Config, Contract, Tier
from engine.schema.events import EVENT

CONFIG = Config(
    contracts=(
        Contract(
            contract=1,
            symbol="BTC-PERP",
            tick_value=1,
            tiers=(Tier(0, 20_000_000, 10_000_000),),
            open_interest_lots_max=2**20,
            position_lots_max=2**20,
            order_lots_max=2**20,
        ),
    )
)
COMMANDS = pack_commands(
    [
        Deposit(time_ns=1, amount=5, account=2),
        PublishPrice(time_ns=2, source=1, contract=1, price_ticks=100),
        PlaceOrder(time_ns=3, account=2, client_id=1, contract=1, side=0, lots=7, price_ticks=99),
    ]
)

EVENTS = np.array(
    [
        (1, 7, 0, 0, 0, 0, 0, 0, 0, ev.TIME_ADVANCED),
        (2, 1, 100, 0, 0, 0, 0, 0, 1, ev.PRICE_RECEIVED),
        (3, 5, -7, 40, 1, 2, 3, 2**31 - 1, 1, ev.LEG),
    ],
    EVENT,
)


def refusal_of(read, error, path, octets):
    """What is wrong with the octets as the content of a file, without the path."""
    path.write_bytes(octets)
    with pytest.raises(error) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")
