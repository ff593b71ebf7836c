"""The configuration beside its log.

A log is bound to the bytes of this file, not to what this version would write: a later version adds
fields, and the old file goes on to mean the same with their defaults.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.journal.disk import Disk
from engine.journal.log_errors import ForeignLog, LogUnreadable
from engine.journal.log_format import compute_config_digest
from engine.schema.contract import Config

NAME = "config.json"


class KeptConfig(NamedTuple):
    """A configuration and what binds a log to it."""

    config: Config
    digest: bytes


def keep_config(disk: Disk, directory: Path, config: Config) -> None:
    """Write it under its name, whole or not at all. For whoever holds the lock of the log."""
    path = directory / NAME
    part = path.with_name(f"{NAME}.part")
    if part.name in disk.names(directory):
        disk.remove(part)
    octets = msgspec.json.encode(config)
    file = disk.create(part)
    try:
        if disk.write(file, octets, 0) != len(octets):
            raise OSError(f"{path}: it could not be written whole")
        disk.sync(file)
    finally:
        disk.close(file)
    disk.rename(part, path)
    disk.sync_directory(directory)


def read_config(disk: Disk, directory: Path) -> KeptConfig:
    """What stands beside a log; the log itself says whether it is its own."""
    path = directory / NAME
    try:
        file = disk.open_to_read(path)
        try:
            octets = disk.read(file, disk.size(file), 0)
        finally:
            disk.close(file)
        config = msgspec.json.decode(octets, type=Config)
    except OSError as error:
        raise LogUnreadable(f"{path}: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ForeignLog(f"{path}: {error}") from error
    return KeptConfig(config, hashlib.sha256(octets).digest())


def find_digest(disk: Disk, directory: Path, config: Config, is_new: bool) -> bytes:
    """What binds the log of a directory that is to be opened with this configuration; ForeignLog
    where it was made for another. Changes nothing."""
    if is_new or NAME not in disk.names(directory):
        return compute_config_digest(config)
    kept = read_config(disk, directory)
    if kept.config != config:
        raise ForeignLog(f"{directory}: it holds an exchange of another configuration")
    return kept.digest
