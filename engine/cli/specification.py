"""`lionrock specification`: what an approval of a contract names, and what would stop it (3.2)."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.cli.printing import AsJson, print_json
from engine.cli.reading import read_commands
from engine.schema.contract import check_approval, hash_of_contract


class Specification(msgspec.Struct, frozen=True):
    """One contract of a configuration."""

    contract: int
    symbol: str
    version: int
    hash: str  # SHA-256 in hex
    words: tuple[int, ...]  # the same as `approve_contract` takes it
    faults: list[str]  # why it could not be approved


def read_specifications(file: Path) -> list[Specification]:
    """Every contract of the configuration that a command file begins with."""
    config, _ = read_commands(file)
    found = []
    for spec in config.contracts:
        words = hash_of_contract(spec)
        text = b"".join(word.to_bytes(8, "big", signed=True) for word in words).hex()
        faults = check_approval(spec, config)
        found.append(
            Specification(spec.contract, spec.symbol, spec.version, text, words, faults)
        )
    return found


def specification(
    file: Annotated[Path, typer.Argument(help="A command file, or JSON lines.")],
    as_json: AsJson = False,
) -> None:
    """Each contract's hash, as an approval names it, and what the approval check finds."""
    found = read_specifications(file)
    if as_json:
        print_json(found)
        return
    for spec in found:
        typer.echo(f"{spec.contract} {spec.symbol} version {spec.version}: {spec.hash}")
        for fault in spec.faults:
            typer.echo(f"  {fault}")
