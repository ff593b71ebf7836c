"""Measure and judge.

    python bench/report.py [--json] [--quick] [--write-readme] [--reference DIR]

The same numbers go to the screen, to JSON and, between its markers, into the README. `lionrock
bench` is this script.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # as a script Python knows only this directory
    sys.path.insert(0, str(ROOT))

from bench.measuring import FULL, QUICK, Report, measure  # noqa: E402
from bench.native.build import TwinMissing  # noqa: E402
from bench.reference import Reference, ReferenceMissing  # noqa: E402
from bench.tables import format_markdown  # noqa: E402

README = ROOT / "README.md"
START, END = "<!-- bench:start -->", "<!-- bench:end -->"


def open_reference(directory: Path | None) -> tuple[Reference | None, str]:
    """(the reference, or why there is none)."""
    if directory is None:
        return None, "no reference"
    try:
        return Reference(directory), ""
    except (ReferenceMissing, TwinMissing) as missing:
        return None, f"no reference: {missing}"


def to_json(report: Report) -> str:
    """One JSON object; field names are those of the records."""

    def plain(value: Any) -> Any:
        if hasattr(value, "_asdict"):
            return {name: plain(field) for name, field in value._asdict().items()}
        return [plain(field) for field in value] if isinstance(value, list | tuple) else value

    met = [verdict.must_met for verdict in report.verdicts]
    return json.dumps({"all_musts_met": all(met), **plain(report)}, indent=2)


def write_readme(text: str, readme: Path) -> str | None:
    """Put the text between the markers; why not, when it can't."""
    if not readme.is_file():
        return f"{readme.name} is missing"
    before, start, rest = readme.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        return f"{readme.name} has no markers {START} and {END}"
    readme.write_text(f"{before}{START}\n{text}\n{END}{after}")
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when everything was measured and, if asked, written; what was not reached is in
    the table, and no error."""
    parser = argparse.ArgumentParser(prog="bench", description="measure the engine")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="one workload, fewer rounds")
    parser.add_argument("--write-readme", action="store_true", help="rewrite the README's table")
    parser.add_argument(
        "--reference", type=Path, metavar="DIR", help="a reference book: refbook.cpp, workload.py"
    )
    options = parser.parse_args(argv)
    reference, why = open_reference(options.reference)
    if why:
        print(f"notice: {why}", file=sys.stderr)
    report = measure(QUICK if options.quick else FULL, reference, why)
    text = format_markdown(report)
    print(to_json(report) if options.json else text)
    if not report.machine.compiler:
        print("notice: no C++ compiler, so no twin and no ratio", file=sys.stderr)
    if options.write_readme:
        problem = write_readme(text, README)
        if problem is not None:
            print(f"bench: {problem}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
