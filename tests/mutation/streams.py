"""The quickest judge of a planted bug: engine and oracle side by side on short hostile streams.

Runs in a copy of the tree, as a process of its own: `streams SEED COMMANDS [NAME ...]`, over all
configurations, the named ones first. Exit code 1, and a last line that says where the two differ,
when they do; 0 when they never do.
"""

import re
import sys
import traceback

from tests.mutation.limit import TooLong, limited
from tests.oracle.workload import configs
from tests.property.both import must_agree

STREAM_SECONDS = 60.0
# The message of `Both.apply`: the command, then the first event of each side that differs.
DIFFERENCE = re.compile(r"command (\d+) (\w+).*\n +engine: (\w+).*\n +oracle: (\w+)")


def last_words(error: Exception) -> str:
    difference = DIFFERENCE.match(str(error))
    if difference is not None:
        number, command, engine, oracle = difference.groups()
        event = engine if engine == oracle else f"{engine}, not {oracle}"
        return f"command {number} {command}: {event}"
    where = traceback.extract_tb(error.__traceback__)[-1].name
    what = str(error).strip().split("\n")[0][:120]
    return f"{type(error).__name__} in {where} {what}".strip()


def find_difference(seed: int, count: int, names: list[str]) -> str | None:
    """Where engine and oracle differ; None when they do nowhere. Any other fault counts, too."""
    configurations = configs()
    for name in [*names, *sorted(set(configurations) - set(names))]:
        try:
            with limited(STREAM_SECONDS):
                must_agree(seed, configurations[name], count, whole_every=100)
        except TooLong:
            return f"{name} {seed}: endless loop"
        except Exception as error:
            return f"{name} {seed}: {last_words(error)}"
    return None


if __name__ == "__main__":
    found = find_difference(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    if found is not None:
        sys.stdout.write(f"stream {found}\n")
        sys.exit(1)
