"""Signed checkpoints: what a log and a state were at a sequence, by the word of a key (13.1).

The chain of a log shows any change that was not made with care; who can write to the disk can also
compute every hash anew. A checkpoint that was signed before shows that, too. The key stays outside
the process: whoever holds it gets the bytes to sign, and gives back 64 bytes (Ed25519).
"""

import importlib
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.journal.disk import Disk
from engine.journal.log_errors import JournalError

NAME = re.compile(r"checkpoint-(\d{20})\.json")
SIGNATURE_BYTES = 64


class CheckpointRefused(JournalError):
    """A checkpoint that is none, or was not signed by the key."""


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was there behind a command; hashes in hex."""

    sequence: int
    chain_hash: str  # of the command log
    state_digest: str
    config_digest: str
    signature: str = ""

    def to_sign(self) -> bytes:
        """The bytes that a signature covers."""
        return (
            f"lionrock checkpoint 1\n{self.sequence}\n{self.chain_hash}\n{self.state_digest}\n"
            f"{self.config_digest}\n"
        ).encode()


def sign(checkpoint: Checkpoint, signer: Callable[[bytes], bytes]) -> Checkpoint:
    """The same with a signature; `signer` is the `sign` of an Ed25519 key, or who asks for it."""
    signature = signer(checkpoint.to_sign())
    if len(signature) != SIGNATURE_BYTES:
        raise CheckpointRefused(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    return msgspec.structs.replace(checkpoint, signature=signature.hex())


def must_be_signed(checkpoint: Checkpoint, public_key: bytes) -> None:
    """Refuse a checkpoint that the key did not sign. Needs the package `cryptography`."""
    # Not an import at the top: only whoever asks for signatures needs the package.
    try:
        kinds = importlib.import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
        faults = importlib.import_module("cryptography.exceptions")
    except ImportError:
        raise CheckpointRefused(
            "the package cryptography is missing: pip install 'lionrock[sign]'"
        ) from None
    try:
        key = kinds.Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(checkpoint.signature), checkpoint.to_sign())
    except (faults.InvalidSignature, ValueError) as error:
        raise CheckpointRefused(
            f"the checkpoint of sequence {checkpoint.sequence} was not signed by this key"
        ) from error


def write_checkpoint(disk: Disk, directory: Path, checkpoint: Checkpoint) -> Path:
    """Publish it beside the log; one of the same sequence must not be there yet."""
    path = directory / f"checkpoint-{checkpoint.sequence:020}.json"
    octets = msgspec.json.encode(checkpoint)
    file = disk.create(path)
    try:
        if disk.write(file, octets, 0) != len(octets):
            raise OSError(f"{path}: it could not be written whole")
        disk.sync(file)
    finally:
        disk.close(file)
    disk.sync_directory(directory)
    return path


def read_checkpoints(disk: Disk, directory: Path) -> list[Checkpoint]:
    """All that stand beside a log, oldest first."""
    found = []
    for name in disk.names(directory):
        if NAME.fullmatch(name):
            file = disk.open_to_read(directory / name)
            try:
                octets = disk.read(file, disk.size(file), 0)
            finally:
                disk.close(file)
            try:
                found.append(msgspec.json.decode(octets, type=Checkpoint))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise CheckpointRefused(f"{name}: {error}") from error
    return sorted(found, key=lambda checkpoint: checkpoint.sequence)
