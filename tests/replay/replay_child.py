"""A process that replays the logs of some directories and says what came of them, as JSON."""

import hashlib
import json
import sys
from pathlib import Path

import numba
from llvmlite import binding

from engine.exchange import Exchange
from engine.journal.config_file import read_config
from engine.journal.disk import RealDisk
from engine.journal.durable import DurableExchange
from engine.journal.log_reading import LogReader
from engine.kernel import JIT, cache_use


def replay(directory: Path) -> dict[str, object]:
    """Open it, then run its log once more for the bytes of all events."""
    kept = read_config(RealDisk(), directory)
    with DurableExchange.open(directory, kept.config) as durable:
        digest = durable.exchange.digest()
    exchange, events = Exchange(kept.config), hashlib.sha256()
    for batch in LogReader(RealDisk(), directory, kept.digest).batches():
        events.update(exchange.run(batch.records).tobytes())
    assert exchange.digest() == digest
    return {"digest": digest, "events": events.hexdigest()}


def main(*directories: str) -> None:
    told = {Path(directory).name: replay(Path(directory)) for directory in directories}
    use = cache_use()
    machine = {
        "python": sys.version.split()[0],
        "jit": JIT,
        "cpu": numba.config.CPU_NAME or binding.get_host_cpu_name(),
        "avx": bool(numba.config.ENABLE_AVX),
        "loaded": use.loaded,
        "compiled": use.compiled,
    }
    sys.stdout.write(json.dumps({"machine": machine, "replays": told}))


if __name__ == "__main__":
    main(*sys.argv[1:])
