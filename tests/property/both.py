"""Engine and oracle side by side: every command to both, events compared one by one."""

from collections.abc import Iterable

import numpy as np

from engine.exchange import Exchange
from engine.invariants import check_book, check_orders, check_solvency
from engine.journal.json_lines import pack_commands
from engine.schema.commands import COMMAND, Quote
from engine.schema.contract import Config
from engine.schema.events import FIELDS
from engine.state.arena import has_account
from engine.views import Valuer, view_contract, view_contracts, view_pool
from tests.oracle.exchange import Oracle
from tests.oracle.raw import RawCommand, RawQuotes, replace_rows
from tests.oracle.workload import Workload

Record = tuple[int, ...]
ACCOUNT, CONTRACT, KIND = 7, 8, 9


def pack(command) -> np.ndarray:
    """One command as a record array; kinds that do not exist go in raw, and so do mass quotes of
    which something is missing."""
    if isinstance(command, RawQuotes):
        return pack_raw_quotes(command)
    if not isinstance(command, RawCommand):
        return pack_commands([command])
    records = np.zeros(1, COMMAND)
    records["kind"], records["time_ns"] = command.kind_code, command.time_ns
    return records


def pack_raw_quotes(command: RawQuotes) -> np.ndarray:
    """Row by row: each row comes from a mass quote of its own."""
    header = pack_commands([replace_rows(command.header, ())])
    header["quotes"] = command.quotes
    records = [header]
    for row in command.rows:
        is_row = isinstance(row, Quote)
        alone = replace_rows(command.header, (row,)) if is_row else row
        records.append(pack(alone)[-1:])
    return join(records)


def join(records: Iterable[np.ndarray]) -> np.ndarray:
    """Records as one array; numpy's own concatenation would drop fields that share bytes."""
    return np.frombuffer(b"".join(record.tobytes() for record in records), COMMAND)


def explain(record: Record | None) -> str:
    if record is None:
        return "nothing"
    name, fields = FIELDS[record[KIND]]
    values = dict(zip(fields, record[1:7], strict=False))
    return f"{name} account {record[ACCOUNT]} contract {record[CONTRACT]} {values}"


class Both:
    """An engine and an oracle of one configuration."""

    def __init__(self, config: Config) -> None:
        self.engine = Exchange(config)
        self.oracle = Oracle(config)
        self.records: list[np.ndarray] = []

    def apply(self, command) -> list[Record]:
        """Apply to both; AssertionError names the first event that differs."""
        record = pack(command)
        self.records.append(record)
        events = [tuple(event) for event in self.engine.run(record).tolist()]
        expected = [tuple(int(number) for number in event) for event in self.oracle.apply(command)]
        if events != expected:
            pairs = list(zip(events + [None] * len(expected), expected + [None], strict=False))
            found, wanted = next((a, b) for a, b in pairs if a != b)
            raise AssertionError(
                f"command {len(self.records)} {command}:\n"
                f"  engine: {explain(found)}\n  oracle: {explain(wanted)}"
            )
        assert events, "every command ends in at least one event (2.2)"
        return events

    def check_touched(self, events: Iterable[Record]) -> None:
        """The part of rule 14 that these events can have broken."""
        arena = self.engine.arena
        pool = view_pool(arena)
        ledgers = pool["fees"] + pool["house"] + pool["rounding"] + pool["funding_clearing"]
        ledgers += pool["conversion_cash"] + pool["withdrawals_reserved"]
        assert pool["cash_total"] + ledgers - pool["entry_total"] == pool["deposits_net"], "I1"
        contracts = {event[CONTRACT] for event in events} & set(self.terms())
        for contract in contracts:
            terms = view_contract(arena, contract)
            assert terms["long_lots"] == terms["short_lots"], f"I2 contract {contract}"
            assert not check_book(arena, contract, terms), f"I5 contract {contract}"
        valuer = Valuer(arena)
        accounts = [
            valuer.account(number)
            for number in sorted({event[ACCOUNT] for event in events})
            if has_account(arena, number)
        ]
        problems = check_solvency(self.terms(), accounts) + check_orders(arena, accounts)
        assert not problems, problems

    def terms(self) -> dict[int, dict[str, int]]:
        return view_contracts(self.engine.arena)


def must_agree(seed: int, config: Config, count: int, whole_every: int) -> Both:
    """A hostile stream through both, with the invariants after every command."""
    both = Both(config)
    workload = Workload(seed, config)
    for number in range(count):
        events = both.apply(workload.next_command())
        workload.observe(events)
        both.check_touched(events)
        if number % whole_every == 0:
            assert both.engine.check() == []
    assert both.engine.check() == []
    return both
