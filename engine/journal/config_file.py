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
from engine.journal.whole_file import publish, read_whole
from engine.schema.contract import Config
from engine.schema.decoding import Undecodable, decode_json

NAME = "config.json"
CONFIG_BYTES_MAX = 1 << 24


class KeptConfig(NamedTuple):
    """A configuration and what binds a log to it."""

    config: Config
    digest: bytes


def keep_config(disk: Disk, directory: Path, config: Config) -> None:
    """Have it stand beside the log. For whoever holds the lock of that."""
    octets = msgspec.json.encode(config)
    path = directory / NAME
    if NAME in disk.names(directory) and read_whole(disk, path, CONFIG_BYTES_MAX) == octets:
        return
    publish(disk, path, [octets])


def read_config(disk: Disk, directory: Path) -> KeptConfig:
    """What stands beside a log; the log itself says whether it is its own."""
    path = directory / NAME
    try:
        octets = read_whole(disk, path, CONFIG_BYTES_MAX)
        config = decode_json(octets, Config)
    except OSError as error:
        raise LogUnreadable(f"{path}: {error.strerror or error}") from error
    except Undecodable as error:
        raise ForeignLog(f"{path}: {error}") from error
    return KeptConfig(config, hashlib.sha256(octets).digest())


def find_digest(disk: Disk, directory: Path, config: Config, of_log: bytes | None) -> bytes:
    """What binds the log of a directory, which says itself what that is (None: there is no log
    yet), if this configuration means the same; ForeignLog where it does not. Changes nothing.

    The kept file may be lost or that of an earlier try: then the log itself proves whose it is.
    """
    own = compute_config_digest(config)
    if of_log is None or of_log == own:
        return own
    kept = read_config(disk, directory)
    if kept.config != config or kept.digest != of_log:
        raise ForeignLog(f"{directory}: it holds an exchange of another configuration")
    return kept.digest
