"""From draft to live: what is traded is what was approved, and that is told by its hash (3.2)."""

import hashlib
from typing import Any

from engine.schema import events, refusals
from engine.schema import vocabulary as words
from engine.schema.contract import Contract, check_approval
from tests.oracle.states import APPROVED, DRAFT, change_state

SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f"}
SHORT_ESCAPES |= {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
HEAD = "lionrock contract 1\n"


def escaped(character: str) -> str:
    if character in SHORT_ESCAPES:
        return SHORT_ESCAPES[character]
    return f"\\u{ord(character):04x}" if character < " " else character


def text_of(value: Any) -> str:
    """As JSON, with every field and its keys in order."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f'"{"".join(escaped(character) for character in value)}"'
    if isinstance(value, tuple):
        return f"[{','.join(text_of(one) for one in value)}]"
    names = sorted(set(value.__struct_fields__) - fields_left_out(value))
    fields = [f"{text_of(name)}:{text_of(getattr(value, name))}" for name in names]
    return f"{{{','.join(fields)}}}"


def fields_left_out(value) -> set[str]:
    """What is younger than the first approvals, where it is as it was before there was a choice."""
    is_young = isinstance(value, Contract) and value.rounding == words.ROUNDING_PER_LOT
    return {"rounding"} if is_young else set()


def hash_of(spec: Contract) -> tuple[int, ...]:
    digest = hashlib.sha256((HEAD + text_of(spec)).encode()).digest()
    parts = (digest[start : start + 8] for start in range(0, 32, 8))
    return tuple(int.from_bytes(part, "big", signed=True) for part in parts)


def approve_contract(exchange, command) -> int:
    market = exchange.markets.get(command.contract)
    if market is None:
        return refusals.CONTRACT_UNKNOWN
    if market.state != DRAFT:
        return refusals.STATE_CHANGE_INVALID
    if command.reference < 1:
        return refusals.APPROVAL_INVALID
    named = (command.hash_1, command.hash_2, command.hash_3, command.hash_4)
    if named != hash_of(market.spec):
        return refusals.SPECIFICATION_DIFFERS
    if check_approval(market.spec, exchange.config):
        return refusals.SPECIFICATION_UNFIT
    exchange.emit(events.CONTRACT_APPROVED, command.reference, contract=market.contract)
    change_state(exchange, market, APPROVED, words.WHY_OPERATOR)
    return refusals.OK
