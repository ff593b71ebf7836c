"""`lionrock explain`: why a command did what it did, out of an event file."""

from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer

from engine.cli.printing import AsJson, print_json
from engine.explanation import explain as explain_events
from engine.journal.event_file import EventFileError, read_event_file
from engine.schema.events import Event, typed_event

Sequence = Annotated[int, typer.Argument(min=1, help="The command's sequence number.")]


class Told(msgspec.Struct):
    """An event with its numbers by name."""

    name: str
    sequence: int
    contract: int
    account: int
    values: dict[str, int]

    @classmethod
    def of(cls, event: Event) -> "Told":
        return cls(event.name, event.sequence, event.contract, event.account, event.values)


class Explanation(msgspec.Struct):
    """A command's events in words, and as they are."""

    sequence: int
    sentences: list[str]
    events: list[Told]


def explain(events: Path, sequence: Sequence, as_json: AsJson = False) -> None:
    """Tell why the command of a sequence number was refused, liquidated, deleveraged, ..."""
    records = read_event_file(events).records
    sequences = records["sequence"]
    first, behind = np.searchsorted(sequences, [sequence, sequence + 1]).tolist()
    if first == behind:
        raise EventFileError(f"{events}: sequence: no event carries {sequence}")
    found = [typed_event(record) for record in records[first:behind].tolist()]
    sentences = explain_events(found)
    if as_json:
        print_json(Explanation(sequence, sentences, [Told.of(event) for event in found]))
        return
    for sentence in sentences:
        typer.echo(sentence)
