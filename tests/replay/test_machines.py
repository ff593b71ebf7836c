"""The same journal gives the same digest and the same events, byte for byte, whatever compiled the
code and for which processor (2.1, I10)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.journal.durable import DurableExchange
from tests.journal.durable_runs import stream_of
from tests.property.both import join
from tests.replay.test_versions import ROOT, find_interpreters

NAMES = ("collateral", "isolated", "backstop", "auctions", "makers", "portfolio")
COMMANDS = 700
SEGMENT_BYTES = 1 << 16
NO_JIT = {"NUMBA_DISABLE_JIT": "1"}
# What the compiler is told of the processor; the first is whatever the machine has.
PROCESSORS: dict[str, dict[str, str]] = {
    "own": {},
    "generic": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
    "without AVX": {"NUMBA_ENABLE_AVX": "0"},
}


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Durable exchanges of some configurations, each closed behind its stream."""
    found = []
    for name in NAMES:
        directory = tmp_path_factory.mktemp(name, numbered=False)
        config, commands = stream_of(name, 21, COMMANDS)
        with DurableExchange.open(directory, config, segment_bytes=SEGMENT_BYTES) as durable:
            durable.run(join(commands))
        found.append(directory)
    return found


def tell(journals: list[Path], python: str = sys.executable, **settings: str) -> dict[str, Any]:
    """What a process of its own, with these settings alone, makes of the journals."""
    environment = {name: value for name, value in os.environ.items() if "NUMBA" not in name}
    command = [python, "-m", "tests.replay.replay_child", *map(str, journals)]
    result = subprocess.run(
        command, cwd=ROOT, env=environment | settings, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-2_000:]
    told: dict[str, Any] = json.loads(result.stdout)
    sys.stdout.write(f"{told['machine']}\n")
    return told


@pytest.fixture(scope="module")
def expected(journals: list[Path]) -> dict[str, Any]:
    """In plain Python: the source itself."""
    told = tell(journals, **NO_JIT)
    assert not told["machine"]["jit"] and len(told["replays"]) == len(NAMES)
    assert len({replay["events"] for replay in told["replays"].values()}) == len(NAMES)
    replays: dict[str, Any] = told["replays"]
    return replays


@pytest.mark.soak
@pytest.mark.parametrize("processor", PROCESSORS)
def test_2_1_every_processor_gives_the_same_events(journals, expected, processor):
    """And what was compiled for one is never loaded for another: the second process of the same
    settings loads all that the first compiled or found, and compiles nothing."""
    first = tell(journals, **PROCESSORS[processor])
    again = tell(journals, **PROCESSORS[processor])
    assert first["replays"] == again["replays"] == expected
    assert first["machine"]["jit"]
    functions = first["machine"]["loaded"] + first["machine"]["compiled"]
    assert (again["machine"]["loaded"], again["machine"]["compiled"]) == (functions, 0)


@pytest.mark.soak
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_2_1_every_python_gives_the_same_events(tmp_path, journals, expected, version):
    interpreter = find_interpreters().get(version)
    if interpreter is None:
        pytest.skip(f"this machine has no Python {version}")
    subprocess.run([interpreter, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv/bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--requirement"]
    subprocess.run([*install, str(ROOT / ".ci/requirements.lock")], check=True)
    for settings in (NO_JIT, {}):
        told = tell(journals, python, **settings)
        assert told["machine"]["python"].startswith(f"{version}.")
        assert told["replays"] == expected
