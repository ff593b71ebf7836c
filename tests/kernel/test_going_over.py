"""The engine itself, begun without machine code: its events and digests are those of a process that
never was without.

Nothing is compiled for that: the image is hidden when the process begins, and its own `lionrock
warm` finds all in the cache. A start without a cache, a minute of compilation, is for the soak.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine import kernel
from engine.exchange import Exchange
from tests.journal.durable_runs import stream_of
from tests.property.both import join
from tests.replay.test_machines import NAMES

pytestmark = pytest.mark.skipif(not kernel.JIT, reason="about compiled code")

ROOT = Path(__file__).resolve().parents[2]
INTERPRETED, SINGLE, ALL = 60, 120, 300  # commands of each stream: one by one, the rest at once
HIDDEN = """
from engine import interpreted, machine_code
read, looks = machine_code.read_image, []
def hide_once(directory):
    looks.append(directory)
    return read(directory) if len(looks) > 1 else machine_code.Image([])
machine_code.read_image = hide_once
hold = "import os, time\\nwhile not os.path.exists('go'): time.sleep(0.01)\\n"
interpreted.COMPILER = hold + interpreted.COMPILER
"""
PLAY = """
import sys
from pathlib import Path
import numpy as np
from engine import kernel
from engine.exchange import Exchange
from engine.schema.commands import COMMAND
from tests.oracle.workload import configs

exchanges = {name: Exchange(configs()[name]) for name in sys.argv[1:]}
parts = {name: iter(np.load(name + ".npz").values()) for name in exchanges}
def play(count):
    for name, exchange in exchanges.items():
        with open(name + ".events", "ab") as events:
            for _ in range(count):
                events.write(exchange.run(next(parts[name]).view(COMMAND)).tobytes())
play(INTERPRETED)
assert not kernel.is_machine_code()
Path("go").touch()
assert kernel.wait_for_machine_code()
play(SINGLE - INTERPRETED + 1)
print(*[exchange.digest() for exchange in exchanges.values()])
"""


def run(code, directory, *arguments, root=ROOT):
    env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    env |= {"PYTHONPATH": str(root), kernel.COMPILE_HERE: ""}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        cwd=directory, env=env, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_2_1_a_stream_that_begins_interpreted_gives_the_same_events_and_digest(tmp_path):
    digests, events = [], {}
    for name in NAMES:
        config, commands = stream_of(name, 5, ALL)
        parts = [*commands[:SINGLE], join(commands[SINGLE:])]
        np.savez(tmp_path / name, *(records.view(np.uint8) for records in parts))
        exchange = Exchange(config)
        events[name] = exchange.run(join(commands)).tobytes()
        digests.append(exchange.digest())
    sizes = f"INTERPRETED, SINGLE = {INTERPRETED}, {SINGLE}\n"
    assert run(HIDDEN + sizes + PLAY, tmp_path, *NAMES) == digests
    for name in NAMES:
        found = (tmp_path / f"{name}.events").read_bytes()
        assert hashlib.sha256(found).digest() == hashlib.sha256(events[name]).digest(), name


FIRST_ORDER = """
from bench.first_order import measure_cold
found = measure_cold()
print(found.seconds, found.machine_code_s)
"""


@pytest.mark.soak
def test_a_first_order_does_not_wait_for_the_compiler(tmp_path):
    """From an empty cache to machine code."""
    seconds, machine_code_s = map(float, run(FIRST_ORDER, tmp_path))
    assert seconds < machine_code_s / 5


ENTRIES = """
import sys
import engine.cli.app
print(*sys.modules)
"""


def test_the_compiler_knows_every_entry(tmp_path):
    """Else a process that begins interpreted would never go over."""
    files = [path for name in kernel.PACKAGES for path in (ROOT / name).rglob("*.py")]
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in files
        if "\n@entry(" in path.read_text()
    }
    assert len(modules) > 4 and modules <= set(run(ENTRIES, tmp_path))


@pytest.mark.parametrize(("command", "asked"), [("warm", "'1'"), ("bench", "'1'"), ("demo", "''")])
def test_a_command_about_machine_code_asks_for_it_before_the_engine_is_imported(
    tmp_path, command, asked
):
    code = """
        import os, sys
        sys.modules["engine.cli.app"] = app = type(sys)("app")
        is_asked = "repr(os.environ['LIONROCK_COMPILE']), 'engine.kernel' in sys.modules"
        app.main = lambda: print(*eval(is_asked))
        from engine.cli import main
        main()
    """.replace("\n        ", "\n")
    assert run(code, tmp_path, command) == [asked, "False"]
