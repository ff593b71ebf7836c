"""What the commands read: a command file, or JSON lines that begin with a configuration."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.cli.printing import progress
from engine.cli.replaying import BATCH
from engine.exchange import Exchange
from engine.journal.command_file import MAGIC, CommandFileError, read_command_file
from engine.journal.json_lines import pack_commands, read_json_lines
from engine.schema.contract import Config


def read_commands(file: Path) -> tuple[Config, NDArray[np.void]]:
    """The configuration and all commands as records, whichever of the two the file is."""
    with file.open("rb") as probe:
        is_records = probe.read(len(MAGIC)) == MAGIC
    if is_records:
        found = read_command_file(file)
        return found.config, found.records
    config, commands = read_json_lines(file)
    return config, pack_commands(commands)


def run_to_end(file: Path) -> Exchange:
    """The exchange behind the last command of a file."""
    config, records = read_commands(file)
    exchange = Exchange(config)
    done = 0
    with progress(f"replaying {file.name}", len(records)) as advance:
        for events in exchange.batches(np.ascontiguousarray(records), BATCH):
            if len(events):
                last = int(events["sequence"][-1])
                advance(last - done)
                done = last
    return exchange


def must_list(file: Path, config: Config, contract: int) -> None:
    """A contract that is asked for by its id must be one of the file's."""
    if not 1 <= contract <= len(config.contracts):
        raise CommandFileError(f"{file}: contract: {contract} is not in the configuration")
