"""Plants one bug at a time in a copy of the tree and runs what should find it.

    python -m tests.mutation.plant [--chosen | --generated] [--first N] [--count N] [--quick] ...

Everything runs without the JIT, because a bug in a kernel would cost a minute of compilation. Short
streams of engine and oracle come first, then the tests of the file's subject, longer streams, and
all other tests; the first that fails ends the search, and must pass without the bug. Exit code 1
when a chosen bug lives, or a generated one that is not among the known survivors.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.mutation.aims import NO_STREAMS, aim_of, find_aims
from tests.mutation.chosen import plant_chosen
from tests.mutation.generated import COUNT, SEED, draw
from tests.mutation.planted import ROOT, Planted
from tests.mutation.survivors import SURVIVORS

LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "bench")
SHORT_STREAMS = ((1, 300),)  # seed, commands; each over all configurations
LONG_STREAMS = ((2, 300), (3, 600))
STREAMS_SECONDS = 900
TESTS_SECONDS = 3600
LIVES = ""


class Outcome(NamedTuple):
    """What became of a bug; `caught_by` is empty when nothing found it."""

    bug: Planted
    caught_by: str
    seconds: float

    @property
    def is_known(self) -> bool:
        return self.bug.name in SURVIVORS


class Copy:
    """A copy of the tree in which bugs are planted."""

    def __init__(self, place: str) -> None:
        self.root = Path(place) / "tree"
        self.sound: set[str] = set()  # what has been seen to pass without a bug
        shutil.copytree(ROOT, self.root, ignore=LEFT_OUT)
        # Of a file with a bug nothing is cached: a size and a second would not tell it from the
        # true one.
        self.environment = {
            **os.environ,
            "NUMBA_DISABLE_JIT": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(self.root),
        }
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", "engine", "risk", "funding", "tests"],
            cwd=self.root,
            check=True,
        )

    def run(self, seconds: int, *arguments: str) -> tuple[int, str]:
        """Run Python in the copy; the exit code, 1 when it did not end in time, and what it said"""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return 1, f"no end in {seconds} s"
        return process.returncode, said

    def run_streams(self, streams: Iterable[tuple[int, int]], *names: str) -> str:
        for seed, count in streams:
            code, said = self.run(
                STREAMS_SECONDS, "-m", "tests.mutation.streams", f"{seed}", f"{count}", *names
            )
            if code != 0:
                return (said.strip() or f"exit code {code}").splitlines()[-1]
        return LIVES

    def run_tests(self, *tests: str) -> str:
        if not tests:
            return LIVES
        code, said = self.run(
            TESTS_SECONDS,
            *("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *("-p", "tests.mutation.limit", *tests),
        )
        if code == 0:
            return LIVES
        failures = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
        if failures:
            return failures[0].split(" ", 1)[1].split(" - ")[0]
        return said.strip()[-200:] or f"exit code {code}"  # a process that was killed says nothing

    def search(self, path: str, is_quick: bool) -> str:
        """What finds the bug that is planted in a file; empty when nothing does."""
        names = aim_of(path).names
        aimed, others = find_aims(path)
        short, long = (SHORT_STREAMS, LONG_STREAMS) if not path.startswith(NO_STREAMS) else ((), ())
        found = self.run_streams(short, *names) or self.run_tests(*aimed)
        found = found or self.run_streams(long, *names)
        return found if is_quick else found or self.run_tests(*others)

    def find(self, bug: Planted, is_quick: bool) -> str:
        """Plant a bug, look for it, and put the file back as it was."""
        file = self.root / bug.path
        stat = file.stat()
        file.write_text(bug.after)
        try:
            found = self.search(bug.path, is_quick)
        finally:
            file.write_text(bug.before)
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self.must_be_sound(found)
        return found

    def must_be_sound(self, found: str) -> None:
        """Stop when what has found a bug finds one where there is none."""
        judge = found if found.startswith("tests/") and "::" in found else "streams"
        if not found or judge in self.sound:
            return
        if judge == "streams":
            fault = self.run_streams((*SHORT_STREAMS, *LONG_STREAMS))
        else:
            fault = self.run_tests(judge)
        if fault:
            sys.exit(f"{judge} fails without any planted bug: {fault}")
        self.sound.add(judge)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--chosen", action="store_true", help="only those of the table")
    part.add_argument("--generated", action="store_true", help="only those drawn")
    parser.add_argument("--first", type=int, default=0, help="the number to begin with")
    parser.add_argument("--count", type=int, help="how many, all by default")
    parser.add_argument("--seed", type=int, default=SEED, help="of the draw")
    parser.add_argument("--drawn", type=int, default=COUNT, help="how many are drawn")
    parser.add_argument("--quick", action="store_true", help="streams and the subject's tests only")
    parser.add_argument("--show", action="store_true", help="print the diffs, run nothing")
    parser.add_argument("--report", type=Path, help="a file to which each outcome is added as JSON")
    return parser.parse_args()


def choose(arguments: argparse.Namespace) -> list[tuple[int, Planted]]:
    """The bugs asked for, numbered: those of the table, then those drawn."""
    chosen = [] if arguments.generated else plant_chosen()
    drawn = [] if arguments.chosen else draw(arguments.seed, arguments.drawn)
    end = None if arguments.count is None else arguments.first + arguments.count
    return list(enumerate([*chosen, *drawn]))[arguments.first : end]


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def describe(number: int, outcome: Outcome) -> str:
    bug, caught_by, seconds = outcome
    verdict = caught_by or ("lives, as known" if outcome.is_known else "LIVES")
    rule = f" ({bug.rule})" if bug.rule else ""
    return f"{number:4} {seconds:6.1f} s  {bug.path}:{bug.line()}  {bug.what}{rule}  <- {verdict}"


def note(report: Path, number: int, outcome: Outcome) -> None:
    fields = {
        "number": number,
        "name": outcome.bug.name,
        "what": outcome.bug.what,
        "caught_by": outcome.caught_by,
        "seconds": round(outcome.seconds, 1),
    }
    with report.open("a") as file:
        file.write(json.dumps(fields) + "\n")


def run(bugs: list[tuple[int, Planted]], is_quick: bool, report: Path | None) -> list[Outcome]:
    outcomes = []
    with tempfile.TemporaryDirectory() as place:
        copy = Copy(place)
        for number, bug in bugs:
            start = time.perf_counter()
            outcome = Outcome(bug, copy.find(bug, is_quick), time.perf_counter() - start)
            outcomes.append(outcome)
            say(describe(number, outcome))
            if report is not None:
                note(report, number, outcome)
    return outcomes


def main() -> int:
    arguments = parse_arguments()
    bugs = choose(arguments)
    if arguments.show:
        for number, bug in bugs:
            say(f"# {number} {bug.what} {bug.rule}\n{bug.diff()}")
        return 0
    outcomes = run(bugs, arguments.quick, arguments.report)
    living = [outcome for outcome in outcomes if not outcome.caught_by]
    unknown = [outcome for outcome in living if not outcome.is_known]
    caught = len(outcomes) - len(living)
    say(
        f"{len(outcomes)} planted, {caught} caught, {len(living)} live,"
        f" {len(unknown)} of them unknown,"
        f" {sum(outcome.seconds for outcome in outcomes):.0f} s"
    )
    for outcome in unknown:
        say(f"{outcome.bug.name}\n{outcome.bug.diff()}")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
