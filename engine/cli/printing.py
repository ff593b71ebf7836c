"""What the commands print: JSON, what is broken, and how far they are."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(value: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def end(broken: Sequence[object]) -> None:
    """Tell what is broken, a line each, and end with 1 if anything is."""
    for line in broken:
        typer.echo(f"lionrock: broken: {line}", err=True)
    if broken:
        raise typer.Exit(1)


@contextmanager
def progress(title: str, total: int) -> Iterator[Any]:
    """A bar on standard error, where somebody can see it."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count: bar.advance(task, count)
