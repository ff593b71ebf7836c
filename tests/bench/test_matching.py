"""Matching alone trades what a plain book trades, in both languages."""

import random

import numpy as np
import pytest

from bench.matching import find_passes, must_be_right, open_arena, time_pass, translate
from bench.matching_kernels import CANCEL, FLOW, PASSIVE, TAKE
from bench.native.build import find_compiler
from bench.reference import HEADER, MAGIC, Reference, ReferenceMissing, read_flow

COMMANDS, PREFILL = 6_000, 500
MID = 30_000


class PlainBook:
    """Orders in a dictionary, in order of arrival; it looks at all of them for each trade."""

    def __init__(self):
        self.orders = {}  # number -> [side, price, lots]
        self.trades = self.lots = self.notional = 0

    def take(self, side, limit, lots):
        sign = 1 if side == 0 else -1
        while lots:
            others = [(sign * o[1], n) for n, o in self.orders.items() if o[0] != side]
            if not others or min(others)[0] > sign * limit:
                break
            number = min(others)[1]
            order = self.orders[number]
            fill = min(lots, order[2])
            order[2] -= fill
            lots -= fill
            self.trades, self.lots = self.trades + 1, self.lots + fill
            self.notional += fill * order[1]
            if not order[2]:
                del self.orders[number]


def write_workload(path):
    """A file as a reference's generator writes it, made with the plain book."""
    draw, book, rows = random.Random(3), PlainBook(), []
    number, counts = 0, [0, 0, 0]
    for k in range(PREFILL + COMMANDS):
        op = PASSIVE if k < PREFILL else draw.choice((PASSIVE, PASSIVE, CANCEL, TAKE))
        if not book.orders:
            op = PASSIVE
        side, lots = draw.randrange(2), draw.randint(1, 100)
        if op == CANCEL:
            cancelled = draw.choice(sorted(book.orders))
            side, price, lots = book.orders.pop(cancelled)
            rows.append((op, side, cancelled, price, lots))
        else:
            number += 1
            away = draw.randint(1, 700)
            price = MID + (away if (side == 0) == (op == TAKE) else -away)
            rows.append((op, side, number, price, lots))
            if op == TAKE:
                book.take(side, price, lots)
            else:
                book.orders[number] = [side, price, lots]
        counts[op] += k >= PREFILL
    levels = len({(order[0], order[1]) for order in book.orders.values()})
    header = np.array(
        [(MAGIC, PREFILL, COMMANDS, number, len(book.orders), book.trades, book.lots,
          book.notional, *counts, levels)],
        HEADER,
    )  # fmt: skip
    path.write_bytes(header.tobytes() + np.array(rows, FLOW).tobytes())


@pytest.fixture(scope="module")
def flow(tmp_path_factory):
    path = tmp_path_factory.mktemp("flow") / "w.bin"
    write_workload(path)
    return read_flow("own", path)


def test_the_books_trade_what_the_plain_one_does(flow):
    if find_compiler() is None:
        pytest.skip("no C++ compiler: the twin can't be built")
    records = translate(flow)
    for function in find_passes():
        assert time_pass(function, flow, records) > 0  # and asserts what was traded


def test_a_wrong_total_is_seen(flow):
    with pytest.raises(AssertionError):
        must_be_right(flow, open_arena(), np.zeros(3, np.int64))


def test_cancels_name_the_engines_orders(flow):
    records = translate(flow)
    cancels = flow.records["op"] == CANCEL
    behind = len(records) - len(flow.records)
    assert np.array_equal(records[:-behind][~cancels], flow.records[~cancels])
    assert records["id"][:-behind][cancels].max() <= len(flow.records)


def test_a_directory_without_a_reference_is_told_by_what_it_lacks(tmp_path):
    with pytest.raises(ReferenceMissing, match=r"refbook\.cpp"):
        Reference(tmp_path)


def test_a_file_that_is_no_workload_is_refused(tmp_path):
    (tmp_path / "w.bin").write_bytes(bytes(HEADER.itemsize))
    with pytest.raises(ReferenceMissing, match="no workload"):
        read_flow("own", tmp_path / "w.bin")
