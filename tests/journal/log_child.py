"""A process that appends until it is killed, and says what was acknowledged."""

import sys
from pathlib import Path

from engine.journal.disk import RealDisk
from engine.journal.segment_log import SegmentLog
from tests.journal.log_runs import CONFIG_DIGEST, make_orders


def main(directory: str, segment_bytes: str) -> None:
    log = SegmentLog.open(RealDisk(), Path(directory), CONFIG_DIGEST, int(segment_bytes))
    while True:
        for count in (1, 40, 3):
            log.append(make_orders(log.last + 1, count), log.last + 1)
        sys.stdout.write(f"{log.commit()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
