"""A start without machine code: what is interpreted, when it goes over, and that a command is whole
or not there at all, whatever comes in between.

The tree is that of `test_cache.py`. Its `engine.cli` is what compiles: it waits until a file `go`
is there, so that a test says how long a process stays interpreted. `engine.slow` is never compiled:
its entry tells when it begins and when it ends.
"""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from engine import kernel
from tests.kernel.test_cache import environment, plant, python, result, say

pytestmark = pytest.mark.skipif(not kernel.JIT, reason="about compiled code")

COMPILING = """
import time
from pathlib import Path

def main():
    Path("begun").touch()
    while not Path("go").exists():
        time.sleep(0.01)
    from engine import front, kernel, many
    kernel.keep_image()
"""
MANY = """
from engine.inlined import add
from engine.kernel import entry

@entry("int64(int64, int64)", rows="count")
def sum_up(x, count):
    total = 0
    for _ in range(count):
        total += add(x)
    return total
"""
SLOW = """
import time
from engine.kernel import entry

begun, ended = [], []
together = []

@entry("int64(int64)")
def sleep(ms):
    begun.append(ms)
    together.append(len(begun) - len(ended))
    end = time.monotonic() + ms / 1000
    while time.monotonic() < end:
        pass
    ended.append(ms)
    return ms

@entry("int64()")
def fail():
    raise ZeroDivisionError("a bug")
"""
TELL = "print(front.one(5), kernel.is_machine_code(), *kernel.cache_use()[1:])"
# What a shell runs in the background is begun with interrupts ignored.
LISTEN = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
START = "from pathlib import Path\nfrom engine import front, kernel, slow\n"


@pytest.fixture
def tree(tmp_path):
    root = plant(tmp_path / "tree")
    (root / "engine/cli").mkdir()
    (root / "engine/cli/__init__.py").write_text(COMPILING)
    (root / "engine/many.py").write_text(MANY)
    (root / "engine/slow.py").write_text(SLOW)
    return root


def start(root, code, **more):
    """A process that nobody has asked to compile."""
    return python(root, LISTEN + textwrap.dedent(code), **{kernel.COMPILE_HERE: "", **more})


def held(root, code, **more):
    """The same, without machine code until `go` is there."""
    return start(root, START + textwrap.dedent(code), **more)


# From the interpreter to machine code.


def test_a_process_begins_interpreted_and_goes_over_between_two_calls(tree):
    code = f"""
        from pathlib import Path
        from engine import front, kernel
        {TELL}
        Path("go").touch()
        while not kernel.is_machine_code():
            assert front.one(5) == {result(1)}
        {TELL}
        print(type(front.one.answer).__name__, type(front.divide.answer).__name__)
    """
    assert start(tree, code).splitlines() == [
        f"{result(1)} False 0 0", f"{result(1)} True 4 0",
        "builtin_function_or_method builtin_function_or_method",
    ]  # fmt: skip


def test_the_next_process_finds_the_machine_code(tree):
    (tree / "go").touch()
    start(tree, "from engine import front, kernel; assert kernel.wait_for_machine_code()")
    (tree / "go").unlink()
    said = start(tree, f"from engine import front, kernel; assert kernel.COMPILES; {TELL}")
    assert said == f"{result(1)} True 4 0"


def test_who_is_asked_to_compiles_in_its_own_process(tree):
    assert say(tree)[2:] == (0, 4)
    assert not (tree / "begun").exists()


def test_an_interpreted_process_writes_nothing(tree):
    """It makes the directory, and looks whether it can write there."""
    start(tree, f"from engine import front, kernel; {TELL}; kernel.keep_image()")
    assert not [path for path in (tree / "engine/__pycache__").rglob("*") if path.is_file()]


@pytest.mark.parametrize(("rows", "is_machine_code"), [(64, False), (65, True)])
def test_many_records_wait_for_machine_code(tree, rows, is_machine_code):
    code = f"""
        import threading
        from pathlib import Path
        from engine import front, kernel, many
        threading.Timer(0.3, Path("go").touch).start()
        print(many.sum_up(1, {rows}), kernel.is_machine_code())
    """
    assert start(tree, code) == f"{2 * rows} {is_machine_code}"


def test_a_wait_for_machine_code_can_be_interrupted(tree):
    code = """
        import os, signal, threading
        from engine import kernel, many
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            many.sum_up(1, 1000)
        except KeyboardInterrupt:
            print("interrupted", many.sum_up(1, 2))
    """
    assert start(tree, code) == "interrupted 4"


def test_what_is_imported_behind_goes_over_at_its_first_call(tree):
    (tree / "go").touch()
    code = """
        from engine import front, kernel
        assert kernel.wait_for_machine_code()
        from engine import many
        print(kernel.is_machine_code(), many.sum_up(1, 1000), kernel.is_machine_code())
    """
    assert start(tree, code) == "False 2000 True"


def test_two_processes_may_begin_interpreted_together(tree):
    command = [sys.executable, "-P", "-W", "error", "-c"]
    command.append(f"from engine import front, kernel; kernel.wait_for_machine_code(); {TELL}")
    options = {"cwd": tree, "env": environment(tree, **{kernel.COMPILE_HERE: ""})}
    both = [
        subprocess.Popen(command, **options, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    (tree / "go").touch()
    for process in both:
        assert process.communicate(timeout=120)[0].split() == [str(result(1)), "True", "4", "0"]


def test_somebody_else_may_ask_for_the_end_of_the_compiler(tree):
    """A program that waits for all its children."""
    (tree / "go").touch()
    code = f"import os; os.waitpid(-1, 0); {TELL}; print(kernel.is_machine_code())"
    assert start(tree, "from engine import front, kernel; " + code).split()[1] == "True"


def test_a_process_that_was_forked_off_goes_over_behind_its_parent(tree):
    """The compiler is not its child, and is not ended with it."""
    code = f"""
        import os, sys, time
        from pathlib import Path
        from engine import front, kernel
        def go_over():
            while not kernel.is_machine_code():
                assert front.one(5) == {result(1)}
                time.sleep(0.01)
        front.one(5)
        if os.fork() == 0:
            assert front.one(5) == {result(1)} and not kernel.is_machine_code()
            sys.exit()
        os.wait()
        children = []
        for _ in range(2):
            children.append(os.fork())
            if children[-1] == 0:
                go_over()
                sys.exit()
        Path("go").touch()
        go_over()
        for child in children:
            print(os.waitpid(child, 0)[1])
        {TELL}
    """
    said = start(tree, textwrap.dedent(code)).splitlines()
    assert said == ["0", "0", f"{result(1)} True 4 0"]


def test_a_process_that_was_forked_off_needs_no_parent_to_go_over(tree):
    """Its large work waits, too, while the parent does nothing."""
    code = """
        import os, sys
        from pathlib import Path
        from engine import front, kernel, many
        front.one(5)
        child = os.fork()
        if child == 0:
            Path("go").touch()
            assert many.sum_up(1, 1000) == 2000 and kernel.is_machine_code()
            sys.exit()
        print(os.waitpid(child, 0)[1])
    """
    assert start(tree, code) == "0"


def test_a_fork_within_a_command_of_another_thread_leaves_a_child_that_refuses(tree):
    code = """
        import os, sys, threading, time
        other = threading.Thread(target=slow.sleep, args=(300,))
        other.start()
        while not slow.begun:
            time.sleep(0.01)
        child = os.fork()
        if child == 0:
            try:
                slow.sleep(1)
            except RuntimeError as error:
                os._exit(7 if "half-way" in str(error) else 8)
            os._exit(9)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        other.join()
        print(slow.sleep(1))
    """
    assert held(tree, code).split() == ["7", "1"]


@pytest.mark.parametrize("program", ["''", "None"])
def test_without_an_interpreter_to_start_this_process_compiles(tree, program):
    code = f"import sys; sys.executable = {program}; from engine import front, kernel; {TELL}"
    assert start(tree, code) == f"{result(1)} True 0 4"


def test_threads_may_look_at_the_compiler_together(tree):
    code = f"""
        import threading
        from engine import front, kernel
        wrong = []
        def call():
            for _ in range(300):
                try:
                    assert front.one(5) == {result(1)}
                except RuntimeError as error:
                    wrong.append(error)
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(wrong)
    """
    assert start(tree, code) == "[]"


def test_a_call_that_waited_while_others_went_over_goes_over_too(tree):
    """No interpreted command runs beside machine code."""
    code = "front.one.answer = lambda x: -x; print(front.one._begin([5]))"
    assert held(tree, code) == "-5"


# Where there is no machine code to be had.

WARNED = """
import warnings
from engine import front, kernel
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    print(kernel.wait_for_machine_code(), front.one(5), front.one(6))
    print(len(warned), warned[0].category.__name__, warned[0].message)
"""


def test_where_no_process_can_be_started_this_one_compiles(tree):
    nobody = "import sys; sys.executable = '/nowhere/python'; from engine import front, kernel; "
    assert start(tree, nobody + TELL) == f"{result(1)} True 0 4"


def test_where_no_directory_is_shared_this_one_compiles(tree):
    (tree / "engine/__pycache__").write_text("a file in place of the directory")
    blocked = tree / "blocked"
    blocked.write_text("another")
    said = start(tree, f"from engine import front, kernel; {TELL}", XDG_CACHE_HOME=str(blocked))
    assert said == f"{result(1)} True 0 4"
    assert not (tree / "begun").exists()


@pytest.mark.parametrize(
    "main", ["raise SystemExit(1)", "import os; os.abort()", "import engine.front"]
)
def test_a_compiler_that_fails_is_told_once_and_commands_go_on(tree, main):
    """It raises, dies, or ends without an image."""
    (tree / "engine/cli/__init__.py").write_text(f"def main():\n    {main}\n")
    said = start(tree, WARNED).splitlines()
    assert said[0] == f"False {result(1)} {result(1) + 2001}"
    assert said[1].startswith("1 RuntimeWarning lionrock: commands stay interpreted")
    assert "`lionrock warm`" in said[1]


def test_an_entry_that_the_compiler_does_not_know_stays_interpreted(tree):
    (tree / "go").touch()
    said = start(tree, WARNED.replace("front, kernel", "front, kernel, slow")).splitlines()
    assert said[0] == f"False {result(1)} {result(1) + 2001}"
    assert said[1].startswith("1 RuntimeWarning lionrock")


def test_an_edit_meanwhile_leaves_this_process_with_what_it_has_read(tree):
    edit = """
        from pathlib import Path
        for name in ("engine/inlined.py", "risk/far.py"):
            Path(name).write_text(Path(name).read_text().replace("1", "2"))
        Path("go").touch()
    """
    code = "from engine import front, kernel" + textwrap.dedent(edit) + WARNED
    said = start(tree, code).splitlines()
    assert said[0] == f"False {result(1)} {result(1) + 2001}"


def test_an_image_of_another_text_is_not_taken(tree):
    """An edit between the digest and an import, that the compiler has not seen."""
    code = """
        from pathlib import Path
        from engine import kernel
        far = Path("risk/far.py")
        text = far.read_text()
        while not Path("begun").exists():
            pass
        far.write_text(text.replace("* 1000 + y", "* 1000 - y"))
    """
    back = "far.write_text(text); Path('go').touch()\n"
    first = textwrap.dedent(code) + "from engine import front\n" + back
    said = start(tree, first + WARNED).splitlines()
    assert said[0] == f"False {result(1) - 10} {result(1) + 2001 - 12}"


# The life of the compiler.


def is_alive(pid):
    """As another process than a zombie, which waits for whoever inherits it."""
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False


PID = "from engine import front, kernel; print(kernel._interpreted._compiler._process, flush=True)"


def test_the_compiler_ends_with_its_parent(tree):
    assert not is_alive(start(tree, PID))


def test_the_compiler_of_a_parent_that_was_killed_ends_well(tree):
    kill = "; import os; os.kill(os.getpid(), 9)"
    command = [sys.executable, "-P", "-c", PID + kill]
    env = environment(tree, **{kernel.COMPILE_HERE: ""})
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL and is_alive(done.stdout.strip())
    (tree / "go").touch()
    end = time.monotonic() + 60
    while is_alive(done.stdout.strip()) and time.monotonic() < end:
        time.sleep(0.05)
    assert list(tree.rglob("*.image"))


def test_an_interrupt_from_the_terminal_reaches_the_parent_alone(tree):
    code = "import os; print(os.getsid(kernel._interpreted._compiler._process) != os.getsid(0))"
    assert held(tree, code) == "True"


# A command is whole.


@pytest.mark.parametrize("signals", [1, 20])
def test_an_interrupt_comes_behind_the_command(tree, signals):
    code = f"""
        import os, signal, threading, time
        def send():
            for _ in range({signals}):
                time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=send).start()
        try:
            slow.sleep(400)
            print("not interrupted")
        except KeyboardInterrupt:
            print(slow.begun, slow.ended)
    """
    assert held(tree, code) == "[400] [400]"


def test_a_handler_sees_no_half_of_a_command(tree):
    code = """
        import signal
        seen = []
        signal.signal(signal.SIGALRM, lambda *_: seen.append(len(slow.begun) - len(slow.ended)))
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.01)
        for _ in range(20):
            slow.sleep(15)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(len(seen) > 3, set(seen), len(slow.ended))
    """
    assert held(tree, code) == "True {0} 20"


def test_whatever_moment_an_exception_comes_at_a_command_is_whole_or_not_there(tree):
    """Thousands of alarms, at all places of the caller's own lines too."""
    code = """
        import random, signal, sys, time
        sys.setswitchinterval(1e-6)
        sys.unraisablehook = print
        class Alarm(Exception): pass
        def alarm(*_):
            raise Alarm
        signal.signal(signal.SIGALRM, alarm)
        chance, torn, caught = random.Random(1), 0, 0
        end = time.monotonic() + 3
        while time.monotonic() < end:
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 400e-6))
                slow.sleep(chance.choice([0, 1]))
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Alarm:
                caught += 1
                torn += len(slow.begun) != len(slow.ended)
                before = len(slow.begun)
                time.sleep(0.001)
                torn += len(slow.begun) != before
        print(torn, len(slow.begun) - len(slow.ended), caught > 300)
    """
    assert held(tree, code) == "0 0 True"


def test_a_command_whose_thread_can_not_be_started_has_not_begun(tree):
    code = """
        from engine import interpreted
        def refuse(*_):
            raise RuntimeError("can't start new thread")
        begin, interpreted.start_new_thread = interpreted.start_new_thread, refuse
        try:
            slow.sleep(1)
        except RuntimeError as error:
            print(error, slow.begun)
        interpreted.start_new_thread = begin
        print(slow.sleep(1))
    """
    assert held(tree, code).splitlines() == ["can't start new thread []", "1"]


def test_a_caller_deep_in_its_stack_gets_a_whole_command_or_none(tree):
    code = """
        import sys
        def descend(levels):
            if levels:
                return descend(levels - 1)
            return slow.sleep(1)
        refused = 0
        for levels in range(sys.getrecursionlimit() - 60, sys.getrecursionlimit() + 5):
            try:
                descend(levels)
            except RecursionError:
                refused += 1
                assert len(slow.begun) == len(slow.ended)
        print(0 < refused < 60, len(slow.begun) == len(slow.ended) == 65 - refused)
    """
    assert held(tree, code) == "True True"


def test_behind_a_command_that_failed_half_way_no_other_is_taken(tree):
    code = """
        def tell(act):
            try:
                print(act())
            except Exception as error:
                print(type(error).__name__, error, type(error.__cause__).__name__)
        tell(slow.fail)
        tell(lambda: front.one(5))
        Path("go").touch()
        print(kernel.wait_for_machine_code())
        tell(lambda: front.one(5))
    """
    failed, *refused = held(tree, code).splitlines()
    assert failed == "ZeroDivisionError a bug NoneType"
    assert refused[0].startswith("RuntimeError lionrock: an interpreted command failed half-way")
    assert refused[0].endswith("ZeroDivisionError")
    assert refused[1:] == ["False", refused[0]]


@pytest.mark.parametrize("arguments", ["1.5", "2**63", "None", "'1'", "", "1, 2"])
def test_arguments_that_are_no_integers_are_refused_before_the_command(tree, arguments):
    code = f"""
        try:
            front.one({arguments})
        except (TypeError, OverflowError):
            print(front.one(5))
    """
    assert held(tree, code) == str(result(1))


def test_threads_come_one_after_the_other(tree):
    code = """
        import sys, threading
        sys.setswitchinterval(1e-5)
        answers = []
        def call():
            for _ in range(10):
                answers.append(slow.sleep(2))
        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(answers == [2] * 80, set(slow.together))
    """
    assert held(tree, code) == "True {1}"


def test_a_finaliser_within_a_command_is_refused_and_does_not_hang(tree):
    (tree / "engine/clearing.py").write_text(
        "import gc\nfrom engine.kernel import entry\n\n"
        '@entry("int64()")\ndef clear():\n    return int(gc.collect() >= 0)\n'
    )
    code = """
        from engine import clearing
        class Last:
            def __del__(self):
                try:
                    front.one(1)
                except RuntimeError as error:
                    print(error)
        last = Last()
        last.itself = last
        del last
        print(clearing.clear(), front.one(5))
    """
    said = held(tree, code).splitlines()
    assert said == [
        "lionrock: an entry is called within an interpreted command", f"1 {result(1)}",
    ]  # fmt: skip
