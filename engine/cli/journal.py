"""Directories of durable exchanges: fill one, prove it, look into its past, keep a state.

`verify` and `inspect` change nothing; `inspect` can be used beside a running exchange.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from engine.cli.printing import AsJson, end, print_json, progress
from engine.cli.reading import read_commands
from engine.cli.tables import flat_rows, show
from engine.journal.config_file import read_config
from engine.journal.disk import RealDisk
from engine.journal.durable import DurableExchange
from engine.journal.log_reading import LogReader
from engine.journal.verification import Verifier, state_at

Directory = Annotated[Path, typer.Argument(help="The directory of a durable exchange.")]
CHECK_EVERY = 100_000


class Recording(msgspec.Struct, frozen=True):
    """What `record` wrote."""

    commands: int
    events: int
    digest: str


class Snapshot(msgspec.Struct, frozen=True):
    sequence: int
    digest: str


def record(file: Path, directory: Directory, as_json: AsJson = False) -> None:
    """Run a command file in a new directory, each command durable before its events are."""
    config, records = read_commands(file)
    directory.mkdir(parents=True, exist_ok=True)
    events = 0
    with DurableExchange.open(directory, config) as durable:
        if durable.sequence:
            raise typer.BadParameter(f"{directory} holds {durable.sequence} commands already")
        with progress(f"recording {file.name}", len(records)) as advance:
            for part in durable.batches(records):
                events += len(part)
                advance(int(part["sequence"][-1] - part["sequence"][0]) + 1)
        found = Recording(durable.sequence, events, durable.exchange.digest())
    _tell(f"{directory}", found, as_json)


def verify(
    directory: Directory,
    public_key: Annotated[
        Path | None, typer.Option(help="Ed25519, 32 bytes: who must have signed checkpoints.")
    ] = None,
    check_every: Annotated[
        int, typer.Option(min=0, help="Commands between checks, 0: at the end.")
    ] = CHECK_EVERY,
    as_json: AsJson = False,
) -> None:
    """Chain, checksums, a replay of all, invariants, snapshots and checkpoints against it."""
    key = public_key.read_bytes() if public_key is not None else None
    verifier = Verifier(RealDisk(), directory, key, check_every)
    with progress(f"verifying {directory}", 0) as advance:
        found = verifier.verify(advance)
    _tell(f"{directory}", found, as_json)
    end(found.broken)


def snapshot(directory: Directory, as_json: AsJson = False) -> None:
    """Open the exchange of a directory and keep its state; older ones but one go."""
    kept = read_config(RealDisk(), directory)
    LogReader(RealDisk(), directory, kept.digest)  # nothing is begun here where nothing is
    with DurableExchange.open(directory, kept.config) as durable:
        found = Snapshot(durable.snapshot(), durable.exchange.digest())
    _tell(f"{directory}", found, as_json)


def inspect(
    directory: Directory,
    seq: Annotated[int, typer.Option(min=0, help="Behind which command.")],
    account: Annotated[int | None, typer.Option(help="What it has.")] = None,
    contract: Annotated[int | None, typer.Option(help="Its prices, funding, state.")] = None,
) -> None:
    """The state behind any command, as JSON: an account, a contract, or the pool."""
    exchange = state_at(RealDisk(), directory, seq)
    view: dict[str, Any] = {"sequence": seq, "digest": exchange.digest()}
    if account is not None:
        view["account"] = _must_find(exchange.account, account)
    if contract is not None:
        view["contract"] = _must_find(exchange.contract, contract)
    if account is None and contract is None:
        view["pool"] = exchange.pool()
    print_json(view)


def _must_find(view_of: Any, number: int) -> Any:
    try:
        return view_of(number)
    except KeyError as error:
        raise typer.BadParameter(str(error.args[0])) from None


def _tell(title: str, found: Any, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        show(title, flat_rows(found))
