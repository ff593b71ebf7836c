"""A cold function is compiled when it is first called: once, whatever interrupts, and all or none.

The tree is that of `test_cache.py`: the entry `one` calls `outer`, which calls `inner`.
"""

import signal
import subprocess
import sys
import textwrap

import pytest

from engine import kernel
from tests.kernel.test_cache import SAY, environment, plant, python, result

pytestmark = pytest.mark.skipif(not kernel.JIT, reason="about compiled code")

ENTRIES, COLD = 2, 2
# Whoever compiles a cold function passes here first: BEFORE is its place for a test's own lines.
WATCHED = """
import signal, threading, time
from engine import kernel
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell has no terminal
compile_now, seen = kernel._compile, []

def watched(symbol, *more):
    seen.append(symbol.rpartition("_")[2])
    {before}
    return compile_now(symbol, *more)

kernel._compile = watched
from engine import front
{body}
"""


@pytest.fixture
def tree(tmp_path):
    return plant(tmp_path / "tree")


def watched(before, body):
    return WATCHED.format(before=before, body=textwrap.dedent(body))


def test_an_import_compiles_entries_alone(tree):
    said = python(tree, "from engine import front, kernel; print(*kernel.cache_use()[1:])")
    assert said == f"0 {ENTRIES}"


def test_a_call_compiles_what_it_reaches_once(tree):
    body = "print(front.one(5), front.one(5), *seen)"
    assert python(tree, watched("pass", body)) == f"{result(1)} {result(1)} outer inner"


def test_the_rest_is_compiled_on_demand(tree):
    body = """
        from engine.first_call import compile_rest
        compile_rest()
        print(*seen)
        print(front.one(5), *kernel.cache_use()[1:], len(seen))
    """
    said = python(tree, watched("pass", body)).splitlines()
    assert said == ["inner outer", f"{result(1)} 0 {ENTRIES + COLD} {COLD}"]


def test_an_image_leaves_nothing_to_compile(tree):
    python(tree, "from engine import front, kernel; kernel.keep_image()")
    more = "; from engine import first_call; print(len(first_call._slots))"
    assert python(tree, SAY + more).split()[-3:] == [str(ENTRIES + COLD), "0", "0"]


@pytest.mark.parametrize("times", [1, 3])
def test_who_interrupts_a_compiler_is_heard_behind_the_machine_code(tree, times):
    """The call ends with its right answer, and then the interrupt comes."""
    before = f"if len(seen) <= {times}: signal.raise_signal(signal.SIGINT)"
    body = """
        value = None
        try:
            value = front.one(5)
            time.sleep(60)
        except KeyboardInterrupt:
            print("interrupted", value)
        print(*seen)
    """
    said = python(tree, watched(before, body)).splitlines()
    assert said == ["interrupted " + str(result(1)), " ".join(["outer"] * (times + 1) + ["inner"])]


def test_a_function_that_can_not_be_compiled_ends_the_process(tree):
    """In the middle of a command nothing else would be true: no answer is given."""
    code = watched("raise TypeError('no such field')", "print(front.one(5), flush=True)")
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tree, env=environment(tree), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (-signal.SIGABRT, "")
    assert "TypeError: no such field" in done.stderr


def test_threads_that_need_the_same_function_wait_for_one_compiler(tree):
    (tree / "engine/crowd.py").write_text(
        "from engine.kernel import entry\nfrom risk.far import outer\n\n"
        '@entry("int64(int64)", nogil=True)\ndef free(x):\n    return outer(x, x)\n'
    )
    body = """
        from engine import crowd
        found, start = [], threading.Barrier(8)
        def call(x):
            start.wait()
            found.append((x, crowd.free(x)))
        threads = [threading.Thread(target=call, args=(x,)) for x in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(sorted(found) == [(x, (2 * x + 1) * 1000 + x) for x in range(8)], *seen)
    """
    assert python(tree, watched("time.sleep(0.2)", body)) == "True outer inner"
