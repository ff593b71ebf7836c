"""Slots of a generator, and records joined byte by byte."""

import numpy as np

from engine.importers.order_slots import OrderSlots
from engine.importers.recording import join_records
from engine.journal.json_lines import pack_commands, unpack_commands
from engine.schema import events as ev
from engine.schema.commands import AnyCommand, OpenAccount, PublishPrice


def events_of(*rows):
    """Events of a kind with the numbers a to f."""
    events = np.zeros(len(rows), ev.EVENT)
    for event, (kind, *numbers) in zip(events, rows, strict=True):
        event["kind"] = kind
        for name, number in zip("abcdef", numbers, strict=False):
            event[name] = number
    return events


def placed():
    slots = OrderSlots(3)
    accepted = events_of((ev.ORDER_ACCEPTED, 101, 0, 0, 10), (ev.ORDER_ACCEPTED, 100, 0, 0, 5))
    slots.place(np.array([0, 2]), accepted)
    return slots


def test_turns_go_round():
    slots = OrderSlots(3)
    assert slots.take_turns(2).tolist() == [0, 1]
    assert slots.take_turns(2).tolist() == [2, 0]
    assert slots.take_turns(9).tolist() == [1, 2, 0]


def test_orders_go_when_cancelled_or_filled():
    slots = placed()
    slots.observe(events_of((ev.TRADE, 0, 4, 999, 101), (ev.TRADE, 0, 5, 100, 998)))
    assert slots.order_id.tolist() == [101, 0, 0] and slots.open_lots[0] == 6
    slots.observe(events_of((ev.ORDER_CANCELLED, 101), (ev.ORDER_CANCELLED, 77)))
    assert slots.order_id.tolist() == [0, 0, 0]


def test_amendments_change_what_was_entered():
    slots = placed()
    slots.observe(events_of((ev.ORDER_AMENDED, 100, 0, 0, 9)))
    assert slots.open_lots[2] == slots.entered_lots[2] == 9


def test_joined_records_share_their_bytes():
    commands: list[AnyCommand] = [
        OpenAccount(time_ns=1, account=2, owner=3, group=4),
        PublishPrice(time_ns=2, source=1, contract=1, price_ticks=5, contract_2=2, price_ticks_2=6),
    ]
    parts = [pack_commands(commands[:1]), pack_commands(commands[1:])]
    assert unpack_commands(join_records(parts)) == commands
